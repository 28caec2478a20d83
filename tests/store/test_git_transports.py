"""The ways to a remote that CI runners and people take: HTTP with a token, and SSH."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from apreconcile.core.errors import StoreError
from apreconcile.programs.git import git
from apreconcile.store.git import ABSENT, GitStore
from tests.store.conftest import EMPTY, LOST, REF, big, call, checkout, hook, remote

pytestmark = pytest.mark.anyio

TOKEN = base64.b64encode(b"x-access-token:hunter2").decode()


@pytest.fixture
def bare(tmp_path):
    return remote(tmp_path)


@pytest.fixture
def clone(bare, tmp_path):
    return checkout(bare, tmp_path / "clone")


@pytest.fixture
def store(clone):
    return GitStore(clone / "infra", "acme", "default", git=git)


class Host:
    """A git host on loopback that wants one token; while `deaf`, it does what it is asked and hangs up."""

    def __init__(self, folder):
        self.deaf = False
        self.heard = []
        host = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def do_GET(self):
                path, _, query = self.path.partition("?")
                told = self.headers.get_all("Authorization") or []
                host.heard.append((self.command, path, told))
                if told != [f"basic {TOKEN}"]:
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", "Basic realm=code")
                    self.end_headers()
                    return
                env = {
                    **os.environ, "GIT_PROJECT_ROOT": str(folder), "GIT_HTTP_EXPORT_ALL": "1", "REMOTE_USER": "runner",
                    "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command,
                    "CONTENT_TYPE": self.headers.get("Content-Type", ""), "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                    "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                }  # fmt: skip
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                done = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True, check=True)
                if host.deaf and "receive-pack" in path and self.command == "POST":
                    self.close_connection = True
                    return
                head, _, content = done.stdout.partition(b"\r\n\r\n")
                self.send_response(200)
                for line in head.decode().splitlines():
                    self.send_header(*line.split(": ", 1))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET  # noqa: N815 -- the library's own names

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def host(bare, clone):
    it = Host(bare.parent)
    call("remote", "set-url", "origin", f"{it.url}/remote.git", folder=clone)
    yield it
    it.close()


def let_in(clone, url, token=TOKEN):
    """As the usual action that checks out does it."""
    call("config", f"http.{url}/.extraheader", f"AUTHORIZATION: basic {token}", folder=clone)


async def test_the_token_of_the_checkout_lets_in_and_is_sent_once(bare, clone, host, store):
    let_in(clone, host.url)
    state, version = await store.swap(EMPTY, (await store.read())[1])
    state, version = await store.swap(big(state), version)
    assert await store.read() == (state, version)
    assert call("rev-parse", REF, folder=bare) == version
    assert {tuple(told) for _, _, told in host.heard} == {(f"basic {TOKEN}",)}


async def test_an_answer_that_the_host_does_not_give_is_looked_for(bare, clone, host, store):
    let_in(clone, host.url)
    host.deaf = True
    _, version = await store.swap(EMPTY, ABSENT)
    assert call("rev-parse", REF, folder=bare) == version


@pytest.mark.parametrize("token", [None, "d3Jvbmc6aHVudGVyMg=="])
async def test_without_the_right_token_it_is_said(clone, host, store, token):
    if token:
        let_in(clone, host.url, token)
    for work in (store.read(), store.swap(EMPTY, ABSENT)):
        with pytest.raises(StoreError) as caught:
            await work
        assert caught.value.hint == "give git a key or a token for it, then try: git ls-remote origin"
        assert (token or "hunter2") not in caught.value.whole


SSH = """#!/bin/sh
# The last argument is the command for the other side.
for last; do :; done
sh -c "$last"
"""


@pytest.fixture
def ssh(bare, clone, tmp_path, monkeypatch):
    """The way of an ssh command that stays on this machine, and what it does."""
    script = tmp_path / "ssh"

    def way(code=SSH):
        script.write_text(code)
        script.chmod(0o755)

    way()
    monkeypatch.setenv("GIT_SSH_COMMAND", str(script))
    call("remote", "set-url", "origin", f"git@code.acme.dev:{bare}", folder=clone)
    return way


@pytest.mark.usefixtures("ssh")
async def test_ssh_is_a_way_too(bare, store):
    state, version = await store.swap(EMPTY, (await store.read())[1])
    assert await store.read() == (state, version)
    assert call("rev-parse", REF, folder=bare) == version


@pytest.mark.usefixtures("ssh")
async def test_a_connection_that_breaks_after_the_push_is_looked_for(bare, store):
    hook(bare, "reference-transaction", LOST % (REF, "true"))
    state, version = await store.swap(EMPTY, ABSENT)
    assert call("rev-parse", REF, folder=bare) == version
    state, version = await store.swap(state, version)
    assert await store.read() == (state, version)


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("git@code.acme.dev: Permission denied (publickey).", "give git a key or a token"),
        ("Host key verification failed.", "ssh-keyscan"),
        ("ssh: Could not resolve hostname code.acme.dev: Name or service not known", "git ls-remote origin"),
    ],
)
async def test_what_ssh_says_is_told(ssh, store, said, hint):
    ssh(f"#!/bin/sh\necho '{said}' >&2; exit 255")
    with pytest.raises(StoreError) as caught:
        await store.read()
    assert said.removeprefix("ssh: ") in str(caught.value)
    assert hint in caught.value.hint
