"""What a policy says of a plan: limits of one apply and of a rolling day, money, hosts, and what needs no person."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from apreconcile.core.address import Address
from apreconcile.core.approval import held, permitted
from apreconcile.core.call import Reply, Secret
from apreconcile.core.governing import strange_hosts
from apreconcile.core.plan import Scope
from apreconcile.core.planfile import dump, load, to_json
from apreconcile.core.planning import find_changes, make_plan, questions
from apreconcile.core.planshape import first_fault
from apreconcile.core.policy import PRICES
from apreconcile.core.snapshot import Seen, Snapshot
from apreconcile.core.spec.manifest import load_manifest
from apreconcile.core.state import Intent, Purchase, Resource, State, Tombstone
from apreconcile.kinds import KINDS

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SCOPE = Scope("loopback")
HEAD = "version: 1\nproject: acme\n"


def ago(**length):
    return (NOW - timedelta(**length)).isoformat().replace("+00:00", "Z")


def at(key, kind="number"):
    return Address(kind, key)


def number(key, **more):
    body = {"id": f"num_{key}", "phoneNumber": f"+1415555{key:0>4}", "country": "US", "type": "sms", "status": "active"}
    return Seen("number", f"num_{key}", {**body, "agentId": None, "externalId": f"apr:acme/default/{key}", **more})


def held_by_us(*numbers, **more):
    resources = {
        Address(one.kind, one.body.get("externalId", "").rpartition("/")[2] or one.id): Resource(
            one.id, "created", one.body.get("phoneNumber"), one.parent
        )
        for one in numbers
    }
    return State("acme", "default", "loopback", id="d0c", seed="5eed", **({"resources": resources} | more))


def bought(hours, amount="3.00", outcome="bought"):
    return Purchase(at("x"), ago(hours=hours), amount, outcome)


def planned(text, *live, state=None, closed=(), only=(), environ=None, now=NOW, environment="default"):
    manifest = load_manifest(
        [("agentphone.yaml", (HEAD + text).encode())], kinds=KINDS, variables={}, environ=environ or {},
        read_file=lambda *_: "", environment=environment, home=".",
    )  # fmt: skip
    snapshot = Snapshot(tuple(sorted(live, key=lambda one: (one.kind, one.id))), frozenset({None}))
    found = find_changes(manifest, snapshot, state or held_by_us(*live), KINDS, closed=closed)
    answers = {one: Reply(200, {"numbers": {"used": 0, "limit": 1000}}) for one in questions(found, now)}
    plan, _ = make_plan(found, answers, scope=SCOPE, now=now, requests=0, only=[at(key) for key in only])
    assert first_fault(to_json(plan)) is None
    return plan


def spec(rules, numbers="", more=""):
    keys = ", ".join(f"{key}: {{}}" for key in numbers)
    return f"policy: {rules}\n" + (f"numbers: {{{keys}}}\n" if numbers else "") + more


def steps(plan):
    return [f"{step.action} {step.address}" for step in plan.steps]


def reasons(plan):
    return {str(one.address): one.reason for one in plan.blocked}


# Counts.


@pytest.mark.parametrize(
    ("rules", "keys", "ledger", "left"),
    [
        ("{maxBuys: {perApply: 2}}", "ab", (), 2),
        ("{maxBuys: {perApply: 2}}", "abc", (), 0),
        ("{maxBuys: {perApply: 0}}", "a", (), 0),
        ("{maxBuys: {perApply: 2}}", "ab", [bought(1)] * 50, 2),
        ("{maxBuys: {perDay: 3}}", "ab", [bought(1)], 2),
        ("{maxBuys: {perDay: 3}}", "ab", [bought(1), bought(23)], 0),
        ("{maxBuys: {perDay: 3}}", "ab", [bought(1), bought(24)], 2),
        ("{maxBuys: {perDay: 3}}", "ab", [bought(1), bought(23.999)], 0),
        ("{maxBuys: {perDay: 3}}", "ab", [bought(1), bought(1, outcome="unknown")], 0),
        ("{maxBuys: {perDay: 3}}", "ab", [bought(1), bought(1, outcome="denied")], 2),
        ("{maxBuys: {perDay: 3}}", "ab", [bought(1), bought(-48)], 0),
        ("{maxBuys: {perDay: 3}}", "ab", [bought(1), replace(bought(1), at="once")], 0),
        ("{maxBuys: {perDay: 3}}", "ab", [bought(1), replace(bought(1), at="2026-11-21T11:00:00")], 0),
        ("{maxBuys: {perDay: 3}}", "ab", [bought(1), replace(bought(1), at="2026-11-20T11:00:00")], 2),
        ("{maxReleases: {perApply: 0, perDay: 0}}", "ab", [bought(1)] * 50, 2),
    ],
)
def test_purchases_are_counted(rules, keys, ledger, left):
    plan = planned(spec(rules, keys), state=held_by_us(ledger=tuple(ledger)))
    assert len(plan.steps) == left
    assert len(plan.blocked) == len(keys) - left
    assert {one.exit for one in plan.blocked} <= {5}


def test_a_broken_limit_says_its_rule_its_figures_and_its_place():
    rules = "{maxBuys: {perApply: 1, perDay: 4}}"
    plan = planned(spec(rules, "ab"), state=held_by_us(ledger=(bought(1), bought(2), bought(3))))
    (reason,) = set(reasons(plan).values())
    assert reason == (
        "policy: this plan buys 2, and maxBuys.perApply is 1 (agentphone.yaml:3:20); "
        "policy: this plan buys 2, after 3 in the last 24 hours, and maxBuys.perDay is 4 (agentphone.yaml:3:33)"
    )
    assert plan.blocked[0].hint == (
        "raise it at agentphone.yaml:3:20, or take fewer: apreconcile apply --only number.a; "
        "raise it at agentphone.yaml:3:33, or wait"
    )


def test_a_broken_limit_stops_its_sort_and_nothing_else():
    live = number("old", country="CA")
    text = spec("{maxBuys: {perApply: 1}, maxReleases: {perApply: 1}}", "ab", "agents: {a: {name: A}}\n")
    assert steps(planned(text, live)) == ["create agent.a", "delete number.old"]


def test_only_makes_a_plan_of_fewer_steps():
    text = spec("{maxBuys: {perApply: 1}}", "abc")
    assert steps(planned(text, only="b")) == ["create number.b"]


def test_what_waits_for_something_blocked_is_not_counted():
    text = spec("{maxBuys: {perApply: 1}, allowedWebhookHosts: []}", "", "agents: {a: {name: A, import: agt_nope}}\n")
    text += "numbers: {n: {agent: a}, m: {}}\n"
    assert steps(planned(text)) == ["create number.m"]


def test_releases_are_counted_and_no_other_deletion():
    two, agent = [number("1"), number("2")], Seen("agent", "agt", {"id": "agt", "name": "A"})
    state = held_by_us(*two)
    state = state.bind(Address("agent", "a"), Resource("agt", "created"))
    limit = "{maxReleases: {perApply: 1}}"
    plan = planned(spec(limit), *two, agent, state=state)
    assert steps(plan) == ["delete agent.a"]
    assert (
        reasons(plan)["number.1"]
        == "policy: this plan releases 2, and maxReleases.perApply is 1 (agentphone.yaml:3:24)"
    )


def test_an_agent_that_holds_what_may_not_be_released_stays():
    live = [number("1", agentId="agt"), Seen("agent", "agt", {"id": "agt", "name": "A"})]
    state = held_by_us(live[0]).bind(Address("agent", "a"), Resource("agt", "created"))
    plan = planned(spec("{maxReleases: {perDay: 0}}"), *live, state=state)
    assert steps(plan) == []
    assert "still holds" in reasons(plan)["agent.a"]


RELEASED = "release:number.x@0"


def stone(hours, how="released"):
    return Tombstone(at("x"), "num_x", ago(hours=hours), how)


def begun(key, hours, token=RELEASED):
    return Intent(at(key), "delete", "p", ago(hours=hours), "run", ago(hours=hours), token=token)


@pytest.mark.parametrize(
    ("stones", "closed", "left"),
    [
        ([], [], 1),
        ([stone(1)], [], 1),
        ([stone(1), stone(2)], [], 0),
        ([stone(1), stone(25)], [], 1),
        ([stone(1), stone(1, "lost"), stone(1, "forgotten"), stone(1, "deleted")], [], 1),
        ([stone(1)], [begun("x", 1)], 0),
        ([stone(1)], [begun("x", 30)], 1),
        ([stone(1)], [begun("old", 1)], 1),
        ([stone(1)], [begun("x", 1, token="delete:agent.x@0")], 1),
        ([stone(1)], [begun("x", 1, token=None)], 1),
    ],
)
def test_releases_of_a_day_are_those_that_were_and_those_that_may_have_been(stones, closed, left):
    live = number("old")
    state = held_by_us(live, tombstones=tuple(stones))
    plan = planned(spec("{maxReleases: {perDay: 2}}"), live, state=state, closed=tuple(closed))
    assert len(plan.steps) == left, reasons(plan)


def test_an_open_release_of_the_state_counts_too():
    live = number("old")
    open_ = {at("y"): begun("y", 1)}
    plan = planned(spec("{maxReleases: {perDay: 1}}"), live, state=held_by_us(live, intents=open_))
    assert "after 1 in the last 24 hours, and maxReleases.perDay is 1" in reasons(plan)["number.old"]


# Money.


def test_a_plan_s_cost_comes_from_the_table():
    rules = "{prices: {asOf: 2026-11-01, US: 4.25, CA: 1.10, US/imessage: 9.99, GB: 4.25}}"
    numbers = "numbers: {a: {}, b: {country: CA}, c: {type: imessage}, d: {type: sms}}\n"
    plan = planned(spec(rules, more=numbers), number("old", type=None, country="GB"))
    assert {str(step.address): str(step.price) for step in plan.steps} == {
        "number.a": "4.25", "number.b": "1.10", "number.c": "9.99", "number.d": "4.25", "number.old": "-4.25",
    }  # fmt: skip
    assert (str(plan.cost.monthly_delta), plan.cost.unpriced, plan.cost.as_of) == ("15.34", (), "2026-11-01")
    assert to_json(plan)["cost"]["prices_as_of"] == "2026-11-01"
    why = {str(step.address): step.why[0] for step in plan.steps}
    assert why["number.c"].startswith("+$9.99/month")
    assert "(-$4.25/month)" in why["number.old"]


@pytest.mark.parametrize(
    ("rules", "fields", "price"),
    [
        ("{}", "", "3.00"),
        ("{}", "country: CA", "3.00"),
        ("{}", "type: sms", "3.00"),
        ("{}", "type: imessage", None),
        ("{}", "imessageType: pro", None),
        ("{}", "type: sms, imessageType: pro", "3.00"),
        ("{prices: {asOf: 2026-11-01, CA: 1.00}}", "", None),
        ("{prices: {asOf: 2026-11-01, US/sms: 1.00}}", "", "1.00"),
        ("{prices: {asOf: 2026-11-01, US/sms: 1.00, US: 2.00}}", "type: sms", "1.00"),
        ("{prices: {asOf: 2026-11-01, US: 2.00}}", "type: voice", None),
        ("{prices: {asOf: 2026-11-01, US/imessage: 0.00}}", "imessageType: pro", "0.00"),
    ],
)
def test_a_price_is_that_of_country_and_type_or_unknown(rules, fields, price):
    (step,) = planned(spec(rules, more=f"numbers: {{n: {{{fields}}}}}\n")).steps
    assert (None if step.price is None else str(step.price)) == price


def test_a_price_in_words_has_a_sign_only_where_it_is_a_change():
    assert PRICES.said(["US/sms", "US"]) == "$3.00/month"
    assert PRICES.said(["US"], "-") == "-$3.00/month"
    assert PRICES.said(["US/imessage"], "+") == "price unknown"


def test_an_unknown_price_is_said_and_not_summed():
    plan = planned(
        spec("{}", more="numbers: {a: {}, b: {type: imessage}}\n"), number("old", type="shared-imessage", country="CA")
    )
    assert str(plan.cost.monthly_delta) == "3.00"
    assert to_json(plan)["cost"]["unpriced"] == ["number.b", "number.old"]
    assert plan.steps[1].why[0].startswith("price unknown, ")
    assert "(price unknown)" in plan.steps[2].why[0]


def test_a_plan_without_money_names_no_prices():
    cost = to_json(planned(spec("{}", more="agents: {a: {name: A}}\n")))["cost"]
    assert "prices_as_of" not in cost
    assert "unpriced" not in cost


@pytest.mark.parametrize(
    ("rules", "keys", "ledger", "ways"),
    [
        ("{maxBuys: {perDay: 2}}", "abc", (), ", or take fewer: apreconcile apply --only number.a"),
        ("{maxBuys: {perDay: 2}}", "ab", (bought(1),), ", or wait"),
        ("{maxBuys: {perDay: 2}}", "abc", (bought(1),), ", or wait and take fewer: apreconcile apply --only number.a"),
        ("{maxBuys: {perDay: 0}}", "a", (bought(1),), ""),
        ("{maxBuys: {perApply: 0}}", "a", (), ""),
    ],
)
def test_only_what_helps_is_said_of_a_broken_limit(rules, keys, ledger, ways):
    plan = planned(spec(rules, keys), state=held_by_us(ledger=ledger))
    assert {one.hint.partition("raise it at agentphone.yaml:")[2].lstrip("0123456789:") for one in plan.blocked} == {
        ways
    }


@pytest.mark.parametrize(
    ("limit", "keys", "live", "left"),
    [
        ("9.00", "ab", [number("1")], 2),
        ("8.99", "ab", [number("1")], 0),
        ("0", "a", [], 0),
        ("3.00", "a", [], 1),
        ("100.00", "a", [number("1", type="imessage")], 0),
        ("6.00", "a", [number("1", country="CA")], 1),
        ("100.00", "a", [number("1", country="GB")], 0),
    ],
)
def test_the_monthly_cost_is_what_is_ours_and_what_is_bought(limit, keys, live, left):
    kept = {f"{one.id.removeprefix('num_')}" for one in live}
    plan = planned(spec(f"{{maxMonthlyCost: {limit}}}", [*keys, *(f"'{key}'" for key in kept)]), *live)
    assert len(plan.steps) == left, reasons(plan)


def test_a_broken_cost_says_the_figures():
    plan = planned(spec("{maxMonthlyCost: 5.50}", ["a", "'1'"]), number("1"))
    assert reasons(plan) == {
        "number.a": "policy: what is ours costs $3.00 a month, this plan adds $3.00, and maxMonthlyCost is $5.50 (agentphone.yaml:3:10)"
    }
    assert plan.blocked[0].hint == "raise it at agentphone.yaml:3:10"


def test_releases_of_the_plan_are_not_taken_off_and_strangers_are_not_counted():
    stranger = number("9", externalId=None)
    ours = number("old", country="CA")
    plan = planned(spec("{maxMonthlyCost: 5.99}", "a"), ours, stranger, state=held_by_us(ours))
    assert steps(plan) == ["delete number.old"]
    assert steps(planned(spec("{maxMonthlyCost: 6.00}", "a"), ours, stranger, state=held_by_us(ours))) == [
        "create number.a", "delete number.old",
    ]  # fmt: skip


def test_an_unknown_price_is_over_every_limit():
    plan = planned(spec("{maxMonthlyCost: 999999.00}", more="numbers: {a: {}, b: {type: imessage}}\n"))
    assert steps(plan) == []
    assert set(reasons(plan).values()) == {
        "policy: the price of number.b is unknown, and maxMonthlyCost is $999999.00 (agentphone.yaml:3:10)"
    }
    assert plan.blocked[0].hint == "write the price of that country and type into `prices` in the policy"


def test_of_many_unknown_prices_three_are_named_and_the_table_that_lacks_them():
    rules = "{maxMonthlyCost: 9.00, prices: {asOf: 2026-11-01, CA: 1.00}}"
    plan = planned(spec(rules, ["d", "c", "b", "'1'"], "agents: {a: {name: A}}\n"), number("1"))
    assert steps(plan) == ["create agent.a"]
    assert set(reasons(plan).values()) == {
        "policy: the price of number.1, number.b, number.c is unknown, and maxMonthlyCost is $9.00 (agentphone.yaml:3:10)"
    }
    assert {one.hint for one in plan.blocked} == {
        "write the price of that country and type into `prices` at agentphone.yaml:3:32"
    }


def test_a_plan_that_buys_nothing_is_not_stopped_by_the_cost():
    live = number("1")
    assert steps(planned(spec("{maxMonthlyCost: 0}", "", "agents: {a: {name: A}}\n"), live)) == [
        "create agent.a",
        "delete number.1",
    ]


# Approvals.

LIVE_AGENTS = [Seen("agent", f"agt_{name}", {"id": f"agt_{name}", "name": name.upper()}) for name in "ab"]
MOVES = "agents: {a: {name: A}, b: {name: B}}\nnumbers: {'1': {agent: b}}\n"


def moving(rules):
    live = number("1", agentId="agt_a")
    state = held_by_us(live)
    for agent in LIVE_AGENTS:
        state = state.bind(Address("agent", agent.id[-1]), Resource(agent.id, "created"))
    return planned(spec(rules, more=MOVES), live, *LIVE_AGENTS, state=state)


def test_rerouting_wants_an_approval_only_where_the_policy_says_so():
    (free,) = moving("{}").steps
    assert (free.token, free.wants_approval) == (None, False)
    assert free.price == 0, "what is neither bought nor released costs what it did"
    (step,) = moving("{approve: [reroutes]}").steps
    assert step.verb == "reroute"
    assert step.token.startswith("reroute:number.1@")
    assert step.digest.startswith(step.token.partition("@")[2])
    assert step.wants_approval


def hook(url):
    return Seen("webhook", "whk", {"id": "whk", "url": url, "contextLimit": 10, "timeout": 30})


def rotating(rules, url="https://b.dev/x"):
    live = hook("https://a.dev/x")
    state = held_by_us().bind(Address("webhook", "w"), Resource("whk", "created"))
    return planned(spec(rules, more=f"webhooks: {{w: {{url: '{url}'}}}}\n"), live, state=state)


def test_a_step_with_another_verb_keeps_it():
    (step,) = rotating("{approve: [reroutes]}").steps
    assert step.verb == "rotate"


PERMITS = "{{autoApprove: {{default: [{}]}}}}"
SPENDS, ROTATES, REROUTES = "{risk: spends, upTo: 10.00}", "{risk: rotates-secret}", "{risk: reroutes}"


@pytest.mark.parametrize(
    ("rules", "url", "permit"),
    [
        (PERMITS.format(ROTATES), "https://a.dev/y", "rotates-secret, agentphone.yaml:3:34"),
        (PERMITS.format(ROTATES), "https://b.dev/x", "rotates-secret, agentphone.yaml:3:34"),
        (PERMITS.format(SPENDS), "https://a.dev/y", None),
        (PERMITS.format(REROUTES), "https://b.dev/x", None),
        ("{autoApprove: {prod: [{risk: rotates-secret}]}}", "https://a.dev/y", None),
        (f"{{approve: [reroutes], autoApprove: {{default: [{ROTATES}]}}}}", "https://a.dev/y", "rotates-secret, agentphone.yaml:3:55"),
        (f"{{approve: [reroutes], autoApprove: {{default: [{ROTATES}]}}}}", "https://b.dev/x", None),
        (
            f"{{approve: [reroutes], autoApprove: {{default: [{ROTATES}, {REROUTES}]}}}}", "https://b.dev/x",
            "reroutes, agentphone.yaml:3:79; rotates-secret, agentphone.yaml:3:55",
        ),
    ],
)  # fmt: skip
def test_a_step_is_permitted_only_if_every_risk_that_wants_an_approval_is(rules, url, permit):
    plan = rotating(rules, url)
    (step,) = plan.steps
    assert step.permit == permit
    assert permitted(plan) == ({step.name} if permit else set())
    assert held(plan, ()) == (() if permit else (step,))
    assert to_json(plan)["steps"][0].get("permit") == permit


def test_a_permit_alone_asks_for_no_approval():
    (step,) = moving(PERMITS.format(REROUTES)).steps
    assert (step.token, step.permit) == (None, None)


@pytest.mark.parametrize(
    ("keys", "ledger", "granted"),
    [
        ("abc", (), True),
        ("abcd", (), False),
        ("ab", [bought(1)], True),
        ("abc", [bought(1, "1.00")], True),
        ("abc", [bought(1, "1.01")], False),
        ("abc", [bought(1, "0.00")], True),
        ("abc", [bought(1, "0.50"), bought(2, "0.50")], True),
        ("abc", [bought(25, "100.00")], True),
        ("abc", [bought(1, "9.00", "denied")], True),
        ("abc", [bought(1, "9.00", "unknown")], False),
        ("a", [bought(1, "unknown")], False),
        ("a", [bought(1, "NaN")], False),
        ("a", [bought(1, "Infinity")], False),
        ("abcd", [bought(1, "-9.00")], False),
    ],
)
def test_spending_is_permitted_up_to_a_sum_of_a_day_and_all_or_nothing(keys, ledger, granted):
    plan = planned(spec(PERMITS.format(SPENDS), keys), state=held_by_us(ledger=tuple(ledger)))
    words = "spends up to $10.00 a month in 24 hours, agentphone.yaml:3:34"
    assert {step.permit for step in plan.steps} == {words if granted else None}
    assert [words in one for one in plan.warnings] == ([] if granted else [True])


def test_why_a_purchase_wants_a_person_is_said():
    plan = planned(spec(PERMITS.format(SPENDS), "ab"), state=held_by_us(ledger=(bought(1, "4.50"),)))
    (warning,) = plan.warnings
    assert warning == (
        "policy: the purchases want a person: $4.50 in the last 24 hours and $6.00 in this plan go beyond "
        "`spends up to $10.00 a month in 24 hours, agentphone.yaml:3:34`"
    )
    plan = planned(spec(PERMITS.format(SPENDS), more="numbers: {a: {type: imessage}}\n"))
    assert "$0.00 in the last 24 hours and an unknown amount in this plan go beyond `spends" in plan.warnings[0]
    assert planned(spec(PERMITS.format(SPENDS))).warnings == ()


def test_an_unknown_price_is_never_permitted_nor_what_is_bought_beside_it():
    plan = planned(spec(PERMITS.format(SPENDS), more="numbers: {a: {}, b: {type: imessage}}\n"))
    assert [step.permit for step in plan.steps] == [None, None]


def test_what_only_leaves_out_is_not_paid():
    plan = planned(spec(PERMITS.format("{risk: spends, upTo: 3.00}"), "ab"), only="a")
    assert [bool(step.permit) for step in plan.steps] == [True]


def test_another_in_place_of_a_lost_one_is_never_permitted():
    state = held_by_us(number("a"))
    plan = planned(spec(PERMITS.format("{risk: spends, upTo: 100.00}"), "ab"), state=state)
    assert {step.verb: bool(step.permit) for step in plan.steps} == {"rebuy": False, "buy": True}


def test_a_release_is_never_permitted():
    live = number("1")
    rules = "{approve: [irreversible], autoApprove: {default: [{risk: spends, upTo: 9.00}, {risk: rotates-secret}, {risk: reroutes}]}}"
    (step,) = planned(spec(rules), live).steps
    assert (step.verb, step.permit) == ("release", None)


def test_a_preview_deletes_what_it_made_unless_somebody_wants_it_by_now():
    preview = "environments: {p: {ephemeral: {ttl: 1h}}}\n"
    marks = {key: f"apr:acme/p:1/{key}" for key in "0abcd"}
    live = [
        number("0", externalId=marks["0"]),
        number("a", externalId=marks["a"]), number("b", externalId=marks["b"], agentId="agt_theirs"),
        number("c", externalId=marks["c"], expiresAt="2099-01-01T00:00:00Z"), number("d", externalId=marks["d"]),
    ]  # fmt: skip
    ours = {at(key): Resource(f"num_{key}", "created", expires="2026-11-22T00:00:00Z") for key in "abc"}
    found = {at(key): Resource(f"num_{key}", "imported") for key in "0d"}
    state = held_by_us(resources={**ours, **found})
    plan = planned(preview, *live, state=replace(state, environment="p:1"), environment="p:1")
    assert [(step.address.key, step.permit) for step in plan.steps] == [
        ("0", None), ("a", "`ephemeral`, since it made this itself"), ("b", None), ("c", None), ("d", None),
    ]  # fmt: skip
    assert plan.warnings == (
        "number.b was made here, and wants a person: it answers for agt_theirs, which is not of p:1",
        "number.c was made here, and wants a person: it ends at 2099-01-01T00:00:00Z, which nobody here asked for",
    )


def test_a_plan_file_keeps_the_words_of_a_permit():
    plan = planned(spec(PERMITS.format(SPENDS), "a"))
    assert load(dump(plan))["steps"][0]["permit"] == plan.steps[0].permit


# Hosts.

LISTED = "{allowedWebhookHosts: [hooks.acme.dev, '*.acme.dev', localhost]}"
ALLOWED = [
    "https://hooks.acme.dev/x", "https://hooks.acme.dev", "https://a.acme.dev/x?y=@z#w", "https://a.b.acme.dev:8443/x", "https://HOOKS.Acme.DEV/x",
    "http://localhost:9000/x", "https://xn--hoks-5qa.acme.dev/x", "https://hooks.acme.dev:443/", "https://hooks.acme.dev/%5C@evil.dev", "https://hooks.acme.dev/ünï",
]  # fmt: skip
NASTY = [
    "https://evil.dev/x", "https://acme.dev/x", "https://evilacme.dev/x", "https://hooks.acme.dev.evil.dev/x", "https://evil.dev/hooks.acme.dev",
    "https://evil.dev/?hooks.acme.dev", "https://evil.dev/#.acme.dev", "https://evil.dev#.acme.dev/", "https://evil.dev?.acme.dev/",
    "https://hooks.acme.dev@evil.dev/x", "https://hooks.acme.dev:443@evil.dev/x", "https://me@hooks.acme.dev/x", "https://me:pw@hooks.acme.dev/x",
    "https://@hooks.acme.dev/x", "https://evil.dev\\@hooks.acme.dev/x", "https://evil.dev\\.acme.dev/x", "https://hooks.acme.dev\\.evil.dev/x",
    "https://hooks.acme.dev/\\evil.dev", "https://evil.dev%2f.acme.dev/x", "https://evil.dev%00.acme.dev/x", "https://%68ooks.acme.dev/x",
    "https://hooks.acme.dev./x", "https://.acme.dev/x", "https://a..acme.dev/x", "https://hooks.acme.dev:/x", "https://hooks.acme.dev:0443/x",
    "https://hooks.acme.dev:0/x", "https://hooks.acme.dev:99999/x", "https://hooks.acme.dev:443x/x", "https://hooks.acme.dev:+443/x", "https://hooks.acme.dev:\uff14\uff14\uff13/x",
    "https://hooks\u3002acme\u3002dev/x", "https://hooks.acme.\uff44\uff45\uff56/x", "https://hoo\u212as.acme.dev/x", "https://hooks.acme.dev\uff0f.evil.dev/x", "https://evil.dev\u2044.acme.dev/x",
    "https://evil.dev\u200b.acme.dev/x", "https://hooks\u00ad.acme.dev/x", "https://a_b.acme.dev/x", "https://-a.acme.dev/x", "https://evil.dev;.acme.dev/x",
    "https://evil.dev,hooks.acme.dev/x", "https://[::1]/x", "https://[::ffff:127.0.0.1]/x", "https://127.0.0.1/x", "https://2130706433/x", "https://0x7f.1/x",
    "https:///hooks.acme.dev/x", "https:/hooks.acme.dev/x", "https:hooks.acme.dev/x", "//hooks.acme.dev/x", "hooks.acme.dev/x", "ftp://hooks.acme.dev/x",
    "javascript://hooks.acme.dev/x", "https://hooks.acme.dev/x y", "https://hooks.acme.dev\t/x", "https://hoo\nks.acme.dev/x", " https://hooks.acme.dev/x",
    "https://hooks.acme.dev/x\n", "https://hooks.acme.dev?x=1", "https://hooks.acme.dev#x", "", "https://", "https://" + "a." * 125 + "acme.dev/x",
    "https://" + "a" * 64 + ".acme.dev/x", "https://hooks.acme.dev\u2028/x", "https://hooks.acme.dev/x\x00", "https://hooks.acme.dev/\x7f",
]  # fmt: skip


def judged(url, rules=LISTED, secret=False):
    """Whether a policy stops a URL, however it came into the manifest."""
    manifest = load_manifest(
        [("agentphone.yaml", (HEAD + spec(rules, more="webhooks: {w: {url: 'https://a.dev/'}}")).encode())], kinds=KINDS,
        variables={}, environ={}, read_file=lambda *_: "", environment="default", home=".",
    )  # fmt: skip
    (wanted,) = manifest.resources
    manifest = replace(
        manifest, resources=(replace(wanted, fields={"url": Secret(url, ("HOOK",)) if secret else url}),)
    )
    return strange_hosts(manifest, {kind.name: kind for kind in KINDS}.__getitem__)


@pytest.mark.parametrize("secret", [False, True])
@pytest.mark.parametrize("url", ALLOWED)
def test_a_plain_url_to_a_listed_host_is_allowed(url, secret):
    assert not judged(url, secret=secret)


@pytest.mark.parametrize("secret", [False, True])
@pytest.mark.parametrize("url", NASTY)
def test_what_two_programs_could_read_differently_is_not_allowed(url, secret):
    (stop,) = judged(url, secret=secret)
    assert "allowedWebhookHosts (agentphone.yaml:3:10)" in stop.reason
    assert stop.exit == 5
    assert not secret or len(url) < 9 or url not in f"{stop}"


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("https://evil.dev/x", "events would go to evil.dev"),
        ("https://evil.dev\\@hooks.acme.dev/x", "its url names no host that every program reads alike"),
    ],
)
def test_where_events_would_go_is_said_only_if_there_is_one_answer(url, where):
    (stop,) = judged(url)
    assert stop.reason == f"policy: {where}, which is not in allowedWebhookHosts (agentphone.yaml:3:10)"


@pytest.mark.parametrize("host", ["xooks.acme.dev", "ooks.acme.dev", "a.hooks.acme.dev", "xhooks.acme.dev", "acme.dev"])
def test_without_a_star_a_host_is_allowed_alone_and_whole(host):
    rules = "{allowedWebhookHosts: [hooks.acme.dev]}"
    assert judged(f"https://{host}/x", rules)
    assert not judged("https://hooks.acme.dev/x", rules)


def test_there_are_enough_of_them():
    assert len(NASTY) >= 25


def test_without_a_list_everything_is_allowed_and_an_empty_one_allows_nothing():
    assert not judged("https://evil.dev/x", "{}")
    assert judged("https://hooks.acme.dev/x", "{allowedWebhookHosts: []}")


def test_a_webhook_to_another_host_is_blocked_and_nothing_else():
    text = spec(
        LISTED,
        more="agents: {a: {name: A}}\nwebhooks: {w: {url: 'https://evil.dev/x'}, v: {agent: a, url: 'https://hooks.acme.dev/x'}}\n",
    )
    plan = planned(text)
    assert steps(plan) == ["create agent.a", "create webhook.v"]
    assert reasons(plan) == {
        "webhook.w": "policy: events would go to evil.dev, which is not in allowedWebhookHosts (agentphone.yaml:3:10)"
    }
    assert plan.blocked[0].hint == "correct it at agentphone.yaml:5:12, or allow the host at agentphone.yaml:3:10"
    assert planned(text, only="z").blocked == (), "it is not asked for"


def test_a_secret_url_is_judged_and_not_shown():
    text = spec(LISTED, more="webhooks: {w: {url: '${env.HOOK}'}}\n")
    plan = planned(text, environ={"HOOK": "https://evil.example/s3cret"})
    assert steps(plan) == []
    assert reasons(plan)["webhook.w"] == (
        "policy: events would go to a host that is a secret, which is not in allowedWebhookHosts (agentphone.yaml:3:10)"
    )
    assert "evil" not in str(to_json(plan))
    assert steps(planned(text, environ={"HOOK": "https://hooks.acme.dev/s3cret"})) == ["create webhook.w"]


def test_what_the_spec_leaves_out_is_judged_as_it_is():
    text = spec(LISTED, more="webhooks: {w: {import: whk, timeout: 20}}\n")
    assert steps(planned(text, hook("https://evil.dev/x"), state=held_by_us())) == []
    assert steps(planned(text, hook("https://hooks.acme.dev/x"), state=held_by_us())) == [
        "adopt webhook.w",
        "update webhook.w",
    ]


def test_a_webhook_that_is_there_already_is_judged_too():
    live = hook("https://a.dev/x")
    state = held_by_us().bind(Address("webhook", "w"), Resource("whk", "created"))
    plan = planned(spec(LISTED, more="webhooks: {w: {url: 'https://a.dev/x'}}\n"), live, state=state)
    assert list(reasons(plan)) == ["webhook.w"]
    gone = planned(spec(LISTED), live, state=state)
    assert steps(gone) == ["delete webhook.w"], "it may go"


def test_amounts_are_exact():
    rules = "{maxMonthlyCost: 0.30, prices: {asOf: 2026-11-01, US: 0.10}}"
    assert len(planned(spec(rules, "abc")).steps) == 3
    assert planned(spec(rules, "abc")).cost.monthly_delta == Decimal("0.30")
