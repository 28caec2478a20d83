"""A diff compares only what the spec names; what the left side leaves out does not count.

A field is equal when spec and live are equal after known normalising, or when both still hash to what we sent and what
the server then showed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from .address import Address
from .call import IdOf, Secret, canonical, has_secret, holes, replace_at, replace_holes
from .change import Blocked, FieldDiff
from .kind import ClearsWith, Default, Fixed, Items, Kind, Phone, Refers, Wish
from .phone import normal
from .sink import Sink
from .snapshot import Seen
from .state import Memory, Resource
from .wanted import Wanted
from .wire import Wire, close, settled


@dataclass(slots=True)
class Difference:
    """How a live thing differs: the fields for a reader, the wire values to send, and what no call can mend.

    `stuck` are the fields of which it is blocked that they differ.
    """

    fields: list[FieldDiff] = field(default_factory=list)
    send: dict[str, Wire] = field(default_factory=dict)
    blocked: list[Blocked] = field(default_factory=list)
    stuck: list[FieldDiff] = field(default_factory=list)


def digest(value: Wire, salt: str) -> str:
    """The salted hash of a value, by which it is known again without being kept. 32 hex digits."""
    plain = replace_holes(value, lambda hole: f"\0{hole.address}" if isinstance(hole, IdOf) else hole.text)
    return hashlib.sha256(salt.encode() + b"\0" + canonical(settled(plain))).hexdigest()[:32]


def digest_of_sink(sink: Sink | None, salt: str) -> str | None:
    """The salted hash by which the state knows the sink that has a secret."""
    return digest(sink.meaning, salt) if sink else None


def memories(wanted: Wanted, salt: str, before: Resource | None) -> dict[str, Memory]:
    """What was sent, for every field of the spec; what was secret once stays secret, until it is forgotten."""
    known = dict(before.fields) if before else {}
    for name, value in wanted.fields.items():
        sent, old = digest(value, salt), known.get(name) or Memory("")
        secret = old.secret or isinstance(value, Secret)
        parts = {*old.parts, *(_part(value, at) for at, hole in holes(value, "") if at and isinstance(hole, Secret))}
        known[name] = Memory(sent, old.shown if old.sent == sent else None, secret, tuple(sorted(parts)))
    return known


def _part(value: Wire, at: str) -> str:
    """Where a secret is inside a list of items, by the item's name: `lookup/url` for `/0/url`."""
    index, _, rest = at[1:].partition("/")
    item = value[int(index)] if isinstance(value, list) else {}
    return f"{item.get('name', index)}/{rest}"


def hidden_in(parts: Collection[str], item: str) -> frozenset[str]:
    """The JSON pointers of what was secret inside one item."""
    return frozenset(part.removeprefix(item) for part in parts if part.startswith(f"{item}/"))


def difference(
    kind: Kind,
    wanted: Wanted,
    seen: Seen,
    *,
    held: Resource | None,
    bound: Mapping[Address, Seen],
    owners: Mapping[tuple[str, str], Address],
    salt: str,
) -> Difference:
    """Compare what the spec names with what is live."""
    found, live = Difference(), kind.shown(seen)
    for name in kind.marks:
        if name not in wanted.fields:
            continue
        value, shown = wanted.fields[name], live.get(name)
        memory = held.fields.get(name) if held else None
        if kind.mark(name, Wish):
            refused = _wish(wanted, name, value, shown, memory=memory, held=held, salt=salt)
            found.blocked += refused
            found.stuck += [FieldDiff(name, shown, value)] if refused else []
        elif refers := kind.mark(name, Refers):
            known = bound.get(value.address) if isinstance(value, IdOf) else None
            if (known.id if known else None) != shown or (isinstance(value, IdOf) and known is None):
                owner = owners.get((refers.kind, str(shown)))
                found.fields.append(FieldDiff(name, IdOf(owner) if owner else shown, value))
                found.send[name] = value
        elif not _same(kind, name, value, shown, memory=memory, salt=salt):
            if kind.mark(name, Fixed):
                reason = f"{name} is fixed: it is {shown}, and the spec says {value}"
                found.blocked.append(Blocked(wanted.address, reason, "another number needs a key of its own"))
                found.stuck.append(FieldDiff(name, shown, value))
            else:
                _differ(
                    found,
                    kind,
                    wanted,
                    name,
                    _hidden(shown, memory, kind.mark(name, Items)),
                    secret=bool(memory and memory.secret),
                )
    return found


