"""`drift` exits 2 if something differs, and worse where plan does; it writes nothing, not even a state."""

from __future__ import annotations

import json

import pytest

from tests.cli import conftest

WIDTH = 80


@pytest.fixture
def applied(ap, world, folder):
    conftest.applied(ap, env=world.env)
    return {agent["name"]: agent for agent in world.http.get("/v1/agents").json()["data"]}


def test_nothing_differs(ap, world, applied):
    told = ap("drift", env=world.env)
    assert (told.code, told.err) == (0, "")
    assert "No drift: 5 resources are as the spec says." in told.out
    one = ap("drift", "--only", "agent.support", env=world.env)
    assert "No drift: agent.support is as the spec says." in one.out
    two = ap("drift", "--only", "agent.support", "--only", "agent.triage", env=world.env)
    assert "No drift: agent.support, agent.triage are as the spec says." in two.out


def test_a_hint_fits_the_screen_with_the_flags_of_the_run(ap, world, applied):
    world.http.patch(f"/v1/agents/{applied['Triage']['id']}", json={"name": "Night"})
    told = ap("drift", "-f", "agentphone.yaml", "-e", "default", env=world.env)
    assert "apreconcile -f agentphone.yaml -e default apply --only agent.triage\n" in told.out
    assert max(map(len, told.out.splitlines())) <= WIDTH


def test_what_differs_is_2_and_told_in_both_formats(ap, world, applied):
    world.http.patch(f"/v1/agents/{applied['Triage']['id']}", json={"name": "\x1b[31mNight"})
    writes = world.writes()
    told = ap("drift", env=world.env)
    assert told.code == 2
    assert "~ agent.triage: changed in the account" in told.out
    assert r'name  "\x1b[31mNight" → Triage' in told.out
    assert max(map(len, told.out.splitlines())) <= WIDTH
    shown = ap("drift", "--format", "json", env=world.env)
    assert (shown.code, shown.err) == (2, "")
    document = json.loads(shown.out)
    assert (document["format"], document["drift"][0]["who"]) == ("apreconcile.drift/1", "account")
    assert world.writes() == writes


def test_the_command_to_paste_has_the_flags_of_this_run(ap, world, applied):
    world.http.patch(f"/v1/agents/{applied['Triage']['id']}", json={"name": "Night"})
    told = ap("drift", "--var", "hooks=https://hooks.acme.dev", env=world.env)
    words = " ".join(told.out.replace("\\\n", " ").split())
    assert "apreconcile --var hooks=… apply --only agent.triage" in words


def test_without_a_state_none_is_made(ap, world, folder):
    told = ap("drift", env=world.env)
    assert told.code == 2
    assert "there is no state: nobody can tell who moved" in told.out
    assert "+ agent.support: only in the spec" in told.out
    assert not (folder / ".apreconcile").exists()


def test_something_blocked_is_5(ap, world, applied):
    slot = f"/v1/agents/{applied['Triage']['id']}/webhook"
    world.http.delete(slot)
    world.http.post(slot, json={"url": "https://b.dev/x"})
    told = ap("drift", env=world.env)
    assert told.code == 5
    assert "~ webhook.triage: replaced in the account" in told.out
    assert "Blocked:" in told.out


def test_an_open_outcome_is_6(ap, world):
    token = json.loads(ap("plan", "--format", "json", env=world.env).out)["steps"][2]["token"]
    world.fault("POST /v1/numbers", "drop")
    assert ap("apply", "--yes", "-q", "--approve", token, env=world.env).code == 6
    assert ap("drift", env=world.env).code == 6


def test_another_account_is_9(ap, world, applied):
    assert ap("drift", env={**world.env, "AGENTPHONE_API_KEY": "other"}).code == 9


def test_what_cannot_be_looked_at(ap, world, folder):
    assert ap("drift", "--base-url", world.url).code == 1
    assert ap("drift", "--format", "html", env=world.env).code == 64
    assert ap("drift", "--format", "xml", env=world.env).code == 64
    assert ap("drift", "plan.json", env=world.env).code == 64
    (folder / "agentphone.yaml").write_text("version: 2\n")
    assert ap("drift", env=world.env).code == 1
