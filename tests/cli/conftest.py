"""The program in this process for most tests, as a process of its own where signals, terminals and pipes matter."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from apreconcile.cli.program import program
from apreconcile.sandbox import Options, running

ROOT = Path(__file__).parents[2]

SPEC = """\
version: 1
project: acme-support
variables:
  hooks: {default: "https://hooks.acme.dev"}
agents:
  support:
    name: Support Bot
    voiceMode: hosted
    systemPrompt: {file: prompts/support.md}
  triage: {name: Triage, voiceMode: webhook}
numbers:
  support-main: {country: US, areaCode: "415", agent: support}
webhooks:
  events: {url: "${var.hooks}/events", contextLimit: 10, timeout: 30}
  triage: {agent: triage, url: "${var.hooks}/triage"}
"""

KEY = "key-for-tests"


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """All that was said, stdout before the bar, however its lines were broken."""
        return " | ".join(" ".join(text.split()) for text in (self.out, self.err))


Run = Callable[..., Result]


def planned(ap: Run, *args: str, env: dict[str, str] | None = None) -> Any:
    """The document of a plan."""
    return json.loads(ap("plan", *args, "--format", "json", env=env).out)


def approving(document: Any) -> list[str]:
    """The options that approve all that a plan asks for."""
    return [word for step in document["steps"] if step["token"] for word in ("--approve", step["token"])]


def applied(ap: Run, *args: str, env: dict[str, str] | None = None) -> Any:
    """Apply with every approval; the document of the plan."""
    document = planned(ap, *args, env=env)
    result = ap("apply", *args, "--yes", *approving(document), env=env)
    assert result.code == 0, result
    return document


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable that the program reads comes from outside of the test."""
    for name in list(os.environ):
        if name.startswith(("AGENTPHONE_", "COV_")) or name in ("CI", "NO_COLOR", "COLUMNS"):
            monkeypatch.delenv(name)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a spec, to be in."""
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/support.md").write_text("You are the support line of Acme. Be kind.\n")
    (tmp_path / "agentphone.yaml").write_text(SPEC)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ap(folder: Path) -> Run:
    """Run the program here."""

    def run(*args: str, env: dict[str, str] | None = None) -> Result:
        result = CliRunner().invoke(program, args, env=env)
        return Result(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def program_env() -> dict[str, str]:
    """The environment of a process of its own."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "PYTHONWARNINGS": "error"}


@pytest.fixture
def spawn(folder: Path, program_env: dict[str, str]) -> Callable[..., subprocess.Popen[str]]:
    """Start the program as a process."""

    def start(*args: str, env: dict[str, str] | None = None, **more: Any) -> subprocess.Popen[str]:
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        argv = [sys.executable, "-m", "apreconcile", *args]
        return subprocess.Popen(argv, text=True, env={**program_env, **(env or {})}, **(pipes | more))

    return start


@dataclass(frozen=True)
class World:
    """A sandbox in this process, and the flags and environment that lead there."""

    url: str
    http: httpx.Client

    @property
    def env(self) -> dict[str, str]:
        return {"AGENTPHONE_API_KEY": KEY, "AGENTPHONE_BASE_URL": self.url}

    def fault(self, match: str, do: str, **more: int) -> None:
        self.http.post("/_sandbox/faults", json=[{"match": match, "do": do, **more}]).raise_for_status()

    def seed(self, **objects: Any) -> Any:
        answer = self.http.post("/_sandbox/seed", json=objects)
        answer.raise_for_status()
        return answer.json()

    def requests(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.http.get("/_sandbox/requests").json()["data"]
        return [one for one in found if one["path"].startswith("/v1")]

    def writes(self) -> list[str]:
        return [f"{one['method']} {one['path']}" for one in self.requests() if one["method"] != "GET"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with running(Options(db=tmp_path / "world.db")) as server:
        headers = {"Authorization": f"Bearer {KEY}"}
        with httpx.Client(base_url=server.url, headers=headers, trust_env=False, timeout=20) as http:
            yield World(server.url, http)


LAUNCH = """
import fcntl, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from apreconcile.cli import main
main()
"""
PATIENCE = 30.0


class Person:
    """Somebody at a terminal of 80 columns, who reads everything and types."""

    def __init__(
        self, argv: tuple[str, ...], env: dict[str, str], out: Path | None = None, folder: Path | None = None
    ) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
        with out.open("w") if out else nullcontext(slave) as stdout:
            self.process = subprocess.Popen(
                [sys.executable, "-c", LAUNCH, *argv], env=env, cwd=folder, stdin=slave, stdout=stdout,
                stderr=slave, start_new_session=True,
            )  # fmt: skip
        os.close(slave)
        self.seen = ""
        self.read_to = 0

    def wait_for(self, words: str) -> None:
        """Read until these words are on the screen."""
        end = time.monotonic() + PATIENCE
        while words not in _bare(self.seen)[self.read_to :]:
            assert time.monotonic() < end, f"no {words!r} in:\n{self.seen}"
            assert self._read(), f"ended without {words!r}:\n{self.seen}"
        self.read_to = _bare(self.seen).index(words, self.read_to) + len(words)

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def leave(self) -> tuple[int, str]:
        """Read to the end: the exit code and the whole screen without its colours."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self._read():
            pass
        return self.process.wait(PATIENCE), _bare(self.seen).replace("\r\n", "\n")

    def _read(self) -> bool:
        ready = select.select([self.master], [], [], PATIENCE)[0]
        try:
            data = os.read(self.master, 65536) if ready else b""
        except OSError:
            return False
        self.seen += data.decode("utf-8", "replace")
        return bool(data)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)


def _bare(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)
