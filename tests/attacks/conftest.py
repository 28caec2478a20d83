"""A stranger's desk: the command line as a process, a sandbox on loopback, and its books as the only judge."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from apreconcile.sandbox import Running
from tests.conftest import Trial
from tests.store.conftest import QUIET

ROOT = Path(__file__).parents[2]

LAUNCHER = """
import json, os, signal, sys
import apreconcile.cli.apply, apreconcile.cli.approve, apreconcile.cli.export, apreconcile.cli.plan
import apreconcile.cli.show, apreconcile.cli.state, apreconcile.cli.validate
from apreconcile.cli import main

for line in sys.stdin:
    order = json.loads(line)
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["environ"])
        for number, name in enumerate((os.devnull, order["out"], order["err"])):
            os.dup2(os.open(name, os.O_WRONLY if number else os.O_RDONLY), number)
        sys.argv[1:] = order["words"]
        code = 1
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""A process that has imported everything, and forks one for each command: so that an attack costs no start-up."""


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed; `said` is all of it on one line."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return " ".join(f"{self.out}\n{self.err}".split())

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Launcher:
    """Starts the command line as a process of its own, without a terminal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        argv = [sys.executable, "-W", "error", "-c", LAUNCHER]
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(argv, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, words: tuple[str, ...], folder: Path, environ: dict[str, str]) -> Ended:
        assert self.process.stdin
        assert self.process.stdout
        out, err = self.folder / "out", self.folder / "err"
        for file in (out, err):
            file.write_bytes(b"")
        order = {"words": words, "folder": str(folder), "environ": environ, "out": str(out), "err": str(err)}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return Ended(int(self.process.stdout.readline()), out.read_text(), err.read_text())

    def close(self) -> None:
        self.process.communicate(timeout=60)


@dataclass
class Desk(Trial):
    """An account, a folder with a spec, and the command line; called with its words, it runs them there."""

    launcher: Launcher = field(kw_only=True)

    @property
    def env(self) -> dict[str, str]:
        """What a command finds in its environment: nothing of whoever runs the tests."""
        ours = {"AGENTPHONE_API_KEY": self.key, "AGENTPHONE_BASE_URL": self.base_url or self.url}
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), **QUIET, **ours, **self.environ}

    def __call__(self, *words: str, **env: str) -> Ended:
        return self.launcher.run(words, self.folder, self.env | env)

    def document(self, *words: str) -> Any:
        """The plan of the spec as it is now."""
        told = self("plan", "--format", "json", *words)
        assert told.out, told.said
        return told.json

    def tokens(self) -> dict[str, str]:
        """The token of each step that wants an approval."""
        return {step["address"]: step["token"] for step in self.document()["steps"] if step["token"]}

    def approving(self, *addresses: str) -> list[str]:
        """The words that approve these addresses, or all of them, as the plan is now."""
        return [word for at, token in self.tokens().items() if not addresses or at in addresses
                for word in ("--approve", token)]  # fmt: skip

    def released(self) -> list[str]:
        """The phone numbers that are gone for ever."""
        return [line["phoneNumber"] for line in self.ledger() if line["type"] == "release"]


@pytest.fixture(scope="session")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    it = Launcher(tmp_path_factory.mktemp("said"))
    yield it
    it.close()


@pytest.fixture
def desks(sandbox: Running, control: httpx.Client, tmp_path: Path, launcher: Launcher) -> Iterator[Callable[..., Desk]]:
    """Make desks, each with an account and a folder of its own."""
    made: list[Desk] = []

    def make(**more: Any) -> Desk:
        folder = tmp_path / f"desk{len(made)}"
        folder.mkdir()
        key = f"sk_live_{secrets.token_hex(12)}"
        made.append(Desk(sandbox.url, folder, key, control, launcher=launcher, **more))
        return made[-1]

    yield make
    if made:
        made[0].no_faults()


@pytest.fixture
def desk(desks: Callable[..., Desk]) -> Desk:
    return desks()
