"""Drift is what differs between spec and account, and who moved since both agreed: the spec, the account, or both.

The state keeps salted hashes of what was sent and of what the server then showed. What the spec says now and what was
sent tell whether the spec moved; what is live now and what was shown tell whether the account did. Where the state
cannot tell, nobody is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from apreconcile.version import __version__

from .address import Address
from .call import IdOf
from .change import Adopt, Change, FieldDiff, Forget, Move, Protect, Update, action
from .diff import concealed, difference, digest
from .findings import Findings
from .ground import invisible
from .kind import Default, Kind, Refers, Wish
from .plan import Plan, blocked
from .planfile import Document, blocked_json, field_json, scope_json
from .snapshot import Seen
from .state import Memory, Resource
from .wanted import Wanted
from .wire import Wire

FORMAT = "apreconcile.drift/1"


class Who(StrEnum):
    """Who moved."""

    SPEC = "spec"
    ACCOUNT = "account"
    BOTH = "both"
    UNKNOWN = "unknown"


class What(StrEnum):
    """How an address differs."""

    CHANGED = "changed"
    GONE = "gone"
    REPLACED = "replaced"
    ADDED = "added"
    FOUND = "found"
    REMOVED = "removed"
    MOVED = "moved"
    FORGOTTEN = "forgotten"


@dataclass(frozen=True, slots=True)
class Drifted:
    """One address that differs. `fields` go from what is live to what the spec says, each with who moved it.

    `action` is what the next apply does about it; None if that is blocked.
    """

    address: Address
    what: What
    who: Who
    fields: tuple[tuple[FieldDiff, Who], ...] = field(default=(), repr=False)
    why: tuple[str, ...] = ()
    action: str | None = None
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Drift:
    """All that differs, sorted by address, and the plan that would mend it, with what stands in its way."""

    items: tuple[Drifted, ...]
    plan: Plan
    warnings: tuple[str, ...]


def find_drift(found: Findings, plan: Plan) -> Drift:
    """What differs at the addresses of a plan, out of what that plan was made from."""
    doubt = _doubt(found)
    concerned = {step.address for step in plan.steps} | {stop.address for stop in plan.blocked if stop.address}
    differing = {change.address for change in found.changes} | {stop.address for stop in found.blocked if stop.address}
    stuck = {stop.address for stop in plan.blocked}
    teller = _Teller(found, certain=not doubt)
    items = [one for at in sorted(concerned & differing) if (one := teller.told(at, stuck=at in stuck))]
    return Drift(tuple(items), plan, tuple(sorted({*plan.warnings, *([doubt] if doubt and items else [])})))


def _doubt(found: Findings) -> str:
    """Why the state cannot tell who moved; empty if it can."""
    state, nobody = found.before, "nobody can tell who moved"
    if state.id == "none":
        return f"there is no state: {nobody}"
    if invisible(found.snapshot, state, found.kinds):
        return f"the state is about things that this account does not show: {nobody}"
    return f"the state is older than the account: {nobody}" if found.matching.older else ""


@dataclass(slots=True)
class _Teller:
    """Says of an address how it differs, and who moved; nobody is named unless `certain`."""

    found: Findings
    certain: bool
    changes: dict[Address, list[Change]] = field(init=False)

    def __post_init__(self) -> None:
        self.changes = {}
        for change in self.found.changes:
            self.changes.setdefault(change.address, []).append(change)

    def told(self, at: Address, *, stuck: bool) -> Drifted | None:
        """How an address differs; None if it does not, or if nobody knows yet what it is."""
        found, kind = self.found, self.found.kind(at.kind)
        wanted, held = found.manifest.by_address.get(at), found.state.resources.get(at)
        seen = found.matching.bound.get(at) or found.matching.orphans.get(at)
        if at in found.state.opened or (wanted is None and (held is None or seen is None)):
            return None
        told: Drifted | None
        if wanted is None:
            told = self._left(kind, at, held, seen)
        elif held is None:
            told = self._new(kind, wanted, seen)
        elif seen is None or seen.id != held.id:
            told = self._gone(kind, wanted, held, seen)
        else:
            told = self._changed(kind, wanted, held, seen)
        return self._ended(told, kind, stuck=stuck) if told else None

    def _left(self, kind: Kind, at: Address, held: Resource | None, seen: Seen | None) -> Drifted:
        """Ours, there, and no longer in the spec."""
        forgotten = any(isinstance(change, Forget) for change in self.changes.get(at, ()))
        what = What.FORGOTTEN if forgotten or at in self.found.manifest.forget else What.REMOVED
        live, names = (kind.shown(seen), held.fields) if seen and held else ({}, {})
        moved = [name for name, memory in names.items() if self._live_moved(kind, name, memory, live.get(name))]
        why = (f"changed in the account since: {', '.join(moved)}",) if moved else ()
        return Drifted(at, what, _joined([Who.SPEC, *([Who.ACCOUNT] if moved else [])]), why=why)

    def _new(self, kind: Kind, wanted: Wanted, seen: Seen | None) -> Drifted:
        """In the spec, and not ours yet, or not any more."""
        stone = next((one for one in reversed(self.found.before.tombstones) if one.address == wanted.address), None)
        if seen is None and stone and stone.how == "expired":
            why = f"{stone.phone_number or stone.id} has released itself, as it was bought to"
            return Drifted(wanted.address, What.GONE, Who.ACCOUNT, why=(why,))
        if seen is None:
            return Drifted(wanted.address, What.ADDED, Who.SPEC)
        taken = self.found.matching.taken.get(wanted.address, "")
        why = f"{kind.called(seen, None)}: {taken}" if taken else kind.called(seen, None)
        fields = tuple((diff, Who.UNKNOWN) for diff in self._fields(kind, wanted, None, seen))
        return Drifted(wanted.address, What.FOUND, Who.SPEC, fields, (why,))

    def _gone(self, kind: Kind, wanted: Wanted, held: Resource, seen: Seen | None) -> Drifted:
        """What we had is there no more, or something else is there instead."""
        snapshot, called = self.found.snapshot, f"{held.phone_number} ({held.id})" if held.phone_number else held.id
        other = seen or (snapshot.slot(kind.name, held.parent) if kind.single else None)
        differs = self._fields(kind, wanted, held, other) if other else []
        last = snapshot.singles.get((kind.name, held.id))
        end = f"has the status {last.body.get('status')}" if last else "is not there any more"
        why = [f"{called} {end}"] + ([f"{kind.called(other, held)} is there instead"] if other else [])
        since = [name for name, memory in held.fields.items() if self._spec_moved(wanted, name, memory)]
        why += [f"changed in the spec since: {', '.join(since)}"] if since else []
        who = _joined([Who.ACCOUNT, *([Who.SPEC] if since else [])])
        fields = tuple((diff, Who.BOTH if _top(diff) in since else Who.ACCOUNT) for diff in differs)
        return Drifted(wanted.address, What.REPLACED if other else What.GONE, who, fields, tuple(why))

    def _changed(self, kind: Kind, wanted: Wanted, held: Resource, seen: Seen) -> Drifted | None:
        """The thing that we have, with other fields, another key, another protection or another sink."""
        at, live, why = wanted.address, kind.shown(seen), list[str]()
        fields = [
            (diff, self._who(kind, wanted, _top(diff), held, live.get(_top(diff))))
            for diff in self._fields(kind, wanted, held, seen)
        ]
        source = next((old for old, new in self.found.manifest.moved.items() if new == at and self._was(old)), None)
        why += [f"was {source} until now"] if source else []
        fields += [(diff, Who.SPEC) for diff in _kept_by_state(self.changes.get(at, ()))]
        if any(one.address == at for one in self.found.closed):
            why.append("a run that did not end had begun to change it")
            fields = [(diff, Who.UNKNOWN) for diff, _ in fields]
        if not fields and not source:
            return None
        who = _joined([*(who for _, who in fields), *([Who.SPEC] if source else [])])
        return Drifted(at, What.CHANGED if fields else What.MOVED, who, tuple(fields), tuple(why))

    def _was(self, old: Address) -> bool:
        return old in self.found.before.resources

    def _fields(self, kind: Kind, wanted: Wanted, held: Resource | None, seen: Seen) -> list[FieldDiff]:
        """Every field that differs, also where no call can mend that."""
        matching, state = self.found.matching, self.found.state
        differs = difference(
            kind, concealed(kind, wanted, held), seen,
            held=held, bound=matching.bound, owners=matching.owners, salt=state.salt,
        )  # fmt: skip
        order = list(kind.marks)
        return sorted([*differs.fields, *differs.stuck], key=lambda diff: order.index(_top(diff)))

    def _who(self, kind: Kind, wanted: Wanted, name: str, held: Resource, live: Wire) -> Who:
        """Who moved a field of which spec and account differ."""
        memory = held.fields.get(name)
        if memory is None:
            return Who.SPEC  # it names a field that it left alone before
        spec, account = self._spec_moved(wanted, name, memory), self._live_moved(kind, name, memory, live)
        if account is None or not (spec or account):
            return Who.UNKNOWN
        return Who.BOTH if spec and account else Who.SPEC if spec else Who.ACCOUNT

    def _spec_moved(self, wanted: Wanted, name: str, memory: Memory) -> bool:
        """Whether the spec says of a field something else than what was sent; leaving it out says nothing."""
        if name not in wanted.fields:
            return False
        return memory.sent not in self._hashes(wanted.fields[name])

    def _live_moved(self, kind: Kind, name: str, memory: Memory, live: Wire) -> bool | None:
        """Whether the account shows something else than it did; None if it was never seen with what was sent."""
        if kind.mark(name, Wish):
            return False
        if refers := kind.mark(name, Refers):
            held = self.found.state.resources.items()
            owner = next((at for at, one in held if at.kind == refers.kind and one.id == live), None)
            return memory.sent not in self._hashes(IdOf(owner) if owner else live)
        shown = digest(live, self.found.state.salt)
        if memory.shown is not None:
            return shown != memory.shown
        return None if shown != memory.sent and kind.mark(name, Default) else shown != memory.sent

    def _hashes(self, value: Wire) -> set[str]:
        """The hash of a value, and of what it was called before: a reference to a moved key is the same."""
        salt, moved = self.found.state.salt, self.found.manifest.moved
        olds = [old for old, new in moved.items() if new == value.address] if isinstance(value, IdOf) else []
        return {digest(value, salt), *(digest(IdOf(old), salt) for old in olds)}

    def _ended(self, told: Drifted, kind: Kind, *, stuck: bool) -> Drifted:
        """The same with what apply does about it, and what a person can."""
        who = told.who if self.certain else Who.UNKNOWN
        fields = told.fields if self.certain else tuple((diff, Who.UNKNOWN) for diff, _ in told.fields)
        changes = sorted(self.changes.get(told.address, ()), key=lambda change: isinstance(change, Adopt | Move))
        step = action(changes[0]) if changes and not stuck else None
        hint = "" if stuck else _hint(told.address, told.what, who, kind)
        return Drifted(told.address, told.what, who, fields, told.why, step, hint)


def _top(diff: FieldDiff) -> str:
    """The field of the spec that a difference is in: `customTools` for `customTools[lookup].url`."""
    return diff.field.partition("[")[0]


def _kept_by_state(changes: Iterable[Change]) -> Iterator[FieldDiff]:
    """What the spec says of protection and sinks, which only the state remembers."""
    for change in changes:
        if isinstance(change, Protect):
            yield FieldDiff("protect", not change.protect, change.protect)
        elif isinstance(change, Update) and not change.send:
            yield from change.fields


def _joined(several: Iterable[Who]) -> Who:
    """Who moved of all that moved; one that nobody knows could have been either."""
    who = set(several)
    if Who.BOTH in who or {Who.SPEC, Who.ACCOUNT} <= who:
        return Who.BOTH
    return Who.UNKNOWN if Who.UNKNOWN in who or not who else who.pop()


def _hint(at: Address, what: What, who: Who, kind: Kind) -> str:
    """What to run, and the other way out."""
    command = f"apreconcile apply --only {at}"
    if what is What.GONE:
        return f"to {'buy another one' if kind.marked else 'make it anew'}: {command}\nor take it out of the spec"
    if what is What.REMOVED:
        return f"to {'release' if kind.marked else 'delete'} it: {command}\nor put it back into the spec"
    if what in _DONE:
        return f"to {_DONE[what]}: {command}"
    if who is Who.SPEC:
        return f"to make the account so: {command}"
    if who is Who.ACCOUNT:
        return f"to put the spec's values back: {command}\nor write the account's into the spec"
    return f"write into the spec what is to be, then: {command}"


_DONE = {
    What.ADDED: "make it",
    What.FOUND: "take it as ours",
    What.MOVED: "write its new key down",
    What.FORGOTTEN: "leave it to itself",
}


def to_json(drift: Drift) -> Document:
    """The drift as a document without secrets; what a plan has too is called the same."""
    plan, counts = drift.plan, {who.value: sum(one.who is who for one in drift.items) for who in Who}
    stops = blocked(plan)
    return {
        "format": FORMAT,
        "project": plan.project,
        "environment": plan.environment,
        "scope": scope_json(plan.scope),
        "serial": plan.serial,
        "tool": f"apreconcile {__version__}",
        "summary": {**counts, "blocked": len(stops), "unmanaged": len(plan.unmanaged)},
        "drift": [
            {
                "address": str(one.address),
                "what": one.what.value,
                "who": one.who.value,
                "action": one.action,
                "fields": [{**field_json(diff), "who": who.value} for diff, who in one.fields],
                "why": list(one.why),
                "hint": one.hint,
            }
            for one in drift.items
        ],
        "blocked": [blocked_json(stop) for stop in stops],
        "unmanaged": [{"kind": live.kind, "id": live.id, "name": live.name} for live in plan.unmanaged],
        "warnings": list(drift.warnings),
        "requests": plan.requests,
    }
