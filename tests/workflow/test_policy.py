"""A policy against the sandbox: limits of a rolling day, money, what needs no person, and hosts; its ledger is the judge."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from apreconcile import workflow
from apreconcile.core.address import Address
from apreconcile.core.policy import UNKNOWN
from apreconcile.core.spec.manifest import load_manifest

HOURS = 3600.0


def spec(trial, rules, numbers="", more=""):
    keys = ", ".join(f"{key}: {{}}" for key in numbers)
    return trial.spec(f"policy: {rules}\n" + (f"numbers: {{{keys}}}\n" if numbers else "") + more)


def words(report):
    return [str(outcome.word) for outcome in report.outcomes]


def reasons(report):
    return {str(one.address): one.reason for one in report.blocked}


def test_purchases_of_a_rolling_day_are_counted_in_the_ledger(trial):
    rules = "{maxBuys: {perDay: 3}}"
    assert spec(trial, rules, "ab").apply().exit == 0
    trial.clock.skip(20 * HOURS)
    assert spec(trial, rules, "abc").apply().exit == 0
    stopped = spec(trial, rules, "abcd").apply()
    assert (stopped.exit, stopped.outcomes) == (5, ())
    assert "after 3 in the last 24 hours, and maxBuys.perDay is 3 (" in reasons(stopped)["number.d"]
    assert len(trial.purchases()) == 3
    trial.clock.skip(4 * HOURS + 60)
    assert spec(trial, rules, "abcde").apply().exit == 0, "the first two are a day old, the third is not"
    assert len(trial.purchases()) == 5
    assert spec(trial, rules, "abcdef").apply().exit == 5


def test_a_limit_of_one_apply_leaves_all_of_them_out_and_takes_the_rest(trial):
    report = spec(trial, "{maxBuys: {perApply: 1}}", "ab", "agents: {x: {name: X}}\n").apply()
    assert (report.exit, words(report)) == (5, ["done"])
    assert trial.purchases() == []
    assert set(reasons(report)) == {"number.a", "number.b"}
    again = trial.run(lambda account: only(account, "number.a"))
    assert again.exit == 0
    assert trial.purchases() == ["apr:acme/default/a"]


async def only(account, *addresses):
    planned = await workflow.plan(account, only=[Address.parse(one) for one in addresses])
    return await workflow.apply(account, planned, approve=[step.token for step in planned.plan.steps if step.token])


def test_an_approval_does_not_go_round_a_limit(trial):
    tokens = [step.token for step in spec(trial, "{}", "ab").plan().plan.steps]
    assert spec(trial, "{maxBuys: {perApply: 1}}", "ab").apply(tokens).exit == 5
    assert trial.purchases() == []


def test_a_purchase_of_unknown_outcome_counts_and_a_denied_one_does_not(trial):
    rules = "{maxBuys: {perDay: 1}}"
    trial.fault("POST /v1/numbers", "drop", times=1)
    assert spec(trial, rules, "a").apply().exit == 6
    assert trial.state["ledger"][0]["outcome"] == "unknown"
    trial.clock.skip(300)
    trial.not_created("number.a")
    assert spec(trial, rules, "a").apply().exit == 0, "nothing was bought, says a person"
    assert spec(trial, rules, "ab").apply().exit == 5


def test_releases_of_a_rolling_day_are_counted_by_what_the_state_remembers(trial):
    rules = "{maxReleases: {perDay: 1}}"
    spec(trial, rules, "abc").settled()
    assert spec(trial, rules, "bc").apply().exit == 0
    stopped = spec(trial, rules, "c").apply()
    assert stopped.exit == 5
    assert (
        "this plan releases 1, after 1 in the last 24 hours, and maxReleases.perDay is 1"
        in reasons(stopped)["number.b"]
    )
    trial.clock.skip(24 * HOURS + 60)
    assert spec(trial, rules, "c").apply().exit == 0
    assert sum(line["type"] == "release" for line in trial.ledger()) == 2


def test_a_release_without_an_answer_counts_whether_it_was_done_or_not(trial):
    rules = "{maxReleases: {perDay: 1}}"
    spec(trial, rules, "abc").settled()
    trial.fault("DELETE /v1/numbers/*", "commit-then-drop", times=50)
    trial.fault("GET /v1/numbers/*", "status:503", nth=2, times=50)
    cut = spec(trial, rules, "bc").apply()
    trial.no_faults()
    assert cut.exit in {6, 7}, cut
    assert trial.state["intents"], "nobody wrote its outcome down"
    stopped = spec(trial, rules, "c").apply()
    assert stopped.exit == 5
    assert "after 1 in the last 24 hours" in reasons(stopped)["number.b"]
    assert sum(line["type"] == "release" for line in trial.ledger()) == 1


def test_an_unknown_price_is_in_the_ledger_as_such_and_over_every_limit(trial):
    kind = "numbers: {a: {type: imessage}}\n"
    report = spec(trial, "{}", more=kind).apply()
    assert (report.exit, report.monthly, [str(at) for at in report.unpriced]) == (0, "0.00", ["number.a"])
    assert trial.state["ledger"][0]["amount"] == UNKNOWN
    stopped = trial.spec("policy: {maxMonthlyCost: 1000.00}\nnumbers: {a: {type: imessage}, b: {}}").plan().plan
    assert [str(one.address) for one in stopped.blocked] == ["number.b"], "what is ours has an unknown price"
    permits = "{autoApprove: {default: [{risk: spends, upTo: 1000.00}]}}"
    held = trial.spec(f"policy: {permits}\nnumbers: {{a: {{type: imessage}}, b: {{}}}}").apply([])
    assert (held.exit, words(held)) == (3, ["held"])


def test_the_price_of_the_table_is_what_the_ledger_remembers(trial):
    rules = "{prices: {asOf: 2026-11-01, US: 4.50}, maxMonthlyCost: 9.00}"
    assert spec(trial, rules, "a").apply().monthly == "4.50"
    assert trial.state["ledger"][0]["amount"] == "4.50"
    assert spec(trial, rules, "ab").apply().exit == 0
    stopped = spec(trial, rules, "abc").apply()
    assert "costs $9.00 a month, this plan adds $4.50, and maxMonthlyCost is $9.00" in reasons(stopped)["number.c"]


PERMIT = "{autoApprove: {default: [{risk: spends, upTo: 6.00}, {risk: rotates-secret}]}}"


def test_two_applies_in_a_row_spend_what_the_policy_permits_and_no_more(trial):
    report = spec(trial, PERMIT, "a").apply([])
    assert (report.exit, words(report)) == (0, ["done"])
    assert trial.state["turns"] == {"number.a": 1}, "its token is spent all the same"
    assert spec(trial, PERMIT, "ab").apply([]).exit == 0
    held = spec(trial, PERMIT, "abc").apply([])
    assert (held.exit, words(held)) == (3, ["held"])
    assert len(trial.purchases()) == 2
    assert spec(trial, PERMIT, "abc").apply().exit == 0, "a person may"
    trial.clock.skip(24 * HOURS + 60)
    assert spec(trial, PERMIT, "abcd").apply([]).exit == 0


def test_beyond_the_permit_none_is_bought_without_a_person(trial):
    held = spec(trial, PERMIT, "abc").apply([])
    assert (held.exit, words(held)) == (3, ["held"] * 3)
    assert trial.purchases() == []
    (token,) = [step.token for step in trial.plan().plan.steps if str(step.address) == "number.b"]
    one = trial.apply([token])
    assert words(one) == ["held", "done", "held"]
    assert trial.purchases() == ["apr:acme/default/b"]


def test_a_purchase_whose_answer_is_lost_is_paid_with_the_permit(trial):
    trial.fault("POST /v1/numbers", "drop", times=1)
    assert spec(trial, PERMIT, "a").apply([]).exit == 6
    trial.clock.skip(300)
    trial.not_created("number.a")
    assert spec(trial, PERMIT, "ab").apply([]).exit == 0, "nothing was spent"
    trial.fault("POST /v1/numbers", "commit-then-drop", times=1)
    trial.clock.skip(25 * HOURS)
    assert spec(trial, PERMIT, "abcd").apply([]).exit == 6
    assert spec(trial, PERMIT, "abcd").apply([]).exit == 0, (
        "the first was found by its mark, and the second fits beside it"
    )
    assert spec(trial, PERMIT, "abcde").apply([]).exit == 3
    assert len(trial.purchases()) == 4


def test_a_rotation_is_permitted_and_a_deletion_is_not(trial):
    hook = "webhooks: {{w: {{url: 'https://{}.dev/x'}}}}\n"
    spec(trial, PERMIT, more=hook.format("a")).settled()
    assert spec(trial, PERMIT, more=hook.format("b")).apply([]).exit == 0
    assert trial.get("/v1/webhooks")["url"] == "https://b.dev/x"
    assert spec(trial, PERMIT).apply([]).exit == 3
    assert trial.get("/v1/webhooks")["url"] == "https://b.dev/x"


def test_a_permit_that_is_gone_by_the_time_of_the_plan_is_not_believed(trial):
    """What counts is the plan that is applied, not names that somebody granted from another one's permits."""
    spec(trial, PERMIT, "a")

    async def stripped(account):
        planned = await workflow.plan(account)
        assert planned.plan.steps[0].permit
        bare = replace(planned.plan, steps=tuple(replace(step, permit=None) for step in planned.plan.steps))
        return await workflow.apply(account, replace(planned, plan=bare))

    assert words(trial.run(stripped)) == ["held"]
    assert trial.purchases() == []


