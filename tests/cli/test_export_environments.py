"""`export -e`: the account of one environment as a spec of that environment; what is another's stays another's."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.cli.conftest import applied
from tests.cli.test_environments import KEYS

APART = """\
version: 1
project: acme
environments:
  prod: {as: default, account: {keyEnv: PROD_KEY, baseUrl: "BASE"}}
  staging: {account: {keyEnv: STAGING_KEY, baseUrl: "BASE"}}
"""
SHARED = """\
version: 1
project: acme
agents: {support: {name: Support}}
numbers: {main: {agent: support}}
webhooks: {support: {agent: support, url: "https://hooks.acme.dev/support"}}
environments: {prod: {}, staging: {agents: {support: {name: Support (staging)}}}, preview: {ephemeral: {ttl: 2h}}}
"""


@pytest.fixture
def spec(folder, world):
    def write(text, name="agentphone.yaml"):
        (folder / name).write_text(text.replace("BASE", world.url))

    return write


@pytest.fixture
def env(world):
    return {**KEYS, **world.env}


def said(result):
    return " ".join(result.err.split())


def seeded(world, key, **objects):
    world.http.post("/_sandbox/seed", json=objects, headers={"Authorization": f"Bearer {key}"}).raise_for_status()


def only_adopts(ap, env, *args):
    plan = json.loads(ap("plan", *args, "--format", "json", env=env).out)
    assert plan["steps"], plan
    assert {step["action"] for step in plan["steps"]} == {"adopt"}, plan
    assert not plan["blocked"], plan


@pytest.fixture
def clicked(world):
    """An account that was clicked together, with one of everything."""
    for key in (KEYS["PROD_KEY"], KEYS["STAGING_KEY"]):
        seeded(
            world, key, agents=[{"name": f"Of {key}"}], numbers=[{}], webhooks=[{"url": f"https://hooks.acme.dev/{key}"}],
        )  # fmt: skip


@pytest.mark.parametrize("name", ["prod", "staging"])
def test_planning_it_with_the_same_environment_only_adopts(spec, ap, clicked, env, name):
    spec(APART)
    result = ap("export", "-e", name, env=env)
    assert result.code == 0, result
    tree = yaml.safe_load(result.out)
    assert list(tree["environments"]) == [name]
    assert "import" not in str({kind: part for kind, part in tree.items() if kind != "environments"})
    assert ("as" in tree["environments"][name]) == (name == "prod")
    spec(result.out)
    only_adopts(ap, {one: text for one, text in env.items() if not one.startswith("AGENTPHONE")}, "-e", name)
    assert ap("apply", "-e", name, "--yes", env=env).code == 0
    assert "No changes" in ap("plan", "-e", name, env=env).out
    assert ap("export", "-e", name, env=env).out == result.out


def test_a_project_of_another_name_has_that_environments_account(spec, ap, clicked, env):
    spec(APART)
    result = ap("export", "--project", "fresh", "-e", "staging", env=env)
    assert (result.code, "project: fresh" in result.out, "Of key-of-staging" in result.out) == (0, True, True), result
    spec(result.out)
    only_adopts(ap, env, "-e", "staging")


def test_without_a_spec_the_environment_is_the_one_that_was_named(spec, ap, clicked, env, folder):
    (folder / "agentphone.yaml").unlink()
    env = {**env, "AGENTPHONE_API_KEY": KEYS["PROD_KEY"]}
    result = ap("export", "--project", "acme", "-e", "prod", env=env)
    assert result.code == 0, result
    spec(result.out)
    only_adopts(ap, env, "-e", "prod")
    assert ap("plan", env=env).code == 64
    (folder / "agentphone.yaml").unlink()
    flat = ap("export", "--project", "acme", "-e", "default", env=env)
    assert (flat.code, "environments" in flat.out) == (0, False)


@pytest.mark.parametrize("command", ["export", "doctor"])
def test_an_environment_that_there_is_not(spec, ap, env, command):
    spec(APART)
    for more in ([], ["--project", "acme"] if command == "export" else []):
        near = ap(command, *more, "-e", "stagin", env=env)
        assert (near.code, near.out) == (64, ""), near
        assert "there is no environment 'stagin' in the spec hint: did you mean `staging`?" in said(near)
        assert "there are: -e prod, -e staging" in said(ap(command, *more, "-e", "nope", env=env))


@pytest.mark.parametrize("name", ["A b", "../x", "preview:pr-1", "a" * 41, "", "\x1b[2J"])
def test_what_cannot_be_an_environment_is_none(ap, env, folder, name):
    (folder / "agentphone.yaml").unlink()
    result = ap("export", "--project", "acme", "-e", name, env=env)
    assert (result.code, result.out) == (64, ""), result
    assert "\x1b" not in result.err


def test_an_instance_imports_nothing(spec, ap, world, env):
    spec(SHARED)
    asked = len(world.requests())
    result = ap("export", "-e", "preview:pr-12", env=env)
    assert (result.code, result.out) == (64, ""), result
    assert "preview is ephemeral" in said(result)
    assert len(world.requests()) == asked


def test_what_another_environment_holds_is_left_out_and_said(spec, ap, world, env):
    spec(SHARED)
    for name in ("prod", "staging", "preview:pr-1"):
        applied(ap, "-e", name, env=env)
    result = ap("export", "-e", "staging", env=env)
    assert result.code == 0, result
    tree = yaml.safe_load(result.out)
    assert [one["name"] for one in tree["agents"].values()] == ["Support (staging)"]
    assert [len(tree[kind]) for kind in ("numbers", "webhooks")] == [1, 1]
    assert "is left out: it is agent.support of the environment prod" in said(result)
    assert "is left out: it is webhook.support of the environment preview:pr-1" in said(result)
    spec(result.out, "new.yaml")
    assert "No changes" in ap("plan", "-f", "new.yaml", "-e", "staging", env=env).out


def test_environments_with_one_account_that_they_both_name(spec, ap, world, env):
    """The spec that comes of it knows the other one, so that its things are no sign of a wrong account."""
    spec(
        SHARED.replace("prod: {}", "prod: {account: {keyEnv: K}}").replace(
            "staging: {", "staging: {account: {keyEnv: K}, "
        )
    )
    env = {**env, "K": env["AGENTPHONE_API_KEY"]}
    applied(ap, "-e", "prod", env=env)
    world.seed(agents=[{"name": "By hand"}])
    result = ap("export", "-e", "staging", env=env)
    assert result.code == 0, result
    spec(result.out)
    only_adopts(ap, env, "-e", "staging")


def test_the_key_of_another_environment_exports_nothing(spec, ap, clicked, env, folder):
    spec(APART)
    spec(ap("export", "-e", "prod", env=env).out, "prod.yaml")
    applied(ap, "-f", "prod.yaml", "-e", "prod", env=env)
    for command in (
        ["export", "-e", "staging", "--prompts", "new"],
        ["clone", "--live", "--from", "staging", "--to", "qa"],
    ):
        result = ap(*command, env={**env, "STAGING_KEY": KEYS["PROD_KEY"]})
        assert (result.code, result.out, (folder / "new").exists()) == (9, "", False), result
        assert "shows what is of the environment default" in said(result)


def test_an_account_that_shows_nothing_of_the_state_is_another_one(spec, ap, clicked, env):
    spec(APART)
    spec(ap("export", "-e", "staging", env=env).out)
    applied(ap, "-e", "staging", env=env)
    for command in (["export", "-e", "staging"], ["clone", "--live", "--from", "staging", "--to", "qa"]):
        result = ap(*command, env={**env, "STAGING_KEY": "key-of-nobody"})
        assert (result.code, result.out) == (9, ""), result
        assert "the state knows 2 agents and numbers, and this account shows none of them" in said(result)
        assert "check STAGING_KEY" in said(result)


def test_a_neighbour_that_cannot_be_read_is_said(spec, ap, world, env, folder):
    spec(SHARED)
    applied(ap, "-e", "prod", env=env)
    (folder / ".apreconcile/acme.prod.json").write_text("{}")
    result = ap("export", "-e", "staging", env=env)
    assert "what the environment prod holds is not known" in said(result)


def test_an_empty_account(spec, ap, env):
    spec(APART)
    result = ap("export", "-e", "staging", env=env)
    assert result.code == 0
    spec(result.out)
    assert "No changes" in ap("plan", "-e", "staging", env=env).out
