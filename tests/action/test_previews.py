"""A pull request has a preview of its own: made as it is opened, ended as it is closed, and never by a stranger's change."""

from __future__ import annotations

import json

import pytest

from tests.action.conftest import TOKEN
from tests.store.conftest import call

SPEC = """\
version: 1
project: acme
state: {store: git}
agents:
  support: {name: Support}
numbers:
  main: {country: US, areaCode: "415", agent: support}
webhooks:
  support: {agent: support, url: "https://hooks.acme.dev/x"}
environments:
  default: {}
  preview:
    account: {keyEnv: PREVIEW_KEY}
    ephemeral: {ttl: 72h}
"""
PERMITS = "policy: {autoApprove: {preview: [{risk: spends, upTo: 10.00}]}}\n"
REF = "refs/apreconcile/acme/preview%3Apr-7"


@pytest.fixture
def team(hub):
    hub.inputs = {"command": "preview", "environment": "preview", "key-env": "PREVIEW_KEY"}
    return hub


def ledger(hub):
    return [entry["type"] for entry in hub.world.http.get("/_sandbox/ledger").json()["entries"]]


def agents(hub):
    return [agent["name"] for agent in hub.world.http.get("/v1/agents").json()["data"]]


def notes(hub):
    return [one["body"] for one in hub.api.comments if one["body"].startswith("<!-- apreconcile preview: ")]


def test_it_is_made_kept_up_and_ended_with_its_pull_request(team):
    hub = team.begin({"agentphone.yaml": SPEC + PERMITS}).branch({"readme.md": "x"}) and team
    made = hub.on_pull_request(action="opened")
    assert (made.code, made.outputs["command"]) == (0, "preview"), made.log
    assert (ledger(hub), agents(hub)) == (["purchase"], ["Support (preview:pr-7)"])
    assert made.outputs["artifact"] == "apreconcile-preview-acme-preview-pr-7"
    (note,) = notes(hub)
    assert note.startswith("<!-- apreconcile preview: agentphone.yaml_preview:pr-7_")
    assert "apreconcile preview: done" in note
    assert "**done** | `+ create number.main` (buy) | +1415" in note
    (number,) = hub.world.http.get("/v1/numbers").json()["data"]
    assert number["expiresAt"]

    hub.commit({"agentphone.yaml": SPEC.replace("{name: Support}", "{name: Support, description: more}") + PERMITS})
    hub.refresh()
    kept = hub.on_pull_request(action="synchronize")
    assert (kept.code, ledger(hub)) == (0, ["purchase"]), kept.log
    assert "`~ update agent.support`" in notes(hub)[0]

    hub.api.pulls[7] = "closed"
    ended = hub.on_pull_request(action="closed")
    assert (ended.code, ended.outputs["command"]) == (0, "destroy"), ended.log
    assert (ledger(hub), agents(hub)) == (["purchase", "release"], [])
    assert len(notes(hub)) == 1
    assert "nothing that the state had is left" in notes(hub)[0]
    state = json.loads(call("show", f"{REF}:state.json", folder=hub.bare))
    assert state["resources"] == {}
    writes = hub.world.writes()
    assert (hub.on_pull_request(action="closed").code, hub.world.writes()) == (0, writes)


def test_what_the_policy_of_the_base_does_not_permit_stays_held_whatever_the_change_brings(team):
    """Neither a policy nor an approval of its own counts: nobody has reviewed it."""
    hub = team.begin({"agentphone.yaml": SPEC}) and team
    hub.branch({"agentphone.yaml": SPEC + PERMITS})
    ran = hub.on_pull_request(action="opened")
    assert (ran.code, ledger(hub)) == (3, []), ran.log
    assert agents(hub) == ["Support (preview:pr-7)"]
    (step,) = [one for one in json.loads(hub.plan(ran))["steps"] if one["token"]]
    assert f"--env=preview:pr-7 --policy-from {call('rev-parse', 'main', folder=hub.dev)}" not in ran.summary
    assert "apreconcile apply -f agentphone.yaml -e preview:pr-7" in ran.summary
    assert f"--approve {step['token']}" in ran.summary
    entry = {
        "approve": step["token"],
        "digest": step["digest"],
        "by": "ann",
        "reason": "x",
        "expires": "2099-01-01T00:00:00Z",
    }
    hub.commit({"approvals.yaml": json.dumps([entry])})
    hub.refresh()
    assert (hub.on_pull_request(action="synchronize").code, ledger(hub)) == (3, [])


