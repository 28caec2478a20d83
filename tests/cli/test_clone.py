"""`clone` from outside: two accounts, and nothing of the one reaches the other."""

from __future__ import annotations

import pytest

from tests.cli.conftest import applied

SPEC = """\
version: 1
project: acme
state: {store: local}
agents:
  support:
    name: Support
    voiceMode: hosted
    systemPrompt: "Read https://hooks.acme.dev/faq."
    transferNumber: "+12125550111"
    customTools: [{name: look, description: Look, url: "https://api.acme.dev/${env.WORD}", headers: {X: planted-value}}]
numbers: {main: {areaCode: "415", agent: support}}
webhooks: {events: {url: "https://hooks.acme.dev/events", secret: {writeTo: {file: .env}}}}
policy: {maxBuys: {perApply: 3}}
environments:
  prod: {account: {keyEnv: PROD_KEY, baseUrl: "BASE"}}
  staging: {account: {keyEnv: STAGING_KEY, baseUrl: "BASE"}}
"""
ENV = {"PROD_KEY": "key-of-prod", "STAGING_KEY": "key-of-staging", "WORD": "planted-word", "SUPPORT_LOOK_X": "x"}
ALL = ("--rewrite", "hooks.acme.dev=hooks.stg.dev", "--rewrite", "api.acme.dev=api.stg.dev")


def sent(world, key):
    headers = {"Authorization": f"Bearer {key}"}
    return [
        (one["method"], one["path"]) for one in world.http.get("/_sandbox/requests", headers=headers).json()["data"]
    ]


@pytest.fixture
def prod(folder, ap, world):
    """An account that is as the spec wants it."""
    (folder / "agentphone.yaml").write_text(SPEC.replace("BASE", world.url))
    applied(ap, "-e", "prod", env=ENV)
    return world


def test_a_clone_is_another_account_s_and_no_call_of_it_reaches_the_source(prod, ap, folder):
    before = sent(prod, "key-of-prod")
    result = ap("clone", "--from", "prod", "--to", "staging", "--numbers", "buy", *ALL, env=ENV)
    assert (result.code, sent(prod, "key-of-prod")) == (0, before), "from the spec nothing is sent"
    (folder / "b").mkdir()
    (folder / "b/clone.yaml").write_text(result.out)
    env = {name: value for name, value in ENV.items() if name != "PROD_KEY"}
    assert ap("validate", "b/clone.yaml", env=env).code == 0
    applied(ap, "-f", "b/clone.yaml", "-e", "staging", env=ENV)
    assert ap("plan", "-f", "b/clone.yaml", "-e", "staging", "--detailed-exitcode", env=env).code == 0
    assert sent(prod, "key-of-prod") == before
    agents = prod.http.get("/v1/agents", headers={"Authorization": "Bearer key-of-staging"}).json()["data"]
    assert [one["systemPrompt"] for one in agents] == ["Read https://hooks.stg.dev/faq."]


def test_what_it_costs_is_said_first_and_nothing_secret_at_all(prod, ap):
    result = ap("clone", "--from", "prod", "--to", "staging", "--numbers", "buy", *ALL, env=ENV)
    bill = "A clone of prod for staging. It buys 1 number: +$3.00/month (prices as of 2026-07-17), the first month at once."
    assert result.out.splitlines()[0] == f"# {bill}"
    assert " ".join(result.err.split()).startswith(bill)
    assert "Set in the environment before: STAGING_KEY, WORD, SUPPORT_LOOK_X" in result.out
    for planted in ("planted-word", "planted-value", "key-of-prod"):
        assert planted not in result.out + result.err
    for left in (".env", "writeTo", "policy:", "externalId", "apr:"):
        assert left not in result.out


def test_a_first_apply_takes_nothing_of_the_source_though_its_key_is_the_sources_by_then(prod, ap, folder):
    """The keys were apart when it was cloned; the API shows no marker of an agent."""
    made = ap("clone", "--from", "prod", "--to", "staging", *ALL, env=ENV)
    (folder / "clone.yaml").write_text(made.out)
    writes = [one for one in sent(prod, "key-of-prod") if one[0] != "GET"]
    result = ap("apply", "-f", "clone.yaml", "-e", "staging", "--yes", "--adopt", env=SAME)
    assert (result.code, "shows what is of the environment prod" in " ".join(result.out.split())) == (9, True), result
    assert [one for one in sent(prod, "key-of-prod") if one[0] != "GET"] == writes


def test_what_is_left_behind_is_said(prod, ap):
    warned = " ".join(
        ap("clone", "--from", "prod", "--to", "staging", *ALL, "--rewrite", "z.dev=y.dev", env=ENV).err.split()
    )
    assert "warning: nothing names z.dev: --rewrite z.dev did nothing" in warned
    assert "warning: the sinks of signing secrets are left behind: webhook.events" in warned
    assert "warning: the policy is left behind: write one for the clone" in warned


