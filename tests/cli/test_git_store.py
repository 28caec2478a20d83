"""The program in CI: runners that share nothing but a git remote."""

from __future__ import annotations

import json
import re
import subprocess
import time

import pytest

from tests.store.conftest import QUIET, checkout, hook, put, remote

SPEC = """\
version: 1
project: acme
state: {store: git}
agents: {support: {name: Support}}
numbers: {main: {country: US, areaCode: "415", agent: support}}
"""
REF = "refs/apreconcile/acme/default"


@pytest.fixture
def bare(tmp_path):
    return remote(tmp_path)


@pytest.fixture
def runner(bare, tmp_path, spawn, world):
    """Start the program on a runner: a checkout of one commit, with a spec in a folder of it."""

    def start(name, *args, spec=SPEC, env=None):
        clone = tmp_path / name
        if not clone.exists():
            checkout(bare, clone)
        (clone / "infra/agentphone.yaml").write_text(spec)
        return spawn(*args, env={**world.env, **QUIET, "CI": "1", **(env or {})}, cwd=clone / "infra")

    return start


def ended(run) -> tuple[int, str]:
    out, err = run.communicate(timeout=60)
    return run.returncode, " ".join(f"{out} {err}".split())


def document(bare):
    shown = subprocess.run(["git", "show", f"{REF}:state.json"], cwd=bare, capture_output=True, check=False)
    return json.loads(shown.stdout) if shown.returncode == 0 else {}


def lock_taken(bare):
    end = time.monotonic() + 60
    while not document(bare).get("lock"):
        assert time.monotonic() < end


def test_a_runner_that_may_not_push_is_told_where_that_is_allowed(runner, bare, world):
    hook(bare, "pre-receive", "exit 1")
    code, text = ended(runner("one", "apply", "--yes"))
    assert (code, f"allow this user to push {REF}" in text, world.writes()) == (1, True, []), text


def test_what_one_runner_bought_the_next_one_knows(runner, bare, world):
    code, text = ended(runner("one", "plan"))
    assert (code, "apply would refuse" in text) == (0, False), text
    assert document(bare) == {}, "a plan writes nothing"
    code, text = ended(runner("one", "apply", "--yes"))
    assert code == 3, text
    token = re.search(r"buy:number\.main@\w+", text.partition("Held until approved")[2])[0]
    code, text = ended(runner("two", "apply", "--yes", "--approve", token))
    assert code == 0, text
    writes = world.writes()
    assert writes.count("POST /v1/numbers") == 1
    code, text = ended(runner("three", "apply", "--yes"))
    assert (code, "No changes" in text) == (0, True), text
    assert world.writes() == writes
    assert len(document(bare)["ledger"]) == 1
    assert ended(runner("three", "state", "list"))[1].count("number.main") == 1


def test_a_runner_that_comes_while_another_is_at_work_sends_nothing(runner, bare, world):
    world.fault("POST /v1/agents", "delay:5")
    first = runner("one", "apply", "--yes")
    lock_taken(bare)
    code, text = ended(runner("two", "apply", "--yes"))
    assert (code, "holds the state since" in text) == (8, True), text
    assert ended(first)[0] == 3
    assert world.writes() == ["POST /v1/agents"]


def test_a_runner_that_is_told_to_wait_goes_on_when_the_other_is_done(runner, bare, world):
    world.fault("POST /v1/agents", "delay:5")
    first = runner("one", "apply", "--yes", "--only", "agent.support")
    lock_taken(bare)
    code, text = ended(runner("two", "apply", "--yes", "--only", "agent.support", "--lock-timeout", "1m"))
    assert (code, text.count("waiting for the state: ")) == (0, 1), text
    assert ended(first)[0] == 0
    assert world.writes() == ["POST /v1/agents"], "the second run found what the first had made"


def test_a_runner_whose_state_was_written_meanwhile_sends_nothing(runner, bare, world):
    """It has read the state, and looks at the account when another run writes."""
    world.fault("GET /v1/numbers", "delay:5", times=1)
    late = runner("one", "apply", "--yes")
    end = time.monotonic() + 60
    while "/v1/agents" not in {one["path"] for one in world.requests()}:
        assert time.monotonic() < end
    assert ended(runner("two", "apply", "--yes"))[0] == 3
    code, text = ended(late)
    assert (code, f"{REF} of origin was written by somebody else" in text) == (8, True), text
    assert world.writes() == ["POST /v1/agents"]


def test_a_state_that_cannot_be_reached_stops_everything(runner, bare, world):
    for args in (["plan"], ["apply", "--yes"], ["state", "list"]):
        gone = SPEC.replace("store: git", "store: git, remote: https://me:hunter2@127.0.0.1:1/x.git")
        code, text = ended(runner("one", *args, spec=gone))
        assert (code, "could not be read" in text, "hunter2" in text) == (1, True, False), text
        assert "hint: see whether git gets there" in text
    put(bare, b"<<<<<<< HEAD")
    code, text = ended(runner("one", "apply", "--yes"))
    assert (code, "is not JSON" in text) == (1, True), text
    assert world.writes() == []


