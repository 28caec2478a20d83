import copy
import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apreconcile.core import planfile
from apreconcile.core.address import Address
from apreconcile.core.call import Call, IdOf, Secret, canonical
from apreconcile.core.change import Blocked, Create, Delete, FieldDiff, Protect, Update
from apreconcile.core.errors import PlanFileError
from apreconcile.core.place import Place
from apreconcile.core.plan import Cost, Delivery, Member, Plan, Probe, Scope, Step, Unmanaged
from apreconcile.core.planfile import (
    check_current,
    check_home,
    check_intact,
    check_purpose,
    digest_of,
    dump,
    encode,
    load,
    name_of,
    plan_digest,
    to_json,
)
from apreconcile.core.risk import Risk
from apreconcile.core.sink import Sink
from apreconcile.core.snapshot import Seen
from apreconcile.core.wanted import Wanted
from apreconcile.version import __version__

SUPPORT, MAIN, EVENTS = Address("agent", "support"), Address("number", "support-main"), Address("webhook", "events")
HEX = "4f1c9a2b1d0e7755c3a81f6290bd4e3a"


def wanted(address, **fields):
    return Wanted(address, fields, Place("agentphone.yaml", 1, 1))


def buy(**more):
    fields = (FieldDiff("country", None, "US"), FieldDiff("agent", None, IdOf(SUPPORT)))
    call = Call("POST", ("v1", "numbers"), {"country": "US", "agentId": IdOf(SUPPORT)}, names=MAIN)
    step = Step(
        Create(MAIN, wanted(MAIN), fields, "apr:acme/default/support-main"),
        (call,),
        frozenset({Risk.SPENDS}),
        2,
        after=(SUPPORT,),
        token=f"buy:{MAIN}@{HEX}",
        why=("+$3.00/month",),
    )
    return replace(step, **more)


LIVE = Seen("webhook", "wh_1", {})


def changed(*fields, **more):
    risks = frozenset({Risk.ROTATES_SECRET, Risk.REROUTES})
    return replace(Step(Update(EVENTS, wanted(EVENTS), LIVE, fields, {}), (), risks, 3), **more)


def handed(to, **more):
    return changed(delivery=Delivery(Sink(command=("keep", to)), Call("GET", ("v1", "webhook")), "secret", ()), **more)


def plan(*steps, **more):
    made = Plan(
        "acme-support", "default", Scope("api.agentphone.ai"), steps, (), (), (), Cost(Decimal(3), 2, 10),
        digest="ab" * 32, serial=4, expires="2026-01-02T03:04:05Z", requests=7,
    )  # fmt: skip
    return replace(made, **more)


def test_a_plan_has_every_key_of_the_contract():
    whole = plan(
        buy(),
        warnings=("odd",),
        unmanaged=(Unmanaged("number", "num_9", "+14155550199"),),
        blocked=(Blocked(EVENTS, "a wish", "keep it"),),
        unsafe=(Blocked(None, "no state", exit=9),),
    )

    assert to_json(whole) == {
        "format": "apreconcile.plan/1",
        "project": "acme-support",
        "environment": "default",
        "scope": {"host": "api.agentphone.ai", "sub_account": None},
        "digest": "ab" * 32,
        "expires": "2026-01-02T03:04:05Z",
        "serial": 4,
        "tool": f"apreconcile {__version__}",
        "summary": {
            "create": 1, "update": 0, "delete": 0, "adopt": 0, "move": 0, "forget": 0, "blocked": 2, "unmanaged": 1,
        },
        "cost": {"monthly_delta": "3.00", "currency": "USD", "numbers_used": 2, "numbers_limit": 10},
        "steps": [
            {
                "address": "number.support-main",
                "action": "create",
                "risks": ["spends"],
                "token": f"buy:number.support-main@{HEX}",
                "after": ["agent.support"],
                "fields": [
                    {"field": "country", "before": None, "after": "US"},
                    {"field": "agent", "before": None, "after": "agent.support"},
                ],
                "calls": [
                    {
                        "method": "POST",
                        "path": ["v1", "numbers"],
                        "body": {"country": "US", "agentId": None},
                        "holes": [{"at": "/body/agentId", "id": "agent.support"}],
                    }
                ],
                "why": ["+$3.00/month"],
            }
        ],
        "blocked": [
            {"address": None, "reason": "no state", "hint": "", "exit": 9},
            {"address": "webhook.events", "reason": "a wish", "hint": "keep it"},
        ],
        "unmanaged": [{"kind": "number", "id": "num_9", "name": "+14155550199"}],
        "warnings": ["odd"],
        "requests": 7,
    }  # fmt: skip