def first_fields(kind: Kind, wanted: Wanted) -> tuple[FieldDiff, ...]:
    """The fields of something new: nothing before, everything after."""
    return tuple(
        FieldDiff(name, None, wanted.fields[name], secret=isinstance(wanted.fields[name], Secret))
        for name in kind.marks
        if wanted.fields.get(name) is not None
    )


def settled_memories(
    kind: Kind,
    wanted: Wanted,
    seen: Seen,
    *,
    sent: Resource,
    names: Collection[str],
    before: Mapping[str, Wire] | None,
    salt: str,
) -> dict[str, Memory]:
    """What was sent together with what the server now shows, where that is neither the old value nor the default.

    A field without a known default (a voice's id) has one form only: it is equal or it is not.

    `names` are the fields that were sent. `before` are the values that were live before the write, None for something
    new. A write whose read-back still shows the old value did not converge: it must not be remembered as equal.
    """
    live, known = kind.shown(seen), dict(sent.fields)
    for name, memory in sent.fields.items():
        if name not in names or kind.mark(name, Wish) or kind.mark(name, Refers):
            continue
        default = kind.mark(name, Default)
        if default is None:
            continue
        old = before.get(name) if before is not None else default.value
        if equal(kind, name, wanted.fields[name], live.get(name)) or not equal(kind, name, old, live.get(name)):
            known[name] = replace(memory, shown=digest(live.get(name), salt))
    return known


def _wish(
    wanted: Wanted, name: str, value: Wire, shown: Wire, *, memory: Memory | None, held: Resource | None, salt: str
) -> list[Blocked]:
    """A wish is compared with what was asked; what was never asked is compared with what came."""
    if held is None or (memory.sent == digest(value, salt) if memory else value == shown):
        return []
    reason = f"{name} is a wish at purchase and cannot change: the spec now says {value}"
    return [Blocked(wanted.address, reason, f"put {name} back, or want another number under a key of its own")]


def _same(kind: Kind, name: str, value: Wire, shown: Wire, *, memory: Memory | None, salt: str) -> bool:
    if equal(kind, name, value, shown):
        return True
    return bool(memory and memory.sent == digest(value, salt) and memory.shown == digest(shown, salt))


def equal(kind: Kind, name: str, value: Wire, shown: Wire) -> bool:
    """Equality after known normalising: E.164, `""` and null, float noise, declared keys of a list of items."""
    if kind.mark(name, Phone) and isinstance(value, str) and isinstance(shown, str):
        return normal(value) == normal(shown)
    items = kind.mark(name, Items)
    plain = replace_holes(value, lambda hole: hole.text if isinstance(hole, Secret) else hole)
    if items and isinstance(plain, list) and isinstance(shown, list):
        return _items_equal(items, plain, shown)
    return close(plain, shown)


def _items_equal(items: Items, wanted: Sequence[Wire], shown: Sequence[Wire]) -> bool:
    live = {one.get(items.key): one for one in shown if isinstance(one, dict)}
    same = {one[items.key] for one in wanted} == set(live) and len(live) == len(shown)
    return same and all(_declared_equal(one, live[one[items.key]]) for one in wanted)


def _declared_equal(wanted: Mapping[str, Wire], live: Mapping[str, Wire]) -> bool:
    return all(close(value, live.get(name)) for name, value in wanted.items())


def _hidden(shown: Wire, memory: Memory | None, items: Items | None) -> Wire:
    """Live items in which the parts that were secret once are `Secret`."""
    if not memory or not items or not memory.parts or not isinstance(shown, list):
        return shown
    return [
        replace_at(one, hidden_in(memory.parts, str(one.get(items.key))), _conceal) if isinstance(one, dict) else one
        for one in shown
    ]


def _conceal(value: Wire) -> Secret:
    plain = value if isinstance(value, str | Secret) else canonical(value).decode()
    return plain if isinstance(plain, Secret) else Secret(plain)


def concealed(kind: Kind, wanted: Wanted, held: Resource | None) -> Wanted:
    """What the spec wants, with what was secret once still secret, until the state forgets the field."""
    hidden: dict[str, Wire] = {}
    for name, memory in held.fields.items() if held else ():
        value = wanted.fields.get(name)
        if memory.secret and isinstance(value, str):
            hidden[name] = Secret(value)
        elif memory.parts:
            hidden[name] = _hidden(value, memory, kind.mark(name, Items))
    return replace(wanted, fields={**wanted.fields, **hidden}) if hidden else wanted


