"""Whoever wants the key, or another secret: by a proxy, a redirect, another host, an echo, a program that is started."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.attacks.conftest import Desk
from tests.conftest import Front
from tests.store.conftest import QUIET

NUMBER = "agents: {a: {name: A}}\nnumbers: {n: {agent: a}}\n"
PROXIES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


class Listener:
    """A server of somebody else, which remembers all that it is told."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def _any(self) -> None:
                listener.heard.append(f"{self.command} {self.path} {self.headers}")
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            do_GET = do_POST = do_PATCH = do_DELETE = do_CONNECT = _any  # noqa: N815 -- the library's own names

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def listener() -> Iterator[Listener]:
    it = Listener()
    yield it
    it.server.shutdown()
    it.server.server_close()


def everywhere(desk: Desk) -> str:
    """All that stands in the desk's folder."""
    return "".join(path.read_text(errors="replace") for path in desk.folder.rglob("*") if path.is_file())


def test_a_proxy_stands_in_the_environment(desk, listener):
    proxies = dict.fromkeys(PROXIES, listener.url)
    assert httpx.get("http://agentphone.invalid/", proxy=proxies["http_proxy"]).status_code == 200
    assert len(listener.heard) == 1, "it takes whatever it is given"
    desk.spec(NUMBER)
    assert desk("apply", "--yes", *desk.approving(), **proxies, NO_PROXY="", no_proxy="").code == 0
    assert len(listener.heard) == 1
    assert desk.purchases() == ["apr:acme/default/n"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("call", [("GET", "/v1/agents"), ("POST", "/v1/numbers"), ("DELETE", "/v1/numbers/*")])
def test_an_answer_redirects_elsewhere(desk, front: Front, listener, call, status):
    base = "agents: {a: {name: A}}\n"
    desk.spec(NUMBER if call[0] == "DELETE" else base).settled()
    desk.spec(base if call[0] == "DELETE" else NUMBER)
    tokens, before = desk.approving(), desk.ledger()
    front(desk)
    front.answer(*call, status, {}, headers={"Location": f"{listener.url}{call[1]}"}, times=9)
    told = desk("apply", "--yes", *tokens)
    assert (told.code, "redirects are not followed" in told.said) == (1, True), told.said
    assert (listener.heard, desk.ledger()) == ([], before)
    front.told.clear()
    assert desk("apply", "--yes", *desk.approving()).code == 0
    assert len(desk.ledger()) == len(before) + 1


ELSEWHERE = (
    "https://evil.dev", "http://api.agentphone.ai", "https://api.agentphone.ai.evil.dev", "https://api.agentphone.ai@evil.dev",
    "https://me:pw@api.agentphone.ai", "https://evil.dev/api.agentphone.ai", "https://api.agentphone.ai\\@evil.dev",
    "https://api.agentphone.ai:8443", "https://api.agentphone.ai/../../x", "http://127.0.0.1.evil.dev", "http://0x7f.1:80",
    "http://2130706433", "http://localhost.evil.dev", "http://0.0.0.0", "http://[::ffff:10.0.0.1]", "//evil.dev", "ftp://127.0.0.1",
    "http://127.0.0.1@evil.dev", "https://api.agentphone.ai.", "https://\u0430pi.agentphone.ai", "http://169.254.169.254",
)  # fmt: skip


def test_the_key_is_sent_to_another_host(desk):
    desk.spec(NUMBER)
    for url in ELSEWHERE:
        for told in (desk("plan", AGENTPHONE_BASE_URL=url), desk("plan", "--base-url", url)):
            assert (told.code, told.out) == (1, ""), url
            assert "hint: use https://" in told.said, url
            assert desk.key not in told.said
            assert "pw@" not in told.said
    assert desk("plan").code == 0


def test_the_key_is_read_into_a_prompt(desk):
    for text in ("${env.AGENTPHONE_API_KEY}", "${env.AGENTPHONE_TOKEN}", "x ${var.key}"):
        desk.spec({
            "variables": {"key": {"default": "${env.AGENTPHONE_API_KEY}"}},
            "agents": {"a": {"name": "A", "voiceMode": "hosted", "systemPrompt": text}},
        })  # fmt: skip
        told = desk("apply", "--yes", AGENTPHONE_TOKEN="other")
        assert (told.code, desk.requests()) == (1, [])
        assert desk.key not in told.said
    desk.spec("agents: {a: {name: A, description: 'x ${env.HOME}'}}")
    assert desk("apply", "--yes").code == 0


@pytest.mark.parametrize("status", [400, 401, 403, 422])
def test_an_error_echoes_secrets(desk, front: Front, status):
    secret, signing = 's3cr3t-of-the-crm/with"quotes', "whsec_0123456789abcdef"
    desk.environ = {"CRM": secret}
    front(desk.spec("agents: {a: {name: A, description: '${env.CRM}'}}"))
    echo = f"Authorization: Bearer {desk.key}; {secret} {json.dumps(secret)} {signing}"
    body = {
        "error": {"message": echo, "code": desk.key, "details": [{"field": secret, "message": desk.key}]},
        "detail": echo,
    }
    front.answer("POST", "/v1/agents", status, body, times=9)
    for words in (("apply", "--yes", "-v"), ("apply", "--yes", "--format", "json")):
        told = desk(*words)
        assert (told.code, "***" in told.said) == (1, True), told.said
        for leak in (desk.key, secret, json.dumps(secret)[1:-1], signing):
            assert leak not in told.out + told.err + everywhere(desk)
    front.told.clear()
    assert desk("apply", "--yes").code == 0
    assert desk.requests("POST")[-1]["body"]["description"] == secret, "and where it belongs it is sent"


# Programs that are started


@pytest.fixture
def stand_ins(desk: Desk) -> Path:
    """Programs that write down what they are given, and then do what they are called for."""
    home = desk.folder / "bin"
    home.mkdir()
    for name in ("git", "ssh-keygen", "gh", "keep"):
        real = shutil.which(name)
        does = f'exec {real} "$@"' if real and name != "gh" else "cat >/dev/null"
        path = home / name
        path.write_text(
            f'#!/bin/sh\nenv >>"{desk.folder}/{name}.seen"; echo "$@" >>"{desk.folder}/{name}.seen"\n{does}\n'
        )
        path.chmod(0o755)
    return home


def test_a_program_that_is_started_finds_the_key(desk, stand_ins):
    """git keeps the state and names the policy, ssh-keygen verifies, sinks are handed the signing secrets."""
    bare = desk.folder.parent / "state.git"
    own = {
        **desk.env,
        "GIT_AUTHOR_NAME": "x",
        "GIT_AUTHOR_EMAIL": "x@x",
        "GIT_COMMITTER_NAME": "x",
        "GIT_COMMITTER_EMAIL": "x@x",
    }

    def git(*words: str) -> None:
        subprocess.run(["git", "-C", desk.folder, *words], env=own | QUIET, check=True, capture_output=True)

    git("init", "-q", "--bare", str(bare))
    git("init", "-q", "-b", "main")
    (desk.folder / "signers").write_text("ann ssh-ed25519 AAAA\n")
    desk.spec(f"""
        state: {{store: git, remote: "{bare}"}}
        policy: {{approvers: {{signers: signers}}, autoApprove: {{default: [{{risk: spends, upTo: 9.00}}]}}}}
        agents: {{a: {{name: A}}}}
        numbers: {{n: {{agent: a}}}}
        webhooks:
          w: {{url: "https://a.dev/x", secret: {{writeTo: {{exec: [keep]}}}}}}
          v: {{agent: a, url: "https://a.dev/x", secret: {{writeTo: {{github: HOOK}}}}}}
    """)
    git("add", "agentphone.yaml", "signers")
    git("commit", "-q", "-m", "x")
    environ = {
        "PATH": f"{stand_ins}{os.pathsep}{os.environ['PATH']}", "AGENTPHONE_TOKEN": "planted", "AGENTPHONE_SUB_ACCOUNT": "",
        "AGENTPHONE_WEBHOOK_SECRET_W": "planted", "PLAIN": "seen",
    }  # fmt: skip
    told = desk("apply", "--yes", "--policy-from", "main", **environ)
    assert told.code == 0, told.said
    desk.spec((desk.folder / "agentphone.yaml").read_text().replace("https://a.dev/x", "https://b.dev/x"))
    plan = desk("plan", "--out", "plan.json", "--format", "json", **environ).json
    token = next(step["token"] for step in plan["steps"] if step["address"] == "webhook.w")
    made = desk("approve", "plan.json", token, "--by", "ann", "--reason", "x", **environ)
    armor = "-----BEGIN SSH SIGNATURE-----\n    AAAA\n    -----END SSH SIGNATURE-----\n"
    (desk.folder / "approvals.yaml").write_text(f"{made.out}  signature: |\n    {armor}")
    assert desk("apply", "--yes", "--approvals", "approvals.yaml", **environ).code == 3
    for name in ("git", "ssh-keygen", "gh", "keep"):
        seen = (desk.folder / f"{name}.seen").read_text()
        assert "PATH=" in seen, name
        assert "AGENTPHONE_" not in seen, name
        assert "planted" not in seen, name
        assert desk.key not in seen, name
        assert ("PLAIN=seen" in seen) == (name == "keep"), "a sink's own program is given the rest"
    secrets = {
        desk.get(path)["secret"]
        for path in ("/v1/webhooks", f"/v1/agents/{desk.get('/v1/agents')['data'][0]['id']}/webhook")
    }
    assert not [one for one in secrets if one in everywhere(desk)]
