"""`apply` sends what was agreed to and nothing else; its exit code agrees with what it prints."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from apreconcile import workflow
from apreconcile.cli import applying as module
from tests.cli.conftest import approving, planned


def approved(ap, world) -> list[str]:
    return approving(planned(ap, env=world.env))


def test_without_a_terminal_and_without_yes_nothing_is_sent(ap, world):
    told = ap("apply", env=world.env)
    assert told.code == 3
    assert "Plan: 5 to create" in told.out
    assert "nothing was sent: there is no terminal to ask at, and no --yes" in told.err
    assert world.writes() == []


def test_yes_takes_the_ordinary_steps_and_holds_the_rest(ap, world):
    told = ap("apply", "--yes", env=world.env)
    assert told.code == 3
    assert "held    + create number.support-main  wants an approval" in told.out
    assert "Steps: 4 done, 1 held." in told.out
    assert "POST /v1/numbers" not in world.writes()
    assert "held     create number.support-main" in told.err


def test_a_token_lets_its_step_go(ap, world):
    told = ap("apply", "--yes", *approved(ap, world), env=world.env)
    assert told.code == 0
    assert "New phone number:" in told.out
    assert told.out.endswith("Done: the account is as the spec wants it.\n")
    again = ap("apply", "--yes", env=world.env)
    assert (again.code, again.err) == (0, "")
    assert "No changes: 5 resources are as the spec wants them." in again.out


def test_nothing_to_do_asks_nothing_and_needs_no_yes(ap, world):
    ap("apply", "--yes", *approved(ap, world), env=world.env)
    told = ap("apply", env=world.env)
    assert (told.code, told.err) == (0, "")


def test_json_is_the_report_alone(ap, world):
    told = ap("apply", "--yes", "--format", "json", env=world.env)
    report = json.loads(told.out)
    assert report["format"] == "apreconcile.report/1"
    assert report["exit"] == told.code == 3
    assert {step["outcome"] for step in report["steps"]} == {"done", "held"}
    assert "Plan: 5 to create" in told.err


def test_the_report_is_saved_beside_what_is_shown(ap, world, folder):
    told = ap("apply", "--yes", "--out", "report.json", "--format", "markdown", env=world.env)
    assert (told.code, told.out.startswith("<!-- apreconcile apply: acme-support/default -->")) == (3, True)
    assert json.loads((folder / "report.json").read_text())["exit"] == 3
    before = world.writes()
    (folder / "report.json").write_text("notes")
    refused = ap("apply", "--yes", "--out", "report.json", env=world.env)
    assert (refused.code, "is no plan" in refused.err, world.writes()) == (1, True, before)


def test_a_report_that_cannot_be_saved_is_shown_and_is_no_success(ap, world):
    told = ap("apply", "--yes", "--only", "agent.triage", "--out", "/proc/report.json", env=world.env)
    assert (told.code, "Steps: 1 done" in told.err, "could not be written" in told.err) == (7, True, True)


def test_quiet_json_says_nothing_else(ap, world):
    told = ap("apply", "--yes", "-q", "--format", "json", env=world.env)
    assert told.err == ""
    json.loads(told.out)


@pytest.mark.parametrize("quiet", [(), ("-q",)])
def test_json_has_the_warnings_and_stderr_too_unless_quiet(ap, world, quiet):
    world.fault("GET /v1/numbers", "status:400", nth=2)
    told = ap("apply", "--yes", "--only", "agent.support", *quiet, "--format", "json", env=world.env)
    (warning,) = json.loads(told.out)["warnings"]
    assert "the account could not be looked at again" in warning
    assert ("  ! the account could not be looked at again" in told.err) is not bool(quiet)
    assert bool(told.err) is not bool(quiet)


def test_nothing_to_do_at_the_addresses_of_only_says_nothing_of_others(ap, world):
    ap("apply", "--yes", "--only", "agent.support", env=world.env)
    for command in ("plan", "apply"):
        told = ap(command, "--only", "agent.support", env=world.env)
        assert "No changes: agent.support is as the spec wants it." in told.out


def test_require_all_approved_refuses_up_front(ap, world):
    told = ap("apply", "--yes", "--require-all-approved", env=world.env)
    assert told.code == 3
    assert "nothing was sent: 1 approval missing" in told.err
    assert f"       {approved(ap, world)[1]}\n" in told.err
    assert world.writes() == []
    assert ap("apply", "--yes", "--require-all-approved", *approved(ap, world), env=world.env).code == 0


def test_a_token_of_nothing_is_a_warning(ap, world):
    stranger = f"release:number.gone@{'0' * 32}"
    told = ap("apply", "--yes", "--approve", stranger, env=world.env)
    assert told.code == 3
    assert f"{stranger} matches no step" in " ".join(told.err.split())
    assert stranger not in told.out


def test_only_held_steps_without_a_terminal_are_reported_and_need_no_yes(ap, world):
    ap("apply", "--yes", env=world.env)
    before = world.writes()
    told = ap("apply", env=world.env)
    assert told.code == 3
    assert "Steps: 1 held." in told.out
    assert world.writes() == before


def test_in_ci_without_a_store_nothing_is_sent(ap, world, folder):
    ci = {**world.env, "CI": "true"}
    told = ap("apply", "--yes", env=ci)
    assert (told.code, told.out) == (9, "")
    assert "write `state: {store: git}` in the spec" in " ".join(told.err.split())
    assert world.requests() == []
    spec = folder / "agentphone.yaml"
    spec.write_text(spec.read_text() + "state: {store: local}\n")
    assert ap("apply", "--yes", env=ci).code == 3


def test_in_ci_a_sandbox_needs_no_store(ap):
    assert ap("apply", "--yes", "--sandbox", env={"CI": "true"}).code == 3


def test_unsafe_surroundings_send_nothing_and_ask_nothing(ap, world):
    world.seed(numbers=[{"country": "US", "areaCode": "212"}])
    told = ap("apply", "--yes", env=world.env)
    assert told.code == 9
    assert world.writes() == []


def test_a_lost_reply_is_unknown_and_6(ap, world):
    world.fault("POST /v1/numbers", "commit-then-drop")
    told = ap("apply", "--yes", *approved(ap, world), env=world.env)
    assert told.code == 6
    assert "unknown + create number.support-main" in told.out
    assert told.out.endswith("(exit 6).\n")


def test_something_done_and_something_failed_is_7(ap, world):
    world.fault("POST /v1/webhooks", "status:422")
    told = ap("apply", "--yes", *approved(ap, world), env=world.env)
    assert told.code == 7
    assert told.out.replace("\n", " ").endswith("(exit 7). ")


def test_after_a_long_pause_the_account_is_looked_at_again(ap, world, monkeypatch):
    monkeypatch.setattr(module, "FRESH", -1.0)
    told = ap("apply", "--yes", env=world.env)
    assert told.code == 3
    assert "Steps: 4 done, 1 held." in told.out


def test_what_changed_during_a_long_pause_is_4(ap, world, monkeypatch):
    monkeypatch.setattr(module, "FRESH", -1.0)
    looks = []

    async def plan(*args: object, **more: object) -> workflow.Planned:
        looks.append(await workflow.plan(*args, **more))
        changed = replace(looks[-1].plan, digest=f"{len(looks):064}")
        return replace(looks[-1], plan=changed)

    monkeypatch.setattr(module, "plan", plan)
    told = ap("apply", "--yes", env=world.env)
    assert told.code == 4
    assert "the account changed while you were reading; nothing was sent" in told.err
    assert world.writes() == []


def test_only_leaves_the_rest_in_the_report(ap, world):
    told = ap("apply", "--yes", "--only", "agent.support", "--format", "json", env=world.env)
    report = json.loads(told.out)
    assert told.code == 0
    assert [step["address"] for step in report["steps"]] == ["agent.support"]
    assert len(report["remaining"]) == 4


def test_a_fault_of_ours_in_the_middle_is_6_and_never_a_traceback(ap, world, monkeypatch):
    async def broken(*_: object, **__: object) -> None:
        raise ValueError("whsec_planted")

    monkeypatch.setattr(module, "apply", broken)
    told = ap("apply", "--yes", env=world.env)
    assert told.code == 6
    assert "internal error: ValueError" in " ".join(told.err.split())
    assert "apreconcile plan" in told.err
    assert "Traceback" not in told.err
    assert "whsec_planted" not in told.out + told.err


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_report_that_stdout_does_not_take_goes_to_stderr(ap, world, monkeypatch, form):
    def full(*_: object) -> None:
        raise module.OutputError("standard output could not be written: No space left on device")

    args = ["apply", "--yes", "-q", "--format", form, *approved(ap, world)]
    monkeypatch.setattr(module, "_show_plan", lambda *_: None)
    monkeypatch.setattr("apreconcile.cli.terminal.Terminal.write", full)
    monkeypatch.setattr("apreconcile.cli.terminal.Terminal.show", full)
    told = ap(*args, env=world.env)
    assert told.code == 7
    assert "New phone number:" in told.err
    assert "could not be written" in told.err


def hooked(folder, receiver) -> None:
    text = f'version: 1\nproject: acme\nwebhooks: {{w: {{url: "{receiver.url}/w"}}}}\n'
    (folder / "agentphone.yaml").write_text(text)


def test_events_without_a_terminal_and_without_yes_are_not_sent(ap, world, folder, receiver):
    hooked(folder, receiver)
    told = ap("apply", "--verify", env=world.env)
    assert told.code == 3
    assert "Afterwards a test event is sent to:\n  webhook.w  POST /v1/webhooks/test\n" in told.out
    assert world.writes() == []
    assert ap("apply", "--yes", env=world.env).code == 0
    told = ap("apply", "--verify", env=world.env)
    assert told.code == 3
    assert "No changes: 1 resource is as the spec wants it." in told.out
    assert receiver.events == []
    told = ap("apply", "--verify", "--yes", env=world.env)
    assert told.code == 0
    assert "delivered webhook.w  HTTP 204" in told.out
    assert [event["path"] for event in receiver.events] == ["/w"]


def test_events_are_in_the_report_as_json(ap, world, folder, receiver):
    hooked(folder, receiver)
    receiver.status = 418
    told = ap("apply", "--verify", "--yes", "--format", "json", env=world.env)
    report = json.loads(told.out)
    assert (told.code, report["exit"], report["converged"]) == (7, 7, True)
    assert report["verified"] == [{"address": "webhook.w", "outcome": "failed", "status": 418, "error": "HTTP 418"}]
    told = ap("apply", "--yes", "--format", "json", env=world.env)
    assert "verified" not in json.loads(told.out)


def test_the_event_of_a_held_step_needs_no_answer(ap, world, folder, receiver):
    hooked(folder, receiver)
    assert ap("apply", "--yes", env=world.env).code == 0
    hooked(folder, replace_url(receiver))
    told = ap("apply", "--verify", env=world.env)
    assert told.code == 3
    assert "held    ~ update webhook.w" in told.out
    assert receiver.events == []


def replace_url(receiver):
    class Other:
        url = f"{receiver.url}/other"

    return Other


def test_the_sandbox_keeps_its_secrets_and_says_so_once(ap, folder):
    sink = "secret: {writeTo: {exec: [no-such-program]}}"
    text = f'version: 1\nproject: acme\nwebhooks: {{w: {{url: "https://a.dev/x", {sink}}}}}\n'
    (folder / "agentphone.yaml").write_text(text)
    told = ap("apply", "--sandbox", "--yes")
    assert told.code == 0
    assert told.err.count("sandbox: webhook secrets are not handed to their sinks") == 1
    assert "apreconcile --sandbox secret show webhook.w" in told.out
    assert ap("plan", "--sandbox", "--detailed-exitcode").code == 0