def test_rerouting_is_held_until_its_token_is_given(trial):
    rules, two = "{approve: [reroutes]}", "agents: {x: {name: X}, y: {name: Y}}\n"
    trial.spec(f"policy: {rules}\n{two}numbers: {{a: {{agent: x}}}}").settled()
    trial.spec(f"policy: {rules}\n{two}numbers: {{a: {{agent: y}}}}")
    held = trial.apply([])
    assert (held.exit, words(held)) == (3, ["held"])
    assert trial.get(f"/v1/numbers/{trial.ids()['number.a']}")["agentId"] == trial.ids()["agent.x"]
    (step,) = trial.plan().plan.steps
    assert step.token.startswith("reroute:number.a@")
    assert trial.apply([step.token]).exit == 0
    assert trial.get(f"/v1/numbers/{trial.ids()['number.a']}")["agentId"] == trial.ids()["agent.y"]
    assert trial.state["turns"]["number.a"] == 2
    assert trial.plan().plan.empty
    trial.spec(f"policy: {rules}\n{two}numbers: {{a: {{agent: x}}}}").settled()
    trial.spec(f"policy: {rules}\n{two}numbers: {{a: {{agent: y}}}}")
    assert words(trial.apply([step.token])) == ["held"], "a spent token never matches again"


@pytest.mark.parametrize("fault", ["drop", "commit-then-drop", "status:503", "commit-then-status:502"])
def test_a_rerouting_without_an_answer_is_settled_as_any_change(trial, fault):
    rules, two = "{approve: [reroutes]}", "agents: {x: {name: X}, y: {name: Y}}\n"
    trial.spec(f"policy: {rules}\n{two}numbers: {{a: {{agent: x}}}}").settled()
    trial.spec(f"policy: {rules}\n{two}numbers: {{a: {{agent: y}}}}")
    trial.fault("POST /v1/agents/*/numbers", fault, times=1)
    trial.apply()
    trial.no_faults()
    if trial.plan().plan.steps:
        trial.settled()
    assert trial.get(f"/v1/numbers/{trial.ids()['number.a']}")["agentId"] == trial.ids()["agent.y"]
    assert trial.state["intents"] == {}


