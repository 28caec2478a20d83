"""What other environments of a spec hold: whose a thing is, or may be, and that two accounts are apart."""

from __future__ import annotations

import pytest

from apreconcile.core.address import Address
from apreconcile.core.elsewhere import Begun, Elsewhere, doubt, is_apart, strangers, unknown
from apreconcile.core.marker import whose
from apreconcile.core.snapshot import Seen, Snapshot
from apreconcile.core.state import Resource, State
from apreconcile.core.wanted import Access, Environment, Manifest
from apreconcile.kinds import KINDS

AGENT, NUMBER = Address("agent", "a"), Address("number", "n")
BY_NAME = {kind.name: kind for kind in KINDS}


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


OURS, THEIRS = Environment("staging", "staging"), Environment("prod", "prod")
APART = Environment("prod", "prod", Access(key_env="PROD_KEY"))
BEGUN = Elsewhere(begun=(Begun("prod", Address("agent", "a"), frozenset({"old"}), "2026-07-30T12:00:30Z"),))
UNREAD = Elsewhere(unread=("prod",))


@pytest.mark.parametrize(("there", "kind", "ident", "tag", "theirs", "why"), [
    (BEGUN, "agent", "new", None, THEIRS, "new may be agent.a of the environment prod, which is being made"),
    (BEGUN, "agent", "old", None, THEIRS, None),
    (BEGUN, "number", "new", None, THEIRS, None),
    (BEGUN, "agent", "new", None, APART, None),
    (UNREAD, "number", "n", None, THEIRS, "whether n is of the environment prod is not known: its state cannot be read"),
    (UNREAD, "number", "n", "apr:acme/staging/main", THEIRS, None),
    (UNREAD, "number", "n", "apr:acme/prod/main", THEIRS, "whether n is of the environment prod is not known: its state cannot be read"),
    (UNREAD, "number", "n", None, APART, None),
    (Elsewhere(), "number", "n", None, THEIRS, None),
])  # fmt: skip
def test_what_is_doubted(there, kind, ident, tag, theirs, why):
    manifest = Manifest("acme", "staging", (), home=".", chosen=OURS, environments=(OURS, theirs))
    assert doubt(manifest, there, BY_NAME[kind], Seen(kind, ident, {"externalId": tag})) == why
