"""A saved plan against an account: nothing of it is believed, nothing is done twice, and what moved is named."""

from __future__ import annotations

import asyncio
import copy
from datetime import timedelta

import pytest

from apreconcile import workflow
from apreconcile.core import planfile
from apreconcile.core.errors import Error, PlanFileError
from apreconcile.core.outcome import Word

BASE = """
    agents:
      a: {name: A, voiceMode: hosted, systemPrompt: Be kind.}
      b: {name: B}
    numbers: {n: {country: US, agent: a}}
    webhooks: {w: {url: "https://a.dev/x"}}
"""
CHANGED = BASE.replace("Be kind.", "Be short.").replace("agent: a", "agent: b").replace("a.dev/x", "b.dev/x")


def save(trial, **how):
    """The document of a plan, as its file has it."""
    return planfile.load(planfile.dump(trial.plan(**how).plan))


def sealed(document):
    """A document that was edited with care: its digest and its summary fit again."""
    counts = {word: sum(step["action"] == word for step in document["steps"]) for word in document["summary"]}
    beside = {name: len(document[name]) for name in ("blocked", "unmanaged")}
    document = document | {"summary": counts | beside}
    return planfile.load(planfile.encode(document | {"digest": planfile.digest_of(document)}))


def edited(document, at, **changes):
    """A document in which one step was edited with care."""
    document = copy.deepcopy(document)
    for step in document["steps"]:
        if f"{step['action']} {step['address']}" == at:
            step.update(changes)
    return sealed(document)


def apply(trial, document, approve=None):
    """Apply a saved plan; with every approval that its fresh steps want, unless they are given."""

    async def both(account):
        planned = await workflow.plan_again(account, document)
        tokens = [step.token for step in planned.plan.steps if step.token] if approve is None else approve
        return await workflow.apply(account, planned, approve=tokens)

    return trial.run(both)


def words(report):
    return {f"{one.action} {one.address}": str(one.word) for one in report.outcomes}


def errors(report):
    return {str(one.address): one.error for one in report.outcomes if one.error}


def left(report):
    return [f"{one.action} {one.address}" for one in report.remaining]


@pytest.fixture
def made(trial):
    """An account as BASE wants it, a spec that wants it as CHANGED, and nothing sent since."""
    return trial.spec(BASE).settled().spec(CHANGED)


ALL_CHANGED = {"update agent.a": "done", "update number.n": "done", "update webhook.w": "done"}


# It does what a plan does


def test_a_saved_plan_is_applied(trial):
    document = save(trial.spec(BASE))
    report = apply(trial, document)
    assert (report.exit, report.converged, report.digest) == (0, True, document["digest"])
    assert set(words(report).values()) == {"done"}
    assert report.monthly == "3.00"
    assert trial.plan().plan.empty


def test_changes_of_a_saved_plan_are_made(made):
    report = apply(made, save(made))
    assert (report.exit, words(report), left(report)) == (0, ALL_CHANGED, [])
    assert made.plan().plan.empty


def test_a_plan_of_a_part_takes_that_part(made):
    document = save(made, only=[workflow.planning.Address.parse("agent.a")])
    report = apply(made, document)
    assert (report.exit, words(report)) == (0, {"update agent.a": "done"})
    assert left(report) == ["update number.n", "update webhook.w"]


def test_a_plan_with_adoptions_adopts_again(trial):
    trial.seed(agents=[{"name": "A", "voiceMode": "hosted", "systemPrompt": "Be kind."}])
    document = save(trial.spec("agents: {a: {name: A, systemPrompt: Be short.}}"), adopt=True)
    assert words(apply(trial, document)) == {"adopt agent.a": "done", "update agent.a": "done"}


def test_an_offer_that_a_plan_did_not_take_is_not_taken(trial):
    document = save(trial.spec("agents: {a: {name: A}, b: {name: B}}"))
    trial.seed(agents=[{"name": "A"}])
    report = apply(trial, document)
    assert words(report) == {"create agent.a": "stale", "create agent.b": "done"}
    assert report.exit == 5
    assert "it is blocked now" in errors(report)["agent.a"]


def test_a_step_without_its_approval_is_held_and_the_file_takes_it_later(trial):
    document = save(trial.spec(BASE))
    first = apply(trial, document, approve=[])
    assert (first.exit, words(first)["create number.n"]) == (3, "held")
    second = apply(trial, document)
    assert (second.exit, second.converged) == (0, True)
    assert [one.because for one in second.outcomes].count("nothing-to-do") == 3
    assert len(trial.purchases()) == 1


# Nothing twice


