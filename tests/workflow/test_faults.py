"""Every fault on every call of an apply: each step has its word, nothing is made twice, and the account recovers."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from apreconcile.core.errors import Error
from apreconcile.core.outcome import Report, Word

AGENT = "agents: {a: {name: A}}"
NUMBER = '{areaCode: "415"'
HELD = f"{AGENT}\nnumbers: {{main: {NUMBER}, agent: a}}}}"
STEPS = {
    "create an agent": ("", AGENT, "POST /v1/agents"),
    "buy a number": ("", f"numbers: {{main: {NUMBER}}}}}", "POST /v1/numbers"),
    "create a webhook": ("", 'webhooks: {hook: {url: "https://a.dev/x"}}', "POST /v1/webhooks"),
    "create an agent's webhook": (
        AGENT, f'{AGENT}\nwebhooks: {{hook: {{agent: a, url: "https://a.dev/x"}}}}', "POST /v1/agents/*/webhook",
    ),
    "update an agent": (AGENT, "agents: {a: {name: B}}", "PATCH /v1/agents/*"),
    "attach": (f"{AGENT}\nnumbers: {{main: {NUMBER}}}}}", HELD, "POST /v1/agents/*/numbers"),
    "detach": (HELD, f"{AGENT}\nnumbers: {{main: {NUMBER}, agent: null}}}}", "DELETE /v1/agents/*/numbers/*"),
    "rotate": (
        'webhooks: {hook: {url: "https://a.dev/x"}}', 'webhooks: {hook: {url: "https://b.dev/x"}}', "POST /v1/webhooks",
    ),
    "delete a webhook": (
        f'{AGENT}\nwebhooks: {{hook: {{agent: a, url: "https://a.dev/x"}}}}', AGENT, "DELETE /v1/agents/*/webhook",
    ),
    "release a number": (f"{AGENT}\nnumbers: {{main: {NUMBER}}}}}", AGENT, "DELETE /v1/numbers/*"),
    "delete an agent": ("agents: {a: {name: A}, b: {name: B}}", AGENT, "DELETE /v1/agents/*"),
}  # fmt: skip
ONCE_ONLY = ("create an agent", "buy a number")
DONE, FAILED, UNKNOWN = Word.DONE, Word.FAILED, Word.UNKNOWN
FAULTS = {
    "drop": (1, DONE, UNKNOWN),
    "drop for ever": (50, FAILED, UNKNOWN),
    "commit-then-drop": (1, DONE, UNKNOWN),
    "commit-then-drop for ever": (50, DONE, UNKNOWN),
    "status:503": (1, DONE, UNKNOWN),
    "status:503 for ever": (50, FAILED, UNKNOWN),
    "commit-then-status:502": (1, DONE, UNKNOWN),
    "status:422": (1, FAILED, FAILED),
    "status:401": (1, FAILED, FAILED),
    "status:429": (1, DONE, DONE),
    "status:429 for ever": (500, FAILED, FAILED),
    "garbage": (1, DONE, UNKNOWN),
    "garbage for ever": (50, DONE, UNKNOWN),
}
"""How often it strikes, then the word of a step whose outcome a GET decides, then of one that must not be sent twice."""
EXITS = {DONE: 0, FAILED: 1, UNKNOWN: 6}


def check_report(report: Report, text: str) -> None:
    """The exit code agrees with the words, and the words with their reasons."""
    words = Counter(one.word for one in report.outcomes)
    for one in report.outcomes:
        assert one.word in Word, text
        assert (one.because is not None) == (one.word is Word.SKIPPED), text
        assert bool(one.error) == (one.word in {Word.FAILED, Word.UNKNOWN, Word.STALE}), text
    if words[Word.UNKNOWN]:
        assert report.exit == 6, text
    elif words[Word.DONE] and (words[Word.FAILED] or report.converged is False):
        assert report.exit == 7, text
    elif words[Word.FAILED]:
        assert report.exit == 1, text
    elif words[Word.STALE]:
        assert report.exit == 4, text
    elif words[Word.DONE] == len(report.outcomes) and report.converged is not False:
        assert report.exit == 0, text
    else:
        assert report.exit != 0, text


def made(trial: Any, since: int) -> dict[str, list[int]]:
    """What was answered to each creation, by what was sent, since so many requests."""
    answered: dict[str, list[int]] = {}
    for one in trial.requests()[since:]:
        if one["method"] == "POST" and one["path"] in {"/v1/agents", "/v1/numbers"}:
            answered.setdefault(f"{one['path']} {json.dumps(one['body'])}", []).append(one["status"])
    return answered


def apply(trial: Any, said: Any) -> Report | Error:
    """One run: what it creates is sent again only after a 429."""
    since = len(trial.requests())
    try:
        report = trial.apply()
    except Error as problem:
        return problem
    finally:
        for sent, statuses in made(trial, since).items():
            assert all(status == 429 for status in statuses[:-1]), f"{sent}: {statuses}"
    check_report(report, said(report))
    return report


def resolve(trial: Any) -> None:
    """What a person does about every open intent, after looking at the account."""
    for at, intent in trial.state.get("intents", {}).items():
        kind, key = at.split(".")
        if intent["action"] != "create":
            continue
        known = {*intent.get("seen", []), *trial.ids().values()}
        live = [one for one in trial.get(f"/v1/{kind}s?limit=100")["data"] if one["id"] not in known]
        mine = [
            one["id"]
            for one in live
            if key in {one.get("externalId", "").rpartition("/")[2], one.get("name", "").lower()}
        ]
        trial.clock.skip(200)
        trial.bind(at, mine[0]) if mine else trial.not_created(at)


def recover(trial: Any, said: Any) -> None:
    """Without faults, a few honest runs come to rest, with an account as the spec wants it."""
    trial.no_faults()
    trial.clock.skip(1000)
    for _ in range(4):
        resolve(trial)
        report = apply(trial, said)
        assert isinstance(report, Report), report
        if not report.outcomes and report.exit == 0:
            break
    assert report.exit == 0, said(report)
    assert not trial.state["intents"]
    assert not trial.state["lock"]
    names = Counter(one["name"] for one in trial.get("/v1/agents?limit=100")["data"])
    assert all(count == 1 for count in names.values()), names


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("step", STEPS)
def test_each_fault_gives_each_step_its_word(trial, report_text, step, fault):
    before, after, call = STEPS[step]
    times, decided, once = FAULTS[fault]
    word = once if step in ONCE_ONLY else decided
    if before:
        trial.spec(before).settled()
    trial.spec(after)
    trial.fault(call, fault.removesuffix(" for ever"), times=times)
    report = apply(trial, report_text)
    assert [one.word for one in report.outcomes] == [word], report_text(report)
    assert report.exit == EXITS[word], report_text(report)
    recover(trial, report_text)
    assert set(Counter(trial.purchases()).values()) <= {1}
    outcomes = Counter(line["outcome"] for line in trial.state["ledger"])
    assert set(outcomes) <= {"bought", "denied"}
    assert outcomes["bought"] == len(trial.purchases())


FIRST = """
    agents:
      support: {name: Support, voiceMode: hosted, systemPrompt: Be kind., modelTier: max}
      triage: {name: Triage}
    numbers:
      main: {areaCode: "415", agent: support}
      spare: {areaCode: "212"}
    webhooks:
      events: {url: "https://hooks.acme.dev/events", contextLimit: 7}
      triage: {agent: triage, url: "https://hooks.acme.dev/triage"}
