"""What is said while it takes long: a moving line on a terminal, plain lines anywhere else; always on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from apreconcile.core.change import Protect
from apreconcile.core.outcome import Outcome
from apreconcile.core.plan import Step
from apreconcile.show import escape
from apreconcile.show.screen import quiet

from .terminal import Terminal

SOON, EVERY = 0.4, 10.0
"""Seconds until looking at an account is worth a moving line, and between two plain ones."""


class Meter(Protocol):
    """Something that shows how far a run is."""

    def began(self, step: Step) -> None:
        """A step is about to be sent."""

    def ended(self, step: Step, outcome: Outcome) -> None:
        """A step has its word."""

    def remark(self, text: str) -> None:
        """Say something else meanwhile."""


class Requests:
    """Is told of each request: with -v a line each; else, once looking takes long, how many there were."""

    def __init__(self, terminal: Terminal, *, verbose: bool = False) -> None:
        self._terminal = terminal
        self._verbose = verbose
        self._what = ""
        self._count = 0
        self._next = 0.0
        self._status: Any = None

    def __call__(self, line: str) -> None:
        """A request was answered."""
        self._count += 1
        if self._verbose:
            self._terminal.talk([quiet(escape.line(line))])
        elif self._what and not self._terminal.quiet and time.monotonic() >= self._next:
            self._tell(f"{self._what}: {self._count:,} requests so far")

    @contextmanager
    def shown(self, what: str) -> Iterator[None]:
        """While this is done, requests are told."""
        self._what, self._next = what, time.monotonic() + (SOON if self._terminal.paints_talk else EVERY)
        try:
            yield
        finally:
            self._what = ""
            if self._status:
                self._status.stop()
                self._status = None

    def _tell(self, text: str) -> None:
        if not self._terminal.paints_talk:
            self._next = time.monotonic() + EVERY
            self._terminal.remark(text)
        elif self._status:
            self._status.update(text)
        else:
            self._status = _spinner(text, colour=self._terminal.colour)


def _spinner(text: str, *, colour: bool) -> Any:
    """A moving line on stderr. rich is loaded only for it: 50 ms that short work does not pay."""
    from rich.console import Console  # noqa: PLC0415 -- the start-up gain named above

    console = Console(file=sys.stderr, no_color=not colour, highlight=False, markup=False, emoji=False)
    status = console.status(text)
    status.start()
    return status


@contextmanager
def applying(terminal: Terminal, steps: Sequence[Step]) -> Iterator[Meter]:
    """How an apply is told: a bar on a terminal, a line for each step elsewhere, nothing if quiet."""
    if terminal.quiet:
        yield _Silent()
    elif not terminal.paints_talk:
        yield _Plain(terminal)
    else:
        with _bar(len(steps), colour=terminal.colour) as bar:
            yield bar


def _named(step: Step) -> str:
    """A protection tells by its verb that it is not the other update of its address."""
    return f"{step.action} {step.address}" + (f" ({step.verb})" if isinstance(step.change, Protect) else "")


class _Silent:
    """Says nothing."""

    def began(self, step: Step) -> None:
        pass

    def ended(self, step: Step, outcome: Outcome) -> None:
        pass

    def remark(self, text: str) -> None:
        pass


class _Plain(_Silent):
    """A line for each step that has its word."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def remark(self, text: str) -> None:
        self._terminal.remark(text)

    def ended(self, step: Step, outcome: Outcome) -> None:
        known = "  ".join(part for part in (outcome.phone_number, outcome.id) if part)
        because = f"  ({outcome.because})" if outcome.because else ""
        text = f"{outcome.word:<8} {_named(step)}  {known}{because}"
        self._terminal.remark(escape.line(text.rstrip()))


class _Bar:
    """How many steps have their word, and what the last one was."""

    def __init__(self, progress: Any, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0
        self._task = progress.add_task("", total=total, what="")

    def began(self, step: Step) -> None:
        self._show(_named(step))

    def ended(self, step: Step, outcome: Outcome) -> None:
        self._done += 1
        self._show(f"{outcome.word} {_named(step)}")

    def remark(self, text: str) -> None:
        self._progress.console.print(text)

    def _show(self, what: str) -> None:
        self._progress.update(self._task, completed=self._done, what=escape.line(what, 48))


@contextmanager
def _bar(total: int, *, colour: bool) -> Iterator[_Bar]:
    """A bar that goes away when all is done. rich is loaded only here: 50 ms that a pipe does not pay."""
    from rich.console import Console  # noqa: PLC0415 -- the start-up gain named above
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415 -- as above

    console = Console(file=sys.stderr, no_color=not colour, highlight=False, markup=False, emoji=False)
    columns = (BarColumn(20), MofNCompleteColumn(), TextColumn("{task.fields[what]}", markup=False))
    with Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as progress:
        yield _Bar(progress, total)
