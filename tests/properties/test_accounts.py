"""For every spec and every account to start from: what applying, planning and exporting always do."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from generated import FEW, accounts, specs
from hypothesis import given
from hypothesis import strategies as st

from apreconcile import workflow
from apreconcile.core import planfile
from apreconcile.core.approval import fits
from apreconcile.core.outcome import Word
from apreconcile.sandbox import Options, running


def whole(trial: Any) -> dict[str, Any]:
    """All that the API shows of the account, by kind and id."""
    agents = trial.get("/v1/agents?limit=100")["data"]
    found = {("agent", one["id"]): one for one in agents}
    found |= {("number", one["id"]): one for one in trial.get("/v1/numbers?limit=100")["data"]}
    found |= {("webhook", None): trial.get("/v1/webhooks")}
    return found | {("webhook", one["id"]): trial.get(f"/v1/agents/{one['id']}/webhook") for one in agents}


def ignoring(trial: Any) -> None:
    """Set aside the numbers that are there: a first purchase beside them is refused otherwise."""
    trial.run(lambda account: workflow.state_init(account, ignore_all=True))


def ours(trial: Any) -> set[tuple[str, str | None]]:
    """The live things that the state holds, as (kind, id), a webhook by its agent's."""
    return {
        (at.split(".")[0], held.get("parent") if at.startswith("webhook") else held["id"])
        for at, held in trial.state["resources"].items()
    }


def excused(plan: Any) -> bool:
    """Whether a plan is empty but for what it says that no call can bring about."""
    return (
        not plan.steps
        and not plan.unsafe
        and not plan.unsettled
        and all(one.reason and one.hint for one in plan.blocked)
    )


@FEW
@given(spec=specs(), account=accounts())
def test_applied_twice_is_nothing_to_do_and_what_was_there_stays(trials, spec, account):
    trial = trials()
    trial.seed(**account)
    trial.spec(spec)
    ignoring(trial)
    before = whole(trial)
    report = trial.apply(adopt=True)
    assert {one.word for one in report.outcomes} <= {Word.DONE}, report
    assert report.exit in {0, 5}, report
    plan = trial.plan(adopt=True).plan
    assert excused(plan), (plan.steps, plan.blocked, plan.unsafe)
    assert plan.empty or report.exit == 5
    after, mine = whole(trial), ours(trial)
    touched = {name for name in before if before[name] != after.get(name) and name not in mine}
    attached = {
        ("agent", one["agentId"])
        for name, one in {**before, **after}.items()
        if one and one.get("agentId") and name in mine
    }
    assert touched <= attached, "an agent shows the numbers that it holds"
    bought = Counter(trial.purchases())
    assert all(count == 1 for count in bought.values())
    writes = len(trial.writes())
    trial.apply(adopt=True)
    assert len(trial.writes()) == writes


def addresses(spec: Any) -> list[str]:
    return [f"{kind}.{key}" for kind in ("agent", "number", "webhook") for key in spec.get(f"{kind}s", {})]


def rekeyed(spec: Any) -> dict[str, Any]:
    """The same spec under other keys, with the entries that say so."""
    new = {name: value for name, value in spec.items() if name not in {"agents", "numbers", "webhooks"}}
    for plural in ("agents", "numbers", "webhooks"):
        found = {f"{key}-2": dict(one) for key, one in spec.get(plural, {}).items()}
        for one in found.values():
            if one.get("agent"):
                one["agent"] = f"{one['agent']}-2"
        new[plural] = found
    return {**new, "moved": [{"from": at, "to": f"{at}-2"} for at in addresses(spec)]}


