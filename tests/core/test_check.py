"""A check says yes, no, or that the read was no answer; what means the same is equal all the way down."""

from hashlib import sha256

import pytest

from apreconcile.core.address import Address
from apreconcile.core.call import Call, Check, IdOf, Reply, Secret, replace_at
from apreconcile.core.wire import close, settled, shows

READ = Call("GET", ("v1", "x"))
A = Address("agent", "a")
BODY = {
    "id": "x",
    "name": "A",
    "agentId": "agt",
    "status": "active",
    "limit": 0,
    "tools": [{"name": "t", "method": "POST"}],
}
GONE = Check(READ, None)
EMPTY_SLOT = Check(READ, None, slot=True)


def holds(expect, reply, *, slot=False, ids=None):
    return Check(READ, expect, slot=slot).holds(reply, ids or {})


@pytest.mark.parametrize(
    ("expect", "answer"),
    [
        ({}, True),
        ({"id": "x"}, True),
        ({"id": "y"}, False),
        ({"name": "A", "limit": 0}, True),
        ({"limit": 1}, False),
        ({"limit": 0.0}, True),
        ({"limit": False}, False),
        ({"agentId": IdOf(A)}, True),
        ({"agentId": IdOf(Address("agent", "unknown"))}, False),
        ({"agentId": None}, False),
        ({"name": Secret("A")}, True),
        ({"name": Secret("B")}, False),
        ({"tools": [{"name": "t"}]}, True),
        ({"tools": [{"name": "u"}]}, False),
        ({"tools": []}, False),
        ({"unknown": 7}, True),
    ],
)
def test_a_reply_is_compared_with_what_is_expected(expect, answer):
    assert holds(expect, Reply(200, BODY), ids={A: "agt"}) is answer


@pytest.mark.parametrize(
    ("value", "same"), [("", True), (None, True), ([], True), ({}, True), ("x", False), (0, False), (False, False)]
)
def test_empty_and_null_are_the_same_and_zero_and_false_are_not(value, same):
    assert holds({"note": None}, Reply(200, {"id": "x", "note": value})) is same


RUBBISH = [[], "x", 7, True, {}, {"name": "A"}, {"id": None}, {"id": ""}, {"id": 7}, [BODY]]


@pytest.mark.parametrize("body", RUBBISH, ids=repr)
@pytest.mark.parametrize(
    "check", [GONE, EMPTY_SLOT, Check(READ, {}), Check(READ, {"id": "x"}, slot=True)], ids=["gone", "empty", "any", "x"]
)
def test_rubbish_is_no_answer(check, body):
    assert check.holds(Reply(200, body), {}) is None


def test_null_is_an_empty_slot_and_elsewhere_no_answer():
    assert EMPTY_SLOT.holds(Reply(200, None), {}) is True
    assert Check(READ, {"id": "x"}, slot=True).holds(Reply(200, None), {}) is False
    assert GONE.holds(Reply(200, None), {}) is None


@pytest.mark.parametrize(
    ("reply", "gone"),
    [(Reply(404), True), (Reply(200, {"id": "x", "status": "released"}), True), (Reply(200, BODY), False)],
)
def test_gone_is_404_or_released(reply, gone):
    assert GONE.holds(reply, {}) is gone
    assert holds({"id": "x"}, reply) is not gone


def test_what_a_check_means_changes_with_what_it_expects_and_hides_secrets():
    secret = Check(READ, {"name": Secret("hush"), "agentId": IdOf(A)})
    assert secret.meaning("s") == Check(READ, {"agentId": IdOf(A), "name": Secret("hush")}).meaning("s")
    assert secret.meaning("s") != Check(READ, {"name": Secret("psst"), "agentId": IdOf(A)}).meaning("s")
    assert secret.meaning("s") != secret.meaning("t")
    assert secret.meaning("s") != Check(Call("GET", ("v1", "y")), secret.expect).meaning("s")
    assert "hush" not in repr(secret.meaning("s")) + repr(secret)


def test_the_meaning_of_a_check_is_a_form_that_stays_since_tokens_are_made_of_it():
    read = Call("GET", ("v1", "x"), {"hush": Secret("hush")})
    expect = {"agentId": IdOf(A), "name": Secret("hush")}
    assert Check(read, expect).meaning("s") == [
        ["GET", ["v1", "x"], [], {"hush": {"secret": sha256(b"s\0hush").hexdigest()}}],
        sha256(b's\0{"agentId":{"id":"agent.a"},"name":{"secret":"hush"}}').hexdigest(),
    ]


def test_parts_are_replaced_by_pointer():
    value = {"a/b": [{"c~d": 1}, 2], "e": 3}
    assert replace_at(value, {"/a~1b/0/c~0d", "/e"}, lambda one: -one) == {"a/b": [{"c~d": -1}, 2], "e": -3}
    assert value["e"] == 3
    assert replace_at(7, {""}, str) == "7"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1.0, True), (0.1 + 0.2, 0.3, True), (1.1000000238418579, 1.1, True), (1.1, 1.11, False), (1, True, False),
        (0, False, False), (0, None, False), (False, None, False), ("", None, True), ([], None, True), ({}, "", True),
        ("1", 1, False), ("a", "A", False), (None, None, True), ({"a": 1}, {"a": 1.0}, True), ({"a": 1}, {"a": True}, False),
        ({"a": 1}, {"b": 1}, False), ({"a": None}, {}, False), ([1, 2], [1, 2.0], True), ([1, 2], [2, 1], False),
        ([1], [1, 2], False), ([{"a": ""}], [{"a": None}], True), ("a", ["a"], False), (1e300, 1e300, True),
        (float("inf"), float("inf"), True), (10**15, 10**15 + 1, False),
    ],
)  # fmt: skip
def test_what_means_the_same(one, other, same):
    assert close(one, other) is same
    assert close(other, one) is same


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (1.0, 1),
        (1.0000001, 1),
        (1.5, 1.5),
        (True, True),
        ("", None),
        (0, 0),
        (0.0, 0),
        ("x", "x"),
        (float("inf"), float("inf")),
    ],
)
def test_one_form_for_what_means_the_same(value, form):
    assert settled(value) == form
    assert type(settled(value)) is type(form)


def test_a_reply_may_show_more_and_less_than_was_sent():
    assert shows({"a": 1, "b": {"c": 1, "d": 2}}, {"a": 1.0, "b": {"c": 1}, "e": 5})
    assert not shows({"b": {"c": 2}}, {"b": {"c": 1}})
    assert not shows([1], [1, 2])
