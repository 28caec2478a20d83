"""Whoever moved a field is named, for any three values of it: what both agreed on, what the spec says, what is live."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from apreconcile.core.address import Address
from apreconcile.core.diff import digest, equal, memories
from apreconcile.core.drift import Who, find_drift
from apreconcile.core.place import Place
from apreconcile.core.plan import Scope
from apreconcile.core.planning import find_changes, make_plan
from apreconcile.core.snapshot import Seen, Snapshot
from apreconcile.core.state import Resource, State
from apreconcile.core.wanted import Manifest, Wanted
from apreconcile.kinds import KINDS
from apreconcile.kinds.agent import AGENT

AT = Address("agent", "a")
VALUES = {
    "name": ["A", "B", "C"],
    "description": [None, "", "x", "y"],
    "voiceSpeed": [1, 1.0, 1.0000000001, 1.5, 0.5],
    "transferNumber": [None, "+14155550123", "+14155550199"],
    "enableMessaging": [True, False],
    "voice": ["luna", "sol", "mars"],
    "customTools": [
        None,
        [{"name": "t", "description": "d", "url": "https://a.dev"}],
        [{"name": "t", "description": "e", "url": "https://a.dev"}],
    ],
}


def fields():
    return st.fixed_dictionaries({name: st.sampled_from(values) for name, values in VALUES.items()})


def wanted(values):
    return Wanted(AT, values, Place("it.yaml", 1, 1))


def drift_of(agreed, spec, live):
    state = State("acme", "default", "loopback", id="d" * 16, seed="s")
    known = memories(wanted(agreed), state.salt, None)
    shown = {name: replace(memory, shown=digest(agreed[name], state.salt)) for name, memory in known.items()}
    state = state.bind(AT, Resource("agt", "created", fields=shown))
    snapshot = Snapshot((Seen("agent", "agt", {"id": "agt", "voiceMode": "webhook", **live}),))
    found = find_changes(Manifest("acme", "default", (wanted(spec),), "."), snapshot, state, KINDS)
    plan, _ = make_plan(found, {}, scope=Scope("loopback"), now=datetime(2027, 1, 1, tzinfo=UTC), requests=0)
    return find_drift(found, plan)


@given(fields(), fields(), fields())
def test_each_field_is_told_by_who_left_what_was_agreed(agreed, spec, live):
    drift = drift_of(agreed, spec, live)
    told = {diff.field.partition("[")[0]: who for one in drift.items for diff, who in one.fields}
    for name in VALUES:
        same = [
            equal(AGENT, name, one[name], other[name]) for one, other in ((spec, live), (agreed, spec), (agreed, live))
        ]
        expected = None if same[0] else {(0, 1): Who.SPEC, (1, 0): Who.ACCOUNT, (0, 0): Who.BOTH}[same[1], same[2]]
        assert told.get(name) is expected, name
    whole = set(told.values())
    both = Who.BOTH in whole or len(whole) > 1
    assert [one.who for one in drift.items] == ([Who.BOTH] if both else sorted(whole))
