"""A repository on a GitHub of our own: a bare remote, its REST API on loopback, and runners on which the action's own steps
run, as action.yml has them, with the environment and the event that a runner gives them."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from tests.cli.conftest import World, world  # noqa: F401 (a fixture)
from tests.store.conftest import QUIET, call

ROOT = Path(__file__).parents[2]
REPOSITORY, TOKEN = "acme/phones", "ghs_the-token-of-the-job"
NOBODY = "0" * 40

SPEC = """\
version: 1
project: acme
state: {store: git}
agents:
  support: {name: Support}
"""
BUYING = """\
numbers:
  main: {country: US, areaCode: "415", agent: support}
"""


class Api:
    """GitHub's REST API, as far as the action goes. `refuse` is answered instead, if it is set.

    `pulls` says which pull requests are open. They are at the commit of the last event, unless somebody `moved` them on.
    """

    def __init__(self) -> None:
        self.comments: list[dict[str, Any]] = []
        self.requests: list[str] = []
        self.refuse = 0
        self.pulls: dict[int, str] = {7: "open"}
        self.head, self.moved = "", ""
        numbers, api = itertools.count(1), self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                api.requests.append(f"{self.command} {self.path}")
                allowed = self.headers.get("Authorization") == f"Bearer {TOKEN}"
                status, answer = api.answer(self.command, self.path, body) if allowed else (401, {})
                self.send_response(api.refuse or status)
                if api.refuse == 302:
                    self.send_header("Location", f"http://localhost:{self.server.server_address[1]}/elsewhere")
                content = json.dumps(answer).encode()
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = _any  # noqa: N815 -- the library's own names

        self.next_id = numbers.__next__
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        asked = urlsplit(path)
        pull = re.fullmatch(rf"/repos/{REPOSITORY}/pulls/(\d+)", asked.path)
        if method == "GET" and pull:
            return 200, {"state": self.pulls[int(pull[1])], "head": {"sha": self.head}}
        if method == "GET" and asked.path == f"/repos/{REPOSITORY}/issues/7/comments":
            query = {name: int(values[0]) for name, values in parse_qs(asked.query).items()}
            start = (query["page"] - 1) * query["per_page"]
            return 200, self.comments[start : start + query["per_page"]]
        if method == "POST" and asked.path == f"/repos/{REPOSITORY}/issues/7/comments":
            return 201, self.add(json.loads(body)["body"])
        found = re.fullmatch(rf"/repos/{REPOSITORY}/issues/comments/(\d+)", asked.path)
        if method == "PATCH" and found:
            comment = next(one for one in self.comments if one["id"] == int(found[1]))
            comment["body"] = json.loads(body)["body"]
            return 200, comment
        return 404, {}

    def add(self, body: str, author: str = "github-actions[bot]") -> dict[str, Any]:
        assert len(body) <= 65_536
        self.comments.append({"id": self.next_id(), "body": body, "user": {"login": author}})
        return self.comments[-1]


@dataclass(frozen=True)
class Ran:
    """What came of a step: its exit code, the log, what the job's summary says, and the step's outputs."""

    code: int
    log: str
    summary: str
    outputs: dict[str, str]
    folder: Path


@dataclass
class Hub:
    """`dev` is a person's clone, and `person` their environment. `inputs` are those of the workflow, `environ` is more of its.

    `installed` is where runners have apreconcile.
    """

    folder: Path
    world: World
    api: Api
    inputs: dict[str, str] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=itertools.count)
    person: dict[str, str] = field(default_factory=dict)
    installed: Path = ROOT

    @property
    def bare(self) -> Path:
        return self.folder / "remote.git"

    @property
    def dev(self) -> Path:
        return self.folder / "dev"

    def begin(self, files: Mapping[str, str]) -> Hub:
        """A repository whose first commit has these files."""
        call("init", "--quiet", "--bare", "--initial-branch=main", self.bare, folder=self.folder)
        call("clone", "--quiet", self.bare, self.dev, folder=self.folder)
        call("checkout", "--quiet", "-b", "main", folder=self.dev)
        self.commit(files)
        call("push", "--quiet", "origin", "main", folder=self.dev)
        return self

    def commit(self, files: Mapping[str, str]) -> str:
        for name, text in files.items():
            path = self.dev / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        call("add", "--all", folder=self.dev)
        call("commit", "--quiet", "--allow-empty", "--message", "a change", folder=self.dev)
        return call("rev-parse", "HEAD", folder=self.dev)

    def branch(self, files: Mapping[str, str], name: str = "change") -> str:
        """A branch off main with these files, pushed, and what it would be merged, as GitHub keeps it for its runs."""
        call("checkout", "--quiet", "-B", name, "main", folder=self.dev)
        self.commit(files)
        return self.refresh(name)

    def refresh(self, name: str = "change") -> str:
        call("push", "--quiet", "--force", "origin", f"{name}:{name}", folder=self.dev)
        call("checkout", "--quiet", "--detach", "main", folder=self.dev)
        call("merge", "--quiet", "--no-ff", "--no-edit", name, folder=self.dev)
        merged = call("rev-parse", "HEAD", folder=self.dev)
        call("push", "--quiet", "--force", "origin", "HEAD:refs/pull/7/merge", folder=self.dev)
        call("checkout", "--quiet", name, folder=self.dev)
        return merged

    def merge(self, name: str = "change") -> tuple[str, str]:
        """Merge a branch; main before and after."""
        before = call("rev-parse", "main", folder=self.dev)
        call("checkout", "--quiet", "main", folder=self.dev)
        call("merge", "--quiet", "--no-ff", "--no-edit", name, folder=self.dev)
        call("push", "--quiet", "origin", "main", folder=self.dev)
        return before, call("rev-parse", "main", folder=self.dev)

    def on_pull_request(
        self, *, fork: bool = False, branch: str = "change", action: str = "opened", **more: Any
    ) -> Ran:
        repos = {"head": {"id": 2 if fork else 1}, "base": {"id": 1}}
        sides = {"head": branch, "base": "main"}
        change = {
            side: {"repo": repos[side], "ref": ref, "sha": call("rev-parse", ref, folder=self.dev)}
            for side, ref in sides.items()
        }
        self.api.head = self.api.moved or change["head"]["sha"]
        payload = {"action": action, "number": 7, "pull_request": change}
        return self.run("pull_request", payload, "refs/pull/7/merge", **more)

    def plan(self, ran: Ran) -> str:
        """The plan that a run saved."""
        return Path(ran.outputs["plan"]).read_text()

    def on_push(
        self, before: str, after: str, *, ref: str = "refs/heads/main", key: bool = True, **payload: Any
    ) -> Ran:
        event = {"ref": ref, "before": before, "after": after, "forced": False, **payload}
        return self.run("push", event, ref, commit=after, key=key)

    def on_merge(self, name: str = "change") -> Ran:
        return self.on_push(*self.merge(name))

    def run(
        self, event: str, payload: Mapping[str, Any], ref: str = "refs/heads/main", *, commit: str = "", actor: str = "ann",
        key: bool = True,
    ) -> Ran:  # fmt: skip
        """A runner of its own: a clone of one commit, and the step of the action that does the work."""
        process, folder = self.start(event, payload, ref, commit=commit, actor=actor, key=key)
        log = process.communicate(timeout=120)[0]
        return self.ended(process.returncode, log, folder)

    def start(
        self,
        event: str,
        payload: Mapping[str, Any],
        ref: str,
        *,
        commit: str = "",
        actor: str = "ann",
        key: bool = True,
    ) -> tuple[subprocess.Popen[str], Path]:
        folder = self.folder / f"runner{next(self.numbers)}"
        work, temporary = folder / "work", folder / "temp"
        work.mkdir(parents=True)
        temporary.mkdir()
        (temporary / "apreconcile").symlink_to(sys.prefix)
        commit = commit or call("rev-parse", ref, folder=self.bare)
        call("init", "--quiet", folder=work)
        call("remote", "add", "origin", f"file://{self.bare}", folder=work)
        call("fetch", "--quiet", "--depth=1", "origin", commit, folder=work)
        call("checkout", "--quiet", "--detach", "FETCH_HEAD", folder=work)
        payload = {"repository": {"id": 1, "default_branch": "main", "full_name": REPOSITORY}, **payload}
        (folder / "event.json").write_text(json.dumps(payload))
        step = action_step("run")
        environ = {
            "PATH": os.environ["PATH"], "HOME": str(folder), **QUIET, "CI": "true",
            "GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": event, "GITHUB_EVENT_PATH": str(folder / "event.json"),
            "GITHUB_REPOSITORY": REPOSITORY, "GITHUB_REF": ref, "GITHUB_SHA": commit, "GITHUB_ACTOR": actor,
            "GITHUB_API_URL": self.api.url, "GITHUB_SERVER_URL": "https://github.com", "GITHUB_RUN_ID": "42",
            "GITHUB_OUTPUT": str(folder / "output"), "GITHUB_STEP_SUMMARY": str(folder / "summary"),
            "GITHUB_ACTION_PATH": str(ROOT), "RUNNER_TEMP": str(temporary),
            "AGENTPHONE_BASE_URL": self.world.url, **self.environ,
        }  # fmt: skip
        inputs = self.inputs | ({"api-key": self.world.env["AGENTPHONE_API_KEY"]} if key else {})
        environ |= {name: filled(text, inputs, environ) for name, text in step["env"].items()}
        environ["PYTHONPATH"] = environ.get("PYTHONPATH") or str(self.installed)
        argv = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]]
        process = subprocess.Popen(
            argv, cwd=work, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )  # fmt: skip
        return process, folder

    def ended(self, code: int, log: str, folder: Path) -> Ran:
        summary, output = ((folder / name) for name in ("summary", "output"))
        lines = output.read_text().splitlines() if output.exists() else []
        outputs = dict(line.split("=", 1) for line in lines)
        return Ran(code, log, summary.read_text() if summary.exists() else "", outputs, folder)


def action() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
    return found


def action_step(name: str) -> dict[str, Any]:
    (found,) = (step for step in action()["runs"]["steps"] if step.get("id") == name)
    return found


def filled(text: str, inputs: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """A value of action.yml with its expressions filled in, as the runner does it: names, and `||` between them."""
    known = {f"inputs.{name}": str(one.get("default", "")) for name, one in action()["inputs"].items()}
    known |= {f"inputs.{name}": value for name, value in inputs.items()}
    known |= {f"env.{name}": value for name, value in environ.items()} | {"github.token": TOKEN}

    def value(found: re.Match[str]) -> str:
        names = [name.strip() for name in found[1].split("||")]
        assert all(re.fullmatch(r"(inputs|env|github)\.[\w-]+", name) for name in names), found[0]
        return next((known[name] for name in names if known.get(name)), "")

    return re.sub(r"\$\{\{(.*?)\}\}", value, text)


@pytest.fixture
def api() -> Iterator[Api]:
    it = Api()
    yield it
    it.server.shutdown()
    it.server.server_close()


@pytest.fixture
def hub(tmp_path: Path, world: World, api: Api) -> Hub:  # noqa: F811 (a fixture)
    return Hub(tmp_path, world, api)
