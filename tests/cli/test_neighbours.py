"""Environments beside each other: what one holds no other takes, and a wrong account is found out before a write."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import httpx
import pytest

from apreconcile.sandbox import Options, running
from tests.cli.conftest import applied
from tests.cli.test_environments import KEYS
from tests.store.conftest import QUIET, call, remote, s3_server
from tests.store.s3 import environ

SHARED = """\
version: 1
project: acme
agents: {support: {name: Support}}
numbers: {main: {agent: support}}
environments: {prod: {}, staging: {}, preview: {ephemeral: {ttl: 2h}}}
"""
APART = SHARED.replace(
    "prod: {}, staging: {}", "prod: {account: {keyEnv: PROD_KEY}}, staging: {account: {keyEnv: STAGING_KEY}}"
)


@pytest.fixture
def spec(folder):
    def write(text):
        (folder / "agentphone.yaml").write_text(text)

    return write


@pytest.fixture
def env(world):
    return {**KEYS, **world.env}


def test_two_environments_share_an_account_and_take_nothing_of_each_other(spec, ap, world, env):
    """The second finds an agent of the same name, a number and no offer: all of it is the first's."""
    spec(SHARED)
    applied(ap, "-e", "prod", env=env)
    plan = applied(ap, "-e", "staging", env=env)
    assert [(step["address"], step["action"]) for step in plan["steps"]] == [
        ("agent.support", "create"),
        ("number.main", "create"),
    ]
    assert plan["summary"]["unmanaged"] == 2
    for name in ("prod", "staging"):
        assert "No changes" in ap("plan", "-e", name, env=env).out


@pytest.mark.parametrize("overlay", [
    "numbers: {main: {import: ID}}", "numbers: {other: {import: PHONE}}", "agents: {support: {import: AGENT}}",
])  # fmt: skip
def test_what_another_environment_holds_is_not_imported(spec, ap, world, env, overlay):
    spec(SHARED)
    applied(ap, "-e", "prod", env=env)
    held = json.loads(ap("state", "show", "-e", "prod", "--format", "json", env=env).out)["resources"]
    overlay = overlay.replace("ID", held["number.main"]["id"]).replace(
        "PHONE", f'"{held["number.main"]["phoneNumber"]}"'
    )
    spec(SHARED.replace("staging: {}", f"staging: {{{overlay.replace('AGENT', held['agent.support']['id'])}}}"))
    writes = len(world.writes())
    for command in (["plan"], ["apply", "--yes", "--adopt"]):
        result = ap(
            *command,
            "-e",
            "staging",
            "--only",
            overlay.partition("s")[0].strip() + ("." + overlay.split("{")[1].partition(":")[0]),
            env=env,
        )
        assert result.code == 9, result
        assert "of the environment prod" in result.said
    assert len(world.writes()) == writes


def test_the_projects_webhook_of_another_environment_is_neither_taken_nor_changed(spec, ap, world, env):
    shared = SHARED.replace("environments", 'webhooks: {events: {url: "https://a.dev"}}\nenvironments')
    spec(shared)
    applied(ap, "-e", "prod", env=env)
    spec(shared.replace("staging: {}", 'staging: {webhooks: {events: {url: "https://staging.dev"}}}'))
    for adopt in ([], ["--adopt"]):
        result = ap("plan", "-e", "staging", "--only", "webhook.events", *adopt, env=env)
        assert (result.code, "its slot has webhook.events of the environment prod" in result.said) == (9, True), result
    assert "exclude: [webhook.events]" in result.said


def test_the_key_of_another_environment_is_found_out_by_what_it_shows(spec, ap, world, env):
    spec(APART)
    applied(ap, "-e", "prod", env=env)
    writes = len(world.writes())
    for command in (["plan"], ["apply", "--yes"]):
        result = ap(*command, "-e", "staging", env={**env, "STAGING_KEY": env["PROD_KEY"]})
        assert result.code == 9, result
        assert "the account of staging shows what is of the environment prod" in result.said
        assert "check STAGING_KEY" in result.said
    assert len(world.writes()) == writes
    assert ap("plan", "-e", "staging", env=env).code == 0


