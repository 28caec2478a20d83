"""One spec, several accounts: each job has one environment with its own key, and only that account hears of it."""

from __future__ import annotations

import json

import httpx
import pytest

from apreconcile.sandbox import Options, running
from tests.action.conftest import BUYING, TOKEN
from tests.cli.conftest import KEY, World
from tests.store.conftest import call

SPEC = """\
version: 1
project: acme
state: {store: git}
variables: {name: {default: Support}}
agents:
  support: {name: "${var.name}"}
environments:
  prod:
    as: default
    account: {keyEnv: PROD_KEY}
  staging:
    account: {keyEnv: STAGING_KEY}
    variables: {name: {default: Support (staging)}}
"""
INSIDE = SPEC.replace("{keyEnv: STAGING_KEY}", "{keyEnv: PROD_KEY, subAccount: SUB}")
OTHER = "another-key"


@pytest.fixture
def other(hub):
    """The account of another key, in the same AgentPhone."""
    with httpx.Client(
        base_url=hub.world.url, headers={"Authorization": f"Bearer {OTHER}"}, trust_env=False, timeout=20
    ) as http:
        yield http


def names(http, **headers):
    return [agent["name"] for agent in http.get("/v1/agents", headers=headers).json()["data"]]


def on(hub, environment, key, **more):
    """The job of an environment, as its workflow has it."""
    hub.inputs = {"environment": environment, "key-env": f"{environment.upper()}_KEY", "api-key": key, **more}
    return hub


def test_each_environment_is_planned_and_applied_in_its_own_account(hub, other):
    hub.begin({"agentphone.yaml": SPEC}).branch({"agentphone.yaml": SPEC + BUYING})
    for environment, key in (("prod", KEY), ("staging", OTHER)):
        planned = on(hub, environment, key).on_pull_request(key=False)
        assert (planned.code, planned.outputs["exit-code"]) == (0, "2"), planned.log
    notes = [one["body"] for one in hub.api.comments]
    assert ["`acme/default`" in notes[0], "`acme/staging`" in notes[1], len(notes)] == [True, True, 2]
    before, after = hub.merge()
    for environment, key, state in (("prod", KEY, "default"), ("staging", OTHER, "staging")):
        applied = on(hub, environment, key).on_push(before, after, key=False)
        assert applied.code == 3, applied.log
        assert applied.outputs["artifact"] == f"apreconcile-apply-acme-{state}"
        kept = json.loads(call("show", f"refs/apreconcile/acme/{state}:state.json", folder=hub.bare))
        assert list(kept["resources"]) == ["agent.support"]
    assert (names(hub.world.http), names(other)) == (["Support"], ["Support (staging)"])
    drift = on(hub, "staging", OTHER).run("schedule", {}, key=False)
    assert (drift.code, drift.outputs["artifact"]) == (2, "apreconcile-drift-acme-staging"), drift.log
    assert "number.main" in drift.summary


def test_what_was_planned_before_there_were_environments_is_said_to_be_over(hub, other):
    hub.begin({"agentphone.yaml": SPEC}).branch({"agentphone.yaml": SPEC + BUYING})
    old = hub.api.add("<!-- apreconcile: agentphone.yaml -->\n## apreconcile plan: changes are pending\n")
    theirs = hub.api.add("<!-- apreconcile: agentphone.yaml -->\nmine", "mallory")
    on(hub, "prod", KEY).on_pull_request(key=False)
    assert (
        old["body"]
        == "<!-- apreconcile: agentphone.yaml -->\nThis is over: each environment has its own comment now.\n"
    )
    assert theirs["body"].endswith("\nmine")
    assert hub.api.comments[2]["body"].startswith("<!-- apreconcile: agentphone.yaml_prod_")
    on(hub, "staging", OTHER).on_pull_request(key=False)
    assert len(hub.api.comments) == 4


def test_the_key_of_one_environment_never_works_in_another(hub, other):
    """Neither by the wrong name, nor the wrong key by the right name."""
    hub.begin({"agentphone.yaml": SPEC})
    for environment, key in (("prod", KEY), ("staging", OTHER)):
        on(hub, environment, key, command="apply", **{"policy-from": "spec"})
        assert hub.run("workflow_dispatch", {}, key=False).code == 0
    asked = len(hub.world.requests())
    for inputs in ({"key-env": "STAGING_KEY"}, {"key-env": ""}):
        ran = on(hub, "prod", KEY, **inputs).run("workflow_dispatch", {}, key=False)
        assert (ran.code, len(hub.world.requests())) == (1, asked), ran.log
        assert "PROD_KEY is not set, which is its `keyEnv`" in ran.summary
        assert "key-env: PROD_KEY" in ran.summary
    writes = hub.world.writes()
    ran = on(hub, "prod", OTHER, command="apply", **{"policy-from": "spec"}).run("workflow_dispatch", {}, key=False)
    assert (ran.code, hub.world.writes()) == (9, writes), ran.log


