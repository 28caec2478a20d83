"""Whole runs whose state lies in a bucket: what a lost answer, another run or a careless server means for purchases."""

from __future__ import annotations

import pytest

from apreconcile.core.errors import ConflictError
from apreconcile.workflow import apply, plan
from tests.conftest import tokens_of
from tests.store.conftest import s3_server
from tests.store.s3 import Between, environ

SPEC = """
version: 1
project: acme
state: {{store: "s3://team/{key}"}}
numbers:
  main: {{country: US}}
"""


@pytest.fixture
def between():
    it = Between(s3_server())
    yield it
    it.close()


@pytest.fixture
def bucketed(trial, between):
    trial.environ = environ(between.url)
    return trial.spec(SPEC.format(key=trial.key))


def test_what_was_applied_is_applied(bucketed):
    bucketed.settled()
    assert not bucketed.plan().plan.steps
    assert len(bucketed.purchases()) == 1
    assert not bucketed.state_file.parent.exists()


def test_lost_answers_of_the_bucket_buy_nothing_twice(bucketed, between):
    between.tell("PUT", "lose", "pass", "lose", "drop", "lose", "lose")
    between.tell("GET", "drop", (503, b""))
    bucketed.settled()
    assert not bucketed.plan().plan.steps
    assert len(bucketed.purchases()) == 1


def test_of_two_runs_that_planned_the_same_one_buys(bucketed):
    async def both(account):
        mine, theirs = await plan(account), await plan(account)
        first = await apply(account, mine, approve=tokens_of(mine.plan))
        second = await apply(account, theirs, approve=tokens_of(theirs.plan))
        return first.exit, second.exit

    assert bucketed.run(both) == (0, ConflictError.exit_code)
    assert len(bucketed.purchases()) == 1


@pytest.mark.parametrize("answer", ["ignore", "drop", (403, b""), (409, b"")])
def test_nothing_is_bought_where_the_state_cannot_be_kept(bucketed, between, answer):
    between.always["PUT"] = answer
    assert bucketed.apply().exit not in (0, 6)
    assert not bucketed.purchases()
