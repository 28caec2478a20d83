"""A token names exactly one step: any change of what it means is another token, and nothing else is."""

import dataclasses
import itertools
import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256

import pytest

from apreconcile.core.address import Address
from apreconcile.core.approval import (
    Approval,
    Voice,
    digest_of_step,
    fits,
    held,
    persons,
    phrase,
    probing,
    strangeness,
    takeable,
    with_token,
)
from apreconcile.core.approval import weigh as weigh_voices
from apreconcile.core.call import Call, Check, IdOf, Secret
from apreconcile.core.change import Adopt, Create, Delete, FieldDiff, Move, Protect, Update
from apreconcile.core.place import Place
from apreconcile.core.plan import Cost, Delivery, Plan, Probe, Scope, Step
from apreconcile.core.planfile import dump, load
from apreconcile.core.policy import Approvers
from apreconcile.core.risk import Risk
from apreconcile.core.sink import Sink
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
    return with_token(step, verb, state=state, scope=scope).token


def changed(step, **more):
    return dataclasses.replace(step, **more)


def body(**more):
    call = BUY.calls[0]
    return changed(BUY, calls=(Call(call.method, call.path, {**call.body, **more}),))


def releasing(seen):
    return {"step": changed(RELEASE, change=Delete(N, seen)), "verb": "release"}


def shown(**more):
    """A step that goes only while this is shown."""
    return changed(BUY, guards=(Check(Call("GET", ("v1", "numbers")), {"status": "active", **more}),))


def delivered(name):
    return changed(BUY, delivery=Delivery(Sink(file="env", name=name), Call("GET", ("v1", "webhooks")), "secret", ()))


OTHERS = {
    "another verb": {"verb": "rebuy"},
    "another project": {"state": dataclasses.replace(STATE, project="acme2")},
    "another environment": {"state": dataclasses.replace(STATE, environment="prod")},
    "another host": {"scope": Scope("api.agentphone.to")},
    "another sub-account": {"scope": Scope("api.agentphone.ai", "sub")},
    "another document": {"state": dataclasses.replace(STATE, id="d0d")},
    "another salt": {"state": dataclasses.replace(STATE, seed="5eee")},
    "another turn": {"state": dataclasses.replace(STATE, turns={N: 1})},
    "another area": {"step": body(areaCode="212")},
    "another agent": {"step": body(agentId=IdOf(Address("agent", "b")))},
    "another secret": {"step": body(tag=Secret("y"))},
    "a field more": {"step": body(type="sms")},
    "a text for a hole": {"step": body(agentId="agent.a")},
    "another risk": {"step": changed(BUY, risks=frozenset({Risk.SPENDS, Risk.REROUTES}))},
    "a call more": {"step": changed(BUY, calls=(*BUY.calls, *RELEASE.calls))},
    "calls in another order": {"step": changed(BUY, calls=(*RELEASE.calls, *BUY.calls))},
    "another method": {"step": changed(BUY, calls=(Call("PUT", BUY.calls[0].path, BUY.calls[0].body),))},
    "a query": {"step": changed(BUY, calls=(Call("POST", BUY.calls[0].path, BUY.calls[0].body, (("a", "b"),)),))},
    "another action": {"step": changed(BUY, change=Update(N, WANTED, LIVE, (), {}))},
    "what is lost": {"step": changed(BUY, change=Move(N, A, WANTED, None, "m"))},
    "a lost one before": {"step": changed(BUY, change=Create(N, WANTED, (), "m", "num_0"))},
    "another address": {"step": changed(BUY, change=Create(Address("number", "m"), WANTED, (), "m"))},
    "something that must be true": {"step": shown()},
    "something else that must be true": {"step": shown(status="released")},
    "somebody who is handed its secret": {"step": delivered("HOOK")},
    "somebody else who is handed its secret": {"step": delivered("HOOK_2")},
    "other words": {"step": changed(BUY, change=Create(N, WANTED, (FieldDiff("areaCode", None, "415"),), "m"))},
    "other words still": {"step": changed(BUY, change=Create(N, WANTED, (FieldDiff("areaCode", None, "212"),), "m"))},
    "a release": {"step": RELEASE, "verb": "release"},
    "a release of another id": releasing(Seen("number", "num_2", LIVE.body)),
    "a release of another number": releasing(Seen("number", "num_1", {**LIVE.body, "phoneNumber": "+1"})),
}