def test_a_fork_gets_none(team):
    hub = team.begin({"agentphone.yaml": SPEC + PERMITS}) and team
    hub.branch({"readme.md": "x"})
    for action in ("opened", "synchronize", "closed"):
        ran = hub.on_pull_request(fork=True, action=action)
        assert (ran.code, ran.outputs["command"]) == (0, "validate"), ran.log
    assert (hub.world.requests(), hub.api.requests) == ([], [])


def test_an_old_run_neither_makes_nor_ends_one(team):
    hub = team.begin({"agentphone.yaml": SPEC + PERMITS}) and team
    hub.branch({"readme.md": "x"})
    closed = hub.on_pull_request(action="closed")
    assert (closed.code, "#7 is open by now" in closed.summary) == (4, True), closed.log
    hub.api.pulls[7] = "closed"
    again = hub.on_pull_request(action="opened")
    assert (again.code, "#7 is closed by now" in again.summary) == (4, True), again.log
    hub.api.pulls[7] = "open"
    hub.api.moved = "f" * 40
    older = hub.on_pull_request(action="synchronize")
    assert (older.code, "this run is of" in older.summary) == (4, True), older.log
    assert hub.world.requests() == []


@pytest.mark.parametrize("status", [403, 500])
def test_where_nobody_tells_whether_it_is_open_nothing_is_done(team, status):
    hub = team.begin({"agentphone.yaml": SPEC + PERMITS}) and team
    hub.branch({"readme.md": "x"})
    hub.api.refuse = status
    ran = hub.on_pull_request(action="opened")
    assert (ran.code, f"GitHub answered {status} to GET" in ran.summary) == (9, True), ran.log
    assert (hub.world.requests(), TOKEN in ran.log + ran.summary) == ([], False)


def test_a_person_ends_one_from_the_default_branch_by_its_number(team):
    hub = team.begin({"agentphone.yaml": SPEC + PERMITS}) and team
    hub.branch({"readme.md": "x"})
    assert hub.on_pull_request(action="opened").code == 0
    hub.api.pulls[7] = "closed"
    for payload, ref in (({}, "refs/heads/main"), ({"inputs": {"pull-request": "7"}}, "refs/heads/change"),
                         ({"inputs": {"pull-request": "7; rm -rf /"}}, "refs/heads/main")):  # fmt: skip
        assert hub.run("workflow_dispatch", payload, ref).code == 9
    assert ledger(hub) == ["purchase"]
    ran = hub.run("workflow_dispatch", {"inputs": {"pull-request": "7"}})
    assert (ran.code, ledger(hub), agents(hub)) == (0, ["purchase", "release"], []), ran.log
    assert "apreconcile destroy: done" in notes(hub)[0]


@pytest.mark.parametrize(
    ("event", "inputs", "code"),
    [("push", {}, 9), ("schedule", {}, 9), ("pull_request_target", {}, 9), ("pull_request", {"environment": ""}, 64),
     ("pull_request", {"environment": "preview:mine"}, 64), ("pull_request", {"environment": "default"}, 64),
     ("pull_request", {"key-env": "$(id)"}, 64)],
)  # fmt: skip
def test_what_is_no_preview_is_refused(team, event, inputs, code):
    hub = team.begin({"agentphone.yaml": SPEC + PERMITS}) and team
    hub.branch({"readme.md": "x"})
    hub.inputs |= inputs
    ran = hub.on_pull_request(action="opened") if event == "pull_request" else hub.run(event, {"number": 7})
    assert (ran.code, hub.world.requests()) == (code, []), ran.log