def test_the_marker_alone_tells_where_the_state_is_elsewhere(spec, ap, world, env, folder):
    spec(APART)
    applied(ap, "-e", "prod", env=env)
    (folder / ".apreconcile/acme.prod.json").unlink()
    result = ap("plan", "-e", "staging", env={**env, "STAGING_KEY": env["PROD_KEY"]})
    assert (result.code, "with the marker 'apr:acme/prod/main'" in result.said) == (9, True), result


def test_an_environment_that_was_there_under_another_name_is_told(spec, ap, world, env):
    spec(SHARED.partition("environments")[0])
    applied(ap, env=env)
    spec(APART)
    result = ap("plan", "-e", "prod", env={**env, "PROD_KEY": env["AGENTPHONE_API_KEY"]})
    assert (result.code, "write `as: default` into it" in result.said) == (9, True), result
    spec(SHARED)
    result = ap("plan", "-e", "prod", env=env)
    assert (result.code, "is of the environment default, which the spec does not have" in result.said) == (9, True)


@pytest.mark.parametrize(("before", "after", "way"), [
    ("environments: {prod: {}}", "environments: {live: {}}", "call it prod again"),
    ("", "environments: {live: {}}", "write `as: default` into live"),
    ("environments: {prod: {}}", "", "call it prod again"),
])  # fmt: skip
def test_an_environment_under_another_name_buys_nothing_again(spec, ap, world, env, before, after, way):
    """Also where a policy would approve it, and where the state of the old name is lost."""
    base, name = SHARED.partition("environments")[0], "live" if after else "default"
    spec(f"{base}{before}\n")
    applied(ap, *(["-e", "prod"] if before else []), env=env)
    spec(f"{base}{after}\npolicy: {{autoApprove: {{{name}: [{{risk: spends, upTo: 10.00}}]}}}}\n")
    named, writes = ["-e", name] if after else [], len(world.writes())
    for lost in (False, True):
        if lost:
            next(Path(".apreconcile").glob("*.json")).unlink()
        result = ap("apply", *named, "--yes", env=env)
        assert (result.code, f"if it was, {way}; if {name} is another one" in result.said) == (9, True), result
    assert len(world.writes()) == writes
    assert ap("state", "init", *named, env=env).code == 0
    assert ap("apply", *named, "--yes", "--only", "number.main", "--adopt", env=env).code == 0, "it is another one"
    assert len(world.http.get("/v1/numbers").json()["data"]) == 2


def test_two_states_that_hold_one_thing_write_nothing(spec, ap, world, env, folder):
    spec(SHARED)
    applied(ap, "-e", "prod", env=env)
    state = (folder / ".apreconcile/acme.prod.json").read_text()
    (folder / ".apreconcile/acme.staging.json").write_text(
        state.replace('"environment": "prod"', '"environment": "staging"')
    )
    result = ap("apply", "-e", "staging", "--yes", env=env)
    assert (result.code, "two states hold it" in result.said) == (9, True), result


def test_instances_of_a_preview_share_an_account_and_hold_their_own(spec, ap, world, env):
    spec(SHARED)
    applied(ap, "-e", "preview:one", env=env)
    plan = applied(ap, "-e", "preview:two", env=env)
    assert [step["action"] for step in plan["steps"]] == ["create", "create"]


def test_a_neighbours_state_that_cannot_be_read_is_said(spec, ap, world, env, folder):
    spec(SHARED)
    applied(ap, "-e", "prod", env=env)
    (folder / ".apreconcile/acme.prod.json").write_text("{}")
    result = ap("plan", "-e", "staging", env=env)
    assert (result.code, "what the environment prod holds is not known" in result.said) == (0, True), result


AGENTS = SHARED.replace("numbers: {main: {agent: support}}\n", 'webhooks: {events: {url: "https://a.dev"}}\n')


