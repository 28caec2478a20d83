"""What a plan's text alone tells of steps that cost money or cannot be undone, as the account truly is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apreconcile.core.planfile import to_json
from apreconcile.show.screen import cells, plain
from apreconcile.show.text import plan_text

SPEC = """
    agents: {a: {name: A}}
    numbers: {n: {agent: a}}
"""
GONE = "agents: {a: {name: A}}"


def text_of(trial: Any) -> str:
    """What is read, with the lines of a sentence joined; no line has more than 80 columns."""
    told = plain(plan_text(to_json(trial.plan().plan)))
    assert all(cells(line) <= 80 for line in told.splitlines())
    return " ".join(told.split())


def ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def leaving(trial: Any) -> Any:
    """A trial whose next plan releases a number; `number` is that."""
    trial.spec(SPEC).settled()
    (trial.number,) = trial.get("/v1/numbers")["data"]
    return trial.spec(GONE)


def ring(trial: Any, *, calls: Sequence[str] = (), messages: Sequence[str] = ()) -> None:
    ident = trial.number["id"]
    trial.seed(
        calls=[{"numberId": ident, "startedAt": at} for at in calls],
        messages=[{"numberId": ident, "receivedAt": at} for at in messages],
    )


@pytest.mark.parametrize(
    ("calls", "messages", "said"),
    [
        ([], [], "0 calls, 0 messages"),
        ([1], [29.9], "1 call, 1 message"),
        ([1, 2, 31, 90], [1, 31], "2 calls, 1 message"),
        ([1] * 100, [1] * 200, "100 calls, 200 messages"),
        ([1] * 101, [1] * 201, "100+ calls, 200+ messages"),
        ([1] * 3 + [60] * 500, [60] * 500, "3 calls, 0 messages"),
        ([1] * 99 + [60] * 2, [], "99 calls, 0 messages"),
    ],
)
def test_a_release_says_what_rang_in_the_last_thirty_days(leaving, calls, messages, said):
    ring(leaving, calls=[ago(day) for day in calls], messages=[ago(day) for day in messages])
    assert f"last 30 days: {said} " in text_of(leaving)


def test_a_list_that_is_not_newest_first_is_not_taken_for_quiet(leaving, front):
    """No source says how the list is ordered: old calls on a first page do not mean that there are no new ones."""
    front(leaving)
    path = f"/v1/numbers/{leaving.number['id']}"
    old = [{"id": f"call_{index}", "startedAt": ago(400 - index)} for index in range(100)]
    front.answer("GET", f"{path}/calls", body={"data": old, "hasMore": True, "total": 200})
    assert "last 30 days: calls unknown (there are more than 100), 0 messages" in text_of(leaving)


def test_traffic_that_cannot_be_read_is_unknown_and_never_none(leaving, front):
    front(leaving)
    path = f"/v1/numbers/{leaving.number['id']}"
    front.answer("GET", f"{path}/calls", 404, {"detail": "Not found"}, times=9)
    front.answer("GET", f"{path}/messages", 200, [], times=9)
    assert "last 30 days: calls unknown, messages unknown" in text_of(leaving)


def test_a_release_says_who_is_left_unanswered_and_what_it_saves(leaving):
    phone = leaving.number["phoneNumber"]
    told = text_of(leaving)
    assert f"{phone} is gone for ever, without a refund (-$3.00/month)" in told
    assert "callers of agent.a on it are left unanswered" in told
    assert f"Cannot be taken back: release number.n {phone} is gone for ever" in told
    assert "Cost: -$3.00/month (prices as of 2026-07-17)." in told


def test_a_release_says_which_agents_transfer_to_it(leaving):
    phone = leaving.number["phoneNumber"]
    leaving.seed(agents=[{"id": "agt_night", "name": "Night", "transferNumber": phone}])
    assert f"calls that 'Night' (agt_night) transfers to {phone} will reach nobody" in text_of(leaving)
    leaving.spec(f"agents: {{a: {{name: A, transferNumber: '{phone}'}}}}")
    told = text_of(leaving)
    assert f"transfers calls to {phone} (number.n), which this plan releases: they will reach nobody" in told
    assert f"calls that 'Night' (agt_night), agent.a transfer to {phone} will reach nobody" in told.replace(
        "agent.a, 'Night' (agt_night)", "'Night' (agt_night), agent.a"
    )


def test_a_transfer_that_the_same_plan_takes_away_dangles_only_until_then(trial):
    trial.spec(SPEC).settled()
    phone = trial.get("/v1/numbers")["data"][0]["phoneNumber"]
    trial.spec(f"agents: {{a: {{name: A, transferNumber: '{phone}'}}}}\nnumbers: {{n: {{}}}}").settled()
    trial.spec("agents: {a: {name: A, transferNumber: null}}")
    assert f"agent.a transfers calls to {phone} until that is changed" in text_of(trial)
    assert trial.apply().exit == 0
    assert trial.plan().plan.empty


def test_a_purchase_says_what_it_costs_when_it_is_charged_and_how_many_may_still_come(trial):
    trial.seed(numberLimit=3, numbers=[{"id": "num_spare", "phoneNumber": "+14155550100"}])
    trial.spec("agents: {a: {name: A}}").settled()
    trial.spec("agents: {a: {name: A}}\nnumbers: {m: {}, n: {}}")
    told = text_of(trial)
    assert "+$3.00/month, 1 of 3 numbers used" in told
    assert "the first month is charged at once, and nothing is refunded" in told
    assert "the account has unmanaged US numbers: +14155550100 (num_spare); `import:` takes one" in told
    assert "Charged at once, and not refunded: buy number.m +$3.00/month, 1 of 3" in told
    assert "Cost: +$6.00/month (1 of 3 numbers used; prices as of 2026-07-17)." in told
    trial.spec("agents: {a: {name: A}}\nnumbers: {l: {}, m: {}, n: {}}")
    told = text_of(trial)
    assert "quota: 1 of 3 numbers are used, and this plan would buy 3" in told
    assert "Cost: +$6.00/month (1 of 3 numbers used; prices as of 2026-07-17)." in told


def test_a_webhook_that_goes_says_where_events_go_instead(trial):
    hooks = "webhooks: {p: {url: 'https://p.dev/x'}, w: {agent: a, url: 'https://w.dev/x'}}"
    trial.spec(f"{GONE}\n{hooks}").settled()
    trial.spec(f"{GONE}\nwebhooks: {{p: {{url: 'https://p.dev/x'}}}}")
    told = text_of(trial)
    assert "the webhook to w.dev and its signing secret are gone for ever" in told
    assert "events of agent.a fall back to the project's webhook at p.dev" in told
    trial.spec(GONE)
    told = text_of(trial)
    assert "events of agent.a are sent nowhere: the project has no webhook; calls to it will fail" in told
    assert "agents without a webhook of their own are left without one, as far as is known agent.a" in told
    assert "in webhook mode, so that calls to them will fail: agent.a" in told


def test_an_agents_webhook_falls_back_on_a_project_s_that_only_the_console_knows(trial):
    trial.spec(f"{GONE}\nwebhooks: {{w: {{agent: a, url: 'https://w.dev/x'}}}}").settled()
    trial.send("POST", "/v1/webhooks", {"url": "https://theirs.dev/x"})
    trial.spec(GONE)
    assert "events of agent.a fall back to the project's webhook at theirs.dev" in text_of(trial)


def test_an_agent_that_goes_says_what_stays(trial):
    trial.spec("agents: {a: {name: A}, b: {name: B}}").settled()
    trial.spec(GONE)
    assert (
        "'B' is gone for ever; its calls, messages and conversations stay in the account, without an agent"
        in text_of(trial)
    )


def test_an_agent_in_webhook_mode_with_no_webhook_is_told_before_its_calls_fail(trial):
    trial.spec(GONE)
    silent = "no webhook answers for it: its calls will fail"
    assert silent in text_of(trial)
    for hook in ("p: {url: 'https://p.dev/x'}", "w: {agent: a, url: 'https://w.dev/x'}"):
        trial.spec(f"{GONE}\nwebhooks: {{{hook}}}")
        assert silent not in text_of(trial)
    trial.spec("agents: {a: {name: A, voiceMode: hosted, systemPrompt: s}}")
    assert silent not in text_of(trial)
    trial.settled()
    trial.spec("agents: {a: {name: A, voiceMode: webhook}}")
    assert silent in text_of(trial)


def test_a_rotation_and_another_host_are_told(trial):
    trial.spec("webhooks: {p: {url: 'https://p.dev/x'}}").settled()
    trial.spec("webhooks: {p: {url: 'https://q.dev/x'}}")
    told = text_of(trial)
    assert "events go to q.dev, no longer to p.dev" in told
    assert "Signing secrets replaced, the old ones void at once: webhook.p." in told


def test_nothing_is_at_stake_in_a_plan_that_takes_nothing_and_costs_nothing(trial):
    told = text_of(trial.spec(GONE))
    for title in ("Cannot be taken back", "Charged at once", "Signing secrets", "Protected no longer", "Cost:"):
        assert title not in told
