"""`destroy` and previews from outside: what goes, what stays, what needs whose yes, and what ends by itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from apreconcile.sandbox import Options, running
from tests.cli.conftest import applied, approving, planned

SPEC = """\
version: 1
project: acme
agents: {support: {name: Support}, triage: {name: Triage}}
numbers: {main: {agent: support}}
webhooks: {events: {url: "https://a.dev/events"}, own: {agent: triage, url: "https://a.dev/own"}}
environments:
  staging: {}
  preview: {ephemeral: {ttl: 2h}}
"""


@pytest.fixture
def env(world):
    return world.env


@pytest.fixture
def spec(folder):
    def write(text=SPEC):
        (folder / "agentphone.yaml").write_text(text)

    write()
    return write


def left(world):
    agents, numbers = (world.http.get(f"/v1/{what}").json()["data"] for what in ("agents", "numbers"))
    return [one["name"] for one in agents], len(numbers), world.http.get("/v1/webhooks").json()


def test_all_that_is_ours_goes_in_its_order_each_step_with_its_approval(spec, ap, world, env):
    world.seed(agents=[{"name": "Somebody's"}])
    applied(ap, "-e", "staging", env=env)
    before = len(world.writes())
    document = planned(ap, "-e", "staging", "--destroy", env=env)
    order = [step["address"] for step in document["steps"]]
    assert order == ["webhook.events", "webhook.own", "number.main", "agent.support", "agent.triage"]
    assert (document["destroy"], all(step["token"] for step in document["steps"])) == (True, True)
    held = ap("destroy", "-e", "staging", "--yes", env=env)
    assert (held.code, len(world.writes())) == (3, before), held
    result = ap("destroy", "-e", "staging", "--yes", *approving(document), env=env)
    assert result.code == 0, result
    assert "Done: nothing that the state had is left." in result.said
    assert "Somebody's" in result.out, "what stays is said"
    assert left(world) == (["Somebody's"], 0, None)
    again = ap("destroy", "-e", "staging", "--yes", env=env)
    assert (again.code, "Nothing to destroy" in again.said) == (0, True)


def test_the_tokens_of_destroy_are_those_of_a_spec_without_these_things(spec, ap, world, env):
    applied(ap, "-e", "staging", env=env)
    destroy = planned(ap, "-e", "staging", "--destroy", env=env)
    spec("version: 1\nproject: acme\n" + SPEC[SPEC.index("environments") :])
    assert approving(planned(ap, "-e", "staging", env=env)) == approving(destroy)


def test_what_is_protected_or_set_to_be_forgotten_stays(spec, ap, world, env):
    spec(SPEC.replace("main: {", "main: {protect: true, "))
    applied(ap, "-e", "staging", env=env)
    document = planned(ap, "-e", "staging", "--destroy", env=env)
    result = ap("destroy", "-e", "staging", "--yes", *approving(document), env=env)
    assert (result.code, "is protected: it is not released" in result.said) == (5, True), result
    assert left(world) == (["Support"], 1, None)
    number = SPEC.replace("numbers: {main: {agent: support}}\n", "forget: [number.main]\n")
    spec(number)
    assert [
        step["action"] for step in planned(ap, "-e", "staging", "--destroy", "--only", "number.main", env=env)["steps"]
    ] == []


def test_a_saved_plan_to_destroy_is_for_destroy_alone(spec, ap, world, env):
    applied(ap, "-e", "staging", env=env)
    told = ap("plan", "-e", "staging", "--destroy", "--out", "gone.json", env=env)
    assert "destroy it: apreconcile -e staging destroy gone.json" in told.said
    document = json.loads(Path("gone.json").read_text())
    result = ap("apply", "gone.json", "-e", "staging", "--yes", *approving(document), env=env)
    assert (result.code, "is a plan to destroy" in result.said) == (1, True), result
    ap("plan", "-e", "staging", "--out", "all.json", env=env)
    assert ap("destroy", "all.json", "-e", "staging", "--yes", env=env).code == 1
    assert ap("destroy", "gone.json", "-e", "staging", "--yes", *approving(document), env=env).code == 0
    assert left(world) == ([], 0, None)


def test_a_policy_bounds_what_destroy_releases(spec, ap, world, env):
    spec(SPEC + "policy: {maxReleases: {perApply: 0}}\n")
    applied(ap, "-e", "staging", env=env)
    result = ap(
        "destroy", "-e", "staging", "--yes", *approving(planned(ap, "-e", "staging", "--destroy", env=env)), env=env
    )
    assert (result.code, left(world)[1]) == (5, 1), result


def test_a_preview_is_made_beside_others_and_destroyed_without_an_approval(spec, ap, world, env):
    applied(ap, "-e", "staging", env=env)
    made = applied(ap, "-e", "preview:pr-12", env=env)
    applied(ap, "-e", "preview:pr-13", env=env)
    assert [step["address"] for step in made["steps"]] == [
        "agent.support",
        "agent.triage",
        "number.main",
        "webhook.own",
    ]
    call = next(step for step in made["steps"] if step["address"] == "number.main")["calls"][0]
    assert call["holes"] == [{"at": "/body/agentId", "id": "agent.support"}, {"after": "2h", "at": "/body/expiresAt"}]
    assert any("webhook.events is left out of preview:pr-12" in one for one in made["warnings"])
    assert sorted(left(world)[0]) == sorted(
        f"{name}{suffix}" for name in ("Support", "Triage") for suffix in ("", " (preview:pr-12)", " (preview:pr-13)")
    )
    assert "No changes: 4 resources" in ap("plan", "-e", "preview:pr-12", env=env).out
    assert "No drift: 4 resources" in ap("drift", "-e", "preview:pr-12", env=env).out
    result = ap("destroy", "-e", "preview:pr-12", "--yes", env=env)
    assert (result.code, "`ephemeral`, since it made this itself" in result.said) == (0, True), result
    assert sorted(left(world)[0]) == ["Support", "Support (preview:pr-13)", "Triage", "Triage (preview:pr-13)"]
    assert (left(world)[1], left(world)[2]["url"]) == (2, "https://a.dev/events")


def test_a_number_of_a_preview_releases_itself_and_is_not_lost(spec, ap, world, env):
    applied(ap, "-e", "preview:pr-12", env=env)
    world.http.post("/_sandbox/clock", json={"advance": 3 * 3600}).raise_for_status()
    assert left(world)[1] == 0
    types = [one["type"] for one in world.http.get("/_sandbox/ledger").json()["entries"]]
    assert types == ["purchase", "expire"]
    document = planned(ap, "-e", "preview:pr-12", env=env)
    (step,) = document["steps"]
    assert (step["address"], step["token"].partition(":")[0]) == ("number.main", "buy"), "another one, and no rebuy"
    assert any("has released itself, as it was bought to" in one for one in document["warnings"])
    assert ap("destroy", "-e", "preview:pr-12", "--yes", env=env).code == 0
    assert left(world)[0] == []
    state = json.loads(ap("state", "show", "-e", "preview:pr-12", "--format", "json", env=env).out)
    assert {stone["how"] for stone in state["tombstones"]} == {"expired", "deleted"}


def test_a_number_that_ends_while_it_is_applied_is_said_to_have_ended(spec, spawn, world, env):
    spec(SPEC + "policy: {autoApprove: {preview: [{risk: spends, upTo: 10.00}]}}\n")
    world.fault("POST /v1/agents/*/webhook", "delay:3")
    run = spawn("apply", "-e", "preview:pr-12", "--yes", env=env)
    while not left(world)[1]:
        assert run.poll() is None
    world.http.post("/_sandbox/clock", json={"advance": 3 * 3600}).raise_for_status()
    out, err = run.communicate(timeout=60)
    told = " ".join(f"{out} {err}".split())
    assert (run.returncode, "has released itself, as it was bought to" in told) == (7, True), told
    assert "did not converge" not in told


def test_drift_says_that_a_number_ended_and_not_that_the_spec_moved(spec, ap, world, env):
    applied(ap, "-e", "preview:pr-12", env=env)
    world.http.post("/_sandbox/clock", json={"advance": 3 * 3600}).raise_for_status()
    for written in (False, True):
        if written:
            assert ap("apply", "-e", "preview:pr-12", "--yes", env=env).code == 3
        result = ap("drift", "-e", "preview:pr-12", "--format", "json", env=env)
        (item,) = json.loads(result.out)["drift"]
        assert (result.code, item["address"], item["what"], item["who"]) == (2, "number.main", "gone", "account")
        assert "has released itself, as it was bought to" in item["why"][0]
        assert "buy another one" in item["hint"]


def test_an_end_that_somebody_else_set_is_unsafe_in_a_preview_too(spec, ap, world, env):
    applied(ap, "-e", "preview:pr-12", env=env)
    (number,) = world.http.get("/v1/numbers").json()["data"]
    moved = number["expiresAt"][:10] + "T00:00:00Z"
    later = "2099" + moved[4:]
    world.http.patch(f"/v1/numbers/{number['id']}", json={"expiresAt": later}).raise_for_status()
    result = ap("plan", "-e", "preview:pr-12", env=env)
    assert (result.code, "which nobody here asked for" in result.said) == (9, True), result


def test_a_lost_answer_leaves_the_end_of_a_purchase_known(spec, ap, world, env):
    document = planned(ap, "-e", "preview:pr-12", env=env)
    world.fault("POST /v1/numbers", "commit-then-drop")
    assert ap("apply", "-e", "preview:pr-12", "--yes", *approving(document), env=env).code == 6
    assert ap("apply", "-e", "preview:pr-12", "--yes", env=env).code == 0
    state = json.loads(ap("state", "show", "-e", "preview:pr-12", "--format", "json", env=env).out)
    (number,) = world.http.get("/v1/numbers").json()["data"]
    assert state["resources"]["number.main"]["expires"][:19] == number["expiresAt"][:19]


def test_a_preview_without_its_state_knows_its_number_and_its_end_by_the_marker(spec, ap, world, env, folder):
    applied(ap, "-e", "preview:pr-12", env=env)
    (folder / ".apreconcile/acme.preview:pr-12.json").unlink()
    lost = ap("destroy", "-e", "preview:pr-12", "--yes", env=env)
    assert (
        lost.code,
        "take it back first, which only adopts: apreconcile -e preview:pr-12 apply --adopt" in lost.said,
    ) == (
        9,
        True,
    )
    assert ap("apply", "-e", "preview:pr-12", "--adopt", "--yes", env=env).code == 0
    assert ap("destroy", "-e", "preview:pr-12", "--yes", env=env).code == 3, "it took these, it did not make them"


def test_what_stands_in_a_preview_s_way_is_said_in_words_that_it_can_follow(spec, ap, world, env, folder):
    """No spec imports anything into it."""
    applied(ap, "-e", "preview:pr-12", env=env)
    (folder / ".apreconcile/acme.preview:pr-12.json").unlink()
    told = ap("plan", "-e", "preview:pr-12", env=env).said
    assert (
        "import:" in told,
        "take it back, which only adopts: apreconcile -e preview:pr-12 apply --adopt" in told,
    ) == (
        False,
        True,
    ), told
    world.http.post("/v1/agents", json={"name": "Support (preview:pr-12)"}).raise_for_status()
    told = ap("plan", "-e", "preview:pr-12", env=env).said
    assert ("import:" in told, "give all but one of them another name" in told) == (False, True), told


def test_an_api_that_takes_no_end_is_said(spec, ap, world, env):
    world.fault("POST /v1/numbers", "ignore-field:expiresAt")
    applied(ap, "-e", "preview:pr-12", env=env)
    result = ap("plan", "-e", "preview:pr-12", env=env)
    assert "shows no end: it costs money until" in result.said


def test_only_what_a_preview_made_goes_without_an_approval(spec, ap, world, env):
    applied(ap, "-e", "staging", env=env)
    for step in planned(ap, "-e", "staging", "--destroy", env=env)["steps"]:
        assert "permit" not in step


def test_a_sub_account_of_its_own_has_a_project_webhook_for_a_preview(spec, ap, world, env):
    made = world.http.post("/v1/sub-accounts", json={"name": "previews"}).json()["id"]
    document = applied(ap, "-e", "preview:pr-12", "--sub-account", made, env=env)
    assert "webhook.events" in [step["address"] for step in document["steps"]]
    assert document["scope"]["sub_account"] == made
    assert ap("destroy", "-e", "preview:pr-12", "--sub-account", made, "--yes", env=env).code == 0
    assert ap("plan", "-e", "preview:pr-12", env=env).code == 9


def test_a_number_of_a_preview_that_somebody_keeps_is_released_by_approval_alone(spec, ap, world, env):
    """Its end was put off in the console: somebody wants it."""
    applied(ap, "-e", "preview:pr-12", env=env)
    (number,) = world.http.get("/v1/numbers").json()["data"]
    world.http.patch(f"/v1/numbers/{number['id']}", json={"expiresAt": "2099-01-01T00:00:00Z"}).raise_for_status()
    result = ap("destroy", "-e", "preview:pr-12", "--yes", env=env)
    assert (result.code, left(world)[1]) == (3, 1), result
    assert "number.main was made here, and wants a person: it ends at 2099-01-01" in result.said, result.said
    document = planned(ap, "-e", "preview:pr-12", "--destroy", env=env)
    assert ap("destroy", "-e", "preview:pr-12", "--yes", *approving(document), env=env).code == 0
    assert left(world)[:2] == ([], 0)


def test_a_number_of_a_preview_that_answers_for_another_environment_is_released_by_approval_alone(spec, ap, world, env):
    applied(ap, "-e", "staging", env=env)
    applied(ap, "-e", "preview:pr-12", env=env)
    theirs, ours = (
        json.loads(ap("state", "show", "-e", name, "--format", "json", env=env).out)["resources"]
        for name in ("staging", "preview:pr-12")
    )
    number, agent = ours["number.main"]["id"], theirs["agent.triage"]["id"]
    held = ours["agent.support"]["id"]
    world.http.delete(f"/v1/agents/{held}/numbers/{number}").raise_for_status()
    world.http.post(f"/v1/agents/{agent}/numbers", json={"numberId": number}).raise_for_status()
    result = ap("destroy", "-e", "preview:pr-12", "--yes", env=env)
    assert (result.code, left(world)[1]) == (3, 2), result
    assert f"it answers for {agent}, which is not of preview:pr-12" in result.said


def test_a_preview_without_its_state_is_not_said_to_be_destroyed(folder, ap, tmp_path):
    """Where the API knows no markers either, its agents are named after it."""
    with running(Options(db=tmp_path / "old.db", profile="2025")) as server:
        env = {"AGENTPHONE_API_KEY": "key", "AGENTPHONE_BASE_URL": server.url}
        (folder / "agentphone.yaml").write_text(SPEC)
        empty = ap("destroy", "-e", "preview:pr-12", "--yes", env=env)
        assert (empty.code, "there is no state of preview:pr-12: what it has is not known here" in empty.said) == (
            0,
            True,
        )
        applied(ap, "-e", "preview:pr-12", env=env)
        (folder / ".apreconcile/acme.preview:pr-12.json").unlink()
        lost = ap("destroy", "-e", "preview:pr-12", "--yes", env=env)
        assert (lost.code, "is named after it" in lost.said) == (9, True), lost
        assert ap("destroy", "-e", "preview:pr-13", "--yes", env=env).code == 0
