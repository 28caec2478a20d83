"""The vendor's Python SDK, unchanged, in both its forms, against the sandbox."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import agentphone
import httpx
import pytest

from apreconcile.sandbox import Options, running

KEY = "sk_live_contract"


class Blocking:
    """The asynchronous client as a synchronous one, so that one suite drives both; notes what was called."""

    def __init__(self, target: Any, called: set[str], run: Callable[..., Any], path: str = "") -> None:
        self._target, self._called, self._run, self._path = target, called, run, path

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        path = f"{self._path}.{name}".lstrip(".")
        if not callable(found):
            return Blocking(found, self._called, self._run, path) if hasattr(found, "_client") else found

        def call(*args: Any, **kwargs: Any) -> Any:
            self._called.add(path)
            answer = found(*args, **kwargs)
            return self._run(answer) if inspect.isawaitable(answer) else answer

        return call


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK heeds the environment's proxies; loopback has none."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def called() -> set[str]:
    return set()


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest, called: set[str]) -> Iterator[Callable[..., Any]]:
    """Make a client of the form under test for a URL."""
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner())

        def make(url: str, key: str = KEY) -> Any:
            if request.param == "sync":
                return Blocking(
                    stack.enter_context(agentphone.AgentPhone(api_key=key, base_url=url)), called, runner.run
                )
            client = agentphone.AsyncAgentPhone(api_key=key, base_url=url)
            stack.callback(lambda: runner.run(client.close()))
            return Blocking(client, called, runner.run)

        yield make


@pytest.fixture
def url(tmp_path: Any) -> Iterator[str]:
    with running(Options(db=tmp_path / "sandbox.db")) as server:
        yield server.url


@pytest.fixture
def sdk(connect: Callable[..., Any], url: str) -> Any:
    return connect(url)


@pytest.fixture
def seed(url: str) -> Callable[..., Any]:
    def plant(**objects: Any) -> Any:
        headers = {"Authorization": f"Bearer {KEY}"}
        return (
            httpx.post(f"{url}/_sandbox/seed", json=objects, headers=headers, trust_env=False).raise_for_status().json()
        )

    return plant
