"""State lives in one object of a team's bucket, and is replaced by puts that a server does only under a condition.

An answer that was lost leaves open whether a put was done: the object is read again, and its write id tells. The same
put is then sent again, which is safe, since its condition holds once at most. A server that ignores conditions would
lose locks silently: so the first put of each sort is sent a second time, and must be refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import TypeVar

from apreconcile.core.errors import ConflictError, StoreError
from apreconcile.core.state import State

from .bucket import ABSENT, Bucket, BucketError, NothingThereError, RefusedError, UnansweredError
from .document import decode, document_name, encode, other_environments, stamped
from .store import Version, conflict

T = TypeVar("T")

LIMIT = 25.0
"""Seconds that a read or a swap may take, with all its tries."""
_PAUSES = (0.2, 1.0)
"""Seconds before the second and the third try."""


class ObjectStore:
    """The document of one project and environment below `url`, which is `s3://BUCKET` or `s3://BUCKET/PREFIX`.

    The bucket's server and its credentials are those of `environ`. Raises HostError or StoreError.
    """

    def __init__(
        self,
        url: str,
        project: str,
        environment: str,
        *,
        environ: Mapping[str, str],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        limit: float = LIMIT,
    ) -> None:
        self._project = project
        self._environment = environment
        self._pause = pause
        self._limit = limit
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        self._folder = prefix.rstrip("/")
        self._key = f"{self._folder}/{document_name(project, environment)}.json".removeprefix("/")
        self._bucket = Bucket(bucket, environ)
        self._place = f"s3://{bucket}/{self._key}"
        self._kept: set[bool] = set()
        """The sorts of condition, making (True) and replacing, that the server was seen to keep."""
        self._untold: dict[str, Version] = {}
        """Writes of ours that may have been done, though nobody was told so, and the version that each replaces."""

    def __repr__(self) -> str:
        return f"ObjectStore({self.place})"

    @property
    def place(self) -> str:
        """The URL of the document."""
        return self._place

    async def read(self) -> tuple[State | None, Version]:
        """The document, or None if there is none yet, and its version."""
        async with self._explained("read"):
            return await self._persistently(self._read)

    async def neighbours(self) -> tuple[str, ...]:
        """The other environments of the project that have an object below the prefix."""
        async with self._explained("listed"):
            names = await self._persistently(lambda: self._bucket.names(self._folder))
        return other_environments(names, self._project, self._environment)

    async def swap(self, state: State, version: Version) -> tuple[State, Version]:
        """Replace the document of this version. Where it raises StoreError or is cancelled, it may yet have been done.

        In that case this store knows its own write again, and the next swap of the same version replaces it.
        """
        async with self._explained("written"):
            while True:
                state, before = await self._caught_up(state, version)
                mine = stamped(state)
                if now := await self._written(mine, before, version):
                    self._untold.clear()
                    return mine, now

    async def _read(self) -> tuple[State | None, Version]:
        try:
            content, version = await self._bucket.get(self._key)
        except NothingThereError:
            return None, ABSENT
        return decode(content, source=self.place, project=self._project, environment=self._environment), version

    async def _caught_up(self, state: State, version: Version) -> tuple[State, Version]:
        """What to go on from: an earlier write of ours that replaced this version, if nobody was told that it did."""
        if version in self._untold.values():
            stored, now = await self._persistently(self._read)
            if stored and self._untold.get(stored.write) == version:
                return replace(state, id=stored.id, seed=stored.seed, serial=stored.serial), now
        return state, version

    async def _written(self, mine: State, before: Version, version: Version) -> Version | None:
        """The new version; None if an earlier write of ours, that nobody was told of, came before this one."""
        try:
            now = await self._persistently(lambda: self._put(mine, before, version))
            if now:
                await self._persistently(lambda: self._prove(mine, before))
        except ConflictError:
            raise
        except BaseException:
            self._untold[mine.write] = version
            raise
        return now

    async def _put(self, mine: State, before: Version, version: Version) -> Version | None:
        """One try. Raises ConflictError if another document is there by now, BucketError if the old one is.

        None if what is there is an earlier write of ours that replaced this version late: then this one is not done.
        """
        try:
            return await self._bucket.put(self._key, encode(mine), before)
        except (RefusedError, UnansweredError) as problem:
            trouble = problem
        stored, now = await self._persistently(self._read)
        if stored and stored.write == mine.write:
            return now
        if now != before and stored and self._untold.get(stored.write) == version:
            return None
        if now != before:
            raise conflict(self.place)
        raise trouble

    async def _prove(self, mine: State, before: Version) -> None:
        """Send the put that was done once more. Raises StoreError if it is done again: its condition was ignored."""
        making = before == ABSENT
        if making in self._kept:
            return
        try:
            await self._bucket.put(self._key, encode(mine), before)
        except RefusedError:
            self._kept.add(making)
            return
        header = "If-None-Match" if making else "If-Match"
        raise StoreError(
            f"{self._bucket.url} ignores {header}: two runs at once would both believe that they hold the state",
            hint="use a bucket of Amazon S3, or a server that does conditional writes",
        )

    async def _persistently(self, ask: Callable[[], Awaitable[T]]) -> T:
        for pause in _PAUSES:
            with suppress(RefusedError, UnansweredError):
                return await ask()
            await self._pause(pause)
        return await ask()

    @asynccontextmanager
    async def _explained(self, verb: str) -> AsyncIterator[None]:
        """A bucket's error in a sentence. What a server said is not chained to it: it may hold a token."""
        try:
            async with asyncio.timeout(self._limit):
                yield
        except BucketError as problem:
            raise StoreError(f"{self.place} could not be {verb}: {problem.why}", hint=problem.hint) from None
        except TimeoutError:
            reason = f"{self.place} could not be {verb}: no answer in {self._limit:g} seconds"
            raise StoreError(reason, hint=f"try again; is {self._bucket.url} slow, or out of reach?") from None
