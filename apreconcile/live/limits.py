"""However many want to send, a bounded number does; when the API asks one call to wait, all of them wait."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

LONGEST_WAIT = 60.0
"""Seconds: no `Retry-After` is honoured beyond it, and no call spends more than it on waiting for its own retries."""


def since_boot() -> float:
    """Seconds that never jump back and go on while the machine sleeps: a deadline passes on a closed laptop too."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(frozen=True, slots=True)
class Pace:
    """How time passes for a client: seconds of its clock, how it waits, and a random number between two."""

    clock: Callable[[], float] = since_boot
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    between: Callable[[float, float], float] = random.SystemRandom().uniform


class Limits:
    """One per client: at most `concurrency` calls at a time, and one shared moment before which nothing is sent.

    Whoever waits for that moment keeps its turn, and they go in the order in which they came to wait. So a call that
    was told to wait goes before those that never tried, and a slow limit starves nobody.
    """

    def __init__(self, concurrency: int, pace: Pace) -> None:
        self._turns = asyncio.Semaphore(max(1, concurrency))
        self._line = asyncio.Lock()
        self._pace = pace
        self._until = float("-inf")

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold one of the places."""
        async with self._turns:
            yield

    def hold(self, seconds: float) -> None:
        """Let nobody send for so long."""
        self._until = max(self._until, self._pace.clock() + seconds)

    def too_long(self, send_by: float | None) -> bool:
        """Whether sending is held until after this moment of the clock."""
        return send_by is not None and self._until > send_by

    async def opening(self) -> None:
        """Wait until sending is allowed."""
        async with self._line:
            waited_for = None
            while waited_for != self._until and (left := self._until - self._pace.clock()) > 0:
                waited_for = self._until
                await self._pace.pause(left)
