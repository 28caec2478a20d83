"""The program in this process for most tests, as a process of its own where signals, terminals and pipes matter."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
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


Run = Callable[..., Result]


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
