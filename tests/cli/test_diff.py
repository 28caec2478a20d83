"""`diff` and `sub-account` from outside."""

from __future__ import annotations

import json

import pytest

SPEC = """\
version: 1
project: acme
variables: {hooks: {default: "https://hooks.acme.dev"}}
agents:
  support: {name: Support, voiceMode: hosted, systemPrompt: {file: prompts/support.md}, customTools: [{name: look, description: x, url: "https://a.dev", headers: {Auth: "${env.TOKEN}"}}]}
  triage: {name: Triage}
numbers: {main: {agent: support}, spare: {}}
webhooks: {events: {url: "${var.hooks}/events"}}
environments:
  prod: {}
  staging:
    account: {keyEnv: STAGING_KEY}
    variables: {hooks: {default: "https://staging.acme.dev"}}
    agents:
      support: {systemPrompt: "You are the support line of Acme, in staging.", description: null, customTools: [{name: look, description: x, url: "https://b.dev", headers: {Auth: "${env.OTHER}"}}]}
      extra: {name: Extra}
    numbers: {main: {import: num_1, agent: null, protect: true}}
    webhooks: {events: {secret: {writeTo: {github: HOOK}}}}
    exclude: [number.spare]
  preview: {ephemeral: {ttl: 1h}}
"""
ENV = {"TOKEN": "s3cret-one", "OTHER": "s3cret-two"}


@pytest.fixture
def spec(folder):
    (folder / "agentphone.yaml").write_text(SPEC)


def differences(ap, *args):
    result = ap("diff", *args, "--format", "json", env=ENV)
    assert result.code == 0, result
    assert "s3cret" not in result.out
    document = json.loads(result.out)
    assert (document["format"], document["project"]) == ("apreconcile.diff/1", "acme")
    return {each["address"]: each for each in document["differences"]}


def test_an_instance_is_compared_without_what_it_leaves_out(spec, ap):
    found = differences(ap, "prod", "preview:pr-1")
    assert {at for at, each in found.items() if each["in"] == "a"} == {"webhook.events"}
    inside = differences(ap, "prod", "preview:pr-1", "--sub-account", "sub_1")
    assert "webhook.events" not in inside


def test_two_environments_differ_in_these_addresses_and_fields(spec, ap):
    found = differences(ap, "prod", "staging")
    assert {at: each["in"] for at, each in found.items()} == {
        "agent.extra": "b", "agent.support": "both", "number.main": "both", "number.spare": "a", "webhook.events": "both",
    }  # fmt: skip
    assert found["number.main"]["fields"] == [
        {"field": "agent", "a": "agent.support", "b": None},
        {"field": "import", "a": "(left out)", "b": "num_1"},
        {"field": "protect", "a": "(left out)", "b": True},
    ]
    support = {field["field"]: field for field in found["agent.support"]["fields"]}
    assert (support["description"]["a"], support["description"]["b"]) == ("(left out)", None)
    assert (support["customTools[look].url"]["a"], support["customTools[look].url"]["b"]) == (
        "https://a.dev",
        "https://b.dev",
    )
    assert support["customTools[look].headers[Auth]"] == {
        "field": "customTools[look].headers[Auth]",
        "a": "(secret)",
        "b": "(secret)",
        "secret": True,
    }
    assert found["webhook.events"]["fields"][0] == {
        "field": "url",
        "a": "https://hooks.acme.dev/events",
        "b": "https://staging.acme.dev/events",
    }
    assert found["webhook.events"]["fields"][1]["b"] == "the GitHub secret HOOK"


def test_the_screen_says_the_same(spec, ap):
    result = ap("diff", "prod", "staging", env=ENV)
    text = " ".join(result.out.split())
    assert result.code == 0
    assert "acme: prod → staging" in text
    assert "+ agent.extra (only in staging)" in text
    assert "- number.spare (only in prod)" in text
    assert "~ webhook.events" in text
    assert "5 differences." in text
    assert "s3cret" not in result.out


