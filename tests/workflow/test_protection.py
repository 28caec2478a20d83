"""What is protected is neither deleted nor forgotten, and no plan lifts that and uses it, whatever trick is tried."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import yaml

from apreconcile import workflow
from apreconcile.core.address import Address
from apreconcile.core.approval import Voice, takeable, weigh
from apreconcile.core.change import Delete, Forget, Protect
from apreconcile.core.errors import BlockedError, StoreError
from apreconcile.core.outcome import Word
from apreconcile.core.planfile import name_of, to_json
from apreconcile.live.applying import Stop
from apreconcile.sandbox import Options, running
from apreconcile.show.report import report_json, report_text
from apreconcile.show.screen import plain
from apreconcile.show.text import plan_text

HOOK = "https://a.dev/x"
ALL = {
    "agents": {"a": {"name": "A", "protect": True}, "b": {"name": "B"}},
    "numbers": {"n": {"agent": "a", "areaCode": "415", "protect": True}},
    "webhooks": {"p": {"url": HOOK, "protect": True}, "w": {"agent": "a", "url": HOOK, "protect": True}},
}
PROTECTED = ("agent.a", "number.n", "webhook.p", "webhook.w")
B = {"agents": {"b": {"name": "B"}}}


def protected(trial: Any) -> set[str]:
    return {at for at, held in trial.state["resources"].items() if held["protect"]}


def account(trial: Any) -> set[str]:
    """The ids of all that is there."""
    agents, numbers = (trial.get(f"/v1/{kind}?limit=100")["data"] for kind in ("agents", "numbers"))
    slots = [trial.get("/v1/webhooks"), *(trial.get(f"/v1/agents/{one['id']}/webhook") for one in agents)]
    return {one["id"] for one in (*agents, *numbers, *slots) if one}


def kept(trial: Any, spec: Any, **how: Any) -> Any:
    """Apply a spec with every approval: all that is there stays, and no plan both lifts and deletes one thing."""
    before = account(trial)
    plan = trial.spec(spec).plan(**how).plan
    lifted = {step.live.id for step in plan.steps if isinstance(step.change, Protect) and not step.change.protect}
    taken = {step.live.id for step in plan.steps if isinstance(step.change, Delete | Forget)}
    assert not lifted & taken
    report = trial.apply(**how)
    assert before <= account(trial)
    return report


@pytest.fixture
def guarded(trial: Any) -> Any:
    """A trial with one of everything, protected, and an agent that is not."""
    return trial.spec(ALL).settled()


def test_what_is_made_adopted_or_bought_is_protected_from_the_start(guarded):
    assert protected(guarded) == set(PROTECTED)
    assert guarded.plan().plan.empty


def test_left_out_is_left_alone(guarded):
    for kind in ("agents", "numbers", "webhooks"):
        for block in (plain_spec := json.loads(json.dumps(ALL)))[kind].values():
            block.pop("protect", None)
        assert guarded.spec(plain_spec).plan().plan.empty
    assert protected(guarded) == set(PROTECTED)


def test_protection_is_put_on_without_a_call_or_an_approval(trial):
    trial.spec({"agents": {"a": {"name": "A"}}, "numbers": {"n": {"agent": "a"}}}).settled()
    before = trial.writes()
    trial.spec({"agents": {"a": {"name": "A", "protect": True}}, "numbers": {"n": {"protect": True}}})
    plan = trial.plan().plan
    assert [(step.name, step.verb, step.token, step.calls) for step in plan.steps] == [
        (("agent.a", "protect"), "protect", None, ()),
        (("number.n", "protect"), "protect", None, ()),
    ]
    assert not any(step.risks for step in plan.steps)
    assert "~ update number.n (protect)\n" in plain(plan_text(to_json(plan)))
    serial = trial.state["serial"]
    report = trial.apply(approve=[])
    assert (report.exit, report.converged) == (0, True)
    assert trial.state["serial"] <= serial + 2, "one swap for all, and one that ends the lock"
    assert trial.writes() == before
    assert protected(trial) == {"agent.a", "number.n"}
    assert trial.plan().plan.empty


def test_a_default_protects_and_an_exception_does_not(trial):
    spec = {
        "defaults": {"agents": {"protect": True}},
        "agents": {"a": {"name": "A"}, "b": {"name": "B", "protect": False}},
    }
    trial.spec(spec).settled()
    assert protected(trial) == {"agent.a"}
    assert trial.plan().plan.empty


def test_a_protected_thing_is_not_deleted_and_the_rest_is(guarded):
    guarded.spec({"agents": {"c": {"name": "C"}}})
    report = guarded.apply()
    assert report.exit == 5
    assert {str(one.address) for one in report.blocked} == set(PROTECTED)
    assert [(str(one.address), one.action, one.word) for one in report.outcomes] == [
        ("agent.c", "create", Word.DONE),
        ("agent.b", "delete", Word.DONE),
    ]
    assert set(guarded.ids()) == {*PROTECTED, "agent.c"}
    assert protected(guarded) == set(PROTECTED)


def test_what_would_hold_on_to_a_protected_thing_is_not_deleted_either(trial):
    trial.spec(
        {"agents": {"a": {"name": "A"}, "b": {"name": "B"}}, "numbers": {"n": {"agent": "a", "protect": True}}}
    ).settled()
    report = kept(trial, B)
    assert {str(one.address): one.reason for one in report.blocked} == {
        "number.n": f"{trial.state['resources']['number.n']['phoneNumber']} ({trial.ids()['number.n']}) is protected: it is not released",
        "agent.a": f"still holds {trial.state['resources']['number.n']['phoneNumber']} ({trial.ids()['number.n']}), which is number.n",
    }  # fmt: skip


def test_no_token_deletes_what_is_protected(trial):
    trial.spec({**B, "numbers": {"n": {"agent": "b"}}}).settled()
    tokens = [step.token for step in trial.spec(B).plan().plan.steps]
    assert tokens[0].startswith("release:")
    trial.spec({**B, "numbers": {"n": {"protect": True}}}).settled()
    report = trial.spec(B).apply(tokens)
    assert report.exit == 5
    assert f"the token {tokens[0]} matches no step of this plan" in report.warnings
    assert "number.n" in trial.ids()


def test_a_plan_made_before_the_protection_deletes_nothing_after_it(trial):
    trial.spec({**B, "numbers": {"n": {"agent": "b"}}}).settled()

    async def late(account: Any) -> Any:
        planned = await workflow.plan(account)
        tokens = [step.token for step in planned.plan.steps]
        other = trial.spec({**B, "numbers": {"n": {"protect": True}}})
        await asyncio.to_thread(other.settled)
        return await workflow.apply(account, planned, approve=tokens)

    before = account(trial)
    assert trial.spec(B).run(late).exit == 8
    assert account(trial) == before
    assert protected(trial) == {"number.n"}


# Lifting


def test_lifting_wants_its_approval_and_deleting_wants_another_plan(guarded):
    lifting = {**ALL, "numbers": {"n": {"agent": "a", "areaCode": "415", "protect": False}}}
    (step,) = guarded.spec(lifting).plan().plan.steps
    assert (step.verb, sorted(step.risks), step.calls) == ("unprotect", ["unprotects"], ())
    assert step.token.startswith("unprotect:number.n@")
    held = guarded.apply([])
    assert (held.exit, held.outcomes[0].word, held.outcomes[0].token) == (3, Word.HELD, step.token)
    assert protected(guarded) == set(PROTECTED)
    done = guarded.apply([step.token])
    assert (done.exit, done.converged) == (0, True)
    assert guarded.plan().plan.empty
    assert protected(guarded) == {"agent.a", "webhook.p", "webhook.w"}
    released = guarded.spec({**ALL, "numbers": {}}).apply()
    assert released.exit == 0
    assert "number.n" not in guarded.ids()


def test_an_approved_lifting_is_spent(guarded):
    lifting, lifted = {**ALL, "numbers": {"n": {"protect": False}}}, {**ALL, "numbers": {"n": {"protect": True}}}
    (step,) = guarded.spec(lifting).plan().plan.steps
    assert guarded.apply([step.token]).exit == 0
    assert guarded.state["turns"]["number.n"] == 2, "the purchase, and this"
    assert guarded.spec(lifted).apply([]).exit == 0
    (again,) = guarded.spec(lifting).plan().plan.steps
    assert again.token != step.token
    assert guarded.apply([step.token]).exit == 3
    assert "number.n" in protected(guarded)


def test_the_same_plan_keeps_its_token_and_another_address_s_is_no_use(guarded):
    lifting = {
        **ALL,
        "numbers": {"n": {"protect": False}},
        "webhooks": {"p": {"url": HOOK, "protect": False}, "w": ALL["webhooks"]["w"]},
    }
    one, other = guarded.spec(lifting).plan().plan.steps
    assert [step.token for step in guarded.plan().plan.steps] == [one.token, other.token]
    assert guarded.apply([other.token]).exit == 3
    assert protected(guarded) == {"agent.a", "number.n", "webhook.w"}


@pytest.mark.parametrize("which", ["neither", "unprotect", "rotate", "both"])
def test_it_stands_beside_another_update_of_its_address(guarded, which):
    """A webhook that is rotated and unprotected at once: two tokens, and neither step waits for the other."""
    hooks = {"p": {"url": HOOK, "timeout": 60, "protect": False}, "w": ALL["webhooks"]["w"]}
    plan = guarded.spec({**ALL, "webhooks": hooks}).plan().plan
    assert [step.name for step in plan.steps] == [("webhook.p", "protect"), ("webhook.p", "update")]
    tokens = {step.verb: step.token for step in plan.steps}
    text = plain(plan_text(to_json(plan)))
    assert "~ update webhook.p (unprotect)\n" in text
    assert "~ update webhook.p (rotate)\n" in text
    assert "2 steps want an approval of their own" in text
    assert "waits for" not in text
    given = {"neither": [], "both": ["unprotect", "rotate"]}.get(which, [which])
    voices = [Voice(tokens[verb]) for verb in given]
    granted = weigh(plan, voices, approvers=None, now=datetime.now(UTC)).granted
    assert [step.verb for step in takeable(plan, granted)] == given, "as a person is asked"
    report = guarded.apply([tokens[verb] for verb in given])
    words = {one.verb: one.word for one in report.outcomes}
    assert words == {verb: Word.DONE if verb in given else Word.HELD for verb in tokens}
    assert report.exit == (0 if which == "both" else 3)
    assert ("webhook.p" not in protected(guarded)) == ("unprotect" in given)
    assert guarded.get("/v1/webhooks")["timeout"] == (60 if "rotate" in given else 30)
    again = guarded.plan().plan
    assert [step.verb for step in again.steps] == [verb for verb in tokens if verb not in given]
    assert [step.token for step in again.steps] == [one.token for one in report.outcomes if one.token]
    told = {(one["verb"], one["outcome"]) for one in report_json(report)["steps"]}
    assert told == {(verb, "done" if verb in given else "held") for verb in tokens}
    assert "update webhook.p (unprotect)" in plain(report_text(report, to_json(plan)))
    if which == "unprotect":
        assert "secret show" not in plain(report_text(report, to_json(plan)))


def test_protecting_goes_on_where_another_field_is_blocked(trial):
    trial.spec({**B, "numbers": {"n": {"areaCode": "415"}}}).settled()
    report = trial.spec({**B, "numbers": {"n": {"areaCode": "212", "protect": True}}}).apply()
    assert (report.exit, [one.verb for one in report.outcomes]) == (5, ["protect"])
    assert protected(trial) == {"number.n"}


def test_a_plan_document_names_the_step_as_the_plan_does(guarded):
    hooks = {"p": {"url": HOOK, "timeout": 60, "protect": False}, "w": {**ALL["webhooks"]["w"], "timeout": 60}}
    plan = guarded.spec({**ALL, "webhooks": hooks}).plan().plan
    document = to_json(plan)
    assert [name_of(step) for step in document["steps"]] == [step.name for step in plan.steps]
    assert document["steps"][0]["fields"] == [{"field": "protect", "before": True, "after": False}]
    assert document["summary"]["update"] == 3


def test_the_digest_of_a_plan_tells_protecting_from_nothing(trial):
    trial.spec({"agents": {"a": {"name": "A"}}}).settled()
    on = trial.spec({"agents": {"a": {"name": "A", "protect": True}}}).plan().plan
    assert on.digest != trial.spec({"agents": {"a": {"name": "A"}}}).plan().plan.digest


def test_where_the_state_cannot_be_written_nothing_was_lifted(guarded):
    (step,) = guarded.spec({**ALL, "numbers": {"n": {"protect": False}}}).plan().plan.steps

    async def broken(account: Any) -> Any:
        planned = await workflow.plan(account)
        swap = account.store.swap

        async def refusing(state: Any, version: Any) -> Any:
            if state.lock:
                raise StoreError("the disk is full", hint="make room")
            return await swap(state, version)

        account.store.swap = refusing
        return await workflow.apply(account, planned, approve=[step.token])

    report = guarded.run(broken)
    assert (report.exit, report.outcomes[0].word) == (1, Word.FAILED)
    assert "the protection is as it was: the disk is full" in report.outcomes[0].error
    assert protected(guarded) == set(PROTECTED)
    assert guarded.plan().plan.steps[0].token == step.token, "the token is not spent"


def test_an_interrupted_run_lifts_nothing(guarded):
    stop = Stop()
    stop.ask()
    report = guarded.spec({**ALL, "numbers": {"n": {"protect": False}}}).apply(stop=stop)
    assert (report.outcomes[0].word, report.outcomes[0].because) == (Word.SKIPPED, "interrupted")
    assert protected(guarded) == set(PROTECTED)


# What the hints say is enough


@pytest.mark.parametrize("at", PROTECTED)
def test_the_hint_of_a_blocked_deletion_is_all_that_is_needed(guarded, at):
    kind, key = at.split(".")
    spec = json.loads(json.dumps(ALL))
    del spec[f"{kind}s"][key]
    if at == "agent.a":
        spec["numbers"]["n"]["agent"] = "b"
        del spec["webhooks"]["w"]
    report = kept(guarded, spec)
    hint = next(one.hint for one in report.blocked if str(one.address) == at)
    head, *lines, then = hint.split("\n")
    assert (head, then) == (
        f"to {'release' if kind == 'number' else 'delete'} it, first write into the spec:",
        f"and apply that with its approval (unprotect {at}); then take it out again",
    )
    lifting = json.loads(json.dumps(spec))
    for section, blocks in yaml.safe_load("\n".join(lines)).items():
        lifting[section] = {**lifting[section], **blocks}
    plan = guarded.spec(lifting).plan().plan
    assert [step.verb for step in plan.steps if step.address == Address.parse(at)] == ["unprotect"]
    assert guarded.apply().exit == (5 if at == "agent.a" else 0)
    gone = guarded.ids()[at]
    guarded.spec(spec).apply()
    assert (gone in account(guarded)) == (at == "agent.a"), "the agent still has its protected webhook"


def test_the_hint_for_a_webhook_whose_agent_left_too_brings_both_back(guarded):
    report = kept(guarded, B)
    hint = next(one.hint for one in report.blocked if str(one.address) == "webhook.w")
    ids, lines = guarded.ids(), hint.split("\n")[1:-1]
    assert lines == [
        "agents:",
        f"  a: {{import: {ids['agent.a']}}}",
        "webhooks:",
        f"  w: {{agent: a, import: {ids['webhook.w']}, protect: false}}",
    ]
    pasted = yaml.safe_load("\n".join(lines))
    spec = {**pasted, "agents": {**B["agents"], **pasted["agents"]}}
    assert {step.verb for step in guarded.spec(spec).plan().plan.steps} == {"unprotect"}


# Tricks: none of them deletes in one plan, and none deletes at all without a lifting


TRICKS: dict[str, Any] = {
    "the block removed": {**B},
    "all removed": {"agents": {}},
    "a default that lifts": {"defaults": {"agents": {"protect": False}, "numbers": {"protect": False}, "webhooks": {"protect": False}}, **B},
    "moved to a key that lifts": {
        "agents": {**B["agents"], "a2": {"name": "A", "protect": False}},
        "numbers": {"n2": {"areaCode": "415", "protect": False}},
        "webhooks": {"p2": {"url": HOOK, "protect": False}, "w2": {"agent": "a2", "url": HOOK, "protect": False}},
        "moved": [
            {"from": "agent.a", "to": "agent.a2"}, {"from": "number.n", "to": "number.n2"},
            {"from": "webhook.p", "to": "webhook.p2"}, {"from": "webhook.w", "to": "webhook.w2"},
        ],
    },
    "another key that looks the same": {
        "agents": {**B["agents"], "a2": {"name": "A", "protect": False}},
        "numbers": {"n2": {"areaCode": "415", "protect": False}},
        "webhooks": {"p2": {"url": HOOK, "protect": False}},
    },
    "another key that does not": {
        "agents": {**B["agents"], "a2": {"name": "A2", "protect": False}},
        "numbers": {"n2": {"areaCode": "212", "protect": False}},
        "webhooks": {"p2": {"url": "https://b.dev/y", "protect": False}},
    },
    "another key by import": {
        "agents": {**B["agents"], "a2": {"import": "ID(agent.a)", "protect": False}},
        "numbers": {"n2": {"import": "ID(number.n)", "protect": False}},
        "webhooks": {"p2": {"import": "ID(webhook.p)", "url": "https://b.dev/y", "protect": False}},
    },
    "two keys by import": {
        "agents": {**ALL["agents"], "a2": {"import": "ID(agent.a)", "protect": False}},
        "numbers": {**ALL["numbers"], "n2": {"import": "ID(number.n)", "protect": False}},
    },
    "two keys by phone number": {**ALL, "numbers": {**ALL["numbers"], "n2": {"import": "PHONE", "protect": False}}},
    "forgotten": {**B, "forget": list(PROTECTED)},
    "forgotten and imported": {
        "agents": {**B["agents"], "a2": {"import": "ID(agent.a)"}},
        "numbers": {"n2": {"import": "ID(number.n)"}},
        "forget": ["agent.a", "number.n"],
    },
    "a slot of another agent by the moved agent": {
        "agents": {**B["agents"], "a2": {"name": "A", "protect": False}},
        "webhooks": {"w": {"agent": "b", "url": HOOK, "protect": False}},
        "moved": [{"from": "agent.a", "to": "agent.a2"}],
    },
    "a webhook's key given to an agent that is still to be made": {
        **ALL,
        "agents": {**ALL["agents"], "c": {"name": "C"}},
        "webhooks": {
            "p": {"agent": "c", "url": HOOK, "protect": False}, "x": {"url": HOOK, "protect": False},
            "w": ALL["webhooks"]["w"],
        },
    },
    "a slot taken by another key": {**ALL, "webhooks": {"w2": {"agent": "a", "url": "https://b.dev/y", "protect": False}}},
    "moved in a chain onto a key that is there": {**ALL, "numbers": {"n2": {"protect": False}}, "moved": [{"from": "number.n", "to": "number.n2"}]},
    "a namesake made anew": {**ALL, "agents": {**B["agents"], "a": {"name": "A", "import": "none", "protect": False}}},
}  # fmt: skip


def filled(trial: Any, spec: Any) -> Any:
    text = json.dumps(spec).replace("PHONE", trial.state["resources"]["number.n"]["phoneNumber"])
    for at, ident in trial.ids().items():
        text = text.replace(f"ID({at})", ident)
    return json.loads(text)


@pytest.mark.parametrize("name", TRICKS)
@pytest.mark.parametrize("adopt", [False, True])
def test_no_trick_lifts_and_deletes_at_once(guarded, exit_of, name, adopt):
    before, spec = {at: guarded.ids()[at] for at in PROTECTED}, filled(guarded, TRICKS[name])
    guarded.spec(spec)
    if exit_of(guarded.plan) == 1:  # a spec that contradicts itself
        return
    plan = guarded.plan(adopt=adopt).plan
    taken = {step.live.id for step in plan.steps if isinstance(step.change, Delete | Forget)}
    assert not taken & set(before.values())
    guarded.apply(adopt=adopt)
    assert set(before.values()) <= account(guarded)
    assert set(before.values()) <= set(guarded.ids().values()), "and all of it is still ours"


@pytest.mark.parametrize("name", [name for name in TRICKS if "false" not in json.dumps(TRICKS[name])])
def test_without_a_lifting_it_stays_however_often_it_is_applied(guarded, name):
    before = {at: guarded.ids()[at] for at in PROTECTED}
    guarded.spec(filled(guarded, TRICKS[name]))
    for _ in range(3):
        guarded.apply(adopt=True)
    assert set(before.values()) <= account(guarded)
    assert protected(guarded) >= set(PROTECTED)


def test_only_and_nothing_else_deletes_it(guarded):
    async def only(account: Any) -> Any:
        planned = await workflow.plan(account, only=[Address("number", "n"), Address("agent", "a")])
        return await workflow.apply(account, planned, approve=[step.token for step in planned.plan.steps if step.token])

    before = account(guarded)
    assert guarded.spec(B).run(only).exit == 5
    assert account(guarded) == before


def test_only_leaves_the_other_blocks_to_another_run(guarded):
    plan = guarded.spec({**B, "agents": {**B["agents"], "c": {"name": "C"}}}).plan(only=[Address("agent", "c")]).plan
    assert not plan.blocked


def test_another_project_has_not_lifted_it(guarded):
    """The state of another project knows nothing of it: it neither deletes nor imports a number that is marked."""
    ids = guarded.ids()
    spec = {"project": "other", "version": 1, "numbers": {"n": {"import": ids["number.n"], "protect": False}}}
    (guarded.folder / "agentphone.yaml").write_text(json.dumps(spec))
    before = account(guarded)
    assert guarded.apply().exit != 0
    (guarded.folder / "agentphone.yaml").write_text(json.dumps({**spec, "numbers": {}, "agents": {}}))
    guarded.apply()
    assert account(guarded) == before
    assert protected(guarded) == set(PROTECTED)


# By hand


def test_by_hand_it_is_not_forgotten(guarded):
    for at in PROTECTED:
        with pytest.raises(BlockedError, match=f"{at} is protected: it is not forgotten") as raised:
            guarded.run(lambda account, at=at: workflow.state_forget(account, Address.parse(at)))
        assert "`protect: false`" in raised.value.hint
    assert protected(guarded) == set(PROTECTED)
    guarded.run(lambda account: workflow.state_forget(account, Address("agent", "b")))


def test_by_hand_it_moves_with_its_protection(guarded):
    for at in PROTECTED:
        old = Address.parse(at)
        guarded.run(lambda account, old=old: workflow.state_move(account, old, Address(old.kind, f"{old.key}2")))
    assert protected(guarded) == {f"{at}2" for at in PROTECTED}
    assert kept(guarded, B).exit == 5


def test_moved_in_the_spec_it_stays_protected_and_can_be_lifted_in_the_same_plan(guarded):
    spec = {**ALL, "numbers": {"n2": {"areaCode": "415"}}, "moved": [{"from": "number.n", "to": "number.n2"}]}
    assert kept(guarded, spec).exit == 0
    assert protected(guarded) == {"agent.a", "number.n2", "webhook.p", "webhook.w"}
    spec["numbers"], spec["moved"] = {"n3": {"protect": False}}, [{"from": "number.n2", "to": "number.n3"}]
    plan = guarded.spec(spec).plan().plan
    assert [step.name for step in plan.steps] == [("number.n3", "move"), ("number.n3", "protect")]
    assert guarded.apply().exit == 0
    assert protected(guarded) == {"agent.a", "webhook.p", "webhook.w"}
    assert guarded.plan().plan.empty


def test_a_move_that_cannot_be_made_lifts_nothing(guarded):
    """The number changed hands since the plan: the move is stale, and what is of the new name waits for it."""
    number, b = guarded.ids()["number.n"], guarded.ids()["agent.b"]
    spec = {**ALL, "numbers": {"n2": {"protect": False}}, "moved": [{"from": "number.n", "to": "number.n2"}]}
    guarded.spec(spec)

    async def meddled(account: Any) -> Any:
        planned = await workflow.plan(account)
        await asyncio.to_thread(guarded.send, "PATCH", f"/v1/numbers/{number}", {"externalId": "theirs"})
        return await workflow.apply(account, planned, approve=[step.token for step in planned.plan.steps if step.token])

    report = guarded.run(meddled)
    assert [(one.name, one.word) for one in report.outcomes] == [
        (("number.n2", "move"), Word.STALE),
        (("number.n2", "protect"), Word.SKIPPED),
    ]
    assert "number.n" in protected(guarded)
    assert b in account(guarded)


# Every way in


def test_a_lost_number_that_is_bought_again_is_as_protected_as_it_was(guarded):
    guarded.send("DELETE", f"/v1/numbers/{guarded.ids()['number.n']}")
    spec = {**ALL, "numbers": {"n": {"agent": "a", "areaCode": "415"}}}
    assert [step.verb for step in guarded.spec(spec).plan().plan.steps] == ["rebuy"]
    assert guarded.apply().exit == 0
    assert "number.n" in protected(guarded)
    assert kept(guarded, {**ALL, "numbers": {}}).exit == 5


def test_what_is_adopted_takes_what_the_spec_says_and_else_keeps_it(guarded):
    """A webhook that somebody made anew in its slot is another thing at a protected address."""
    guarded.send("DELETE", "/v1/webhooks")
    guarded.send("POST", "/v1/webhooks", {"url": HOOK})
    silent = {**ALL, "webhooks": {"p": {"url": HOOK}, "w": ALL["webhooks"]["w"]}}
    assert [step.action for step in guarded.spec(silent).plan().plan.steps] == ["adopt"]
    assert guarded.apply().exit == 0
    assert "webhook.p" in protected(guarded)
    imported = guarded.seed(agents=[{"name": "C"}])["agents"][0]["id"]
    spec = {**silent, "agents": {**ALL["agents"], "c": {"import": imported, "protect": True}}}
    assert guarded.spec(spec).apply().exit == 0
    assert "agent.c" in protected(guarded)
    assert guarded.plan().plan.empty


@pytest.mark.parametrize("profile", ["2026", "2025"])
@pytest.mark.parametrize("how", ["settled", "by hand"])
def test_a_creation_whose_answer_was_lost_is_as_protected_as_it_was_meant(trial, tmp_path, profile, how):
    """Also if the block is gone by the time that it is settled."""
    with (
        running(Options(db=tmp_path / "api.db", profile=profile)) as server,
        httpx.Client(base_url=server.url, trust_env=False, timeout=30) as http,
    ):
        trial = replace(trial, url=server.url, http=http)
        trial.spec({"agents": {"a": {"name": "A"}}}).settled()
        trial.fault("POST /v1/numbers", "commit-then-drop")
        trial.spec({"agents": {"a": {"name": "A"}}, "numbers": {"n": {"agent": "a", "protect": True}}})
        assert trial.apply().exit == 6
        trial.spec({"agents": {"a": {"name": "A"}}})
        trial.clock.skip(1000)
        if how == "by hand":
            (number,) = trial.get("/v1/numbers")["data"]
            trial.bind("number.n", number["id"])
        report = trial.apply()
        assert report.exit == 5
        assert [one.reason.endswith("is protected: it is not released") for one in report.blocked] == [True]
        assert len(trial.get("/v1/numbers")["data"]) == 1
        assert protected(trial) == {"number.n"}


def test_an_agent_whose_answer_was_lost_is_protected_too(trial):
    trial.fault("POST /v1/agents", "commit-then-drop")
    trial.spec({"agents": {"a": {"name": "A", "protect": True}}})
    assert trial.apply().exit == 6
    trial.clock.skip(1000)
    trial.settled()
    assert protected(trial) == {"agent.a"}


def test_a_spec_that_changed_its_mind_about_a_lost_creation_lifts_with_an_approval(trial):
    trial.fault("POST /v1/agents", "commit-then-drop")
    trial.spec({"agents": {"a": {"name": "A", "protect": True}}}).apply()
    trial.clock.skip(1000)
    trial.spec({"agents": {"a": {"name": "A", "protect": False}}})
    assert [step.verb for step in trial.plan().plan.steps] == ["unprotect"]
    assert trial.apply([]).exit == 3
    assert trial.apply().exit == 0
    assert trial.plan().plan.empty


# Export


def test_an_export_says_what_is_protected_and_another_project_takes_it_over(guarded):
    exported = guarded.export()
    blocks = {
        f"{kind}.{key}": block
        for kind in ("agent", "number", "webhook")
        for key, block in exported.document[f"{kind}s"].items()
    }
    assert {at for at, block in blocks.items() if block.get("protect") is True} == set(PROTECTED)
    assert "protect" not in blocks["agent.b"]
    (guarded.folder / "agentphone.yaml").write_text(exported.text)
    assert guarded.plan().plan.empty
    guarded.state_file.unlink()
    assert {step.action for step in guarded.plan().plan.steps} == {"adopt"}
    assert guarded.apply().exit == 0
    assert protected(guarded) == set(PROTECTED)
