import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import CASES, HEX, a_document, a_step, case, steps, stops, strangers, texts

from apreconcile.show.headline import Run, risk_words
from apreconcile.show.screen import Style, cells, plain
from apreconcile.show.text import approving_text, plan_text


@pytest.mark.parametrize("name", CASES)
def test_a_plan_reads_as_it_should(name, golden):
    golden(name, plan_text(case(name), saved=True))


@pytest.mark.parametrize("name", CASES)
def test_a_screen_has_eighty_columns(name):
    assert all(cells(row) <= 80 for row in plain(plan_text(case(name), saved=True)).splitlines())


@pytest.mark.parametrize("name", CASES)
def test_every_token_stands_on_a_line_of_its_own(name):
    document = case(name)
    for width in (20, 80):
        rows = [row.strip() for row in plain(plan_text(document, width=width)).splitlines()]
        assert all(step["token"] in rows for step in document["steps"] if step["token"])


def test_the_order_of_the_keys_is_nothing():
    """`plan` shows the document before it was canonical, `show` after."""
    document = case("everything")
    turned = json.loads(json.dumps(document), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    assert plan_text(turned) == plan_text(document)


def test_test_events_are_told_before_the_sum():
    document = case("nothing-at-all")
    tests = [
        {"address": "webhook.a", "method": "POST", "path": ["v1", "webhooks", "test"]},
        {"address": "webhook.b", "method": "POST", "path": ["v1", "agents", None, "webhook", "te\x1bst"]},
    ]
    assert (
        "Afterwards a test event is sent to:\n"
        "  webhook.a  POST /v1/webhooks/test\n"
        "  webhook.b  POST /v1/agents/…/webhook/te\\x1bst\n"
        "\n"
        "No changes"
    ) in plain(plan_text({**document, "tests": tests}))


def test_a_single_resource_is_spoken_of_as_one():
    document = case("nothing-at-all")
    assert "No changes: 1 resource is as the spec wants it." in plain(plan_text(document, Run(resources=1)))
    only = plan_text(document, Run(resources=9, only=("agent.a", "number.n")))
    assert "No changes: agent.a, number.n are as the spec wants them." in plain(only)


def test_several_approvals_are_counted_and_given_with_the_hint():
    told = plain(plan_text(case("everything"), Run("apreconcile apply -e prod --approve TOKEN")))
    assert "4 steps want an approval of their own: apreconcile apply -e prod --approve TOKEN\n" in told


def test_every_known_risk_has_words_in_capitals():
    for risk in ("irreversible", "spends", "rotates-secret", "unprotects", "reroutes"):
        assert risk_words(risk).split()[0].isupper()
    assert risk_words("eats\x1bbabies") == r"UNKNOWN RISK eats\x1bbabies: take it as irreversible"


def test_a_cost_whose_quota_nobody_knows():
    assert "Cost: +$3.00/month.\n" in plain(plan_text(a_document([a_step(1)])))


def test_the_day_of_the_prices_and_what_has_none_stand_beside_the_cost():
    cost = {
        "monthly_delta": "3.00",
        "currency": "USD",
        "numbers_used": 2,
        "numbers_limit": 10,
        "prices_as_of": "2026-11-01",
    }
    told = plain(plan_text(a_document([a_step(1)], cost=cost)))
    assert "Cost: +$3.00/month (2 of 10 numbers used; prices as of 2026-11-01).\n" in told
    told = plain(plan_text(a_document([a_step(1)], cost={**cost, "monthly_delta": "0.00", "unpriced": ["number.a"]})))
    assert "Cost: +$0.00/month, and 1 price unknown (2 of 10 numbers used; prices as of" in told
    told = plain(plan_text(a_document([a_step(1)], cost={**cost, "unpriced": ["number.a", "number.b"]}), width=200))
    assert "Cost: +$3.00/month, and 2 prices unknown (2 of" in told
    assert "\x1b" not in plain(plan_text(a_document([a_step(1)], cost={**cost, "prices_as_of": "\x1b[31m"})))


def test_what_the_policy_approves_says_so_and_asks_for_nothing():
    rule = "spends up to $10.00 a month in 24 hours, agentphone.yaml:9:5"
    permitted = a_step(1, token=f"buy:agent.a1@{HEX}", permit=rule)
    later = a_step(2, after=["agent.a1"])
    told = plain(plan_text(a_document([permitted, later]), width=120))
    assert f"      approved by the policy: {rule}\n" in told
    assert "approve with" not in told
    assert "waits for" not in told
    assert "--approve" not in told
    assert HEX not in told
    hostile = plain(plan_text(a_document([a_step(1, token=f"buy:agent.a1@{HEX}", permit="\x1b[31mapproved\u202e")])))
    assert "\x1b" not in hostile
    assert "\u202e" not in hostile


def test_a_policy_from_a_commit_is_named():
    assert "acme/default at api.agentphone.ai\npolicy from origin/main (3fa2c1d)\n" in plain(
        plan_text(a_document([a_step(1)], policy="origin/main (3fa2c1d)"))
    )
    assert "policy" not in plain(plan_text(a_document([a_step(1)])))


def test_a_thousand_steps_are_all_shown():
    old = "\n".join(f"Rule {n}: answer the question from page {n} of the handbook." for n in range(60))
    fields = [
        {"field": "systemPrompt", "before": old, "after": old.replace("page 30", "page thirty")},
        {"field": "voice", "before": "Polly.Amy", "after": "Polly.Joanna"},
    ]
    document = a_document([a_step(n, fields=fields, token=f"delete:agent.a{n}@{HEX}") for n in range(1000)])
    lines = plan_text(document)
    assert len(lines) > 9000


def rule(n):
    return f"line {n} of {'word ' * 30}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x" * 2_000_000, "y" * 2_000_000),
        ("x " * 500_000, "y " * 500_000),
        ("\n" * 200_000, "a\n" * 200_000),
        ("\n".join(map(rule, range(300))), "\n".join(map(rule, range(300, 600)))),
        (" ".join(f"a{n % 7}" for n in range(999)), " ".join(f"a{n % 5}" for n in range(999))),
        ("\u202e" * 500_000, "\x1b" * 500_000),
    ],
)
def test_hostile_prompts_take_little_room(before, after):
    field = {"field": "systemPrompt", "before": before, "after": after}
    for step in (a_step(1, fields=[field]), a_step(1, action="create", fields=[field])):
        lines = plan_text(a_document([step]))
        assert len(lines) < 100


