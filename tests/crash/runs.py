"""A run, here or as a process of its own, which counts its boundaries and may end, or stop, or lose its store at one of them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from apreconcile import workflow
from apreconcile.core.address import Address
from apreconcile.core.errors import Error
from apreconcile.core.outcome import Report
from apreconcile.core.state import State, to_json
from apreconcile.live import wire
from apreconcile.store.store import Store, Version
from apreconcile.workflow import account as accounts

from .scenes import Fault
from .world import World

sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type] -- httpcore looks for it anew at every request
LONGEST_WORD = 15
"""Characters; a longer part of a path is an id."""
HANGING = 120
"""Seconds of real time after which a run hangs."""
INTERNAL = 70
"""The exit code of a run that broke off with something else than one of our errors."""


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """The `nth` time that an event came, as in `before a swap` or `answered POST /v1/numbers`."""

    event: str
    nth: int

    @property
    def boundary(self) -> str:
        """The boundary without its call."""
        return self.event.partition(" GET ")[0] + " a read" if " GET " in self.event else _boundary(self.event)

    def __str__(self) -> str:
        return f"{self.event} {self.nth}"


def _boundary(event: str) -> str:
    return event if event.endswith(" a swap") else event.partition(" /")[0].rpartition(" ")[0] + " a write"


def die() -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def stop() -> None:
    """Stop this process until somebody wakes it."""
    os.kill(os.getpid(), signal.SIGSTOP)


@dataclass(frozen=True, slots=True)
class Order:
    """What a run is to do: apply; or `resolve` an address with an id (empty: it was not created); or `read` the state.

    At the `moment` it does `act`. With a `barrier`, a pipe, it waits after planning until every writer of that is closed.
    Before it lets time pass it calls `late`, which waits for what the sandbox holds back.
    """

    world: World
    spec: Path
    key: str
    resolve: tuple[str, str] | None = None
    read: bool = False
    approve: bool = True
    adopt: bool = False
    fault: Fault = field(default_factory=Fault)
    moment: Moment | None = None
    act: Callable[[], object] = die
    barrier: tuple[int, int] | None = None
    concurrency: int = 8
    late: Callable[[], object] = lambda: None


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: by a `signal`, else with the exit code that the command line would give and what it said."""

    signal: int
    exit: int = -1
    words: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    events: dict[str, int] = field(default_factory=dict)

    @property
    def quiet(self) -> bool:
        """Whether there was nothing left to do."""
        return self.exit == 0 and not self.words

    def moments(self) -> list[Moment]:
        """Every moment that it had."""
        return [Moment(event, nth) for event, times in sorted(self.events.items()) for nth in range(1, times + 1)]

    def __str__(self) -> str:
        ending = f"signal {self.signal}" if self.signal else f"exit {self.exit}"
        return "; ".join([ending, *self.words, *self.said])


