"""A plan document has its shape in every place, or the first place that has not is named."""

import copy
import re

import pytest

from apreconcile.core.planshape import _PLAN, first_fault

HEX = "4f1c9a2b1d0e7755c3a81f6290bd4e3a"
DOCUMENT = {
    "format": "apreconcile.plan/1",
    "project": "acme",
    "environment": "default",
    "scope": {"host": "loopback", "sub_account": "sub_1"},
    "digest": "0123456789abcdef" * 4,
    "expires": "2026-01-02T03:04:05Z",
    "serial": 4,
    "tool": "apreconcile 1",
    "summary": {
        "create": 1,
        "update": 0,
        "delete": 1,
        "adopt": 0,
        "move": 0,
        "forget": 0,
        "blocked": 1,
        "unmanaged": 1,
    },
    "cost": {
        "monthly_delta": "-3.00",
        "currency": "USD",
        "numbers_used": 2,
        "numbers_limit": 10,
        "prices_as_of": "2026-07-17",
        "unpriced": ["number.x"],
    },
    "steps": [
        {
            "address": "number.n",
            "action": "create",
            "risks": ["spends"],
            "token": f"buy:number.n@{HEX}",
            "digest": HEX + HEX,
            "covers": {
                "target": {"id": "num_1", "phoneNumber": "+14155550100", "lost": "num_0"},
                "still": [[["GET", ["v1"], [], None], HEX]],
                "document": "d0c",
                "turn": 0,
            },
            "permit": "policy.autoApprove",
            "after": ["agent.a"],
            "fields": [{"field": "country", "before": None, "after": "US", "secret": False}],
            "calls": [
                {
                    "method": "POST",
                    "path": ["v1", None],
                    "body": {},
                    "query": [["limit", "1"]],
                    "holes": [
                        {
                            "at": "/path/1",
                            "id": "agent.a",
                            "after": "72h",
                            "env": "KEY",
                            "masked": True,
                            "sha256": HEX + HEX,
                        }
                    ],
                }
            ],
            "sink": "line X of .env",
            "why": ["+$3.00/month"],
        },
        {
            "address": "agent.b",
            "action": "delete",
            "risks": [],
            "token": None,
            "after": [],
            "fields": [],
            "calls": [],
            "why": [],
        },
    ],
    "blocked": [{"address": "agent.c", "reason": "r", "hint": "h", "exit": 9}],
    "resources": [{"address": "number.n", "label": "+14155550100", "parent": None}],
    "unmanaged": [{"kind": "number", "id": "num", "name": "+14155550100"}],
    "warnings": ["odd"],
    "policy": "origin/main (3fa2c1d)",
    "signatures": 2,
    "destroy": True,
    "tests": [{"address": "webhook.w", "method": "POST", "path": ["v1", None]}],
    "requests": 7,
}
TEXT, COUNT, MONEY, ADDRESS = "a text", "a whole number", "an amount such as 3.00", "an address"
TIME = "a time such as 2026-01-02T03:04:05Z"
DIGEST, TOKEN, FLAG, MAP, LIST = "a sha256 in 64 hex digits", "a token", "true or false", "a map", "a list"
PLACES = {
    "project": TEXT,
    "environment": TEXT,
    "scope": MAP,
    "scope.host": TEXT,
    "scope.sub_account": f"{TEXT} or null",
    "digest": DIGEST,
    "expires": TIME,
    "serial": COUNT,
    "tool": TEXT,
    "summary": MAP,
    **{f"summary.{name}": COUNT for name in DOCUMENT["summary"]},
    "cost": MAP,
    "cost.monthly_delta": MONEY,
    "cost.currency": TEXT,
    "cost.numbers_used": f"{COUNT} or null",
    "cost.numbers_limit": f"{COUNT} or null",
    "cost.prices_as_of": TEXT,
    "cost.unpriced": LIST,
    "cost.unpriced[0]": ADDRESS,
    "policy": TEXT,
    "signatures": COUNT,
    "destroy": FLAG,
    "tests": LIST,
    "tests[0]": MAP,
    "tests[0].address": ADDRESS,
    "tests[0].method": TEXT,
    "tests[0].path": LIST,
    "tests[0].path[1]": f"{TEXT} or null",
    "steps[0].sink": TEXT,
    "steps": LIST,
    "steps[0]": MAP,
    "steps[0].address": ADDRESS,
    "steps[0].action": TEXT,
    "steps[0].risks": LIST,
    "steps[0].risks[0]": TEXT,
    "steps[0].token": f"{TOKEN} or null",
    "steps[0].digest": DIGEST,
    "steps[0].covers": MAP,
    "steps[0].covers.target": MAP,
    "steps[0].covers.target.id": TEXT,
    "steps[0].covers.target.phoneNumber": f"{TEXT} or null",
    "steps[0].covers.target.lost": TEXT,
    "steps[0].covers.still": LIST,
    "steps[0].covers.still[0]": LIST,
    "steps[0].covers.document": TEXT,
    "steps[0].covers.turn": COUNT,
    "steps[0].permit": TEXT,
    "steps[0].after": LIST,
    "steps[0].after[0]": ADDRESS,
    "steps[0].fields": LIST,
    "steps[0].fields[0]": MAP,
    "steps[0].fields[0].field": TEXT,
    "steps[0].fields[0].secret": FLAG,
    "steps[0].calls": LIST,
    "steps[0].calls[0]": MAP,
    "steps[0].calls[0].method": TEXT,
    "steps[0].calls[0].path": LIST,
    "steps[0].calls[0].path[1]": f"{TEXT} or null",
    "steps[0].calls[0].holes": LIST,
    "steps[0].calls[0].holes[0]": MAP,
    "steps[0].calls[0].holes[0].at": TEXT,
    "steps[0].calls[0].holes[0].id": ADDRESS,
    "steps[0].calls[0].holes[0].after": TEXT,
    "steps[0].calls[0].holes[0].env": TEXT,
    "steps[0].calls[0].holes[0].masked": FLAG,
    "steps[0].calls[0].holes[0].sha256": DIGEST,
    "steps[0].calls[0].query": LIST,
    "steps[0].calls[0].query[0]": LIST,
    "steps[0].calls[0].query[0][0]": TEXT,
    "steps[0].why": LIST,
    "steps[0].why[0]": TEXT,
    "steps[1].address": ADDRESS,
    "blocked": LIST,
    "blocked[0]": MAP,
    "blocked[0].address": f"{TEXT} or null",
    "blocked[0].reason": TEXT,
    "blocked[0].hint": TEXT,
    "blocked[0].exit": COUNT,
    "resources": LIST,
    "resources[0]": MAP,
    "resources[0].address": ADDRESS,
    "resources[0].label": TEXT,
    "resources[0].parent": f"{ADDRESS} or null",
    "unmanaged": LIST,
    "unmanaged[0]": MAP,
    "unmanaged[0].kind": TEXT,
    "unmanaged[0].id": TEXT,
    "unmanaged[0].name": TEXT,
    "warnings": LIST,
    "warnings[0]": TEXT,
    "requests": COUNT,
}
ANYTHING = {
    "steps[0].covers.still[0][0]",
    "steps[0].fields[0].before",
    "steps[0].fields[0].after",
    "steps[0].calls[0].body",
}
MAY_LACK = {
    "cost.prices_as_of", "cost.unpriced", "tests", "resources", "steps[0].sink", "policy", "signatures", "destroy", "steps[0].digest", "steps[0].covers", "steps[0].permit", "steps[0].fields[0].secret", "steps[0].calls[0].query", "blocked[0].exit",
    *(f"steps[0].covers.target{name}" for name in ("", ".id", ".phoneNumber", ".lost")),
    *(f"steps[0].calls[0].holes[0].{name}" for name in ("id", "after", "env", "masked", "sha256")),
}  # fmt: skip
KEYS = [place for place in [*PLACES, *sorted(ANYTHING)] if not place.endswith("]")]

