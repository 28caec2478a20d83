"""Whoever can write the plan file: what is taken is what a fresh plan wants, and nothing that the file says."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from apreconcile.core.planfile import digest_of, encode
from tests.attacks.conftest import Desk

BASE = """
    agents: {a: {name: A}, b: {name: B}}
    numbers: {n: {agent: a}, m: {agent: b}}
"""
WITHOUT_N = BASE.replace("n: {agent: a}, ", "")
RENAMED = BASE.replace("name: A", "name: Ann")
NEVER = "release:number.n@" + "0" * 32


@pytest.fixture
def live(desk: Desk) -> Desk:
    """An account with two numbers, as its spec wants it."""
    return desk.spec(BASE).settled()


def save(desk: Desk) -> Any:
    """The document of `plan.json`, made of the spec as it is now."""
    told = desk("plan", "--out", "plan.json", "--format", "json")
    assert told.code == 0, told.said
    return told.json


def write(desk: Desk, document: Any, *, sealed: bool = True) -> None:
    """Write it as `plan.json`, with a digest that fits."""
    (desk.folder / "plan.json").write_bytes(encode(document | ({"digest": digest_of(document)} if sealed else {})))


def edited(document: Any, address: str, **changes: Any) -> Any:
    """The document in which one step was edited."""
    found = copy.deepcopy(document)
    for step in found["steps"]:
        if step["address"] == address:
            step.update(changes)
    return found


def joined(document: Any, other: Any) -> Any:
    """The document with the steps of another one, too."""
    summary = {word: count + other["summary"][word] for word, count in document["summary"].items()}
    return document | {"steps": [*document["steps"], *other["steps"]], "summary": summary}


def token(document: Any, address: str) -> str:
    return next(step["token"] for step in document["steps"] if step["address"] == address)


def apply(desk: Desk, *tokens: str) -> Any:
    return desk("apply", "plan.json", "--yes", *(word for one in tokens for word in ("--approve", one)))


def legitimate(desk: Desk, document: Any) -> None:
    """The file as it was made releases the number, once somebody approves it."""
    write(desk, document)
    assert apply(desk).code == 3
    phone = desk.state["resources"]["number.n"]["phoneNumber"]
    assert desk.released() == []
    assert apply(desk, token(document, "number.n")).code == 0
    assert desk.released() == [phone]


def test_a_step_is_added_and_the_digest_kept(live):
    release = save(live.spec(WITHOUT_N))
    renaming = save(live.spec(RENAMED))
    write(live, joined(renaming, release), sealed=False)
    before = live.requests()
    told = apply(live, token(release, "number.n"))
    assert (told.code, "is not as it was made: its digest does not fit" in told.said) == (1, True)
    assert live.requests() == before
    live.spec(WITHOUT_N)
    legitimate(live, release)


def test_a_step_is_added_and_the_digest_fits(live):
    release = save(live.spec(WITHOUT_N))
    renaming = save(live.spec(RENAMED))
    write(live, joined(renaming, release))
    told = apply(live, token(release, "number.n"))
    assert (told.code, "matches no step of this plan" in told.said) == (0, True), "the name, and nothing else"
    assert live.released() == []
    assert live.get(f"/v1/agents/{live.ids()['agent.a']}")["name"] == "Ann"
    release = save(live.spec(WITHOUT_N.replace("name: A", "name: Ann")))
    legitimate(live, release)


def test_a_call_is_edited_and_the_digest_fits(live):
    document = save(live.spec(RENAMED))
    for body in ({"name": "Eve"}, {"name": {"at": "/body/name", "env": "HOME"}}):
        write(live, edited(document, "agent.a", calls=[{**document["steps"][0]["calls"][0], "body": body}]))
        told = apply(live)
        assert (told.code, "stale" in told.said) == (4, True)
        assert live.get(f"/v1/agents/{live.ids()['agent.a']}")["name"] == "A"
    path = ["v1", "agents", live.ids()["agent.b"]]
    write(live, edited(document, "agent.a", calls=[{**document["steps"][0]["calls"][0], "path": path}]))
    assert apply(live).code == 4
    assert live.get(f"/v1/agents/{live.ids()['agent.b']}")["name"] == "B"
    write(live, document)
    assert apply(live).code == 0
    assert live.get(f"/v1/agents/{live.ids()['agent.a']}")["name"] == "Ann"


@pytest.mark.parametrize("risks", [[], ["reroutes"], ["irreversible", "spends"]])
def test_the_risks_are_edited(live, risks):
    document = save(live.spec(WITHOUT_N))
    write(live, edited(document, "number.n", risks=risks, token=None))
    told = apply(live)
    assert (told.code, "stale" in told.said) == (4, True)
    assert apply(live, token(document, "number.n")).code == 4, "nor with the approval of the true step"
    assert live.released() == []
    legitimate(live, document)


def test_a_risk_that_this_version_does_not_know(live):
    document = save(live.spec(WITHOUT_N))
    odd = edited(document, "number.n", risks=["irreversible", "teleports"])
    write(live, odd)
    shown = live("show", "plan.json")
    assert (shown.code, "teleports" in shown.out) == (0, True)
    told = apply(live, token(document, "number.n"))
    assert (told.code, "no longer: teleports" in told.said) == (4, True)
    assert live.released() == []
    legitimate(live, document)


def test_the_token_is_edited(live):
    document = save(live.spec(WITHOUT_N))
    for made_up in (NEVER, token(document, "number.n").replace("release", "delete")):
        write(live, edited(document, "number.n", token=made_up))
        told = apply(live, made_up)
        assert (told.code, "matches no step of this plan" in told.said) == (3, True)
        assert live.released() == []
    legitimate(live, document)


def test_a_permit_is_written_into_the_file(live):
    document = save(live.spec(WITHOUT_N))
    write(live, edited(document, "number.n", permit="irreversible, agentphone.yaml:1:1"))
    assert apply(live).code == 3
    assert live.released() == []
    legitimate(live, document)


def test_an_old_plan_is_replayed(live):
    document = save(live.spec(WITHOUT_N))
    legitimate(live, document)
    again = apply(live, token(document, "number.n"))
    assert (again.code, len(live.released())) == (0, 1), "nothing is left of it"
    live.spec(BASE).settled()
    phone = live.state["resources"]["number.n"]["phoneNumber"]
    write(live.spec(WITHOUT_N), document)
    told = apply(live, token(document, "number.n"))
    assert (told.code, "another target" in told.said) == (4, True)
    assert phone not in live.released()


REFUSED = {
    "digest": ({"digest": "0" * 64}, "its digest does not fit"),
    "expired": ({"expires": "2020-01-01T00:00:00Z"}, "expired at 2020-01-01T00:00:00Z"),
    "endless": ({"expires": "2999-01-01T00:00:00Z"}, "no plan holds longer than 24 hours"),
    "project": ({"project": "other"}, "is a plan for 'other'/'default'"),
    "environment": ({"environment": "prod"}, "is a plan for 'acme'/'prod'"),
    "host": ({"scope": {"host": "api.agentphone.ai", "sub_account": None}}, "at 'api.agentphone.ai'"),
    "sub-account": ({"scope": {"host": "loopback", "sub_account": "x"}}, "sub-account 'x'"),
    "a later version": ({"format": "apreconcile.plan/2"}, "has the format 'apreconcile.plan/2'"),
    "a report": ({"format": "apreconcile.report/1"}, "is not a plan but a 'report'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_foreign_expired_or_later_plan(live, case):
    edit, words = REFUSED[case]
    document = save(live.spec(WITHOUT_N))
    write(live, document | edit, sealed=case != "digest")
    before = live.requests()
    told = apply(live, token(document, "number.n"))
    assert (told.code, words in told.said) == (1, True), told.said
    assert live.requests() == before
    legitimate(live, document)


def test_a_plan_that_is_cut_off(live):
    document = save(live.spec(WITHOUT_N))
    whole = (live.folder / "plan.json").read_bytes()
    before = live.requests()
    for size in (0, 1, len(whole) // 2, len(whole) - 2):
        (live.folder / "plan.json").write_bytes(whole[:size])
        assert apply(live, token(document, "number.n")).code == 1
    assert live.requests() == before
    legitimate(live, document)


def test_plan_a_is_approved_and_plan_b_applied(live):
    approved = save(live.spec(WITHOUT_N))
    other = save(live.spec(BASE.replace(", m: {agent: b}", "")))
    told = apply(live, token(approved, "number.n"))
    assert (told.code, "matches no step of this plan" in told.said) == (3, True)
    pinned = live("apply", "plan.json", "--yes", "--expect-digest", approved["digest"],
                  "--approve", token(other, "number.m"))  # fmt: skip
    assert (pinned.code, "is another plan than expected" in pinned.said) == (1, True)
    fresh = live("apply", "--yes", "--expect-digest", approved["digest"], "--approve", token(other, "number.m"))
    assert (fresh.code, "this is another plan than expected" in fresh.said) == (4, True)
    assert live.released() == []
    write(live.spec(WITHOUT_N), approved)
    assert live("apply", "plan.json", "--yes", "--expect-digest", approved["digest"]).code == 3
    legitimate(live, approved)
