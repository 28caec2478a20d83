"""Keys change, things stay: moves and forgettings, renamed keys, imports and markers, and edits in the console."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import yaml

from apreconcile import workflow
from apreconcile.core.address import Address
from apreconcile.core.errors import Error
from apreconcile.core.outcome import Word
from apreconcile.sandbox import Options, running

OLD = "agents: {a: {name: A}}\nnumbers: {old: {areaCode: '415', agent: a}}"
NEW = OLD.replace("old", "new")
MOVED = "\nmoved: [{from: number.old, to: number.new}]"
FORGOTTEN = "agents: {a: {name: A}}\nforget: [number.old]"


@pytest.fixture(params=["2026", "2025"])
def either(request, trial, tmp_path) -> Iterator[Any]:
    """A trial on each of the two APIs; `tagged` if it knows externalId, which the older one does not."""
    with running(Options(db=tmp_path / "api.db", profile=request.param)) as server:
        before = trial.http
        with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as trial.http:
            trial.url = server.url
            trial.tagged = request.param == "2026"
            yield trial
        trial.http = before


def tag(trial, ident):
    return trial.get(f"/v1/numbers/{ident}").get("externalId")


def steps(plan):
    return [(step.action, str(step.address)) for step in plan.steps]


@contextmanager
def unchanged(trial):
    """Nothing is bought, released or deleted in here, and no address gets another id."""
    ledger = trial.ledger()
    yield
    assert trial.ledger() == ledger


def test_a_renamed_key_is_found_and_moves_with_the_very_lines_that_were_shown(either):
    trial = either
    trial.spec(OLD).settled()
    ident = trial.ids()["number.old"]
    with unchanged(trial):
        stopped = trial.spec(NEW).apply()
        assert (stopped.exit, stopped.outcomes) == (5, ())
        (hint,) = {one.hint for one in stopped.blocked}
        pasted = hint.partition("add to the spec:\n")[2]
        assert yaml.safe_load(pasted) == {"moved": [{"from": "number.old", "to": "number.new"}]}
        assert [one.action for one in trial.spec(f"{NEW}\n{pasted}").apply().outcomes] == ["move"]
    assert trial.ids()["number.new"] == ident
    assert "number.old" not in trial.ids()
    assert tag(trial, ident) == ("apr:acme/default/new" if trial.tagged else None)
    assert trial.plan().plan.empty
    assert trial.spec(NEW).plan().plan.empty, "the entry is not needed any more"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("agents: {old: {name: A}}", "agents: {new: {name: A}}"),
        ("webhooks: {old: {url: 'https://a.dev/x'}}", "webhooks: {new: {url: 'https://b.dev/x'}}"),
        ("agents: {old: {name: A}}", "agents: {new: {name: B, import: ID}}"),
        ("numbers: {old: {}}", "numbers: {new: {country: US, import: ID}}"),
    ],
)
def test_the_lines_for_any_renamed_key_are_enough(trial, before, after):
    (ident,) = trial.spec(before).settled().ids().values()
    after = after.replace("ID", ident)
    with unchanged(trial):
        stopped = trial.spec(after).apply()
        assert stopped.exit == 5
        pasted = stopped.blocked[0].hint.partition("add to the spec:\n")[2]
        assert trial.spec(f"{after}\n{pasted}").apply().exit == 0
    assert list(trial.ids().values()) == [ident]
    assert trial.plan().plan.empty


def test_moved_and_changed_in_one_plan(either):
    trial = either
    trial.spec("agents: {a: {name: A}, b: {name: B}}\nnumbers: {old: {agent: a}}").settled()
    before = trial.ids()
    trial.spec(
        "agents: {a: {name: A}, c: {name: C}}\nnumbers: {new: {agent: c}}\n"
        "moved: [{from: number.old, to: number.new}, {from: agent.b, to: agent.c}]"
    )
    with unchanged(trial):
        plan = trial.plan().plan
        assert steps(plan) == [
            ("move", "agent.c"), ("move", "number.new"), ("update", "agent.c"), ("update", "number.new"),
        ]  # fmt: skip
        assert not any(step.token for step in plan.steps)
        assert trial.apply([]).exit == 0
    assert trial.ids() == {
        "agent.a": before["agent.a"], "agent.c": before["agent.b"], "number.new": before["number.old"],
    }  # fmt: skip
    assert trial.get(f"/v1/numbers/{before['number.old']}")["agentId"] == before["agent.b"]
    assert trial.get(f"/v1/agents/{before['agent.b']}")["name"] == "C"
    assert trial.plan().plan.empty


def test_old_entries_stay_for_months_and_lead_from_wherever_the_state_is(either):
    trial = either
    trial.spec("numbers: {a: {}}").settled()
    ident = trial.ids()["number.a"]
    behind = trial.state_file.read_text()
    first, both = "{from: number.a, to: number.b}", "{from: number.a, to: number.b}, {from: number.b, to: number.c}"
    with unchanged(trial):
        trial.spec(f"numbers: {{b: {{}}}}\nmoved: [{first}]").settled()
        trial.spec(f"numbers: {{c: {{}}}}\nmoved: [{both}]").settled()
        assert trial.ids() == {"number.c": ident}
        trial.state_file.write_text(behind)
        trial.settled()
    assert trial.ids() == {"number.c": ident}
    assert tag(trial, ident) == ("apr:acme/default/c" if trial.tagged else None)
    assert trial.plan().plan.empty


@pytest.mark.parametrize("only", ["number.old", "number.new"])
def test_either_address_names_a_move(trial, only):
    trial.spec(OLD).settled()
    trial.spec(NEW.replace("name: A", "name: B") + MOVED)
    planned = trial.plan(only=[Address.parse(only)])
    assert steps(planned.plan) == [("move", "number.new")]
    assert [str(step.address) for step in planned.left] == ["agent.a"]
    assert trial.run(lambda account: workflow.apply(account, planned)).exit == 0
    assert "number.new" in trial.ids()
    assert trial.plan(only=[Address.parse(only)]).plan.empty


def test_a_lost_number_moves_and_is_bought_again_only_by_its_rebuy_token(either):
    trial = either
    trial.spec(OLD).settled()
    lost = trial.ids()["number.old"]
    trial.send("DELETE", f"/v1/numbers/{lost}")
    trial.spec(NEW + MOVED)
    plan = trial.plan().plan
    assert steps(plan) == [("move", "number.new"), ("create", "number.new")]
    token = plan.steps[1].token
    assert token.startswith("rebuy:number.new@")
    held = trial.apply(["buy" + token[5:]])
    assert [one.word for one in held.outcomes] == [Word.DONE, Word.HELD]
    assert held.exit == 3
    assert trial.ids()["number.new"] == lost
    assert [step.token for step in trial.plan().plan.steps] == [token], "an approval outlives the move"
    assert trial.apply([token]).exit == 0
    assert trial.ids()["number.new"] != lost
    assert [(stone["address"], stone["how"]) for stone in trial.state["tombstones"]] == [("number.new", "lost")]
    assert len([line for line in trial.ledger() if line["type"] == "purchase"]) == 2
    assert trial.plan().plan.empty


def test_a_lost_number_moves_before_the_one_with_the_new_marker_is_taken(trial):
    trial.spec(OLD).settled()
    lost = trial.ids()["number.old"]
    trial.send("DELETE", f"/v1/numbers/{lost}")
    trial.seed(numbers=[{"id": "num_s", "phoneNumber": "+14155550100", "externalId": "apr:acme/default/new"}])
    report = trial.spec(NEW + MOVED).apply([])
    assert [(one.action, one.word) for one in report.outcomes] == [("move", Word.DONE), ("adopt", Word.DONE)]
    assert trial.ids()["number.new"] == "num_s"
    assert "number.old" not in trial.ids()
    trial.settled()
    assert trial.plan().plan.empty
    assert len(trial.purchases()) == 1


def test_the_turns_of_a_moved_number_go_on(trial):
    trial.spec(OLD).settled()
    assert trial.state["turns"] == {"number.old": 1}
    trial.spec(NEW + MOVED).settled()
    assert trial.state["turns"] == {"number.old": 1, "number.new": 1}


@pytest.mark.parametrize("what", ["move", "forget"])
@pytest.mark.parametrize("how", ["ignore-field:externalId", "status:422", "status:500", "drop"])
def test_a_marker_that_does_not_stick_is_a_warning_and_never_a_failure(trial, what, how):
    trial.spec(OLD).settled()
    ident = trial.ids()["number.old"]
    trial.spec(NEW + MOVED if what == "move" else FORGOTTEN)
    trial.fault("PATCH /v1/numbers/*", how, times=99)
    report = trial.apply()
    assert [(one.action, one.word) for one in report.outcomes] == [(what, Word.DONE)]
    assert report.exit == 0
    assert any("the marker" in warning for warning in report.warnings)
    assert tag(trial, ident) == "apr:acme/default/old"
    assert ("number.new" in trial.ids()) == (what == "move")
    trial.no_faults()
    plan = trial.plan().plan
    assert plan.empty
    assert len(trial.purchases()) == 1


@pytest.mark.parametrize("how", ["commit-then-drop", "commit-then-status:502", "status:429"])
def test_a_marker_whose_reply_is_lost_is_set_all_the_same(trial, how):
    trial.spec(OLD).settled()
    trial.spec(NEW + MOVED)
    trial.fault("PATCH /v1/numbers/*", how)
    report = trial.apply()
    assert (report.exit, report.warnings) == (0, ())
    assert tag(trial, trial.ids()["number.new"]) == "apr:acme/default/new"


@pytest.mark.parametrize("spec", [NEW + MOVED, FORGOTTEN], ids=["move", "forget"])
@pytest.mark.parametrize("theirs", [{"externalId": "crm-5"}, "DELETE"], ids=["tagged", "released"])
def test_a_number_that_changed_since_the_plan_is_stale(trial, spec, theirs):
    trial.spec(OLD).settled()
    ident = trial.ids()["number.old"]
    trial.spec(spec)

    async def run():
        async with trial.open() as account:
            planned = await workflow.plan(account)
            if theirs == "DELETE":
                trial.send("DELETE", f"/v1/numbers/{ident}")
            else:
                trial.send("PATCH", f"/v1/numbers/{ident}", theirs)
            return await workflow.apply(account, planned)

    report = asyncio.run(run())
    assert [one.word for one in report.outcomes] == [Word.STALE]
    assert report.exit == 4
    assert trial.ids()["number.old"] == ident
    assert tag(trial, ident) == ("crm-5" if theirs != "DELETE" else "apr:acme/default/old")


def test_a_forgotten_number_stays_and_is_nobody_s_and_can_be_imported_again(either):
    trial = either
    trial.spec(OLD).settled()
    ident = trial.ids()["number.old"]
    trial.spec(FORGOTTEN)
    with unchanged(trial):
        plan = trial.plan().plan
        assert steps(plan) == [("forget", "number.old")]
        assert "unmanaged, and costs $3.00/month still" in plan.steps[0].why[0]
        assert trial.apply([]).exit == 0
        after = trial.plan().plan
        assert after.empty
        assert [one.id for one in after.unmanaged] == [ident]
        assert tag(trial, ident) == ("apr-forgotten:acme/default/old" if trial.tagged else None)
        assert trial.get(f"/v1/numbers/{ident}")["agentId"] == trial.ids()["agent.a"], "it rings where it rang"
        assert [(one["id"], one["how"]) for one in trial.state["tombstones"]] == [(ident, "forgotten")]
        trial.spec(OLD.replace("agent: a", f"import: {ident}")).settled()
        assert trial.ids()["number.old"] == ident
        assert tag(trial, ident) == ("apr:acme/default/old" if trial.tagged else None)
        assert trial.plan().plan.empty


def test_a_forgotten_number_is_not_ours_again_because_the_state_is_lost(trial):
    trial.spec(OLD).settled()
    ident = trial.ids()["number.old"]
    trial.spec(FORGOTTEN).settled()
    trial.state_file.unlink()
    trial.spec("agents: {a: {name: A, import: none}}")
    assert [one.id for one in trial.plan().plan.unmanaged if one.kind == "number"] == [ident]
    trial.spec(OLD.replace("name: A", "name: A, import: none"))
    plan = trial.plan().plan
    assert ident in plan.unsafe[0].reason
    assert trial.apply().exit == 9
    assert len(trial.purchases()) == 1


def test_a_number_that_only_the_state_forgot_keeps_its_marker_and_says_so(trial):
    trial.spec(OLD).settled()
    ident = trial.ids()["number.old"]
    said = trial.run(lambda account: workflow.state_forget(account, Address("number", "old")))
    assert "apr:acme/default/old" in said
    assert "forget: [number.old]" in said
    trial.spec("agents: {a: {name: A}}")
    assert trial.plan().plan.empty
    trial.spec(OLD)
    assert steps(trial.plan().plan) == [("adopt", "number.old")]
    assert tag(trial, ident) == "apr:acme/default/old"


def test_agents_and_webhooks_are_forgotten_without_a_call(either):
    trial = either
    whole = "agents: {a: {name: A}}\nnumbers: {n: {agent: a}}\nwebhooks: {w: {url: 'https://a.dev/x'}}"
    trial.spec(whole).settled()
    ids, secret = trial.ids(), trial.get("/v1/webhooks")["secret"]
    before = trial.writes()
    trial.spec("numbers: {n: {}}\nforget: [agent.a, webhook.w]").settled()
    assert trial.writes() == before
    assert trial.ids() == {"number.n": ids["number.n"]}
    assert trial.plan().plan.empty
    trial.spec(whole)
    assert {str(one.address) for one in trial.plan().plan.blocked} == {"agent.a", "number.n"}, "it is offered"
    trial.settled()
    assert trial.ids() == ids
    assert trial.get("/v1/webhooks")["secret"] == secret


@pytest.mark.parametrize("spec", [NEW + MOVED, FORGOTTEN], ids=["move", "forget"])
@pytest.mark.parametrize("turn_back", [False, True], ids=["on", "back"])
def test_a_run_killed_between_marker_and_state_is_repeated_safely(trial, spec, turn_back):
    trial.spec(OLD).settled()
    ident, remembered = trial.ids()["number.old"], trial.state_file.read_text()
    trial.spec(spec).settled()
    trial.state_file.write_text(remembered)
    with unchanged(trial):
        trial.spec(OLD if turn_back else spec)
        if turn_back:
            plan = trial.plan().plan
            assert plan.empty
            assert any("externalId" in warning for warning in plan.warnings)
            return
        before = trial.writes()
        trial.settled()
    assert trial.writes() == before, "the marker is set already"
    assert trial.plan().plan.empty
    assert ident not in trial.ids().values() or trial.ids()["number.new"] == ident


@pytest.mark.parametrize("way", ["id", "E.164"])
def test_an_import_takes_what_is_there(either, way):
    trial = either
    trial.seed(
        agents=[{"id": "agt_s", "name": "Theirs"}],
        numbers=[{"id": "num_s", "phoneNumber": "+14155550100", "agentId": "agt_s"}],
    )
    named = {"id": "num_s", "E.164": '"+14155550100"'}[way]
    trial.spec(f"agents: {{a: {{import: agt_s}}}}\nnumbers: {{n: {{import: {named}, agent: a}}}}")
    assert steps(trial.plan().plan) == [("adopt", "agent.a"), ("adopt", "number.n")]
    trial.settled()
    assert trial.ids() == {"agent.a": "agt_s", "number.n": "num_s"}
    assert trial.state["resources"]["number.n"]["origin"] == "imported"
    assert tag(trial, "num_s") == ("apr:acme/default/n" if trial.tagged else None)
    assert trial.ledger() == []
    assert trial.plan().plan.empty


def test_a_marker_of_another_project_is_not_imported(trial):
    trial.seed(numbers=[{"id": "num_s", "externalId": "apr:other/prod/x"}])
    trial.spec("numbers: {n: {import: num_s}}")
    (stop,) = trial.plan().plan.blocked
    assert "apr:other/prod/x" in stop.reason
    assert trial.apply().exit == 5
    assert tag(trial, "num_s") == "apr:other/prod/x"
    assert trial.writes() == []


def test_a_lost_state_of_the_older_api_stops_before_it_buys(either):
    trial = either
    trial.spec(OLD).settled()
    ident = trial.ids()["number.old"]
    trial.state_file.unlink()
    with unchanged(trial):
        report = trial.apply(adopt=True)
        assert report.exit == (0 if trial.tagged else 9)
        if trial.tagged:
            assert trial.ids()["number.old"] == ident
        else:
            assert not trial.state_file.exists()
            assert ident in trial.plan(adopt=True).plan.unsafe[0].reason
            trial.spec(OLD.replace("agent: a", f"agent: a, import: {ident}")).settled()


@pytest.mark.parametrize("spec", [OLD, NEW + MOVED], ids=["kept", "moved"])
def test_another_account_s_key_moves_and_forgets_nothing(either, spec):
    trial = either
    trial.spec(OLD).settled()
    remembered = trial.state
    trial.key += "x"
    report = trial.spec(spec + "\nforget: [agent.gone]").apply()
    assert report.exit == 9
    assert trial.state == remembered
    assert trial.writes() == []


def test_a_state_older_than_the_account_moves_nothing(trial):
    trial.spec(OLD).settled()
    older = trial.state_file.read_text()
    trial.spec(OLD.replace("numbers: {", "numbers: {o: {}, ")).settled()
    trial.state_file.write_text(older)
    trial.spec(NEW.replace("numbers: {", "numbers: {o: {}, ") + MOVED)
    plan = trial.plan().plan
    assert steps(plan) == [("adopt", "number.o")]
    assert [(str(one.address), one.exit) for one in plan.blocked] == [("number.new", 9)]
    trial.apply()
    trial.settled()
    assert set(trial.ids()) == {"agent.a", "number.new", "number.o"}
    assert len(trial.purchases()) == 2


def test_a_number_moved_to_another_agent_in_the_console_is_moved_back(either):
    trial = either
    trial.spec("agents: {a: {name: A}, b: {name: B}}\nnumbers: {n: {agent: a}}").settled()
    ids = trial.ids()
    trial.send("DELETE", f"/v1/agents/{ids['agent.a']}/numbers/{ids['number.n']}")
    trial.send("POST", f"/v1/agents/{ids['agent.b']}/numbers", {"numberId": ids["number.n"]})
    plan = trial.plan().plan
    assert steps(plan) == [("update", "number.n")]
    assert {str(risk) for risk in plan.steps[0].risks} == {"reroutes"}
    with unchanged(trial):
        trial.settled()
    assert trial.get(f"/v1/numbers/{ids['number.n']}")["agentId"] == ids["agent.a"]


def test_an_agent_renamed_in_the_console_is_the_same_agent(either):
    trial = either
    trial.spec("agents: {a: {name: A}, b: {name: B}}").settled()
    ids = trial.ids()
    trial.send("PATCH", f"/v1/agents/{ids['agent.a']}", {"name": "B"})
    assert steps(trial.plan().plan) == [("update", "agent.a")]
    trial.settled()
    assert trial.ids() == ids
    assert trial.get(f"/v1/agents/{ids['agent.a']}")["name"] == "A"


@pytest.mark.parametrize("edited", [None, "", "crm-5", "apr:acme/default/other", "apr:other/prod/x"])
def test_a_marker_edited_in_the_console_is_a_warning_and_nothing_more(trial, edited):
    trial.spec(OLD).settled()
    ident = trial.ids()["number.old"]
    trial.send("PATCH", f"/v1/numbers/{ident}", {"externalId": edited})
    before = trial.writes()
    plan = trial.plan().plan
    assert plan.empty
    assert len(plan.warnings) == 1
    assert "known by state only" in plan.warnings[0]
    assert trial.apply().exit == 0
    assert trial.writes() == before
    assert trial.ids()["number.old"] == ident


def move(trial, old, new):
    return trial.run(lambda account: workflow.state_move(account, Address.parse(old), Address.parse(new)))


def test_state_move_is_the_same_by_hand(either):
    trial = either
    trial.spec(OLD).settled()
    ident = trial.ids()["number.old"]
    with unchanged(trial):
        said, warnings = move(trial, "number.old", "number.new")
        assert said == "number.old is number.new now"
        assert ["spec" in warning for warning in warnings] == [True]
        assert trial.ids()["number.new"] == ident
        assert tag(trial, ident) == ("apr:acme/default/new" if trial.tagged else None)
        assert trial.spec(NEW).plan().plan.empty
        assert trial.spec(NEW + MOVED).plan().plan.empty
        assert move(trial, "agent.a", "agent.b")[0] == "agent.a is agent.b now"
        trial.spec(NEW.replace("{a:", "{b:").replace("agent: a", "agent: b"))
        assert trial.plan().plan.empty


@pytest.mark.parametrize("how", ["ignore-field:externalId", "status:422"])
def test_state_move_stands_although_the_marker_does_not_stick(trial, how):
    trial.spec(OLD).settled()
    trial.spec(NEW)
    trial.fault("PATCH /v1/numbers/*", how, times=9)
    _, (warning,) = move(trial, "number.old", "number.new")
    assert "the marker of number.new" in warning
    assert "number.new" in trial.ids()
    trial.no_faults()
    assert trial.plan().plan.empty


def test_state_move_of_what_is_gone_moves_the_memory(trial):
    trial.spec(OLD).settled()
    trial.send("DELETE", f"/v1/numbers/{trial.ids()['number.old']}")
    trial.spec(NEW)
    _, (warning,) = move(trial, "number.old", "number.new")
    assert "is released" in warning
    assert [step.verb for step in trial.plan().plan.steps] == ["rebuy"]


@pytest.mark.parametrize(
    ("old", "new", "words", "code"),
    [
        ("number.zzz", "number.new", "the state has no number.zzz", 1),
        ("number.old", "number.k", "number.k is taken", 5),
        ("number.old", "number.old", "number.old is taken", 5),
        ("number.old", "agent.new", "a move changes the key only", 1),
        ("zzz.old", "zzz.new", "'zzz' is no kind", 1),
        ("number.lost", "number.new", "open intent", 9),
        ("number.old", "number.lost", "is taken", 5),
    ],
)
def test_state_move_refuses(trial, old, new, words, code):
    trial.spec("numbers: {old: {areaCode: '415'}, k: {}}").settled()
    trial.spec("numbers: {old: {areaCode: '415'}, k: {}, lost: {areaCode: '212'}}")
    trial.fault("POST /v1/numbers", "commit-then-drop")
    assert trial.apply().exit == 6
    trial.clock.skip(1000)
    before, writes = json.loads(trial.state_file.read_text()), trial.writes()
    with pytest.raises(Error) as refused:
        move(trial, old, new)
    assert words in refused.value.message
    assert refused.value.exit_code == code
    assert trial.state == before
    assert trial.writes() == writes


def test_no_purchase_doubles_a_marker(trial):
    trial.spec("numbers: {m: {}}").settled()
    trial.send("PATCH", f"/v1/numbers/{trial.ids()['number.m']}", {"externalId": "apr:acme/default/n"})
    trial.spec("numbers: {m: {}, n: {}}").apply()
    assert len(trial.purchases()) == 1
    trial.send("PATCH", f"/v1/numbers/{trial.ids()['number.m']}", {"externalId": "apr:acme/default/m"})
    trial.settled()
    assert len({one["externalId"] for one in trial.get("/v1/numbers")["data"]}) == len(trial.purchases()) == 2
