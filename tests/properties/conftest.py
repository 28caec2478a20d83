"""A witness of runs: the account as it truly is, and the two doors through which a run touches the world.

A run changes things by requests and by swaps of its state. Both doors are listened to, and at a chosen moment they are
shut: from then on the run is dead, and what it would still like to do does not happen.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from apreconcile.core.errors import Error, TooLateError
from apreconcile.sandbox import Options, running
from apreconcile.sandbox.identity import account_of

Name = tuple[str, str]
"""Kind and id of a live thing."""


@dataclass(frozen=True)
class Moment:
    """When a run is killed: before or after its nth write or swap."""

    when: str
    door: str
    nth: int


@dataclass
class Sent:
    """One request that changes something: what it said, what was there before, and what came of it."""

    method: str
    parts: tuple[str, ...]
    body: Any
    slot: dict[str, Any] | None
    lost: bool = False
    made: Name | None = None


class World:
    """What an account truly has, read from the sandbox's own file: no request is sent, and so no fault is met."""

    def __init__(self, file: Path, key: str) -> None:
        self.db = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        self.db.row_factory = sqlite3.Row
        self.scope = account_of(key)

    def rows(self, query: str) -> list[dict[str, Any]]:
        return [dict(row) for row in self.db.execute(query, (self.scope,))]

    def things(self) -> dict[Name, dict[str, Any]]:
        """All that is live, oldest first; a webhook's `agent_id` is empty where it is the project's."""
        agents = self.rows("SELECT id, doc FROM agents WHERE scope = ? ORDER BY n")
        numbers = self.rows(
            "SELECT id, phone_number, agent_id, external_id, expires_at FROM numbers WHERE scope = ? AND held ORDER BY n"
        )
        hooks = self.rows(
            "SELECT id, agent_id, url, secret, context_limit, timeout FROM webhooks WHERE scope = ? ORDER BY n"
        )
        found = {("agent", row["id"]): json.loads(row["doc"]) for row in agents}
        return found | {
            (kind, row["id"]): row for kind, rows in (("number", numbers), ("webhook", hooks)) for row in rows
        }

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        return {ident: row for (name, ident), row in self.things().items() if name == kind}

    def slot(self, parent: str | None) -> dict[str, Any] | None:
        return next((row for row in self.of("webhook").values() if row["agent_id"] == (parent or "")), None)


@dataclass
class Doors:
    """The doors of one run. Once it is dead they open no more, and what is on its way comes to its end unheard."""

    world: World
    before_sending: Callable[[], None]
    moment: Moment | None = None
    sent: list[Sent] = field(default_factory=list)
    passed: dict[tuple[str, str], int] = field(default_factory=dict)
    flying: set[asyncio.Future[Any]] = field(default_factory=set)
    dead: asyncio.Event = field(default_factory=asyncio.Event)
    swap: Any = None
    exchange: Any = None

    def through(self, account: Any) -> Any:
        """The account of a run whose requests and swaps go through these doors."""
        self.exchange, self.swap = account.client._wire.exchange, account.store.swap
        account.client._wire.exchange = self._exchange
        return replace(account, store=_Store(self, account.store))

    async def came(self, when: str, door: str) -> None:
        """Pass a moment; at the one that was chosen, die and stay here for ever."""
        self.passed[when, door] = self.passed.get((when, door), 0) + 1
        self.open()
        if self.moment == Moment(when, door, self.passed[when, door]):
            self.dead.set()
            await asyncio.Event().wait()

    def open(self) -> None:
        """Let nobody through who is dead."""
        if self.dead.is_set():
            raise asyncio.CancelledError

    async def swapped(self, state: Any, version: Any) -> Any:
        await self.came("before", "swap")
        done = await self.swap(state, version)
        await self.came("after", "swap")
        return done

    async def _exchange(
        self, method: str, target: str, content: bytes | None, send_by: float | None, *, inside: bool
    ) -> Any:
        writes = method != "GET"
        if writes:
            await self.came("before", "write")
        self.open()
        self.before_sending()
        flight = asyncio.ensure_future(self._flight(method, target, content, send_by))
        self.flying.add(flight)
        try:
            answer = await asyncio.shield(flight)
        except asyncio.CancelledError:
            if not self.dead.is_set():
                flight.cancel()
                await asyncio.wait([flight])
            raise
        if writes:
            await self.came("after", "write")
        return answer

    async def _flight(self, method: str, target: str, content: bytes | None, send_by: float | None) -> Any:
        if method == "GET":
            return await self.exchange(method, target, content, send_by)
        parts = tuple(target.partition("?")[0].split("/")[2:])
        parent = parts[1] if parts[0] == "agents" and len(parts) > 1 else None
        slot = self.world.slot(parent) if parts[-1].startswith("webhook") else None
        one = Sent(method, parts, json.loads(content) if content else None, slot)
        before = self.world.things()
        answer = await self.exchange(method, target, content, send_by)
        if not isinstance(answer, TooLateError):
            one.lost = _lost(answer)
            one.made = self._made(one, before)
            self.sent.append(one)
        return answer

    def _made(self, one: Sent, before: Collection[Name]) -> Name | None:
        """What is new and must be of this request: of its kind, not another's, and at best with all that it said."""
        kind = {"agents": "agent", "numbers": "number"}.get("/".join(one.parts)) if one.method == "POST" else None
        others = {other.made for other in self.sent} | set(before)
        new = {name: row for name, row in self.world.things().items() if name[0] == kind and name not in others}
        alike = [name for name, row in new.items() if one.body.items() <= row.items()]
        same = [name for name, row in new.items() if row.get("name") == one.body.get("name")]
        return next(iter([*alike, *same]), None)


