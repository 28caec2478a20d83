"""After an apply the API sends its own test event to each webhook, once, and what became of it is said."""

from __future__ import annotations

import asyncio
import json

import pytest

from apreconcile import workflow
from apreconcile.core import planfile
from apreconcile.core.address import Address
from apreconcile.core.outcome import Arrival, Word
from apreconcile.core.planfile import load, to_json
from apreconcile.live.applying import Stop


def spec(trial, receiver, more=""):
    return trial.spec(f"""
        agents: {{a: {{name: A}}}}
        webhooks:
          w: {{url: "{receiver.url}/w"{more}}}
          of-a: {{agent: a, url: "{receiver.url}/a"}}
    """)


def verify(trial, approve=None, **how):
    """Plan and apply with --verify."""
    plan_how = {name: how.pop(name) for name in ("only", "adopt") if name in how}

    async def both(account):
        planned = await workflow.plan(account, verify=True, **plan_how)
        tokens = [step.token for step in planned.plan.steps if step.token] if approve is None else approve
        return await workflow.apply(account, planned, approve=tokens, **how)

    return trial.run(both)


def told(report):
    return {str(one.address): (one.arrival, one.status) for one in report.verified}


def sent_to(trial):
    return [path for method, path in trial.writes() if path.endswith("/test")]


def test_events_come_after_the_steps_and_are_reported(trial, receiver):
    report = verify(spec(trial, receiver))
    assert (report.exit, report.converged) == (0, True)
    assert told(report) == {"webhook.w": (Arrival.DELIVERED, 204), "webhook.of-a": (Arrival.DELIVERED, 204)}
    assert receiver.paths == ["/a", "/w"]
    assert all(event["test"] for event in receiver.events)
    agent = trial.ids()["agent.a"]
    assert sorted(sent_to(trial)) == sorted(["/v1/webhooks/test", f"/v1/agents/{agent}/webhook/test"])
    assert [path for _, path in trial.writes()][-2:] == sent_to(trial), "after all else"
    assert trial.state["lock"] is None


def test_they_are_in_the_plan_with_and_without_steps(trial, receiver):
    spec(trial, receiver)
    plan = trial.plan(verify=True).plan
    document = to_json(plan)
    assert document["tests"] == [
        {"address": "webhook.of-a", "method": "POST", "path": ["v1", "agents", None, "webhook", "test"]},
        {"address": "webhook.w", "method": "POST", "path": ["v1", "webhooks", "test"]},
    ]
    assert load(json.dumps(document).encode()) == document
    assert plan.digest == trial.plan().plan.digest
    assert "tests" not in to_json(trial.plan().plan)
    trial.settled()
    assert sent_to(trial) == []
    plan = trial.plan(verify=True).plan
    assert plan.empty
    assert [len(to_json(plan)["tests"]), to_json(plan)["tests"][0]["path"][2]] == [2, trial.ids()["agent.a"]]
    report = verify(trial)
    assert (report.exit, len(report.verified), report.outcomes) == (0, 2, ())
    assert len(sent_to(trial)) == 2


def test_only_those_that_were_asked_for(trial, receiver):
    report = verify(spec(trial, receiver), only=[Address("webhook", "of-a")])
    assert list(told(report)) == ["webhook.of-a"]
    assert receiver.paths == ["/a"]


@pytest.mark.parametrize("changes", [True, False])
def test_a_receiver_that_refuses_is_a_failure(trial, receiver, changes):
    receiver.status = 500
    spec(trial, receiver)
    if not changes:
        trial.settled()
    report = verify(trial)
    assert report.exit == (7 if changes else 1)
    assert told(report) == {"webhook.w": (Arrival.FAILED, 500), "webhook.of-a": (Arrival.FAILED, 500)}
    assert report.verified[0].error == "HTTP 500"
    assert len(receiver.events) == 2, "once each"


def test_a_receiver_that_is_not_there_is_a_failure(trial, receiver):
    trial.spec('webhooks: {w: {url: "http://127.0.0.1:9/x"}}')
    report = verify(trial)
    assert report.exit == 7
    assert told(report) == {"webhook.w": (Arrival.FAILED, None)}
    assert "Connect" in report.verified[0].error


