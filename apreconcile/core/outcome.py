"""Every step ends in one word, and a report says them all."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .address import Address


class Word(StrEnum):
    """The six words a step can end in."""

    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    HELD = "held"
    STALE = "stale"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one step ended. `because` of a skipped one: an address, `interrupted`, `policy` or `unknown-purchase`."""

    address: Address
    action: str
    word: Word
    because: str | None = None
    id: str | None = None
    phone_number: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Remaining:
    """A change that this run left for another."""

    address: Address
    action: str


@dataclass(frozen=True, slots=True)
class Report:
    """What an apply did. `converged` is None where nothing was looked at again."""

    exit: int
    converged: bool | None
    digest: str
    outcomes: tuple[Outcome, ...]
    remaining: tuple[Remaining, ...]
    requests: int
    warnings: tuple[str, ...] = ()
    monthly: str = "0.00"
    """What the taken steps add to the monthly bill, in US dollars."""