def test_equal_environments_and_the_exit_code(spec, ap):
    assert ap("diff", "prod", "prod", "--detailed-exitcode", env=ENV).out.endswith("No differences.\n")
    assert ap("diff", "prod", "prod", "--detailed-exitcode", env=ENV).code == 0
    assert ap("diff", "prod", "staging", "--detailed-exitcode", env=ENV).code == 2
    names = differences(ap, "prod", "preview:pr-1")["agent.triage"]["fields"]
    assert names == [{"field": "name", "a": "Triage", "b": "Triage (preview:pr-1)"}]


def test_diff_names_its_environments_itself(spec, ap):
    assert ap("diff", "prod", "staging", "-e", "prod", env=ENV).code == 64
    assert ap("diff", "prod", "nowhere", env=ENV).code == 64
    assert ap("diff", "prod").code == 64


def test_a_sub_account_is_made_once_and_listed(spec, ap, world):
    env = {"STAGING_KEY": "key-for-tests", "AGENTPHONE_BASE_URL": world.url}
    assert ap("sub-account", "list", "-e", "staging", env=env).out == "There are no sub-accounts.\n"
    made = ap("sub-account", "create", "previews", "-e", "staging", env=env)
    ident = made.out.strip()
    said = " ".join(made.err.split())
    where = f"environments: {{previews: {{account: {{keyEnv: STAGING_KEY, subAccount: {ident}}}}}}}"
    assert (made.code, where in said, f"--sub-account {ident}" in said) == (0, True, True), made
    assert ap("sub-account", "list", "-e", "staging", env=env).out == f"{ident}  previews\n"
    assert json.loads(ap("sub-account", "list", "-e", "staging", "--format", "json", env=env).out) == [
        {"id": ident, "name": "previews"}
    ]
    again = ap("sub-account", "create", "previews", "-e", "staging", env=env)
    assert (again.code, ident in again.err) == (1, True), again
    assert world.writes() == ["POST /v1/sub-accounts"]


def test_it_is_made_on_the_account_also_where_a_sub_account_is_named(spec, ap, world):
    env = {"STAGING_KEY": "key-for-tests", "AGENTPHONE_BASE_URL": world.url, "AGENTPHONE_SUB_ACCOUNT": "nobody"}
    assert ap("sub-account", "create", "one", "-e", "staging", env=env).code == 0
    result = ap("plan", "-e", "staging", env={**env, **ENV})
    assert (result.code, "no sub-account nobody" in " ".join(result.err.split())) == (9, True), result


def test_it_needs_no_spec_and_is_not_repeated(ap, world, folder):
    (folder / "agentphone.yaml").unlink()
    world.fault("POST /v1/sub-accounts", "commit-then-drop")
    result = ap("sub-account", "create", "one", env=world.env)
    assert (result.code, "apreconcile sub-account list" in result.err) == (6, True), result
    assert len(world.http.get("/v1/sub-accounts").json()["data"]) == 1
    assert ap("sub-account", "create", " ", env=world.env).code == 64


@pytest.mark.parametrize("broken", ["oops: [", "environments: {staging: {account: {keyEnv: 5}}}", "agents: []"])
def test_no_other_account_is_taken_where_the_spec_cannot_tell_whose_it_is(ap, world, folder, broken):
    spec = "version: 1\nproject: acme\n"
    if "environments" not in broken:
        spec += "environments: {staging: {account: {keyEnv: STAGING_KEY}}}\n"
    (folder / "agentphone.yaml").write_text(spec + broken + "\n")
    for command in (["create", "one"], ["list"]):
        result = ap("sub-account", *command, "-e", "staging", env={**world.env, "STAGING_KEY": "key-of-staging"})
        assert (result.code, "agentphone.yaml:" in result.err) == (1, True), result
    (folder / "agentphone.yaml").unlink()
    assert ap("sub-account", "create", "one", "-e", "staging", env=world.env).code == 1
    assert not world.requests()
