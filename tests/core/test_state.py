"""State: what is remembered round-trips, its changes change nothing in place, and tokens are spent and given back."""

import json
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apreconcile.core.address import Address
from apreconcile.core.errors import StoreError
from apreconcile.core.state import (
    FORMAT,
    Intent,
    Lock,
    Memory,
    Purchase,
    Resource,
    State,
    Tombstone,
    from_json,
    to_json,
)

A, N = Address("agent", "a"), Address("number", "n")
EMPTY = State("acme", "default", "loopback")
INTENT = Intent(
    N,
    "create",
    "0" * 64,
    "2026-07-30T12:00:30Z",
    "run",
    "2026-07-30T12:00:00Z",
    seen=("x", "y"),
    token="buy:number.n@0",
    risks=("spends",),
)
FULL = State(
    "acme", "default", "loopback", "sub_1", id="d0c", seed="5eed", serial=7, write="w",
    resources={A: Resource("agt", "created", fields={"name": Memory("s", "t", secret=True), "voice": Memory("u")}),
               N: Resource("num", "imported", "+14155550100", None, protect=True),
               Address("webhook", "w"): Resource("wh", "adopted", parent="agt")},
    turns={N: 2}, intents={N: INTENT},
    ledger=(Purchase(N, "2026", "3.00", "unknown"), Purchase(N, "2026", "3.00", "bought", "num", "+1")),
    ignored=("b", "a"), tombstones=(Tombstone(A, "old", "2026", "deleted"), Tombstone(N, "num0", "2026", "lost", "+2")),
    lock=Lock("run", "me", "here", "2026", "2027"),
)  # fmt: skip


@pytest.mark.parametrize("state", [EMPTY, FULL], ids=["empty", "full"])
def test_a_document_reads_back_as_what_was_written(state):
    again = from_json(json.loads(json.dumps(to_json(state))), source="it")
    assert to_json(again) == to_json(state)
    assert again.resources == state.resources
    assert again.intents == state.intents
    assert again.ledger == state.ledger
    assert again.tombstones == state.tombstones
    assert again.lock == state.lock
    assert again.turns == state.turns


def test_the_order_of_what_happened_is_nothing_to_the_document():
    one = EMPTY.bind(A, Resource("a", "created")).bind(N, Resource("n", "created"))
    other = EMPTY.bind(N, Resource("n", "created")).bind(A, Resource("a", "created"))
    assert json.dumps(to_json(one)) == json.dumps(to_json(other))


def test_a_document_of_a_later_program_may_know_more():
    document = to_json(FULL)
    document["resources"]["agent.a"]["color"] = "blue"
    document["intents"]["number.n"]["mood"] = "good"
    document["news"] = 1
    assert to_json(from_json(document, source="it")) == to_json(FULL)


@pytest.mark.parametrize("name", sorted(to_json(FULL)))
@pytest.mark.parametrize("value", [7, "x", [1], {"x": 1}, {"agent.a": 1}, {"a b": {}}], ids=repr)
def test_a_part_of_the_wrong_sort_is_at_worst_a_sentence(name, value):
    """Nothing but a StoreError comes out, so that no traceback meets a user."""
    with suppress(StoreError):
        from_json(to_json(FULL) | {name: value}, source="the file")


@pytest.mark.parametrize("name", sorted(set(to_json(FULL)) - {"format"}))
def test_a_part_that_is_missing_is_damage(name):
    document = to_json(FULL)
    del document[name]
    with pytest.raises(StoreError, match="damaged"):
        from_json(document, source="the file")


@pytest.mark.parametrize(
    ("document", "words"),
    [(None, "not a state"), ([], "not a state"), ({}, "not a state"), ({"format": "apreconcile.plan/1"}, "not a state"),
     ({"format": 7}, "not a state"), ({"format": "apreconcile.state/2"}, "later version"), ({"format": FORMAT}, "damaged")],
)  # fmt: skip
def test_what_is_no_document_of_ours_is_refused(document, words):
    with pytest.raises(StoreError, match=words) as refused:
        from_json(document, source="the file")
    assert refused.value.hint


def test_binding_and_unbinding_leave_the_state_before_as_it_was():
    bound = EMPTY.bind(A, Resource("agt", "created", "+1"))
    gone = bound.unbind(A, how="deleted", at="2026")
    assert EMPTY.resources == {}
    assert list(bound.resources) == [A]
    assert gone.resources == {}
    assert gone.tombstones == (Tombstone(A, "agt", "2026", "deleted", "+1"),)
    assert gone.unbind(A, how="deleted", at="2026") is gone


def test_what_is_moved_stays_what_it_is_and_no_turn_goes_down():
    old, new = Address("number", "old"), Address("number", "new")
    held = Resource("num", "created", "+1", fields={"areaCode": Memory("s")})
    state = replace(EMPTY.bind(old, held).bind(A, held), turns={old: 3, new: 1})
    moved = state.rename(old, new)
    assert moved.resources == {A: held, new: held}
    assert (moved.turn(old), moved.turn(new)) == (3, 3)
    back = replace(moved, turns={old: 3, new: 5}).rename(new, old)
    assert (back.turn(old), back.turn(new)) == (5, 5)
    assert moved.tombstones == ()


def test_a_token_is_spent_with_its_intent_and_given_back_only_if_nothing_was_done():
    opened = EMPTY.open(INTENT)
    assert opened.turn(N) == 1
    assert opened.close(N).turn(N) == 1
    assert opened.close(N, undone=True).turn(N) == 0
    assert opened.close(A, undone=True) is opened
    assert opened.close(N, undone=True).close(N, undone=True).turn(N) == 0


def test_a_purchase_that_was_denied_stays_in_the_ledger_until_it_is_found():
    other, num = Resource("num_0", "imported", "+2"), Resource("num", "adopted", "+1")
    twice = EMPTY.open(INTENT, price="3.00").denied(N).open(INTENT, price="3.00").denied(N)
    assert (twice.intents, twice.turn(N)) == ({}, 2)
    assert [line.outcome for line in twice.ledger] == ["denied", "denied"]
    found = twice.found(N, num)
    assert [(line.outcome, line.id, line.phone_number) for line in found.ledger] == [
        ("denied", None, None),
        ("bought", "num", "+1"),
    ]
    assert found.found(N, num) is found
    assert found.found(A, other) is found


def test_an_intent_without_a_token_spends_none():
    free = Intent(A, "create", "0", "2026", "run", "2026")
    assert EMPTY.open(free).turn(A) == 0
    assert EMPTY.open(free).close(A, undone=True).turn(A) == 0


@settings(max_examples=50, derandomize=True, database=None, deadline=None)
@given(st.lists(st.sampled_from(["open", "undone", "done"]), max_size=12))
def test_turns_never_go_below_zero_and_count_what_was_spent(steps):
    state, spent = EMPTY, 0
    for step in steps:
        if step == "open" and N not in state.intents:
            state = state.open(INTENT)
        elif step != "open":
            spent += step == "done" and N in state.intents
            state = state.close(N, undone=step == "undone")
    assert state.turn(N) == spent + (N in state.intents)


def test_hashes_are_salted_with_what_the_document_alone_does_not_tell_twice():
    assert EMPTY.salt != FULL.salt
    assert FULL.salt == "acme/default/5eed"


def test_no_value_of_a_field_stands_in_the_document():
    assert '"name": {"sent": "s", "shown": "t", "secret": true}' in json.dumps(to_json(FULL))