def test_the_sandbox_has_a_state_of_its_own(runner, bare):
    code, text = ended(runner("one", "apply", "--yes", "--sandbox"))
    assert code == 3, text
    assert document(bare) == {}


def test_environments_know_of_each_other_by_their_refs(runner, bare, world):
    spec = SPEC + "environments: {prod: {}, staging: {OVERLAY}, preview: {ephemeral: {ttl: 1h}}}\n"
    both = {"spec": spec.replace("OVERLAY", "")}
    code, text = ended(runner("one", "plan", "-e", "prod", "--format", "json", **both))
    tokens = [word for found in re.findall(r'"token":"([^"]+)"', text) for word in ("--approve", found)]
    assert ended(runner("one", "apply", "-e", "prod", "--yes", *tokens, **both))[0] == 0
    held = world.http.get("/v1/agents").json()["data"][0]["id"]
    other = spec.replace("OVERLAY", f"agents: {{support: {{import: {held}}}}}")
    code, text = ended(runner("two", "plan", "-e", "staging", spec=other))
    assert (code, "is agent.support of the environment prod" in text) == (9, True), text
    assert ended(runner("two", "plan", "-e", "preview:pr-1", **both))[0] == 0
    refs = subprocess.run(
        ["git", "for-each-ref", "refs/apreconcile"], cwd=bare, capture_output=True, text=True, check=True
    ).stdout
    assert refs.split()[2::3] == ["refs/apreconcile/acme/prod"]


def test_the_states_of_other_environments_in_the_remote_count_also_where_the_spec_does_not_name_them(runner, world):
    """As in the spec of a clone, whose only environment is its own."""
    shared = SPEC.replace("numbers: {main", "environments: {ENV: {}}\nnumbers: {main").replace(', areaCode: "415"', "")
    prod = ("-e", "prod", "--only", "agent.support")
    assert ended(runner("one", "apply", *prod, "--yes", spec=shared.replace("ENV", "prod")))[0] == 0
    held = world.http.get("/v1/agents").json()["data"][0]["id"]
    staging = shared.replace("ENV: {}", f"staging: {{agents: {{support: {{import: {held}}}}}}}")
    writes = world.writes()
    code, text = ended(runner("two", "apply", "-e", "staging", "--yes", spec=staging))
    assert (code, "is agent.support of the environment prod" in text, world.writes()) == (9, True, writes), text
    apart = staging.replace("staging: {", "staging: {account: {keyEnv: STAGING_KEY}, ")
    env = {"STAGING_KEY": world.env["AGENTPHONE_API_KEY"]}
    code, text = ended(runner("three", "apply", "-e", "staging", "--yes", "--adopt", spec=apart, env=env))
    assert (code, "the account of staging shows what is of the environment prod" in text) == (9, True), text
    assert world.writes() == writes


CLONED = """\
version: 1
project: acme
state: {store: git}
agents: {support: {name: Support}}
webhooks: {events: {url: "https://keep.dev/"}}
environments:
  prod: {account: {keyEnv: PROD_KEY}}
  staging: {account: {keyEnv: STAGING_KEY}}
  preview: {account: {keyEnv: PROD_KEY}, ephemeral: {ttl: 2h}}
"""


def test_a_clone_in_the_same_remote_never_acts_on_what_its_source_holds(runner, world):
    """Nothing in this account has a marker, and its spec does not name the source."""
    keys = {"PROD_KEY": "key-of-prod", "STAGING_KEY": "key-of-staging"}
    for name in ("prod", "preview:pr-1"):
        assert ended(runner("one", "apply", "-e", name, "--yes", spec=CLONED, env=keys))[0] == 0
    out, err = (one := runner("one", "export", "-e", "prod", spec=CLONED, env=keys)).communicate(timeout=60)
    assert (one.returncode, "it is agent.support of the environment preview:pr-1" in " ".join(err.split())) == (0, True)
    code, text = ended(runner("two", "plan", "-e", "prod", spec=out, env=keys))
    assert (code, "No changes" in text) == (0, True), text
    rewritten = ("--from", "prod", "--to", "staging", "--rewrite", "keep.dev=keep.dev")
    clone, _ = runner("one", "clone", *rewritten, spec=CLONED, env=keys).communicate(timeout=60)
    before = writes_of(world, "key-of-prod")
    wrong = {**keys, "STAGING_KEY": "key-of-prod"}
    code, text = ended(runner("three", "apply", "-e", "staging", "--yes", "--adopt", spec=clone, env=wrong))
    assert (code, "the account of staging shows what is of the environment prod" in text) == (9, True), text
    assert ended(runner("three", "apply", "-e", "staging", "--yes", spec=clone, env=keys))[0] == 0
    assert writes_of(world, "key-of-prod") == before


def writes_of(world, key):
    asked = world.http.get("/_sandbox/requests", headers={"Authorization": f"Bearer {key}"}).json()["data"]
    return [(one["method"], one["path"]) for one in asked if one["method"] != "GET"]
