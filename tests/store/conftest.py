"""Every store there is, for the one suite that all of them pass. A new store adds one function to `HOMES`."""

from __future__ import annotations

import atexit
import itertools
import os
import secrets
import shutil
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
from apreconcile.programs.git import git
from apreconcile.store.git import GitStore
from apreconcile.store.local import LocalStore
from apreconcile.store.objects import ObjectStore
from apreconcile.store.store import Store
from tests.store.s3 import BUCKET, environ, spoil

OURS = ("acme", "default")
EMPTY = State(*OURS, "loopback")


QUIET = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
"""No configuration of whoever runs the tests."""


@dataclass(frozen=True)
class Home:
    """One document's home: `open` it anew (or that of another project and environment there), `damage` it behind its back, or open it elsewhere as `store` by `code`.

    A store that is `slow` is asked less often.
    """

    open: Callable[..., Store]
    damage: Callable[[bytes], object]
    code: str
    slow: bool = False

    def start(self, code: str) -> subprocess.Popen[str]:
        """A process that opens the store and then does this."""
        paths = os.pathsep.join(path for path in sys.path if path)
        env = {"PYTHONPATH": paths, "PATH": os.environ["PATH"], **QUIET}
        command = [sys.executable, "-c", f"{IMPORTS}\n{self.code}\n{code}"]
        return subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


IMPORTS = """
import asyncio, sys
from dataclasses import replace
from pathlib import Path
from apreconcile.core.address import Address
from apreconcile.core.errors import ConflictError
from apreconcile.core.state import Resource, State
"""


def local(folder: Path) -> Home:
    home = folder / ".apreconcile"
    code = f"""
from apreconcile.store.local import LocalStore
store = LocalStore(Path({str(home)!r}), "acme", "default")
"""

    def damage(content: bytes) -> None:
        home.mkdir(exist_ok=True)
        (home / "acme.default.json").write_bytes(content)

    return Home(lambda *of: LocalStore(home, *(of or OURS)), damage, code)


def s3(folder: Path) -> Home:
    url, prefix = s3_server(), f"s3://{BUCKET}/{secrets.token_hex(8)}"
    code = f"""
from apreconcile.store.objects import ObjectStore
store = ObjectStore({prefix!r}, "acme", "default", environ={environ(url)!r})
"""

    def damage(content: bytes) -> None:
        spoil(url, f"{prefix.removeprefix(f's3://{BUCKET}/')}/acme.default.json", content)

    return Home(lambda *of: ObjectStore(prefix, *(of or OURS), environ=environ(url)), damage, code)


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


def call(*args: str | Path, folder: Path, stdin: bytes = b"") -> str:
    """What git says when a person runs it there."""
    who = {f"GIT_{role}_{what}": "someone@acme.dev" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["git", *args], cwd=folder, input=stdin, stdout=subprocess.PIPE, env={**os.environ, **who, **QUIET}, check=True
    )
    return done.stdout.decode().strip()


REF = "refs/apreconcile/acme/default"


def remote(folder: Path) -> Path:
    """A bare repository with a branch of three commits."""
    bare, work = folder / "remote.git", folder / "first"
    call("init", "--quiet", "--bare", "--initial-branch=main", bare, folder=folder)
    call("clone", "--quiet", bare, work, folder=folder)
    call("checkout", "--quiet", "-b", "main", folder=work)
    (work / "infra").mkdir()
    for n in range(3):
        (work / "infra/agentphone.yaml").write_text(f"version: {n}\n")
        call("add", ".", folder=work)
        call("commit", "--quiet", "--message", f"{n}", folder=work)
    call("push", "--quiet", "origin", "main", folder=work)
    return bare


def checkout(bare: Path, folder: Path) -> Path:
    """What a CI runner has: one commit of one branch."""
    call("clone", "--quiet", "--depth=1", f"file://{bare}", folder, folder=bare)
    return folder


def put(bare: Path, content: bytes, *, ref: str = REF, name: str = "state.json") -> str:
    """Somebody else pushes a commit with this file."""
    blob = call("hash-object", "-w", "--stdin", folder=bare, stdin=content)
    tree = call("mktree", folder=bare, stdin=f"100644 blob {blob}\t{name}\n".encode())
    commit = call("commit-tree", tree, "-m", "by hand", folder=bare)
    call("update-ref", ref, commit, folder=bare)
    return commit


def hook(bare: Path, name: str, code: str) -> None:
    path = bare / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{code}\n")
    path.chmod(0o755)


LOST = """
[ "$1" = committed ] || exit 0
while read old new ref; do
    [ "$ref" = %s ] && { %s; kill -9 $PPID; }
done
exit 0
"""
"""What git runs there as a ref changes: something, and then the end of who was to tell that it did."""


def on_git(folder: Path) -> Home:
    bare = remote(folder)
    runner, numbers = checkout(bare, folder / "runner"), itertools.count()
    code = f"""
import tempfile
tempfile.tempdir = {str(folder)!r}
from apreconcile.programs.git import git
from apreconcile.store.git import GitStore
store = GitStore(Path({str(runner)!r}), "acme", "default", git=git)
"""

    def open_(*of: str) -> GitStore:
        mine = folder / f"runner{next(numbers)}"
        shutil.copytree(runner, mine)
        return GitStore(mine, *(of or OURS), git=git)

    return Home(open_, lambda content: put(bare, content), code, slow=True)


HOMES = {"local": local, "git": on_git, "s3": s3}


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(autouse=True)
def _quiet_git(monkeypatch):
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)


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