@dataclass
class _Store:
    doors: Doors
    inner: Any

    @property
    def place(self) -> str:
        return self.inner.place

    async def read(self) -> Any:
        return await self.inner.read()

    async def neighbours(self) -> Any:
        return await self.inner.neighbours()

    async def swap(self, state: Any, version: Any) -> Any:
        return await self.doors.swapped(state, version)


def _lost(answer: Any) -> bool:
    """Whether nobody can tell from an answer what was done."""
    if isinstance(answer, Error):
        return True
    try:
        json.loads(answer.content)
    except ValueError:
        return answer.status < 300 or answer.status >= 500
    return answer.status >= 500


@dataclass
class Watched:
    """A trial on a sandbox whose file can be read."""

    trial: Any
    world: World
    profile: str
    carried: float = 0.0

    def carry(self) -> None:
        """Let as much time pass in the sandbox as passed for the runs."""
        late = self.trial.clock.skipped - self.carried
        if late >= 1:
            self.carried += late
            self.trial.http.post("/_sandbox/clock", json={"advance": late})

    def doors(self, moment: Moment | None = None) -> Doors:
        return Doors(self.world, self.carry, moment)

    def run(self, do: Callable[..., Any], *doors: Doors) -> Any:
        """Do something with an account for each pair of doors, until it ends or one of them is dead (then None).

        Whoever dies writes nothing more: what is on its way arrives, the rest finds the doors shut. Compared here.
        """

        async def living() -> Any:
            async with AsyncExitStack() as stack:
                accounts = [one.through(await stack.enter_async_context(self.trial.open())) for one in doors]
                return await do(*accounts)

        async def whole() -> Any:
            living_ = asyncio.ensure_future(living())
            deaths = [asyncio.ensure_future(one.dead.wait()) for one in doors]
            await asyncio.wait({living_, *deaths}, return_when=asyncio.FIRST_COMPLETED)
            killed = any(one.dead.is_set() for one in doors)
            if killed:
                await asyncio.gather(*(flight for one in doors for flight in one.flying), return_exceptions=True)
            stored, writes = self.stored(), len(self.trial.writes())
            while left := asyncio.all_tasks() - {asyncio.current_task(), *(() if killed else (living_,))}:
                for task in left:
                    task.cancel()
                await asyncio.gather(*left, return_exceptions=True)
            if killed:
                await asyncio.sleep(0.001)  # until its connections are closed
                assert (stored, writes) == (self.stored(), len(self.trial.writes())), "a dead run wrote"
                return None
            return await living_

        return asyncio.run(whole())

    def stored(self) -> bytes | None:
        file = self.trial.state_file
        return file.read_bytes() if file.exists() else None


@pytest.fixture
def watched(request: Any, trials: Any, tmp_path: Path) -> Iterator[Callable[[], Watched]]:
    """Make watched trials on a sandbox of the profile that the test's parameter names."""
    file = tmp_path / "watched.db"
    options = Options(db=file, profile=request.param, number_limit=100_000, balance=1_000_000)
    with running(options) as server, httpx.Client(base_url=server.url, trust_env=False, timeout=30) as http:

        def make() -> Watched:
            trial = replace(trials(), url=server.url, http=http)
            return Watched(trial, World(file, trial.key), request.param)

        yield make
