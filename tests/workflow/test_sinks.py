"""Who signs is known to who checks: a new secret reaches its sink before its step is done, or the next run hands it on."""

from __future__ import annotations

import asyncio
import json
import os
import traceback
from pathlib import Path

import pytest
from killing import apply_in_a_process

from apreconcile import workflow
from apreconcile.core.errors import Error, SinkError
from apreconcile.core.outcome import Word
from apreconcile.core.planfile import dump
from apreconcile.live.applying import Stop

NAME = "AGENTPHONE_WEBHOOK_SECRET_W"


def hook(write_to="{file: .env}", url="https://a.dev/x", more=""):
    return f'webhooks: {{w: {{url: "{url}", {more} secret: {{writeTo: {write_to}}}}}}}'


def secret(trial) -> str:
    return trial.get("/v1/webhooks")["secret"]


def env(trial, name=".env") -> dict[str, str]:
    file = trial.folder / name
    rows = file.read_text().splitlines() if file.exists() else []
    return dict(row.split("=", 1) for row in rows)


def delivered(trial, at="webhook.w") -> bool:
    return "delivered" in trial.state["resources"][at]


def steps(trial, **how) -> list[tuple[str, str, list[str]]]:
    plan = trial.plan(**how).plan
    return [(step.action, str(step.address), [call.method for call in step.calls]) for step in plan.steps]


def words(report):
    return [(str(one.address), one.action, one.word) for one in report.outcomes]


def with_program(trial, code: str, name="take"):
    """A program of this name on the PATH of the trial's runs."""
    path = trial.folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{code}\n")
    path.chmod(0o755)
    trial.environ = {"PATH": f"{path.parent}{os.pathsep}{os.defpath}", "HOME": str(trial.folder)}
    return trial


def nothing_to_do(trial):
    assert trial.plan().plan.empty
    return True


def test_a_new_webhook_s_secret_is_written_before_it_is_done(trial):
    trial.spec(hook()).settled()
    assert env(trial) == {NAME: secret(trial)}
    assert delivered(trial)
    assert nothing_to_do(trial)
    assert trial.writes() == [("POST", "/v1/webhooks")]


def test_a_rotation_writes_the_new_one(trial):
    trial.spec(hook()).settled()
    before = secret(trial)
    report = trial.spec(hook(more="timeout: 60,")).apply()
    assert report.exit == 0
    assert [one.delivered for one in report.outcomes] == [f".env as {NAME}"]
    assert env(trial) == {NAME: secret(trial)}
    assert secret(trial) != before
    assert nothing_to_do(trial)


def test_a_new_sink_is_an_update_that_sends_nothing(trial):
    trial.spec('webhooks: {w: {url: "https://a.dev/x"}}').settled()
    before = secret(trial)
    trial.spec(hook())
    (step,) = trial.plan().plan.steps
    assert (step.action, step.calls, step.risks, step.token, step.guards) == ("update", (), frozenset(), None, ())
    assert [(diff.field, diff.before, diff.after) for diff in step.fields] == [("secret", None, f".env as {NAME}")]
    report = trial.apply(approve=[])
    assert (report.exit, report.converged) == (0, True)
    assert env(trial) == {NAME: before}
    assert nothing_to_do(trial)
    trial.spec(hook("{file: .env, name: OTHER}"))
    assert [diff.before for diff in trial.plan().plan.steps[0].fields] == ["another sink"]
    trial.settled()
    assert env(trial) == {NAME: before, "OTHER": before}
    assert trial.writes() == [("POST", "/v1/webhooks")]


def test_a_sink_that_is_taken_away_is_left_alone_and_a_later_one_is_new(trial):
    trial.spec(hook()).settled().spec('webhooks: {w: {url: "https://a.dev/x"}}')
    assert nothing_to_do(trial)
    trial.spec('webhooks: {w: {url: "https://a.dev/y"}}').settled()
    assert not delivered(trial), "what it has is old"
    trial.spec(hook(url="https://a.dev/y"))
    assert steps(trial) == [("update", "webhook.w", [])]
    trial.settled()
    assert env(trial) == {NAME: secret(trial)}


