from __future__ import annotations

import ast
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn

from apreconcile.sandbox import Options, ledger, running, serve
from apreconcile.sandbox.app import Sandbox

SERVE = """
import sys
from apreconcile.sandbox import Options, serve
serve(Options(db=sys.argv[1], number_limit=10**6, balance=10**7), port=int(sys.argv[2]))
print("ended", flush=True)
"""
ROOT = Path(__file__).parents[2]


@contextmanager
def program(world, port=0):
    """The sandbox as a program; yields the process and its URL."""
    command = [sys.executable, "-c", SERVE, str(world), str(port)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            first = process.stdout.readline().strip()
            assert first.startswith("listening on http://127.0.0.1:")
            yield process, first.removeprefix("listening on ")
        finally:
            process.kill()


def client(url):
    return httpx.Client(base_url=url, headers={"Authorization": "Bearer key-one"}, trust_env=False, timeout=20)


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_a_served_sandbox_announces_itself_first_and_ends_cleanly(world, which):
    with program(world) as (process, url), client(url) as api:
        assert api.get("/v1/agents").status_code == 200
        process.send_signal(which)
        rest, _ = process.communicate(timeout=5)
        assert (process.returncode, rest) == (0, "ended\n")


def test_a_kill_at_any_time_loses_nothing_that_was_answered(world):
    answered = []

    def buy(url, wanted):
        with client(url) as api:
            for turn in range(wanted):
                try:
                    answered.append(api.post("/v1/numbers", json={"externalId": f"{turn}"}).json()["id"])
                except httpx.HTTPError:
                    return

    for _ in range(2):
        with program(world) as (process, url), ThreadPoolExecutor(4) as pool:
            for _ in range(4):
                pool.submit(buy, url, 10_000)
            time.sleep(0.4)
            process.kill()
    bought = [entry["numberId"] for entry in ledger(world)]
    assert len(answered) > 20
    assert len(bought) == len(set(bought))
    assert set(answered) <= set(bought)
    with closing(sqlite3.connect(world)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("SELECT count(*), count(DISTINCT phone_number) FROM numbers").fetchone() == (len(bought),) * 2
        assert db.execute("SELECT spent_cents FROM accounts").fetchone() == (300 * len(bought),)
        assert db.execute("SELECT many FROM tallies WHERE kind = 'numbers'").fetchone() == (len(bought),)


def test_two_servers_on_one_file_lose_and_double_nothing(world):
    def work(url):
        with client(url) as api:
            return [api.post("/v1/numbers", json={}).json()["phoneNumber"] for _ in range(40)]

    with program(world) as (_, one), program(world) as (_, two), ThreadPoolExecutor(4) as pool:
        phones = [phone for batch in pool.map(work, [one, two, one, two]) for phone in batch]
        with client(one) as api:
            assert api.get("/v1/numbers").json()["total"] == 160
    assert len(set(phones)) == 160
    assert len(ledger(world)) == 160


def test_two_programs_may_make_the_same_file_at_once(world):
    with ThreadPoolExecutor(4) as pool:
        worlds = list(pool.map(lambda _: Sandbox(Options(db=world)), range(4)))
    for each in worlds:
        each.close()


def test_what_was_done_is_there_for_the_next_server(world):
    with running(Options(db=world)) as server, client(server.url) as api:
        agent = api.post("/v1/agents", json={"name": "A"}).json()
        api.post("/_sandbox/clock", json={"advance": 86_400})
    with running(Options(db=world)) as server, client(server.url) as api:
        assert api.get("/v1/agents").json()["data"] == [agent]
        assert api.post("/v1/agents", json={"name": "B"}).json()["createdAt"][:10] > agent["createdAt"][:10]


def test_a_taken_port_and_a_public_address_are_refused(world):
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        serve(Options(db=world), port=taken.getsockname()[1])
    for host in ("0.0.0.0", "10.0.0.1", "::"):  # noqa: S104 (to be refused)
        with pytest.raises(ValueError, match="loopback only"):
            serve(Options(db=world), host=host)
    assert not world.exists()


def test_a_server_in_a_thread_leaves_no_thread_and_no_handler_behind(world):
    before = (threading.active_count(), signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))
    with running(Options(db=world)) as server, client(server.url) as api:
        api.get("/v1/agents")
    assert (threading.active_count(), signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    with client(server.url) as api, pytest.raises(httpx.ConnectError):
        api.get("/v1/agents")


def test_a_server_ends_though_a_request_is_still_waiting(world, caplog):
    with running(Options(db=world)) as server, client(server.url) as api:
        api.post("/_sandbox/faults", json=[{"match": "GET /v1/agents", "do": "delay:600"}])
        with pytest.raises(httpx.ReadTimeout):
            api.get("/v1/agents", timeout=0.05)
        started = time.monotonic()
    assert time.monotonic() - started < 5
    assert caplog.messages == []


def test_a_folder_is_made_for_the_file(tmp_path):
    with running(Options(db=tmp_path / "deep" / "folder" / "sandbox.db")) as server, client(server.url) as api:
        assert api.get("/v1/agents").status_code == 200


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("protocol", ["h11", "httptools"])
@pytest.mark.parametrize("action", ["drop", "commit-then-drop"])
def test_a_connection_is_cut_under_every_http_implementation(protocol, loop, action):
    app = Sandbox(Options(db=":memory:"))
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http=protocol, loop=loop, lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        with client(f"http://127.0.0.1:{listener.getsockname()[1]}") as api:
            assert api.get("/v1/agents").status_code == 200
            api.post("/_sandbox/faults", json=[{"match": "POST /v1/agents", "do": action}])
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                api.post("/v1/agents", json={"name": "x"})
            assert api.get("/v1/agents").json()["total"] == (action == "commit-then-drop")
    finally:
        server.should_exit = True
        thread.join()
        app.close()


def test_the_sandbox_imports_nothing_of_the_reconciler():
    for path in (ROOT / "apreconcile" / "sandbox").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0
                names = [node.module]
            for name in names:
                assert not name.startswith("apreconcile") or name.startswith("apreconcile.sandbox"), path


@pytest.mark.parametrize("content", [b"not a database, but long enough to be taken for one" * 50, None])
def test_a_file_that_is_no_sandbox_is_refused_and_left_alone(world, content):
    if content is None:
        with closing(sqlite3.connect(world)) as db:
            db.execute("CREATE TABLE mine (x)")
    else:
        world.write_bytes(content)
    with pytest.raises(sqlite3.DatabaseError, match="is not a sandbox of this version"), running(Options(db=world)):
        pass
    with pytest.raises(sqlite3.DatabaseError, match="is not a sandbox of this version"):
        ledger(world)