def test_what_only_some_plans_have_stands_there_where_it_is():
    some = to_json(
        plan(
            handed("events", digest="cd" * 32, permit="rotates-secret"),
            cost=Cost(Decimal(3), as_of="2026-01-01", unpriced=(MAIN,)),
            probes=(Probe(EVENTS, Call("POST", ("v1", "agents", IdOf(SUPPORT), "webhook", "test"), {"a": SECRET})),),
            policy="4b825dc",
            signatures=2,
            destroys=True,
            members=(Member(SUPPORT, "Support"), Member(MAIN, parent=SUPPORT)),
        )
    )

    [step] = some["steps"]
    assert (step["digest"], step["permit"], step["sink"]) == ("cd" * 32, "rotates-secret", "`keep events`")
    assert (some["cost"]["prices_as_of"], some["cost"]["unpriced"]) == ("2026-01-01", ["number.support-main"])
    assert some["tests"] == [
        {"address": "webhook.events", "method": "POST", "path": ["v1", "agents", None, "webhook", "test"]}
    ]
    assert (some["policy"], some["signatures"], some["destroy"]) == ("4b825dc", 2, True)
    assert some["resources"] == [
        {"address": "agent.support", "label": "Support", "parent": None},
        {"address": "number.support-main", "label": "", "parent": "agent.support"},
    ]
    assert load(encode(some)) == some


@pytest.mark.parametrize(
    "step",
    [
        buy(),
        changed(),
        changed(FieldDiff("url", "a", "b")),
        changed(FieldDiff("protect", "a", "b"), calls=(Call("PATCH", ("x",)),)),
        changed(FieldDiff("protect", "a", "b"), FieldDiff("url", "a", "b")),
        Step(Protect(MAIN, wanted(MAIN), LIVE, True), (), frozenset(), 1),
        Step(Protect(MAIN, wanted(MAIN), LIVE, False), (), frozenset({Risk.UNPROTECTS}), 1),
    ],
)
def test_a_step_of_a_document_has_the_name_of_the_step_that_it_was_written_for(step):
    assert name_of(to_json(plan(step))["steps"][0]) == step.name


def test_the_file_is_canonical_json_and_a_newline():
    assert dump(plan(buy())) == canonical(to_json(plan(buy()))) + b"\n"


def test_risks_are_sorted():
    assert to_json(plan(changed()))["steps"][0]["risks"] == ["reroutes", "rotates-secret"]


def test_a_deletion_has_no_fields():
    step = Step(Delete(MAIN, Seen("number", "num_1", {})), (), frozenset({Risk.IRREVERSIBLE}), 4)
    assert to_json(plan(step))["steps"][0]["fields"] == []


@pytest.mark.parametrize(
    ("amount", "told"), [("3", "3.00"), ("0", "0.00"), ("-0", "0.00"), ("-6.00", "-6.00"), ("1234.5", "1234.50")]
)
def test_money_is_a_decimal_in_a_string(amount, told):
    assert to_json(plan(cost=Cost(Decimal(amount))))["cost"]["monthly_delta"] == told


MASK = "(secret)"
SECRET = Secret("hunter2", ("TOKEN",))


