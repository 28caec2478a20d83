"""`--sandbox` needs no key and leaves the real account alone; `sandbox` serves it, empties it, and shows its ledger."""

from __future__ import annotations

import json
import signal

import httpx
import pytest


def bought(ap, *flags: str) -> str:
    document = json.loads(ap("plan", "--format", "json", *flags).out)
    token = next(step["token"] for step in document["steps"] if step["token"])
    report = json.loads(ap("apply", "--yes", "--approve", token, "--format", "json", *flags).out)
    return next(step["phoneNumber"] for step in report["steps"] if step["phoneNumber"])


def test_apply_in_the_sandbox_beside_the_spec(ap, folder):
    phone = bought(ap, "--sandbox")
    home = folder / ".apreconcile"
    assert sorted(file.name for file in home.glob("sandbox/*.json")) == ["acme-support.default.json"]
    assert (home / "sandbox.db").is_file()
    assert (home / ".gitignore").read_text() == "*\n"
    entries = json.loads(ap("sandbox", "ledger").out)["entries"]
    assert [(one["type"], one["phoneNumber"]) for one in entries] == [("purchase", phone)]
    assert phone in ap("state", "show", "--sandbox").out


def test_no_key_is_read_and_no_base_url(ap):
    told = ap(
        "plan", "--sandbox", env={"AGENTPHONE_API_KEY": "not a key", "AGENTPHONE_BASE_URL": "https://evil.example"}
    )
    assert (told.code, told.err) == (0, "")


def test_commands_to_paste_stay_in_the_sandbox(ap):
    told = ap("apply", "--yes", "--sandbox")
    assert "apreconcile --sandbox secret show webhook.events" in told.out
    assert "  apreconcile apply --sandbox --yes \\\n    --approve buy:number.support-main@" in told.out


def test_reset_empties_the_account_and_its_state_and_nothing_else(ap, folder):
    bought(ap, "--sandbox")
    other = folder / ".apreconcile/acme-support.default.json"
    other.write_text("the real one")
    assert ap("sandbox", "reset").code == 0
    assert json.loads(ap("sandbox", "ledger").out) == {"entries": []}
    assert ap("state", "list", "--sandbox").out == "Nothing is ours yet.\n"
    assert other.read_text() == "the real one"
    assert "Plan: 5 to create" in ap("plan", "--sandbox").out


def test_another_database(ap, folder):
    bought(ap, "--sandbox", "--sandbox-db", "world.db")
    assert (folder / "world.db").is_file()
    assert not (folder / ".apreconcile/sandbox.db").exists()
    assert len(json.loads(ap("sandbox", "ledger", "--sandbox-db", "world.db").out)["entries"]) == 1
    assert json.loads(ap("sandbox", "ledger").out) == {"entries": []}
    assert ap("sandbox", "reset", "--sandbox-db", "world.db").code == 0
    assert json.loads(ap("sandbox", "ledger", "--sandbox-db", "world.db").out) == {"entries": []}


def test_the_sandbox_lies_beside_the_spec_that_is_named(ap, folder):
    (folder / "deep").mkdir()
    (folder / "deep/agentphone.yaml").write_text(
        "version: 1\nproject: deep\nagents: {a: {name: A, voiceMode: webhook}}\n"
    )
    assert ap("apply", "deep", "--sandbox", "--yes").code == 0
    assert (folder / "deep/.apreconcile/sandbox/deep.default.json").is_file()
    assert ap("-f", "deep/agentphone.yaml", "sandbox", "reset").code == 0
    assert not list((folder / "deep/.apreconcile/sandbox").glob("*.json"))


def test_a_database_that_is_none(ap, folder):
    (folder / "notes.txt").write_text("no database at all, but long enough to be taken for one" * 20)
    for args in (["plan", "--sandbox-db", "notes.txt"], ["sandbox", "ledger", "--sandbox-db", "notes.txt"]):
        told = ap(*args)
        assert (told.code, told.out) == (1, "")
        assert "notes.txt cannot be used" in " ".join(told.err.split())
    assert ap("plan", "--sandbox-db", ".").code == 1


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_serve_says_where_and_ends_when_told_to(spawn, which):
    process = spawn("sandbox", "serve", "--port", "0", "--db", "w.db", "--key", "one", "--number-limit", "3")
    first = process.stdout.readline()
    assert first.startswith("listening on http://127.0.0.1:")
    url = first.split()[-1]
    with httpx.Client(base_url=url, trust_env=False) as http:
        usage = http.get("/v1/usage", headers={"Authorization": "Bearer one"})
        assert usage.json()["numbers"]["limit"] == 3
        assert http.get("/v1/usage", headers={"Authorization": "Bearer two"}).status_code == 401
    process.send_signal(which)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "", "")


def test_a_port_that_is_taken(ap, world):
    port = world.url.rpartition(":")[2]
    told = ap("sandbox", "serve", "--port", port, "--db", "other.db")
    assert (told.code, told.out) == (1, "")
    assert f"port {port} cannot be used" in told.err