def test_what_is_held_or_failed_gets_none(trial, receiver):
    spec(trial, receiver).settled()
    spec(trial, receiver, ", timeout: 60")
    report = verify(trial, approve=[])
    assert report.exit == 3
    assert list(told(report)) == ["webhook.of-a"]
    trial.fault("POST /v1/webhooks", "status:403")
    report = verify(trial)
    assert [(one.word, str(one.address)) for one in report.outcomes] == [(Word.FAILED, "webhook.w")]
    assert list(told(report)) == ["webhook.of-a"]


def test_what_is_not_ours_gets_none(trial, receiver):
    trial.seed(webhooks=[{"url": f"{receiver.url}/theirs"}])
    trial.spec(f'webhooks: {{w: {{url: "{receiver.url}/w"}}}}')
    report = verify(trial)
    assert (report.exit, report.verified) == (5, ())
    assert receiver.events == []


def test_an_unsafe_account_is_sent_none(trial, receiver):
    trial.seed(numbers=[{"country": "US"}])
    spec(trial, receiver)
    trial.spec(f'numbers: {{n: {{}}}}\nwebhooks: {{w: {{url: "{receiver.url}/w"}}}}')
    report = verify(trial)
    assert (report.exit, report.verified) == (9, ())
    assert trial.writes() == []


def test_what_is_blocked_gets_none(trial, receiver):
    """Where events go that the policy does not allow, a test event does not go either."""
    spec(trial, receiver).settled()
    trial.spec((trial.folder / "agentphone.yaml").read_text() + "\npolicy: {allowedWebhookHosts: [a.dev]}\n")
    report = verify(trial)
    assert (report.exit, report.verified, receiver.events) == (5, (), [])
    assert {str(one.address) for one in report.blocked} == {"webhook.w", "webhook.of-a"}
    spec(trial, receiver)
    assert len(verify(trial).verified) == 2


def test_none_is_sent_after_a_stop(trial, receiver):
    stop = Stop()
    stop.ask()
    spec(trial, receiver).settled()
    report = verify(trial, stop=stop)
    assert (report.exit, report.verified, receiver.events) == (130, (), [])
    spec(trial, receiver, ", timeout: 60")
    report = verify(trial, stop=stop)
    assert (report.exit, report.verified, receiver.events) == (130, (), [])


class Presses(Stop):
    """Asked to stop, twice, so many seconds after the first event was asked for."""

    def later(self, seconds: float) -> None:
        for _ in range(2):
            asyncio.get_running_loop().call_later(seconds, self.ask)


def test_who_gives_up_waiting_leaves_an_event_unknown(trial, receiver):
    trial.concurrency = 1
    spec(trial, receiver).settled()
    trial.fault("POST /v1/agents/*/webhook/test", "delay:2")
    stop = Presses()

    async def both(account):
        planned = await workflow.plan(account, verify=True)
        stop.later(0.5)
        return await workflow.apply(account, planned, stop=stop)

    report = trial.run(both)
    assert told(report) == {"webhook.of-a": (Arrival.UNKNOWN, None)}, "and the other was not sent"
    assert "interrupted" in report.verified[0].error
    assert report.exit == 1


def test_a_lost_answer_is_looked_up_and_never_sent_again(trial, receiver):
    spec(trial, receiver).settled()
    trial.fault("POST /v1/webhooks/test", "commit-then-drop")
    trial.fault("POST /v1/agents/*/webhook/test", "commit-then-status:502")
    report = verify(trial)
    assert report.exit == 1
    assert told(report) == {"webhook.w": (Arrival.UNKNOWN, None), "webhook.of-a": (Arrival.DELIVERED, 204)}
    assert receiver.paths == ["/a", "/w"], "the project's list has those of all: whose one is, nobody can tell"


def test_what_nothing_shows_is_unknown_and_ends_like_a_failure(trial, receiver):
    spec(trial, receiver).settled()
    trial.fault("POST /v1/agents/*/webhook/test", "drop")
    report = verify(trial)
    assert report.exit == 1
    assert told(report) == {"webhook.w": (Arrival.DELIVERED, 204), "webhook.of-a": (Arrival.UNKNOWN, None)}
    assert "no readable answer" in report.verified[0].error
    assert receiver.paths == ["/w"]
    assert len(sent_to(trial)) <= 2