@pytest.mark.parametrize(
    ("diff", "before", "after"),
    [
        (FieldDiff("x", "hunter1", "hunter2", secret=True), MASK, MASK),
        (FieldDiff("x", None, None, secret=True), MASK, MASK),
        (FieldDiff("x", "hunter1", SECRET), MASK, MASK),
        (FieldDiff("x", SECRET, "hunter1"), MASK, MASK),
        (FieldDiff("x", None, SECRET), None, MASK),
        (
            FieldDiff("x", None, [{"headers": {"A": SECRET}, "name": "t"}]),
            None,
            [{"headers": {"A": MASK}, "name": "t"}],
        ),
        (FieldDiff("x", {"A": "hunter1"}, {"A": SECRET}), MASK, {"A": MASK}),
        (FieldDiff("x", {"A": SECRET, "b": 1}, {"A": SECRET, "b": 2}), {"A": MASK, "b": 1}, {"A": MASK, "b": 2}),
    ],
)
def test_a_secret_is_masked_on_both_sides(diff, before, after):
    [field] = to_json(plan(changed(diff)))["steps"][0]["fields"]
    assert field == {"field": "x", "before": before, "after": after, "secret": True}
    assert b"hunter" not in dump(plan(changed(diff)))


def test_a_secret_of_a_call_is_a_hole():
    step = buy(calls=(Call("POST", ("v1", "agents"), {"customTools": [{"headers": {"A": SECRET}}]}),))
    assert to_json(plan(step))["steps"][0]["calls"][0]["holes"] == [
        {"at": "/body/customTools/0/headers/A", "env": "TOKEN", "sha256": SECRET.digest("")}
    ]


# The digest


SCOPE = Scope("api.agentphone.ai")


def digest(*steps, project="acme", environment="default", scope=SCOPE, salt="s"):
    return plan_digest(project, environment, scope, steps, salt)


def test_the_digest_is_a_sha256():
    assert len(digest(buy())) == 64
    assert digest(buy()) == digest(buy())


@pytest.mark.parametrize(
    "other",
    [
        digest(buy(), project="other"),
        digest(buy(), environment="prod"),
        digest(buy(), scope=Scope("api.agentphone.to")),
        digest(buy(), scope=Scope("api.agentphone.ai", "sub_1")),
        digest(),
        digest(buy(), buy()),
        digest(buy(risks=frozenset())),
        digest(buy(token=None)),
        digest(buy(after=())),
        digest(buy(calls=())),
        digest(buy(change=Update(MAIN, wanted(MAIN), Seen("number", "num_1", {}), (), {}))),
        digest(buy(change=Create(EVENTS, wanted(EVENTS), (), ""))),
    ],
)
def test_the_digest_covers_all_that_a_plan_means(other):
    assert other != digest(buy())


def test_the_digest_covers_who_is_handed_a_secret():
    assert len({digest(changed()), digest(handed("events")), digest(handed("other"))}) == 3


def test_an_update_that_sends_nothing_means_what_its_fields_say():
    on, off = (Step(Protect(MAIN, wanted(MAIN), LIVE, protect), (), frozenset(), 1) for protect in (True, False))
    assert digest(on) != digest(off)
    named, other = (FieldDiff("name", "a", name) for name in "bc")
    assert digest(changed(named)) != digest(changed(other))
    sent = (Call("PATCH", ("x",), {"name": "b"}),)
    assert digest(changed(named, calls=sent)) == digest(changed(other, calls=sent))
    assert digest(buy(calls=())) == digest(buy(calls=(), change=Create(MAIN, wanted(MAIN), (named,), "")))


def test_the_digest_leaves_out_words_and_fields():
    assert digest(buy(why=("other",), change=Create(MAIN, wanted(MAIN), (), ""), stage=7)) == digest(buy())


def test_the_digest_knows_a_secret_by_its_salted_hash():
    one, other = (buy(calls=(Call("POST", ("x",), {"a": Secret(text)}),)) for text in ("a", "b"))
    assert digest(one) != digest(other)
    assert digest(one) != digest(one, salt="t")


