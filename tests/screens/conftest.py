"""Screens as people see them at 80 columns: what a command printed, where, and how it ended."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from apreconcile.cli.program import program
from apreconcile.sandbox import Options, running

SCREENS = Path(__file__).parent
EXAMPLE = SCREENS.parents[1] / "examples"
UPDATE = "UPDATE_SCREENS"


class Stage:
    """A folder with a spec, a sandbox, and what was seen so far."""

    def __init__(self, folder: Path, http: httpx.Client) -> None:
        self.folder = folder
        self.http = http
        self.seen: list[str] = []
        self.tokens: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def run(self, line: str) -> int:
        """Run a command line; `TOKEN(number.main)` in it is the token of that step as it was last printed."""
        words = [re.sub(r"TOKEN\((.*?)\)", lambda at: self.tokens[at[1]], word) for word in shlex.split(line)]
        # With more at once, two answers may come in either order.
        one_by_one = ["--concurrency", "1"] if words[1:2] == ["apply"] else []
        result = CliRunner().invoke(program, [*words[1:], *one_by_one])
        self.tokens |= {
            found[1]: found[0] for found in re.finditer(r"\w+:([a-z]+\.[\w-]+)@[0-9a-f]{32}", result.stdout)
        }
        self.seen.append(f"$ {self._steady(line)}\n{self._steady(result.stdout)}")
        if result.stderr:
            self.seen.append("".join(f"stderr| {row}\n" for row in self._steady(result.stderr).splitlines()))
        self.seen.append(f"[exit {result.exit_code}]\n\n")
        return result.exit_code

    def write(self, name: str, text: str) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(text)
        self.seen.append(f"# {name} is written\n")

    def fault(self, match: str, do: str) -> None:
        self.http.post("/_sandbox/faults", json=[{"match": match, "do": do}]).raise_for_status()
        self.seen.append(f"# the sandbox will do this to {match}: {do}\n")

    def get(self, path: str) -> list[dict[str, Any]]:
        """What the API lists."""
        return list(self.http.get(path).raise_for_status().json()["data"])

    def seed(self, **things: Any) -> None:
        self.http.post("/_sandbox/seed", json=things).raise_for_status()
        self.seen.append("# somebody uses the account\n")

    def _steady(self, text: str) -> str:
        """What differs from run to run, as names of the same width."""
        text = re.sub(r"\bc[0-9a-z]{24}\b", lambda at: self._name("id", at[0]), text)
        text = re.sub(r"@[0-9a-f]{32}", lambda at: "@" + self._name("digest", at[0]), text)
        text = re.sub(r"\b[0-9a-f]{64}\b", "f" * 64, text)
        text = re.sub(r"\b[0-9a-f]{32}\b", "e" * 32, text)
        text = re.sub(r"\b[0-9a-f]{16}\b", "d" * 16, text)
        text = re.sub(r"digest [0-9a-f]{12}", f"digest {'c' * 12}", text)
        text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2026-01-01T00:00:00Z", text)
        text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "2026-01-01 00:00", text)
        text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", "2026-01-01T00:00:00.000000Z", text)
        text = re.sub(r"whsec_[0-9a-f]+", "whsec_…", text)
        text = re.sub(r"\+1\d{10}\b", lambda at: self._name("phone", at[0]), text)
        text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)
        text = re.sub(r"Took \d+ requests|\"requests\": \d+", lambda at: re.sub(r"\d+", "N", at[0]), text)
        text = re.sub(r"(serial(?:\":)? ?)\d+", r"\1N", text)
        text = text.replace(str(self.folder), "/folder")
        return re.sub(r"(?m)^(GET|POST|PATCH|DELETE) (.*) \d+ms$", r"\1 \2 0ms", text)

    def _name(self, sort: str, value: str) -> str:
        known = self._names.setdefault(f"{sort} {value}", str(sum(name.startswith(sort) for name in self._names) + 1))
        shapes = {"id": f"c{known:0>24}", "digest": f"DIGEST-{known:->25}", "phone": f"+1415555{known:0>4}"}
        return shapes[sort]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    for name in list(os.environ):
        if name.startswith("AGENTPHONE_") or name in ("CI", "NO_COLOR", "COLUMNS"):
            monkeypatch.delenv(name)
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with running(Options(db=tmp_path / "world.db")) as server:
        monkeypatch.setenv("AGENTPHONE_BASE_URL", server.url)
        monkeypatch.setenv("AGENTPHONE_API_KEY", "sk_live_never_shown")
        headers = {"Authorization": "Bearer sk_live_never_shown"}
        with httpx.Client(base_url=server.url, headers=headers, trust_env=False) as http:
            yield Stage(folder, http)


@pytest.fixture
def golden(stage: Stage) -> Callable[[str], None]:
    """Compare what was seen with the file of this name; with UPDATE_SCREENS=1, write it."""

    def compare(name: str) -> None:
        seen = "".join(stage.seen).rstrip("\n") + "\n"
        assert "sk_live_never_shown" not in seen
        file = SCREENS / f"{name}.txt"
        if os.environ.get(UPDATE):
            file.write_text(seen)
        assert seen == file.read_text()

    return compare
