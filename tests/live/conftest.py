"""A raw server on loopback that does as its script says, and a time that passes only when somebody waits."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from apreconcile.live.client import Client
from apreconcile.live.hosts import check_base_url
from apreconcile.live.limits import Pace

KEY = "sk_live_Zq8rTnotforanyoneseyes"
HANGS = 5.0
"""Seconds after which nothing will be heard any more."""


@dataclass
class Heard:
    """One request as the server read it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Act = Callable[[Heard, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bool]]


@dataclass
class Server:
    """`script` is what it does to each request in turn; the last act goes on. An act that returns False closes."""

    script: list[Act] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    connections: int = 0
    closed: int = 0
    busy: int = 0
    busiest: int = 0
    url: str = ""
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def heard_as_many_as(self, count: int) -> None:
        async with asyncio.timeout(HANGS), self.news:
            await self.news.wait_for(lambda: len(self.heard) >= count)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.tasks.append(asyncio.current_task())
        try:
            while (heard := await hear(reader)) is not None:
                async with self.news:
                    self.heard.append(heard)
                    self.news.notify_all()
                act = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                self.busy += 1
                self.busiest = max(self.busy, self.busiest)
                try:
                    if not await act(heard, reader, writer):
                        break
                finally:
                    self.busy -= 1
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.closed += 1
            writer.close()


async def hear(reader: asyncio.StreamReader) -> Heard | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.IncompleteReadError:
        return None
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    return Heard(method, target, headers, await reader.readexactly(int(headers.get("content-length", 0))))


def reply(status: int = 200, body: Any = None, /, *, raw: bytes | None = None, **headers: str) -> Act:
    content = raw if raw is not None else json.dumps({} if body is None else body).encode()
    said = {"content-type": "application/json", "content-length": str(len(content))}
    said |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in said.items())
    return say(f"HTTP/1.1 {status} Because\r\n{lines}\r\n".encode() + content, keep=True)


def say(text: bytes, *, keep: bool = False) -> Act:
    async def act(heard: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(text)
        await writer.drain()
        return keep

    return act


async def hang(heard: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    await reader.read()
    return False


async def reset(heard: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False


def drip(text: bytes) -> Act:
    async def act(heard: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(text)
        while not reader.at_eof():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)
        return False

    return act


@dataclass
class Time:
    """A clock that only waiting moves; `waits` are the seconds of each."""

    now: float = 1000.0
    waits: list[float] = field(default_factory=list)

    async def pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    @property
    def pace(self) -> Pace:
        return Pace(clock=lambda: self.now, pause=self.pause, between=lambda _, longest: longest)


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
async def server():
    it = Server([reply()])
    listening = await asyncio.start_server(it.serve, "127.0.0.1", 0, backlog=1024)
    it.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    yield it
    listening.close()
    await listening.wait_closed()
    left = [task for task in it.tasks if not task.done()]
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


@pytest.fixture
def time():
    return Time()


@pytest.fixture
async def client(server, time):
    async with Client(check_base_url(server.url), KEY, timeout=5, pace=time.pace) as it:
        yield it