def test_an_adopted_webhook_s_secret_is_written(trial):
    trial.seed(webhooks=[{"url": "https://a.dev/x"}])
    trial.spec(hook())
    assert steps(trial) == [("adopt", "webhook.w", [])]
    trial.settled()
    assert env(trial) == {NAME: secret(trial)}
    assert trial.writes() == []
    assert nothing_to_do(trial)


def test_an_adoption_that_changes_it_writes_the_new_one_once(trial):
    trial.seed(webhooks=[{"url": "https://a.dev/old"}])
    with_program(trial, f"cat >>{trial.folder}/got; echo >>{trial.folder}/got").spec(hook("{exec: [take]}"))
    assert steps(trial, adopt=True) == [("adopt", "webhook.w", []), ("update", "webhook.w", ["POST"])]
    trial.settled()
    assert (trial.folder / "got").read_text().split() == [secret(trial)]
    assert nothing_to_do(trial)


def test_an_agent_s_webhook_and_the_project_s_in_one_file(trial):
    trial.spec("""
        agents: {a: {name: A}}
        webhooks:
          w: {url: "https://a.dev/x", secret: {writeTo: {file: .env}}}
          of-a: {agent: a, url: "https://a.dev/x", secret: {writeTo: {file: .env}}}
    """).settled()
    agent = trial.ids()["agent.a"]
    other = trial.get(f"/v1/agents/{agent}/webhook")["secret"]
    assert env(trial) == {NAME: secret(trial), "AGENTPHONE_WEBHOOK_SECRET_OF_A": other}
    assert nothing_to_do(trial)


def test_a_webhook_that_somebody_made_again_is_handed_on_again(trial):
    trial.spec(hook()).settled()
    trial.send("DELETE", "/v1/webhooks")
    trial.send("POST", "/v1/webhooks", {"url": "https://a.dev/x"})
    assert steps(trial) == [("adopt", "webhook.w", [])]
    trial.settled()
    assert env(trial) == {NAME: secret(trial)}


