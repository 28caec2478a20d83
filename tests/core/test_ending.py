"""What is bought with an end: when it is over, what an ephemeral environment may delete, and what speaks against it."""

from datetime import UTC, datetime, timedelta

import pytest

from apreconcile.core.address import Address
from apreconcile.core.change import Delete, Forget
from apreconcile.core.ending import ended, endless, is_its_own, over, same_moment, taken_over
from apreconcile.core.snapshot import Seen, Snapshot
from apreconcile.core.state import Resource, State
from apreconcile.core.wanted import Environment, Manifest

AGENT, NUMBER, OTHER = Address("agent", "a"), Address("number", "n"), Address("number", "o")
NOW = datetime(2027, 1, 2, tzinfo=UTC)
PAST, PRESENT, FUTURE = (f"2027-01-0{day}T00:00:00Z" for day in (1, 2, 3))
PREVIEW = Manifest("acme", "preview:1", (), ".", chosen=Environment("preview", "preview", lifetime=timedelta(hours=1)))


def remembered(resources):
    return State("acme", "preview:1", "loopback", resources=resources)


def held(**more):
    return remembered({NUMBER: Resource("n", "created", "+14155551000", **more)})


def seen(**body):
    return Seen("number", "n", body)


@pytest.mark.parametrize(("expires", "status", "is_over"), [
    (PAST, None, True), (PRESENT, None, True), (FUTURE, None, False),
    (FUTURE, "released", True), (FUTURE, "active", False), (None, "released", False),
])  # fmt: skip
def test_a_number_has_ended_once_it_is_released_or_its_time_is_over(expires, status, is_over):
    single = {("number", "n"): seen(status=status) if status else None}
    state, told = ended(Snapshot(singles=single), held(expires=expires), NOW)
    sentence = f"number.n: +14155551000 has released itself, as it was bought to ({expires})"
    assert told == ([sentence] if is_over else [])
    assert (state.resources == {}) is is_over
    assert [(stone.how, stone.at) for stone in state.tombstones] == ([("expired", PRESENT)] if is_over else [])


def test_what_the_list_shows_has_not_ended():
    assert ended(Snapshot((seen(),)), held(expires=PAST), NOW) == (held(expires=PAST), [])


def test_each_is_judged_by_itself_and_known_by_its_id_where_it_had_no_phone_number():
    state = remembered({AGENT: Resource("a", "created"), NUMBER: Resource("n", "created", expires=FUTURE),
                        OTHER: Resource("o", "created", expires=PAST)})  # fmt: skip
    left, told = ended(Snapshot(), state, NOW)
    assert set(left.resources) == {AGENT, NUMBER}
    assert told == [f"number.o: o has released itself, as it was bought to ({PAST})"]
    assert over(state, NOW) == {("number", "o")}


def test_what_an_ephemeral_environment_made_it_may_delete():
    deed = Delete(NUMBER, seen())
    assert is_its_own(PREVIEW, held(), deed)
    assert not is_its_own(PREVIEW, held(), Forget(NUMBER, seen(), "apr:acme/preview:1/n"))
    assert not is_its_own(PREVIEW, remembered({}), deed)
    assert not is_its_own(Manifest("acme", "staging", (), "."), held(), deed)
    assert not is_its_own(PREVIEW, remembered({NUMBER: Resource("n", "adopted")}), deed)


@pytest.mark.parametrize(("expires", "body", "on", "claim"), [
    (FUTURE, {"expiresAt": "2027-01-03T00:00:30Z"}, None, ""),
    (FUTURE, {"expiresAt": PAST}, None, f"it ends at {PAST}, which nobody here asked for"),
    (FUTURE, {}, "n", ""), (None, {"expiresAt": PAST}, None, ""),
    (None, {}, "a", "it answers for a, which is not of preview:1"),
])  # fmt: skip
def test_what_it_made_may_be_somebody_else_s_by_now(expires, body, on, claim):
    assert taken_over(held(expires=expires), NUMBER, seen(**body), on) == claim


def test_what_should_end_and_shows_no_end_is_a_warning():
    assert endless(held(), NUMBER, seen()) == ()
    assert endless(held(expires=FUTURE), AGENT, seen()) == ()
    assert endless(held(expires=FUTURE), NUMBER, seen(expiresAt=PAST)) == ()
    assert endless(held(expires=FUTURE), NUMBER, seen()) == (
        f"number.n was bought to end at {FUTURE}, and shows no end: it costs money until `apreconcile destroy`",
    )


@pytest.mark.parametrize(("other", "same"), [
    ("2027-01-03T00:00:00.123456Z", True), ("2027-01-03T00:00:59Z", True), ("2027-01-02T23:59:01Z", True),
    ("2027-01-03T01:00:00+01:00", True), ("2027-01-03T00:01:00Z", False), ("2027-01-02T23:59:00Z", False),
    ("2027-01-03T00:01:59Z", False), ("2027-01-03T00:00:00", False), ("soon", False),
])  # fmt: skip
def test_moments_are_the_same_as_far_as_a_server_may_round(other, same):
    assert same_moment(FUTURE, other) is same
    assert same_moment(other, FUTURE) is same


def test_what_is_no_moment_is_the_same_as_itself():
    assert same_moment("soon", "soon")
    assert not same_moment("soon", "later")