@pytest.mark.parametrize(
    ("answer", "listed", "arrival", "status"),
    [
        ({"success": True, "httpStatus": 200}, [], Arrival.DELIVERED, 200),
        ({"success": True, "statusCode": 201, "responseMs": 5}, [], Arrival.DELIVERED, 201),
        ({"success": False, "statusCode": 500, "error": "no"}, [], Arrival.FAILED, 500),
        ({"success": False, "httpStatus": None, "errorMessage": None}, [], Arrival.FAILED, None),
        ({"id": "d", "status": "success", "httpStatus": 200}, [], Arrival.DELIVERED, 200),
        ({"message": "sent"}, [{"id": "d", "status": "success", "httpStatus": 200}], Arrival.DELIVERED, 200),
        ({"message": "sent"}, [{"id": "d", "status": "pending", "httpStatus": 503, "errorMessage": "x"}], Arrival.FAILED, 503),
        ({"message": "sent"}, [{"id": "d", "status": "pending"}], Arrival.UNKNOWN, None),
        ({"message": "sent"}, [{"id": "d", "httpStatus": 200}, {"id": "e", "httpStatus": 500}], Arrival.UNKNOWN, None),
        ({"message": "sent"}, [], Arrival.UNKNOWN, None),
        ("sent", "odd", Arrival.UNKNOWN, None),
        (None, [], Arrival.UNKNOWN, None),
    ],
)  # fmt: skip
def test_every_shape_of_an_answer(trial, front, answer, listed, arrival, status):
    trial.spec('agents: {a: {name: A}}\nwebhooks: {w: {agent: a, url: "https://a.dev/x"}}').settled()
    old = {"id": "old", "httpStatus": 500}
    front.answer("POST", "/v1/agents/*/webhook/test", 200, answer)
    front.answer("GET", "/v1/agents/*/webhook/deliveries", 200, [old])
    shown = [old, *listed] if isinstance(listed, list) else listed
    front.answer("GET", "/v1/agents/*/webhook/deliveries", 200, shown, times=9)
    report = verify(front(trial))
    assert told(report) == {"webhook.w": (arrival, status)}
    assert report.exit == (0 if arrival is Arrival.DELIVERED else 1)


@pytest.mark.parametrize("status", [403, 404, 429])
def test_an_api_that_refuses_the_test_is_a_failure(trial, front, status):
    trial.spec('webhooks: {w: {url: "https://a.dev/x"}}').settled()
    front.answer("POST", "/v1/webhooks/test", status, {"detail": "may not"}, times=9)
    report = verify(front(trial))
    assert told(report) == {"webhook.w": (Arrival.FAILED, None)}
    assert "may not" in report.verified[0].error


def test_an_error_shows_no_secret_and_is_cut(trials, front):
    trial = trials(environ={"PART": "path-of-the-environment"})
    trial.spec('webhooks: {w: {url: "https://a.dev/${env.PART}"}}').settled()
    text = f"https://a.dev/path-of-the-environment whsec_0123 {trial.key} \x1b[31m" + "x" * 999
    front.answer("POST", "/v1/webhooks/test", 200, {"success": False, "httpStatus": 500, "errorMessage": text})
    error = verify(front(trial)).verified[0].error
    assert error.startswith("*** *** *** ")
    assert len(error) <= 256
    assert "\x1b" not in error


def test_what_is_blocked_is_sent_none(trial, receiver):
    spec(trial, receiver)
    trial.settled()
    trial.spec(f"""
        policy: {{allowedWebhookHosts: [hooks.acme.dev]}}
        agents: {{a: {{name: A}}}}
        webhooks: {{w: {{url: "{receiver.url}/w"}}, of-a: {{agent: a, url: "{receiver.url}/a"}}}}
    """)
    plan = trial.plan(verify=True).plan
    assert (sorted(str(one.address) for one in plan.blocked), plan.probes) == (["webhook.of-a", "webhook.w"], ())
    assert (verify(trial).exit, receiver.paths) == (5, [])


@pytest.mark.parametrize("late", ["stale", "new"])
def test_what_a_saved_plan_leaves_as_it_is_is_sent_none(trial, receiver, late):
    spec(trial, receiver)
    trial.settled()
    spec(trial, receiver, more=", timeout: 20" if late == "stale" else "")
    saved = planfile.load(planfile.dump(trial.plan().plan))
    spec(trial, receiver, more=", timeout: 25")

    async def both(account):
        planned = await workflow.plan_again(account, saved, verify=True)
        return planned.plan.probes, await workflow.apply(account, planned)

    probes, report = trial.run(both)
    expected = [] if late == "stale" else ["webhook.of-a"]
    assert [str(probe.address) for probe in probes] == expected
    assert [str(one.address) for one in report.verified] == expected
    assert receiver.paths == ["/a"] * len(expected)
