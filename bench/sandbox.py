"""Requests per second that the sandbox answers over loopback, on one core, with 10,000 agents, numbers and webhooks.

Run it with `python bench/sandbox.py`; `--seconds` is how long each line is measured. The load comes from this process,
which is kept off the server's core where the machine has another.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

OBJECTS = 10_000
CONNECTIONS = 16
KEY = "bench"
_SERVE = (
    "import sys; from apreconcile.sandbox import Options, serve; serve(Options(db=sys.argv[1], number_limit=10**6))"
)

Ask = Callable[[int], tuple[str, str, object]]


def post(url: str, body: object) -> object:
    """Send one control request and return its answer."""
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    request = Request(url, json.dumps(body).encode(), headers)  # noqa: S310 (our own loopback URL)
    with build_opener(ProxyHandler({})).open(request, timeout=120) as answer:
        return json.load(answer)


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Run the sandbox as a program of its own, on the machine's last core."""
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-u", "-c", _SERVE, str(Path(folder) / "sandbox.db")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            os.sched_setaffinity(process.pid, {cores[-1]})
            os.sched_setaffinity(0, set(cores[:-1]) or set(cores))
            assert process.stdout is not None  # noqa: S101 (it is a pipe)
            yield process.stdout.readline().split()[-1]
            process.terminate()


def fill(url: str) -> float:
    """Seed the account and return the seconds that it took."""
    started = time.perf_counter()
    agents = [{"id": f"agent{n}", "name": f"Agent {n}", "systemPrompt": "Be kind. " * 40} for n in range(OBJECTS)]
    numbers = [{"id": f"number{n}", "agentId": f"agent{n}"} for n in range(OBJECTS)]
    webhooks = [{"agentId": f"agent{n}", "url": f"https://hooks.example/{n}"} for n in range(OBJECTS)]
    webhooks.append({"url": "https://hooks.example/all"})
    post(f"{url}/_sandbox/seed", {"agents": agents, "numbers": numbers, "webhooks": webhooks})
    return time.perf_counter() - started


def _bytes(method: str, path: str, body: object) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: sandbox\r\nAuthorization: Bearer {KEY}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content


async def _client(host: str, port: int, ask: Ask, turns: Iterator[int], until: float) -> int:
    reader, writer = await asyncio.open_connection(host, port)
    done = 0
    while time.perf_counter() < until:
        writer.write(_bytes(*ask(next(turns))))
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
        done += 1
    writer.close()
    return done


async def rate(url: str, ask: Ask, seconds: float) -> float:
    """Return the requests per second that are answered, all with 200."""
    parts = urlsplit(url)
    turns = count()
    started = time.perf_counter()
    clients = [
        _client(str(parts.hostname), int(parts.port or 0), ask, turns, started + seconds) for _ in range(CONNECTIONS)
    ]
    done = sum(await asyncio.gather(*clients))
    return done / (time.perf_counter() - started)


def _mix(turn: int) -> tuple[str, str, object]:
    """Ask as a reconciler does: mostly one agent's webhook, then pages, reads, and some writes."""
    asks = (WEBHOOK, WEBHOOK, WEBHOOK, WEBHOOK, AGENT, AGENT, NUMBER, AGENTS, NUMBERS, PATCH)
    return asks[turn % len(asks)](turn)


WEBHOOK: Ask = lambda turn: ("GET", f"/v1/agents/agent{turn % OBJECTS}/webhook", None)  # noqa: E731 (a table of requests)
AGENT: Ask = lambda turn: ("GET", f"/v1/agents/agent{turn % OBJECTS}", None)  # noqa: E731 (as above)
NUMBER: Ask = lambda turn: ("GET", f"/v1/numbers/number{turn % OBJECTS}", None)  # noqa: E731 (as above)
AGENTS: Ask = lambda turn: ("GET", f"/v1/agents?limit=100&offset={turn * 100 % OBJECTS}", None)  # noqa: E731 (as above)
NUMBERS: Ask = lambda turn: ("GET", f"/v1/numbers?limit=100&offset={turn * 100 % OBJECTS}", None)  # noqa: E731 (as above)
PATCH: Ask = lambda turn: ("PATCH", f"/v1/agents/agent{turn % OBJECTS}", {"description": f"{turn}"})  # noqa: E731 (as above)
BUY: Ask = lambda turn: ("POST", "/v1/webhooks", {"url": f"https://hooks.example/{turn}"})  # noqa: E731 (as above)

LINES: dict[str, Ask] = {
    "a reconciler's mix": _mix,
    "GET agent's webhook": WEBHOOK,
    "GET agent": AGENT,
    "GET number": NUMBER,
    "GET agents, page of 100": AGENTS,
    "GET numbers, page of 100": NUMBERS,
    "PATCH agent": PATCH,
    "POST webhook": BUY,
}


def main() -> None:
    """Print one line for each kind of request."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    seconds = parser.parse_args().seconds
    with server() as url:
        print(f"seeded {OBJECTS} agents, numbers and webhooks in {fill(url):.1f} s")
        for name, ask in LINES.items():
            print(f"{asyncio.run(rate(url, ask, seconds)):8.0f} requests/s  {name}")


if __name__ == "__main__":
    main()
