"""`doctor` says of each thing how it is and what to do, whatever is missing, and never a secret."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from apreconcile.sandbox import Options, running

KEY = "sk_live_never_shown"
SAID = {
    "git": "git version 2.43.0",
    "ssh": "OpenSSH_9.6p1 Ubuntu-3, OpenSSL 3.0.13",
    "ssh-keygen": "",
    "gh": "gh version 2.62.0 (2024-11-14)",
}


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A PATH with programs that say these versions; None for one that is not there."""

    def install(**said):
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        for name, text in {**SAID, **{key.replace("_", "-"): one for key, one in said.items()}}.items():
            file = folder / name
            file.unlink(missing_ok=True)
            if text is not None:
                file.write_text(f"#!/bin/sh\necho '{text}' {'>&2' if name == 'ssh' else ''}\n")
                file.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))

    install()
    return install


@pytest.fixture
def examined(ap, programs):
    """Each check with its word and sentence, out of the JSON; and the exit code."""

    def look(*args, env=None, code=None):
        told = ap("doctor", "--format", "json", *args, env=env)
        assert told.err == ""
        assert not any(word in told.out for word in (KEY, "never_shown"))
        document = json.loads(told.out)
        assert (document["format"], document["exit"]) == ("apreconcile.doctor/1", told.code)
        assert code is None or told.code == code, told.out
        checks = document["checks"]
        assert all(check["remedy"] for check in checks if check["health"] in {"failed", "warning"})
        assert sum(document["summary"].values()) == len(checks)
        return {check["name"]: (check["health"], check["said"], check["remedy"]) for check in checks}

    return look


