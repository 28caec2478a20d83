"""`--lock-timeout`: a run waits for another one, and never sends anything while that one may."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from apreconcile import workflow
from apreconcile.core.errors import LockedError
from apreconcile.live.record import stamp
from apreconcile.workflow.locking import PAUSE, check_free, patiently

LOCKED = 300.0


@pytest.fixture
def held(trial):
    """An account of ours whose state another run holds for five minutes."""
    trial.spec("agents: {a: {name: A}}").settled()
    lock(trial, LOCKED)
    return trial


def lock(trial, seconds):
    """Let another run hold the state for so many seconds; none take it away."""
    now = trial.clock.now()
    until = stamp(now + timedelta(seconds=seconds))
    theirs = {"run": "r", "who": "bob", "where": "ci", "since": stamp(now), "until": until}
    trial.state_file.write_text(json.dumps(trial.state | {"lock": theirs if seconds else None}))


def waited(trial, longest, attempt=None):
    """What came of it, which moments were tried, and what was told meanwhile. Moments are seconds from now."""
    told, tries, began = [], [], trial.clock.skipped

    async def whole(account):
        async def tried():
            tries.append(trial.clock.skipped - began)
            return await (attempt or check_free)(account)

        return await patiently(account, longest, tried, tell=told.append)

    try:
        came = trial.run(whole)
    except LockedError as problem:
        came = problem
    return came, tries, told


def test_a_run_waits_until_the_lock_of_another_ends(held):
    came, tries, told = waited(held, 600)
    assert came is None
    first, second = tries
    assert first == 0
    assert LOCKED <= second <= LOCKED + 2 * PAUSE
    [told] = told
    assert told.startswith("waiting for the state: bob on ci holds the state since")


def test_it_waits_no_longer_than_it_was_told(held):
    came, tries, told = waited(held, 60)
    assert isinstance(came, LockedError)
    assert "bob on ci" in came.message
    assert (tries[0], 60 - PAUSE <= tries[1] <= 60 + PAUSE, len(tries), len(told)) == (0, True, 2, 1)


def test_nobody_waits_without_being_told_to(held):
    came, tries, told = waited(held, 0)
    assert (type(came), tries, told) == (LockedError, [0], [])


def test_it_goes_on_as_soon_as_the_other_lets_go(held):
    end = held.clock.skipped + 20

    async def pause(seconds):
        held.clock.skip(seconds)
        if held.clock.skipped >= end:
            lock(held, 0)

    held.clock.pause = pause
    came, tries, _ = waited(held, 600)
    assert came is None
    assert 20 <= tries[-1] <= 20 + PAUSE


def test_a_run_that_lost_the_race_for_the_state_plans_and_applies_again(held):
    """Between its plan and its first write another run took the lock: nothing of it was sent, so that it may go again."""
    lock(held, 0)
    held.spec("agents: {a: {name: B}}")
    reports = []

    async def attempt(account):
        await check_free(account)
        planned = await workflow.plan(account)
        if not reports:
            lock(held, LOCKED)
        reports.append(await workflow.apply(account, planned))
        return reports[-1]

    came, tries, told = waited(held, 600, attempt)
    assert ([one.exit for one in reports], came) == ([8, 0], reports[-1])
    assert (len(tries), len(told), "waiting for the state" in told[0]) == (2, 1, True)
    assert held.writes().count(("PATCH", f"/v1/agents/{held.ids()['agent.a']}")) == 1


class Meddler:
    """Somebody who writes the state as soon as a step has ended, although a run holds it."""

    def __init__(self, trial):
        self.trial = trial

    def began(self, step):
        pass

    def ended(self, step, outcome):
        self.trial.state_file.write_text(json.dumps(self.trial.state | {"serial": self.trial.state["serial"] + 7}))


def test_a_run_that_changed_something_is_not_repeated(held, report_text):
    """Its state was taken away in the middle: what it sent is told, and looked at by the next run."""
    lock(held, 0)
    held.spec("agents: {a: {name: B}, b: {name: C}}")

    async def attempt(account):
        return await workflow.apply(account, await workflow.plan(account), watch=Meddler(held))

    came, tries, told = waited(held, 600, attempt)
    assert (len(tries), told) == (1, []), report_text(came)
    assert any(one.changed for one in came.outcomes)
    assert came.exit != 0