# Reading


def document(**more):
    return {**to_json(plan(buy(), blocked=(Blocked(EVENTS, "r", exit=6),))), **more}


def test_what_was_written_is_read():
    assert load(dump(plan(buy()))) == to_json(plan(buy()))
    assert encode(load(dump(plan(buy())))) == dump(plan(buy()))


def test_what_a_later_minor_version_added_stays():
    later = document(extra={"a": 1})
    later["steps"][0]["more"] = [1.5]
    assert load(encode(later)) == later


def test_what_no_stream_takes_is_read_as_it_was_written():
    odd = plan(warnings=("\ud800",))
    assert load(dump(odd)) == to_json(odd)


REPORT = b'{"format":"apreconcile.report/1","steps":[]}'
AGAIN = "make it again: apreconcile plan --out FILE"
CHANGED = f"somebody or something changed it; {AGAIN}"


def refusal(check, *args, **more):
    """The message and the hint with which a plan file is refused."""
    with pytest.raises(PlanFileError) as refused:
        check(*args, **more)
    return refused.value.message, refused.value.hint


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"hello", "is not JSON (line 1, column 1: Expecting value)"),
        (b'{"a":1 x}', "is not JSON (line 1, column 8: Expecting ',' delimiter)"),
        (dump(plan(buy()))[:200], "ends too early: it was cut off"),
        (b'{"a":{}', "ends too early: it was cut off"),
        (b'{"a":"b', "ends too early: it was cut off"),
        (b'{"a":NaN}', "holds NaN, which is not JSON"),
        (b'{"a":-Infinity}', "holds -Infinity, which is not JSON"),
        (b'{"a":1e999}', "has a number that is too large"),
        (b'{"a":' + b"9" * 5000 + b"}", "has a number that is too long"),
        (b'{"b":2,"a":1,"c":3,"a":3}', "has the key 'a' twice in one map"),
        (b'{"%b":1,"%b":2}' % (b"x" * 65, b"x" * 65), f"has the key {'x' * 64!r} twice in one map"),
        (b"[" * 100_000, "is nested too deeply"),
        (b"[" * 200 + b"]" * 200, "is nested too deeply"),
        (b'{"a":' * 200 + b"1" + b"}" * 200, "is nested too deeply"),
        (b"[]", "is not a plan of apreconcile"),
        (b"null", "is not a plan of apreconcile"),
        (b'{"format":1}', "is not a plan of apreconcile"),
        (b'{"format":"tfplan/1"}', "is not a plan of apreconcile"),
        (REPORT, "is not a plan but a 'report' document of apreconcile"),
        (
            b'{"format":"apreconcile.%b"}' % (b"x" * 65),
            f"is not a plan but a {'x' * 64!r} document of apreconcile",
        ),
        (b'{"format":"apreconcile.plan/1"}', "is damaged: project is missing"),
    ],
)
def test_what_is_no_plan_is_refused_in_one_sentence(data, says):
    assert refusal(load, data) == (f"the plan file {says}", AGAIN)
    assert refusal(load, data, source="plan.json") == (f"plan.json {says}", AGAIN)


def test_what_another_program_wrote_as_another_encoding_is_refused():
    hint = "write it with: apreconcile plan --out FILE"
    assert refusal(load, dump(plan(buy())).decode().encode("utf-16")) == ("the plan file is not UTF-8 text", hint)


@pytest.mark.parametrize(
    ("version", "shown"), [("2", "apreconcile.plan/2"), ("9" * 48, f"apreconcile.plan/{'9' * 47}")]
)
def test_a_plan_of_another_version_is_refused(version, shown):
    data = b'{"format":"apreconcile.plan/%b"}' % version.encode()
    assert refusal(load, data) == (
        f"the plan file has the format {shown!r}; this version reads 'apreconcile.plan/1'",
        "show it with the version that wrote it, or make it again with this one: apreconcile plan --out FILE",
    )