@pytest.mark.parametrize("case", OTHERS)
def test_any_change_of_meaning_is_another_token(case):
    assert of(**OTHERS[case]) != of()


def test_no_two_meanings_share_a_token():
    assert len({of(**other) for other in OTHERS.values()} | {of()}) == len(OTHERS) + 1


def test_what_must_be_true_is_salted_in_a_token_so_that_it_cannot_be_guessed_from_there():
    """A phone number has few digits. Apart from the salt, the two documents are the same."""
    bare = changed(shown(phoneNumber="+14155550100"), calls=())
    other = dataclasses.replace(STATE, seed="5eee")
    assert of(bare) != of(bare, state=other)
    assert of(changed(bare, guards=())) == of(changed(bare, guards=()), state=other)


def test_all_that_a_token_means_is_this_so_that_what_was_approved_counts_in_the_next_version_too():
    fields = (FieldDiff("agent", None, IdOf(A)), FieldDiff("tag", "old", Secret("x")))
    step = changed(
        delivered("HOOK"), guards=shown().guards, risks=frozenset(Risk), change=Create(N, WANTED, fields, "m", "num_0")
    )
    state = dataclasses.replace(STATE, turns={N: 3, A: 7})
    (guard,), secret = step.guards, Secret("x").digest(state.salt)
    covers = {
        "target": {"lost": "num_0"}, "still": [guard.meaning(state.salt)], "document": "d0c", "turn": 3,
    }  # fmt: skip
    meaning = {
        "verb": "buy", "address": "number.n", "project": "acme", "environment": "default",
        "scope": {"host": "api.agentphone.ai", "sub_account": "sub"}, "action": "create",
        "risks": ["irreversible", "reroutes", "rotates-secret", "spends", "unprotects"],
        "fields": [
            {"field": "agent", "before": None, "after": "agent.a"},
            {"field": "tag", "before": "(secret)", "after": "(secret)", "secret": True},
        ],
        "calls": [{
            "method": "POST", "path": ["v1", "numbers"], "body": {"areaCode": "415", "agentId": None, "tag": None},
            "holes": [{"at": "/body/agentId", "id": "agent.a"}, {"at": "/body/tag", "sha256": secret}],
        }],
        "covers": covers, "sink": "env as HOOK",
    }  # fmt: skip
    text = json.dumps(meaning, sort_keys=True, separators=(",", ":"))
    made = with_token(step, "buy", state=state, scope=Scope("api.agentphone.ai", "sub"))
    assert made.covers == covers
    assert made.digest == sha256(text.encode()).hexdigest()
    assert made.token == f"buy:number.n@{made.digest[:32]}"


TARGETS = {
    "something new": (BUY, None),
    "something lost": (changed(BUY, change=Create(N, WANTED, (), "m", "num_0")), {"lost": "num_0"}),
    "a number": (RELEASE, {"id": "num_1", "phoneNumber": "+14155550100"}),
    "no number": (changed(RELEASE, change=Delete(A, Seen("agent", "agt_1", {}))), {"id": "agt_1", "phoneNumber": None}),
    "what cannot be seen": (changed(BUY, change=Move(N, A, WANTED, None, "m")), None),
}


@pytest.mark.parametrize("case", TARGETS)
def test_what_a_step_acts_on_stands_beside_its_token(case):
    step, target = TARGETS[case]
    made = with_token(step, "buy", state=STATE, scope=SCOPE)
    assert made.covers
    assert made.covers.get("target") == target
    assert ("target" in made.covers) == (target is not None)


def the_document(step, **more):
    whole = Plan(
        "acme", "default", SCOPE, (step,), (), (), (), Cost(Decimal(0)), "0" * 64, 1, "2026-01-02T03:04:05Z", 7,
        salt=STATE.salt,
    )  # fmt: skip
    return load(dump(dataclasses.replace(whole, **more)))


SHOWN = with_token(
    changed(
        delivered("HOOK"), change=Create(N, WANTED, (FieldDiff("url", "https://a", "https://b"),), "m", "num_0"),
        guards=shown().guards,
    ), "rebuy", state=STATE, scope=SCOPE,
)  # fmt: skip


def edited(document, at, value):
    """A plan document with another value of its one step, or of its own."""
    (step,) = document["steps"]
    inner = step if at[0] in step else document
    for name in at[:-1]:
        inner = inner[name]
    inner[at[-1]] = value
    return document


