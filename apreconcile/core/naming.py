"""Naming says under which address we have what we have: what was moved, what is forgotten, what looks like another.

A move or a forgetting changes no thing: its only call sets the marker, and what it changes is the state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from .address import Address
from .call import Call, Check
from .change import Blocked, Bookkeeping, Change, Create, Delete, Forget, Move, Protect
from .diff import digest
from .kind import Kind
from .plan import Step
from .risk import Risk
from .snapshot import Snapshot
from .state import Resource, State
from .wanted import Manifest

SAME = ("id", "phoneNumber", "status")
"""What must still be as it was seen just before a marker is set, beside the marker itself."""


@dataclass(frozen=True, slots=True)
class Names:
    """`state` has the spec's keys. `moved` says which address each moved one had; `blocked` those that cannot move."""

    state: State
    moved: Mapping[Address, Address]
    blocked: tuple[Blocked, ...]


def rename(manifest: Manifest, state: State) -> Names:
    """The state under the keys of the spec; an entry whose move is made, or that names nothing, is nothing."""
    sources: dict[Address, list[Address]] = {}
    for old, new in manifest.moved.items():
        if old in state.resources or old in state.intents:
            sources.setdefault(new, []).append(old)
    moved: dict[Address, Address] = {}
    blocked: list[Blocked] = []
    for new, olds in sources.items():
        reason, hint = _obstacle(state, new, olds)
        if reason:
            blocked += [Blocked(at, reason, hint) for at in (*olds, new)]
        else:
            state, moved[new] = state.rename(olds[0], new), olds[0]
    return Names(state, moved, tuple(blocked))


def _obstacle(state: State, new: Address, olds: Sequence[Address]) -> tuple[str, str]:
    """Why nothing can be moved to an address, and the way out; empty if it can."""
    waiting = [at for at in (*olds, new) if at in state.intents]
    if waiting:
        hint = f"settle it first: apreconcile resolve {waiting[0]} --bind ID, or --not-created"
        return f"cannot move: a creation of {waiting[0]} has no known outcome", hint
    known = [at for at in (*olds, new) if at in state.resources]
    if len(known) == 1:
        return "", ""
    both = " and ".join(f"{at} ({state.resources[at].id})" for at in known)
    hint = f"take the entry out of `moved:` and keep both keys; or, if one is gone: apreconcile state forget {known[0]}"
    return f"cannot move to {new}: the state has {both}", hint


def named(kind: Kind, change: Bookkeeping, monthly: Decimal | None, held: Resource | None) -> Step:
    """The step of a move, a forgetting or a protection of what the state holds.

    `monthly` is what it costs in US dollars, None if nobody knows.

    Names come first (stage 0): a protection is of the name that a thing has by then.
    """
    risks, stage = frozenset[Risk](), 0
    match change:
        case Move():
            calls = kind.adopt(change.live, change.marker) if change.live else ()
            why = f"was {change.source} until now"
        case Forget():
            calls = kind.forget(change.live, change.marker)
            still = f", and costs {f'${monthly}/month' if monthly else 'money'} still" if kind.marked else ""
            why = f"{kind.called(change.live, held)} stays in the account, unmanaged{still}"
        case Protect():
            calls, stage = (), 1
            label = kind.called(change.live, held)
            if change.protect:
                why = f"no plan deletes or forgets {label} from now on, also without its block in the spec"
            else:
                risks = frozenset({Risk.UNPROTECTS})
                gone = "released for ever" if kind.marked else "deleted"
                why = f"a later plan can have {label} {gone}; this one does not"
    seen = change.live.body if change.live else {}
    guards = [Check(_read(call), {name: seen.get(name) for name in (*SAME, *call.body)}) for call in calls]
    settle = Check(_read(calls[0]), calls[0].body) if calls else None
    return Step(change, calls, risks, stage, guards=tuple(guards), settle=settle, why=(why,))


def _read(call: Call) -> Call:
    return Call("GET", call.path)


def pasted(pairs: Sequence[tuple[Address, Address]], otherwise: str = "") -> str:
    """The hint for keys that look renamed: to keep them, or the lines to paste, one a pair of old and new."""
    keys = ", ".join(f"`{old.key}`" for old, _ in pairs)
    keep = f"keep the old key{'s' if len(pairs) > 1 else ''} {keys}{otherwise}"
    lines = [f"- {{from: {old}, to: {new}}}" for old, new in pairs]
    return "\n".join([keep, "or, if it is the same under a new key, add to the spec:", "moved:", *lines])