class Running:
    """A process that was forked for an order."""

    def __init__(self, order: Order) -> None:
        self._told, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(self._told)
                signal.alarm(HANGING)
                ended = _carry_out(order)
                os.write(write, json.dumps(ended).encode())
            finally:
                os._exit(0)
        os.close(write)

    def stopped(self) -> bool:
        """Wait until it has stopped, or has ended without."""
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            self.pid = 0
        return os.WIFSTOPPED(status)

    def wake(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def ended(self) -> Ended:
        """Wait for its end."""
        with os.fdopen(self._told, "rb") as told:
            content = told.read()
        status = os.waitpid(self.pid, 0)[1] if self.pid else 0
        if not content:
            return Ended(os.WTERMSIG(status) if os.WIFSIGNALED(status) else -1)
        return _ended(json.loads(content))


def run(order: Order, *, apart: bool) -> Ended:
    """Carry out an order that nobody ends: `apart` in a process of its own, else in this one, which is cheaper."""
    return Running(order).ended() if apart else _ended(_carry_out(order))


def _ended(told: dict[str, Any]) -> Ended:
    return Ended(0, told["exit"], tuple(told["words"]), tuple(told["said"]), told["events"])


class _Events:
    """Counts what happens in this process, and acts when the moment has come."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self.counted = Counter[str]()
        self.held = order.fault.match if order.fault.held and order.world.queued() else ""
        """The call that the sandbox will hold back, until it has."""

    def came(self, event: str) -> None:
        self.counted[event] += 1
        if self._order.moment == Moment(event, self.counted[event]):
            self._order.act()

    def told(self, line: str) -> None:
        """What the client says of each request, once it has its reply."""
        method, path, *_ = line.split()
        self.came(f"after {_call(method, path)}")

    def left(self, call: str) -> None:
        """A call's last byte is out. If the sandbox holds it back, wait until it does."""
        if call != self.held:
            return
        while self._order.world.queued():
            pass
        self.held = ""
        self.came(f"under way {call}")
        if self._order.fault.gives_up:
            raise TimeoutError


def _call(method: str, path: str) -> str:
    """A request without its ids and its query."""
    parts = path.partition("?")[0].split("/")
    return f"{method} {'/'.join('*' if len(part) > LONGEST_WORD else part for part in parts)}"


class _Watched:
    """A store whose swaps are told of; all else is the store itself."""

    def __init__(self, store: Store, events: _Events) -> None:
        self._store = store
        self._events = events

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def swap(self, state: State, version: Version) -> tuple[State, Version]:
        self._events.came("before a swap")
        done = await self._store.swap(state, version)
        self._events.came("after a swap")
        return done


@contextmanager
def _listening(events: _Events) -> Iterator[None]:
    """Tell of this process' swaps and requests, for as long as the block lasts: the store and the wire are the real ones."""
    opened, trace = accounts.open_store, wire._Watch.trace

    async def traced(watch: Any, event: str, info: dict[str, Any]) -> None:
        if event.endswith("send_request_headers.started"):
            request = info["request"]
            watch.call = _call(request.method.decode(), request.url.target.decode())
            events.came(f"before {watch.call}")
        await trace(watch, event, info)
        if event.endswith("receive_response_headers.started"):
            events.left(watch.call)
        elif event.endswith(("receive_response_headers.complete", "receive_response_headers.failed")):
            events.came(f"answered {watch.call}")

    setattr(accounts, "open_store", lambda *given, **named: _Watched(opened(*given, **named), events))  # noqa: B010 -- undone below
    setattr(wire._Watch, "trace", traced)  # noqa: B010 -- undone below
    try:
        yield
    finally:
        setattr(accounts, "open_store", opened)  # noqa: B010 -- as above
        setattr(wire._Watch, "trace", trace)  # noqa: B010 -- as above


def _carry_out(order: Order) -> dict[str, Any]:
    """Do what is ordered, in this process, and say how it ended."""
    events = _Events(order)
    words: list[str] = []
    said: list[str] = []
    try:
        with _listening(events):
            code = asyncio.run(_done(order, events, words, said))
    except Error as problem:
        code, said = problem.exit_code, [*said, f"{type(problem).__name__}: {problem.whole}"]
    except Exception:  # noqa: BLE001 -- it is told to the parent
        code, said = INTERNAL, [*said, traceback.format_exc()]
    return {"exit": code, "words": words, "said": said, "events": events.counted}


async def _done(order: Order, events: _Events, words: list[str], said: list[str]) -> int:
    manifest = workflow.load([str(order.spec)], environ={})
    async with workflow.connect(
        manifest,
        key=order.key,
        concurrency=order.concurrency,
        base_url=order.world.url,
        environ={name: value for name, value in os.environ.items() if name != "CI"},
        on_request=events.told,
        pace=order.world.pace(order.late),
        now=order.world.now,
    ) as account:
        if order.read:
            state, _ = await account.store.read()
            said += [json.dumps(to_json(state))] if state else []
            return 0
        if order.resolve:
            at, ident = Address.parse(order.resolve[0]), order.resolve[1]
            resolved = workflow.resolve_bind(account, at, ident) if ident else workflow.resolve_not_created(account, at)
            said.append(await resolved)
            return 0
        planned = await workflow.plan(account, adopt=order.adopt)
        tokens = [step.token for step in planned.plan.steps if step.token] if order.approve else []
        if order.barrier:
            os.close(order.barrier[1])
            os.read(order.barrier[0], 1)
        report = await workflow.apply(account, planned, approve=tokens)
    words += [f"{one.address} {one.action} {one.word.value}{f' ({one.error})' if one.error else ''}" for one in report.outcomes]  # fmt: skip
    said += _stops(planned, report)
    return report.exit


def _stops(planned: workflow.Planned, report: Report) -> list[str]:
    """What stood in the way, and what was warned of."""
    stops = [*planned.plan.unsettled, *planned.plan.unsafe, *report.blocked]
    return [*report.warnings, *dict.fromkeys(f"{one.address}: {one.reason}; {one.hint}" for one in stops)]