def test_a_host_of_the_source_that_is_left_is_an_error_and_nothing_is_printed(prod, ap):
    result = ap("clone", "--from", "prod", "--to", "staging", env=ENV)
    told = " ".join(result.err.split())
    assert (result.code, result.out) == (1, "")
    assert "agent.support: systemPrompt names hooks.acme.dev" in told
    assert "hint: say what stands there: --rewrite api.acme.dev=NEW --rewrite hooks.acme.dev=NEW" in told


def test_what_the_hint_says_can_be_said_however_the_host_is_written(ap, folder):
    urls = "https://[2001:db8::1]:8443/x", "https://u:planted@b_c.dev/x", "https://d.dev./x"
    tools = ", ".join(f'{{name: t{at}, description: D, url: "{url}"}}' for at, url in enumerate(urls))
    text = (
        f"version: 1\nproject: acme\nagents: {{a: {{name: A, customTools: [{tools}]}}}}\nenvironments: {{prod: {{}}}}\n"
    )
    (folder / "agentphone.yaml").write_text(text)
    told = ap("clone", "--from", "prod", "--to", "qa").err.partition("hint: ")[2]
    words = told.partition("there: ")[2].replace("=NEW", "=qa.dev").split()
    assert len(words) == 6, told
    result = ap("clone", "--from", "prod", "--to", "qa", *words)
    assert (
        result.code,
        "planted" in result.out,
        "Set in the environment before: AGENTPHONE_API_KEY_QA, A_T1_LOGIN" in result.out,
    ) == (
        0,
        False,
        True,
    )
    for left in ("2001", "b_c.dev", "d.dev"):
        assert left not in result.out.replace("qa.dev", "")


PREVIEWS = """\
version: 1
project: acme
agents: {a: {name: A}}
environments: {preview: {ephemeral: {ttl: 2h}}}
"""


def test_the_clone_of_an_instance_is_not_called_after_it(ap, folder):
    (folder / "agentphone.yaml").write_text(PREVIEWS)
    result = ap("clone", "--from", "preview:pr-1", "--to", "qa")
    assert (result.code, "name: A\n" in result.out) == (0, True), result


def test_what_is_ephemeral_is_no_name_for_a_clone(ap, folder):
    """Its numbers would release themselves nowhere."""
    (folder / "agentphone.yaml").write_text(PREVIEWS.replace("environments: {", "environments: {prod: {}, "))
    result = ap("clone", "--from", "prod", "--to", "preview")
    assert (result.code, result.out) == (64, "")
    assert "'preview' is ephemeral in the spec, and a clone is not" in result.err


def test_from_the_live_account(prod, ap, world):
    headers = {"Authorization": "Bearer key-of-prod"}
    world.http.post("/v1/agents", json={"name": "By hand"}, headers=headers).raise_for_status()
    args = ("--from", "prod", "--to", "fresh", "--live", "--numbers", "bind", "--transfer-numbers", "drop", *ALL)
    result = ap("clone", *args, env=ENV)
    assert result.code == 0, result
    assert "name: By hand" in result.out
    assert "keyEnv: AGENTPHONE_API_KEY_FRESH" in result.out
    assert 'import: "${var.number-main}"' in result.out
    assert "transferNumber" not in result.out
    assert "Give when it is planned: --var number-main=+1…" in result.out


def test_a_number_that_is_bound_is_one_that_the_other_account_has(prod, ap, folder):
    headers = {"Authorization": "Bearer key-of-staging"}
    seeded = {"numbers": [{"id": "num_b", "phoneNumber": "+13105550108", "country": "US"}]}
    prod.http.post("/_sandbox/seed", json=seeded, headers=headers).raise_for_status()
    result = ap("clone", "--from", "prod", "--to", "staging", "--numbers", "bind", *ALL, env=ENV)
    (folder / "b").mkdir()
    (folder / "b/clone.yaml").write_text(result.out)
    before, args = (
        sent(prod, "key-of-prod"),
        ("-f", "b/clone.yaml", "-e", "staging", "--var", "number-main=+13105550108"),
    )
    applied(ap, *args, env=ENV)
    assert ap("plan", *args, "--detailed-exitcode", env=ENV).code == 0
    assert sent(prod, "key-of-prod") == before
    [number] = prod.http.get("/v1/numbers", headers=headers).json()["data"]
    assert (number["id"], number["externalId"], bool(number["agentId"])) == ("num_b", "apr:acme/staging/main", True)


