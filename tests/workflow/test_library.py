"""What the command line keeps a person from, the library keeps a program from: nothing here is the face's alone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import apreconcile
from apreconcile import workflow
from apreconcile.core.cloning import Choices
from apreconcile.core.errors import CredentialsError, HostError, StaleError, UnsafeError, UsageError

PARTED = """\
agents: {support: {name: Support}}
numbers: {main: {agent: support}}
environments:
  prod: {account: {keyEnv: PROD_KEY}}
  staging: {account: {keyEnv: STAGING_KEY}}
"""


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in ("CI", "AGENTPHONE_API_KEY", "AGENTPHONE_TOKEN", "AGENTPHONE_BASE_URL", "AGENTPHONE_SUB_ACCOUNT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def program(trial):
    """A program that uses the library: it loads the spec for an environment, connects, and does one thing."""

    def run(environment: str | None, do: Any, *, environ: dict[str, str], **how: Any) -> Any:
        async def whole() -> Any:
            manifest = apreconcile.load([str(trial.folder)], environ=environ, environment=environment)
            async with apreconcile.connect(manifest, environ=environ, **how) as account:
                return await do(account)

        return asyncio.run(whole())

    return run


async def applied(account):
    planned = await apreconcile.plan(account)
    return await apreconcile.apply(account, planned, approve=[one.token for one in planned.plan.steps if one.token])


def env(trial, **more):
    return {"AGENTPHONE_BASE_URL": trial.url, "PROD_KEY": trial.key, **more}


# Whose account it is


def test_a_key_is_that_of_the_environment_and_no_other(trial, program):
    trial.spec(PARTED)
    usual = {"AGENTPHONE_API_KEY": "another", "STAGING_KEY": "another"}
    assert program("prod", applied, environ=env(trial, **usual)).exit == 0
    assert len(trial.purchases()) == 1
    with pytest.raises(CredentialsError, match="STAGING_KEY is not set, which is its `keyEnv`"):
        program("staging", applied, environ=env(trial, AGENTPHONE_API_KEY="another"))


def test_the_sub_account_and_the_url_of_the_spec_count(trial, program):
    """A program that leaves them out would buy in the account around it."""
    sub = trial.send("POST", "/v1/sub-accounts", {"name": "inside"})["id"]
    account = f'{{keyEnv: PROD_KEY, baseUrl: "{trial.url}", subAccount: {sub}}}'
    trial.spec(PARTED.replace("{keyEnv: PROD_KEY}", account))
    for how in ({}, {"key": trial.key}):
        assert program("prod", applied, environ={"PROD_KEY": trial.key}, **how).exit == 0
    assert trial.get("/v1/numbers")["data"] == [], "nothing is outside of it"
    assert trial.get("/v1/agents")["data"] == []
    with pytest.raises(UnsafeError, match=f"the state is about the sub-account {sub} at loopback"):
        program("prod", applied, environ={"PROD_KEY": trial.key}, sub_account="")
    with pytest.raises(HostError):
        program("prod", applied, environ={"PROD_KEY": trial.key}, base_url="https://evil.dev")


def test_which_environment_is_meant_has_to_be_said(trial, program):
    trial.spec(PARTED)
    with pytest.raises(UsageError, match="the spec has environments, and none was named"):
        program(None, applied, environ=env(trial))


def test_the_key_of_another_environment_is_found_out(trial, program):
    trial.spec(PARTED)
    assert program("prod", applied, environ=env(trial)).exit == 0
    before = trial.writes()
    assert program("staging", applied, environ=env(trial, STAGING_KEY=trial.key)).exit == 9
    assert trial.writes() == before


# Where it remembers


def test_nothing_is_bought_whose_memory_would_be_lost(trial, program):
    """In CI a state beside the spec ends with the runner, unless the spec, or the program, says that it does not."""
    trial.spec(PARTED)
    environ = env(trial, CI="true")
    with pytest.raises(UnsafeError, match="in CI the state would be lost"):
        program("prod", applied, environ=environ)
    assert trial.writes() == []
    assert program("prod", apreconcile.plan, environ=environ).plan.steps, "looking is free"
    assert program("prod", applied, environ=environ, home=trial.folder / "kept").exit == 0
    trial.spec(PARTED + "state: {store: local}\n")
    assert program("staging", applied, environ=env(trial, CI="true", STAGING_KEY=f"{trial.key}2")).exit == 0


# What a clone is for


def cloning(**more):
    return lambda account: workflow.clone(account, to="staging", choices=Choices(), **more)


@pytest.mark.parametrize("live", [False, True])
def test_a_clone_is_not_for_the_account_of_its_source(trial, program, live):
    trial.spec(PARTED)
    assert program("prod", applied, environ=env(trial)).exit == 0
    before = trial.requests()
    same = env(trial, STAGING_KEY=f"{trial.key} ")
    with pytest.raises(UnsafeError, match="STAGING_KEY has the key of PROD_KEY"):
        program("prod", cloning(live=live, environ=same), environ=same)
    with pytest.raises(UnsafeError, match="would be planned on the account of prod itself"):
        program("prod", cloning(live=live, environ=env(trial, STAGING_KEY="given")), environ=env(trial), key="given")
    assert trial.requests() == before
    other = env(trial, STAGING_KEY=f"{trial.key}2")
    assert program("prod", cloning(live=live, environ=other), environ=other).document["project"] == "acme"


def test_what_cannot_be_a_clone_s_is_refused(trial, program):
    trial.spec(PARTED + "  preview: {ephemeral: {ttl: 2h}}\n")
    for to, why in (("prod", "to itself"), ("A b", "cannot be an environment"), ("preview", "is ephemeral")):
        with pytest.raises(UsageError, match=why):
            program("prod", lambda one, to=to: workflow.clone(one, to=to, choices=Choices()), environ=env(trial))


@pytest.mark.parametrize("live", [False, True])
def test_two_keys_of_one_account_are_told_apart_from_two_accounts(trial, program, front, live):
    """By one read: the account of the clone shows what is of its source."""
    second = f"{trial.key}-second"
    passed = front.pass_on

    def one_account(method, path, headers, content):
        named = {name: value.replace(second, trial.key) for name, value in headers.items()}
        return passed(method, path, named, content)

    trial.spec(PARTED)
    url = front(trial).base_url
    environ = env(trial, AGENTPHONE_BASE_URL=url, STAGING_KEY=second)
    assert program("prod", applied, environ=environ).exit == 0
    number = trial.get("/v1/numbers")["data"][0]["id"]
    before = len(trial.requests())
    assert program("prod", cloning(environ=environ), environ=environ).document
    assert len(trial.requests()) == before, "the account of the source is not asked at all"
    front.pass_on = one_account
    with pytest.raises(UnsafeError, match=f"the key of STAGING_KEY shows {number}, which is its source's"):
        program("prod", cloning(live=live, environ=environ), environ=environ)
    if not live:
        asked = [(one["method"], one["path"]) for one in trial.requests()[before:]]
        assert asked == [("GET", f"/v1/numbers/{number}")]


def test_a_key_of_which_nothing_can_be_told_is_said(trial, program, front):
    trial.spec(PARTED)
    environ = env(trial, AGENTPHONE_BASE_URL=front(trial).base_url, STAGING_KEY="another")
    assert program("prod", applied, environ=environ).exit == 0
    front.answer("GET", "/v1/numbers/*", 401, {"detail": "no such key"})
    heard = []
    made = program("prod", cloning(environ=environ), environ=environ, on_request=heard.append)
    assert "whether STAGING_KEY is of another account could not be told" in made.warnings[0]
    assert [line.rpartition("/")[0] for line in heard] == ["GET /v1/numbers"], "it is told like any other request"


# What is applied


def test_a_plan_is_for_the_account_and_the_environment_that_it_was_made_for(trial, program):
    """Where neither has a state yet, no version of one tells them apart."""
    trial.spec(PARTED)
    environ = env(trial, STAGING_KEY=f"{trial.key}2")
    planned = program("staging", apreconcile.plan, environ=environ)
    tokens = [one.token for one in planned.plan.steps if one.token]
    for how in ({}, {"key": f"{trial.key}2"}):
        with pytest.raises(UnsafeError, match="the plan is for acme/staging"):
            program("prod", lambda one: apreconcile.apply(one, planned, approve=tokens), environ=environ, **how)
    assert (trial.writes(), trial.state) == ([], {})
    assert program("staging", applied, environ=environ).exit == 0


def test_a_plan_ends(trial, program):
    trial.spec(PARTED)
    planned = program("prod", apreconcile.plan, environ=env(trial))
    trial.clock.skip(25 * 3600)
    with pytest.raises(StaleError, match="nothing was sent: the plan held until"):
        program("prod", lambda one: apreconcile.apply(one, planned), environ=env(trial), now=trial.clock.now)
    assert trial.writes() == []


def test_a_plan_is_applied_once(trial, program):
    trial.spec(PARTED)
    planned = program("prod", apreconcile.plan, environ=env(trial))
    tokens = [one.token for one in planned.plan.steps if one.token]

    async def again(account):
        return await apreconcile.apply(account, planned, approve=tokens)

    assert program("prod", again, environ=env(trial)).exit == 0
    before = trial.writes()
    assert program("prod", again, environ=env(trial)).exit == 8
    assert trial.writes() == before