WRONG = {
    TEXT: [1, [], {}, True],
    COUNT: ["1", -1, 1.0, True, 2**53, []],
    MONEY: ["3", "3.0", "3.000", "+3.00", "3.00\n", ".00", 3.0, "1" * 13 + ".00"],
    ADDRESS: ["number", "number.", "number.N", ".n", "number.n ", 1],
    DIGEST: [HEX, HEX + HEX + "0", (HEX + HEX).upper(), HEX + HEX + "\n", 1],
    TOKEN: [f"buy:number.n@{HEX}\n", f"buy:n@{HEX}", f"Buy:number.n@{HEX}", f"buy:number.n@{HEX}0", "buy:number.n", 1],
    TIME: ["2026-01-02", "2026-01-02T03:04:05", "2026-01-02T03:04:05Z\n", "later", 1],
    FLAG: [0, "true", None],
    MAP: [[], "x", 1, None],
    LIST: [{}, "x", 1, None],
}


def inside(document, place):
    """The container of a place and its last key."""
    parts = [int(part) if part.isdigit() else part for part in place.replace("[", ".").replace("]", "").split(".")]
    for part in parts[:-1]:
        document = document[part]
    return document, parts[-1]


def changed(place, value):
    document = copy.deepcopy(DOCUMENT)
    container, key = inside(document, place)
    container[key] = value
    return document