def test_a_webhook_to_a_host_that_is_not_listed_is_never_sent(trial):
    rules = "{allowedWebhookHosts: [hooks.acme.dev]}"
    trial.environ = {"HOOK": "https://evil.dev/s3cret-path"}
    both = (
        "agents: {x: {name: X}}\nwebhooks: {w: {url: 'https://hooks.acme.dev/x'}, v: {agent: x, url: '${env.HOOK}'}}\n"
    )
    report = spec(trial, rules, more=both).apply()
    assert (report.exit, words(report)) == (5, ["done", "done"])
    assert list(reasons(report)) == ["webhook.v"]
    assert trial.get("/v1/webhooks")["url"] == "https://hooks.acme.dev/x"
    assert trial.get(f"/v1/agents/{trial.ids()['agent.x']}/webhook") is None
    moved = spec(trial, rules, more=both.replace("hooks.acme.dev/x", "hooks.acme.dev@evil.dev/x")).apply()
    assert set(reasons(moved)) == {"webhook.w", "webhook.v"}
    assert trial.get("/v1/webhooks")["url"] == "https://hooks.acme.dev/x"
    assert "evil" not in json.dumps([one["body"] for one in trial.requests("POST")])
    assert "s3cret" not in f"{moved}"


def test_a_policy_binds_the_library_too(trial):
    """`granted` names steps that are no part of the plan any more."""
    spec(trial, "{maxBuys: {perApply: 0}}", "a")

    async def forced(account):
        planned = await workflow.plan(account)
        return await workflow.apply(
            account, planned, granted=[("number.a", "create")], approve=["buy:number.a@" + "0" * 32]
        )

    assert trial.run(forced).exit == 5
    assert trial.purchases() == []


def test_the_files_of_approvers_are_read_beside_the_spec(trial):
    (trial.folder / "allowed_signers").write_bytes(b"alice ssh-ed25519 AAAA\n")
    trial.spec("policy: {approvers: {signers: allowed_signers}}")
    assert trial.load().policy.approvers.signers == b"alice ssh-ed25519 AAAA\n"
    (trial.folder / "allowed_signers").unlink()
    (trial.folder / "allowed_signers").symlink_to("/etc/hostname")
    with pytest.raises(workflow.loading.Error) as caught:
        trial.load()
    assert "lies outside the folder of the spec" in caught.value.problems[0].message


def test_it_is_planned_as_it_was_loaded(trial):
    """A manifest whose policy is replaced is planned with that one: what --policy-from does."""
    spec(trial, "{}", "a")
    other = load_manifest(
        [("main:agentphone.yaml", b"version: 1\nproject: acme\npolicy: {maxBuys: {perDay: 0}}")], kinds=workflow.loading.KINDS,
        variables={}, environ={}, read_file=lambda *_: "", environment="default", home=".",
    ).policy  # fmt: skip

    async def planned():
        async with workflow.connect(
            replace(trial.load(), policy=replace(other, source="main (0123456)")), key=trial.key, base_url=trial.url
        ) as account:
            return await workflow.plan(account)

    plan = asyncio.run(planned()).plan
    assert plan.policy == "main (0123456)"
    assert "(main:agentphone.yaml:3:20)" in plan.blocked[0].reason
    assert plan.steps == ()