EDITS = {
    "another project": (("project",), "acme2"), "another environment": (("environment",), "prod"),
    "another host": (("scope", "host"), "loopback"), "a sub-account": (("scope", "sub_account"), "sub"),
    "another address": (("address",), "number.m"), "another action": (("action",), "delete"),
    "no risk": (("risks",), []), "a risk more": (("risks",), ["irreversible", "spends"]),
    "another field": (("fields", 0, "field"), "name"), "another value before": (("fields", 0, "before"), "https://b"),
    "another value": (("fields", 0, "after"), "https://a"), "a value hidden": (("fields", 0, "secret"), True),
    "no fields": (("fields",), []), "no calls": (("calls",), []), "another method": (("calls", 0, "method"), "PUT"),
    "another path": (("calls", 0, "path"), ["v1", "agents"]), "another body": (("calls", 0, "body", "areaCode"), "212"),
    "another reference": (("calls", 0, "holes", 0, "id"), "agent.b"),
    "another secret": (("calls", 0, "holes", 1, "sha256"), "0" * 64),
    "another place": (("calls", 0, "holes", 0, "at"), "/body/tag"),
    "another query": (("calls", 0, "query"), [["a", "b"]]),
    "another sink": (("sink",), "env as HOOK_2"), "another lost one": (("covers", "target", "lost"), "num_1"),
    "no target": (("covers", "target"), {}), "nothing to be true": (("covers", "still"), []),
    "another document": (("covers", "document"), "none"), "another turn": (("covers", "turn"), 1),
    "another verb": (("token",), str(SHOWN.token).replace("rebuy", "buy")),
    "the token of another address": (("token",), str(SHOWN.token).replace(".n@", ".m@")),
    "another token": (("token",), f"rebuy:number.n@{'0' * 32}"), "another digest": (("digest",), "0" * 64),
    "the same half of another digest": (("digest",), str(SHOWN.digest)[:32] + "0" * 32),
}  # fmt: skip


@pytest.mark.parametrize("case", EDITS)
def test_a_step_of_a_plan_file_that_is_not_what_its_token_means_does_not_fit(case):
    document = the_document(SHOWN)
    (step,) = document["steps"]
    assert digest_of_step(document, step, "rebuy") == SHOWN.digest
    assert fits(document, step)
    edited(document, *EDITS[case])
    assert not fits(document, step)


def test_a_verb_is_one_word():
    """A token that begins like a harmless one, and whose digest is of more than that word, is no token."""
    document = the_document(SHOWN)
    (step,) = document["steps"]
    step["digest"] = digest_of_step(document, step, "rebuy:release")
    step["token"] = f"rebuy:release:number.n@{step['digest'][:32]}"
    assert not fits(document, step)


@pytest.mark.parametrize("key", ["covers", "sink", "digest"])
def test_a_step_of_a_plan_file_that_lacks_what_its_token_covers_does_not_fit(key):
    document = the_document(SHOWN)
    (step,) = document["steps"]
    del step[key]
    assert not fits(document, step)


@pytest.mark.parametrize(
    "at", [("why",), ("after",), ("warnings",), ("requests",), ("expires",), ("calls", 0, "holes", 1, "env")]
)
def test_what_is_only_said_beside_a_step_may_change(at):
    document = the_document(SHOWN)
    edited(document, at, ["other"])
    assert fits(document, document["steps"][0])


SAME = {
    "a new serial": {"state": dataclasses.replace(STATE, serial=99, write="x")},
    "other words": {"step": changed(BUY, why=("because",))},
    "another place in the order": {"step": changed(BUY, stage=7, after=(A,))},
    "another turn elsewhere": {"state": dataclasses.replace(STATE, turns={A: 5})},
    "another name of the variable": {"step": body(tag=Secret("x", ("OTHER",)))},
}


@pytest.mark.parametrize("case", SAME)
def test_an_identical_plan_keeps_its_tokens(case):
    assert of(**SAME[case]) == of()


def test_only_until_there_is_a_state_a_token_tells_accounts_apart_by_their_keys():
    one, other = (Scope("api.agentphone.ai", account=key) for key in ("1", "2"))
    new = dataclasses.replace(STATE, id="none")
    assert of(state=new, scope=one) != of(state=new, scope=other)
    assert of(scope=one) == of(scope=other) == of()


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


