"""Every test has a server of its own, started as `--sandbox` starts it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from apreconcile.sandbox import Options, running

Start = Callable[..., httpx.Client]


def client(url: str, key: str | None = "key-one", **headers: str) -> httpx.Client:
    bearer = {} if key is None else {"Authorization": f"Bearer {key}"}
    return httpx.Client(base_url=url, headers={**bearer, **headers}, trust_env=False, timeout=20)


@pytest.fixture
def world(tmp_path: Path) -> Path:
    return tmp_path / "sandbox.db"


@pytest.fixture
def start(world: Path) -> Iterator[Start]:
    """Start a server with these switches and return a client of it, with the key `key-one`."""
    with ExitStack() as stack:

        def begin(key: str | None = "key-one", **switches: Any) -> httpx.Client:
            server = stack.enter_context(running(Options(**{"db": world, **switches})))
            return stack.enter_context(client(server.url, key))

        yield begin


@pytest.fixture
def api(start: Start) -> httpx.Client:
    return start()


@pytest.fixture
def as_key(api: httpx.Client) -> Iterator[Callable[..., httpx.Client]]:
    """Another client of the same server: another key, or more headers."""
    with ExitStack() as stack:
        yield lambda key="key-one", **headers: stack.enter_context(client(str(api.base_url), key, **headers))


@pytest.fixture
def seed(api: httpx.Client) -> Callable[..., Any]:
    def plant(**objects: Any) -> Any:
        answer = api.post("/_sandbox/seed", json=objects)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return plant


@pytest.fixture
def fault(api: httpx.Client) -> Callable[..., None]:
    def queue(match: str, do: str, **more: int) -> None:
        answer = api.post("/_sandbox/faults", json=[{"match": match, "do": do, **more}])
        assert answer.status_code == 200, answer.text

    return queue