def test_a_huge_file_is_refused_before_it_is_read(monkeypatch):
    written = dump(plan(buy()))
    monkeypatch.setattr(planfile, "LIMIT", len(written))
    assert load(written) == to_json(plan(buy()))
    monkeypatch.setattr(planfile, "LIMIT", 2**20)
    assert refusal(load, b" " * (2**20 + 1)) == ("the plan file is larger than 1 MiB", AGAIN)


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (["project"], 1, "project is not a text"),
        (["scope"], [], "scope is not a map"),
        (["scope", "host"], None, "scope.host is not a text"),
        (["scope", "sub_account"], 1, "scope.sub_account is not a text or null"),
        (["digest"], "ab" * 31, "digest is not a sha256 in 64 hex digits"),
        (["digest"], "AB" * 32, "digest is not a sha256 in 64 hex digits"),
        (["serial"], True, "serial is not a whole number"),
        (["serial"], -1, "serial is not a whole number"),
        (["requests"], 2**60, "requests is not a whole number"),
        (["cost", "monthly_delta"], "3", "cost.monthly_delta is not an amount"),
        (["cost", "monthly_delta"], 3.0, "cost.monthly_delta is not an amount"),
        (["steps"], {}, "steps is not a list"),
        (["steps", 0], None, "steps[0] is not a map"),
        (["steps", 0, "address"], "number", "steps[0].address is not an address"),
        (["steps", 0, "address"], "number.; rm -rf ~", "steps[0].address is not an address"),
        (["steps", 0, "risks"], [1], "steps[0].risks[0] is not a text"),
        (["steps", 0, "token"], "buy:number.support-main", "steps[0].token is not a token or null"),
        (["steps", 0, "token"], f"buy:$(x)@{HEX}", "steps[0].token is not a token or null"),
        (["steps", 0, "token"], f"buy:number.support-main@{HEX}\n", "steps[0].token is not a token or null"),
        (["steps", 0, "token"], f"release:number.other@{HEX}", "steps[0].token does not name number.support-main"),
        (["steps", 0, "fields", 0, "secret"], 1, "steps[0].fields[0].secret is not true or false"),
        (["steps", 0, "calls", 0, "holes"], [1], "steps[0].calls[0].holes[0] is not a map"),
        (["steps", 0, "calls", 0, "holes", 0, "sha256"], "ab", "steps[0].calls[0].holes[0].sha256 is not a sha256"),
        (["steps", 0, "calls", 0, "holes", 0, "id"], "x", "steps[0].calls[0].holes[0].id is not an address"),
        (["steps", 0, "calls", 0, "query"], [1], "steps[0].calls[0].query[0] is not a list"),
        (["expires"], "tomorrow", "expires is not a time such as 2026-01-02T03:04:05Z"),
        (["expires"], "2026-01-02T03:04:05+00:00", "expires is not a time such as 2026-01-02T03:04:05Z"),
        (["blocked", 0, "exit"], [], "blocked[0].exit is not a whole number"),
        (["blocked"], [], "its summary says 1 blocked, its list has 0"),
        (["unmanaged"], [{"kind": "a", "id": "b", "name": "c"}], "its summary says 0 unmanaged, its list has 1"),
        (["summary", "create"], 0, "its summary says 0 to create, its steps say 1"),
        (["summary", "delete"], 2, "its summary says 2 to delete, its steps say 0"),
        (["steps"], [], "its summary says 1 to create, its steps say 0"),
        (["destroy"], "no", "destroy is not true or false"),
        (["resources"], [{}], "resources[0].address is missing"),
    ],
)
def test_a_damaged_plan_is_refused_with_the_place(path, value, says):
    damaged = copy.deepcopy(document())
    inner = damaged
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    message, hint = refusal(load, encode(damaged))
    assert message.startswith(f"the plan file is damaged: {says}")
    assert hint == AGAIN


