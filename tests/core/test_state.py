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
    to_second,
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
DELETION = Intent(A, "delete", "1" * 64, "2026-07-30T12:00:30Z", "run", "2026-07-30T12:00:00Z")
TOOLS = Memory("v", parts=("lookup/url",))
FULL = State(
    "acme", "default", "loopback", "sub_1", id="d0c", seed="5eed", serial=7, write="w",
    resources={A: Resource("agt", "created", fields={"name": Memory("s", "t", secret=True), "customTools": TOOLS}),
               N: Resource("num", "imported", "+14155550100", None, protect=True),
               Address("webhook", "w"): Resource("wh", "adopted", parent="agt", delivered="s1nk")},
    turns={N: 2, A: 0}, intents={N: INTENT, A: DELETION},
    ledger=(Purchase(N, "2026", "3.00", "unknown"), Purchase(N, "2026", "3.00", "bought", "num", "+1")),
    ignored=("b", "a"), unclaimed=("d", "c"),
    tombstones=(Tombstone(A, "old", "2026", "deleted"), Tombstone(N, "num0", "2026", "lost", "+2")),
    lock=Lock("run", "me", "", "2026", "2027"), elsewhere="git", copy_of="local",
)  # fmt: skip
DOCUMENT = {
    "format": "apreconcile.state/1",
    "project": "acme",
    "environment": "default",
    "scope": {"host": "loopback", "sub_account": "sub_1"},
    "id": "d0c",
    "seed": "5eed",
    "serial": 7,
    "write": "w",
    "resources": {
        "agent.a": {
            "id": "agt",
            "origin": "created",
            "protect": False,
            "fields": {
                "customTools": {"sent": "v", "shown": None, "parts": ["lookup/url"]},
                "name": {"sent": "s", "shown": "t", "secret": True},
            },
        },
        "number.n": {"id": "num", "origin": "imported", "phoneNumber": "+14155550100", "protect": True},
        "webhook.w": {"id": "wh", "origin": "adopted", "parent": "agt", "protect": False, "delivered": "s1nk"},
    },
    "turns": {"number.n": 2},
    "intents": {
        "agent.a": {
            "address": "agent.a",
            "action": "delete",
            "payload": "1" * 64,
            "sendBy": "2026-07-30T12:00:30Z",
            "run": "run",
            "opened": "2026-07-30T12:00:00Z",
            "protect": False,
        },
        "number.n": {
            "address": "number.n",
            "action": "create",
            "payload": "0" * 64,
            "sendBy": "2026-07-30T12:00:30Z",
            "run": "run",
            "opened": "2026-07-30T12:00:00Z",
            "protect": False,
            "seen": "9ab9de25768a",
            "token": "buy:number.n@0",
            "risks": ["spends"],
        },
    },
    "seen": {"9ab9de25768a": ["x", "y"]},
    "ledger": [
        {"address": "number.n", "at": "2026", "amount": "3.00", "outcome": "unknown"},
        {"address": "number.n", "at": "2026", "amount": "3.00", "outcome": "bought", "id": "num", "phoneNumber": "+1"},
    ],
    "ignored": ["a", "b"],
    "unclaimed": ["c", "d"],
    "tombstones": [
        {"address": "agent.a", "id": "old", "at": "2026", "how": "deleted"},
        {"address": "number.n", "id": "num0", "at": "2026", "how": "lost", "phoneNumber": "+2"},
    ],
    "lock": {"run": "run", "who": "me", "where": "", "since": "2026", "until": "2027"},
    "elsewhere": "git",
    "copy_of": "local",
}
MAYBE = {"elsewhere", "copy_of"}
"""What stands in a document only while it is being copied."""


def test_a_document_has_every_key_that_older_and_newer_programs_look_for():
    assert to_json(FULL) == DOCUMENT
    assert set(to_json(EMPTY)) == set(DOCUMENT) - MAYBE


@pytest.mark.parametrize("state", [EMPTY, FULL], ids=["empty", "full"])
def test_a_document_reads_back_as_what_was_written(state):
    again = from_json(json.loads(json.dumps(to_json(state))), source="it")
    turns = {at: turn for at, turn in state.turns.items() if turn}
    assert again == replace(
        state, turns=turns, ignored=tuple(sorted(state.ignored)), unclaimed=tuple(sorted(state.unclaimed))
    )


def test_an_id_that_is_no_proper_text_can_be_kept_too():
    odd = replace(EMPTY, intents={N: replace(INTENT, seen=("\ud800",))})
    assert from_json(json.loads(json.dumps(to_json(odd))), source="it") == odd


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


@pytest.mark.parametrize("name", sorted(set(to_json(FULL)) - {"format"} - MAYBE))
def test_a_part_that_is_missing_is_damage(name):
    document = to_json(FULL)
    del document[name]
    with pytest.raises(StoreError, match="damaged"):
        from_json(document, source="the file")


RESTORE = "restore it from a backup; do not edit it by hand"


