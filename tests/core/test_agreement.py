"""Of a saved plan only that is taken which a plan made now has too; the rest has its word, and says why."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apreconcile.core.address import Address
from apreconcile.core.agreement import ALREADY, agree
from apreconcile.core.outcome import Outcome, Word
from apreconcile.core.planfile import name_of

SHA, OTHER = "ab" * 32, "cd" * 32


def diff(field, before, after):
    return {"field": field, "before": before, "after": after}


def call(body=None, *holes, method="PATCH", path=("v1", "agents", "agt_1"), **more):
    return {"method": method, "path": list(path), "body": body, "holes": list(holes), **more}


def step(address="agent.a", action="update", *, fields=(), calls=(), risks=(), after=(), token=None):
    return {
        "address": address, "action": action, "risks": list(risks), "token": token, "after": list(after),
        "fields": list(fields), "calls": list(calls), "why": [],
    }  # fmt: skip


def renamed(was="A", now="B", **more):
    return step(fields=[diff("name", was, now)], calls=[call({"name": now})], **more)


def document(*steps, blocked=()):
    return {"digest": SHA, "steps": list(steps), "blocked": list(blocked)}


def agreed(saved, fresh, *, blocked=()):
    return agree(document(*saved), document(*fresh, blocked=blocked))


def error(saved, fresh, **more):
    """What is said of the first step, which is stale."""
    outcome = agreed([saved], fresh, **more).words[name_of(saved)]
    assert outcome.word is Word.STALE
    return outcome.error


def words(found):
    return {f"{at} {action}": str(one.word) for (at, action), one in found.words.items()}


def test_what_both_say_is_taken():
    found = agreed([renamed()], [renamed()])
    assert (found.taken, found.words, found.new) == (frozenset({("agent.a", "update")}), {}, frozenset())
    assert found.digest == SHA


def test_order_token_reasons_and_what_comes_after_are_the_fresh_ones():
    saved = renamed(token=f"delete:agent.a@{SHA[:32]}", after=["number.x"]) | {"why": ["approved"], "permit": "all"}
    both = [step("agent.b", "create"), renamed()]
    assert len(agreed([saved, both[0]], both).taken) == 2


@pytest.mark.parametrize(
    ("live", "says"),
    [
        (renamed("C", "B"), 'name: planned "A" -> "B", the account now has "C"'),
        (renamed("A", "D"), 'name: planned "A" -> "B", and now "D" is wanted'),
        (renamed("C", "D"), 'name: planned "A" -> "B", the account now has "C", and now "D" is wanted'),
        (renamed(risks=["irreversible", "spends"]), "now also: irreversible, spends"),
        (step(fields=[diff("name", "A", "B"), diff("x", 1, True)], calls=[call({"name": "B", "x": True})]), "x: not planned, and now 1 -> true"),
        (renamed(None, "B"), 'name: planned "A" -> "B", the account now has nothing'),
        (step(fields=[diff("x", None, 1)], calls=[call({"x": 1})]), 'name: planned "A" -> "B", and not to change any more; x: not planned, and now 1'),
        (renamed() | {"calls": [call({"name": "B"}, path=("v1", "agents", "agt_2"))]}, "another target: planned PATCH /v1/agents/agt_1, now PATCH /v1/agents/agt_2"),
        (renamed() | {"calls": []}, "another target: planned PATCH /v1/agents/agt_1, now none"),
        (renamed() | {"calls": [call({"name": "B"}), call(method="DELETE")]}, "another target: planned PATCH /v1/agents/agt_1, now PATCH /v1/agents/agt_1, then DELETE /v1/agents/agt_1"),
        (renamed("A", "C") | {"calls": []}, 'name: planned "A" -> "B", and now "C" is wanted'),
        (renamed() | {"calls": [call({"name": "B", "more": [1, {}]})]}, "more/0: planned nothing, now 1; more/1: planned nothing, now {}"),
        (renamed() | {"calls": [call({"name": "C"})]}, 'name: planned "B", now "C"'),
        (renamed() | {"calls": [call({})]}, 'name: planned "B", now nothing; body: planned nothing, now {}'),
        (renamed() | {"calls": [call({"name": {"é": 1, "A": [], "b": {}}})]}, 'name: planned "B", now nothing; name/é: planned nothing, now 1; name/A: planned nothing, now []; name/b: planned nothing, now {}'),
        (renamed() | {"calls": [call({"name": "B"}, query=[["a", "b"]])]}, 'query: planned [], now [["a", "b"]]'),
        (renamed() | {"calls": [call({"name": None}, {"at": "/body/name", "id": "agent.b"})]}, 'name: planned "B", now agent.b'),
        (renamed() | {"calls": [call({"name": None}, {"at": "/body/name", "env": "X", "sha256": SHA})]}, "name: another secret than was planned"),
        (renamed() | {"calls": [call({"name": "B"}) | {"more": 1}]}, "it is sent otherwise now"),
    ],
)  # fmt: skip
def test_what_differs_is_named_with_what_was_planned_and_what_is_live(live, says):
    assert error(renamed(), [live]) == says


@pytest.mark.parametrize(
    ("planned", "live", "was", "now"),
    [
        ("`keep a`", "`keep b`", '"`keep a`"', '"`keep b`"'),
        (None, "`keep b`", '"nobody"', '"`keep b`"'),
        ("`keep a`", None, '"`keep a`"', '"nobody"'),
    ],
)
def test_another_sink_is_told(planned, live, was, now):
    saved, fresh = (renamed() | ({"sink": sink} if sink else {}) for sink in (planned, live))
    assert error(saved, [fresh]) == f"its signing secret was to be handed to {was}, and now to {now}"
    assert agreed([saved], [saved]).words == {}


def test_a_risk_that_is_gone_is_named_and_one_that_nobody_knows_too():
    assert error(renamed(risks=["spends", "teleports"]), [renamed()]) == "no longer: spends, teleports"


def test_an_int_is_no_float_and_no_boolean():
    one = step(calls=[call({"x": 1})])
    for other in (1.0, True, "1"):
        says = f"x: planned 1, now {json.dumps(other)}"
        assert error(one, [step(calls=[call({"x": other})])]) == says


def test_another_secret_is_told_and_not_shown():
    was, now = ({"at": "/body/tools/0/key", "masked": True, "sha256": sha} for sha in (SHA, OTHER))
    saved, live = (step(calls=[call({"tools": [{"key": None}]}, hole)]) for hole in (was, now))
    bare = step(calls=[call({"tools": [{"key": "plain"}]})])
    for one, other in ((saved, live), (saved, bare), (bare, live)):
        assert error(one, [other]) == "tools/0/key: another secret than was planned"


def test_another_secret_is_told_beside_the_fields():
    def with_secret(name, sha):
        return step(
            fields=[diff("name", "A", name)],
            calls=[call({"name": name, "p": None}, {"at": "/body/p", "env": "P", "sha256": sha})],
        )

    said = error(with_secret("B", SHA), [with_secret("C", OTHER)])
    assert said == 'name: planned "A" -> "B", and now "C" is wanted; p: another secret than was planned'


def test_a_target_that_is_not_there_yet_is_an_address():
    path, hole = ("v1", "agents", None, "webhook"), {"at": "/path/2", "id": "agent.a"}
    was, now = call({}, hole, method="POST", path=path), call({}, hole | {"id": "agent.b"}, method="POST", path=path)
    said = error(step(calls=[was]), [step(calls=[now])])
    assert said == "another target: planned POST /v1/agents/agent.a/webhook, now POST /v1/agents/agent.b/webhook"


def test_fields_that_are_only_listed_otherwise_are_told():
    saved = renamed() | {"fields": [diff("name", "A", "B")] * 2}
    assert error(saved, [renamed()]) == "its fields are listed otherwise now"


def test_fields_of_a_file_that_are_not_what_is_sent_make_it_stale():
    shown = renamed() | {"fields": [diff("name", "A", "Harmless")]}
    assert error(shown, [renamed()]) == 'name: planned "A" -> "Harmless", and now "B" is wanted'


def test_of_long_values_the_place_is_shown_where_they_differ():
    start = "x" * 500
    said = error(renamed(None, f"{start}one{start}"), [renamed(None, f"{start}two{start}")])
    assert said == f"name: planned …{'x' * 12}one{'x' * 45}…, and now …{'x' * 12}two{'x' * 45}… is wanted"


def test_of_long_values_that_differ_at_once_the_beginning_is_shown():
    said = error(renamed("A", "y" * 100), [renamed("A", "z" * 100)])
    assert said == f'name: planned "A" -> "{"y" * 59}…, and now "{"z" * 59}… is wanted'


@pytest.mark.parametrize(
    ("planned", "live", "was", "now"),
    [
        ("y" * 58, "z" * 58, f'"{"y" * 58}"', f'"{"z" * 58}"'),
        ("x" * 57 + "y", "x" * 57 + "z", f'"{"x" * 57}y"', f'"{"x" * 57}z"'),
        ("y" * 59, "z" * 58, f'"{"y" * 59}…', f'"{"z" * 58}"'),
        (10**69, 10**70, f"…{'0' * 12}", f"…{'0' * 13}"),
        ({"b": "é" * 60, "a": 1}, {"a": 1, "b": "é"}, f'…: 1, "b": "{"é" * 49}…', '…: 1, "b": "é"}'),
        (["x" * 90], ["x" * 90, 1], f'…{"x" * 11}"]', f'…{"x" * 11}", 1]'),
        (["x" * 90, "y" * 47], ["x" * 90], f'…{"x" * 11}", "{"y" * 45}…', f'…{"x" * 11}"]'),
        (["x" * 90, "y" * 43], ["x" * 90], f'…{"x" * 11}", "{"y" * 43}"]', f'…{"x" * 11}"]'),
    ],
)
def test_of_long_values_no_more_is_shown_than_fits(planned, live, was, now):
    said = error(renamed(None, planned), [renamed(None, live)])
    assert said == f"name: planned {was}, and now {now} is wanted"


def test_a_long_value_that_differs_from_no_other_is_cut():
    said = error(renamed("x" * 90, "x" * 90), [renamed("x" * 90, "x" * 90, risks=["spends"]) | {"fields": []}])
    assert said == f'name: planned "{"x" * 59}… -> "{"x" * 59}…, and not to change any more; now also: spends'


def test_what_no_stream_takes_is_spelled():
    found = agreed(
        [step(action="ex\udc80"), renamed("\ud800", "B") | {"address": "agent.b"}], [renamed() | {"address": "agent.b"}]
    )
    for one in found.words.values():
        f"{one.action}{one.verb}{one.error}".encode()
    assert [one.action for one in found.words.values()] == ["ex\\udc80", "update"]


# What is said of a step

HEX = SHA[:32]


@pytest.mark.parametrize(
    ("saved", "verb", "name"),
    [
        (step("number.n", "create", token=f"buy:number.n@{HEX}"), "buy", ("number.n", "create")),
        (step("number.n", "delete", token=f"release:number.n@{HEX}"), "release", ("number.n", "delete")),
        (renamed(), "update", ("agent.a", "update")),
        (step("number.n", fields=[diff("protect", False, True)]), "protect", ("number.n", "protect")),
        (
            step("number.n", fields=[diff("protect", True, False)], token=f"unprotect:number.n@{HEX}"),
            "unprotect",
            ("number.n", "protect"),
        ),
    ],
)
def test_a_step_that_is_not_taken_is_told_as_one_that_is(saved, verb, name):
    [stale] = agreed([saved], [saved | {"risks": ["odd"]}]).words.values()
    [gone] = agreed([saved], []).words.values()
    for said in (stale, gone):
        assert (said.address, said.verb, said.name) == (Address(*saved["address"].split(".")), verb, name)


# What the fresh plan does not have


def test_what_is_not_wanted_any_more_is_done_without_a_call():
    found = agreed([renamed(), step("number.n", "delete", risks=["irreversible"])], [])
    assert words(found) == {"agent.a update": "done", "number.n delete": "done"}
    assert {one.because for one in found.words.values()} == {ALREADY}
    assert not any(one.changed for one in found.words.values())


def test_what_is_blocked_now_is_stale_with_the_reason():
    stop = {"address": "agent.a", "reason": "the quota is used up", "hint": ""}
    elsewhere = stop | {"address": "agent.b"}
    assert error(renamed(), [], blocked=[stop, elsewhere]) == "it is blocked now: the quota is used up"
    assert words(agreed([renamed()], [], blocked=[elsewhere])) == {"agent.a update": "done"}


def test_what_was_blocked_when_it_was_saved_is_no_reason():
    """A step that was planned beside a block of its address, and is done, has nothing left to do."""
    stop = {"address": "agent.a", "reason": "the quota is used up", "hint": None}
    other = {"address": "agent.a", "reason": "the key is taken", "hint": None}

    def gone(blocked):
        return agree(document(renamed(), blocked=[stop]), document(blocked=blocked))

    assert words(gone([stop])) == {"agent.a update": "done"}
    assert words(gone([])) == {"agent.a update": "done"}
    both = gone([stop, other]).words.values()
    assert [one.error for one in both] == [
        "it is blocked now: the quota is used up; it is blocked now: the key is taken"
    ]


def test_what_wants_another_action_now_is_stale():
    made = step(action="create", fields=[diff("name", None, "B"), diff("voice", None, "v")])
    assert (
        error(made, [renamed("C", "B")])
        == 'it was to create, and is to update now; name: planned "B", the account now has "C"'
    )
    assert error(made, [step(action="adopt")]) == "it was to create, and is to adopt now"


def test_what_is_left_of_an_address_of_which_a_part_was_done_is_taken():
    found = agreed([step(action="adopt"), renamed(after=["agent.a"])], [renamed()])
    assert words(found) == {"agent.a adopt": "done"}
    assert found.taken == {("agent.a", "update")}


def test_an_action_that_this_version_does_not_know_is_stale():
    assert error(step(action="explode"), []) == 'this version does not know the action "explode"'
    assert error(step(action="explode"), [step(action="explode")][:0]).startswith("this version")


def test_protection_is_a_step_of_its_own():
    on = step("number.n", fields=[diff("protect", False, True)])
    off = step("number.n", fields=[diff("protect", True, False)], risks=["unprotects"])
    move = step("number.n", fields=[diff("agent", "agent.a", "agent.b")], calls=[call({})])
    assert agreed([on, move], [on, move]).taken == {("number.n", "protect"), ("number.n", "update")}
    assert (
        error(on, [off])
        == "protect: planned false -> true, the account now has true, and now false is wanted; now also: unprotects"
    )
    assert words(agreed([off, move], [on, move])) == {"number.n protect": "stale"}


# What comes after


def test_what_comes_after_a_stale_step_is_not_taken_and_nothing_else_stops():
    saved = [
        step("agent.a", "create", calls=[call({"name": "A"})]),
        step("agent.b", "create"),
        step("number.n", "create", after=["agent.a"]),
        step("number.m", "create", after=["agent.b"]),
        step("webhook.w", "create", after=["number.n"]),
    ]
    found = agreed(saved, [step("agent.a", "create", calls=[call({"name": "C"})]), *saved[1:]])
    assert words(found) == {"agent.a create": "stale", "number.n create": "skipped", "webhook.w create": "skipped"}
    assert found.words["number.n", "create"].because == "agent.a"
    assert found.words["webhook.w", "create"].because == "number.n"
    assert found.taken == {("agent.b", "create"), ("number.m", "create")}


def test_what_comes_after_a_stale_adoption_of_its_own_is_not_taken():
    saved = [step(action="adopt", calls=[call({"externalId": "x"})]), renamed(after=["agent.a"])]
    found = agreed(saved, [step(action="adopt", calls=[call({"externalId": "y"})]), saved[1]])
    assert words(found) == {"agent.a adopt": "stale", "agent.a update": "skipped"}


def test_what_comes_after_a_step_that_the_file_does_not_have_is_stale():
    number = step("number.n", calls=[call({})])
    late = number | {"after": ["agent.a"]}
    said = error(number, [step("agent.a", "create"), late])
    assert said == "it comes after agent.a now, which the saved plan does not have"
    assert error(renamed(), [step(action="adopt"), renamed(after=["agent.a"])]).startswith(
        "it comes after a step to adopt it now"
    )


def test_what_comes_after_something_that_is_done_already_is_taken():
    saved = [step("agent.a", "create"), step("number.n", "create", after=["agent.a"])]
    assert agreed(saved, [step("number.n", "create")]).taken == {("number.n", "create")}


def test_what_only_the_fresh_plan_has_is_new():
    found = agreed([renamed()], [renamed(), step("agent.z", "create")])
    assert found.new == {("agent.z", "create")}
    assert found.order == (("agent.a", "update"),)


def test_a_report_has_the_steps_of_the_file_in_their_order():
    saved = [step("number.n", "create"), step("agent.gone", "delete"), renamed()]
    found = agreed(saved, [renamed(), step("number.n", "create")])
    taken = {name: Outcome(None, name[1], Word.DONE) for name in found.taken}
    assert [one.because for one in found.completed(taken)] == [None, ALREADY, None]


# Properties

addresses = st.sampled_from(["agent.a", "agent.b", "number.n"])
steps = st.builds(
    step,
    addresses,
    st.sampled_from(["create", "update", "delete", "adopt", "move", "forget", "explode"]),
    fields=st.lists(
        st.builds(diff, st.sampled_from("xy"), st.none() | st.text(), st.none() | st.integers()), max_size=2
    ),
    calls=st.lists(
        st.builds(call, st.dictionaries(st.sampled_from("xy"), st.integers() | st.lists(st.text()))), max_size=2
    ),
    risks=st.lists(st.sampled_from(["spends", "odd"]), max_size=2, unique=True),
    after=st.lists(addresses, max_size=2),
)
plans = st.lists(steps, max_size=4, unique_by=name_of)


@settings(deadline=None)
@given(plans, plans)
def test_every_step_is_taken_or_has_a_word_and_what_is_taken_is_the_same_in_both(saved, fresh):
    found = agreed(saved, fresh)
    assert found.taken | found.words.keys() == set(found.order) == {name_of(one) for one in saved}
    assert not found.taken & found.words.keys()
    assert found.new == {name_of(one) for one in fresh} - set(found.order)
    live = {name_of(one): one for one in fresh}
    for one in saved:
        if name_of(one) in found.taken:
            same = live[name_of(one)]
            assert all(one[key] == same[key] for key in ("address", "action", "fields", "calls"))
            assert set(one["risks"]) == set(same["risks"])


@settings(deadline=None)
@given(plans)
def test_a_plan_agrees_with_itself_and_its_order_is_nothing(made):
    known = [one for one in made if one["action"] != "explode"]
    for saved in (known, known[::-1]):
        assert agreed(saved, known).taken == {name_of(one) for one in known}
