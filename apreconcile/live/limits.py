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

_TRUST = 50


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
    """One per client: how many calls are under way, how many of those send, and a moment before which none does.

    `concurrency` calls are under way at a time, until each has its end. At first all of them may send at once; each
    time that the API asks for a wait only half as many, and one more after every fifty that got through. Who was told
    to wait goes before those that never tried, so that a slow limit starves nobody.
    """

    def __init__(self, concurrency: int, pace: Pace) -> None:
        self._pace = pace
        self._most = self._width = max(1, concurrency)
        self._turns = asyncio.Semaphore(self._most)
        self._senders = asyncio.Semaphore(self._most)
        self._owed = 0
        self._fine = 0
        self._line = asyncio.Lock()
        self._until = float("-inf")

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Be under way."""
        async with self._turns:
            yield

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Send one request, as soon as that is allowed."""
        await self._senders.acquire()
        try:
            await self.opening()
            yield
        finally:
            if self._owed:
                self._owed -= 1
            else:
                self._senders.release()

    async def hold(self, seconds: float) -> None:
        """Let nobody send for so long, and fewer afterwards. Returns at once."""
        now = self._pace.clock()
        first, self._until = now >= self._until, max(self._until, now + seconds)
        for _ in range(self._width // 2 if first else 0):
            self._width -= 1
            if self._senders.locked():
                self._owed += 1
            else:
                await self._senders.acquire()
        self._fine = 0

    def fine(self) -> None:
        """A request got through."""
        self._fine += 1
        if self._width < self._most and self._fine >= _TRUST:
            self._fine = 0
            self._width += 1
            if self._owed:
                self._owed -= 1
            else:
                self._senders.release()

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