@FEW
@given(spec=specs(), account=accounts())
def test_every_key_can_become_another_and_everything_can_be_let_go(trials, spec, account):
    trial = trials()
    trial.seed(**account)
    trial.spec(spec)
    ignoring(trial)
    trial.apply(adopt=True)
    before, held, ledger = whole(trial), trial.ids(), trial.ledger()
    moved = rekeyed(spec)
    report = trial.spec(moved).apply([], adopt=True)
    assert {(one.action, one.word) for one in report.outcomes} <= {("move", Word.DONE)}, report
    blocked = {str(one.address) for one in trial.plan(adopt=True).plan.blocked}
    kept = {at: ident for at, ident in held.items() if f"{at}-2" in blocked}
    renamed = {f"{at}-2": ident for at, ident in held.items() if at not in kept}
    assert trial.ids() == kept | renamed, "what is blocked waits with its old key"
    assert trial.ledger() == ledger
    protected = {at: ident for at, ident in trial.ids().items() if trial.state["resources"][at]["protect"]}
    trial.spec({"forget": sorted(trial.ids())}).apply([], adopt=True)
    assert trial.ids() == protected
    assert trial.ledger() == ledger
    after = whole(trial)
    assert {name: tagless(one) for name, one in after.items()} == {name: tagless(one) for name, one in before.items()}
    ours = [one["id"] for one in after.values() if one and str(one.get("externalId")).startswith("apr:acme/")]
    assert set(ours) <= set(protected.values())
    assert not trial.plan().plan.steps


@FEW
@given(spec=specs(), later=specs())
def test_what_is_protected_outlives_any_other_spec(trials, spec, later):
    """With every approval, and with every offer taken."""
    trial = trials()
    trial.spec(spec).apply(adopt=True)
    before = {at: one["id"] for at, one in trial.state.get("resources", {}).items() if one["protect"]}
    trial.spec(later).apply(adopt=True)
    there = {one["id"] for one in whole(trial).values() if one}
    assert set(before.values()) <= there & set(trial.ids().values())


def tagless(one: Any) -> Any:
    return one and {name: value for name, value in one.items() if name not in {"externalId", "updatedAt"}}


def shuffled(value: Any, by: random.Random) -> Any:
    """The same maps with their keys in another order; lists stay as they are."""
    if isinstance(value, dict):
        names = list(value)
        by.shuffle(names)
        return {name: shuffled(value[name], by) for name in names}
    return [shuffled(item, by) for item in value] if isinstance(value, list) else value


def parts(plan: Any) -> bytes:
    """The plan file without what is beside its meaning."""
    document = planfile.to_json(plan)
    return planfile.encode(
        {name: value for name, value in document.items() if name not in {"expires", "serial", "requests"}}
    )


@FEW
@given(spec=specs(), account=accounts(), by=st.randoms(use_true_random=False))
def test_the_order_of_the_spec_and_of_the_account_is_nothing(trials, spec, account, by):
    """Of one account, seeded anew: until there is a state, tokens tell accounts apart by their keys."""
    trial = trials()
    trial.seed(**account)
    first, again = trial.spec(spec).plan(adopt=True).plan, trial.plan(adopt=True).plan
    assert parts(again) == parts(first)
    mixed = {kind: [item for item in items if kind != "agents"] or list(items) for kind, items in account.items()}
    for items in mixed.values():
        by.shuffle(items)
    trial.reset()
    trial.seed(**mixed)
    second = trial.spec(shuffled(spec, by)).plan(adopt=True).plan
    assert parts(first) == parts(second)
    again = trial.plan(adopt=True).plan
    assert parts(again) == parts(second)
    assert first.digest == second.digest


