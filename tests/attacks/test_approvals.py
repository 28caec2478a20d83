"""Whoever has an approval: it is for one step, once, and for as long as it says and may."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from apreconcile.core.approval import with_token
from apreconcile.core.plan import Scope
from tests.attacks.conftest import Desk

AGENTS = "agents: {a: {name: A}, b: {name: B}}\n"
BOTH = AGENTS + "numbers: {n: {agent: a}, m: {agent: b}}\n"
WITHOUT_N, WITHOUT_M = AGENTS + "numbers: {m: {agent: b}}\n", AGENTS + "numbers: {n: {agent: a}}\n"
HOOK_A = 'webhooks: {w: {url: "https://a.dev/x"}}\n'
HOOK_B = HOOK_A.replace("a.dev", "b.dev")


@pytest.fixture
def live(desk: Desk) -> Desk:
    """An account with two numbers, as its spec wants it."""
    return desk.spec(BOTH).settled()


def apply(desk: Desk, *tokens: str) -> Any:
    return desk("apply", "--yes", *(word for one in tokens for word in ("--approve", one)))


def releases(desk: Desk, token: str) -> None:
    """What is held without this token is released with it."""
    before = desk.released()
    assert apply(desk).code == 3
    assert desk.released() == before
    assert apply(desk, token).code == 0
    assert len(desk.released()) == len(before) + 1


def test_an_approval_for_another_number(live):
    other = live.spec(WITHOUT_N).tokens()["number.n"]
    live.spec(WITHOUT_M)
    for given in (other, other.replace("number.n", "number.m")):
        told = apply(live, given)
        assert (told.code, "matches no step of this plan" in told.said) == (3, True)
    assert live.released() == []
    releases(live, live.tokens()["number.m"])


def test_an_approval_for_another_account_or_project(live, desks: Callable[..., Desk]):
    other = desks().spec(BOTH).settled().spec(WITHOUT_N)
    elsewhere = (
        desks().spec("version: 1\nproject: beta\n" + BOTH).settled().spec("version: 1\nproject: beta\n" + WITHOUT_N)
    )
    live.spec(WITHOUT_N)
    for one in (other, elsewhere):
        told = apply(live, one.tokens()["number.n"])
        assert (told.code, "matches no step of this plan" in told.said) == (3, True)
        assert live.released() == []
        releases(one, one.tokens()["number.n"])
    releases(live, live.tokens()["number.n"])


def test_an_approval_from_before_the_first_apply(desk, desks: Callable[..., Desk]):
    """There is no state yet that could tell one account from another; and once there is, nothing brings that time back."""
    other = desks().spec(BOTH)
    old, theirs = desk.spec(BOTH).tokens(), other.tokens()
    assert apply(desk, *theirs.values()).code == 3
    assert desk.purchases() == []
    assert apply(other, theirs["number.n"]).code == 3
    assert other.purchases() == ["apr:acme/default/n"]
    for _ in range(2):
        told = apply(other, theirs["number.m"])
        assert (told.code, other.purchases()) == (3, ["apr:acme/default/n"])
        other.seed(numbers=[{"country": "US"}])
        assert other("state", "init", "--ignore-all").code == 0
    assert apply(desk, *old.values()).code == 3, "an apply that took other steps made these void"
    assert apply(other, other.tokens()["number.m"]).code == 0


@pytest.mark.parametrize("what", ["project", "environment", "host", "sub-account", "document"])
def test_an_approval_for_another_scope_alone(live, what):
    """Made with the very function that makes tokens: nothing else about it is wrong."""
    planned = live.spec(WITHOUT_N).plan()
    (step,) = planned.plan.steps
    state, scope = planned.settlement.state, planned.plan.scope
    assert with_token(step, "release", state=state, scope=scope).token == live.tokens()["number.n"]
    others = {
        "project": (replace(state, project="beta"), scope), "environment": (replace(state, environment="prod"), scope),
        "host": (state, Scope("api.agentphone.ai")), "sub-account": (state, Scope(scope.host, "x")),
        "document": (replace(state, id="none"), scope),
    }  # fmt: skip
    other = with_token(step, "release", state=others[what][0], scope=others[what][1]).token
    told = apply(live, other)
    assert (told.code, "matches no step of this plan" in told.said) == (3, True)
    assert live.released() == []
    releases(live, live.tokens()["number.n"])


def test_the_same_key_after_it_was_bought_again(live):
    release = live.spec(WITHOUT_N).tokens()["number.n"]
    releases(live, release)
    buy = live.spec(BOTH).tokens()["number.n"]
    assert apply(live, release, buy).code == 0
    phone = live.state["resources"]["number.n"]["phoneNumber"]
    live.spec(WITHOUT_N)
    assert apply(live, release, buy).code == 3
    assert phone not in live.released()
    releases(live, live.tokens()["number.n"])
    bought = len(live.purchases())
    assert apply(live.spec(BOTH), release, buy).code == 3, "nor is it bought a third time"
    assert len(live.purchases()) == bought


def test_a_webhook_goes_back_and_forth(desk):
    desk.spec(HOOK_A).settled()
    given: list[str] = []
    for turn, spec in enumerate([HOOK_B, HOOK_A] * 2):
        desk.spec(spec)
        before = desk.get("/v1/webhooks")
        told = apply(desk, *given)
        assert (told.code, desk.get("/v1/webhooks")) == (3, before), (
            f"turn {turn}: nothing that was given before counts"
        )
        given.append(desk.tokens()["webhook.w"])
        assert apply(desk, *given).code == 0
        assert desk.get("/v1/webhooks")["url"] != before["url"]
    assert len(set(given)) == 4


def test_a_key_is_forgotten_to_count_its_turns_anew(desk):
    buy = desk.spec(WITHOUT_N).settled().spec(BOTH).tokens()["number.n"]
    assert apply(desk, buy).code == 0
    assert apply(desk.spec(WITHOUT_N + "forget: [number.n]\n")).code == 0
    bought = len(desk.purchases())
    assert apply(desk.spec(BOTH), buy).code == 3
    assert len(desk.purchases()) == bought
    assert apply(desk, desk.tokens()["number.n"]).code == 0
    assert len(desk.purchases()) == bought + 1


BENT: dict[str, Callable[[str], str]] = {
    "a prefix": lambda token: token[:-1], "the verb and the address": lambda token: token.partition("@")[0],
    "the digest": lambda token: token.partition("@")[2], "a wildcard": lambda _: "*",
    "a wildcard for a key": lambda _: "release:number.*", "a pattern": lambda token: token[:-4] + "????",
    "capitals": str.upper, "a space": lambda token: f" {token}", "a line": lambda token: f"{token}\n", "nothing": lambda _: "",
    "all": lambda _: "all", "two in one": lambda token: f"{token},{token}",
}  # fmt: skip


@pytest.mark.parametrize("case", BENT)
def test_a_prefix_or_a_wildcard(live, case):
    token = live.spec(WITHOUT_N).tokens()["number.n"]
    told = apply(live, BENT[case](token))
    assert (told.code, "matches no step of this plan" in told.said) == (3, True)
    (live.folder / "approvals.yaml").write_text(yaml.safe_dump([entry(live) | {"approve": BENT[case](token)}]))
    told = live("apply", "--yes", "--approvals", "approvals.yaml")
    assert (told.code, "approve: is not a whole token" in told.said) == (1, True)
    assert live.released() == []
    releases(live, token)


def entry(desk: Desk) -> dict[str, str]:
    """The approval of the release of number.n as it is written by the command for it."""
    assert desk("plan", "--out", "plan.json").code == 0
    steps = json.loads((desk.folder / "plan.json").read_text())["steps"]
    token = next(step["token"] for step in steps if step["address"] == "number.n")
    told = desk("approve", "plan.json", token, "--by", "ann", "--reason", "we move")
    assert told.code == 0, told.said
    (found,) = yaml.safe_load(told.out)
    return dict(found)


def moment(**later: float) -> str:
    return f"{datetime.now(UTC) + timedelta(**later):%Y-%m-%dT%H:%M:%SZ}"


TIMES = {
    "expired": (lambda _: {"at": moment(days=-2), "expires": moment(hours=-1)}, 3, "it expired at"),
    "for a year": (lambda _: {"expires": moment(days=365)}, 3, "for longer than the 168 hours"),
    "for ever": (lambda _: {"expires": "9999-12-31T23:59:59Z"}, 3, "for longer than the 168 hours"),
    "given long ago, for long": (lambda _: {"at": moment(days=-20), "expires": moment(days=1)}, 3, "for longer than"),
    "dated ahead": (lambda _: {"at": moment(hours=1), "expires": moment(hours=2)}, 3, "it is dated in the future"),
    "dated far ahead": (
        lambda _: {"at": moment(days=300), "expires": moment(days=301)},
        3,
        "it is dated in the future",
    ),
    "never": (lambda _: {"expires": "never"}, 1, "expires: is not a time in UTC"),
    "another zone": (lambda _: {"expires": moment(hours=1).replace("Z", "-23:00")}, 1, "expires: is not a time in UTC"),
    "no end": (lambda _: {"expires": None}, 1, "expires"),
    "another step's digest": (
        lambda good: {"digest": good["digest"][:32] + "0" * 32},
        3,
        "its digest is not that of the step",
    ),
}


@pytest.mark.parametrize("case", TIMES)
def test_a_future_dated_or_endless_approval(live, case):
    edit, code, words = TIMES[case]
    good = entry(live.spec(WITHOUT_N))
    file = live.folder / "approvals.yaml"
    file.write_text(yaml.safe_dump([{name: text for name, text in (good | edit(good)).items() if text is not None}]))
    told = live("apply", "--yes", "--approvals", "approvals.yaml")
    assert (told.code, words in told.said) == (code, True), told.said
    assert live.released() == []
    file.write_text(yaml.safe_dump([good]))
    assert live("apply", "--yes", "--approvals", "approvals.yaml").code == 0
    assert len(live.released()) == 1


def test_an_approval_whose_reply_was_lost(desk):
    """Nobody knows what came of it, then a person says that nothing was bought: it is spent all the same."""
    desk.spec(WITHOUT_N).settled().spec(BOTH)
    buy, bought = desk.tokens()["number.n"], desk.purchases()
    desk.fault("POST /v1/numbers", "drop")
    assert apply(desk, buy).code == 6
    desk.clock.skip(1000)
    desk.not_created("number.n")
    assert apply(desk, buy).code == 3
    assert desk.purchases() == bought
    assert apply(desk, desk.tokens()["number.n"]).code == 0
    assert len(desk.purchases()) == len(bought) + 1