"""
SECOND = """
    agents:
      support: {name: Support, voiceMode: hosted, systemPrompt: Be brief., modelTier: turbo}
      night: {name: Night}
    numbers:
      main: {areaCode: "415", agent: night}
      spare: {areaCode: "212", agent: support}
    webhooks:
      events: {url: "https://hooks.acme.dev/other", contextLimit: 8}
"""
THIRD = """
    agents:
      support: {name: Support}
    numbers:
      spare: {areaCode: "212", agent: null}
"""
WHOLE = [
    ("", FIRST, "POST /v1/agents"),
    ("", FIRST, "POST /v1/numbers"),
    ("", FIRST, "POST /v1/webhooks"),
    ("", FIRST, "POST /v1/agents/*/webhook"),
    ("", FIRST, "GET /v1/agents"),
    ("", FIRST, "GET /v1/numbers"),
    ("", FIRST, "GET /v1/usage"),
    ("", FIRST, "GET /v1/webhooks"),
    ("", FIRST, "GET /v1/agents/*/webhook"),
    (FIRST, SECOND, "PATCH /v1/agents/*"),
    (FIRST, SECOND, "DELETE /v1/agents/*/numbers/*"),
    (FIRST, SECOND, "POST /v1/agents/*/numbers"),
    (FIRST, SECOND, "POST /v1/webhooks"),
    (FIRST, SECOND, "DELETE /v1/agents/*/webhook"),
    (FIRST, SECOND, "DELETE /v1/agents/*"),
    (FIRST, SECOND, "GET /v1/agents/*"),
    (FIRST, THIRD, "DELETE /v1/numbers/*"),
    (FIRST, THIRD, "DELETE /v1/webhooks"),
    (FIRST, THIRD, "GET /v1/numbers/*"),
    (FIRST, THIRD, "GET /v1/numbers/*/calls"),
]


@pytest.mark.parametrize(("fault", "times"), [("commit-then-drop", 1), ("status:503", 50), ("lag:5", 2)])
@pytest.mark.parametrize(
    ("before", "after", "call"), WHOLE, ids=[f"{index} {call}" for index, (*_, call) in enumerate(WHOLE)]
)
def test_a_whole_apply_recovers_from_a_fault(trial, report_text, before, after, call, fault, times):
    if before:
        trial.spec(before).settled()
    trial.spec(after)
    trial.fault(call, fault, times=times)
    apply(trial, report_text)
    recover(trial, report_text)
    assert Counter(trial.purchases()) == {"apr:acme/default/main": 1, "apr:acme/default/spare": 1}


@pytest.mark.parametrize("fault", ["truncate", "repeat"])
@pytest.mark.parametrize("path", ["/v1/agents", "/v1/numbers"])
def test_a_list_that_is_never_whole_stops_everything(trial, exit_of, path, fault):
    trial.seed(agents=[{"name": f"N{index}"} for index in range(150)], numbers=[{} for _ in range(150)])
    trial.spec(FIRST).fault(f"GET {path}", fault, times=500)
    assert exit_of(trial.apply) == 9
    assert trial.writes() == []
    assert not trial.state_file.exists()


@pytest.mark.parametrize("fault", ["truncate", "repeat"])
@pytest.mark.parametrize("path", ["/v1/agents", "/v1/numbers"])
def test_a_list_that_was_not_whole_once_is_read_again(trial, path, fault):
    trial.seed(agents=[{"name": f"N{index}"} for index in range(150)], numbers=[{} for _ in range(150)])
    trial.spec("agents: {a: {name: N7}}").fault(f"GET {path}", fault, nth=2)
    planned = trial.plan(adopt=True)
    assert [(step.action, step.address.key) for step in planned.plan.steps] == [("adopt", "a")]
    assert len(planned.plan.unmanaged) == 299


IGNORED = {
    "an agent's field at creation": ("", "agents: {a: {name: A, modelTier: max}}", "POST /v1/agents", "modelTier"),
    "an agent's field": ("agents: {a: {name: A}}", "agents: {a: {name: A, beginMessage: Hi}}", "PATCH /v1/agents/*", "beginMessage"),
    "a webhook's field": ("", 'webhooks: {w: {url: "https://a.dev/x", timeout: 60}}', "POST /v1/webhooks", "timeout"),
    "a webhook's URL": (
        'webhooks: {w: {url: "https://a.dev/x"}}', 'webhooks: {w: {url: "https://b.dev/x"}}', "POST /v1/webhooks", "url",
    ),
    "a number's agent": ("", HELD, "POST /v1/numbers", "agentId"),
}  # fmt: skip


@pytest.mark.parametrize("case", IGNORED)
def test_a_write_that_shows_the_old_value_did_not_converge(trial, report_text, case):
    before, after, call, field = IGNORED[case]
    if before:
        trial.spec(before).settled()
    trial.spec(after).fault(call, f"ignore-field:{field}", times=50)
    report = apply(trial, report_text)
    assert report.converged is False
    assert report.exit == 7
    word = "agent" if field == "agentId" else field
    assert any(word in warning and "did not converge" in warning for warning in report.warnings), report.warnings
    assert [step.action for step in trial.plan().plan.steps] == ["update"]
    recover(trial, report_text)


def test_a_marker_that_did_not_stick_is_a_warning_and_never_a_step(trial, report_text):
    trial.spec('numbers: {main: {areaCode: "415"}}').fault("POST /v1/numbers", "ignore-field:externalId")
    assert apply(trial, report_text).exit == 0
    planned = trial.plan()
    assert planned.plan.empty
    assert any("number.main" in warning and "marker" in warning for warning in planned.plan.warnings)
