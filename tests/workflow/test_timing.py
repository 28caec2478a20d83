"""No byte leaves without a durable intent, nor after its moment, nor after the lock's; writes grow with batches."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import datetime, timedelta

import pytest

from apreconcile import workflow
from apreconcile.core.errors import ConflictError, LockedError
from apreconcile.core.outcome import Word
from apreconcile.live.limits import Pace
from apreconcile.live.record import SPACING, stamp


class Told:
    """Does something when the step of an address begins."""

    def __init__(self, at, do):
        self.at = at
        self.do = do

    def began(self, step):
        if str(step.address) == self.at:
            self.at = ""
            self.do()

    def ended(self, step, outcome):
        pass


def words(report):
    return {str(one.address): one.word for one in report.outcomes}


def test_every_creation_and_every_approved_step_is_in_the_stored_state_while_it_is_sent(trial):
    opened = []

    class Looking(list):
        def append(self, line):
            method, path, *_ = line.split()
            if method != "GET":
                intents = trial.state.get("intents", {})
                late = [at for at, one in intents.items() if datetime.fromisoformat(one["sendBy"]) < trial.clock.now()]
                opened.append((method, path.rpartition("/")[2], sorted(intents), late))

    trial.heard = Looking()
    trial.concurrency = 1
    trial.spec('agents: {a: {name: A}}\nnumbers: {n: {}}\nwebhooks: {w: {url: "https://a.dev/x"}}').settled()
    trial.spec('agents: {b: {name: B}}\nwebhooks: {w: {url: "https://b.dev/x"}}').settled()
    assert [(method, path, intents) for method, path, intents, late in opened if not late] == [
        ("POST", "agents", ["agent.a"]),
        ("POST", "numbers", ["number.n"]),
        ("POST", "webhooks", []),
        ("POST", "agents", ["agent.b"]),
        ("POST", "webhooks", ["webhook.w"]),
        ("DELETE", opened[5][1], ["number.n"]),
        ("DELETE", opened[6][1], ["agent.a"]),
    ]


def test_a_purchase_is_in_the_stored_state_at_once(trial):
    """Not a quarter of a second later, with what else there is to write: a kill in between would leave it unknown."""
    trial.spec("agents: {a: {name: A}}\nnumbers: {m: {}, n: {}}")
    kept = []

    async def run():
        async with trial.open(pace=Pace()) as account:
            planned = await workflow.plan(account)

            class Looking:
                def began(self, step):
                    if str(step.address) == "number.n":
                        asyncio.get_running_loop().call_later(0.05, lambda: kept.extend(trial.ids()))

                def ended(self, step, outcome):
                    pass

            tokens = [step.token for step in planned.plan.steps if step.token]
            return await workflow.apply(account, planned, approve=tokens, watch=Looking())

    trial.fault("POST /v1/numbers", "delay:0.15", nth=2)
    assert asyncio.run(run()).exit == 0
    assert "number.m" in kept


def test_what_was_not_sent_in_time_is_sent_after_a_new_swap(trial):
    trial.concurrency = 1
    trial.spec("agents: {a: {name: A}, b: {name: B}}\nnumbers: {n: {}}")
    serials = []

    def later():
        serials.append(trial.state["serial"])
        trial.clock.skip(31)

    report = trial.apply(watch=Told("agent.a", later))
    assert report.exit == 0
    assert [path for _, path in trial.writes()] == ["/v1/agents", "/v1/agents", "/v1/numbers"]
    assert trial.state["serial"] > serials[0]


def test_a_purchase_is_not_sent_after_its_moment_but_after_a_new_swap_and_a_token_is_spent_once(trial):
    trial.spec("numbers: {n: {}}")
    report = trial.apply(watch=Told("number.n", lambda: trial.clock.skip(31)))
    assert report.exit == 0
    assert trial.purchases() == ["apr:acme/default/n"]
    assert trial.state["turns"] == {"number.n": 1}


@pytest.mark.parametrize("wait", [5, 45, 60])
def test_the_wait_that_the_api_asks_for_puts_creations_off_and_fails_none(trial, front, wait):
    """A `Retry-After` beyond `send_by` needs a new swap, nothing else."""
    trial.spec("agents: {a: {name: A}, b: {name: B}, c: {name: C}}\nnumbers: {m: {}, n: {}}")
    front.answer("POST", "/v1/agents", 429, {"detail": "slow"}, headers={"Retry-After": str(wait)}, times=2)
    front.answer("POST", "/v1/numbers", 429, {"detail": "slow"}, headers={"Retry-After": str(wait)})
    report = front(trial).apply()
    assert set(words(report).values()) == {Word.DONE}, [one.error for one in report.outcomes]
    assert len(trial.get("/v1/agents")["data"]) == 3
    assert len(trial.purchases()) == 2


def test_nothing_is_sent_after_the_lock_ended_and_another_run_took_the_state(trial):
    trial.concurrency = 1
    trial.spec("agents: {a: {name: A}, b: {name: B}, c: {name: C}}").settled()
    trial.spec("agents: {a: {name: A2}, b: {name: B2}, c: {name: C2}}")

    def taken():
        trial.clock.skip(301)
        document = trial.state
        document |= {"serial": document["serial"] + 1, "write": "another", "lock": None}
        trial.state_file.write_text(json.dumps(document))

    report = trial.apply(watch=Told("agent.b", taken))
    assert words(report) == {"agent.a": Word.DONE, "agent.b": Word.FAILED, "agent.c": Word.FAILED}
    assert report.exit == 7
    assert len(trial.requests("PATCH")) == 1
    assert trial.state["write"] == "another", "its document is left alone"


def test_a_long_run_renews_its_lock(trial):
    trial.concurrency = 1
    trial.spec("agents: {a: {name: A}, b: {name: B}, c: {name: C}}").settled()
    trial.spec("agents: {a: {name: A2}, b: {name: B2}, c: {name: C2}}")
    seen = []

    def later():
        trial.clock.skip(200)

    def look():
        seen.append(datetime.fromisoformat(trial.state["lock"]["until"]) > trial.clock.now() + timedelta(seconds=60))

    class Both(Told):
        def ended(self, step, outcome):
            look()

    report = trial.apply(watch=Both("agent.b", later))
    assert report.exit == 0
    assert all(seen), seen


def lock(trial, *, minutes, intent=None):
    now = trial.clock.now()
    held = {
        "run": "r1",
        "who": "bob",
        "where": "ci",
        "since": stamp(now),
        "until": stamp(now + timedelta(minutes=minutes)),
    }
    document = trial.state | {"lock": held}
    if intent is not None:
        at, by = intent
        document["intents"] = {
            at: {"address": at, "action": "delete", "payload": "0", "sendBy": stamp(now + timedelta(seconds=by)),
                 "run": "r1", "opened": stamp(now), "target": "x"},
        }  # fmt: skip
    trial.state_file.write_text(json.dumps(document))


def test_a_state_that_another_run_holds_is_exit_8_and_nothing_is_sent(trial):
    trial.spec("agents: {a: {name: A}}").settled().spec("agents: {a: {name: B}}")
    lock(trial, minutes=4)
    with pytest.raises(LockedError, match="bob on ci") as refused:
        trial.apply()
    assert refused.value.exit_code == 8
    assert refused.value.hint
    assert trial.writes() == [("POST", "/v1/agents")]
    assert trial.plan().plan.steps, "a plan writes nothing, so it may look"


def test_a_lock_that_ended_is_taken(trial):
    trial.spec("agents: {a: {name: A}}").settled().spec("agents: {a: {name: B}}")
    lock(trial, minutes=4)
    trial.clock.skip(241)
    assert trial.apply().exit == 0


@pytest.mark.parametrize(("after", "free"), [(30 + 30 + 60 - 10, False), (30 + 30 + 60 + 10, True)])
def test_a_lock_with_something_under_way_is_taken_only_after_send_by_timeout_and_settling(trial, after, free):
    trial.spec("agents: {a: {name: A}}").settled().spec("agents: {a: {name: B}}")
    lock(trial, minutes=0, intent=("number.gone", 30))
    trial.clock.skip(after)
    if free:
        assert trial.apply().exit == 0
    else:
        with pytest.raises(LockedError):
            trial.apply()


def test_two_runs_at_once_buy_once_and_one_of_them_is_refused(trial):
    trial.spec("agents: {a: {name: A}}\nnumbers: {m: {}, n: {}}")

    async def one():
        async with trial.open() as account:
            planned = await workflow.plan(account)
            await together.wait()
            return await workflow.apply(
                account, planned, approve=[step.token for step in planned.plan.steps if step.token]
            )

    async def both():
        return await asyncio.gather(one(), one(), return_exceptions=True)

    together = asyncio.Barrier(2)
    ended = asyncio.run(both())
    codes = sorted(one.exit_code if isinstance(one, Exception) else one.exit for one in ended)
    assert codes == [0, 8]
    assert sorted(trial.purchases()) == ["apr:acme/default/m", "apr:acme/default/n"]
    assert len(trial.get("/v1/agents")["data"]) == 1
    assert trial.state["lock"] is None


def test_a_plan_from_before_another_run_is_in_conflict(trial):
    trial.spec("agents: {a: {name: A}}")

    async def late():
        async with trial.open() as first, trial.open() as second:
            planned = await workflow.plan(first)
            await workflow.apply(second, await workflow.plan(second))
            return await workflow.apply(first, planned)

    try:
        code = asyncio.run(late()).exit
    except ConflictError as conflict:
        code = conflict.exit_code
    assert code == 8
    assert len(trial.get("/v1/agents")["data"]) == 1


@pytest.mark.parametrize("count", [10, 100, 500])
def test_state_writes_grow_with_batches_and_not_with_resources(trial, count):
    """In real time: one write to open the intents, one to close, and one a quarter of a second between."""
    trial.spec({"agents": {f"a{index}": {"name": f"A{index}"} for index in range(count)}})

    async def run():
        async with trial.open(pace=Pace()) as account:
            planned = await workflow.plan(account)
            started = time.monotonic()
            report = await workflow.apply(account, planned)
            return report, time.monotonic() - started

    report, seconds = asyncio.run(run())
    assert report.exit == 0
    assert len(trial.ids()) == count
    assert trial.state["serial"] <= 5 + seconds / SPACING