def test_a_token_that_matches_nothing_is_told_with_what_its_step_wants_now():
    plain = plan(changed(BUY, token=None), *TWO.steps)
    nothing = "matches no step of this plan"
    assert strangeness(plain, "") == f"the token (empty) {nothing}"
    assert strangeness(plain, "buy:number.m@0") == f"the token buy:number.m@0 {nothing}"
    for given in ("buy:number.n@0", "buy:number.n", "buy:number.n@0@0"):
        said = f"the token {given} {nothing}; what it approved was changed or done since, and now wants {of()}"
        assert strangeness(plain, given) == said


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


BUYS, RELEASES = (
    with_token(BUY, "buy", state=STATE, scope=SCOPE),
    with_token(RELEASE, "release", state=STATE, scope=SCOPE),
)
BOTH = plan(BUYS, RELEASES)
ENTRY = Approval(
    str(BUYS.token), str(BUYS.digest), "ann@x", "why not", "2027-01-02T00:00:00Z", "2026-12-31T12:00:00Z", "signed",
    Place("f.yaml", 3, 5),
)  # fmt: skip
SIGNERS = Approvers(b"", required=1)


def entry(**more):
    return changed(ENTRY, **more)


def signed(by="ann@x", key="SHA256:1", **more):
    return Voice(entry().approve, entry(by=by, **more), key)


def weighed(*voices, approvers=None, now=NOW):
    return weigh_voices(BOTH, voices, approvers=approvers, now=now)


def test_an_entry_counts_for_its_step_alone_and_its_name_is_kept():
    for one in (entry(), entry(signature=None), entry(at=None)):
        found = weighed(Voice(one.approve, one))
        assert (found.granted, found.by) == ({BUYS.name}, {BUYS.name: ("ann@x",)})
        assert (found.warnings, found.required) == ((), 0)
    assert weighed(Voice(str(BUYS.token))).by == {BUYS.name: ()}


def test_where_nobody_has_to_sign_no_signature_is_counted():
    assert weighed(signed(), signed("bob@x", "SHA256:2")).signed == {BUYS.name: 0}


