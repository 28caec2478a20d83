"""At a real terminal: what is asked, what counts as an answer, and what Ctrl-C means."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from apreconcile.cli.terminal import Terminal, told_once
from tests.cli.conftest import PATIENCE, Person

CTRL_C = "\x03"


@pytest.fixture
def sit(folder, program_env, world) -> Iterator[Callable[..., Person]]:
    people: list[Person] = []

    def down(*argv: str, out: Path | None = None, **env: str) -> Person:
        people.append(Person(argv, {**program_env, **world.env, **env}, out))
        return people[-1]

    yield down
    for person in people:
        person.close()


def test_typed_approval_and_yes(sit, world):
    person = sit("apply")
    person.wait_for("Enter holds it\r\n    > ")
    person.type("buy number.support-main\n")
    person.wait_for("Apply these 5 steps? [y/N]")
    person.type("y\n")
    code, screen = person.leave()
    assert code == 0
    assert "approved" in screen
    assert "New phone number:" in screen
    assert "POST /v1/numbers" in world.writes()


@pytest.mark.parametrize("answer", ["", "y", "BUY number.support-main"])
def test_any_other_words_leave_the_step_held(sit, world, answer):
    person = sit("apply", "--yes")
    person.wait_for("Enter holds it\r\n    > ")
    person.type(f"{answer}\n")
    code, screen = person.leave()
    assert code == 3
    assert "Steps: 4 done, 1 held." in screen
    assert "POST /v1/numbers" not in world.writes()


@pytest.mark.parametrize("answer", ["\n", "no\n", "\x04"])
def test_anything_but_yes_is_no(sit, world, answer):
    person = sit("apply", "--only", "agent.support")
    person.wait_for("Apply this step? [y/N]")
    person.type(answer)
    code, screen = person.leave()
    assert code == 3
    assert "nothing was sent: the answer was no" in screen
    assert world.writes() == []


def test_events_are_asked_for_with_and_without_steps(sit, world, folder):
    (folder / "agentphone.yaml").write_text('version: 1\nproject: acme\nwebhooks: {w: {url: "http://127.0.0.1:9/x"}}\n')
    person = sit("apply", "--verify")
    person.wait_for("Apply this step and send a test event? [y/N]")
    person.type("y\n")
    assert person.leave()[0] == 7
    person = sit("apply", "--verify")
    person.wait_for("Send a test event? [y/N]")
    person.type("n\n")
    assert person.leave()[0] == 3
    assert world.writes() == ["POST /v1/webhooks", "POST /v1/webhooks/test"]


def test_what_was_pasted_ahead_answers_nothing(sit, world):
    person = sit("apply")
    person.type("y\ny\nbuy number.support-main\ny\n")
    person.wait_for("Enter holds it\r\n    > ")
    person.type("\n")
    person.wait_for("Apply these 4 steps? [y/N]")
    person.type("n\n")
    code, _ = person.leave()
    assert code == 3
    assert world.writes() == []


def test_what_is_pasted_with_an_answer_answers_no_further_question(sit, world):
    person = sit("apply")
    person.wait_for("Enter holds it\r\n    > ")
    person.type("buy number.support-main\ny\ny\n")
    person.wait_for("Apply these 5 steps? [y/N]")
    time.sleep(0.2)
    assert person.process.poll() is None
    person.type("n\n")
    assert person.leave()[0] == 3
    assert world.writes() == []


def test_a_release_is_approved_by_its_number(sit, world, folder, ap):
    spec = folder / "agentphone.yaml"
    document = json.loads(ap("plan", "--format", "json", env=world.env).out)
    token = next(step["token"] for step in document["steps"] if step["token"])
    report = json.loads(ap("apply", "--yes", "--approve", token, "--format", "json", env=world.env).out)
    phone = next(step["phoneNumber"] for step in report["steps"] if step["phoneNumber"])
    spec.write_text(re.sub(r"numbers:\n.*\n", "", spec.read_text()))
    for answer, code in (("release number.support-main", 3), (phone, 0)):
        person = sit("apply", "--yes")
        person.wait_for(f"type {phone} to approve it; Enter holds it\r\n    > ")
        person.type(f"{answer}\n")
        assert person.leave()[0] == code
    assert [one for one in world.writes() if one.startswith("DELETE")] != []


def test_who_is_asked_sees_the_plan_wherever_stdout_goes(sit, folder):
    person = sit("apply", "--only", "agent.support", out=folder / "out.txt")
    person.wait_for("+ create agent.support")
    person.wait_for("Apply this step? [y/N] ")
    person.type("y\n")
    code, screen = person.leave()
    assert code == 0
    assert "Done: what was asked for is as the spec wants it." not in screen
    assert "Done: what was asked for is as the spec wants it." in (folder / "out.txt").read_text()


def test_progress_is_a_bar_on_a_terminal_and_lines_in_ci(sit, folder):
    (folder / "agentphone.yaml").write_text((folder / "agentphone.yaml").read_text() + "state: {store: local}\n")
    person = sit("apply", "--yes", "--only", "agent.support")
    assert "1/1" in person.leave()[1]
    person = sit("apply", "--yes", "--only", "agent.triage", CI="true")
    _, screen = person.leave()
    assert "1/1" not in screen
    assert "done     create agent.triage" in screen


def test_piped_answers_are_refused(spawn, world):
    process = spawn("apply", env=world.env, stdin=subprocess.PIPE)
    _, err = process.communicate("y\nbuy number.support-main\ny\n", timeout=PATIENCE)
    assert process.returncode == 3
    assert "there is no terminal to ask at" in err
    assert world.writes() == []


@pytest.mark.parametrize("words", ["    > ", "[y/N] "])
def test_ctrl_c_at_a_question_is_130_and_sends_nothing(sit, world, words):
    person = sit("apply", *(["--only", "agent.support"] if words == "[y/N] " else []))
    person.wait_for(words)
    person.type(CTRL_C)
    code, screen = person.leave()
    assert code == 130
    assert "error: interrupted; nothing was sent" in screen
    assert world.writes() == []


def test_ctrl_c_while_looking_is_130(sit, world):
    world.fault("GET /v1/agents", "delay:20")
    person = sit("plan")
    wait_until_busy(world)
    person.type(CTRL_C)
    code, screen = person.leave()
    assert code == 130
    assert "interrupted; nothing was sent" in screen
    assert "Traceback" not in screen


def test_the_first_ctrl_c_finishes_what_is_in_flight_and_starts_no_more(sit, world):
    world.fault("POST /v1/agents", "delay:1", times=1)
    person = sit("apply", "--yes", "--concurrency", "1", CI="")
    person.wait_for("Enter holds it\r\n    > ")
    person.type("\n")
    wait_until_busy(world)
    person.type(CTRL_C)
    code, screen = person.leave()
    assert "finishing the calls in flight" in screen
    assert re.search(r"done\s+\+ create agent.support", screen)
    assert re.search(r"skipped \+ create webhook.events\s+the run was interrupted", screen)
    assert code in (3, 130)
    assert not [one for one in world.writes() if "webhooks" in one]


def test_the_second_ctrl_c_gives_up_waiting(sit, world):
    world.fault("POST /v1/agents", "delay:30", times=1)
    person = sit("apply", "--yes")
    person.wait_for("Enter holds it\r\n    > ")
    person.type("\n")
    wait_until_busy(world)
    person.type(CTRL_C)
    person.wait_for("Ctrl-C again")
    begun = time.monotonic()
    person.type(CTRL_C)
    code, screen = person.leave()
    assert time.monotonic() - begun < 15
    assert code == 6
    assert re.search(r"unknown \+ create agent.(support|triage)", screen)
    assert re.search(r"apreconcile resolve agent.(support|triage) --bind ID", screen)


def test_colours_only_where_they_are_wanted(sit):
    plan = ("plan",)
    assert "\x1b[" in screen_of(sit(*plan))
    for person in (sit(*plan, NO_COLOR="1"), sit(*plan, TERM="dumb"), sit(*plan, "--no-color")):
        assert "\x1b[" not in screen_of(person)


def screen_of(person: Person) -> str:
    person.leave()
    return person.seen


def wait_until_busy(world) -> None:
    """Until the one fault that was queued has struck."""
    end = time.monotonic() + PATIENCE
    while world.http.get("/_sandbox/faults").json()["queued"]:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_remark_is_wrapped_and_one_that_repeats_itself_is_told_once(capsys):
    tell, word = told_once(Terminal().remark), "waiting for number.main to show "
    for text in (word * 4, word * 4, "done", word * 4):
        tell(text)
    err = capsys.readouterr().err
    assert (err.count("waiting"), err.count("done")) == (8, 1)
    assert max(map(len, err.splitlines())) <= 80
