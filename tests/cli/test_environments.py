"""Environments from outside: which is meant, whose account it is, and that each has a state of its own."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import applied

SPEC = """\
version: 1
project: acme
agents: {support: {name: Support}}
numbers: {main: {agent: support}}
environments:
  prod: {as: default, account: {keyEnv: PROD_KEY}}
  staging:
    account: {keyEnv: STAGING_KEY, baseUrl: "BASE"}
    agents: {support: {name: Support (staging)}}
"""
KEYS = {"PROD_KEY": "key-of-prod", "STAGING_KEY": "key-of-staging"}


@pytest.fixture
def spec(folder, world):
    """A spec with two accounts, and how to change it."""

    def write(text=SPEC):
        (folder / "agentphone.yaml").write_text(text.replace("BASE", world.url))

    write()
    return write


def names(world, key):
    found = world.http.get("/v1/agents", headers={"Authorization": f"Bearer {key}"}).json()["data"]
    return [one["name"] for one in found]


def test_each_environment_has_its_account_its_state_and_its_markers(spec, ap, world, folder):
    env = {**KEYS, "AGENTPHONE_API_KEY": "key-of-nobody"}
    applied(ap, "-e", "staging", env=env)
    applied(ap, "-e", "prod", "--base-url", world.url, env=env)
    assert names(world, "key-of-staging") == ["Support (staging)"]
    assert names(world, "key-of-prod") == ["Support"]
    assert names(world, "key-of-nobody") == []
    markers = [
        one["externalId"] for one in world.http.get("/_sandbox/ledger", headers={"Authorization": ""}).json()["entries"]
    ]
    assert sorted(markers) == ["apr:acme/default/main", "apr:acme/staging/main"]
    states = {path.name for path in (folder / ".apreconcile").glob("*.json")}
    assert states == {"acme.default.json", "acme.staging.json"}
    assert "No changes" in ap("plan", "-e", "staging", env=env).out
    assert "agent.support" in ap("state", "list", "-e", "staging").out, "offline, without a key"


def test_a_token_of_one_environment_is_none_of_another(spec, ap, world):
    env = {**KEYS, "AGENTPHONE_BASE_URL": world.url}
    plans = [json.loads(ap("plan", "-e", name, "--format", "json", env=env).out) for name in ("prod", "staging")]
    prod, staging = ([step["token"] for step in plan["steps"] if step["token"]] for plan in plans)
    assert prod != staging
    result = ap("apply", "-e", "prod", "--yes", "--approve", staging[0], env=env)
    assert (result.code, "matches no step" in " ".join(result.err.split())) == (3, True)


def test_where_there_are_environments_one_is_named(spec, ap):
    for command in (
        ["plan", "--sandbox"],
        ["apply", "--sandbox", "--yes"],
        ["state", "list"],
        ["export", "--sandbox"],
        ["sandbox", "reset"],
    ):
        result = ap(*command)
        assert result.code == 64, result
        assert "hint: name one: -e prod, -e staging" in " ".join(result.err.split())
    assert ap("plan", "-e", "stagin", "--sandbox").code == 64


def test_validate_checks_all_of_them_or_the_one_that_is_named(spec, ap):
    result = ap("validate")
    assert result.code == 0
    assert result.out == (
        "agentphone.yaml is valid in prod: 1 agent, 1 number\nagentphone.yaml is valid in staging: 1 agent, 1 number\n"
    )
    spec(SPEC + "  broken: {exclude: [agent.support]}\n")
    result = ap("validate")
    assert result.code == 1
    assert "broken: number.main: agent" in " ".join(result.err.split())
    assert ap("validate", "-e", "staging").out == "agentphone.yaml is valid in staging: 1 agent, 1 number\n"
    spec(SPEC.replace("BASE", "https://evil.dev"))
    assert ap("validate").code == 1
    assert ap("validate", "-e", "prod").code == 0


def test_the_key_is_that_of_key_env_and_of_no_other_variable(spec, ap, world):
    result = ap("plan", "-e", "staging", env={"AGENTPHONE_API_KEY": "x", "AGENTPHONE_TOKEN": "y"})
    assert (result.code, "STAGING_KEY is not set, which is its `keyEnv`" in " ".join(result.err.split())) == (1, True)
    assert not world.requests()


def test_a_key_that_is_written_in_the_place_of_its_variable_is_not_shown(spec, ap):
    for key in ("sk_live_0123456789abcdef", "sk_live_1-2"):
        spec(SPEC.replace("STAGING_KEY", f"{key}, beseUrl: x"))
        result = ap("validate")
        text = " ".join(result.err.split())
        assert (result.code, "is no name of a variable" in text, "there is no key `beseUrl`" in text) == (1, True, True)
        assert key not in result.out + result.err


def test_a_flag_goes_before_a_variable_and_that_before_the_spec(spec, ap, world):
    dead = "http://127.0.0.1:9"
    for args, env in (
        (["--base-url", world.url], {"AGENTPHONE_BASE_URL": dead}),
        ([], {"AGENTPHONE_BASE_URL": world.url}),
    ):
        spec(SPEC.replace("BASE", dead))
        result = ap("plan", "-e", "staging", *args, env={**KEYS, **env})
        assert result.code == 0, result
    spec(SPEC.replace("BASE", "https://agentphone.example"))
    assert "must not be sent to agentphone.example" in ap("plan", "-e", "staging", env=KEYS).err


def test_a_sandbox_has_an_account_for_each_environment_and_reads_no_key(spec, ap, folder):
    spec(SPEC.replace("BASE", "https://evil.dev"))
    applied(ap, "-e", "staging", "--sandbox")
    assert "No changes" in ap("plan", "-e", "staging", "--sandbox").out
    assert "1 to create" not in ap("plan", "-e", "staging", "--sandbox").out
    assert "2 to create" in ap("plan", "-e", "prod", "--sandbox").out
    assert ap("sandbox", "reset", "-e", "prod").code == 0
    assert "No changes" in ap("plan", "-e", "staging", "--sandbox").out
    assert ap("sandbox", "reset", "-e", "staging").code == 0
    assert "2 to create" in ap("plan", "-e", "staging", "--sandbox").out


def test_what_was_there_before_there_were_environments_stays_under_its_old_name(spec, ap, folder):
    with_environments = (folder / "agentphone.yaml").read_text()
    (folder / "agentphone.yaml").write_text(with_environments.partition("environments:")[0])
    applied(ap, "--sandbox")
    (folder / "agentphone.yaml").write_text(with_environments)
    assert "No changes" in ap("plan", "-e", "prod", "--sandbox").out


def test_commands_to_paste_name_the_environment(spec, ap):
    result = ap("plan", "-e", "staging", "--sandbox")
    assert "apreconcile apply -e staging --sandbox --approve TOKEN" in " ".join(result.out.split())


def test_no_program_that_takes_a_secret_gets_a_key(spec, ap, world, folder):
    sink = '{exec: [sh, -c, "env > ENV; cat > /dev/null"]}'.replace("ENV", str(folder / "given.txt"))
    spec(SPEC + f'    webhooks: {{events: {{url: "https://a.dev", secret: {{writeTo: {sink}}}}}}}\n')
    applied(ap, "-e", "staging", env={**KEYS, "HARMLESS": "yes"})
    given = (folder / "given.txt").read_text()
    assert "HARMLESS=yes" in given
    assert "key-of" not in given


def test_a_starter_number_is_taken_into_its_environment(spec, ap, world):
    starter = [{"id": "num_s", "phoneNumber": "+14155550100", "country": "US"}]
    headers = {"Authorization": "Bearer key-of-staging"}
    world.http.post("/_sandbox/seed", json={"numbers": starter}, headers=headers).raise_for_status()
    stopped = ap("plan", "-e", "staging", env=KEYS)
    said = "manage it: add 'import: num_s' to number.main in environments.staging; or leave it: apreconcile -e staging"
    assert (stopped.code, said in " ".join(stopped.out.split())) == (9, True), stopped
    spec(f"{SPEC}    numbers: {{main: {{import: num_s}}}}\n")
    assert "= adopt number.main" in ap("plan", "-e", "staging", env=KEYS).out


@pytest.mark.parametrize("form", ["markdown", "html"])
def test_in_every_format_a_command_names_the_environment(spec, ap, form):
    spec(SPEC.replace("{main:", "{spare: {}, main:") + "policy: {maxBuys: {perApply: 1}}\n")
    told = ap("plan", "-e", "staging", "--format", form, env=KEYS)
    assert (told.code, "apreconcile -e staging apply --only number.main" in told.out) == (5, True), told


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_a_name_that_begins_like_a_command_is_none(spec, ap, form):
    spec(SPEC.replace("Support (staging)", "apreconcile demo"))
    assert ap("apply", "-e", "staging", "--only", "agent.support", "--yes", env=KEYS).code == 0
    told = ap("plan", "-e", "staging", "--destroy", "--format", form, env=KEYS)
    assert (told.code, "apreconcile demo" in told.out, "staging demo" in told.out) == (0, True, False), told


def test_an_approval_says_how_the_environment_of_its_plan_takes_it(ap, spec):
    plan = json.loads(ap("plan", "-e", "staging", "--out", "plan.json", "--format", "json", env=KEYS).out)
    (token,) = (step["token"] for step in plan["steps"] if step["token"])
    who = ("--by", "ann", "--reason", "x", "--out", "my a.yaml")
    for flags in ((), ("-e", "staging")):
        told = " ".join(ap("approve", "plan.json", token, *who, *flags).err.split())
        assert "use it: apreconcile -e staging apply --approvals 'my a.yaml'" in told


def test_notes_for_a_pipeline_name_the_environment_in_their_commands(spec, ap, world):
    told = ap("drift", "-e", "staging", "--format", "markdown", env=KEYS)
    assert "`apreconcile -e staging apply --only agent.support`" in told.out, told
    plan = json.loads(ap("plan", "-e", "staging", "--format", "json", env=KEYS).out)
    (token,) = (step["token"] for step in plan["steps"] if step["token"])
    for at in range(1, 9):
        world.fault("POST /v1/numbers", "commit-then-drop", nth=at)
    world.fault("GET /v1/numbers", "status:503", nth=3, times=99)
    told = ap("apply", "-e", "staging", "--yes", "--approve", token, "--format", "markdown", env=KEYS)
    assert (told.code, "apreconcile -e staging resolve number.main" in told.out) == (6, True), told


@pytest.mark.parametrize(("ci", "said"), [("", "export STAGING_KEY=…"), ("true", "hand STAGING_KEY to this job")])
def test_a_key_that_is_missing_is_to_be_set_where_it_can_be(spec, ap, ci, said):
    """In a pipeline nobody exports, and a sandbox would make it green."""
    told = ap("plan", "-e", "staging", env={"CI": ci})
    assert (told.code, said in told.err, "--sandbox" in told.err) == (1, True, not ci), told