def test_a_plan_that_was_applied_does_nothing_again(trial):
    document = save(trial.spec(BASE))
    assert apply(trial, document).exit == 0
    before = trial.writes()
    again = apply(trial, document)
    assert (again.exit, again.converged, left(again)) == (0, True, [])
    assert {(one.word, one.because, one.changed) for one in again.outcomes} == {(Word.DONE, "nothing-to-do", False)}
    assert trial.writes() == before


def test_two_at_once_buy_once(trial):
    document = save(trial.spec(BASE))

    async def run():
        async with trial.open() as one, trial.open() as other:
            planned = [await workflow.plan_again(account, document) for account in (one, other)]
            tokens = [step.token for step in planned[0].plan.steps if step.token]
            runs = (workflow.apply(at, what, approve=tokens) for at, what in zip((one, other), planned, strict=True))
            return await asyncio.gather(*runs, return_exceptions=True)

    codes = sorted(one.exit_code if isinstance(one, Error) else one.exit for one in asyncio.run(run()))
    assert codes == [0, 8]
    assert len(trial.purchases()) == 1
    assert apply(trial, document).exit == 0
    assert len(trial.purchases()) == 1


def test_a_lost_reply_to_a_purchase_of_a_saved_plan_buys_once(trial):
    document = save(trial.spec(BASE))
    trial.fault("POST /v1/numbers", "commit-then-drop")
    assert apply(trial, document).exit == 6
    report = apply(trial, document)
    assert (report.exit, words(report)["create number.n"]) == (0, "done")
    assert len(trial.purchases()) == 1


def test_an_open_purchase_is_not_done(trial):
    document = save(trial.spec(BASE))
    trial.fault("POST /v1/numbers", "drop")
    assert apply(trial, document).exit == 6
    trial.fault("GET /v1/numbers", "lag:9999", times=99)
    report = apply(trial, document)
    assert (report.exit, words(report)["create number.n"]) == (6, "stale")


def test_an_old_plan_does_not_put_back_what_was_changed_since(made):
    document = save(made)
    assert apply(made, document).exit == 0
    made.spec(CHANGED.replace("b.dev/x", "c.dev/x")).settled().spec(CHANGED)
    report = apply(made, document)
    assert words(report) == ALL_CHANGED | {"update webhook.w": "stale"}
    assert errors(report)["webhook.w"].startswith(
        'url: planned "https://a.dev/x" -> "https://b.dev/x", the account now has "https://c.dev/x"'
    )
    assert report.exit == 4


def test_a_release_of_an_old_plan_is_not_one_of_the_number_that_came_after(trial):
    one = "agents: {a: {name: A}}"
    trial.spec(f"{one}\nnumbers: {{n: {{agent: a}}}}").settled().spec(one)
    document = save(trial)
    assert apply(trial, document).exit == 0
    trial.spec(f"{one}\nnumbers: {{n: {{agent: a}}}}").settled().spec(one)
    token = next(step["token"] for step in document["steps"])
    report = apply(trial, document, approve=[token])
    assert (report.exit, words(report)) == (4, {"delete number.n": "stale"})
    assert "another target: planned DELETE /v1/numbers/" in errors(report)["number.n"]
    assert len(trial.ids()) == 2


# What moved since


def moved(made, how):
    ids = made.ids()
    if how == "number":
        made.send("DELETE", f"/v1/agents/{ids['agent.a']}/numbers/{ids['number.n']}")
    elif how == "account":
        made.send("PATCH", f"/v1/agents/{ids['agent.a']}", {"systemPrompt": "Be rude."})
    elif how == "spec":
        made.spec(CHANGED.replace("Be short.", "Be long."))
    elif how == "webhook":
        made.send("POST", "/v1/webhooks", {"url": "https://evil.dev/x", "contextLimit": 10, "timeout": 30})


def live(trial, at):
    kind, ident = at.partition(".")[0], trial.ids()[at]
    shown = trial.get("/v1/webhooks" if kind == "webhook" else f"/v1/{kind}s/{ident}")
    return {name: value for name, value in shown.items() if name != "numbers"}


@pytest.mark.parametrize(
    ("how", "at", "says"),
    [
        ("number", "number.n", 'agent: planned "agent.a" -> "agent.b", the account now has nothing'),
        ("account", "agent.a", 'systemPrompt: planned "Be kind." -> "Be short.", the account now has "Be rude."'),
        ("spec", "agent.a", 'systemPrompt: planned "Be kind." -> "Be short.", and now "Be long." is wanted'),
        ("webhook", "webhook.w", 'url: planned "https://a.dev/x" -> "https://b.dev/x", the account now has "https://evil.dev/x"'),
    ],
)  # fmt: skip
def test_what_moved_is_named_and_stops_itself_alone(made, how, at, says):
    document = save(made)
    moved(made, how)
    before = live(made, at)
    report = apply(made, document)
    assert (report.exit, report.converged) == (4, False)
    assert words(report) == ALL_CHANGED | {f"update {at}": "stale"}
    assert errors(report)[at].partition("; ")[0] == says
    assert live(made, at) == before


