"""Parts of planning that no single case shows: what `only` takes, how stages and edges order, what a plan sums up."""

from __future__ import annotations

import pytest

from apreconcile.core.address import Address
from apreconcile.core.change import Blocked, FieldDiff
from apreconcile.core.place import Place
from apreconcile.core.plan import Plan, Scope, blocked, summary
from apreconcile.core.risk import WANTS_APPROVAL, Risk
from apreconcile.core.snapshot import Seen, Snapshot
from apreconcile.core.wanted import Manifest, Wanted

A = Address("agent", "a")


def plan(**more):
    usual = {"steps": (), "blocked": (), "unmanaged": (), "warnings": (), "cost": None}
    return Plan("acme", "default", Scope("h"), **(usual | more), digest="0", serial=1, expires="", requests=0)


def test_all_risks_but_rerouting_want_an_approval():
    assert set(Risk) - {Risk.REROUTES} == WANTS_APPROVAL


@pytest.mark.parametrize("name", ["blocked", "unsafe", "unsettled"])
def test_a_plan_with_something_in_its_way_is_not_empty(name):
    assert plan().empty
    assert not plan(**{name: (Blocked(A, "r", "h"),)}).empty


def test_everything_in_the_way_is_counted_once():
    stops = plan(blocked=(Blocked(A, "1"),), unsafe=(Blocked(None, "2"),), unsettled=(Blocked(A, "3"),))
    assert [one.reason for one in blocked(stops)] == ["2", "3", "1"]
    assert summary(stops)["blocked"] == 3
    assert set(summary(stops)) == {"create", "update", "delete", "adopt", "move", "forget", "blocked", "unmanaged"}


def test_a_snapshot_finds_by_id_and_by_slot():
    one, two = Seen("agent", "x", {}), Seen("webhook", "w", {}, "x")
    snapshot = Snapshot((one, two))
    assert snapshot.get("agent", "x") is one
    assert snapshot.get("webhook", "x") is None
    assert snapshot.slot("webhook", "x") is two
    assert snapshot.slot("webhook", None) is None
    assert snapshot.of("agent") == (one,)


def test_a_place_is_written_as_editors_read_it():
    assert str(Place("agentphone.yaml", 12, 7)) == "agentphone.yaml:12:7"


def test_a_manifest_knows_its_addresses_and_markers():
    wanted = Wanted(A, {}, Place("f", 1, 1))
    manifest = Manifest("acme", "default", (wanted,), ".")
    assert manifest.by_address == {A: wanted}
    assert manifest.marker(Address("number", "main")) == "apr:acme/default/main"


def test_a_difference_shows_no_value_in_its_repr():
    assert "hush" not in repr(FieldDiff("f", "hush", "hush", secret=True))
