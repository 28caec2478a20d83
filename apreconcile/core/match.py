"""Matching says which live thing an address is: by state, marker, import, slot or offer, in that order.

A creation of unknown outcome is settled before (see settlement): its address matches nothing here.

Nothing here guesses: what two rules could claim is blocked, and what could make us buy twice is unsafe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .address import Address
from .change import Blocked
from .diff import equal
from .elsewhere import Elsewhere
from .ground import Ground
from .kind import Kind
from .naming import pasted, rename
from .snapshot import Seen, Snapshot
from .state import Resource, State
from .wanted import Manifest, Wanted

_SETTLE_THERE = "mend that state first, or wait until it says what it has"


@dataclass(slots=True)
class Matching:
    """What was found. `taken` says how an address came to a live thing that state does not hold yet.

    `orphans` are ours, live and no longer wanted; `gone` are ours and no longer there. `older` are live things with a
    marker of ours that state does not know.
    """

    bound: dict[Address, Seen] = field(default_factory=dict)
    taken: dict[Address, str] = field(default_factory=dict)
    lost: dict[Address, Resource] = field(default_factory=dict)
    new: list[Wanted] = field(default_factory=list)
    orphans: dict[Address, Seen] = field(default_factory=dict)
    gone: tuple[Address, ...] = ()
    blocked: list[Blocked] = field(default_factory=list)
    unsafe: list[Blocked] = field(default_factory=list)
    unmanaged: tuple[Seen, ...] = ()
    renamed: set[Address] = field(default_factory=set)
    older: tuple[Seen, ...] = ()
    owners: dict[tuple[str, str], Address] = field(default_factory=dict)
    """Which address is which live thing."""


def match(
    manifest: Manifest,
    snapshot: Snapshot,
    state: State,
    kinds: Sequence[Kind],
    *,
    adopt: bool = False,
    elsewhere: Elsewhere | None = None,
) -> Matching:
    """Match every address of the spec and of the state. `adopt` takes offers that have exactly one candidate.

    What is held `elsewhere` is not taken.
    """
    by_name = {kind.name: kind for kind in kinds}
    return _Matcher(Ground(manifest, snapshot, state, by_name, elsewhere or Elsewhere()), adopt).run()


def slots(manifest: Manifest, snapshot: Snapshot, state: State, kinds: Sequence[Kind]) -> frozenset[str | None]:
    """The parents whose slot has to be read: those that spec or state have one for, and those about to be deleted.

    Where one of a parent's is about to be deleted, also the project's: what takes its place is there, or nothing is.
    """
    state = rename(manifest, state).state
    first = match(manifest, snapshot, state, [kind for kind in kinds if not kind.single], adopt=True)
    single = {kind.name for kind in kinds if kind.single}
    wanted = [one.parent for one in manifest.resources if one.address.kind in single]
    named = {first.bound[parent].id if parent else None for parent in wanted if not parent or parent in first.bound}
    held = {held.parent for at, held in state.resources.items() if at.kind in single}
    alive = {parent for parent in held if parent is None or any(snapshot.get(kind.name, parent) for kind in kinds)}
    parents = {kind.parent for kind in kinds if kind.single}
    left = {held.parent for at, held in state.resources.items() if at.kind in single and at not in manifest.by_address}
    fallback = {None} if left else set()
    return frozenset(named | alive | fallback | {seen.id for at, seen in first.orphans.items() if at.kind in parents})


def missing(snapshot: Snapshot, state: State, kinds: Sequence[Kind]) -> tuple[tuple[str, str], ...]:
    """The (kind, id) of what state holds and the lists lack: to be read by id before anything is called lost."""
    listed = {kind.name for kind in kinds if not kind.single}
    held = [(at.kind, held.id) for at, held in state.resources.items() if at.kind in listed]
    return tuple(sorted(one for one in held if snapshot.get(*one) is None))


@dataclass(slots=True)
class _Matcher:
    ground: Ground
    adopt: bool
    found: Matching = field(default_factory=Matching)

    def run(self) -> Matching:
        markers = self.ground.markers()
        self.found.unsafe += self.ground.alarms(markers)
        free = {tag: self.ground.unheld(several) for tag, several in markers.items()}
        for kind in self.ground.kinds.values():
            for one in self.ground.manifest.resources:
                if one.address.kind == kind.name:
                    self._match(one, kind, free)
            self._settle_claims()
        self._find_orphans()
        both = (*self.found.orphans.items(), *self.found.bound.items())
        self.found.owners = {(seen.kind, seen.id): at for at, seen in both}
        listed = (seen for seen in self.ground.snapshot.listed if seen.kind in self.ground.kinds)
        ours = {**self.found.owners, **self.ground.holders}
        self.found.unmanaged = tuple(seen for seen in listed if (seen.kind, seen.id) not in ours)
        self.found.older = self.ground.unknown(free)
        return self.found

    def _match(self, wanted: Wanted, kind: Kind, markers: Mapping[str, list[Seen]]) -> None:
        at = wanted.address
        if at in self.ground.state.opened:
            return
        seen = self._held(wanted, kind)
        if seen is not None:
            self._bind(wanted, kind, seen, None)
        elif moved := self._moved_slot(wanted, kind):
            hint = "a webhook of another agent needs a key of its own"
            self._block(at, f"its agent is fixed: it is the webhook of {moved}", hint)
        elif kind.marked and (marked := markers.get(self.ground.manifest.marker(at), [])):
            self._bind(wanted, kind, marked[0], "it carries this address's marker")
        elif at in self.ground.state.resources and kind.marked:
            self._lose(wanted, self.ground.state.resources[at])
        elif wanted.imports and wanted.imports != "none":
            self._import(wanted, kind)
        elif kind.single:
            self._slot(wanted, kind)
        elif wanted.imports != "none":
            self._offer(wanted, kind)
        else:
            self.found.new.append(wanted)

    def _held(self, wanted: Wanted, kind: Kind) -> Seen | None:
        """What state holds for this address, if it is there."""
        held = self.ground.state.resources.get(wanted.address)
        if held is None:
            return None
        if kind.single:
            seen = self.ground.snapshot.slot(kind.name, self._parent(wanted) if wanted.parent else None)
            return seen if seen and seen.id == held.id else None
        seen = self.ground.snapshot.get(kind.name, held.id) or self.ground.snapshot.singles.get((kind.name, held.id))
        return None if seen is None or seen.body.get("status") == "released" else seen

    def _lose(self, wanted: Wanted, held: Resource) -> None:
        """What state holds cannot be seen any more; another may be bought, unless the spec says which one it is."""
        named = wanted.imports
        if named and named not in {held.id, held.phone_number}:
            hint = f"apreconcile state forget {wanted.address}; then `import: {named}` takes the other"
            self._block(wanted.address, f"it is lost ({held.id}), and `import:` names another: {named}", hint)
        else:
            self.found.lost[wanted.address] = held

    def _moved_slot(self, wanted: Wanted, kind: Kind) -> str | None:
        """Whose slot still has what state holds for this address, if the spec now names another's."""
        held = self.ground.state.resources.get(wanted.address)
        if held is None or not kind.single:
            return None
        old = self.ground.snapshot.slot(kind.name, held.parent)
        if old is None or old.id != held.id:
            return None
        return str(self.ground.holders.get((kind.parent or "", held.parent or ""), held.parent or "the project"))

    def _parent(self, wanted: Wanted) -> str:
        """The id of the parent, or a word that no id is, so that its slot is empty."""
        seen = self.found.bound.get(wanted.parent) if wanted.parent else None
        return seen.id if seen else "\0"

    def _bind(self, wanted: Wanted, kind: Kind, seen: Seen, how: str | None) -> None:
        at, named = wanted.address, wanted.imports
        if named and named not in {"none", seen.id, seen.body.get("phoneNumber")}:
            known = "the state" if how is None else "the marker"
            self._block(
                at, f"`import:` names {named}, but {known} says {seen.id}", "correct or remove the import: line"
            )
            return
        other = self.ground.elsewhere.holder(seen) if how is not None else None
        if other:
            self._block(at, f"{seen.id} is {other}", "each environment has things of its own", code=9)
            return
        for reason, hint in kind.alarms(seen, self._end(wanted, kind, seen)):
            self.found.blocked.append(Blocked(at, reason, hint, exit=9))
            self.found.bound[at] = seen
            return
        self.found.bound[at] = seen
        if how is not None:
            self.found.taken[at] = how

    def _end(self, wanted: Wanted, kind: Kind, seen: Seen) -> str | None:
        """The end that we set for something: as the state has it, or, without a state, as our marker bears witness."""
        manifest, held = self.ground.manifest, self.ground.state.resources.get(wanted.address)
        if held and held.id == seen.id:
            return held.expires
        marked = manifest.chosen.ephemeral and kind.marker(seen) == manifest.marker(wanted.address)
        return str(seen.body.get("expiresAt") or "") if marked else None

    def _import(self, wanted: Wanted, kind: Kind) -> None:
        at, named = wanted.address, wanted.imports
        if kind.single:
            slot = self.ground.snapshot.slot(kind.name, self._parent(wanted) if wanted.parent else None)
            seen = slot if slot and slot.id == named else None
        else:
            seen = self.ground.snapshot.named(kind.name, str(named))
        if seen is None:
            hint = "look for its id with `apreconcile export`; a key sees only its own account"
            self._block(at, f"`import: {named}` names no {kind.name} that this account shows", hint)
        elif holder := self.ground.left_holder(seen):
            hint = pasted([(holder, at)])
            self._block(at, f"{seen.id} is {holder}, which the spec no longer has: a renamed key?", hint)
            self._block(holder, f"looks like {at} under another key", hint)
            self.found.renamed.add(holder)
        elif reason := self.ground.refused(kind, seen):
            code = 9 if self.ground.elsewhere.holder(seen) else 5
            hint = "import something else, or remove it there first"
            self._block(at, f"`import: {named}`: {reason}", hint, code=code)
        elif doubt := self.ground.doubt(kind, seen):
            self._block(at, f"`import: {named}`: {doubt}", _SETTLE_THERE, code=9)
        else:
            self._bind(wanted, kind, seen, "imported")

    def _slot(self, wanted: Wanted, kind: Kind) -> None:
        at = wanted.address
        seen = self.ground.snapshot.slot(kind.name, self._parent(wanted) if wanted.parent else None)
        if seen is None:
            self.found.new.append(wanted)
            return
        holder = self.ground.holders.get((kind.name, seen.id))
        if holder is not None and holder != at:
            left = holder not in self.ground.manifest.by_address
            hint = pasted([(holder, at)]) if left else f"keep the old key `{holder.key}`"
            self._block(at, f"its slot is held by {holder}, which the spec no longer has: a renamed key?", hint)
            if left:
                self._block(holder, f"looks like {at} under another key", hint)
                self.found.renamed.add(holder)
            return
        other, live = self.ground.elsewhere.holder(seen), kind.shown(seen)
        if other:
            hint = f"one account has one: exclude: [{at}], or a sub-account of its own"
            self._block(at, f"its slot has {other}", hint, code=9)
        elif wanted.parent is None and (doubt := self.ground.doubt(kind, seen)):
            self._block(at, f"its slot has {kind.label(seen)} already, and {doubt}", _SETTLE_THERE, code=9)
        elif all(equal(kind, name, value, live.get(name)) for name, value in wanted.fields.items()):
            self._bind(wanted, kind, seen, "its slot has exactly this webhook")
        elif self.adopt:
            self._bind(wanted, kind, seen, "taken from its slot by --adopt")
        else:
            self._block(at, f"its slot has {kind.label(seen)} already", self._lines([seen]))

    def _offer(self, wanted: Wanted, kind: Kind) -> None:
        candidates = [
            one
            for one in self.ground.snapshot.of(kind.name)
            if kind.namesake(wanted, one) and not self.ground.refused(kind, one)
        ]
        if not candidates:
            self.found.new.append(wanted)
        elif doubt := self.ground.doubt(kind, candidates[0]):
            anew = "" if self.ground.manifest.chosen.ephemeral else "; or `import: none` makes a new one"
            hint = f"{_SETTLE_THERE}{anew}"
            self._block(wanted.address, f"the account has an {kind.name} of this name, and {doubt}", hint, code=9)
        elif self.adopt and len(candidates) == 1:
            self._bind(wanted, kind, candidates[0], "taken by --adopt: the only one of this name")
        else:
            several = f"{len(candidates)} {kind.plural}" if len(candidates) > 1 else f"an {kind.name}"
            self._block(wanted.address, f"the account has {several} of this name", self._lines(candidates))

    def _lines(self, candidates: Sequence[Seen]) -> str:
        """The ways to take one of them; an ephemeral environment has no lines that import."""
        if self.ground.manifest.chosen.ephemeral:
            listed = ", ".join(one.id for one in candidates)
            several = f"give all but one of them another name ({listed}); then take it: "
            return f"{several if len(candidates) > 1 else 'take it back, which only adopts: '}apreconcile apply --adopt"
        lines = [f"import: {one.id}" for one in candidates]
        none = "" if self.ground.kinds[candidates[0].kind].single else " (`import: none` makes a new one)"
        one = ", or --adopt" if len(candidates) == 1 else ""
        return "\n".join([f"add one line to it{one}{none}:", *lines])

    def _settle_claims(self) -> None:
        """No live thing is two addresses: neither gets what both claim."""
        claims: dict[tuple[str, str], list[Address]] = {}
        for at, seen in self.found.bound.items():
            claims.setdefault((seen.kind, seen.id), []).append(at)
        for (_, ident), several in claims.items():
            for at in several if len(several) > 1 else ():
                if at in self.found.taken:
                    del self.found.bound[at], self.found.taken[at]
                    others = ", ".join(str(other) for other in several if other != at)
                    self._block(at, f"{ident} is claimed by {others} too", "say which one with `import:` lines")

    def _find_orphans(self) -> None:
        wanted, gone = set(self.ground.manifest.by_address), []
        for at, held in self.ground.state.resources.items():
            kind = self.ground.kinds.get(at.kind)
            if kind is None or at in wanted:
                continue
            if kind.single:
                slot = self.ground.snapshot.slot(kind.name, held.parent)
                seen = slot if slot and slot.id == held.id else None
            else:
                seen = self.ground.snapshot.get(kind.name, held.id) or self.ground.snapshot.singles.get(
                    (kind.name, held.id)
                )
            if seen is None or seen.body.get("status") == "released":
                gone.append(at)
            elif at in self.found.renamed:
                self.found.bound[at] = seen
            else:
                self.found.orphans[at] = seen
        self.found.gone = tuple(gone)

    def _block(self, at: Address, reason: str, hint: str, *, code: int = 5) -> None:
        self.found.blocked.append(Blocked(at, reason, hint, code))