def without_imported(changes: Sequence[Change], manifest: Manifest, state: State) -> tuple[list[Change], list[Blocked]]:
    """Nothing is deleted that some `import:` of the spec names, also where that address cannot have it."""
    named = {(one.address.kind, one.imports): one.address for one in manifest.resources if one.imports}
    left: list[Change] = []
    blocked: list[Blocked] = []
    for change in changes:
        seen = change.live if isinstance(change, Delete) else None
        names = ((seen.kind, seen.id), (seen.kind, str(seen.body.get("phoneNumber")))) if seen else ()
        to = next((named[name] for name in names if name in named), None)
        if to is None:
            left.append(change)
        else:
            held = state.resources.get(to)
            instead = (
                f"; to give up {held.id} for it, first apply `forget: [{to}]` in place of its block" if held else ""
            )
            reason = f"`import:` of {to} names it, and the spec no longer has it: a renamed key?"
            blocked.append(Blocked(change.address, reason, pasted([(change.address, to)], instead)))
    return left, blocked


def without_renames(
    changes: Sequence[Change], state: State, kind_of: Callable[[str], Kind]
) -> tuple[list[Change], list[Blocked]]:
    """A deletion and a creation that look like one thing under a new key are neither."""
    groups: dict[tuple[object, ...], list[Change]] = {}
    for change in changes:
        alike = _likeness(change, state, kind_of(change.address.kind))
        if alike:
            groups.setdefault(alike, []).append(change)
    caught: dict[Address, Blocked] = {}
    for several in groups.values():
        going = sorted(change.address for change in several if isinstance(change, Delete))
        coming = sorted(change.address for change in several if isinstance(change, Create))
        if going and coming:
            end = "releases the old one for ever" if kind_of(going[0].kind).marked else "deletes the old one"
            otherwise = f"; if it is another, first apply without it, which {end}"
            hint = pasted(list(zip(going, coming, strict=False)), otherwise)
            pairs = [(old, coming[0]) for old in going] + [(new, going[0]) for new in coming]
            caught |= {at: Blocked(at, f"looks like {other} under another key", hint) for at, other in pairs}
    return [change for change in changes if change.address not in caught], list(caught.values())


def _likeness(change: Change, state: State, kind: Kind) -> tuple[object, ...] | None:
    """What a renamed key would leave the same: an agent's name, a number's country and area code."""
    if isinstance(change, Create) and change.again is None:
        fields = change.wanted.fields
        area = digest(fields["areaCode"], state.salt) if fields.get("areaCode") else None
        plain = fields.get("name")
        return (kind.name, area, fields.get("country", "US")) if kind.marked else (kind.name, plain) if plain else None
    if isinstance(change, Delete):
        asked = state.resources[change.address].fields.get("areaCode")
        live = kind.shown(change.live)
        if kind.marked:
            return (kind.name, asked.sent if asked else None, live.get("country"))
        return (kind.name, live.get("name")) if live.get("name") else None
    return None


def without_doubts(changes: Sequence[Change], manifest: Manifest, state: State) -> tuple[list[Change], list[Blocked]]:
    """A creation that looks like one of unknown outcome, whose address has left the spec, waits for that one."""
    doubted = {
        (at.kind, intent.fields["name"].sent): at
        for at, intent in state.intents.items()
        if intent.creates and at not in manifest.by_address and "name" in intent.fields
    }
    caught: dict[Address, Blocked] = {}
    for change in changes:
        name = change.wanted.fields.get("name") if isinstance(change, Create) else None
        other = doubted.get((change.address.kind, digest(name, state.salt))) if name else None
        if other:
            reason = f"looks like {other}, whose outcome is unknown"
            caught[change.address] = Blocked(change.address, reason, f"settle {other} first", exit=6)
    return [change for change in changes if change.address not in caught], list(caught.values())


def without_doubles(
    changes: Sequence[Change], manifest: Manifest, snapshot: Snapshot, state: State, kind_of: Callable[[str], Kind]
) -> tuple[list[Change], list[Blocked]]:
    """Nothing is bought under a marker that something else of ours carries: by it two would be taken for one."""
    carried = {
        (at.kind, kind_of(at.kind).marker(seen)): (at, seen)
        for at, held in state.resources.items()
        if kind_of(at.kind).marked and (seen := snapshot.get(at.kind, held.id))
    }
    caught: dict[Address, Blocked] = {}
    for change in changes:
        if isinstance(change, Create) and (change.address.kind, change.marker) in carried:
            at, seen = carried[change.address.kind, change.marker]
            kind = kind_of(at.kind)
            reason = f"its marker {change.marker!r} is on {kind.label(seen)} ({seen.id}), which is {at}"
            where = "/".join((*kind.path(None), seen.id))
            hint = f"set the {kind.tag} of that one right, to {manifest.marker(at)!r}: PATCH /{where}"
            caught[change.address] = Blocked(change.address, reason, hint)
    return [change for change in changes if change.address not in caught], list(caught.values())
