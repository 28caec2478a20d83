"""A trial is an account of its own on a sandbox, a spec in a folder of its own, and all that can be done with them.

Every bearer token is an account, so that tests share a server; its faults are global, so that they take turns.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import textwrap
import threading
import time as real_time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, settings

from apreconcile import workflow
from apreconcile.core.address import Address
from apreconcile.core.errors import Error
from apreconcile.core.outcome import Report
from apreconcile.live.limits import Pace
from apreconcile.sandbox import Options, Running, running

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
"""No test is timed: how long examples take to be made says how busy the machine is."""


@dataclass
class Clock:
    """Real time and what was skipped of it: who waits for a second is a second later at once."""

    skipped: float = 0.0
    carried: Callable[[float], None] | None = None

    async def pause(self, seconds: float) -> None:
        self.skip(seconds)
        await asyncio.sleep(0)

    def skip(self, seconds: float) -> None:
        self.skipped += seconds
        if self.carried:
            self.carried(seconds)

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.skipped)

    @property
    def pace(self) -> Pace:
        return Pace(lambda: real_time.monotonic() + self.skipped, self.pause, lambda _, longest: longest)


@dataclass
class Trial:
    """`key` is the account. Runs are whole: each opens the account, does one thing, and closes it."""

    url: str
    folder: Path
    key: str
    http: httpx.Client
    clock: Clock = field(default_factory=Clock)
    environ: Mapping[str, str] = field(default_factory=dict)
    settle: float = 60.0
    concurrency: int = 8
    base_url: str | None = None
    heard: list[str] = field(default_factory=list)

    def spec(self, text: str | Mapping[str, Any], name: str = "agentphone.yaml") -> Trial:
        """Write the spec; version and project are added where it has none."""
        if isinstance(text, str):
            text = textwrap.dedent(text)
            text = text if "version:" in text else f"version: 1\nproject: acme\n{text}"
        else:
            text = json.dumps({"version": 1, "project": "acme", **text}, ensure_ascii=False)
        (self.folder / name).write_text(text)
        return self

    def load(self) -> workflow.loading.Manifest:
        return workflow.load([str(self.folder / "agentphone.yaml")], environ=self.environ)

    @asynccontextmanager
    async def open(self, *, pace: Pace | None = None) -> AsyncIterator[workflow.Account]:
        async with workflow.connect(
            self.load(),
            key=self.key,
            base_url=self.base_url or self.url,
            settle=self.settle,
            concurrency=self.concurrency,
            on_request=self.heard.append,
            pace=pace or self.clock.pace,
            now=self.clock.now,
            environ=self.environ,
        ) as account:
            yield account

    def run(self, do: Callable[[workflow.Account], Any]) -> Any:
        async def whole() -> Any:
            async with self.open() as account:
                return await do(account)

        return asyncio.run(whole())

    def plan(self, **how: Any) -> workflow.Planned:
        return self.run(lambda account: workflow.plan(account, **how))

    def apply(self, approve: Sequence[str] | None = None, *, adopt: bool = False, **how: Any) -> Report:
        """Plan and apply; with every approval, unless they are given."""

        async def both(account: workflow.Account) -> Report:
            planned = await workflow.plan(account, adopt=adopt)
            tokens = tokens_of(planned.plan) if approve is None else approve
            return await workflow.apply(account, planned, approve=tokens, **how)

        return self.run(both)

    def settled(self) -> Trial:
        """Apply what there is, and demand that it is done."""
        report = self.apply(adopt=True)
        assert report.exit == 0, said(report)
        return self

    def export(self) -> Any:
        return self.run(workflow.export)

    def bind(self, address: str, ident: str) -> str:
        return self.run(lambda account: workflow.resolve_bind(account, Address.parse(address), ident))

    def not_created(self, address: str) -> str:
        return self.run(lambda account: workflow.resolve_not_created(account, Address.parse(address)))

    def seed(self, **things: Any) -> dict[str, Any]:
        return self._asked("POST", "/_sandbox/seed", things)

    def reset(self) -> None:
        """Empty the account."""
        self._asked("POST", "/_sandbox/reset", None)

    def fault(self, match: str, do: str, **more: int) -> None:
        self._asked("POST", "/_sandbox/faults", [{"match": match, "do": do, **more}])

    def no_faults(self) -> None:
        self._asked("DELETE", "/_sandbox/faults", None)

    def ledger(self) -> list[dict[str, Any]]:
        return self._asked("GET", "/_sandbox/ledger", None)["entries"]

    def purchases(self) -> list[str]:
        """The marker of each purchase there ever was."""
        return [line["externalId"] for line in self.ledger() if line["type"] == "purchase"]

    def requests(self, *methods: str) -> list[dict[str, Any]]:
        data = self._asked("GET", "/_sandbox/requests", None)["data"]
        return [one for one in data if not methods or one["method"] in methods]

    def writes(self) -> list[tuple[str, str]]:
        return [(one["method"], one["path"]) for one in self.requests("POST", "PATCH", "DELETE", "PUT")]

    def get(self, path: str) -> Any:
        """What the API itself shows, asked in a way that the log of the account does not mix up with ours."""
        answer = self.http.get(path, headers={"Authorization": f"Bearer {self.key}"})
        return answer.json() if answer.status_code == 200 else None

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """What somebody else does to the account."""
        answer = self.http.request(method, path, json=body, headers={"Authorization": f"Bearer {self.key}"})
        assert answer.is_success, answer.text
        return answer.json()

    @property
    def state_file(self) -> Path:
        return self.folder / ".apreconcile" / "acme.default.json"

    @property
    def state(self) -> dict[str, Any]:
        return json.loads(self.state_file.read_text()) if self.state_file.exists() else {}

    def ids(self) -> dict[str, str]:
        return {at: held["id"] for at, held in self.state.get("resources", {}).items()}

    def _asked(self, method: str, path: str, body: Any) -> Any:
        answer = self.http.request(method, path, json=body, headers={"Authorization": f"Bearer {self.key}"})
        assert answer.status_code == 200, answer.text
        return answer.json()


def without(value: Any, name: str) -> Any:
    """JSON in which no map has this key."""
    if isinstance(value, dict):
        return {key: without(inner, name) for key, inner in value.items() if key != name}
    return [without(item, name) for item in value] if isinstance(value, list) else value


def tokens_of(plan: Any) -> list[str]:
    return [step.token for step in plan.steps if step.token]


def said(report: Report) -> str:
    """A report as a failing test shows it."""
    lines = [
        f"{one.address} {one.action} {one.word.value} {one.because or ''} {one.error or ''}" for one in report.outcomes
    ]
    return "\n".join([f"exit {report.exit}, converged {report.converged}", *lines, *report.warnings])


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Running]:
    with running(Options(db=":memory:", number_limit=100_000, balance=1_000_000)) as server:
        yield server


@pytest.fixture(scope="module")
def control(sandbox: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox.url, trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture
def trials(sandbox: Running, control: httpx.Client, tmp_path: Path) -> Iterator[Callable[..., Trial]]:
    """Make trials, each with an account and a folder of its own."""
    made: list[Trial] = []

    def make(**more: Any) -> Trial:
        folder = tmp_path / f"trial{len(made)}"
        folder.mkdir()
        made.append(Trial(sandbox.url, folder, f"sk_live_{secrets.token_hex(12)}", control, **more))
        return made[-1]

    yield make
    if made:
        made[0].no_faults()


@pytest.fixture
def trial(trials: Callable[..., Trial]) -> Trial:
    return trials()


@pytest.fixture
def report_text() -> Callable[[Report], str]:
    return said


@pytest.fixture
def exit_of() -> Callable[[Callable[[], Any]], int]:
    """The exit code that a command would end with."""

    def end(do: Callable[[], Any]) -> int:
        try:
            result = do()
        except Error as problem:
            return problem.exit_code
        return result.exit if isinstance(result, Report) else 0

    return end


class Front:
    """A server before the sandbox: it passes requests on, but for those that it was told to answer itself."""

    def __init__(self, behind: str) -> None:
        self.behind = behind
        self.told: list[list[Any]] = []
        self.busy: Counter[str] = Counter()
        self.busiest: Counter[str] = Counter()
        self.counting = threading.Lock()
        self.hide: str | None = None
        """A field that no answer has."""
        self.deaf = False
        """Whether the header that names a sub-account is overlooked, with every call."""
        self.passed = httpx.Client(base_url=behind, trust_env=False, timeout=30)
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 5

            def log_message(self, *_: Any) -> None:
                pass

            def _any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                content = self.rfile.read(length)
                with front.under_way(f"{self.command} {self.path}"):
                    status, headers, body = front.reply(self.command, self.path, dict(self.headers), content)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                with suppress(ConnectionError):  # whoever asked was killed, or waits no longer
                    self.end_headers()
                    self.wfile.write(body)

            do_GET = do_POST = do_PATCH = do_DELETE = _any  # noqa: N815 -- the library's own names

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = False  # closing waits for what is still passed on
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def __call__(self, trial: Trial) -> Trial:
        """Let a trial's runs go through here; what it looks at for itself does not."""
        trial.base_url = f"http://127.0.0.1:{self.server.server_address[1]}"
        return trial

    @contextmanager
    def under_way(self, call: str) -> Iterator[None]:
        """Count how many of a call, and of all, are under way at once."""
        with self.counting:
            self.busy.update([call, "all"])
            for name in (call, "all"):
                self.busiest[name] = max(self.busiest[name], self.busy[name])
        try:
            yield
        finally:
            with self.counting:
                self.busy.subtract([call, "all"])

    def answer(
        self, method: str, path: str, status: int = 200, body: Any = None, *, times: int = 1, nth: int = 1,
        headers: Mapping[str, str] | None = None, commit: bool = False,
    ) -> None:  # fmt: skip
        """Answer a request so; `*` in the path is any segment. With `commit` the sandbox does the work first.

        A body of bytes is sent as it is, anything else as JSON.
        """
        pattern = re.compile(path.replace("*", "[^/?]+") + r"(\?.*)?")
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.told.append([method, pattern, nth, times, status, dict(headers or {}), content, commit])

    def reply(
        self, method: str, path: str, headers: dict[str, str], content: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        for told in self.told:
            if told[0] == method and told[1].fullmatch(path) and told[3] > 0:
                told[2] -= 1
                if told[2] <= 0:
                    told[3] -= 1
                    if told[7]:
                        self.pass_on(method, path, headers, content)
                    return told[4], {"Content-Type": "application/json", **told[5]}, told[6]
        return self.pass_on(method, path, headers, content)

    def pass_on(
        self, method: str, path: str, headers: dict[str, str], content: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        names = {"authorization", "content-type", *(() if self.deaf else ("x-sub-account-id",))}
        kept = {name: value for name, value in headers.items() if name.lower() in names}
        answer = self.passed.request(method, path, content=content, headers=kept)
        shown = without(answer.json(), self.hide) if self.hide else None
        content = json.dumps(shown).encode() if self.hide else answer.content
        return answer.status_code, {"Content-Type": answer.headers.get("content-type", "")}, content

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
        self.passed.close()


@pytest.fixture
def front(sandbox: Running) -> Iterator[Front]:
    it = Front(sandbox.url)
    yield it
    it.close()


class Receiver:
    """Somebody's server, which answers each event with this status."""

    def __init__(self) -> None:
        self.status = 204
        self.events: list[dict[str, Any]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                receiver.events.append({"path": self.path, **json.loads(self.rfile.read(length))})
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def paths(self) -> list[str]:
        return sorted(event["path"] for event in self.events)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    it = Receiver()
    yield it
    it.server.shutdown()
    it.server.server_close()
