"""apreconcile runs as a child whose words go to the log at once, and which a cancelled job stops as Ctrl-C would."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_PROGRAM = (sys.executable, "-P", "-m", "apreconcile")
"""That of this Python; -P, so that no file of the workspace passes for a module."""

_OURS = ("GITHUB_TOKEN", "INPUT_")
_KEYS = "AGENTPHONE_"


@dataclass(frozen=True, slots=True)
class Ended:
    """An exit code, what was printed, and what was said on the way."""

    code: int
    out: str
    err: str


def run(args: Sequence[str], *, keys: Collection[str] | None = None) -> Ended:
    """Run apreconcile: never with the token that comments are written with.

    Where nothing is to be sent, `keys` are the variables that hold one besides AgentPhone's own, and it gets none.
    """
    withheld = _OURS if keys is None else (*_OURS, _KEYS)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(withheld)}
    environ = {name: value for name, value in environ.items() if name not in (keys or ())}
    with _muted(), tempfile.TemporaryFile() as printed:
        print("$ apreconcile", *(_told(word) for word in args), flush=True)
        code, err = _ended([*_PROGRAM, *args], environ, printed)
        printed.seek(0)
        return Ended(code, printed.read().decode(errors="replace"), err)


def _told(word: str) -> str:
    """An argument for the log: the value of a variable may be somebody's secret."""
    return "=".join([*word.split("=")[:2], "…"]) if word.startswith("--var=") else word


def _ended(words: Sequence[str], environ: Mapping[str, str], printed: Any) -> tuple[int, str]:
    """Run, hand on what is said, and wait. It is in a session of its own, so that a signal comes once."""
    said: list[str] = []
    with subprocess.Popen(
        words, env=environ, stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.PIPE, start_new_session=True
    ) as child, _stopping(child):  # fmt: skip
        for line in child.stderr or ():
            said.append(line.decode(errors="replace"))
            print(said[-1], end="", flush=True)
        code = child.wait()
    return code, "".join(said)


@contextmanager
def _stopping(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Hand the signals of a cancelled job on: the first finishes what is in flight, the second gives up waiting."""

    def stop(*_: object) -> None:
        child.send_signal(signal.SIGINT)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def show(text: str) -> None:
    """Print a text that others wrote into the log."""
    with _muted():
        print(text, flush=True)


@contextmanager
def _muted() -> Iterator[None]:
    """What is printed inside is text for the runner, and no command to it."""
    word = secrets.token_hex(16)
    print(f"::stop-commands::{word}", flush=True)
    try:
        yield
    finally:
        print(f"\n::{word}::", flush=True)