def test_what_comes_after_what_moved_stops_too(trial):
    document = save(trial.spec("agents: {a: {name: A}, b: {name: B}}\nnumbers: {n: {agent: a}, m: {agent: b}}"))
    trial.spec("agents: {a: {name: Other}, b: {name: B}}\nnumbers: {n: {agent: a}, m: {agent: b}}")
    report = apply(trial, document)
    assert words(report) == {
        "create agent.a": "stale", "create agent.b": "done", "create number.n": "skipped", "create number.m": "done",
    }  # fmt: skip
    assert {one.because for one in report.outcomes} == {None, "agent.a"}
    assert trial.purchases() == ["apr:acme/default/m"]


def test_what_is_new_is_listed_and_not_taken(made):
    document = save(made)
    made.spec(CHANGED.replace("b: {name: B}", "b: {name: B}\n      c: {name: C}"))
    report = apply(made, document)
    assert (report.exit, report.converged, words(report)) == (0, True, ALL_CHANGED)
    assert left(report) == ["create agent.c"]


def test_a_step_that_now_needs_what_is_new_is_stale(made):
    document = save(made)
    made.send("DELETE", f"/v1/agents/{made.ids()['agent.b']}")
    report = apply(made, document)
    assert words(report)["update number.n"] == "stale"
    assert errors(report)["number.n"].startswith("it comes after agent.b now, which the saved plan does not have")
    assert left(report) == ["create agent.b"]


def test_what_is_so_already_is_done(made):
    document = save(made)
    made.send("PATCH", f"/v1/agents/{made.ids()['agent.a']}", {"systemPrompt": "Be short."})
    report = apply(made, document)
    assert (report.exit, words(report)) == (0, ALL_CHANGED)
    assert next(one for one in report.outcomes if str(one.address) == "agent.a").because == "nothing-to-do"


def test_what_the_spec_does_not_want_any_more_is_done_without_a_call(made):
    document = save(made)
    report = apply(made.spec(BASE), document)
    assert (report.exit, report.converged, words(report)) == (0, True, ALL_CHANGED)
    assert made.plan().plan.empty


def test_a_key_that_nobody_knows_any_more_is_no_error(made):
    document = save(made)
    document = edited(document, "update agent.a", address="agent.never-was", token=None)
    assert words(apply(made, document))["update agent.never-was"] == "done"


def test_something_blocked_elsewhere_is_not_the_plan_s_matter(made):
    document = save(made)
    made.send("POST", "/v1/agents", {"name": "C"})
    made.spec(CHANGED.replace("b: {name: B}", "b: {name: B}\n      c: {name: C}"))
    report = apply(made, document)
    assert (report.exit, report.blocked) == (0, ())


def test_unsafe_surroundings_are_unsafe_for_a_saved_plan(trial):
    document = save(trial.spec(BASE))
    trial.seed(numbers=[{"country": "US"}])
    report = apply(trial, document)
    assert report.exit == 9
    assert set(words(report).values()) == {"skipped"}
    assert trial.writes() == []


# Secrets


SECRET = """
    agents:
      a:
        name: A
        voiceMode: hosted
        systemPrompt: "Say ${env.WORD}"
        customTools:
        - {name: t, description: d, url: "https://t.dev/x", headers: {X-Key: LITERAL}}
"""


@pytest.mark.parametrize(
    ("literal", "word", "says"),
    [("other", "one", "customTools/0/headers/X-Key"), ("LITERAL", "two", "systemPrompt")],
)
def test_another_secret_makes_a_step_stale_and_is_not_shown(trials, literal, word, says):
    trial = trials(environ={"WORD": "one"})
    document = save(trial.spec("agents: {z: {name: Z}}").settled().spec(SECRET + "      z: {name: Z}\n"))
    assert b"LITERAL" not in planfile.encode(document)
    trial.environ = {"WORD": word}
    trial.spec(SECRET.replace("LITERAL", literal) + "      z: {name: Z}\n")
    report = apply(trial, document)
    assert (report.exit, words(report)) == (4, {"create agent.a": "stale"})
    assert errors(report)["agent.a"] == f"{says}: another secret than was planned"


# What is not believed


@pytest.mark.parametrize("risks", [[], ["reroutes"], ["irreversible", "rotates-secret"], ["teleports"]])
def test_edited_risks_make_a_step_stale(made, risks):
    document = edited(save(made), "update webhook.w", risks=risks)
    report = apply(made, document)
    assert words(report) == ALL_CHANGED | {"update webhook.w": "stale"}