@pytest.mark.parametrize("name", [key for key in document() if key != "format"])
def test_a_missing_key_is_named(name):
    damaged = document()
    del damaged[name]
    with pytest.raises(PlanFileError, match=f"damaged: {name} is missing"):
        load(encode(damaged))


# A file that is to be applied


def whole(*steps, **more):
    """The document of a plan with the digest that it has."""
    made = plan(*steps, salt="s", **more)
    return to_json(replace(made, digest=plan_digest(made.project, made.environment, made.scope, steps, "s")))


SENDS = buy(calls=(Call("POST", ("v1", "x"), {"a": SECRET, "b": 1.0}, query=(("q", "1"),)),))
INTACT = whole(SENDS, handed("events"))


def edited(path, value):
    document = copy.deepcopy(INTACT)
    inner = document
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    return document


def test_the_digest_of_a_document_is_that_of_its_plan():
    assert digest_of(INTACT) == INTACT["digest"] == digest_of(load(encode(INTACT)))
    check_intact(load(encode(INTACT)))
    check_intact(whole())


def test_the_digest_of_a_plan_is_the_same_in_every_version():
    assert INTACT["digest"] == "256d48cc383d83090b345b70c8ccaed1f4a426d28151a1711dabac72a80dfbb8"


def test_a_protection_stands_beside_another_update_of_its_address():
    on = Step(Protect(EVENTS, wanted(EVENTS), LIVE, True), (), frozenset(), 1)
    check_intact(whole(on, changed()))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["digest"], "ab" * 32),
        (["project"], "other"),
        (["environment"], "prod"),
        (["scope", "host"], "loopback"),
        (["scope", "sub_account"], "sub_1"),
        (["scope", "more"], None),
        (["steps"], INTACT["steps"][:1]),
        (["steps"], INTACT["steps"][::-1]),
        (["steps"], [*INTACT["steps"], INTACT["steps"][0]]),
        (["steps", 0, "address"], "number.other"),
        (["steps", 0, "action"], "delete"),
        (["steps", 0, "risks"], []),
        (["steps", 1, "risks"], ["reroutes"]),
        (["steps", 1, "sink"], "`keep other`"),
        (["steps", 1, "fields"], [{"field": "url", "before": "https://a", "after": "https://b"}]),
        (["steps", 0, "token"], None),
        (["steps", 0, "token"], f"buy:number.support-main@{HEX[::-1]}"),
        (["steps", 0, "after"], []),
        (["steps", 0, "calls"], []),
        (["steps", 0, "calls", 0, "method"], "DELETE"),
        (["steps", 0, "calls", 0, "path", 1], "y"),
        (["steps", 0, "calls", 0, "body", "a"], "plain"),
        (["steps", 0, "calls", 0, "body", "b"], 1),
        (["steps", 0, "calls", 0, "body", "b"], True),
        (["steps", 0, "calls", 0, "body", "c"], None),
        (["steps", 0, "calls", 0, "holes", 0, "env"], "OTHER"),
        (["steps", 0, "calls", 0, "holes", 0, "sha256"], "ab" * 32),
        (["steps", 0, "calls", 0, "query", 0, 1], "2"),
    ],
)
def test_any_edit_of_what_a_plan_means_is_told(path, value):
    says = "is not as it was made: its digest does not fit what it says"
    assert refusal(check_intact, edited(path, value)) == (f"the plan file {says}", CHANGED)
    assert refusal(check_intact, edited(path, value), source="plan.json") == (f"plan.json {says}", CHANGED)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["serial"], 9),
        (["warnings"], ["x"]),
        (["steps", 0, "why"], []),
        (["steps", 0, "permit"], "x"),
        (["steps", 0, "fields"], []),
    ],
)
def test_what_is_said_beside_the_meaning_is_not_covered(path, value):
    check_intact(edited(path, value))


