"""What a plan is about: everything of the spec and of ours, and what each hangs on, also where nothing changes."""

from __future__ import annotations

from .address import Address
from .call import IdOf, Secret
from .findings import Findings
from .kind import Kind, Refers
from .plan import Member
from .snapshot import Seen
from .wanted import Wanted


def members(found: Findings) -> tuple[Member, ...]:
    """Every resource of the spec, and what leaves with this plan, sorted by (rank of kind, key)."""
    ranks = {kind.name: rank for rank, kind in enumerate(found.kinds)}
    told = [_wanted(found, wanted) for wanted in found.manifest.resources]
    told += [_leaving(found, at, seen) for at, seen in found.matching.orphans.items()]
    return tuple(sorted(told, key=lambda one: (ranks[one.address.kind], one.address)))


def _wanted(found: Findings, wanted: Wanted) -> Member:
    kind, seen = found.kind(wanted.address.kind), found.matching.bound.get(wanted.address)
    return Member(wanted.address, _label(found, wanted.address, seen), _parent(found, kind, wanted, seen))


def _leaving(found: Findings, at: Address, seen: Seen) -> Member:
    return Member(at, _label(found, at, seen), _holder(found, found.kind(at.kind), seen))


def _label(found: Findings, at: Address, seen: Seen | None) -> str:
    """What a person would call it; nothing of what is new, or has a field that is or was a secret."""
    wanted, held = found.manifest.by_address.get(at), found.state.resources.get(at)
    secret = any(isinstance(value, Secret) for value in wanted.fields.values()) if wanted else False
    remembered = any(memory.secret for memory in held.fields.values()) if held else False
    return "" if seen is None or secret or remembered else found.kind(at.kind).label(seen)


def _parent(found: Findings, kind: Kind, wanted: Wanted, seen: Seen | None) -> Address | None:
    """What it hangs on once the plan is done: what the spec says, or what it hangs on now."""
    if kind.single:
        return wanted.parent
    name, _ = _reference(kind)
    if name in wanted.fields:
        value = wanted.fields[name]
        return value.address if isinstance(value, IdOf) else None
    return _holder(found, kind, seen) if seen else None


def _holder(found: Findings, kind: Kind, seen: Seen) -> Address | None:
    """What a live thing hangs on, if that is ours."""
    _, above = _reference(kind)
    return found.matching.owners.get((above, seen.parent or kind.hangs_on(seen) or ""))


def _reference(kind: Kind) -> tuple[str, str]:
    """The field that names what a kind hangs on, and of which kind that is; nothing for one that hangs on nothing."""
    marks = ((name, kind.mark(name, Refers)) for name in kind.marks)
    return next(((name, mark.kind) for name, mark in marks if mark), ("", ""))
