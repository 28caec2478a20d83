"""Ctrl-C once finishes what is under way and starts nothing; twice gives up waiting, and what is unanswered is unknown."""

from __future__ import annotations

import asyncio

import pytest

from apreconcile import workflow
from apreconcile.core.outcome import Word
from apreconcile.live.applying import Stop

AGENTS = "agents: {a: {name: A}, b: {name: B}, c: {name: C}}"


class Presses:
    """Asks to stop when a step of this address begins: at once, and again after so many seconds."""

    def __init__(self, at: str, *, again: float | None = None) -> None:
        self.stop = Stop()
        self.at = at
        self.again = again
        self.began_with: list[str] = []

    def began(self, step):
        self.began_with.append(str(step.address))
        if str(step.address) == self.at:
            self.stop.ask()
            if self.again is not None:
                asyncio.get_running_loop().call_later(self.again, self.stop.ask)

    def ended(self, step, outcome):
        pass

    def __call__(self, trial):
        return trial.apply(watch=self, stop=self.stop)


def words(report):
    return {str(one.address): (one.word, one.because) for one in report.outcomes}


def test_the_first_press_finishes_what_is_sent_and_starts_nothing_more(trial):
    trial.concurrency = 1
    trial.spec(AGENTS).fault("POST /v1/agents", "delay:0.2")
    report = Presses("agent.a")(trial)
    assert words(report) == {
        "agent.a": (Word.DONE, None),
        "agent.b": (Word.SKIPPED, "interrupted"),
        "agent.c": (Word.SKIPPED, "interrupted"),
    }
    assert report.exit == 130
    assert trial.state["intents"] == {}
    assert trial.state["lock"] is None
    assert list(trial.ids()) == ["agent.a"]
    assert trial.writes() == [("POST", "/v1/agents")]
    trial.settled()
    assert len(trial.get("/v1/agents")["data"]) == 3


def test_the_second_press_leaves_what_is_unanswered_unknown(trial):
    trial.concurrency = 1
    trial.spec(AGENTS).fault("POST /v1/agents", "delay:0.6")
    report = Presses("agent.a", again=0.2)(trial)
    assert words(report) == {
        "agent.a": (Word.UNKNOWN, None),
        "agent.b": (Word.SKIPPED, "interrupted"),
        "agent.c": (Word.SKIPPED, "interrupted"),
    }
    assert report.exit == 6
    assert list(trial.state["intents"]) == ["agent.a"]
    assert [str(one.address) for one in trial.plan().plan.unsettled] == ["agent.a"]


def test_a_purchase_given_up_on_is_unknown_and_its_token_is_spent(trial):
    trial.spec("numbers: {one: {}, two: {}}").fault("POST /v1/numbers", "delay:0.6")
    report = Presses("number.one", again=0.2)(trial)
    assert words(report) == {"number.one": (Word.UNKNOWN, None), "number.two": (Word.SKIPPED, "interrupted")}
    assert report.exit == 6
    assert trial.state["turns"] == {"number.one": 1}
    assert [line["outcome"] for line in trial.state["ledger"]] == ["unknown"]


@pytest.mark.parametrize("call", ["PATCH /v1/agents/*", "POST /v1/webhooks", "DELETE /v1/numbers/*"])
def test_a_change_given_up_on_is_unknown_and_the_next_plan_looks(trial, call):
    before = 'agents: {a: {name: A}}\nwebhooks: {w: {url: "https://a.dev/x"}}\nnumbers: {n: {}}'
    changes = {
        "PATCH /v1/agents/*": ("agent.a", before.replace("name: A", "name: B")),
        "POST /v1/webhooks": ("webhook.w", before.replace("a.dev", "b.dev")),
        "DELETE /v1/numbers/*": ("number.n", before.replace("n: {}", "")),
    }
    at, after = changes[call]
    trial.spec(before).settled().spec(after).fault(call, "delay:0.6")
    report = Presses(at, again=0.2)(trial)
    assert words(report) == {at: (Word.UNKNOWN, None)}
    assert report.exit == 6
    assert trial.state["lock"] is None
    plan = trial.plan().plan
    assert not plan.unsettled, "a change is settled by looking"
    trial.settled()
    assert trial.plan().plan.empty


def test_a_press_between_stages_skips_what_comes_after_and_gives_tokens_back(trial):
    trial.spec('agents: {a: {name: A}}\nnumbers: {n: {agent: a}}\nwebhooks: {w: {url: "https://a.dev/x"}}')
    report = Presses("agent.a")(trial)
    assert words(report) == {
        "agent.a": (Word.DONE, None),
        "number.n": (Word.SKIPPED, "interrupted"),
        "webhook.w": (Word.SKIPPED, "interrupted"),
    }
    assert trial.state["turns"] == {}
    assert trial.purchases() == []


def test_a_press_before_anything_sends_nothing(trial):
    trial.spec(AGENTS)
    stop = Stop()
    stop.ask()
    report = trial.apply(stop=stop)
    assert {one.word for one in report.outcomes} == {Word.SKIPPED}
    assert report.exit == 130
    assert trial.writes() == []


def test_two_presses_while_a_guard_is_read_leave_nothing_unknown_that_was_not_sent(trial):
    trial.spec("agents: {a: {name: A}, b: {name: B}}").settled().spec("agents: {a: {name: A}}")
    trial.fault("GET /v1/agents/*", "delay:0.6")
    report = Presses("agent.b", again=0.2)(trial)
    assert words(report) == {"agent.b": (Word.SKIPPED, "interrupted")}
    assert report.exit == 130
    assert trial.state["turns"] == {}, "its token is given back"
    assert len(trial.get("/v1/agents")["data"]) == 2


def test_a_run_that_is_cancelled_as_a_whole_forgets_nothing(trial):
    """What a library user's timeout does."""
    trial.spec("numbers: {n: {}}").fault("POST /v1/numbers", "delay:0.6")

    async def cut():
        async with trial.open() as account:
            planned = await workflow.plan(account)
            tokens = [step.token for step in planned.plan.steps]
            async with asyncio.timeout(0.2):
                await workflow.apply(account, planned, approve=tokens)

    with pytest.raises(TimeoutError):
        asyncio.run(cut())
    assert list(trial.state["intents"]) == ["number.n"]
    trial.clock.skip(1000)
    assert trial.apply().exit == 6
