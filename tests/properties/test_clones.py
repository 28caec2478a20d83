"""For every spec and account: a clone that is planned, applied and exported is its source but for what was rewritten."""

from __future__ import annotations

import json
from typing import Any

from generated import FEW, accounts, specs
from hypothesis import given
from hypothesis import strategies as st

from apreconcile import workflow
from apreconcile.core.cloning import Choices, Numbers, Transfers
from apreconcile.core.writing import spec_text

REWRITES = {"a.dev": "stg.a.dev", "b.dev": "b.dev", "t.dev": "tools.stg.dev", "+14155550101": "+13105550100"}
NUMBERS = st.sampled_from(Numbers)
NAMING = "Ask https://a.dev/faq or (415) 555-0101."
NAMED = "Ask https://stg.a.dev/faq or +13105550100."
THEIRS = [f"+1310555{nth:04}" for nth in range(900, 910)]
"""Numbers that the other account has already."""


def cloned(source: Any, numbers: Numbers, *, live: bool) -> Any:
    choices = Choices(numbers, Transfers.KEEP, REWRITES)
    return source.run(lambda one: workflow.clone(one, to="stg", choices=choices, live=live, environ={}))


def planted(trials: Any, clone: Any) -> Any:
    """The clone, applied to an account of its own."""
    trial = trials()
    given = dict(zip(clone.cloned.variables, THEIRS, strict=False))
    trial.seed(
        numbers=[{"phoneNumber": phone, "country": country} for phone, country in countries(clone, given).items()]
    )
    (trial.folder / "agentphone.yaml").write_text(spec_text(clone.document))
    trial.environ = {name: f"value-of-{name}" for name in clone.cloned.names}
    trial.load = lambda: workflow.load(
        [str(trial.folder / "agentphone.yaml")], environ=trial.environ, environment="stg", variables=given
    )
    return trial.settled()


def countries(clone: Any, given: dict[str, str]) -> dict[str, str]:
    """The numbers that are bound, each with the country that the clone wants of it."""
    entries = clone.document.get("numbers", {})
    return {phone: entries[name.removeprefix("number-")].get("country", "US") for name, phone in given.items()}


def said(exported: Any, *, rewritten: bool = False, numbers: bool = True) -> Any:
    """What an export says, without ids; as the clone is to say it, if `rewritten`."""
    text = json.dumps(exported.document)
    for old, new in REWRITES.items() if rewritten else ():
        text = text.replace(f'"https://{old}/', f'"https://{new}/').replace(f'"{old}"', f'"{new}"')
    text = text.replace(NAMING, NAMED) if rewritten else text
    tree = json.loads(text)
    kinds = ("agents", "numbers", "webhooks") if numbers else ("agents", "webhooks")
    entries = {
        plural: {key: {name: one for name, one in entry.items() if name != "import"} for key, entry in tree[plural].items()}
        for plural in kinds if plural in tree
    }  # fmt: skip
    bare = sorted(entries.pop("numbers", {}).values(), key=str)
    return entries, bare  # a number whose key is its digits has another in the clone


def phones(trial: Any, exported: Any) -> dict[str, str]:
    """What each number is called, by its key."""
    known = {one["id"]: one["phoneNumber"] for one in trial.get("/v1/numbers?limit=100")["data"]}
    return {at.key: known[ident] for at, ident in exported.ids.items() if at.kind == "number"}


def areas(trial: Any, exported: Any) -> list[tuple[str, Any]]:
    """The area of each number, and who answers it."""
    entries = exported.document.get("numbers", {})
    return sorted((phone[2:5], str(entries[key].get("agent"))) for key, phone in phones(trial, exported).items())


def judge(source: Any, clone: Any, trial: Any, numbers: Numbers, before: list[Any]) -> None:
    """The clone's account is the source's, rewritten; nothing of it reached the source."""
    theirs, ours = source.export(), trial.export()
    assert said(ours) == said(theirs, rewritten=True, numbers=numbers is not Numbers.OMIT)
    assert ours.names == theirs.names
    if numbers is Numbers.BIND:
        assert sorted(phones(trial, ours).values()) == THEIRS[: len(phones(source, theirs))]
    else:
        assert areas(trial, ours) == (areas(source, theirs) if numbers is Numbers.BUY else [])
    paid = [line["amount"] for line in trial.ledger() if line["type"] == "purchase"]
    assert len(paid) == clone.bill.numbers
    assert clone.bill.unknown or sum(paid) == clone.bill.monthly
    assert {one["method"] for one in trial.requests()} <= {"GET", "POST", "PATCH"}
    assert trial.plan().plan.empty
    assert source.writes() == before
    if not ours.names and not clone.cloned.variables:
        (trial.folder / "agentphone.yaml").write_text(spec_text(ours.document))
        assert trial.plan().plan.empty
    text, told = spec_text(clone.document), " ".join(clone.warnings)
    assert not any(ident in text for ident in theirs.ids.values())
    assert not any(f"//{host}/" in text for host in REWRITES if REWRITES[host] != host)
    assert all(phone[1:] not in text or phone in told for phone in phones(source, theirs).values())


@FEW
@given(account=accounts(), numbers=NUMBERS)
def test_a_live_account_is_cloned(trials, account, numbers):
    source = trials()
    for agent in account["agents"][:1]:
        agent["description"] = NAMING
    source.seed(**account)
    source.spec("agents: {}")
    before = source.writes()
    clone = cloned(source, numbers, live=True)
    judge(source, clone, planted(trials, clone), numbers, before)


@FEW
@given(spec=specs(), numbers=NUMBERS)
def test_a_spec_is_cloned(trials, spec, numbers):
    source = trials().spec(spec).settled()
    before = source.writes()
    clone = cloned(source, numbers, live=False)
    judge(source, clone, planted(trials, clone), numbers, before)