def test_long_prompts_become_files_that_are_nobody_else_s(prod, ap, folder):
    text = SPEC.replace('"Read https://hooks.acme.dev/faq."', '"Read https://hooks.acme.dev/faq.\\nAnd ${word}."')
    text = text.replace("${word}", "$${word}")
    (folder / "agentphone.yaml").write_text(text.replace("BASE", prod.url))
    args = ("clone", "--from", "prod", "--to", "staging", *ALL)
    result = ap(*args, "--prompts", "texts", env=ENV)
    assert result.code == 0, result
    assert "file: texts/staging/support.md" in result.out
    assert (folder / "texts/staging/support.md").read_text() == "Read https://hooks.stg.dev/faq.\nAnd ${word}.\n"
    (folder / "clone.yaml").write_text(result.out)
    assert ap("validate", "clone.yaml", env=ENV).code == 0
    (folder / "texts/staging/support.md").write_text("mine")
    refused = ap(*args, "--prompts", "texts", env=ENV)
    assert (refused.code, refused.out, (folder / "texts/staging/support.md").read_text()) == (1, "", "mine")
    assert "or replace it: --overwrite" in " ".join(refused.err.split())
    replaced = ap(*args, "--prompts", "texts", "--overwrite", env=ENV)
    assert (replaced.code, replaced.out) == (0, result.out)
    assert "warning: replaced texts/staging/support.md, which held another text" in replaced.err
    assert ap(*args, "--prompts", "../out", env=ENV).code == 64


def test_the_files_of_a_clone_are_not_those_of_its_source(prod, ap, folder):
    (folder / "prompts/support.md").write_text("Read https://hooks.acme.dev/faq.\nBe kind.\n")
    text = SPEC.replace('"Read https://hooks.acme.dev/faq."', "{file: prompts/support.md}")
    (folder / "agentphone.yaml").write_text(text.replace("BASE", prod.url))
    result = ap("clone", "--from", "prod", "--to", "staging", *ALL, "--prompts", "prompts", env=ENV)
    assert (result.code, "file: prompts/staging/support.md" in result.out) == (0, True), result
    assert (folder / "prompts/support.md").read_text() == "Read https://hooks.acme.dev/faq.\nBe kind.\n"
    assert (folder / "prompts/staging/support.md").read_text() == "Read https://hooks.stg.dev/faq.\nBe kind.\n"


SAME = {**ENV, "STAGING_KEY": ENV["PROD_KEY"]}


def accounts(folder, world, prod, staging):
    """The spec, with other accounts; `BASE` is where the API is."""
    was = ('{account: {keyEnv: PROD_KEY, baseUrl: "BASE"}}', '{account: {keyEnv: STAGING_KEY, baseUrl: "BASE"}}')
    text = SPEC.replace(was[0], prod).replace(was[1], staging)
    text = text.replace("BASE", world.url).replace("PORT", world.url.rpartition(":")[2])
    (folder / "agentphone.yaml").write_text(text)


@pytest.mark.parametrize(("source", "target", "env", "why"), [
    ("{account: {keyEnv: PROD_KEY}}", "{account: {keyEnv: PROD_KEY}}", ENV, "both have the key of PROD_KEY"),
    ("{account: {keyEnv: PROD_KEY}}", "{account: {keyEnv: PROD_KEY}}", {}, "both have the key of PROD_KEY"),
    ("{account: {keyEnv: PROD_KEY}}", "{account: {keyEnv: STAGING_KEY}}", SAME, "STAGING_KEY has the key of PROD_KEY"),
    ("{account: {keyEnv: PROD_KEY, subAccount: s1}}", "{account: {keyEnv: STAGING_KEY, subAccount: s1}}", SAME, "has the key"),
    ("{account: {keyEnv: PROD_KEY, subAccount: s1}}", "{account: {keyEnv: PROD_KEY, subAccount: s2}}",
     {**ENV, "AGENTPHONE_SUB_ACCOUNT": "s3"}, "both have the key of PROD_KEY"),
    ("{}", "{}", {**ENV, "AGENTPHONE_API_KEY": "a", "AGENTPHONE_API_KEY_STAGING": "a "}, "has the key of AGENTPHONE_API_KEY"),
    ("{}", "{account: {keyEnv: AGENTPHONE_TOKEN}}", {**ENV, "AGENTPHONE_TOKEN": "a"}, "both have the key of AGENTPHONE_TOKEN"),
    ("{}", "{account: {keyEnv: AGENTPHONE_API_KEY}}", {**ENV, "AGENTPHONE_TOKEN": "a"}, "both have the key of AGENTPHONE_API_KEY"),
    ('{account: {keyEnv: PROD_KEY, baseUrl: "https://api.agentphone.ai"}}',
     '{account: {keyEnv: PROD_KEY, baseUrl: "https://api.agentphone.to/v1"}}', ENV, "both have the key of PROD_KEY"),
    ('{account: {keyEnv: PROD_KEY, baseUrl: "BASE"}}', '{account: {keyEnv: PROD_KEY, baseUrl: "http://localhost:PORT"}}', ENV,
     "both have the key of PROD_KEY"),
    ('{account: {keyEnv: PROD_KEY, baseUrl: "BASE"}}', '{account: {keyEnv: PROD_KEY, baseUrl: "http://[::1]:PORT/v1"}}', ENV,
     "both have the key of PROD_KEY"),
])  # fmt: skip
def test_the_account_of_the_source_is_no_place_for_its_clone(prod, ap, folder, source, target, env, why):
    accounts(folder, prod, source, target)
    asked = ("clone", "--from", "prod", "--to", "staging", *ALL, "--prompts", "new")
    result = ap(*asked, env={"WORD": "w", **env})
    told = " ".join(result.err.split())
    assert (result.code, result.out, (folder / "new").exists()) == (9, "", False), result
    assert "a clone for staging would be planned on the account of prod itself" in told
    assert why in told
    assert "hint: give staging a key of its own, or a sub-account" in told
    assert "key-of-prod" not in result.err