@FEW
@given(spec=specs(), later=specs(), data=st.data())
def test_nothing_that_wants_an_approval_goes_without_its_token(trials, spec, later, data):
    """Two applies with any choice of the tokens: what was not approved is held, and its calls are not in the log."""
    trial = trials()
    for wanted in (spec, later):
        trial.spec(wanted)
        plan = trial.plan().plan
        tokens = [step.token for step in plan.steps if step.token]
        given_ = data.draw(st.lists(st.sampled_from(tokens), unique=True)) if tokens else []
        since = len(trial.requests())
        report = trial.apply(given_)
        sent = [(one["method"], one["path"]) for one in trial.requests()[since:] if one["method"] != "GET"]
        assert set(given_) <= {step.token for step in plan.steps}
        words = {one.name: one for one in report.outcomes}
        assert len(words) == len(plan.steps)
        for step in plan.steps:
            outcome = words[step.name]
            if step.token is None:
                assert outcome.word in {Word.DONE, Word.SKIPPED}
            elif step.token not in given_:
                assert outcome.word in {Word.HELD, Word.SKIPPED}
                assert not step.risks & {"reroutes"} or step.token
        purchases = sum(path == "/v1/numbers" for method, path in sent if method == "POST")
        bought = [step for step in plan.steps if step.spends and step.token in given_]
        assert purchases <= len(bought)
        released = [path for method, path in sent if method == "DELETE" and path.startswith("/v1/numbers/")]
        assert set(released) <= {
            f"/v1/numbers/{step.live.id}" for step in plan.steps if step.token in given_ and step.live
        }
        gone = [path for method, path in sent if method == "DELETE" and path.count("/") == 3 and "/agents/" in path]
        assert set(gone) <= {f"/v1/agents/{step.live.id}" for step in plan.steps if step.token in given_ and step.live}
        rotated = {step.name for step in plan.steps if "rotates-secret" in step.risks and step.token not in given_}
        assert all(words[name].word is not Word.DONE for name in rotated)
        if any(one.word is Word.HELD for one in report.outcomes):
            assert report.exit == (5 if plan.blocked else 3)
        hooks = [
            step for step in plan.steps if step.address.kind == "webhook" and step.action == "create" and not step.after
        ]
        assert all(words[step.name].word is Word.DONE for step in hooks), "a held purchase holds back no webhook"


@FEW
@given(account=accounts())
def test_what_was_exported_is_planned_as_adoptions_only_and_exporting_twice_is_the_same(trials, account):
    trial = trials()
    trial.seed(**account)
    trial.spec("agents: {}")
    exported = trial.export()
    assert trial.export().text == exported.text
    if exported.names:
        trial.environ = header_values(trial, exported)
    (trial.folder / "agentphone.yaml").write_text(exported.text)
    plan = trial.plan().plan
    assert not plan.blocked, plan.blocked
    assert not plan.unsafe
    assert {step.action for step in plan.steps} <= {"adopt"}, [
        (step.address, step.action, step.fields) for step in plan.steps
    ]
    before = whole(trial)
    report = trial.apply()
    assert report.exit == 0, report
    after = whole(trial)
    untagged = {name: {**one, "externalId": None} if one else one for name, one in after.items()}
    assert untagged == {name: {**one, "externalId": None} if one else one for name, one in before.items()}
    assert trial.plan().plan.empty
    assert not exported.warnings or any("apr:other" in warning for warning in exported.warnings)


def header_values(trial: Any, exported: Any) -> dict[str, str]:
    """The environment that the exported spec asks for: each variable with the header's live value."""
    live = {one["id"]: one for one in trial.get("/v1/agents?limit=100")["data"]}
    values = {}
    for entry in exported.document.get("agents", {}).values():
        tools = {tool["name"]: tool for tool in live[entry["import"]].get("customTools") or []}
        for tool in entry.get("customTools", []):
            for header, text in (tool.get("headers") or {}).items():
                values[text.removeprefix("${env.").removesuffix("}")] = tools[tool["name"]]["headers"][header]
    assert set(values) == set(exported.names)
    return values


FAULTY = [
    "POST /v1/agents",
    "POST /v1/numbers",
    "POST /v1/webhooks",
    "PATCH /v1/agents/*",
    "DELETE /v1/numbers/*",
    "GET /v1/agents",
]


