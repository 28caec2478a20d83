"""The record carries every result into the state document: one swap in flight at a time, with all results so far.

Opening an intent waits until it is durable; a result is written as it arrives. Under load writes are spaced, so that
they grow with time and batches, not with resources: what a kill leaves unwritten is covered by the open intents.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from apreconcile.core.errors import Error, LockedError
from apreconcile.core.state import Lock, State

from .limits import Pace
from .together import either

Keep: TypeAlias = Callable[[State], Awaitable[State]]
"""One swap: the document to store goes in, the document as stored comes out. Raises ConflictError or StoreError."""
Edit: TypeAlias = Callable[[State], State]

LEASE = timedelta(minutes=5)
SPACING, URGENT = 0.25, 0.05
"""Seconds between two writes of ordinary results, and of what was bought."""


def stamp(moment: datetime) -> str:
    """A moment as the document has it: ISO 8601 in UTC with microseconds and a Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lock: a random run id, a person, a machine."""

    run: str
    who: str
    where: str


class Record:
    """The state of a run. `unsaved` is the error that keeps results out of the store, if one does.

    `conflict` is true once another run turned out to hold the document.
    """

    def __init__(self, state: State, keep: Keep, holder: Holder, *, pace: Pace, now: Callable[[], datetime]) -> None:
        self.state = self.stored = state
        """What this run knows, and what of it is durable."""
        self.writes = 0
        self.unsaved: Error | None = None
        self.conflict = False
        self.now_is = now
        self.holder = holder
        self._keep = keep
        self._pace = pace
        self._since = now()
        self.deadline = 0.0
        """The moment of the pace's clock after which this run writes nothing more."""
        self._swapping = asyncio.Lock()
        self.dirty = False
        self._last = self._cost = 0.0
        self._task: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    async def now(self, edit: Edit) -> None:
        """Change the state and wait until it is durable. Raises what the swap raised; the change stays in memory."""
        self.state = edit(self.state)
        self.dirty = True
        await self._flush()

    def soon(self, edit: Edit, *, urgent: bool = False) -> None:
        """Change the state and let it become durable; at once if `urgent` or if nothing was written lately."""
        self.state = edit(self.state)
        self.dirty = True
        if urgent:
            self._hurry.set()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._later())

    async def hold(self) -> None:
        """Make sure that the lock is ours for another minute, and that results can be written.

        Raises LockedError after the lock's deadline or once another run wrote the state, StoreError if it refuses.
        """
        left = self.deadline - self._pace.clock()
        if self.unsaved or left < LEASE.total_seconds() / 2:
            await self.now(lambda state: state)
        if self.conflict or self.deadline <= self._pace.clock():
            self.conflict = True
            raise LockedError("this run's lock has ended; nothing more is sent", hint="run it again")

    async def close(self) -> None:
        """Write what is left and give the lock back. Raises what the swap raised."""
        self._hurry.set()
        if self._task:
            await asyncio.gather(self._task, return_exceptions=True)
        async with self._swapping:
            await self._swap(None)

    async def _later(self) -> None:
        """Write what there is, until there is nothing: spaced, and never for more than half of the time."""
        while self.dirty:
            if not self._hurry.is_set():
                await either(self._pause_until(self._last + SPACING), self._hurry.wait())
            self._hurry.clear()
            await self._pause_until(self._last + max(self._cost, URGENT))
            try:
                await self._flush()
            except Error as problem:
                self.unsaved = problem
                return

    async def _pause_until(self, moment: float) -> None:
        left = moment - self._pace.clock()
        if left > 0:
            await self._pace.pause(left)

    async def _flush(self) -> None:
        async with self._swapping:
            if self.dirty:
                await self._swap(self._lock())

    async def _swap(self, lock: Lock | None) -> None:
        self.dirty = False
        started = self._pace.clock()
        try:
            stored = await self._keep(replace(self.state, lock=lock))
        except BaseException as problem:
            self.dirty = True
            self.conflict = self.conflict or isinstance(problem, LockedError)
            raise
        self.unsaved = None
        self.stored = stored
        self.writes += 1
        self._last = self._pace.clock()
        self._cost = self._last - started
        self.deadline = started + LEASE.total_seconds()
        self.state = replace(
            self.state, id=stored.id, seed=stored.seed, serial=stored.serial, write=stored.write, lock=lock
        )

    def _lock(self) -> Lock:
        until = self.now_is() + LEASE
        return Lock(self.holder.run, self.holder.who, self.holder.where, stamp(self._since), stamp(until))
