"""The order of what is sent, how much of it at once, and what a watch is told."""

from __future__ import annotations

import re

import pytest

from apreconcile.core.outcome import Word

WHOLE = """
    agents: {a: {name: A}, b: {name: B}, c: {name: C}}
    numbers: {m: {agent: a}, n: {agent: b}, o: {}}
    webhooks:
      p: {url: "https://a.dev/p"}
      v: {agent: a, url: "https://a.dev/v"}
      w: {agent: b, url: "https://a.dev/w"}
"""


def kinds(trial, since=0):
    """What was written, in order: `POST agents`, `DELETE numbers`, `POST webhook`."""
    found = []
    for one in trial.requests()[since:]:
        if one["method"] != "GET":
            words = [part for part in one["path"].split("/")[2:] if not re.fullmatch(r"c[a-z0-9]{20,}", part)]
            found.append(
                f"{one['method']} {' '.join(words)}".replace("webhooks", "webhook").replace("agents webhook", "webhook")
            )
    return found


def test_parents_are_made_before_children_and_webhooks_after_every_number(trial):
    trial.spec(WHOLE).apply()
    assert kinds(trial) == ["POST agents"] * 3 + ["POST numbers"] * 3 + ["POST webhook"] * 3


def test_what_is_destroyed_goes_last_and_children_first(trial):
    trial.spec(WHOLE).settled()
    since = len(trial.requests())
    trial.spec('agents: {d: {name: D}}\nwebhooks: {p: {url: "https://b.dev/p"}}').apply()
    assert kinds(trial, since) == [
        "POST agents", "POST webhook",
        *["DELETE webhook"] * 2, *["DELETE numbers"] * 3, *["DELETE agents"] * 3,
    ]  # fmt: skip


def test_a_failure_stops_only_what_depends_on_it(trial, front):
    front.answer("POST", "/v1/agents", 422, {"detail": "no"}, times=1)
    trial.concurrency = 1
    report = front(trial).spec(WHOLE).apply()
    words = {str(one.address): (one.word, one.because) for one in report.outcomes}
    assert words == {
        "agent.a": (Word.FAILED, None),
        "agent.b": (Word.DONE, None),
        "agent.c": (Word.DONE, None),
        "number.m": (Word.SKIPPED, "agent.a"),
        "number.n": (Word.DONE, None),
        "number.o": (Word.DONE, None),
        "webhook.p": (Word.DONE, None),
        "webhook.v": (Word.SKIPPED, "agent.a"),
        "webhook.w": (Word.DONE, None),
    }
    assert report.exit == 7


def test_a_held_purchase_holds_back_nothing_that_does_not_need_it(trial):
    report = trial.spec(WHOLE).apply([])
    words = {str(one.address): one.word for one in report.outcomes}
    assert {at for at, word in words.items() if word is Word.HELD} == {"number.m", "number.n", "number.o"}
    assert {word for at, word in words.items() if not at.startswith("number")} == {Word.DONE}
    assert report.exit == 3
    assert trial.purchases() == []
    assert trial.state["turns"] == {}


def test_a_held_release_keeps_its_agent(trial):
    trial.spec(WHOLE).settled().spec(
        WHOLE.replace("b: {name: B}, ", "")
        .replace("n: {agent: b}, ", "")
        .replace('      w: {agent: b, url: "https://a.dev/w"}\n', "")
    )
    tokens = [step.token for step in trial.plan().plan.steps if step.verb != "release"]
    report = trial.apply(tokens)
    words = {str(one.address): (one.word, one.because) for one in report.outcomes}
    assert words == {
        "webhook.w": (Word.DONE, None),
        "number.n": (Word.HELD, None),
        "agent.b": (Word.SKIPPED, "number.n"),
    }
    assert "agent.b" not in trial.state["turns"], "its token was not spent"
    assert trial.apply().exit == 0


@pytest.mark.parametrize("most", [1, 3])
def test_no_more_is_under_way_than_was_asked_for_and_purchases_go_one_by_one(trial, front, most):
    trial.concurrency = most
    agents = ", ".join(f"a{index}: {{name: A{index}}}" for index in range(12))
    numbers = ", ".join(f"n{index}: {{}}" for index in range(6))
    report = front(trial).spec(f"agents: {{{agents}}}\nnumbers: {{{numbers}}}").apply()
    assert report.exit == 0
    assert front.busiest["all"] <= most
    assert front.busiest["POST /v1/numbers"] == 1
    if most > 1:
        assert front.busiest["POST /v1/agents"] > 1


class Told:
    """Writes down what a watch is told."""

    def __init__(self):
        self.lines = []

    def began(self, step):
        self.lines.append(("began", str(step.address), step.action))

    def ended(self, step, outcome):
        self.lines.append(("ended", str(step.address), outcome.word.value))


def test_a_watch_is_told_of_every_step_once_and_in_order(trial):
    told = Told()
    trial.concurrency = 1
    report = trial.spec("agents: {a: {name: A}}\nnumbers: {n: {agent: a}, o: {}}").apply(
        [step.token for step in trial.plan().plan.steps if str(step.address) == "number.n"], watch=told
    )
    assert told.lines == [
        ("began", "agent.a", "create"),
        ("ended", "agent.a", "done"),
        ("ended", "number.o", "held"),
        ("began", "number.n", "create"),
        ("ended", "number.n", "done"),
    ]
    assert report.exit == 3


def test_a_watch_that_fails_costs_no_result(trial):
    class Broken(Told):
        def began(self, step):
            raise RuntimeError("the terminal is gone")

        ended = began

    trial.spec("agents: {a: {name: A}}\nnumbers: {n: {}}")
    with pytest.raises(RuntimeError):
        trial.apply(watch=Broken())
    trial.clock.skip(1000)
    state = trial.state
    assert len(trial.purchases()) <= 1
    assert "number.n" in state.get("intents", {}) or not trial.purchases() or "number.n" in state["resources"]


@pytest.mark.parametrize("path", ["/v1/agents", "/v1/numbers"])
def test_a_rate_limit_that_never_ends_fails_after_a_bounded_number_of_tries(trial, path):
    trial.fault(f"POST {path}", "status:429", times=10_000)
    report = trial.spec("agents: {a: {name: A}}" if path.endswith("agents") else "numbers: {n: {}}").apply()
    assert [one.word for one in report.outcomes] == [Word.FAILED]
    assert report.exit == 1
    assert len(trial.writes()) <= 25
    assert trial.state["intents"] == trial.state["turns"] == {}


def test_a_purchase_that_a_429_hid_is_found_by_its_marker_and_not_sent_again(trial, front):
    """The vendor says 429 and has bought all the same: the list is read before anything is sent again."""
    front.answer("POST", "/v1/numbers", 429, {"detail": "slow down"}, commit=True)
    report = front(trial).spec("numbers: {n: {}}").apply()
    assert report.exit == 0
    assert trial.purchases() == ["apr:acme/default/n"]
    assert trial.writes() == [("POST", "/v1/numbers")]


def test_an_adoption_whose_marker_is_refused_is_an_adoption_all_the_same(trial, front):
    trial.seed(numbers=[{"id": "num_x"}])
    front.answer("PATCH", "/v1/numbers/num_x", 403, {"detail": "no"}, times=9)
    report = front(trial).spec("numbers: {n: {import: num_x}}").apply()
    assert report.exit == 0
    assert trial.ids() == {"number.n": "num_x"}
    assert trial.plan().plan.empty
