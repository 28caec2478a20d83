"""What is believed of calls that may overlook the header of a sub-account."""

from dataclasses import replace

import pytest

from apreconcile.core.address import Address
from apreconcile.core.call import Call, IdOf, Reply
from apreconcile.core.change import Delete
from apreconcile.core.facts import Question
from apreconcile.core.plan import Step
from apreconcile.core.scoping import believed, beside, guarded, is_blind, is_listed
from apreconcile.core.snapshot import Seen, Snapshot

AGENT, HOOK = Address("agent", "a"), Address("webhook", "w")


@pytest.mark.parametrize(("method", "path", "listed", "blind"), [
    ("GET", "agents", True, False), ("GET", "agents/x", True, False), ("DELETE", "agents/x", True, False),
    ("GET", "agents/voices", False, True), ("POST", "agents/x/numbers", False, False), ("GET", "agents/x/webhook", False, False),
    ("POST", "numbers", True, False), ("GET", "numbers/x", False, False), ("PATCH", "numbers/x", False, False), ("DELETE", "numbers/x", True, False),
    ("GET", "webhooks", True, False), ("POST", "webhooks", True, False), ("DELETE", "webhooks", False, True),
    ("POST", "webhooks/test", False, True), ("GET", "usage", False, True),
])  # fmt: skip
def test_a_call_is_listed_or_blind_as_the_fact_sheet_has_it(method, path, listed, blind):
    call = Call(method, ("v1", *path.split("/")))
    assert (is_listed(call), is_blind(call)) == (listed, blind)


def test_an_id_that_is_not_known_yet_is_an_id():
    assert not is_blind(Call("POST", ("v1", "agents", IdOf(AGENT), "webhook"), {}))


def test_a_blind_call_goes_only_where_there_is_nothing_outside():
    call = Call("DELETE", ("v1", "webhooks"))
    (asked,) = beside([call])
    assert (asked.call.method, asked.call.outside) == ("GET", True)
    step = Step(Delete(HOOK, Seen("webhook", "w", {})), (call,), frozenset(), 0)
    there = {"id": "x"}
    for reply, words in (
        (Reply(200), None),
        (Reply(200, there), "there is one there"),
        (Reply(0), "nobody could tell"),
    ):
        made, stops = guarded(step, {asked: reply})
        assert [words in stop.reason for stop in stops] == ([True] if words else [])
        assert made.guards[-1].call == asked.call
        assert made.guards[-1].holds(Reply(200), {})
    assert guarded(replace(step, calls=()), {}) == (replace(step, calls=()), [])


def test_a_count_of_numbers_that_is_not_the_one_inside_is_not_believed():
    asked, other = (
        Question("usage", Call("GET", ("v1", "usage"))),
        Question("voices", Call("GET", ("v1", "agents", "voices"))),
    )
    snapshot = Snapshot((Seen("number", "n", {}),))
    for used, kept in ((1, True), (7, False)):
        answers = {asked: Reply(200, {"numbers": {"used": used}}), other: Reply(200, {"data": []})}
        found = believed(answers, snapshot)
        assert (found[asked].status == 200, found[other].status) == (kept, 200)
    assert believed({asked: Reply(200, [])}, snapshot)[asked].status == 200
