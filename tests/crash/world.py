"""The sandbox in a process of its own, one for each API, and what may be asked of it from outside."""

from __future__ import annotations

import asyncio
import gc
import json
import mmap
import os
import struct
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from http.client import HTTPConnection
from typing import Any, Literal

from apreconcile.live.limits import Pace
from apreconcile.sandbox import Options, serve

Profile = Literal["2025", "2026"]
PROFILES: tuple[Profile, ...] = ("2026", "2025")


def served(work: Callable[[Callable[[str], object]], object]) -> str:
    """Fork a server that lives as long as this process; the first line that it announces, once it listens."""
    read, write = os.pipe()
    parent = os.getpid()
    if os.fork() == 0:
        try:
            os.close(read)
            threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
            work(lambda line: os.write(write, f"{line}\n".encode()))
        finally:
            os._exit(1)
    os.close(write)
    with os.fdopen(read) as told:
        return told.readline().strip()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(0)


class World:
    """One sandbox and its time, which every process of a case shares: who waits for a second is a second later at once.

    Not one of its connections outlives a call, so that forked processes share none.
    """

    def __init__(self, profile: Profile) -> None:
        options = Options(db=":memory:", profile=profile)
        self.profile = profile
        self.url = served(lambda announce: serve(options, announce=announce)).removeprefix("listening on ")
        self.carried = False
        self._since = datetime.now(UTC)
        self._skipped = mmap.mmap(-1, 8)

    @property
    def skipped(self) -> float:
        """The seconds that nobody waited for."""
        seconds: float = struct.unpack("d", self._skipped[:8])[0]
        return seconds

    def skip(self, seconds: float) -> None:
        """Let time pass; in the sandbox, too, where a case is about its time."""
        self._skipped[:8] = struct.pack("d", self.skipped + seconds)
        if self.carried:
            self.ask("POST", "/_sandbox/clock", {"advance": seconds})

    def now(self) -> datetime:
        """The time of day. It stands still but for what is skipped, so that a case is the same on every machine."""
        return self._since + timedelta(seconds=self.skipped)

    def pace(self, before: Callable[[], object]) -> Pace:
        """This time as a run has it; `before` is called before any of it passes."""

        async def pause(seconds: float) -> None:
            before()
            self.skip(seconds)
            await asyncio.sleep(0)

        return Pace(lambda: self.skipped, pause, lambda _, longest: longest)

    def ask(self, method: str, path: str, body: Any = None, *, key: str = "") -> Any:
        """Ask the sandbox something; its JSON, or None for anything but a 200."""
        connection = HTTPConnection(self.url.removeprefix("http://"), timeout=60)
        try:
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read()
            return json.loads(content) if answer.status == 200 else None
        finally:
            connection.close()

    def queued(self) -> list[Any]:
        """The faults that have not acted for the last time."""
        faults: list[Any] = self.ask("GET", "/_sandbox/faults")["queued"]
        return faults


@cache
def world(profile: Profile) -> World:
    """The sandbox of this process for an API."""
    made = World(profile)
    gc.collect()
    gc.freeze()  # a forked process then shares what is there already, untouched by a collection
    return made
