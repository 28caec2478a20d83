"""Requests per second that the sandbox answers over loopback, on one core, with 10,000 agents, numbers and webhooks.

Run it with `python bench/sandbox.py`; `--seconds` is how long each line is measured. The load comes from this process,
which is kept off the server's core where the machine has another. On a busy machine the second column says more: it is
requests per second of the server's own CPU time.
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
from collections.abc import Iterator
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

Ask = tuple[str, str, str | None]
"""A request: method, path and body, with places for a turn, an object of that turn, and a page."""


def post(url: str, body: object) -> object:
    """Send one control request and return its answer."""
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    request = Request(url, json.dumps(body).encode(), headers)  # noqa: S310 (our own loopback URL)
    with build_opener(ProxyHandler({})).open(request, timeout=120) as answer:
        return json.load(answer)


@contextlib.contextmanager
def server() -> Iterator[tuple[str, int]]:
    """Run the sandbox as a program of its own, on the machine's last core; yield its URL and process id."""
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-u", "-c", _SERVE, str(Path(folder) / "sandbox.db")]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            os.sched_setaffinity(process.pid, {cores[-1]})
            os.sched_setaffinity(0, set(cores[:-1]) or set(cores))
            assert process.stdout is not None  # noqa: S101 (it is a pipe)
            yield process.stdout.readline().split()[-1], process.pid
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


def _bytes(ask: Ask, turn: int) -> bytes:
    method, path, body = ask
    places = {"turn": turn, "n": turn % OBJECTS, "page": turn * 100 % OBJECTS}
    content = (body or "").format(**places)
    head = f"{method} {path.format(**places)} HTTP/1.1\r\nHost: sandbox\r\nAuthorization: Bearer {KEY}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n{content}".encode()


async def _client(host: str, port: int, asks: tuple[Ask, ...], turns: Iterator[int], until: float) -> int:
    reader, writer = await asyncio.open_connection(host, port)
    done = 0
    while time.perf_counter() < until:
        turn = next(turns)
        writer.write(_bytes(asks[turn % len(asks)], turn))
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
        done += 1
    writer.close()
    return done


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used so far (Linux only)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def rates(url: str, pid: int, asks: tuple[Ask, ...], seconds: float) -> tuple[float, float]:
    """Return the requests per second that are answered, all with 200: by the clock, and by the server's CPU time."""
    parts = urlsplit(url)
    turns = count()
    started, used = time.perf_counter(), cpu_seconds(pid)
    clients = [
        _client(str(parts.hostname), int(parts.port or 0), asks, turns, started + seconds) for _ in range(CONNECTIONS)
    ]
    done = sum(await asyncio.gather(*clients))
    return done / (time.perf_counter() - started), done / max(cpu_seconds(pid) - used, 0.01)


WEBHOOK: Ask = ("GET", "/v1/agents/agent{n}/webhook", None)
AGENT: Ask = ("GET", "/v1/agents/agent{n}", None)
NUMBER: Ask = ("GET", "/v1/numbers/number{n}", None)
AGENTS: Ask = ("GET", "/v1/agents?limit=100&offset={page}", None)
NUMBERS: Ask = ("GET", "/v1/numbers?limit=100&offset={page}", None)
CHANGE: Ask = ("PATCH", "/v1/agents/agent{n}", '{{"description": "{turn}"}}')
HOOK: Ask = ("POST", "/v1/webhooks", '{{"url": "https://hooks.example/{turn}"}}')

LINES: dict[str, tuple[Ask, ...]] = {
    "a reconciler's mix": (WEBHOOK, WEBHOOK, WEBHOOK, WEBHOOK, AGENT, AGENT, NUMBER, AGENTS, NUMBERS, CHANGE),
    "GET agent's webhook": (WEBHOOK,),
    "GET agent": (AGENT,),
    "GET number": (NUMBER,),
    "GET agents, page of 100": (AGENTS,),
    "GET numbers, page of 100": (NUMBERS,),
    "PATCH agent": (CHANGE,),
    "POST webhook": (HOOK,),
}


def main() -> None:
    """Print one line for each kind of request."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    seconds = parser.parse_args().seconds
    with server() as (url, pid):
        print(f"seeded {OBJECTS} agents, numbers and webhooks in {fill(url):.1f} s")
        print("requests/s  requests/CPU s")
        for name, asks in LINES.items():
            by_clock, by_cpu = asyncio.run(rates(url, pid, asks, seconds))
            print(f"{by_clock:10.0f}  {by_cpu:14.0f}  {name}")


if __name__ == "__main__":
    main()