@pytest.mark.parametrize("source", [{"env": "TOKEN"}, {"masked": True}])
def test_a_file_that_does_not_tell_which_secrets_it_sends_is_refused(source):
    older = edited(["steps", 0, "calls", 0, "holes"], [{"at": "/body/a", **source}])
    says = "does not tell which secrets it sends: an older version wrote it"
    for document in (older, older | {"digest": digest_of(older)}):
        assert refusal(check_intact, document, source="plan.json") == (f"plan.json {says}", AGAIN)


@pytest.mark.parametrize(("which", "named"), [(0, "create number.support-main"), (1, "update webhook.events")])
def test_a_step_that_stands_there_twice_is_refused(which, named):
    twice = edited(["steps"], [*INTACT["steps"], INTACT["steps"][which]])
    message, hint = refusal(check_intact, twice | {"digest": digest_of(twice)}, source="plan.json")
    assert (message, hint) == (f"plan.json has a step twice: {named}", AGAIN)


NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_plan_holds_for_a_day():
    check_current(INTACT, NOW - timedelta(seconds=1))
    check_current(INTACT, NOW - timedelta(hours=24, minutes=5))


@pytest.mark.parametrize("ago", [timedelta(), timedelta(days=9)])
def test_an_old_plan_is_refused(ago):
    says = "expired at 2026-01-02T03:04:05Z; a plan holds 24 hours"
    assert refusal(check_current, INTACT, NOW + ago) == (f"the plan file {says}", AGAIN)
    assert refusal(check_current, INTACT, NOW + ago, source="plan.json") == (f"plan.json {says}", AGAIN)


def test_a_plan_that_holds_for_longer_than_a_day_is_refused():
    early = NOW - timedelta(hours=24, minutes=5, seconds=1)
    assert refusal(check_current, INTACT, early) == (
        "the plan file says that it expires at 2026-01-02T03:04:05Z; no plan holds longer than 24 hours",
        f"see whether the clock of this machine is right, or {AGAIN}",
    )


def test_a_time_that_does_not_exist_is_refused():
    never = INTACT | {"expires": "2026-02-30T00:00:00Z"}
    assert refusal(check_current, never, NOW) == (
        "the plan file is damaged: there is no time 2026-02-30T00:00:00Z", AGAIN,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("home", "here"),
    [
        (("other", "default", SCOPE), "'other'/'default' at 'api.agentphone.ai'"),
        (("acme-support", "prod", SCOPE), "'acme-support'/'prod' at 'api.agentphone.ai'"),
        (("acme-support", "default", Scope("loopback")), "'acme-support'/'default' at 'loopback'"),
        (
            ("acme-support", "default", Scope("api.agentphone.ai", "sub_1")),
            "'acme-support'/'default' at 'api.agentphone.ai', sub-account 'sub_1'",
        ),
    ],
)
def test_a_plan_for_something_else_is_refused(home, here):
    check_home(INTACT, "acme-support", "default", SCOPE)
    says = f"is a plan for 'acme-support'/'default' at 'api.agentphone.ai', and this run is for {here}"
    hint = "name the spec that it was made from, with the same account"
    assert refusal(check_home, INTACT, *home) == (f"the plan file {says}", hint)
    assert refusal(check_home, INTACT, *home, source="plan.json") == (f"plan.json {says}", hint)


@pytest.mark.parametrize(
    ("destroys", "what", "command"), [(False, "to apply", "apply"), (True, "to destroy", "destroy")]
)
def test_a_plan_to_destroy_is_not_applied_and_none_to_apply_destroys(destroys, what, command):
    document = load(encode(whole(SENDS, destroys=destroys)))
    check_purpose(document, destroying=destroys)
    hint = f"apreconcile {command} PLAN"
    assert refusal(check_purpose, document, destroying=not destroys) == (f"the plan file is a plan {what}", hint)
    told = refusal(check_purpose, document, destroying=not destroys, source="plan.json")
    assert told == (f"plan.json is a plan {what}", hint)


# Properties