@pytest.mark.parametrize("flags", [("--sub-account", "s1"), ("--base-url", "http://127.0.0.1:9"), ("--sandbox",)])
def test_flags_of_one_run_make_no_other_account_of_it(prod, ap, folder, flags):
    """They are not in the clone."""
    accounts(folder, prod, *2 * ["{account: {keyEnv: PROD_KEY}}"])
    assert ap("clone", "--from", "prod", "--to", "staging", *flags, *ALL, env=ENV).code == 9


def test_nor_is_it_asked_for_a_live_clone(prod, ap):
    before = sent(prod, "key-of-prod")
    result = ap("clone", "--from", "prod", "--to", "staging", "--live", *ALL, env=SAME)
    assert (result.code, sent(prod, "key-of-prod")) == (9, before), result


@pytest.mark.parametrize(("source", "target", "env"), [
    ("{account: {keyEnv: PROD_KEY}}", "{account: {keyEnv: PROD_KEY, subAccount: s1}}", ENV),
    ("{account: {keyEnv: PROD_KEY, subAccount: s1}}", "{account: {keyEnv: PROD_KEY, subAccount: s2}}", ENV),
    ("{account: {keyEnv: PROD_KEY, subAccount: s1}}", "{account: {keyEnv: PROD_KEY}}", ENV),
    ("{account: {keyEnv: PROD_KEY}}", "{account: {keyEnv: STAGING_KEY}}", {"WORD": "w"}),
    ("{account: {keyEnv: PROD_KEY}}", "{}", ENV),
    ("{account: {keyEnv: PROD_KEY}}", '{account: {keyEnv: PROD_KEY, baseUrl: "BASE"}}', ENV),
    ('{account: {keyEnv: PROD_KEY, baseUrl: "BASE"}}', '{account: {keyEnv: PROD_KEY, baseUrl: "http://127.0.0.1:1"}}', ENV),
])  # fmt: skip
def test_a_clone_for_another_account_or_another_sub_account(prod, ap, folder, source, target, env):
    accounts(folder, prod, source, target)
    state = folder / ".apreconcile/acme.prod.json"
    state.unlink()  # it is about the host of the test, and these accounts are about others
    assert ap("clone", "--from", "prod", "--to", "staging", *ALL, env=env).code == 0


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--from", "prod", "--to", "prod"), "'prod' cannot be cloned to itself"),
        (("-e", "prod", "--from", "prod", "--to", "b"), "clone has its environments from --from and --to"),
        (("--from", "prod", "--to", "A b"), "'A b' cannot be an environment"),
        (("--from", "nowhere", "--to", "b"), "there is no environment 'nowhere' in the spec"),
        (("--from", "prod", "--to", "b", "--rewrite", "https://a.dev/=b.dev"), "is neither HOST=HOST nor +E.164=+E.164"),
        (("--from", "prod", "--to", "b", "--rewrite", "+14155550100=b.dev"), "is neither HOST=HOST nor +E.164=+E.164"),
        (("--from", "prod", "--to", "b", "--rewrite", "a.dev"), "is neither HOST=HOST nor +E.164=+E.164"),
        (("--from", "prod", "--to", "b", "--numbers", "steal"), "'steal' is not one of"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_said(prod, ap, args, said):
    result = ap("clone", *args, env=ENV)
    assert (result.code, result.out) == (64, "")
    assert said in " ".join(result.err.split())