def test_an_edited_token_changes_nothing(made):
    document = save(made)
    token = next(step["token"] for step in document["steps"] if step["token"])
    other = f"rotate:webhook.w@{'0' * 32}"
    for forged in (edited(document, "update webhook.w", token=other), edited(document, "update webhook.w", token=None)):
        report = apply(made, forged, approve=[other])
        assert words(report)["update webhook.w"] == "held"
    assert words(apply(made, edited(document, "update webhook.w", token=other), approve=[token])) == ALL_CHANGED


def test_a_permit_in_a_file_permits_nothing(made):
    document = edited(save(made), "update webhook.w", permit="all of it", digest="ab" * 32)
    report = apply(made, document, approve=[])
    assert words(report)["update webhook.w"] == "held"


@pytest.mark.parametrize(
    "change",
    [
        {"action": "delete"}, {"action": "explode"}, {"calls": []}, {"fields": []}, {"address": "webhook.x", "token": None},
    ],
)  # fmt: skip
def test_an_edited_step_is_not_taken(made, change):
    before = made.get("/v1/webhooks")
    report = apply(made, edited(save(made), "update webhook.w", **change))
    assert words(report)["update agent.a"] == "done"
    assert made.get("/v1/webhooks") == before


def test_another_call_is_not_sent(made):
    document = save(made)
    call = {"method": "DELETE", "path": ["v1", "numbers", made.ids()["number.n"]], "body": None, "holes": []}
    report = apply(made, edited(document, "update agent.a", calls=[call]))
    assert words(report)["update agent.a"] == "stale"
    assert not [path for method, path in made.writes() if method == "DELETE" and path.startswith("/v1/numbers")]


def test_a_step_that_was_added_is_nothing(made):
    document = save(made)
    call = {"method": "DELETE", "path": ["v1", "numbers", made.ids()["number.n"]], "body": None, "holes": []}
    step = document["steps"][0] | {
        "address": "number.n",
        "action": "delete",
        "risks": [],
        "calls": [call],
        "fields": [],
    }
    report = apply(made, sealed(document | {"steps": [*document["steps"], step]}))
    assert words(report)["update agent.a"] == "done"
    assert made.get(f"/v1/numbers/{made.ids()['number.n']}")["status"] == "active"


def test_the_order_of_a_file_is_nothing(made):
    document = save(made)
    report = apply(made, sealed(document | {"steps": document["steps"][::-1]}))
    assert (report.exit, words(report)) == (0, ALL_CHANGED)


# What is refused before anything is sent


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda one: one | {"digest": "0" * 64}, "is not as it was made"),
        (lambda one: one | {"steps": one["steps"][1:]}, "is not as it was made"),
        (lambda one: sealed(one | {"project": "other"}), "is a plan for 'other'/'default'"),
        (lambda one: sealed(one | {"environment": "prod"}), "is a plan for 'acme'/'prod'"),
        (lambda one: sealed(one | {"scope": {"host": "api.agentphone.ai", "sub_account": None}}), "at 'api.agentphone.ai'"),
        (lambda one: sealed(one | {"scope": {"host": "loopback", "sub_account": "sub_1"}}), "sub-account 'sub_1'"),
        (lambda one: sealed(one | {"expires": "2020-01-01T00:00:00Z"}), "expired at"),
        (lambda one: sealed(one | {"expires": "2999-01-01T00:00:00Z"}), "no plan holds longer"),
        (lambda one: sealed(one | {"steps": one["steps"] * 2}), "has a step twice"),
    ],
)  # fmt: skip
def test_what_is_not_to_be_applied_is_refused(made, edit, says):
    document = edit(save(made))
    before = made.requests()
    with pytest.raises(PlanFileError) as refused:
        apply(made, document)
    assert says in refused.value.message
    assert made.requests() == before


def test_a_plan_expires_while_it_lies_there(made):
    document = save(made)
    made.clock.skip(timedelta(hours=23, minutes=59).total_seconds())
    assert apply(made, edited(document, "update webhook.w", risks=[])).exit == 4
    made.clock.skip(60)
    with pytest.raises(PlanFileError, match="expired"):
        apply(made, document)


def test_a_plan_from_before_the_first_state_is_taken_and_taken_once(trial):
    document = save(trial.spec(BASE))
    assert document["serial"] == 0
    assert apply(trial, document, approve=[]).exit == 3
    assert apply(trial, document).exit == 0
    assert apply(trial, document).exit == 0
    assert len(trial.purchases()) == 1


def test_a_plan_of_nothing_does_nothing(made):
    report = apply(made, sealed(save(made) | {"steps": []}))
    assert (report.exit, report.outcomes) == (0, ())
    assert left(report) == list(ALL_CHANGED)
