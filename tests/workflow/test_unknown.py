"""A creation whose reply was lost is said, kept, and settled by looking; until then nothing can be bought again."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest

from apreconcile import workflow
from apreconcile.core.address import Address
from apreconcile.core.errors import BlockedError, Error, LockedError
from apreconcile.core.outcome import Word
from apreconcile.live.record import stamp

BUY = 'numbers: {main: {areaCode: "415"}}'
NUMBER = Address("number", "main")


@pytest.fixture
def lost(trial):
    """An account that holds a number whose purchase was never answered."""
    trial.spec(BUY).fault("POST /v1/numbers", "commit-then-drop")
    assert trial.apply().exit == 6
    return trial


@pytest.fixture
def nothing(trial):
    """A purchase that was never answered and bought nothing."""
    trial.spec(BUY).fault("POST /v1/numbers", "drop")
    assert trial.apply().exit == 6
    return trial


def bought(trial):
    return trial.get("/v1/numbers")["data"][0]["id"]


def test_the_intent_stays_open_in_the_stored_state(lost):
    intent = lost.state["intents"]["number.main"]
    assert (intent["action"], intent["risks"]) == ("create", ["spends"])
    assert [line["outcome"] for line in lost.state["ledger"]] == ["unknown"]
    assert lost.state["lock"] is None


def test_the_next_plan_settles_it_in_memory_and_says_so(lost):
    before = lost.state
    planned = lost.plan()
    assert planned.plan.empty
    assert [bought(lost) in said and "marker" in said for said in planned.plan.warnings] == [True]
    assert lost.state == before


def test_the_next_apply_settles_it_in_the_state_and_sends_nothing(lost):
    before, serial = lost.writes(), lost.state["serial"]
    report = lost.apply()
    assert (report.exit, report.converged) == (0, True)
    assert lost.writes() == before
    assert (lost.state["intents"], lost.state["lock"], lost.state["serial"]) == ({}, None, serial + 2)
    assert [(line["outcome"], line["id"]) for line in lost.state["ledger"]] == [("bought", bought(lost))]
    assert lost.state["resources"]["number.main"]["id"] == bought(lost)
    assert lost.plan().plan.warnings == ()


def test_where_there_are_no_markers_the_new_number_on_the_agent_is_it(trial, front):
    """The API of 2025 knows no externalId: it is taken out of every answer here, on the way."""
    trial.spec("agents: {a: {name: A}}").settled()
    trial.seed(numbers=[{"id": "num_old", "agentId": trial.ids()["agent.a"]}])
    front.hide = "externalId"
    trial.spec("agents: {a: {name: A}}\nnumbers: {n: {agent: a}}").fault("POST /v1/numbers", "commit-then-drop")
    assert front(trial).apply().exit == 6
    report = trial.apply()
    assert (report.exit, len(trial.purchases())) == (0, 1)
    assert trial.ids()["number.n"] != "num_old"
    assert trial.plan().plan.empty


def test_what_nothing_shows_is_open_and_names_both_ways_out(nothing):
    plan = nothing.plan().plan
    assert [one.exit for one in plan.unsettled] == [6]
    assert not plan.steps
    assert "nothing new" in plan.unsettled[0].reason
    assert "apreconcile resolve number.main --bind ID" in plan.unsettled[0].hint
    assert "apreconcile resolve number.main --not-created" in plan.unsettled[0].hint


def test_applying_again_sends_nothing_and_ends_in_six(nothing):
    for skipped in (0, 1000):
        nothing.clock.skip(skipped)
        before = nothing.writes()
        report = nothing.apply()
        assert (report.exit, nothing.writes()) == (6, before)


def test_an_approval_does_not_open_the_way_either(nothing):
    tokens = nothing.state["intents"]["number.main"]["token"]
    assert nothing.apply([tokens]).exit == 6
    assert len(nothing.purchases()) == 0


def test_an_open_purchase_stops_other_purchases_and_nothing_else(nothing):
    nothing.clock.skip(1000)
    nothing.spec("""
        agents: {a: {name: A}}
        numbers: {main: {areaCode: "415"}, other: {agent: a}}
        webhooks: {w: {url: "https://a.dev/x"}}
    """)
    report = nothing.apply()
    assert report.exit == 6
    assert {str(one.address): one.word for one in report.outcomes} == {"agent.a": Word.DONE, "webhook.w": Word.DONE}
    assert {str(one.address): one.exit for one in report.blocked} == {"number.main": 6, "number.other": 6}
    nothing.not_created("number.main")
    assert nothing.apply().exit == 0
    assert sorted(nothing.purchases()) == ["apr:acme/default/main", "apr:acme/default/other"]


def test_an_apply_that_may_wait_gives_it_the_settling_time_to_show(lost):
    lost.clock.carried = lambda seconds: lost.http.post("/_sandbox/clock", json={"advance": seconds})
    lost.fault("GET /v1/numbers", "lag:20", times=100)
    assert lost.plan().plan.unsettled, "plan does not wait"
    said = []
    assert lost.plan(wait=said.append).plan.empty
    assert said
    assert all("number.main" in one for one in said)


def test_waiting_ends_with_the_settling_time(nothing):
    said = []
    begin = nothing.clock.now()
    assert nothing.plan(wait=said.append).plan.unsettled
    assert len(said) > 2
    assert nothing.clock.now() - begin < timedelta(seconds=nothing.settle + 10)
    nothing.clock.skip(1000)
    before = len(said)
    assert nothing.plan(wait=said.append).plan.unsettled
    assert len(said) == before, "what nothing shows after the settling time is not waited for"


def test_binding_settles_it(lost):
    said = lost.bind("number.main", bought(lost))
    assert re.fullmatch(rf"number.main is \+1415\d+ \({bought(lost)}\)", said)
    assert lost.plan().plan.empty
    assert lost.state["intents"] == {}
    assert [(line["outcome"], line["id"]) for line in lost.state["ledger"]] == [("bought", bought(lost))]
    assert lost.state["resources"]["number.main"]["phoneNumber"].startswith("+1415")


def test_saying_not_created_is_refused_while_it_may_still_be_on_its_way(nothing):
    with pytest.raises(LockedError) as refused:
        nothing.not_created("number.main")
    assert refused.value.exit_code == 8
    assert nothing.state["intents"]
    nothing.clock.skip(30 + 60 - 5)
    with pytest.raises(LockedError):
        nothing.not_created("number.main")
    nothing.clock.skip(10)
    nothing.not_created("number.main")
    assert nothing.state["intents"] == {}
    assert [(line["outcome"], line.get("id")) for line in nothing.state["ledger"]] == [("denied", None)]


def test_after_not_created_it_is_bought_once_and_with_a_new_token(nothing):
    spent = nothing.state["intents"]["number.main"]["token"]
    nothing.clock.skip(200)
    nothing.not_created("number.main")
    token = nothing.plan().plan.steps[0].token
    assert token != spent
    assert nothing.apply([spent]).exit == 3
    assert nothing.apply([token]).exit == 0
    assert nothing.purchases() == ["apr:acme/default/main"]
    assert [line["outcome"] for line in nothing.state["ledger"]] == ["denied", "bought"]


def test_the_settling_time_is_the_one_that_was_asked_for(nothing):
    nothing.settle = 600
    nothing.clock.skip(200)
    with pytest.raises(LockedError):
        nothing.not_created("number.main")
    nothing.clock.skip(500)
    nothing.not_created("number.main")


def test_not_created_said_in_error_adopts_the_number_by_its_marker(lost):
    lost.clock.skip(200)
    lost.not_created("number.main")
    steps = lost.plan().plan.steps
    assert [(step.action, step.live.id) for step in steps] == [("adopt", bought(lost))]
    assert [line["outcome"] for line in lost.state["ledger"]] == ["denied"]
    lost.settled()
    assert len(lost.purchases()) == 1
    (line,) = lost.state["ledger"]
    phone = lost.state["resources"]["number.main"]["phoneNumber"]
    assert (line["outcome"], line["id"], line["phoneNumber"]) == ("bought", bought(lost), phone)


def test_a_lost_purchase_is_settled_also_when_its_key_left_the_spec(lost):
    lost.spec('numbers: {primary: {areaCode: "415"}}').clock.skip(1000)
    plan = lost.plan().plan
    assert sorted(str(one.address) for one in plan.blocked) == ["number.main", "number.primary"], "a renamed key"
    assert lost.apply().exit == 5
    assert (len(lost.purchases()), lost.ids()) == (1, {"number.main": bought(lost)})


def test_a_lost_agent_is_settled_by_name_and_content(trial):
    trial.spec("agents: {a: {name: A, modelTier: max}}").fault("POST /v1/agents", "commit-then-drop")
    assert trial.apply().exit == 6
    assert trial.apply().exit == 0
    assert len(trial.get("/v1/agents")["data"]) == 1


def test_a_lost_agent_whose_key_left_the_spec_is_ours_and_wants_an_approval_to_go(trial):
    trial.spec("agents: {a: {name: A}}").fault("POST /v1/agents", "commit-then-drop")
    assert trial.apply().exit == 6
    trial.spec("agents: {b: {name: B}}")
    assert {step.name for step in trial.plan().plan.steps} == {("agent.a", "delete"), ("agent.b", "create")}


def test_an_agent_that_was_never_made_is_made_once_its_time_to_show_is_over(trial):
    trial.spec("agents: {a: {name: A}}").fault("POST /v1/agents", "drop")
    assert trial.apply().exit == 6
    assert trial.apply().exit == 6
    trial.clock.skip(30 + 60)
    assert trial.apply().exit == 0
    assert len(trial.get("/v1/agents")["data"]) == 1


def test_an_unknown_purchase_stops_every_other_purchase_of_the_run_but_not_what_is_free(trial):
    trial.spec("""
        agents: {a: {name: A}}
        numbers: {one: {}, three: {}, two: {}}
        webhooks: {w: {url: "https://a.dev/x"}}
    """).fault("POST /v1/numbers", "commit-then-status:502")
    report = trial.apply()
    words = {str(one.address): (one.word, one.because) for one in report.outcomes}
    assert words == {
        "agent.a": (Word.DONE, None),
        "number.one": (Word.UNKNOWN, None),
        "number.three": (Word.SKIPPED, "unknown-purchase"),
        "number.two": (Word.SKIPPED, "unknown-purchase"),
        "webhook.w": (Word.DONE, None),
    }
    assert report.exit == 6
    assert trial.purchases() == ["apr:acme/default/one"]
    assert set(trial.state["intents"]) == {"number.one"}
    assert "number.two" not in trial.state["turns"], "a token that was not used is given back"


def test_what_depends_on_an_unknown_agent_is_skipped_and_names_it(trial):
    trial.spec("""
        agents: {a: {name: A}, b: {name: B}}
        numbers: {one: {agent: a}, two: {agent: b}}
        webhooks: {w: {agent: a, url: "https://a.dev/x"}}
    """).fault("POST /v1/agents", "commit-then-drop")
    trial.concurrency = 1
    words = {str(one.address): (one.word, one.because) for one in trial.apply().outcomes}
    assert words == {
        "agent.a": (Word.UNKNOWN, None),
        "agent.b": (Word.DONE, None),
        "number.one": (Word.SKIPPED, "agent.a"),
        "number.two": (Word.DONE, None),
        "webhook.w": (Word.SKIPPED, "agent.a"),
    }


def test_a_bound_purchase_whose_wish_was_not_met_is_no_change_of_the_wish(trial):
    trial.spec('numbers: {main: {areaCode: "415", type: imessage}}')
    trial.fault("POST /v1/numbers", "commit-then-drop")
    trial.fault("POST /v1/numbers", "ignore-field:areaCode")
    assert trial.apply().exit == 6
    trial.bind("number.main", bought(trial))
    plan = trial.plan().plan
    assert plan.empty, plan.blocked
    assert any("the wish was not met" in warning for warning in plan.warnings)
    trial.spec('numbers: {main: {areaCode: "212", type: imessage}}')
    assert [one.exit for one in trial.plan().plan.blocked] == [5]


def test_an_unknown_purchase_is_not_settled_while_a_run_holds_the_state(lost):
    lost.clock.skip(200)
    document, until = lost.state, lost.clock.now() + timedelta(minutes=4)
    who = {"run": "r", "who": "bob", "where": "ci", "since": stamp(lost.clock.now()), "until": stamp(until)}
    lost.state_file.write_text(json.dumps(document | {"lock": who}))
    for settle in (lambda: lost.bind("number.main", bought(lost)), lambda: lost.not_created("number.main")):
        with pytest.raises(LockedError, match="bob"):
            settle()
    lost.clock.skip(1000)
    lost.bind("number.main", bought(lost))


REFUSED = {
    "an id that is not there": ("num_none", Error, "shows no number"),
    "what another address holds": ("num_held", BlockedError, "number.held already"),
    "another project's number": ("num_theirs", BlockedError, "marker"),
    "what was there before": ("num_old", BlockedError, "before"),
    "what is released": ("num_gone", Error, "released"),
    "what was forgotten": ("num_left", BlockedError, "'apr-forgotten:acme/default/x'"),
    "what was set aside": ("num_aside", BlockedError, "set aside"),
    "what is on an agent that it was not bought for": (
        "num_there",
        BlockedError,
        "on the agent agt_there, .* for none",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_binding_refuses(trial, case):
    ident, sort, words = REFUSED[case]
    trial.seed(numbers=[{"id": "num_held"}, {"id": "num_old"}])
    trial.spec("numbers: {held: {import: num_held}}").settled()
    trial.spec('numbers: {held: {import: num_held}, main: {areaCode: "415"}}')
    trial.fault("POST /v1/numbers", "drop")
    assert trial.apply().exit == 6
    trial.seed(
        agents=[{"id": "agt_there", "name": "There"}],
        numbers=[
            {"id": "num_theirs", "externalId": "apr:other/default/x"},
            {"id": "num_gone", "status": "released"},
            {"id": "num_left", "externalId": "apr-forgotten:acme/default/x"},
            {"id": "num_aside"},
            {"id": "num_there", "agentId": "agt_there"},
        ],
    )
    trial.clock.skip(200)
    trial.run(lambda account: workflow.state_init(account, ignore=["num_aside"]))
    before = trial.state
    with pytest.raises(sort, match=words):
        trial.bind("number.main", ident)
    assert trial.state == before


def test_binding_refuses_another_number_than_the_one_with_the_marker(lost):
    """And names the one that was bought, with the command that binds it."""
    lost.seed(numbers=[{"id": "num_wrong"}])
    before = lost.state
    with pytest.raises(
        BlockedError, match=rf"\+1415\d+ \({bought(lost)}\) carries the marker of number.main"
    ) as refused:
        lost.bind("number.main", "num_wrong")
    assert refused.value.hint == f"apreconcile resolve number.main --bind {bought(lost)}"
    assert lost.state == before
    lost.bind("number.main", bought(lost))
    assert lost.plan().plan.empty


def test_where_there_are_no_markers_binding_takes_what_is_on_the_agent_or_on_none(trial, front):
    trial.spec("agents: {a: {name: A}}").settled()
    agent = trial.ids()["agent.a"]
    front.hide = "externalId"
    trial.spec("agents: {a: {name: A}}\nnumbers: {n: {agent: a}}").fault("POST /v1/numbers", "drop")
    assert front(trial).apply().exit == 6
    there = {"id": "num_there", "agentId": "agt_there"}
    free, here = {"id": "num_free", "phoneNumber": "+14155550142"}, {"id": "num_here", "agentId": agent}
    trial.seed(agents=[{"id": "agt_there", "name": "There"}], numbers=[there, free, here])
    with pytest.raises(BlockedError, match=f"on the agent agt_there, and number.n was made for {agent}"):
        trial.bind("number.n", "num_there")
    kept = trial.state_file.read_bytes()
    assert trial.bind("number.n", "num_free") == "number.n is +14155550142 (num_free)"
    trial.state_file.write_bytes(kept)
    assert trial.bind("number.n", "num_here").endswith(f" (num_here), on the agent {agent}")


def test_a_number_that_was_given_a_tag_in_the_console_is_still_the_one_that_was_bought(lost):
    ident = bought(lost)
    lost.send("PATCH", f"/v1/numbers/{ident}", {"externalId": "crm-7"})
    assert ident in lost.plan().plan.unsettled[0].reason
    lost.bind("number.main", ident)
    assert lost.apply().exit == 0
    assert len(lost.purchases()) == 1


def test_nothing_is_resolved_that_is_not_open(trial):
    trial.spec("agents: {a: {name: A}}").settled()
    with pytest.raises(Error, match="no unknown outcome"):
        trial.bind("agent.a", "x")
    with pytest.raises(Error, match="no unknown outcome"):
        trial.not_created("agent.a")


def test_a_lost_agent_is_bound_and_then_updated_like_any_other(trial):
    trial.spec("agents: {a: {name: A, modelTier: max}}").fault("POST /v1/agents", "commit-then-drop")
    assert trial.apply().exit == 6
    made = trial.get("/v1/agents")["data"][0]["id"]
    assert trial.bind("agent.a", made) == f"agent.a is A ({made})"
    assert trial.plan().plan.empty
    trial.spec("agents: {a: {name: A, modelTier: turbo}}").settled()
    assert len(trial.get("/v1/agents")["data"]) == 1


def test_an_open_agent_under_a_renamed_key_is_not_made_again(trial):
    trial.spec("agents: {a: {name: A}}").fault("POST /v1/agents", "commit-then-drop")
    assert trial.apply().exit == 6
    trial.fault("GET /v1/agents", "lag:3600", times=100)
    trial.spec("agents: {b: {name: A}}").apply()
    trial.no_faults()
    assert len(trial.get("/v1/agents")["data"]) == 1


def test_the_report_says_what_settling_found(trial):
    trial.spec("numbers: {m: {}}").fault("POST /v1/numbers", "commit-then-drop")
    assert trial.apply().settled == ()
    (said,) = trial.apply().settled
    assert "number.m" in said
    assert trial.ids()["number.m"] in said


def test_an_agent_that_may_hold_an_unknown_purchase_stays(trial):
    """Without a marker the number is known by its agent alone."""
    trial.spec("agents: {support: {name: Support}}\nnumbers: {main: {agent: support}}")
    trial.fault("POST /v1/numbers", "drop")
    assert trial.apply().exit == 6
    trial.spec("agents: {}")
    report = trial.apply()
    assert (report.exit, [one["name"] for one in trial.get("/v1/agents")["data"]]) == (6, ["Support"])
    (stop,) = [one for one in trial.plan().plan.blocked if str(one.address) == "agent.support"]
    assert stop.reason == "it may hold what was begun for number.main, whose outcome is unknown"
    trial.clock.skip(1000)
    trial.not_created("number.main")
    assert (trial.apply().exit, trial.get("/v1/agents")["data"]) == (0, [])