def harm(path, how):
    """Make a state one that cannot be read."""
    content = path.read_text()
    path.unlink()
    if how == "cut off":
        path.write_text(content[: len(content) // 2])
    elif how == "a link":
        path.with_suffix(".moved").write_text(content)
        path.symlink_to(path.with_suffix(".moved"))
    else:
        path.mkdir()


@pytest.mark.parametrize("how", ["cut off", "a link", "a folder"])
def test_nothing_is_taken_that_may_be_of_an_environment_whose_state_cannot_be_read(spec, ap, world, env, folder, how):
    """Its agent and its webhook carry no marker: what tells whose they are is that state alone."""
    spec(AGENTS)
    applied(ap, "-e", "prod", env=env)
    harm(folder / ".apreconcile/acme.prod.json", how)
    agent = world.http.get("/v1/agents").json()["data"][0]["id"]
    writes = world.writes()
    for overlay in ("", f"agents: {{support: {{import: {agent}}}}}"):
        spec(AGENTS.replace("staging: {}", f"staging: {{{overlay}}}"))
        result = ap("apply", "-e", "staging", "--adopt", "--yes", env=env)
        told = result.said
        assert (result.code, world.writes()) == (9, writes), result
        assert f"whether {agent} is of the environment prod is not known" in told
        assert "its slot has" in told
    spec(AGENTS.replace("staging: {}", "staging: {agents: {support: {import: none}}, exclude: [webhook.events]}"))
    assert ap("apply", "-e", "staging", "--yes", env=env).code == 0, "what is new is nobody's"
    apart = AGENTS.replace("prod: {}", "prod: {account: {keyEnv: PROD_KEY}}")
    spec(apart.replace("staging: {}", f"staging: {{agents: {{support: {{import: {agent}}}}}}}"))
    (folder / ".apreconcile/acme.staging.json").unlink()
    told = ap("plan", "-e", "staging", env=env)
    assert told.code == 0, "an environment with another account holds nothing of this one"


def test_a_number_that_answers_for_another_environment_is_not_taken_away_from_it(spec, ap, world, env):
    """It was attached in the console: no state holds it, but its callers are those of production."""
    spec(AGENTS)
    applied(ap, "-e", "prod", env=env)
    agent = world.http.get("/v1/agents").json()["data"][0]["id"]
    [number] = world.seed(numbers=[{"country": "US", "agentId": agent}])["numbers"]
    numbers = f"numbers: {{main: {{import: {number['id']}, agent: support}}}}"
    spec(AGENTS.replace("staging: {}", f"staging: {{exclude: [webhook.events], {numbers}}}"))
    result = ap("apply", "-e", "staging", "--yes", env=env)
    assert result.code == 5, result
    assert f"{number['id']} answers for agent.support of the environment prod" in result.said
    assert world.http.get(f"/v1/numbers/{number['id']}").json()["agentId"] == agent
    world.http.delete(f"/v1/agents/{agent}/numbers/{number['id']}").raise_for_status()
    assert ap("apply", "-e", "staging", "--yes", env=env).code == 0, "once it is detached, it is nobody's"


def test_an_agent_that_answers_a_number_of_another_environment_is_not_taken(spec, ap, folder):
    """Where the API knows no markers, only that state says whose the number is."""
    with (
        running(Options(db=folder / "old.db", profile="2025")) as server,
        httpx.Client(base_url=server.url, headers={"Authorization": "Bearer key"}, trust_env=False) as http,
    ):
        env = {"AGENTPHONE_API_KEY": "key", "AGENTPHONE_BASE_URL": server.url}
        spec(SHARED)
        applied(ap, "-e", "prod", env=env)
        [number] = http.get("/v1/numbers").json()["data"]
        hand = http.post("/v1/agents", json={"name": "By hand"}).json()["id"]
        http.delete(f"/v1/agents/{number['agentId']}/numbers/{number['id']}").raise_for_status()
        http.post(f"/v1/agents/{hand}/numbers", json={"numberId": number["id"]}).raise_for_status()
        spec(
            SHARED.replace(
                "staging: {}", f"staging: {{agents: {{support: {{import: {hand}}}}}, exclude: [number.main]}}"
            )
        )
        result = ap("apply", "-e", "staging", "--yes", env=env)
        told = f"{hand} holds {number['phoneNumber']}, which is number.main of the environment prod"
        assert (result.code, told in result.said) == (5, True), result


def test_what_another_environment_may_be_making_is_not_taken(spec, ap, world, env):
    spec(AGENTS)
    world.fault("POST /v1/agents", "commit-then-drop")
    assert ap("apply", "-e", "prod", "--only", "agent.support", "--yes", env=env).code == 6
    result = ap("apply", "-e", "staging", "--only", "agent.support", "--adopt", "--yes", env=env)
    assert result.code == 9, result
    assert "may be agent.support of the environment prod, which is being made" in result.said
    assert ap("apply", "-e", "prod", "--only", "agent.support", "--yes", env=env).code == 0
    assert ap("apply", "-e", "staging", "--only", "agent.support", "--adopt", "--yes", env=env).code == 0
    assert len(world.http.get("/v1/agents").json()["data"]) == 2


def kept(store, folder, env):
    """The environment and the line of a spec with which the states lie in this store."""
    if store == "git":
        for words in (["init", "-q"], ["remote", "add", "origin", str(remote(folder))]):
            subprocess.run(["git", *words], cwd=folder, check=True, env={**env, **QUIET})
    where = f"s3://team/{folder.name}" if store == "s3" else store
    return {**env, **QUIET, **(environ(s3_server()) if store == "s3" else {})}, f'state: {{store: "{where}"}}\n'


def spoil(folder, store):
    """Make the state of production one that cannot be read, in its store."""
    if store == "local":
        harm(folder / ".apreconcile/acme.prod.json", "cut off")
        return
    commit = call("commit-tree", call("mktree", folder=folder), "-m", "nothing in it", folder=folder)
    call("push", "--quiet", "--force", "origin", f"{commit}:refs/apreconcile/acme/prod", folder=folder)


@pytest.mark.parametrize("store", ["local", "git", "s3"])
def test_what_an_instance_of_a_preview_holds_is_not_imported(spec, ap, world, env, folder, store):
    """Also where its state costs a request: what is to be taken is worth one."""
    env, line = kept(store, folder, env)
    text = AGENTS.replace("agents:", f"{line}agents:")
    spec(text)
    applied(ap, "-e", "preview:one", env=env)
    agent = world.http.get("/v1/agents").json()["data"][0]["id"]
    spec(text.replace("staging: {}", f"staging: {{agents: {{support: {{import: {agent}}}}}}}"))
    result = ap("apply", "-e", "staging", "--only", "agent.support", "--yes", env=env)
    assert (result.code, f"{agent} is agent.support of the environment preview:one" in result.said) == (9, True)


def test_nothing_is_bound_that_may_be_of_an_environment_whose_state_cannot_be_read(spec, ap, world, env, folder):
    spec(SHARED)
    applied(ap, "-e", "prod", env=env)
    state = folder / ".apreconcile/acme.prod.json"
    content = state.read_text()
    world.fault("POST /v1/agents", "drop")
    assert ap("apply", "-e", "staging", "--only", "agent.support", "--yes", env=env).code == 6
    state.write_text("{")
    made = world.http.post("/v1/agents", json={"name": "Support"}).json()["id"]
    settled = ap("apply", "-e", "staging", "--only", "agent.support", "--yes", "--settle", "0", env=env)
    assert (settled.code, f"whether {made} is of the environment prod is not known" in settled.said) == (6, True)
    bind = ("resolve", "agent.support", "--bind", made, "-e", "staging")
    refused = ap(*bind, env=env)
    assert (refused.code, "its state cannot be read" in refused.said) == (9, True), refused
    state.write_text(content)
    assert ap(*bind, env=env).code == 0


def test_nothing_is_bound_that_another_environments_run_may_be_making(spec, ap, world, env):
    """Its run could still write down the very same one; once it cannot any more, a person may say whose it is."""
    spec(SHARED)
    agents = ("--only", "agent.support", "--yes")
    world.fault("POST /v1/agents", "drop")
    assert ap("apply", "-e", "staging", *agents, env=env).code == 6
    world.fault("POST /v1/agents", "commit-then-drop")
    assert ap("apply", "-e", "prod", *agents, env=env).code == 6
    made = world.http.get("/v1/agents").json()["data"][0]["id"]
    why = f"{made} may be agent.support of the environment prod, which is being made"
    settled = ap("apply", "-e", "staging", *agents, "--settle", "0", env=env)
    assert (settled.code, why in settled.said) == (6, True), settled
    bound = ap("resolve", "agent.support", "--bind", made, "-e", "staging", env=env)
    assert (bound.code, why in bound.said, "wait until its run is over" in bound.said) == (9, True, True), bound
    assert ap("apply", "-e", "prod", *agents, "--settle", "0", env=env).code == 6, "each is told of the other"


def test_resolve_binds_nothing_of_another_environment(spec, ap, world, env):
    spec(SHARED)
    applied(ap, "-e", "prod", env=env)
    ident = json.loads(ap("state", "show", "-e", "prod", "--format", "json", env=env).out)["resources"][
        "agent.support"
    ]["id"]
    world.fault("POST /v1/agents", "drop")
    assert ap("apply", "-e", "staging", "--only", "agent.support", "--yes", env=env).code == 6
    result = ap("resolve", "agent.support", "--bind", ident, "-e", "staging", env=env)
    assert (result.code, "is agent.support of the environment prod" in result.said) == (9, True), result


def test_the_secret_of_one_environment_is_not_overwritten_by_that_of_another(spec, ap, world, env, folder):
    """Its receiver would refuse every event, and no plan would say why."""
    sink = 'agents: {support: {name: Support}}\nwebhooks: {own: {agent: support, url: "https://a.dev", secret: {writeTo: {file: .env, name: HOOK}}}}\n'
    base = "version: 1\nproject: acme\n" + sink
    spec(base + "environments: {prod: {}, preview: {ephemeral: {ttl: 2h}}}\n")
    applied(ap, "-e", "prod", env=env)
    secret = (folder / ".env").read_text()
    result = ap("apply", "-e", "preview:pr-12", "--yes", env=env)
    assert (result.code, (folder / ".env").read_text()) == (5, secret), result
    assert ".env as HOOK has the signing secret of webhook.own of the environment prod" in result.said
    own = "webhooks: {own: {secret: {writeTo: {file: .env, name: PREVIEW}}}}"
    spec(base + f"environments: {{prod: {{}}, preview: {{ephemeral: {{ttl: 2h}}, {own}}}}}\n")
    assert ap("apply", "-e", "preview:pr-12", "--yes", env=env).code == 0
    assert secret in (folder / ".env").read_text()
    assert "No changes" in ap("plan", "-e", "prod", env=env).out


HOOKED = """\
version: 1
project: acme
agents: {support: {name: Support}}
webhooks: {own: {agent: support, url: "https://a.dev", secret: {writeTo: SINK}}}
environments: {prod: {}, staging: {}, preview: {ephemeral: {ttl: 2h}}}
"""


@pytest.mark.parametrize("store", ["git", "s3"])
@pytest.mark.parametrize("others", [("prod", "staging"), ("preview:one", "preview:two"), ("preview:one", "prod")])
def test_a_line_that_may_have_the_secret_of_another_environment_is_kept(spec, ap, world, env, folder, store, others):
    """Where the states lie elsewhere, the file of that name may be on another machine: the line that is there tells."""
    env, line = kept(store, folder, env)
    spec(HOOKED.replace("agents:", f"{line}agents:", 1).replace("SINK", "{file: .env, name: HOOK}"))
    applied(ap, "-e", others[0], env=env)
    secret, writes = (folder / ".env").read_text(), world.writes()
    refused = ap("apply", "-e", others[1], "--yes", env=env)
    assert (refused.code, (folder / ".env").read_text(), world.writes()) == (1, secret, writes), refused
    told = f"has HOOK already, and webhook.own of the environment {others[0]} was handed to a line of that name"
    assert told in refused.said
    (folder / ".env").write_text("HOOK=\n")  # as on another machine
    assert ap("apply", "-e", others[1], "--yes", env=env).code == 0
    assert "No changes" in ap("plan", "-e", others[0], env=env).out


@pytest.mark.parametrize("store", ["git", "s3"])
def test_a_github_secret_of_one_preview_is_not_overwritten_by_another(spec, ap, world, env, folder, store):
    env, line = kept(store, folder, env)
    (folder / "bin").mkdir()
    program = folder / "bin/gh"
    program.write_text("#!/bin/sh\ncat > /dev/null\n")
    program.chmod(0o755)
    env["PATH"] = f"{folder / 'bin'}:/usr/bin:/bin"
    spec(HOOKED.replace("agents:", f"{line}agents:", 1).replace("SINK", "{github: HOOK}"))
    applied(ap, "-e", "preview:one", env=env)
    refused = ap("apply", "-e", "preview:two", "--yes", env=env)
    assert (refused.code, "has the signing secret of webhook.own of the environment preview:one" in refused.said) == (
        5,
        True,
    ), refused


def test_a_program_that_takes_secrets_is_told_of_which_environment_they_are(spec, ap, world, env, folder):
    program = folder / "keep"
    program.write_text('#!/bin/sh\ncat > "kept.$APRECONCILE_ENVIRONMENT.$APRECONCILE_ADDRESS"\n')
    program.chmod(0o755)
    spec(HOOKED.replace("SINK", f"{{exec: [{program}]}}"))
    for name in ("prod", "preview:one"):
        applied(ap, "-e", name, env=env)
    prod, preview = (folder / f"kept.{name}.webhook.own" for name in ("prod", "preview:one"))
    assert prod.read_text() != preview.read_text()


@pytest.mark.parametrize(("store", "spelled"), [
    ("local", "./.env"), ("local", "prompts/../.env"), ("git", "./.env"), ("git", "prompts/../.env"),
])  # fmt: skip
def test_a_secret_is_not_overwritten_by_another_way_to_its_file(spec, ap, world, env, folder, store, spelled):
    env, line = kept(store, folder, env)
    own = "webhooks: {own: {secret: {writeTo: {file: FILE, name: HOOK}}}}".replace("FILE", spelled)
    spec(
        f"version: 1\nproject: acme\n{line}agents: {{support: {{name: Support}}}}\nwebhooks:\n  own: {{agent: support, "
        'url: "https://a.dev", secret: {writeTo: {file: .env, name: HOOK}}}\n'
        f"environments: {{prod: {{}}, staging: {{{own}}}}}\n"
    )
    applied(ap, "-e", "prod", env=env)
    secret, writes = (folder / ".env").read_text(), world.writes()
    result = ap("apply", "-e", "staging", "--only", "webhook.own", "--yes", env=env)
    assert (result.code, "webhook.own of the environment prod" in result.said) == (5 if store == "local" else 1, True)
    assert (folder / ".env").read_text() == secret
    assert [one for one in world.writes()[len(writes) :] if "webhook" in one] == []


@pytest.mark.parametrize("store", ["local", "git"])
def test_a_line_that_may_have_the_secret_of_a_state_that_cannot_be_read_stays(spec, ap, world, env, folder, store):
    env, line = kept(store, folder, env)
    text = (
        f"version: 1\nproject: acme\n{line}agents: {{support: {{name: Support}}}}\n"
        'webhooks: {own: {agent: support, url: "https://a.dev", secret: {writeTo: {file: .env, name: HOOK}}}}\n'
        "environments: {prod: {}, staging: {agents: {support: {name: Other}}}}\n"
    )
    spec(text)
    applied(ap, "-e", "prod", env=env)
    secret = (folder / ".env").read_text()
    spoil(folder, store)
    result = ap("apply", "-e", "staging", "--yes", env=env)
    assert (result.code, "whether it is of the environment prod is not known" in result.said) == (1, True), result
    assert (folder / ".env").read_text() == secret
    (folder / ".env").write_text("HOOK=\nMORE=1\n")
    assert ap("apply", "-e", "staging", "--yes", env=env).code == 0, "a line without a value is nobody's"
    assert ap("plan", "-e", "staging", "--detailed-exitcode", env=env).code == 0
