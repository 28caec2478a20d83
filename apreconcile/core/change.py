"""A change is a difference between what is wanted and what was seen: a closed union, matched exhaustively."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as attribute
from datetime import timedelta
from typing import TypeAlias

from .address import Address
from .snapshot import Seen
from .wanted import Wanted
from .wire import Wire


@dataclass(frozen=True, slots=True)
class FieldDiff:
    """`field` is the spec's word (`agent`, `customTools[lookup].url`). A secret's values are never shown."""

    field: str
    before: Wire = attribute(repr=False)
    after: Wire = attribute(repr=False)
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Create:
    """To be made. `again` is the lost thing's id if this replaces one that we had; `lifetime` how long it lives."""

    address: Address
    wanted: Wanted
    fields: tuple[FieldDiff, ...]
    marker: str
    again: str | None = None
    lifetime: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """To be changed. `send` has the wire values of the changed fields, merged where a field is set whole.

    If it is empty nothing is sent: only the secret that is there goes to a sink.
    """

    address: Address
    wanted: Wanted
    live: Seen
    fields: tuple[FieldDiff, ...]
    send: Mapping[str, Wire] = attribute(repr=False)


@dataclass(frozen=True, slots=True)
class Delete:
    """Ours, and no longer wanted."""

    address: Address
    live: Seen
    parent: Address | None = None


@dataclass(frozen=True, slots=True)
class Adopt:
    """There, wanted, and not ours yet. `how` says in words why it is taken."""

    address: Address
    wanted: Wanted
    live: Seen
    marker: str
    how: str


@dataclass(frozen=True, slots=True)
class Move:
    """Ours under another key (`source`) until now. `live` is None where it cannot be seen any more."""

    address: Address
    source: Address
    wanted: Wanted
    live: Seen | None
    marker: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Ours until now, and nobody's from now on; `marker` is the one of its address."""

    address: Address
    live: Seen
    marker: str


@dataclass(frozen=True, slots=True)
class Protect:
    """Protection against deletion, put on or (`protect` False) lifted: only the state knows it, no call is sent."""

    address: Address
    wanted: Wanted
    live: Seen
    protect: bool


Deed: TypeAlias = Create | Update | Delete | Adopt
"""What is done about a thing: what a kind is asked about."""
Naming: TypeAlias = Move | Forget
"""What changes only the name under which we have a thing: no call of it is more than its marker."""
Bookkeeping: TypeAlias = Naming | Protect
"""What only the state knows of, but for a marker."""
Change: TypeAlias = Deed | Bookkeeping


def action(change: Change) -> str:
    """The change's word in the plan file."""
    return "update" if isinstance(change, Protect) else type(change).__name__.lower()


@dataclass(frozen=True, slots=True)
class Blocked:
    """Something wanted that no call of this plan can bring about; not a step.

    `address` is None where the account as a whole is meant. `exit` is 5, or 9 where writing would be unsafe.
    """

    address: Address | None
    reason: str
    hint: str = ""
    exit: int = 5
