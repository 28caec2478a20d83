"""Calls: values with holes, which are filled when sent and never shown."""

from dataclasses import replace
from datetime import timedelta

import pytest

from apreconcile.core.address import Address
from apreconcile.core.call import After, Call, IdOf, Reply, Secret, canonical, has_secret, holes, replace_holes

A, N = Address("agent", "a"), Address("number", "n")
CALL = Call(
    "POST", ("v1", "agents", IdOf(A), "numbers"), {"numberId": IdOf(N), "x": [Secret("hush"), Secret("psst", ("ENV",))]}
)


def test_a_call_needs_the_ids_of_its_holes():
    assert CALL.needs == {A, N}
    assert Call("GET", ("v1",)).needs == frozenset()


def test_filling_leaves_no_hole_and_changes_nothing_in_place():
    filled = CALL.fill({A: "agt/1", N: "num_1"})
    assert filled.path == ("v1", "agents", "agt/1", "numbers")
    assert filled.body == {"numberId": "num_1", "x": ["hush", "psst"]}
    assert not list(holes([list(filled.path), filled.body]))
    assert CALL.needs == {A, N}


def test_an_id_that_is_not_known_cannot_be_filled():
    with pytest.raises(KeyError):
        CALL.fill({A: "agt_1"})


@pytest.mark.parametrize("ends", [None, ""])
def test_what_is_to_end_is_not_sent_without_its_end(ends):
    call = Call("POST", ("v1", "numbers"), {"expiresAt": After(timedelta(hours=72))})
    assert call.fill({}, ends="2026-05-01T00:00:00Z").body == {"expiresAt": "2026-05-01T00:00:00Z"}
    with pytest.raises(KeyError, match="72h"):
        call.fill({}, ends=ends)


@pytest.mark.parametrize(
    ("lifetime", "text"),
    [(timedelta(days=3), "72h"), (timedelta(minutes=90), "90m"), (timedelta(seconds=61), "61s")],
)
def test_a_hole_for_a_moment_says_how_long_after(lifetime, text):
    shown = Call("POST", ("v1", "numbers"), {"expiresAt": After(lifetime)}).to_json("")
    assert (shown["body"], shown["holes"]) == ({"expiresAt": None}, [{"at": "/body/expiresAt", "after": text}])


def test_what_it_carries_beside_the_body_stays():
    call = Call("GET", ("v1",), query=(("limit", "100"),), names=A)
    assert call.fill({}) == call


def test_the_plan_file_has_null_in_place_and_the_holes_beside():
    assert CALL.to_json("s") == {
        "method": "POST",
        "path": ["v1", "agents", None, "numbers"],
        "body": {"numberId": None, "x": [None, None]},
        "holes": [
            {"at": "/body/numberId", "id": "number.n"},
            {"at": "/body/x/0", "masked": True, "sha256": CALL.body["x"][0].digest("s")},
            {"at": "/body/x/1", "env": "ENV", "sha256": CALL.body["x"][1].digest("s")},
            {"at": "/path/2", "id": "agent.a"},
        ],
    }


def test_a_query_is_shown_where_there_is_one():
    assert Call("GET", ("v1",), query=(("a", "b"),)).to_json("s")["query"] == [["a", "b"]]


def test_the_order_of_a_body_is_nothing_to_the_plan_file():
    one = Call("POST", ("v1",), {"a": Secret("x"), "b": Secret("y")})
    other = Call("POST", ("v1",), {"b": Secret("y"), "a": Secret("x")})
    assert canonical(one.to_json("s")) == canonical(other.to_json("s"))


def test_pointers_are_escaped_as_json_pointers_are():
    assert [at for at, _ in holes({"a/b": {"c~d": Secret("x")}})] == ["/a~1b/c~0d"]


def test_the_meaning_is_a_form_that_stays_since_tokens_are_made_of_it():
    body = {"a": IdOf(A), "b": Secret("hush"), "c": After(timedelta(hours=1))}
    call = Call("POST", ("v1", IdOf(N)), body, query=(("limit", "1"),))
    digest = "56237475fba14d3b34d917d5ed25a7876628cfb0327eb7cac63fc9952334562e"
    path, query = ["v1", {"id": "number.n"}], [["limit", "1"]]
    said = {"a": {"id": "agent.a"}, "b": {"secret": digest}, "c": {"after": "1h"}}
    assert call.meaning("salt") == ["POST", path, query, said]
    assert replace(call, outside=True).meaning("salt") == ["POST", path, query, said, "outside"]


def test_the_meaning_does_not_change_when_an_id_becomes_known_but_with_every_value_and_salt():
    meaning = canonical(CALL.meaning("salt"))
    assert b"agent.a" in meaning
    assert b"hush" not in meaning
    changed = Call(CALL.method, CALL.path, {**CALL.body, "x": [Secret("hush2"), Secret("psst", ("ENV",))]})
    assert canonical(changed.meaning("salt")) != meaning
    assert canonical(CALL.meaning("other")) != meaning
    renamed = Call(CALL.method, CALL.path, {**CALL.body, "x": [Secret("hush", ("A",)), Secret("psst", ("B",))]})
    assert canonical(renamed.meaning("salt")) == meaning


def test_a_text_that_looks_like_a_hole_is_a_text():
    plain = Call("POST", ("v1",), {"a": "<agent.a>", "b": {"id": "agent.a"}, "c": {"secret": "x"}})
    assert list(holes(plain.body)) == []
    hole = Call("POST", ("v1",), {"a": "<agent.a>", "b": IdOf(A), "c": {"secret": "x"}})
    assert canonical(plain.meaning("s")) != canonical(hole.meaning("s")) or plain.to_json("s") != hole.to_json("s")


def test_a_secret_does_not_show_itself():
    assert repr(Secret("hush")) == str(Secret("hush")) == f"{Secret('hush')}" == "Secret(***)"
    assert "hush" not in f"{CALL} {CALL!r}"


def test_a_secret_is_known_again_by_its_salted_hash():
    assert Secret("a").digest("s") == Secret("a", ("N",)).digest("s")
    assert Secret("a").digest("s") != Secret("a").digest("t")
    assert Secret("\ud800").digest("s") != Secret("").digest("s")
    assert Secret("b").digest("sa") != Secret("ab").digest("s"), "salt and text cannot be shifted into each other"


def test_a_secret_is_found_wherever_it_stands():
    assert has_secret({"a": [1, {"b": Secret("x")}]})
    assert not has_secret({"a": [1, {"b": IdOf(A)}]})


def test_replacing_reaches_maps_lists_and_tuples():
    value = {"a": [IdOf(A), ({"b": Secret("x")},)], "c": 1}
    assert replace_holes(value, lambda _: "-") == {"a": ["-", [{"b": "-"}]], "c": 1}


def test_canonical_is_one_form_for_one_value():
    assert canonical({"b": 1, "a": [None, True, "ü"]}) == '{"a":[null,true,"ü"],"b":1}'.encode()
    assert canonical("\ud800") == b'"\xed\xa0\x80"'
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical(float("nan"))


def test_a_reply_has_no_body_unless_there_is_one():
    assert Reply(204).body is None
