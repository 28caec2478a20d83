"""What every step of an apply shares: the ids known so far, the words given so far, and when to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from apreconcile.core.address import Address
from apreconcile.core.call import Call, Reply, Secret
from apreconcile.core.outcome import Outcome, Word
from apreconcile.core.plan import Step
from apreconcile.core.sink import Sink
from apreconcile.core.snapshot import Seen

from .limits import Pace
from .record import Record

Name = tuple[str, str]


Deliver: TypeAlias = Callable[[Address, Sink, Secret], Awaitable[str]]
"""A secret goes to its sink; what a person should know of it comes back. Raises SinkError if it was not taken."""


class SendBy(Protocol):
    """Sends one call without holes; after `send_by` (the pace's clock) no byte leaves; `once` never repeats it."""

    def __call__(self, call: Call, *, send_by: float | None = None, once: bool = False) -> Awaitable[Reply]:
        """The reply; raises what the client raises."""
        ...


class Watch(Protocol):
    """Is told what happens, as it happens."""

    def began(self, step: Step) -> None:
        """A step is about to be sent."""

    def ended(self, step: Step, outcome: Outcome) -> None:
        """A step has its word."""


class Stop:
    """A wish to stop: `soft` starts nothing more, `hard` gives up waiting for what is in flight."""

    def __init__(self) -> None:
        self.soft = asyncio.Event()
        self.hard = asyncio.Event()

    def ask(self) -> None:
        """The first call finishes the calls in flight, the second gives up waiting."""
        (self.hard if self.soft.is_set() else self.soft).set()


@dataclass(slots=True)
class Work:
    """One apply under way. `relist` reads all numbers again, before a refused purchase is sent once more."""

    send: SendBy
    ready: Callable[[], Awaitable[None]]
    """Waits as long as the API asked."""
    record: Record
    pace: Pace
    stop: Stop
    watch: Watch
    relist: Callable[[str], Awaitable[tuple[Seen, ...]]]
    marker: Callable[[Seen], str | None]
    concurrency: int
    seen: dict[str, tuple[str, ...]]
    """Every live id by kind, as the plan saw them."""
    doubtful: Callable[[Step], bool] = lambda _step: False
    """Whether the answer to a step is believed only once it is read back."""
    deliver: Deliver | None = None
    """None where no secret leaves: then all of them count as delivered."""
    ids: dict[Address, str] = field(default_factory=dict)
    words: dict[Name, Outcome] = field(default_factory=dict)
    unknown_purchase: bool = False
    notes: list[str] = field(default_factory=list)
    """What a person should know although every step has its word."""

    def skips(self, step: Step) -> str | None:
        """Why a step is not taken any more, if it is not: the word of `Outcome.because`."""
        if self.stop.soft.is_set():
            return "interrupted"
        return "unknown-purchase" if step.spends and self.unknown_purchase else None

    def give(
        self, step: Step, word: Word, *, because: str | None = None, error: str | None = None, changed: bool = False
    ) -> Outcome:
        """Give a step its word; `changed` says that something was done all the same."""
        sink = step.delivery.sink if step.delivery and self.deliver and word is Word.DONE else None
        live = step.live
        held = self.record.state.resources.get(step.address)
        ident = self.ids.get(step.address) or (live.id if live else None)
        phone = (held.phone_number if held else None) or (live.body.get("phoneNumber") if live else None)
        outcome = Outcome(
            step.address, step.action, word, because, ident, phone, error,
            changed=changed or word is Word.DONE, verb=step.verb, delivered=str(sink) if sink else None,
        )  # fmt: skip
        self.words[step.name] = outcome
        self.watch.ended(step, outcome)
        return outcome