def _differ(found: Difference, kind: Kind, wanted: Wanted, name: str, shown: Wire, *, secret: bool) -> None:
    """Add one differing field, with the value that mends it."""
    value, items, clears = wanted.fields[name], kind.mark(name, Items), kind.mark(name, ClearsWith)
    if value is None:
        found.fields.append(_masked(FieldDiff(name, shown, None), items, secret=secret))
        found.send[name] = clears.value if clears else None
    elif items and isinstance(value, list):
        live = {one[items.key]: one for one in shown or () if isinstance(one, dict) and items.key in one}
        found.fields += item_fields(name, items, value, live)
        found.blocked += _undeclared(wanted.address, name, items, value, live)
        found.send[name] = [{**_bare(live.get(one[items.key], {})), **one} for one in value]
    else:
        found.fields.append(FieldDiff(name, shown, value, secret=secret or has_secret(value)))
        found.send[name] = value


def _bare(live: Mapping[str, Wire]) -> Mapping[str, Wire]:
    return {name: value for name, value in live.items() if value is not None}


def _undeclared(
    at: Address, name: str, items: Items, wanted: Sequence[Wire], live: Mapping[str, Wire]
) -> list[Blocked]:
    """Live secrets that the spec does not declare cannot be sent along: nobody knows whether they were shown whole."""
    blocked = []
    for one in wanted:
        there = (live.get(one[items.key]) or {}).get(items.masked) or {}
        hidden = sorted(set(there) - set(one.get(items.masked) or {}))
        if hidden:
            reason = (
                f"{name}[{one[items.key]}] has live {items.masked} that the spec does not name: {', '.join(hidden)}"
            )
            blocked.append(Blocked(at, reason, f"declare them under {items.masked}, or remove them in the console"))
    return blocked


def item_fields(name: str, items: Items, wanted: Sequence[Wire], live: Mapping[str, Wire]) -> list[FieldDiff]:
    """What differs inside a list of items, field by field; a whole item where it comes or goes."""
    diffs = []
    for one in wanted:
        at, there = f"{name}[{one[items.key]}]", live.get(one[items.key])
        if there is None:
            diffs.append(FieldDiff(at, None, one))
            continue
        declared = {key: there.get(key) for key in one if key != items.masked}
        diffs += _nested(at, declared, {key: value for key, value in one.items() if key != items.masked})
        masked = one.get(items.masked) or {}
        old = there.get(items.masked) or {}
        diffs += [
            FieldDiff(f"{at}.{items.masked}[{key}]", old.get(key), value, secret=True)
            for key, value in masked.items()
            if _text(old.get(key)) != _text(value)
        ]
    kept = {one[items.key] for one in wanted}
    gone = [key for key in live if key not in kept]
    return [*diffs, *(_masked(FieldDiff(f"{name}[{key}]", live[key], None), items, secret=False) for key in gone)]


def _nested(at: str, before: Mapping[str, Wire], after: Mapping[str, Wire]) -> list[FieldDiff]:
    """The leaves at which two nested values differ."""
    from deepdiff import DeepDiff  # noqa: PLC0415 -- 130 ms of every start, and only changed tools want it

    left, right = replace_holes(before, _text), replace_holes(after, _text)
    diffs = []
    for level in (one for found in DeepDiff(left, right, view="tree").values() for one in found):
        path = level.path(output_format="list")
        word = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
        old, new = _leaf(before, path), _leaf(after, path)
        if not (settled(old) is None and settled(new) is None):
            diffs.append(FieldDiff(at + word, old, new, secret=has_secret(new) or has_secret(old)))
    return sorted(diffs, key=lambda diff: diff.field)


def _text(value: Wire) -> Wire:
    """The value itself of a secret, for comparing only."""
    return value.text if isinstance(value, Secret) else value


def _leaf(value: Wire, path: Sequence[str | int]) -> Wire:
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _masked(diff: FieldDiff, items: Items | None, *, secret: bool) -> FieldDiff:
    """The same diff with the secret parts of live items hidden."""
    if items is None or secret:
        return FieldDiff(diff.field, diff.before, diff.after, secret=secret)

    def hide(one: Wire) -> Wire:
        if isinstance(one, list):
            return [hide(item) for item in one]
        if not isinstance(one, dict) or not isinstance(one.get(items.masked), dict):
            return one
        return {**one, items.masked: {key: Secret(str(value)) for key, value in one[items.masked].items()}}

    return FieldDiff(diff.field, hide(diff.before), hide(diff.after))
