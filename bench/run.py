"""What can be counted or compared within one run: requests, state writes, start-up, the sandbox's rate.

Run it with `make bench`. Nothing here is a limit that a test enforces by the clock: machines differ, counts do not.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import Request, urlopen

import yaml

import apreconcile
from apreconcile.sandbox import Options, running

ROOT = Path(__file__).parents[1]
KEY = "bench"
ROUNDS = 7


def spec_of(count: int, folder: Path) -> Path:
    """A spec of so many agents, each with a number and a webhook."""
    keys = [f"a{index}" for index in range(count)]
    document = {
        "version": 1,
        "project": "bench",
        "agents": {
            key: {"name": f"Agent {key}", "voiceMode": "hosted", "systemPrompt": "Be kind. " * 40} for key in keys
        },
        "numbers": {key: {"country": "US", "agent": key} for key in keys},
        "webhooks": {key: {"agent": key, "url": f"https://hooks.example/{key}"} for key in keys},
    }
    path = folder / "agentphone.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def sent(url: str) -> list[str]:
    """The methods of all requests that the sandbox has got."""
    request = Request(f"{url}/_sandbox/requests", headers={"Authorization": f"Bearer {KEY}"})  # noqa: S310 -- loopback
    with urlopen(request, timeout=60) as answer:  # noqa: S310 -- loopback
        return [entry["method"] for entry in json.load(answer)["data"]]


async def applied(spec: Path, url: str) -> tuple[int, int, int, dict[str, float]]:
    """Apply a spec, then plan it again: state writes, requests of both, seconds of each part."""
    seconds: dict[str, float] = {}

    def lap(name: str, since: float) -> float:
        seconds[name] = time.perf_counter() - since
        return time.perf_counter()

    began = time.perf_counter()
    manifest = apreconcile.load([str(spec)])
    began = lap("load", began)
    async with apreconcile.connect(manifest, key=KEY, base_url=url, environ={}) as account:
        planned = await apreconcile.plan(account)
        began = lap("first plan", began)
        tokens = [step.token for step in planned.plan.steps if step.token]
        report = await apreconcile.apply(account, planned, approve=tokens)
        began = lap("apply", began)
        if report.exit:
            raise RuntimeError(f"the apply ended with {report.exit}: {report.warnings}")
        again = await apreconcile.plan(account)
        lap("empty plan", began)
        if not again.plan.empty:
            raise RuntimeError("the second plan is not empty")
        return again.found.state.serial, report.requests, again.plan.requests, seconds


def accounts() -> None:
    """Requests and state writes by the size of the account."""
    print(
        "agents  resources  apply: requests  state writes  empty plan: requests   seconds: load, plan, apply, plan",
        flush=True,
    )
    for count in (1, 10, 100, 1000):
        with tempfile.TemporaryDirectory() as folder:
            spec = spec_of(count, Path(folder))
            options = Options(db=Path(folder) / "sandbox.db", number_limit=10_000, balance=10**6)
            with running(options) as server:
                writes, requests, empty, seconds = asyncio.run(applied(spec, server.url))
            laps = ", ".join(f"{lap:.2f}" for lap in seconds.values())
            print(f"{count:6} {3 * count:10} {requests:16} {writes:13} {empty:21}   {laps} s", flush=True)


def fastest(command: list[str]) -> float:
    """The shortest of a few runs, in seconds."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env=os.environ | {"NO_COLOR": "1"})
        times.append(time.perf_counter() - began)
    return min(times)


def start_up() -> None:
    """How much longer commands take than an empty program."""
    nothing = fastest([sys.executable, "-c", "pass"])
    print(f"\nstart-up, against `python -c pass` ({nothing * 1000:.0f} ms)")
    spec = str(ROOT / "examples/agentphone.yaml")
    for words in (["--version"], ["--help"], ["apply", "--help"], ["validate", spec]):
        taken = fastest([sys.executable, "-m", "apreconcile", *words])
        print(f"{taken / nothing:8.1f} times  apreconcile {' '.join(words[:1] if words[-1] == spec else words)}")


def sandbox() -> None:
    """The sandbox's own benchmark."""
    print("\nthe sandbox, one core")
    sys.stdout.flush()
    subprocess.run([sys.executable, str(ROOT / "bench/sandbox.py"), "--seconds", "2"], check=True)


PARTS: dict[str, Callable[[], None]] = {"accounts": accounts, "start-up": start_up, "sandbox": sandbox}


def main() -> None:
    """Run the parts that are named, or all."""
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()


if __name__ == "__main__":
    main()