@settings(deadline=None)
@given(
    st.lists(steps, max_size=3), st.lists(stops, max_size=3), st.lists(strangers, max_size=12),
    st.lists(texts, max_size=2), texts, st.integers(40, 120),
)  # fmt: skip
def test_nothing_from_outside_acts_on_the_screen(some, stopped, items, warnings, name, width):
    document = a_document(some, blocked=stopped, unmanaged=items, warnings=warnings, project=name, tool=name)
    lines = plan_text(document, width=width, saved=True)
    for line in lines:
        row = "".join(span.text for span in line)
        assert row.replace("\u3000", "").isprintable()
        assert row == row.rstrip()
        assert cells(row) <= width or any(span.style is Style.COPY for span in line)


BESIDE = "What stands behind a `·` is said by the file alone; all else is what the tokens mean."
COVERS = {
    "acts on: +14155550100 num_1": {"covers": {"target": {"id": "num_1", "phoneNumber": "+14155550100"}}},
    "acts on: agt_1": {"covers": {"target": {"id": "agt_1", "phoneNumber": None}}},
    "instead of: num_0, which is lost": {"covers": {"target": {"lost": "num_0"}}},
    "secret to: `sh -c x`": {"covers": {}, "sink": "`sh -c x`"},
    "": {"covers": {}},
}


@pytest.mark.parametrize("says", COVERS)
def test_whoever_approves_sees_the_whole_step_and_the_account_and_what_it_acts_on(says):
    document = case("everything")
    screen = plain(plan_text(document))
    for step in document["steps"]:
        told = plain(approving_text(document, [step | COVERS[says]], width=200)).splitlines()
        lines = plain(approving_text(document, [step | COVERS[says]])).splitlines()
        assert lines[0] == screen.splitlines()[0]
        assert told[-3:] == ([f"      {says}", "", BESIDE] if says else [told[-3], "", BESIDE])
        whole = "\n".join(line for line in lines[2:-2] if line and line.strip() != says)
        assert step["address"] in whole
        assert whole in "\n".join(line for line in screen.splitlines() if line and "waits for" not in line)


def test_whoever_approves_is_not_told_what_the_file_says_of_the_policy():
    document = case("everything")
    step = document["steps"][0] | {"covers": {}, "permit": "policy.autoApprove", "token": f"buy:number.n@{'0' * 32}"}
    told = plain(approving_text(document | {"policy": "main (3fa2c1d)"}, [step]))
    assert "polic" not in told
    assert "approve with:" in told


def test_a_plan_says_how_many_have_to_sign():
    document = case("everything")
    assert "of their own, with 2 signatures: apreconcile" in plain(plan_text(document, Run(signatures=2), width=200))
