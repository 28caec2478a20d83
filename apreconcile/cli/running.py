"""An event loop for the length of a command, in which Ctrl-C and SIGTERM have their meaning."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn, TypeVar

from apreconcile.core.errors import InterruptedByUser, LockedError, SinkError
from apreconcile.live.applying import Stop

from .failing import mid_apply
from .terminal import Terminal

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_FIRST = "finishing the calls in flight; Ctrl-C again gives up waiting for them"
_SECOND = "giving up waiting; what is unanswered is unknown"


class Interrupts:
    """What a signal does: before anything is sent it ends the command; afterwards it asks the run to stop.

    The first finishes the calls in flight and starts no more, the second gives up waiting, the third breaks off.
    """

    def __init__(self, terminal: Terminal) -> None:
        self.stop = Stop()
        self.sending = False
        self.remark: Callable[[str], None] = terminal.remark
        """How to say something; whoever moves on the screen says it in a way that fits."""
        self._task: asyncio.Task[Any] | None = None

    def watch(self, task: asyncio.Task[Any]) -> None:
        """Take over both signals for the length of this task."""
        self._task = task
        for which in SIGNALS:
            with suppress(NotImplementedError, ValueError, RuntimeError):  # not the main thread, or not a Unix
                asyncio.get_running_loop().add_signal_handler(which, self.pressed)

    def pressed(self) -> None:
        """A signal came."""
        if not self.sending or self.stop.hard.is_set():
            if self._task:
                self._task.cancel()
            return
        self.remark(_SECOND if self.stop.soft.is_set() else _FIRST)
        self.stop.ask()


def run(terminal: Terminal, work: Callable[[Interrupts], Awaitable[T]]) -> T:
    """Run to the end, and return what comes of it. Raises InterruptedByUser for a signal before anything was sent."""
    logging.getLogger().addHandler(logging.NullHandler())
    interrupts: list[Interrupts] = []

    async def whole() -> T:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
        mine = Interrupts(terminal)
        interrupts.append(mine)
        task = asyncio.current_task()
        if task:
            mine.watch(task)
        return await work(mine)

    try:
        return asyncio.run(whole())
    except (LockedError, SinkError):
        raise  # apply raises them only before anything is sent
    except (KeyboardInterrupt, asyncio.CancelledError) as problem:
        if interrupts and interrupts[0].sending:
            raise mid_apply(problem) from None
        raise InterruptedByUser("interrupted; nothing was sent") from None
    except Exception as problem:
        if interrupts and interrupts[0].sending:
            raise mid_apply(problem) from problem
        raise


@contextmanager
def raising() -> Iterator[None]:
    """Signals raise KeyboardInterrupt while a question waits for its answer, which no event loop can interrupt."""

    def interrupt(_number: int, _frame: object) -> NoReturn:
        raise KeyboardInterrupt

    before = {which: signal.signal(which, interrupt) for which in SIGNALS}
    try:
        yield
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)