LONG = "it is for longer than the 168 hours that an approval may hold"
UNTIMELY = {
    "expired this instant": ({"expires": "2027-01-01T00:00:00Z"}, "it expired at 2027-01-01T00:00:00Z"),
    "endless": ({"expires": "2099-01-01T00:00:00Z"}, LONG),
    "a second too long": ({"expires": "2027-01-07T12:00:01Z"}, LONG),
    "a second too long from now": ({"at": None, "expires": "2027-01-08T00:00:01Z"}, LONG),
    "dated ahead": (
        {"at": "2027-01-01T00:05:01Z", "expires": "2027-01-01T00:06:00Z"},
        "it is dated in the future (2027-01-01T00:05:01Z)",
    ),
    "another digest that begins alike": (
        {"digest": ENTRY.digest[:32] + "0" * 32}, "its digest is not that of the step",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNTIMELY)
def test_an_entry_that_does_not_count_is_told_with_its_line(case):
    more, why = UNTIMELY[case]
    one = entry(**more)
    for approvers in (None, SIGNERS):
        found = weighed(Voice(one.approve, one, "SHA256:1"), approvers=approvers)
        assert (found.granted, found.counted) == (frozenset(), ())
        assert found.warnings == (f"f.yaml:3:5: ann@x: {one.approve} is not approved by this: {why}",)


TIMELY = [
    {"expires": "2027-01-01T00:00:01Z"}, {"expires": "2027-01-07T12:00:00Z"},
    {"at": None, "expires": "2027-01-08T00:00:00Z"},
    {"at": "2027-01-01T00:05:00Z", "expires": "2027-01-01T00:06:00Z"},
]  # fmt: skip


@pytest.mark.parametrize("more", TIMELY, ids=str)
def test_an_entry_counts_to_its_last_second(more):
    assert weighed(Voice(ENTRY.approve, entry(**more))).granted == {BUYS.name}
    assert weighed(signed(**more), approvers=SIGNERS).granted == {BUYS.name}


def test_the_policy_says_how_long_an_approval_may_hold():
    short = Approvers(b"", lifetime=timedelta(hours=36))
    assert weighed(signed(), approvers=short).granted == {BUYS.name}
    short = Approvers(b"", lifetime=timedelta(hours=35))
    assert "longer than the 35 hours" in weighed(signed(), approvers=short).warnings[0]


def test_a_post_dated_approval_would_begin_to_count_if_it_did_not_say_when_it_was_given():
    late = NOW.replace(month=12, day=28)
    far = {"expires": "2027-12-31T00:00:00Z"}
    assert weighed(signed(**far), approvers=SIGNERS, now=late).granted == frozenset()
    assert weighed(signed(**far, at=None), approvers=SIGNERS, now=late).granted == {BUYS.name}


def test_with_approvers_neither_tokens_nor_what_is_unsigned_or_unverified_counts():
    token = Voice(str(BUYS.token))
    unsigned, unheard = Voice(ENTRY.approve, entry(signature=None), "SHA256:1"), Voice(ENTRY.approve, ENTRY)
    doubted = Voice(ENTRY.approve, ENTRY, None, "nobody knows that key")
    found = weighed(token, unsigned, unheard, doubted, approvers=SIGNERS)
    assert (found.granted, found.counted, found.signed) == (frozenset(), (), {})
    assert [said.rpartition(": ")[2] for said in found.warnings] == [
        "the policy wants signatures, and this has none", "the policy wants signatures, and this has none",
        "its signature was not verified", "nobody knows that key",
    ]  # fmt: skip


def test_a_signature_for_one_step_is_none_for_another():
    moved = changed(ENTRY, approve=str(RELEASES.token), digest=str(RELEASES.digest))
    found = weighed(Voice(moved.approve, moved, None, "its signature is not good"), signed(), approvers=SIGNERS)
    assert found.granted == {BUYS.name}
    crossed = entry(approve=str(RELEASES.token))
    assert weighed(Voice(crossed.approve, crossed, "SHA256:1"), approvers=SIGNERS).granted == frozenset()


A1, A2, B1, B2, C3 = (signed(by, f"SHA256:{key}") for by, key in ("a1", "a2", "b1", "b2", "c3"))
PEOPLE = {
    "nobody": ((), 0), "one": ((A1,), 1), "one twice": ((A1, A1), 1), "one with two keys": ((A1, A2), 1),
    "one with two keys and two reasons": ((A1, signed("a", "SHA256:2", reason="and more")), 1),
    "one key under two names": ((A1, B1), 1), "two": ((A1, B2), 2), "two who share": ((A1, A2, B2), 1),
    "a chain": ((A1, B2, A2), 1), "three": ((A1, B2, C3), 3), "two of three": ((A1, B1, C3), 2),
    "all that there are": ((A1, A2, B1, B2, C3), 2),
}  # fmt: skip


@pytest.mark.parametrize("case", PEOPLE)
def test_so_many_people_are_those_that_share_neither_name_nor_key(case):
    voices, number = PEOPLE[case]
    for some in itertools.permutations(voices):
        assert persons(some) == number
    for required in range(5):
        found = weighed(*voices, approvers=Approvers(b"", required=required))
        assert found.granted == ({BUYS.name} if voices and number >= required else frozenset())
        assert found.signed == ({BUYS.name: number} if voices else {})
        assert found.required == max(required, 1)
        assert set(found.by) == found.granted


def test_entries_that_are_spent_are_counted_a_file_and_those_of_a_step_that_changed_are_told():
    spent = [entry(approve=f"buy:number.gone{n}@{'0' * 32}", place=Place("f.yaml", n, 1)) for n in (1, 2)]
    other = entry(approve=f"buy:number.gone@{'0' * 32}", place=Place("g.yaml", 1, 1))
    moved = entry(approve=f"{str(BUYS.token)[:-32]}{'0' * 32}")
    loose = entry(approve=other.approve, place=None)
    found = weighed(*(Voice(one.approve, one) for one in (*spent, moved, other)))
    assert found.warnings == (
        f"f.yaml:3:5: ann@x: {strangeness(BOTH, moved.approve)}",
        "f.yaml: 2 entries are spent, or of no step of this plan",
        "g.yaml: 1 entry is spent, or of no step of this plan",
    )
    assert "now wants" in found.warnings[0]
    assert weighed(Voice(loose.approve, loose)).warnings[0].endswith(strangeness(BOTH, loose.approve))


def test_who_says_it_twice_says_it_once_and_strangers_are_told_with_their_line():
    found = weighed(signed(), signed(reason="again"), signed(), approvers=SIGNERS)
    assert (len(found.counted), found.by) == (2, {BUYS.name: ("ann@x",)})
    stray = entry(approve="buy:number.n@" + "0" * 32)
    (said,) = weighed(Voice(stray.approve, stray)).warnings
    assert said == f"f.yaml:3:5: ann@x: {strangeness(BOTH, stray.approve)}"
    assert str(BUYS.token) in said


def test_a_step_without_a_whole_digest_takes_no_entry():
    bare = plan(changed(BUYS, digest=None))
    assert weigh_voices(bare, [Voice(ENTRY.approve, ENTRY)], approvers=None, now=NOW).granted == frozenset()


def test_what_is_signed_is_all_of_the_entry_but_its_signature():
    whole = b'{"approve":"%s","at":"2026-12-31T12:00:00Z","by":"ann@x","digest":"%s","expires":"2027-01-02T00:00:00Z","reason":"why not"}'
    assert ENTRY.message == whole % (ENTRY.approve.encode(), ENTRY.digest.encode())
    others = [entry(**{name: "x"}).message for name in ("approve", "digest", "by", "reason", "expires", "at")]
    assert len({ENTRY.message, entry(at=None).message, *others}) == 8
    assert entry(signature="other", place=None).message == ENTRY.message


# Which steps would be taken, and which test events sent.

W = Address("webhook", "w")
HOOK = Seen("webhook", "whk", {"id": "whk"})


def taking(change, *after):
    return Step(change, (), frozenset(), 0, after)


def making(at, *after):
    return taking(Create(at, WANTED, (), "m"), *after)


def wanting(step):
    """The step, which is held unless somebody approves it."""
    return changed(step, risks=frozenset({Risk.SPENDS}))


@pytest.mark.parametrize(
    ("drawn", "left"),
    [
        ("a n<a w<a", "a n w"),
        ("a! n<a w", "w"),
        ("a! n<a w<n", ""),
        ("a! n w<na", "n"),
        ("a n!<a w", "a w"),
        ("a! n! w", "w"),
        ("a n! w<a", "a w"),
    ],
)
def test_what_waits_for_something_held_is_not_taken(drawn, left):
    """Each word is an address, `!` if it is held, and what it comes after."""
    made, nodes = [], {"a": A, "n": N, "w": W}
    for word in drawn.split():
        name, _, after = word.partition("<")
        step = making(nodes[name[0]], *(nodes[one] for one in after))
        made.append(wanting(step) if name.endswith("!") else step)
    assert [step.address for step in takeable(plan(*made), ())] == [nodes[name] for name in left.split()]
    assert takeable(plan(*made), [step.name for step in made]) == tuple(made), "all of it, once it is approved"
    permits = [changed(step, permit="by the policy") for step in made]
    assert takeable(plan(*permits), ()) == tuple(permits)


ADOPTED, UPDATED, SHIELDED = (
    taking(Adopt(W, WANTED, HOOK, "m", "so")), taking(Update(W, WANTED, HOOK, (), {}), W),
    taking(Protect(W, WANTED, HOOK, protect=False), W),
)  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "left", "tested"),
    [
        ([ADOPTED, UPDATED], ["adopt", "update"], True),
        ([wanting(ADOPTED), UPDATED], [], False),
        ([wanting(ADOPTED), changed(UPDATED, after=())], [], False),
        ([ADOPTED, wanting(UPDATED)], ["adopt"], False),
        ([SHIELDED, UPDATED], ["unprotect", "update"], True),
        ([wanting(SHIELDED), UPDATED], ["update"], False),
        ([SHIELDED, wanting(UPDATED)], ["unprotect"], False),
        ([wanting(UPDATED), SHIELDED], ["unprotect"], False),
        ([], [], True),
        ([wanting(making(A))], [], True),
        ([wanting(making(A)), changed(UPDATED, after=(A,))], [], False),
    ],
)
def test_of_one_address_only_its_protection_stands_alone_and_it_is_tested_once_all_is_done(steps, left, tested):
    sent = Probe(W, Call("POST", ("v1", "webhooks", "test")))
    made = dataclasses.replace(plan(*steps), probes=(sent,))
    assert [step.verb for step in takeable(made, ())] == left
    assert probing(made, ()) == ((sent,) if tested else ())
    assert probing(made, [step.name for step in steps]) == (sent,)
