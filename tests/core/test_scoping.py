"""What is believed of calls that may overlook the header of a sub-account; what ends, and what is elsewhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from apreconcile.core.address import Address
from apreconcile.core.call import After, Call, IdOf, Reply
from apreconcile.core.change import Delete
from apreconcile.core.elsewhere import Elsewhere, is_apart, strangers, unknown
from apreconcile.core.ending import ended, endless, is_its_own, same_moment, taken_over
from apreconcile.core.facts import Question
from apreconcile.core.marker import whose
from apreconcile.core.plan import Step
from apreconcile.core.scoping import believed, beside, guarded, is_blind, is_listed
from apreconcile.core.snapshot import Seen, Snapshot
from apreconcile.core.state import Resource, State
from apreconcile.core.wanted import Access, Environment, Manifest
from apreconcile.kinds import KINDS

AGENT, NUMBER, HOOK = (Address.parse(text) for text in ("agent.a", "number.n", "webhook.w"))
BY_NAME = {kind.name: kind for kind in KINDS}
NOW = datetime(2027, 1, 2, tzinfo=UTC)


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


@pytest.mark.parametrize(("tag", "named"), [
    ("apr:acme/prod/main", ("acme", "prod")), ("apr:acme/preview:pr-1/main", ("acme", "preview:pr-1")),
    ("apr:acme/prod", ("", "")), ("apr-forgotten:acme/prod/main", ("", "")), ("acme/prod/main", ("", "")), (None, ("", "")),
])  # fmt: skip
def test_a_marker_names_a_project_and_an_environment(tag, named):
    assert whose(tag) == named


def manifest(environment="staging", **access):
    own = Environment(environment, environment, Access(**access))
    both = (own, Environment("prod", "prod", Access("PROD_KEY")), Environment("twin", "twin", Access(**access)))
    return Manifest("acme", environment, (), ".", chosen=own, environments=both)


def test_an_environment_is_apart_if_its_account_is_another():
    assert is_apart(manifest(), "prod")
    assert not is_apart(manifest(), "twin")
    assert not is_apart(manifest(key_env="K"), "twin")
    assert is_apart(manifest(key_env="K"), "nobody-knows"), "of what the spec does not have nothing is known"
    assert not is_apart(manifest(), "nobody-knows")
    assert not is_apart(manifest(key_env="AGENTPHONE_API_KEY"), "nobody-knows"), "the usual key, whether or not named"


def number(ident, tag=None):
    return Seen("number", ident, {"id": ident, "phoneNumber": f"+1415555{ident}", "externalId": tag})


def test_what_is_apart_and_seen_is_told_once_for_each_environment():
    snapshot = Snapshot(
        (
            Seen("agent", "a1", {"name": "A"}),
            number("1001", "apr:acme/prod/x"),
            number("1002", "apr:acme/twin/x"),
            number("1003"),
        )
    )
    there = Elsewhere({("agent", "a1"): ("prod", AGENT), ("number", "1003"): ("twin", NUMBER)})
    (stop,) = strangers(manifest(), snapshot, State("acme", "staging", "loopback"), there, BY_NAME)
    assert "A (a1), which its state has as agent.a, and 1 more" in stop.reason
    assert (stop.exit, "check AGENTPHONE_API_KEY" in stop.hint) == (9, True)
    only_numbers = {"number": BY_NAME["number"]}
    assert len(strangers(manifest(), snapshot, State("acme", "staging", "loopback"), there, only_numbers)) == 1


def test_what_two_states_hold_is_told():
    state = State("acme", "staging", "loopback", resources={NUMBER: Resource("1003", "created")})
    (stop,) = strangers(manifest(), Snapshot(), state, Elsewhere({("number", "1003"): ("twin", NUMBER)}), BY_NAME)
    assert "two states hold it" in stop.reason


def test_an_environment_that_the_spec_does_not_have_is_a_warning():
    snapshot = Snapshot(
        (number("1001", "apr:acme/old/x"), number("1002", "apr:acme/default/x"), number("1003", "apr:other/y/x"))
    )
    first, second = unknown(manifest(), snapshot, BY_NAME)
    assert ("`as: default`" in first, second) == (
        True,
        "+14155551001 is of the environment old, which the spec does not have",
    )
    assert unknown(Manifest("acme", "default", (), "."), snapshot, BY_NAME) == []


def preview(**more):
    return Manifest(
        "acme", "preview:1", (), ".", chosen=Environment("preview", "preview", lifetime=timedelta(hours=1)), **more
    )


def held(**more):
    return State("acme", "preview:1", "loopback", resources={NUMBER: Resource("n", "created", "+14155551000", **more)})


@pytest.mark.parametrize(("expires", "seen", "over"), [
    ("2027-01-01T00:00:00Z", None, True), ("2027-01-03T00:00:00Z", None, False),
    ("2027-01-03T00:00:00Z", "released", True), ("2027-01-03T00:00:00Z", "active", False), (None, "released", False),
])  # fmt: skip
def test_a_number_has_ended_once_it_is_released_or_its_time_is_over(expires, seen, over):
    single = {("number", "n"): Seen("number", "n", {"status": seen}) if seen else None}
    state, told = ended(Snapshot(singles=single), held(expires=expires), NOW)
    assert (state.resources == {}, bool(told), [stone.how for stone in state.tombstones]) == (
        over,
        over,
        ["expired"] if over else [],
    )
    listed = Snapshot((number("n"),))
    assert ended(listed, held(expires=expires), NOW)[1] == []


def test_what_an_ephemeral_environment_made_it_may_delete():
    deed = Delete(NUMBER, number("n"))
    assert is_its_own(preview(), held(), deed)
    assert not is_its_own(preview(), State("acme", "preview:1", "loopback"), deed)
    assert not is_its_own(manifest(), held(), deed)
    adopted = State("acme", "preview:1", "loopback", resources={NUMBER: Resource("n", "adopted")})
    assert not is_its_own(preview(), adopted, deed)


@pytest.mark.parametrize(("expires", "body", "on", "claim"), [
    ("2027-01-03T00:00:00Z", {"expiresAt": "2027-01-03T00:00:30Z"}, None, ""),
    ("2027-01-03T00:00:00Z", {"expiresAt": "2027-02-03T00:00:00Z"}, None, "it ends at 2027-02-03T00:00:00Z"),
    ("2027-01-03T00:00:00Z", {}, "n", ""), (None, {"expiresAt": "2027-02-03T00:00:00Z"}, None, ""),
    (None, {}, "a", "it answers for a, which is not of preview:1"),
])  # fmt: skip
def test_what_it_made_may_be_somebody_else_s_by_now(expires, body, on, claim):
    told = taken_over(held(expires=expires), NUMBER, Seen("number", "n", body), on)
    assert told.startswith(claim) if claim else told == ""


def test_what_should_end_and_shows_no_end_is_a_warning():
    assert endless(held(), NUMBER, number("n")) == ()
    assert endless(held(expires="2027-01-03T00:00:00Z"), AGENT, number("n")) == ()
    assert "shows no end" in endless(held(expires="2027-01-03T00:00:00Z"), NUMBER, number("n"))[0]
    shown = Seen("number", "n", {"expiresAt": "2027-01-03T00:00:00Z"})
    assert endless(held(expires="2027-01-03T00:00:00Z"), NUMBER, shown) == ()


def test_moments_are_the_same_as_far_as_a_server_may_round():
    assert same_moment("2027-01-03T00:00:00.123456Z", "2027-01-03T00:00:00Z")
    assert not same_moment("2027-01-03T00:02:00Z", "2027-01-03T00:00:00Z")
    assert same_moment("soon", "soon")
    assert not same_moment("2027-01-03T00:00:00", "2027-01-03T00:00:00Z")


@pytest.mark.parametrize(("lifetime", "text"), [
    (timedelta(days=3), "72h"), (timedelta(minutes=90), "90m"), (timedelta(seconds=61), "61s"),
])  # fmt: skip
def test_a_hole_for_a_moment_says_how_long_after(lifetime, text):
    call = Call("POST", ("v1", "numbers"), {"expiresAt": After(lifetime)})
    assert call.to_json("")["holes"] == [{"at": "/body/expiresAt", "after": text}]
    assert call.to_json("")["body"] == {"expiresAt": None}
    assert call.fill({}, ends="2027-01-03T00:00:00Z").body == {"expiresAt": "2027-01-03T00:00:00Z"}
    assert call.meaning("") != Call("POST", ("v1", "numbers"), {"expiresAt": After(lifetime * 2)}).meaning("")
    assert Call("GET", ("v1", "x")).meaning("") != Call("GET", ("v1", "x"), outside=True).meaning("")