@pytest.fixture
def served():
    """A server that answers everything so."""
    servers = []

    def serve(status=200, body=b'{"data": [], "total": 0}', **headers):
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                self.send_response_only(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        servers.append((server, thread))
        return {"AGENTPHONE_API_KEY": KEY, "AGENTPHONE_BASE_URL": f"http://127.0.0.1:{server.server_address[1]}"}

    yield serve
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def test_all_is_well(examined, world):
    world.seed(numbers=[{"country": "US"}], agents=[{"name": "A"}])
    seen = examined(env=world.env, code=0)
    assert list(seen) == [
        "spec", "scope", "host", "key", "clock", "externalId", "patch-null", "header", "store", "lock",
        "git", "ssh-keygen", "gh",
    ]  # fmt: skip
    assert {name for name, check in seen.items() if check[0] != "ok"} == {"patch-null", "header"}
    assert seen["key"][1] == "AGENTPHONE_API_KEY is taken (agents: 1, numbers: 1)"
    assert world.writes() == []


def test_nothing_is_written(examined, world, folder):
    before = sorted(folder.rglob("*"))
    examined(env=world.env, code=0)
    assert sorted(folder.rglob("*")) == before


def test_without_a_spec_and_without_a_key(examined, folder):
    (folder / "agentphone.yaml").unlink()
    seen = examined(code=1)
    assert [seen[name][0] for name in ("spec", "host", "key", "clock", "store")] == [
        "unknown", "unknown", "failed", "unknown", "unknown",
    ]  # fmt: skip
    assert "lock" not in seen


def test_a_spec_that_is_wrong_or_not_there(examined, world, folder):
    (folder / "agentphone.yaml").write_text("version: 9\n")
    seen = examined(env=world.env, code=1)
    assert (seen["spec"][0], seen["spec"][2], seen["host"][0]) == ("failed", "apreconcile validate", "ok")
    assert examined("nowhere.yaml", env=world.env, code=1)["spec"][0] == "failed"


def test_wrong_flags_are_wrong_here_too(ap, world, folder):
    """As in every other command: what is asked about has to be known before anything is looked at."""
    told = ap("doctor", "-e", "nope", env=world.env)
    assert (told.code, told.out) == (64, "")
    assert "there is no environment 'nope'" in told.err
    assert ap("doctor", "plan.json", env=world.env).code == 64
    (folder / "agentphone.yaml").write_text("version: 1\nproject: a\nenvironments: {prod: {}, staging: {}}\n")
    assert ap("doctor", env=world.env).code == 64
    assert world.requests() == []


def test_without_a_network(examined):
    seen = examined(env={"AGENTPHONE_API_KEY": KEY, "AGENTPHONE_BASE_URL": "http://127.0.0.1:9"}, code=1)
    assert [seen[name][0] for name in ("host", "key", "clock", "store", "git")] == [
        "failed", "unknown", "unknown", "ok", "ok",
    ]  # fmt: skip


@pytest.mark.parametrize(("key", "word"), [({"AGENTPHONE_API_KEY": KEY}, "unknown"), ({}, "failed")])
def test_a_host_that_the_key_must_not_go_to(examined, key, word):
    seen = examined("--base-url", "https://a:never_shown@api.agentphone.ai", env=key, code=1)
    assert seen["host"][:2] == ("failed", "the base URL holds a user name or a password (--base-url)")
    assert seen["key"][0] == word


def test_a_key_that_is_refused_and_one_that_is_none(examined):
    with running(Options(db=":memory:", keys=("another",))) as server:
        env = {"AGENTPHONE_API_KEY": KEY, "AGENTPHONE_BASE_URL": server.url}
        seen = examined(env=env, code=1)
        assert [seen[name][0] for name in ("host", "key", "clock", "externalId")] == ["ok", "failed", "ok", "unknown"]
        assert seen["key"][1].startswith("AGENTPHONE_API_KEY is refused")
        seen = examined(env={**env, "AGENTPHONE_API_KEY": "never_shown\x07"}, code=1)
        assert (seen["host"][0], seen["key"][0]) == ("unknown", "failed")


def test_the_former_name_of_the_key_is_a_warning(examined, world):
    seen = examined(env={"AGENTPHONE_TOKEN": KEY, "AGENTPHONE_BASE_URL": world.url}, code=0)
    assert seen["key"] == ("warning", "AGENTPHONE_TOKEN is taken (agents: 0, numbers: 0)", "name it AGENTPHONE_API_KEY")


def test_an_api_that_fails_or_leads_elsewhere(examined, served):
    seen = examined(env=served(500, b"{}"), code=1)
    assert (seen["host"][0], seen["key"][0]) == ("ok", "failed")
    seen = examined(env=served(302, b"", Location="https://evil.example/x"), code=1)
    assert (seen["host"][0], seen["key"][0]) == ("failed", "unknown")
    seen = examined(env=served(200, b"[]"), code=0)
    assert seen["key"][1] == "AGENTPHONE_API_KEY is taken (agents: unknown, numbers: unknown)"


@pytest.mark.parametrize(
    ("seconds", "word", "said"),
    [(0, "ok", "within"), (100, "warning", "behind the API's"), (-100, "warning", "ahead of"), (900, "failed", "behind")],
)  # fmt: skip
def test_the_clock_is_compared_with_the_apis(examined, served, seconds, word, said):
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
    health, words, _ = examined(env=served(Date=moment))["clock"]
    assert (health, said in words) == (word, True)


def test_an_api_that_does_not_tell_its_time(examined, served):
    assert examined(env=served(), code=0)["clock"][0] == "unknown"


def test_numbers_without_a_marker_are_a_warning(examined, served):
    seen = examined(env=served(200, b'{"data": [{"id": "n", "phoneNumber": "+14155550100"}], "total": 1}'), code=0)
    assert seen["externalId"][0] == "warning"


def test_programs_that_are_missing_old_or_silent(examined, world, programs):
    programs(git=None, ssh="OpenSSH_8.4p1", gh="hello")
    seen = examined(env=world.env, code=0)
    assert [seen[name][0] for name in ("git", "ssh-keygen", "gh")] == ["warning"] * 3
    assert "there is no program git" in seen["git"][1]
    assert "8.4 is too old" in seen["ssh-keygen"][1]
    assert "gh does not say its version" in seen["gh"][1]
    programs(ssh_keygen=None)
    assert "there is no program ssh-keygen" in examined(env=world.env)["ssh-keygen"][1]


def test_programs_that_the_spec_needs(examined, world, programs, folder):
    programs(git=None, ssh=None, gh=None)
    (folder / "signers").write_text("ann ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3k\n")
    spec = (
        (folder / "agentphone.yaml").read_text().replace("timeout: 30}", "timeout: 30, secret: {writeTo: {github: S}}}")
    )
    spec += "policy: {approvers: {signers: signers}}\nstate: {store: git}\n"
    (folder / "agentphone.yaml").write_text(spec)
    seen = examined(env=world.env, code=1)
    assert [seen[name][0] for name in ("git", "ssh-keygen", "gh", "store")] == ["failed"] * 4


def state(folder, **parts):
    document = {
        "format": "apreconcile.state/1", "project": "acme-support", "environment": "default",
        "scope": {"host": "loopback", "sub_account": None}, "id": "d" * 16, "seed": "e", "serial": 1, "write": "w",
        "resources": {}, "turns": {}, "intents": {}, "seen": {}, "ledger": [], "ignored": [], "unclaimed": [],
        "tombstones": [], "lock": None, **parts,
    }  # fmt: skip
    (folder / ".apreconcile").mkdir(exist_ok=True)
    (folder / ".apreconcile/acme-support.default.json").write_text(json.dumps(document))


@pytest.mark.parametrize(("hours", "said"), [(1, "holds"), (-1, "held")])
def test_who_holds_the_state(examined, world, folder, hours, said):
    until = (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    lock = {"run": "r", "who": "ann", "where": "desk", "since": until, "until": until}
    state(folder, lock=lock)
    assert f"ann on desk {said} the state" in examined(env=world.env, code=0)["lock"][1]


def test_what_is_open_in_the_state(examined, world, folder):
    moment = "2026-01-01T00:00:00.000000Z"
    intent = {"address": "number.n", "action": "create", "payload": "x", "sendBy": moment, "run": "r", "opened": moment}
    state(folder, intents={"number.n": intent})
    assert examined(env=world.env, code=0)["lock"][:2] == ("warning", "nobody knows what became of number.n")
    state(folder)
    assert examined(env=world.env, code=0)["lock"][1].endswith("nothing is open")


@pytest.mark.parametrize(
    ("parts", "code"),
    [({"scope": {"host": "api.agentphone.ai", "sub_account": None}}, 9), ({"elsewhere": "/x"}, 9), ({"format": "x"}, 1)],
)  # fmt: skip
def test_a_state_that_is_not_to_be_written(examined, world, folder, parts, code):
    state(folder, **parts)
    assert examined(env=world.env, code=code)["store"][0] == "failed"


def test_a_state_is_not_compared_with_a_host_that_is_none(examined, folder):
    state(folder)
    assert examined("--base-url", "nonsense", code=1)["store"][0] == "ok"


def test_a_folder_that_cannot_be_written(examined, world, folder, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)
    assert "cannot be written" in examined(env=world.env, code=1)["store"][1]


def test_in_ci_a_local_state_is_unsafe(examined, world):
    assert examined(env={**world.env, "CI": "1"}, code=9)["store"][0] == "failed"


def test_a_sub_account_is_looked_for(examined, world):
    env = {**world.env, "AGENTPHONE_SUB_ACCOUNT": "sub_1"}
    seen = examined(env=env, code=9)
    assert seen["clock"][0] == "ok", "it was told with the answer that the sub-account is not there"
    health, said = seen["scope"][:2]
    assert (health, said) == ("failed", "the account has no sub-account sub_1: nothing was sent")
    ident = world.http.post("/v1/sub-accounts", json={"name": "One"}).json()["id"]
    health, said = examined(env={**env, "AGENTPHONE_SUB_ACCOUNT": ident}, code=0)["scope"][:2]
    assert (health, said) == ("ok", f"the sub-account {ident}, which is there, and shows nothing of the account's own")


def test_what_a_sub_account_tells_of_its_header(examined, world):
    ident = world.http.post("/v1/sub-accounts", json={"name": "One"}).json()["id"]
    health, said, _ = examined(env={**world.env, "AGENTPHONE_SUB_ACCOUNT": ident}, code=0)["header"]
    assert (health, "none is used" in said) == ("unknown", False)
    assert f"lists inside {ident} have nothing of the account's own" in said
    assert "none is used" in examined(env=world.env)["header"][1]


def test_a_state_of_another_sub_account_gets_the_remedy_that_a_plan_gives(examined, ap, world, folder):
    ident = world.http.post("/v1/sub-accounts", json={"name": "One"}).json()["id"]
    state(folder, scope={"host": "loopback", "sub_account": "sub_other"})
    env = {**world.env, "AGENTPHONE_SUB_ACCOUNT": ident}
    health, said, remedy = examined(env=env, code=9)["store"]
    assert (health, "the sub-account sub_other" in said) == ("failed", True)
    assert remedy.startswith("check `subAccount:`, AGENTPHONE_SUB_ACCOUNT and --sub-account")
    planned = ap("plan", env=env)
    assert (planned.code, f"hint: {remedy}" in " ".join(planned.err.split())) == (9, True)
    assert f"error: {said}" in " ".join(planned.err.split())


def test_the_key_is_that_of_the_environment(examined, world, folder):
    spec = "version: 1\nproject: acme\nenvironments: {prod: {account: {keyEnv: PROD_KEY}}}\n"
    (folder / "agentphone.yaml").write_text(spec)
    env = {"AGENTPHONE_BASE_URL": world.url, "AGENTPHONE_API_KEY": "of-another"}
    health, said = examined("-e", "prod", env=env, code=1)["key"][:2]
    assert (health, said) == ("failed", "there is no API key: PROD_KEY is not set")
    health, said = examined("-e", "prod", env={**env, "PROD_KEY": "key-for-tests"}, code=0)["key"][:2]
    assert (health, said.startswith("PROD_KEY is taken")) == ("ok", True)


def test_the_sandbox_needs_no_key(examined):
    seen = examined("--sandbox", code=0)
    assert seen["key"] == ("ok", "none is needed (agents: 0, numbers: 0)", "")


def test_as_text(ap, world, programs):
    programs(gh=None)
    told = ap("doctor", env=world.env)
    assert told.code == 0
    assert "gh          warning  there is no program gh on PATH" in told.out
    assert told.out.endswith("Nothing failed, 1 warning (gh), 3 unknown.\n")
    assert ap("doctor").out.endswith("1 failed (key), 1 warning (gh), 5 unknown.\n")
    assert ap("doctor", "--format", "html").code == 64