def test_a_file_is_beside_the_spec_that_names_it(trial, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    trial.spec(hook("{file: conf/prod.env, name: S}"))
    (trial.folder / "conf").mkdir()
    trial.settled()
    assert env(trial, "conf/prod.env") == {"S": secret(trial)}


# Checked first


@pytest.mark.parametrize(
    ("write_to", "words"),
    [
        ("{file: none/.env}", "there is no folder"),
        ("{file: bin}", "is a folder"),
        ("{file: agentphone.yaml}", "is a file of the spec"),
        ("{file: .apreconcile/t.default.json}", "where the state lies"),
        ("{exec: [nope]}", "there is no program nope"),
        ("{github: X}", "gh ended with 4, and said: log in"),
    ],
)
def test_a_sink_that_cannot_be_used_stops_all_before_the_first_write(trial, write_to, words):
    with_program(trial, "echo log in >&2; exit 4", "gh")
    trial.spec("agents: {z: {name: Z}}\n" + hook(write_to))
    spec = (trial.folder / "agentphone.yaml").read_text()
    (trial.folder / ".apreconcile").mkdir()
    with pytest.raises(SinkError, match=r"nothing was sent: webhook\.w: its secret could not go to") as caught:
        trial.apply()
    assert words in caught.value.message
    assert caught.value.hint
    assert trial.writes() == []
    assert trial.state == {}
    assert (trial.folder / "agentphone.yaml").read_text() == spec


def test_the_sink_of_a_held_step_is_not_looked_at(trial):
    trial.spec('agents: {z: {name: Z}}\nwebhooks: {w: {url: "https://a.dev/x"}}').settled()
    trial.spec("agents: {z: {name: Y}}\n" + hook("{exec: [nope]}", url="https://b.dev/x"))
    report = trial.apply(approve=[])
    assert words(report) == [("agent.z", "update", Word.DONE), ("webhook.w", "update", Word.HELD)]
    with pytest.raises(SinkError):
        trial.apply()


def test_with_no_sinks_they_count_as_filled(trial):
    """As with --sandbox."""

    async def whole():
        async with workflow.connect(
            trial.load(), key=trial.key, base_url=trial.url, hand_on=False, environ={}
        ) as account:
            return await workflow.apply(account, await workflow.plan(account))

    trial.spec(hook("{exec: [nope]}"))
    report = asyncio.run(whole())
    assert report.exit == 0
    assert [one.delivered for one in report.outcomes] == [None]
    assert delivered(trial)
    assert nothing_to_do(trial)


# What fails afterwards


def test_a_delivery_that_fails_is_half_done_and_the_next_run_hands_on_without_rotating(trial):
    with_program(trial, "cat >/dev/null; echo no such vault >&2; exit 2")
    report = trial.spec(hook("{exec: [take]}")).apply()
    (outcome,) = report.outcomes
    assert (report.exit, outcome.word, outcome.changed, outcome.delivered) == (7, Word.FAILED, True, None)
    assert outcome.error.startswith("it is set, but its signing secret was not handed on to `take`: take ended with 2")
    assert "no such vault" in outcome.error
    assert not delivered(trial)
    made = secret(trial)
    assert steps(trial) == [("update", "webhook.w", [])]
    assert trial.apply().exit == 1, "nothing was changed"
    with_program(trial, f"cat >{trial.folder}/got").settled()
    assert (trial.folder / "got").read_text() == made == secret(trial)
    assert trial.writes() == [("POST", "/v1/webhooks")]
    assert nothing_to_do(trial)


def test_a_failed_delivery_of_a_rotation_spends_its_token_and_needs_no_other(trial):
    with_program(trial, "cat >/dev/null").spec(hook("{exec: [take]}")).settled()
    with_program(trial, "exit 9").spec(hook("{exec: [take]}", url="https://b.dev/x"))
    report = trial.apply()
    assert (report.exit, [one.word for one in report.outcomes]) == (7, [Word.FAILED])
    assert trial.state["turns"] == {"webhook.w": 1}
    assert not delivered(trial)
    rotated = secret(trial)
    with_program(trial, f"cat >{trial.folder}/got")
    assert trial.apply(approve=[]).exit == 0
    assert (trial.folder / "got").read_text() == rotated == secret(trial)


def test_a_failed_adoption_is_handed_on_by_the_next_run(trial):
    trial.seed(webhooks=[{"url": "https://a.dev/x"}])
    with_program(trial, "exit 9").spec(hook("{exec: [take]}"))
    report = trial.apply()
    assert (report.exit, [one.word for one in report.outcomes]) == (7, [Word.FAILED])
    assert "it is ours, but its signing secret was not handed on" in report.outcomes[0].error
    with_program(trial, f"cat >{trial.folder}/got")
    assert steps(trial) == [("update", "webhook.w", [])]
    trial.settled()
    assert (trial.folder / "got").read_text() == secret(trial)


def test_a_rotation_that_is_refused_leaves_what_the_sink_has_in_doubt_only(trial):
    trial.spec(hook()).settled()
    trial.spec(hook(url="https://b.dev/x")).fault("POST /v1/webhooks", "status:403")
    assert trial.apply().exit == 1
    trial.spec(hook())
    assert steps(trial) == [("update", "webhook.w", [])], "the same secret is handed on again"
    trial.settled()
    assert env(trial) == {NAME: secret(trial)}


@pytest.mark.parametrize("do", ["commit-then-drop", "commit-then-status:502", "garbage", "drop", "status:503"])
@pytest.mark.parametrize("call", ["POST /v1/webhooks", "GET /v1/webhooks"])
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_whatever_is_lost_the_sink_has_the_secret_in_the_end(trial, call, do, nth):
    trial.spec(hook()).settled().spec(hook(url="https://b.dev/x"))
    trial.fault(call, do, nth=nth)
    trial.apply()
    trial.no_faults()
    trial.apply()
    assert env(trial) == {NAME: secret(trial)}
    assert trial.get("/v1/webhooks")["url"] == "https://b.dev/x"
    assert nothing_to_do(trial)
    trial.no_faults()


def test_a_secret_that_the_api_masks_when_read_is_taken_from_the_answer(trial, front):
    masked = {"id": "wh_1", "url": "https://a.dev/x", "contextLimit": 10, "timeout": 30, "status": "active"}
    front.answer("GET", "/v1/webhooks", 200, None, times=2)
    front.answer("POST", "/v1/webhooks", 200, {**masked, "secret": "whsec_whole"})
    front.answer("GET", "/v1/webhooks", 200, {**masked, "secret": "whsec_****hole"}, times=9)
    front(trial).spec(hook())
    assert trial.apply().exit == 0
    assert env(trial) == {NAME: "whsec_whole"}
    trial.spec(hook("{file: .env, name: LATER}"))
    report = trial.apply()
    assert "the API does not show it" in report.outcomes[0].error
    assert "LATER" not in env(trial)


@pytest.mark.parametrize("other", [{"id": "wh_2"}, {"url": "https://evil.dev/x"}])
def test_a_webhook_that_somebody_sets_meanwhile_keeps_its_secret_from_the_sink(trial, front, other):
    made = {"id": "wh_1", "url": "https://a.dev/x", "contextLimit": 10, "timeout": 30, "status": "active"}
    front.answer("GET", "/v1/webhooks", 200, None, times=2)
    front.answer("POST", "/v1/webhooks", 200, {**made, "secret": "whsec_mine"})
    front.answer("GET", "/v1/webhooks", 200, {**made, **other, "secret": "whsec_theirs"}, times=9)
    report = front(trial).spec(hook()).apply()
    (outcome,) = report.outcomes
    assert (report.exit, outcome.word) == (7, Word.FAILED)
    assert f"somebody changed it meanwhile: its {next(iter(other))} is another now" in outcome.error
    assert env(trial) == {}


def test_a_server_that_spells_the_url_its_own_way_is_no_obstacle(trial, front):
    made = {"id": "wh_1", "url": "https://a.dev/x/", "contextLimit": 10, "timeout": 30, "status": "active"}
    front.answer("GET", "/v1/webhooks", 200, None, times=2)
    front.answer("POST", "/v1/webhooks", 200, {**made, "secret": "whsec_mine"}, times=9)
    front.answer("GET", "/v1/webhooks", 200, {**made, "secret": "whsec_mine"}, times=99)
    front(trial).spec(hook())
    assert trial.apply().exit == 0
    assert env(trial) == {NAME: "whsec_mine"}
    assert nothing_to_do(trial)


class Presses:
    """Asks to stop, once or twice, as soon as a file is there."""

    def __init__(self, file: Path, times: int) -> None:
        self.stop = Stop()
        self.file = file
        self.times = times

    def began(self, step):
        async def press():
            while not self.file.exists():  # noqa: ASYNC110 -- a program makes it
                await asyncio.sleep(0.01)
            for _ in range(self.times):
                self.stop.ask()

        self.task = asyncio.get_running_loop().create_task(press())

    def ended(self, step, outcome):
        pass


@pytest.mark.parametrize("times", [1, 2])
def test_a_press_while_a_secret_is_handed_on(trial, times):
    """The first lets it finish; the second ends the program, and the next run hands on."""
    pause = 1 if times == 1 else 600
    with_program(trial, f"touch {trial.folder}/begun; sleep {pause}; cat >{trial.folder}/got").spec(
        hook("{exec: [take]}")
    )
    presses = Presses(trial.folder / "begun", times)
    report = trial.apply(watch=presses, stop=presses.stop)
    if times == 1:
        assert words(report) == [("webhook.w", "create", Word.DONE)]
        assert (trial.folder / "got").read_text() == secret(trial)
        assert delivered(trial)
        return
    (outcome,) = report.outcomes
    assert (report.exit, outcome.word, outcome.changed) == (7, Word.FAILED, True)
    assert "interrupted" in outcome.error
    assert not delivered(trial)
    with_program(trial, f"cat >{trial.folder}/got").settled()
    assert (trial.folder / "got").read_text() == secret(trial)
    assert trial.writes() == [("POST", "/v1/webhooks")]


# Killed

MOMENTS = [
    *(f"{when} a swap {nth}" for nth in (1, 2, 3, 4) for when in ("before", "after")),
    "before a delivery 1",
    "after a delivery 1",
    *(f"after GET /v1/webhooks {nth}" for nth in (1, 2, 3, 4)),
    "after POST /v1/webhooks 1",
]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("scene", ["created", "rotated", "adopted", "handed on"])
def test_a_killed_run_s_secret_is_handed_on_by_the_next_without_rotating(trial, scene, moment):
    before = {"rotated": hook(), "handed on": hook("{file: other.env}")}.get(scene)
    if before:
        trial.spec(before).settled()
    if scene == "adopted":
        trial.seed(webhooks=[{"url": "https://b.dev/x"}])
    trial.spec(hook(url="https://a.dev/x" if scene == "handed on" else "https://b.dev/x"))
    ended = apply_in_a_process(trial, moment)
    assert ended.returncode in {-9, 0}, ended.stderr  # 0: such a run has no such moment
    sent, now = len(trial.writes()), secret(trial) if trial.get("/v1/webhooks") else None
    posted = sent > (1 if before else 0)
    trial.clock.skip(1000)
    if posted:
        (step,) = trial.plan().plan.steps if not trial.plan().plan.empty else (None,)
        assert step is None or (step.calls, step.risks) == ((), frozenset()), "no rotation"
    trial.settled()
    assert env(trial) == {NAME: secret(trial)} if scene != "handed on" else env(trial)[NAME] == secret(trial)
    if posted:
        assert secret(trial) == now, "the next run did not rotate"
        assert len(trial.writes()) == sent
    assert trial.state["intents"] == {}
    assert delivered(trial)
    assert nothing_to_do(trial)


@pytest.mark.parametrize("moment", ["after POST /v1/webhooks 1", "before a delivery 1"])
def test_a_rotation_without_a_sink_forgets_who_had_the_old_one_before_it_leaves(trial, moment):
    trial.spec(hook()).settled().spec('webhooks: {w: {url: "https://b.dev/x"}}')
    ended = apply_in_a_process(trial, moment)
    if ended.returncode == 0:
        assert moment.startswith("before a delivery")
    trial.clock.skip(1000)
    trial.spec(hook(url="https://b.dev/x"))
    assert steps(trial) == [("update", "webhook.w", [])]
    trial.settled()
    assert env(trial) == {NAME: secret(trial)}


# Nowhere else


def test_the_secret_is_nowhere_but_in_its_sink(trial, capfd):
    report = with_program(trial, "tee /dev/stderr; exit 1").spec(hook("{exec: [take]}")).apply()
    failed = repr(report) + str(report)
    texts = [failed, *(path.read_text() for path in (trial.folder / ".apreconcile").iterdir() if path.is_file())]
    text = secret(trial)
    with_program(trial, "tee /dev/stderr").spec(hook("{exec: [take]}"))
    planned = trial.plan()
    texts += [dump(planned.plan).decode(), repr(planned), repr(trial.apply())]
    trial.spec(hook("{exec: [nope]}", url="https://b.dev/x"))
    try:
        trial.apply()
    except Error as problem:
        whole = traceback.TracebackException.from_exception(problem, capture_locals=True)
        frames = [str(frame.locals) for frame in whole.stack if "/apreconcile/" in frame.filename]
        texts += [*frames, *traceback.format_exception(problem), repr(problem), str(problem)]
    else:
        raise AssertionError
    texts += [*capfd.readouterr(), *trial.heard, json.dumps(trial.state)]
    assert [one for one in texts if text in one] == []
    assert "***" in failed


def test_a_program_that_says_what_it_knows_from_its_environment_tells_nobody(trial):
    with_program(trial, 'echo "cannot use $TOKEN here" >&2; exit 1')
    trial.environ |= {"TOKEN": "t0p-of-the-secrets"}
    trial.spec("agents: {a: {name: A, description: 'say ${env.TOKEN}'}}\n" + hook("{exec: [take]}"))
    report = trial.apply()
    assert [one.error for one in report.outcomes if "cannot use *** here" in (one.error or "")]
    assert "t0p-of-the-secrets" not in repr(report)


def test_an_approval_of_a_rotation_is_one_of_its_sink(trial):
    trial.spec(hook()).settled()
    tokens, digests = set(), set()
    for write_to in ("{file: .env}", "{file: .env, name: X}", "{exec: [take]}", "{exec: [take, x]}", "{github: X}"):
        plan = trial.spec(hook(write_to, url="https://b.dev/x")).plan().plan
        tokens.add(plan.steps[0].token)
        digests.add(plan.digest)
    assert (len(tokens), len(digests)) == (5, 5)


def test_an_export_leaves_the_sink_out(trial):
    trial.spec(hook()).settled()
    assert "writeTo" not in trial.export().text
