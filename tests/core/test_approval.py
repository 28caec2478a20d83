"""A token names exactly one step: any change of what it means is another token, and nothing else is."""

import dataclasses
import itertools
import re
from datetime import UTC, datetime

import pytest

from apreconcile.core.address import Address
from apreconcile.core.approval import Voice, held, phrase, strangeness, token
from apreconcile.core.approval import weigh as weigh_voices
from apreconcile.core.call import Call, IdOf, Secret
from apreconcile.core.change import Create, Delete, Update
from apreconcile.core.place import Place
from apreconcile.core.plan import Plan, Scope, Step
from apreconcile.core.risk import Risk
from apreconcile.core.snapshot import Seen
from apreconcile.core.state import State
from apreconcile.core.wanted import Wanted

N, A = Address("number", "n"), Address("agent", "a")
WANTED = Wanted(N, {"areaCode": "415"}, Place("f", 1, 1))
STATE = State("acme", "default", "api.agentphone.ai", id="d0c", seed="5eed")
SCOPE = Scope("api.agentphone.ai")
BUY = Step(
    Create(N, WANTED, (), "apr:acme/default/n"),
    (Call("POST", ("v1", "numbers"), {"areaCode": "415", "agentId": IdOf(A), "tag": Secret("x")}),),
    frozenset({Risk.SPENDS}), 2,
)  # fmt: skip
LIVE = Seen("number", "num_1", {"id": "num_1", "phoneNumber": "+14155550100", "status": "active"})
RELEASE = Step(Delete(N, LIVE), (Call("DELETE", ("v1", "numbers", "num_1")),), frozenset({Risk.IRREVERSIBLE}), 5)


NOW = datetime(2027, 1, 1, tzinfo=UTC)


def weigh(plan, tokens):
    """Tokens alone, where nobody has to sign."""
    return weigh_voices(plan, [Voice(one) for one in tokens], approvers=None, now=NOW)


def of(step=BUY, verb="buy", state=STATE, scope=SCOPE):
    return token(step, verb, state=state, scope=scope)


def changed(step, **more):
    return dataclasses.replace(step, **more)


def body(**more):
    call = BUY.calls[0]
    return changed(BUY, calls=(Call(call.method, call.path, {**call.body, **more}),))


OTHERS = {
    "another verb": of(verb="rebuy"),
    "another project": of(state=dataclasses.replace(STATE, project="acme2")),
    "another environment": of(state=dataclasses.replace(STATE, environment="prod")),
    "another host": of(scope=Scope("api.agentphone.to")),
    "another sub-account": of(scope=Scope("api.agentphone.ai", "sub")),
    "another document": of(state=dataclasses.replace(STATE, id="d0d")),
    "another turn": of(state=dataclasses.replace(STATE, turns={N: 1})),
    "another area": of(body(areaCode="212")),
    "another agent": of(body(agentId=IdOf(Address("agent", "b")))),
    "another secret": of(body(tag=Secret("y"))),
    "a field more": of(body(type="sms")),
    "a text for a hole": of(body(agentId="agent.a")),
    "another risk": of(changed(BUY, risks=frozenset({Risk.SPENDS, Risk.REROUTES}))),
    "a call more": of(changed(BUY, calls=(*BUY.calls, *RELEASE.calls))),
    "calls in another order": of(changed(BUY, calls=(*RELEASE.calls, *BUY.calls))),
    "another method": of(changed(BUY, calls=(Call("PUT", BUY.calls[0].path, BUY.calls[0].body),))),
    "a query": of(changed(BUY, calls=(Call("POST", BUY.calls[0].path, BUY.calls[0].body, (("a", "b"),)),))),
    "another action": of(changed(BUY, change=Update(N, WANTED, LIVE, (), {}))),
    "a lost one before": of(changed(BUY, change=Create(N, WANTED, (), "m", "num_0"))),
    "another address": of(changed(BUY, change=Create(Address("number", "m"), WANTED, (), "m"))),
    "a release": of(RELEASE, "release"),
    "a release of another id": of(changed(RELEASE, change=Delete(N, Seen("number", "num_2", LIVE.body))), "release"),
    "a release of another number": of(
        changed(RELEASE, change=Delete(N, Seen("number", "num_1", {**LIVE.body, "phoneNumber": "+1"}))), "release"
    ),
}


@pytest.mark.parametrize("case", OTHERS)
def test_any_change_of_meaning_is_another_token(case):
    assert OTHERS[case] != of()


def test_no_two_meanings_share_a_token():
    assert len(set(OTHERS.values()) | {of()}) == len(OTHERS) + 1


SAME = {
    "a new serial": of(state=dataclasses.replace(STATE, serial=99, write="x")),
    "other words": of(changed(BUY, why=("because",))),
    "another place in the order": of(changed(BUY, stage=7, after=(A,))),
    "another turn elsewhere": of(state=dataclasses.replace(STATE, turns={A: 5})),
    "another name of the variable": of(body(tag=Secret("x", ("OTHER",)))),
}


@pytest.mark.parametrize("case", SAME)
def test_an_identical_plan_keeps_its_tokens(case):
    assert SAME[case] == of()


def test_a_token_is_a_verb_an_address_and_32_hex_digits():
    assert re.fullmatch(r"buy:number\.n@[0-9a-f]{32}", of())


def plan(*steps):
    return Plan("acme", "default", SCOPE, steps, (), (), (), None, "0", 1, "", 0)


TWO = plan(changed(BUY, token=of()), changed(RELEASE, token=of(RELEASE, "release")))


def test_a_token_grants_its_own_step_and_no_other():
    assert weigh(TWO, [of()]).granted == {("number.n", "create")}
    assert [step.action for step in held(TWO, weigh(TWO, [of()]).granted)] == ["delete"]
    assert held(TWO, weigh(TWO, [of(), of(RELEASE, "release")]).granted) == ()


WRONG = [
    of().upper(), of()[:-1], of() + "0", " " + of(), of() + "\n", of().replace("buy:", ""), of().replace("buy", "rebuy"),
    of().split("@")[0], of().split("@")[1], "buy:number.*", "*", "", "all", of().replace("number.n", "number.m"),
    of().replace("@", "@sha256:"), of()[:-1] + ("0" if of()[-1] != "0" else "1"),
]  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_nothing_but_the_whole_exact_token_counts(text):
    found = weigh(TWO, [text])
    assert found.granted == frozenset()
    assert found.warnings == (strangeness(TWO, text),)


def test_tokens_given_twice_count_once_and_in_any_order():
    tokens = [of(), of(RELEASE, "release"), of(), "stray", "stray"]
    for given in itertools.permutations(tokens):
        found = weigh(TWO, given)
        assert found.granted == {("number.n", "create"), ("number.n", "delete")}
        assert found.warnings == (strangeness(TWO, "stray"),)


def test_a_step_that_only_reroutes_wants_no_approval_and_what_wants_one_is_held():
    free = changed(BUY, risks=frozenset({Risk.REROUTES}), token=None)
    assert not free.wants_approval
    assert held(plan(free), frozenset()) == ()
    for risk in set(Risk) - {Risk.REROUTES}:
        assert held(plan(changed(BUY, risks=frozenset({risk}))), frozenset())


def test_a_release_is_approved_by_typing_the_number_and_the_rest_by_verb_and_address():
    assert phrase(TWO.steps[1]) == "+14155550100"
    assert phrase(TWO.steps[0]) == "buy number.n"
    nameless = changed(TWO.steps[1], change=Delete(N, Seen("number", "num_1", {})))
    assert phrase(nameless) == "release number.n"
