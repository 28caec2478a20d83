"""Protection keeps a thing from being deleted or forgotten, also once its block has left the spec.

Only the state knows it. So what lifts it needs the thing in the spec, and what deletes the thing needs it out of there:
no plan can do both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .address import Address
from .change import Blocked, Change, Delete, Forget, Protect
from .kind import Kind
from .snapshot import Seen
from .state import Resource, State
from .wanted import Manifest, Wanted


def protected(wanted: Wanted, held: Resource | None) -> bool:
    """Whether a thing is protected once it is made, taken or replaced: as the spec says, else as it was before."""
    return wanted.protect if wanted.protect is not None else bool(held and held.protect)


def protecting(wanted: Wanted, seen: Seen, held: Resource | None) -> list[Change]:
    """What makes the protection of something that is ours be as the spec says; nothing if it is, or says nothing."""
    if held is None or wanted.protect is None or wanted.protect == held.protect:
        return []
    return [Protect(wanted.address, wanted, seen, wanted.protect)]


def without_protected(
    changes: Sequence[Change], manifest: Manifest, state: State, kind_of: Callable[[str], Kind]
) -> tuple[list[Change], list[Blocked]]:
    """Nothing protected is deleted or forgotten, whatever the spec still says of it and whoever approves it."""
    left: list[Change] = []
    blocked: list[Blocked] = []
    for change in changes:
        if isinstance(change, Delete | Forget) and state.resources[change.address].protect:
            kind = kind_of(change.address.kind)
            verb = kind.verb["delete"] if isinstance(change, Delete) else "forget"
            done = "forgotten" if verb == "forget" else f"{verb}d"
            reason = f"{kind.called(change.live, state.resources[change.address])} is protected: it is not {done}"
            lines = "\n".join(_block(change.address, change.live, manifest, state, kind_of))
            then = f"and apply that with its approval (unprotect {change.address}); then take it out again"
            blocked.append(
                Blocked(change.address, reason, f"to {verb} it, first write into the spec:\n{lines}\n{then}")
            )
        else:
            left.append(change)
    return left, blocked


def _block(at: Address, live: Seen, manifest: Manifest, state: State, kind_of: Callable[[str], Kind]) -> list[str]:
    """The lines of a spec that lift a protection: the thing as it is, and its parent if the spec lacks that, too."""
    kind = kind_of(at.kind)
    parents = (one for one, held in state.resources.items() if one.kind == kind.parent and held.id == live.parent)
    parent = next(parents, None)
    whose = f"{parent.kind}: {parent.written}, " if parent else ""
    same = "" if kind.marked else f"import: {live.id}, "  # a number has nothing that it must say
    lines = [f"{kind.plural}:", f"  {at.written}: {{{whose}{same}protect: false}}"]
    if parent and parent not in manifest.by_address:
        return [f"{kind_of(parent.kind).plural}:", f"  {parent.written}: {{import: {live.parent}}}", *lines]
    return lines
