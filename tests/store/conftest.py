"""Every store there is, for the one suite that all of them pass. A new store adds one function to `HOMES`."""

from __future__ import annotations

import atexit
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import httpx
import pytest

from apreconcile.core.address import Address
from apreconcile.core.state import Intent, Lock, Memory, Purchase, Resource, State, Tombstone
from apreconcile.store.local import LocalStore
from apreconcile.store.objects import ObjectStore
from apreconcile.store.store import Store
from tests.store.s3 import BUCKET, environ, spoil

EMPTY = State("acme", "default", "loopback")


@dataclass(frozen=True)
class Home:
    """One document's home: `open` it anew, `damage` it behind its back, or open it elsewhere as `store` by `code`."""

    open: Callable[[], Store]
    damage: Callable[[bytes], object]
    code: str

    def start(self, code: str) -> subprocess.Popen[str]:
        """A process that opens the store and then does this."""
        paths = os.pathsep.join(path for path in sys.path if path)
        command = [sys.executable, "-c", f"{self.code}\n{code}"]
        return subprocess.Popen(command, env={"PYTHONPATH": paths}, stdout=subprocess.PIPE, text=True)


def local(folder: Path) -> Home:
    home = folder / ".apreconcile"
    code = f"""
import asyncio, sys
from dataclasses import replace
from pathlib import Path
from apreconcile.core.address import Address
from apreconcile.core.errors import ConflictError
from apreconcile.core.state import Resource, State
from apreconcile.store.local import LocalStore
store = LocalStore(Path({str(home)!r}), "acme", "default")
"""

    def damage(content: bytes) -> None:
        home.mkdir(exist_ok=True)
        (home / "acme.default.json").write_bytes(content)

    return Home(lambda: LocalStore(home, "acme", "default"), damage, code)


def s3(folder: Path) -> Home:
    url, prefix = s3_server(), f"s3://{BUCKET}/{secrets.token_hex(8)}"
    code = f"""
import asyncio, sys
from dataclasses import replace
from apreconcile.core.address import Address
from apreconcile.core.errors import ConflictError
from apreconcile.core.state import Resource, State
from apreconcile.store.objects import ObjectStore
store = ObjectStore({prefix!r}, "acme", "default", environ={environ(url)!r})
"""

    def damage(content: bytes) -> None:
        spoil(url, f"{prefix.removeprefix(f's3://{BUCKET}/')}/acme.default.json", content)

    return Home(lambda: ObjectStore(prefix, "acme", "default", environ=environ(url)), damage, code)


@cache
def s3_server() -> str:
    """The URL of an S3 server in a process of its own, which is started when it is first wanted and ends with us."""
    paths = os.pathsep.join(path for path in sys.path if path)
    command = [sys.executable, str(Path(__file__).with_name("s3.py"))]
    process = subprocess.Popen(
        command, env={"PYTHONPATH": paths}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    atexit.register(ended, process)
    url = f"http://127.0.0.1:{int(process.stdout.readline())}"
    httpx.put(f"{url}/{BUCKET}", trust_env=False).raise_for_status()
    return url


def ended(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


HOMES = {"local": local, "s3": s3}


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(params=HOMES)
def home(request, tmp_path):
    return HOMES[request.param](tmp_path)


@pytest.fixture
def full():
    """A state with everything in it."""
    at = Address("number", "main")
    agent = Address("agent", "zoe")
    return replace(
        EMPTY,
        sub_account="sub_1",
        resources={
            at: Resource("num_1", "created", "+14155550100", protect=True, fields={"areaCode": Memory("a" * 64)}),
            agent: Resource('a"b\\c\n\ud83d\u2028é', "adopted", fields={"x": Memory("b" * 64, "c" * 64, secret=True)}),
            Address("webhook", "hooks"): Resource("wh_1", "imported", parent="agent_1"),
        },
        turns={at: 3},
        intents={
            agent: Intent(agent, "create", "d" * 64, "2031-05-01T00:00:00Z", "r", "2031-05-01T00:00:00Z", ("x", "y"))
        },
        ledger=(Purchase(at, "2031-05-01T00:00:00Z", "3.00", "bought", "num_1", "+14155550100"),),
        ignored=("num_8", "num_9"),
        tombstones=(Tombstone(at, "num_0", "2031-05-01T00:00:00Z", "released"),),
        lock=Lock("run", "me", "here", "2031-05-01T00:00:00Z", "2031-05-01T00:05:00Z"),
    )


def big(state: State, count: int = 400) -> State:
    """The state with so many resources that writing it takes a while."""
    many = {Address("agent", f"a{n}"): Resource(f"agt_{n}", "created") for n in range(count)}
    return replace(state, resources=many)