@pytest.mark.parametrize(
    ("document", "message", "hint"),
    [
        (None, "is not a state document", RESTORE),
        ([], "is not a state document", RESTORE),
        ({}, "is not a state document", RESTORE),
        ({"format": "apreconcile.plan/1"}, "is not a state document", RESTORE),
        ({"format": 7}, "is not a state document", RESTORE),
        (
            {"format": "apreconcile.state/2"},
            "was written by a later version (apreconcile.state/2)",
            "upgrade apreconcile",
        ),
        ({"format": FORMAT}, "is damaged (KeyError: 'seen')", RESTORE),
        (DOCUMENT | {"turns": {"me": 1}}, "is damaged (ValueError: 'me' is no address)", RESTORE),
    ],
)
def test_what_is_no_document_of_ours_is_refused(document, message, hint):
    with pytest.raises(StoreError) as refused:
        from_json(document, source="the file")
    assert (refused.value.message, refused.value.hint) == (f"the file {message}", hint)


def test_times_are_shown_without_what_is_smaller_than_a_second():
    assert to_second("2026-07-30T12:00:00.999999Z") == to_second("2026-07-30T12:00:00Z") == "2026-07-30T12:00:00Z"


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
    assert replace(state, turns={old: 3, new: 5}).rename(old, new).turn(new) == 5


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


def test_a_price_is_spent_with_its_intent_and_stays_until_it_has_its_word():
    assert EMPTY.open(INTENT).ledger == ()
    opened = EMPTY.open(INTENT, price="3.00")
    assert opened.ledger == (Purchase(N, INTENT.opened, "3.00", "unknown"),)
    other = replace(INTENT, address=Address("number", "m"))
    both = opened.open(other, price="6.00")
    assert both.close(N).ledger == (Purchase(other.address, INTENT.opened, "6.00", "unknown"),)
    assert both.close(A) is both
    assert [line.outcome for line in both.denied(N).ledger] == ["denied", "unknown"]
    again = both.denied(N).open(INTENT, price="3.00")
    assert [line.outcome for line in again.close(N).ledger] == ["denied", "unknown"], "what was denied is history"


def test_the_newest_of_several_denied_purchases_is_the_one_that_is_found():
    state = EMPTY
    for at in ("2026-01", "2026-02", "2026-03"):
        state = state.open(replace(INTENT, opened=at), price="3.00").denied(N)
    found = state.found(N, Resource("num", "adopted"))
    assert [(line.at, line.outcome) for line in found.ledger] == [
        ("2026-01", "denied"),
        ("2026-02", "denied"),
        ("2026-03", "bought"),
    ]


def test_what_was_made_is_ours_and_paid_for_and_what_was_lost_before_is_a_tombstone():
    m = Address("number", "m")
    made = Resource("num", "created", "+1")
    lost = EMPTY.bind(N, Resource("num_0", "created", "+2"))
    state = lost.open(INTENT, price="3.00").open(replace(INTENT, address=m), price="3.00").made(N, made, at="2027")
    assert state.resources == {N: made}
    assert state.tombstones == (Tombstone(N, "num_0", "2027", "lost", "+2"),)
    assert list(state.intents) == [m]
    assert (state.turn(N), state.turn(m)) == (1, 1)
    assert state.ledger == (
        Purchase(N, INTENT.opened, "3.00", "bought", "num", "+1"),
        Purchase(m, INTENT.opened, "3.00", "unknown"),
    )


def test_nothing_of_a_step_leaves_after_the_earlier_of_two_moments():
    opened = EMPTY.open(INTENT).open(DELETION)
    sent = opened.sent(N, by="2026-07-30T12:00:05Z")
    assert sent.intents == {N: replace(INTENT, send_by="2026-07-30T12:00:05Z"), A: DELETION}
    assert sent.sent(N, by="2026-07-30T12:00:07Z") == sent
    assert EMPTY.sent(N, by="2026") is EMPTY


def test_a_protection_is_put_on_and_lifted_and_counts_the_tokens_that_it_spent():
    held = Resource("num", "created", "+1", fields={"areaCode": Memory("s")})
    state = replace(EMPTY.bind(N, held).bind(A, held), turns={N: 2, A: 7})
    on = state.protected(N, protect=True, tokens=0)
    assert on.resources == {N: replace(held, protect=True), A: held}
    lifted = on.protected(N, protect=False, tokens=1)
    assert (lifted.resources, lifted.turns) == (state.resources, {N: 3, A: 7})
    assert lifted.protected(N, protect=True, tokens=-1) == on


def test_a_secret_that_is_about_to_be_another_one_is_nobodys():
    held = Resource("wh", "created", parent="agt", protect=True, delivered="s1nk")
    state = EMPTY.bind(A, held).bind(N, held)
    assert state.undelivered(A).resources == {A: replace(held, delivered=None), N: held}
    assert state.undelivered(Address("webhook", "w")) is state


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