@FEW
@given(
    spec=specs(),
    later=specs(),
    call=st.sampled_from(FAULTY),
    fault=st.sampled_from(["drop", "commit-then-drop", "status:503", "commit-then-status:502", "garbage"]),
    nth=st.integers(1, 3),
)
def test_after_any_fault_a_few_honest_runs_come_to_rest_with_nothing_bought_twice(
    trials, spec, later, call, fault, nth
):
    trial = trials()
    trial.no_faults()
    trial.spec(spec)
    trial.apply()
    trial.fault(call, fault, nth=nth)
    trial.spec(later)
    try:
        trial.apply()
    finally:
        trial.no_faults()
    for _ in range(5):
        trial.clock.skip(1000)
        for at, intent in trial.state.get("intents", {}).items():
            kind = at.split(".")[0]
            if intent["action"] == "create":
                known = {*intent.get("seen", []), *trial.ids().values()}
                fresh = [one["id"] for one in trial.get(f"/v1/{kind}s?limit=100")["data"] if one["id"] not in known]
                trial.bind(at, fresh[0]) if fresh else trial.not_created(at)
        report = trial.apply()
        if not report.outcomes:
            break
    plan = trial.plan().plan
    assert excused(plan), (plan.steps, plan.blocked, plan.unsafe, plan.unsettled)
    held = [at for at in trial.ids() if at.startswith("number.")]
    live = trial.get("/v1/numbers?limit=100")["data"]
    assert len(live) == len(held)
    assert len({one["externalId"] for one in live}) == len(live)


@pytest.mark.parametrize("profile", ["2025"])
def test_the_older_api_comes_to_rest_too(trial, profile, tmp_path):
    """Without externalId, with `{detail}` errors and fewer fields."""
    with running(Options(db=tmp_path / "old.db", profile=profile)) as server:
        trial.base_url = server.url
        trial.spec("""
            agents: {a: {name: A, voiceMode: hosted, systemPrompt: Hi}}
            numbers: {m: {areaCode: "415", agent: a}, n: {}}
            webhooks: {w: {url: "https://a.dev/x"}, v: {agent: a, url: "https://a.dev/y"}}
        """)
        report = trial.apply()
        assert report.exit == 0, report
        assert trial.plan().plan.empty


@FEW
@given(spec=specs(), later=specs(), account=accounts(), data=st.data())
def test_a_saved_plan_is_taken_in_parts_and_never_twice(trials, spec, later, account, data):
    """Where nobody else moves anything, no step of it is ever stale, however little of it was approved before."""
    trial = trials()
    trial.seed(**account)
    trial.spec(spec)
    ignoring(trial)
    trial.apply(adopt=True)
    planned = trial.spec(later).plan(adopt=True)
    saved = planfile.load(planfile.dump(planned.plan))
    assert all(fits(saved, step) for step in saved["steps"] if step["token"])

    async def taken(account: Any, *, some: bool) -> Any:
        again = await workflow.plan_again(account, saved)
        tokens = [step.token for step in again.plan.steps if step.token]
        given_ = data.draw(st.lists(st.sampled_from(tokens), unique=True)) if some and tokens else tokens
        return again, await workflow.apply(account, again, approve=given_)

    again, report = trial.run(lambda account: taken(account, some=True))
    assert [step.name for step in again.plan.steps] == [step.name for step in planned.plan.steps]
    assert {one.word for one in report.outcomes} <= {Word.DONE, Word.HELD, Word.SKIPPED}, report
    _, report = trial.run(lambda account: taken(account, some=False))
    assert {one.word for one in report.outcomes} <= {Word.DONE}, report
    assert len(report.outcomes) == len(planned.plan.steps)
    assert {one.reason for one in report.blocked} <= {one.reason for one in planned.plan.blocked}, report
    assert report.exit == (5 if report.blocked else 0), "what was blocked when it was saved is blocked still"
    writes = len(trial.writes())
    again, report = trial.run(lambda account: taken(account, some=False))
    assert (again.plan.steps, report.exit, len(trial.writes())) == ((), 5 if report.blocked else 0, writes), report
    assert all(count == 1 for count in Counter(trial.purchases()).values())
