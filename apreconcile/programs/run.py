"""A program runs without a shell, in a session of its own, and ends: by itself, at its time, or with who waits for it.

It has no terminal, so it can ask nothing. What ends it early ends its whole group: SIGTERM first, so that it can clean
up its lock files, then SIGKILL.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from apreconcile.core.errors import Error
from apreconcile.core.url import without_password

TIMEOUT = 60.0
"""Seconds that a program may take: a hang bound, far above what is usual."""

LIMIT = 64 * 1024 * 1024
"""Bytes that a program may say on either of its outputs."""

_GRACE = 2.0
"""Seconds that a program has to clean up, and that its outputs stay open after its end."""


class Ended(NamedTuple):
    """How a program ended: its exit code (negative: the signal), stdout, and stderr as text without passwords."""

    code: int
    out: bytes
    err: str


async def run(
    program: str,
    args: Sequence[str],
    *,
    folder: Path,
    environ: Mapping[str, str],
    stdin: bytes = b"",
    seconds: float = TIMEOUT,
) -> Ended:
    """Run a program of `PATH` in a folder, with exactly this environment. Any exit code is an answer.

    Raises Error if it cannot be started, has not ended after so many seconds, or says more than `LIMIT`.
    """
    path = found(program, environ)
    try:
        transport, child = await _started([path, *args], folder, environ)
    except (OSError, ValueError) as problem:
        raise Error(f"{program} could not be started in {folder}: {problem}", hint=_asked(program)) from problem
    try:
        return await _answer(program, transport, child, stdin, seconds)
    finally:
        await _close(transport, child)


class _Child(asyncio.SubprocessProtocol):
    """Gathers what a program says. Its outputs may outlive it, where a child of its own holds them open."""

    def __init__(self) -> None:
        self.said = {1: bytearray(), 2: bytearray()}
        self.full = asyncio.Event()
        self.exited = asyncio.Event()
        self.silent = asyncio.Event()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if len(self.said[fd]) + len(data) > LIMIT:
            self.full.set()
        else:
            self.said[fd] += data

    def process_exited(self) -> None:
        self.exited.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- the library's own signature
        self.silent.set()


async def _started(
    command: Sequence[str], folder: Path, environ: Mapping[str, str]
) -> tuple[asyncio.SubprocessTransport, _Child]:
    """The program, running. Whoever is cancelled meanwhile ends all of it: it may have started others by then."""
    start = asyncio.get_running_loop().subprocess_exec
    starting = asyncio.ensure_future(start(_Child, *command, cwd=folder, env=environ, start_new_session=True))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        with suppress(OSError, ValueError):
            await _close(*await starting)
        raise


async def _answer(
    program: str, transport: asyncio.SubprocessTransport, child: _Child, stdin: bytes, seconds: float
) -> Ended:
    pipe = transport.get_pipe_transport(0)
    if isinstance(pipe, asyncio.WriteTransport):
        pipe.write(stdin)
        pipe.close()
    await _first(child.exited, child.full, seconds=seconds)
    if child.full.is_set():
        raise Error(f"{program} said more than {LIMIT} bytes and was ended", hint=_asked(program))
    code = transport.get_returncode()
    if code is None:
        raise Error(f"{program} did not end within {seconds:g} seconds and was ended", hint="try again")
    await _first(child.silent, seconds=_GRACE)
    return Ended(code, bytes(child.said[1]), without_password(child.said[2].decode(errors="replace")))


async def _first(*events: asyncio.Event, seconds: float) -> None:
    """Wait until one of them is set, or the time is over."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def _close(transport: asyncio.SubprocessTransport, child: _Child) -> None:
    """End the program with its whole group, unless it has ended, and forget it."""
    group = transport.get_pid()
    try:
        if transport.get_returncode() is None:
            _signal(group, signal.SIGTERM)
            await _first(child.exited, seconds=_GRACE)
            _signal(group, signal.SIGKILL)
            await _first(child.exited, seconds=_GRACE)
    except asyncio.CancelledError:
        _signal(group, signal.SIGKILL)
        raise
    finally:
        transport.close()


def _signal(group: int, which: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, which)


def found(program: str, environ: Mapping[str, str]) -> str:
    """The program's file, as `run` finds it. Raises Error if there is none.

    A relative folder of `PATH` is passed over: what lies in the spec's folder is not run.
    """
    path = environ.get("PATH", os.defpath)
    folders = os.pathsep.join(folder for folder in path.split(os.pathsep) if Path(folder).is_absolute())
    file = shutil.which(program, path=folders)
    if file is None:
        raise Error(f"there is no program {program} on PATH", hint=f"install it, then try: {_asked(program)}")
    return file


def _asked(program: str) -> str:
    """The command that shows whether a program is there and starts."""
    return "ssh -V" if program == "ssh-keygen" else f"{program} --version"