def test_a_key_in_the_jobs_own_variables_works_as_well(hub):
    hub.begin({"agentphone.yaml": SPEC})
    hub.inputs, hub.environ = {"environment": "prod"}, {"PROD_KEY": KEY, "STAGING_KEY": OTHER}
    assert hub.run("workflow_dispatch", {}, key=False).outputs["exit-code"] == "2"


def test_what_is_only_looked_at_offline_gets_no_key_of_any_environment(hub):
    """The program that reads the spec of a fork is given what it may know: here it tells all of it."""
    hub.begin({"agentphone.yaml": SPEC})
    spies = hub.folder / "spies/apreconcile"
    spies.mkdir(parents=True)
    (spies / "__init__.py").write_text("")
    (spies / "__main__.py").write_text("import os; print(*(f'{a}={b}' for a, b in os.environ.items()), sep='\\n')\n")
    hub.branch({"agentphone.yaml": SPEC.replace("keyEnv: STAGING_KEY", '"keyEnv" : "STAGING_KEY"')})
    hub.environ = {
        "PROD_KEY": KEY,
        "STAGING_KEY": OTHER,
        "MY_KEY": "third",
        "AGENTPHONE_TOKEN": "fourth",
        "LOOKUP": "stand-in",
    }
    hub.installed = spies.parent
    hub.inputs = {"environment": "prod", "api-key": "fifth", "key-env": "MY_KEY"}
    ran = hub.on_pull_request(fork=True, key=False)
    assert (ran.code, "LOOKUP=stand-in" in ran.log) == (0, True), ran.log
    for secret in (KEY, OTHER, "third", "fourth", "fifth", TOKEN):
        assert secret not in ran.log + ran.summary


def test_a_sub_account_is_an_environment_of_its_own(hub):
    made = hub.world.http.post("/v1/sub-accounts", json={"name": "Staging"})
    made.raise_for_status()
    sub = made.json()["id"]
    spec = INSIDE.replace("SUB", sub)
    hub.begin({"agentphone.yaml": spec})
    hub.inputs = {
        "environment": "staging",
        "key-env": "PROD_KEY",
        "api-key": KEY,
        "command": "apply",
        "policy-from": "spec",
    }
    assert hub.run("workflow_dispatch", {}, key=False).code == 0
    inside = {"X-Sub-Account-Id": sub}
    assert (names(hub.world.http, **inside), names(hub.world.http)) == (["Support (staging)"], [])
    hub.inputs["command"] = "auto"
    hub.branch({"agentphone.yaml": spec.replace("Support (staging)", "Renamed")})
    planned = hub.on_pull_request(key=False)
    assert (planned.code, f"sub-account {sub}" in planned.summary.replace("\\", "")) == (0, True), planned.summary
    assert hub.on_push(*hub.merge(), key=False).code == 0
    assert (names(hub.world.http, **inside), names(hub.world.http)) == (["Renamed"], [])


def test_two_sandboxes_are_two_accounts(hub, tmp_path):
    """Each environment says where its API is, as real ones would by `baseUrl`; neither hears of the other's key."""
    with (
        running(Options(db=tmp_path / "second.db", keys=(OTHER,))) as server,
        httpx.Client(
            base_url=server.url, headers={"Authorization": f"Bearer {OTHER}"}, trust_env=False, timeout=20
        ) as http,
    ):
        second = World(server.url, http)
        spec = SPEC.replace("PROD_KEY}", f"PROD_KEY, baseUrl: '{hub.world.url}'}}")
        spec = spec.replace("STAGING_KEY}", f"STAGING_KEY, baseUrl: '{server.url}'}}")
        hub.begin({"agentphone.yaml": spec})
        hub.environ = {"AGENTPHONE_BASE_URL": ""}
        for environment, key in (("prod", KEY), ("staging", OTHER)):
            on(hub, environment, key, command="apply", **{"policy-from": "spec"})
            assert hub.run("workflow_dispatch", {}, key=False).code == 0
        assert (names(hub.world.http), names(second.http)) == (["Support"], ["Support (staging)"])
        writes = [hub.world.writes(), second.writes()]
        assert writes == [["POST /v1/agents"], ["POST /v1/agents"]]
        refused = on(hub, "staging", KEY).run("workflow_dispatch", {}, key=False)
        assert (refused.code, [hub.world.writes(), second.writes()]) == (1, writes), refused.log