text = st.text(st.characters(exclude_categories=()), max_size=12)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
keys = st.from_regex(r"[a-z0-9][a-z0-9-]{0,8}", fullmatch=True)
addresses = st.builds(Address, st.sampled_from(["agent", "number", "webhook"]), keys)
values = plain | st.builds(IdOf, addresses) | st.builds(lambda said: Secret(f"hunter{said}"), keys)
diffs = st.builds(FieldDiff, text, values, values, secret=st.booleans())
calls = st.builds(
    Call, st.sampled_from(["POST", "PATCH"]), st.tuples(text, text), st.dictionaries(text, values, max_size=3)
)


@st.composite
def a_step(draw):
    at = draw(addresses)
    token = f"{draw(st.sampled_from(['buy', 'release']))}:{at}@{HEX}" if draw(st.booleans()) else None
    return Step(
        Create(at, wanted(at), tuple(draw(st.lists(diffs, max_size=3))), ""),
        tuple(draw(st.lists(calls, max_size=2))),
        draw(st.frozensets(st.sampled_from(Risk))),
        1,
        after=tuple(draw(st.lists(addresses, max_size=2))),
        token=token,
        why=tuple(draw(st.lists(text, max_size=2))),
    )


blocks = st.builds(Blocked, st.none() | addresses, text, text, st.sampled_from([5, 6, 9]))
plans = st.builds(
    plan,
    a_step(),
    a_step(),
    blocked=st.tuples(blocks),
    unmanaged=st.tuples(st.builds(Unmanaged, text, text, text)),
    warnings=st.tuples(text),
    scope=st.builds(Scope, text, st.none() | text),
)


@settings(deadline=None)
@given(plans)
def test_every_plan_comes_back_as_it_was_and_without_its_secrets(made):
    written = dump(made)
    assert load(written) == to_json(made)
    assert encode(load(written)) == written == dump(made)
    assert b"hunter" not in written


@settings(deadline=None)
@given(st.binary(max_size=60) | plain.map(lambda value: json.dumps(value).encode()))
def test_nothing_but_a_plan_file_error_comes_of_anything_else(data):
    with pytest.raises(PlanFileError):
        load(data)


@settings(deadline=None)
@given(st.data())
def test_a_plan_with_any_value_replaced_is_read_or_refused(data):
    damaged = document()
    inner, key = damaged, data.draw(st.sampled_from(sorted(damaged)))
    while isinstance(inner[key], dict | list) and inner[key] and data.draw(st.booleans()):
        inner = inner[key]
        key = data.draw(st.sampled_from(sorted(inner) if isinstance(inner, dict) else range(len(inner))))
    inner[key] = data.draw(plain)
    with suppress(PlanFileError):
        assert load(encode(damaged)) == damaged


@settings(deadline=None)
@given(plans, text)
def test_the_digest_can_be_computed_from_the_file_alone(made, salt):
    made = replace(made, salt=salt)
    made = replace(made, digest=plan_digest(made.project, made.environment, made.scope, made.steps, salt))
    assert digest_of(load(dump(made))) == made.digest
    assert digest_of(json.loads(json.dumps(load(dump(made))))) == made.digest


@settings(deadline=None)
@given(plans, st.data())
def test_any_other_value_of_what_a_plan_means_is_another_digest(made, data):
    document = load(dump(made))
    inner, key = document, data.draw(st.sampled_from(["project", "environment", "scope", "steps"]))
    while isinstance(inner[key], dict | list) and inner[key] and data.draw(st.booleans()):
        inner = inner[key]
        covered = (
            sorted(set(inner).intersection(planfile.MEANT) if "calls" in inner else inner)
            if isinstance(inner, dict)
            else range(len(inner))
        )
        key = data.draw(st.sampled_from(covered))
    before, other = canonical(document), data.draw(plain)
    digest_before, was, inner[key] = digest_of(document), inner[key], other
    if canonical(was) != canonical(other):
        assert canonical(document) != before
        try:
            assert digest_of(document) != digest_before
        except (KeyError, TypeError):
            assert inner is document or isinstance(inner, list)  # it is no step any more, and refused when it is read
