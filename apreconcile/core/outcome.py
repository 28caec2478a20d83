"""Every step ends in one word, and a report says them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from .address import Address
from .change import Blocked
from .plan import Plan

PROTECTIONS = frozenset({"protect", "unprotect"})
"""The verbs of a step that changes the protection of its address, and stands beside another update of it."""
UNSAFE = 9
"""The exit code of a block that makes writing unsafe."""


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
    """How one step ended. `because` of a skipped one: an address, `interrupted`, `policy` or `unknown-purchase`.

    A done one of a saved plan says `nothing-to-do` if no call was left to be sent.
    `changed` is true if anything was done, also by a step that failed half-way. `token` is what a held step waits for
    now: the first write of a state gives it an id, and so all steps new tokens. `approved_by` are the names in files of
    approvals, `signed` how many persons signed what is held.
    """

    address: Address
    action: str
    word: Word
    because: str | None = None
    id: str | None = None
    phone_number: str | None = None
    error: str | None = None
    token: str | None = None
    changed: bool = False
    approved_by: tuple[str, ...] = ()
    signed: int = 0
    verb: str = ""
    """What the step does: the word of its approval (`buy`, `release`, `unprotect`), `protect`, or else its action."""
    delivered: str | None = None
    """The sink that was handed its secret, in words."""

    @property
    def name(self) -> tuple[str, str]:
        """Which step of its plan it is the outcome of: that step's `name`."""
        return (str(self.address), "protect" if self.verb in PROTECTIONS else self.action)


class Arrival(StrEnum):
    """What became of a test event."""

    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verified:
    """A test event and what became of it: the receiver's HTTP status, and why it failed or is not known."""

    address: Address
    arrival: Arrival
    status: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Remaining:
    """A change that this run left for another."""

    address: Address
    action: str
    verb: str = ""


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
    blocked: tuple[Blocked, ...] = ()
    """What stood in the way of the plan."""
    settled: tuple[str, ...] = ()
    """What was found out about creations of earlier runs, a sentence each."""
    monthly: str = "0.00"
    """What the taken steps add to the monthly bill, in US dollars, as far as it is known."""
    unpriced: tuple[Address, ...] = ()
    """The taken steps of which nobody knows what they add."""
    signatures: int = 0
    """How many persons have to sign a step that wants an approval; 0 where a token is enough."""
    verified: tuple[Verified, ...] = ()
    """What became of the test events of `--verify`."""
    destroys: bool = False
    """Whether all that the state had was to go."""


def exit_code(
    plan: Plan,
    outcomes: Sequence[Outcome] = (),
    *,
    converged: bool | None = None,
    unsaved: bool = False,
    conflict: bool = False,
    stopped: bool = False,
    verified: Sequence[Verified] = (),
    doubted: bool = False,
) -> int:
    """The first of 6 7 8 9 1 5 4 3 130 that holds, else 0; it agrees with what is printed.

    With `doubted` what failed did so because an answer could not be believed. A test event that is not known to have
    arrived is a failure: it changes nothing, so nothing is left to be settled.
    """
    words = {outcome.word for outcome in outcomes}
    stops = {one.exit for one in plan.blocked}
    changed, failed = any(outcome.changed for outcome in outcomes), Word.FAILED in words
    failed = failed or any(one.arrival is not Arrival.DELIVERED for one in verified)
    holds = {
        6: Word.UNKNOWN in words or bool(plan.unsettled),
        7: changed and (failed or unsaved or converged is False),
        8: conflict,
        9: bool(plan.unsafe) or UNSAFE in stops or (doubted and failed),
        1: failed,
        5: bool(stops - {UNSAFE}),
        4: Word.STALE in words,
        3: Word.HELD in words,
        130: stopped,
    }
    return next((code for code, held in holds.items() if held), 0)