def test_a_plan_has_its_shape():
    assert first_fault(DOCUMENT) is None


@pytest.mark.parametrize("place", PLACES)
def test_a_value_of_another_sort_is_named_with_its_place(place):
    words = PLACES[place]
    sort = words.removesuffix(" or null")
    for value in WRONG[sort]:
        assert first_fault(changed(place, value)) == f"{place} is not {words}"
    assert first_fault(changed(place, None)) == (f"{place} is not {words}" if sort == words else None)


@pytest.mark.parametrize("place", sorted(ANYTHING))
@pytest.mark.parametrize("value", [None, 1, "x", [], {}, True], ids=repr)
def test_a_value_of_the_spec_may_be_anything(place, value):
    assert first_fault(changed(place, value)) is None


@pytest.mark.parametrize("place", KEYS)
def test_a_key_that_is_missing_is_named_unless_it_may_be(place):
    document = copy.deepcopy(DOCUMENT)
    container, key = inside(document, place)
    del container[key]
    assert first_fault(document) == (None if place in MAY_LACK else f"{place} is missing")


def test_every_place_is_judged_here():
    """So that a key which is new in the plan file is new in these tables."""

    def places(shape, at=""):
        if isinstance(shape, list):
            yield f"{at}[0]"
            yield from places(shape[0], f"{at}[0]")
        for key, inner in shape.items() if isinstance(shape, dict) else ():
            path = f"{at}.{key}".removeprefix(".")
            yield path
            yield from places(inner, path.removesuffix("?"))

    known = {re.sub(r"\[\d\]", "[0]", place) for place in [*PLACES, *ANYTHING]}
    assert set(places(_PLAN)) == {f"{place}?" if place in MAY_LACK else place for place in known}


@pytest.mark.parametrize("word", ["create", "update", "delete", "adopt", "move", "forget"])
def test_a_summary_of_other_steps_is_a_deception(word):
    there = DOCUMENT["summary"][word]
    fault = first_fault(changed(f"summary.{word}", there + 1))
    assert fault == f"its summary says {there + 1} to {word}, its steps say {there}"


@pytest.mark.parametrize("name", ["blocked", "unmanaged"])
def test_a_summary_of_other_lists_is_a_deception(name):
    assert first_fault(changed(f"summary.{name}", 0)) == f"its summary says 0 {name}, its list has 1"


@pytest.mark.parametrize("token", [f"buy:number.m@{HEX}", f"buy:agent.n@{HEX}", f"buy:number.n-1@{HEX}"])
def test_a_token_that_names_another_address_is_a_deception(token):
    assert first_fault(changed("steps[0].token", token)) == "steps[0].token does not name number.n"
