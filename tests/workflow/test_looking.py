"""What is there is seen: late lists, released numbers, wrong keys, older states, and what others did meanwhile."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from apreconcile import workflow
from apreconcile.core.address import Address
from apreconcile.core.errors import UnsafeError
from apreconcile.core.outcome import Word

BOTH = "agents: {a: {name: A}, b: {name: B}}"


def blocks(plan):
    return [
        (str(one.address) if one.address else None, one.exit) for one in (*plan.unsafe, *plan.unsettled, *plan.blocked)
    ]


def test_an_agent_that_a_late_list_lacks_is_not_made_again(trial):
    trial.spec("agents: {a: {name: A}}").settled()
    trial.clock.carried = lambda seconds: trial.http.post("/_sandbox/clock", json={"advance": seconds})
    trial.clock.skip(100)
    trial.spec(BOTH).settled()
    trial.fault("GET /v1/agents", "lag:50", times=9)
    plan = trial.plan().plan
    assert plan.empty, (plan.steps, plan.blocked, plan.unsafe)
    assert len(trial.get("/v1/agents")["data"]) in {1, 2}


def test_a_number_that_a_late_list_lacks_is_not_bought_again(trial):
    trial.spec("agents: {a: {name: A}}\nnumbers: {n: {}}").settled()
    trial.fault("GET /v1/numbers", "lag:50", times=9)
    assert trial.plan().plan.empty


def test_a_number_that_was_released_elsewhere_is_lost_and_wants_a_rebuy(trial):
    trial.spec("agents: {a: {name: A}}\nnumbers: {n: {agent: a}}").settled()
    trial.send("DELETE", f"/v1/numbers/{trial.ids()['number.n']}")
    step = trial.plan().plan.steps[0]
    assert (step.action, step.verb) == ("create", "rebuy")
    old = trial.ids()["number.n"]
    assert trial.apply([]).exit == 3
    trial.settled()
    assert trial.ids()["number.n"] != old
    assert [(stone["id"], stone["how"]) for stone in trial.state["tombstones"]] == [(old, "lost")]
    assert len(trial.purchases()) == 2


def test_an_agent_that_was_deleted_elsewhere_is_made_again(trial):
    trial.spec(BOTH).settled()
    trial.send("DELETE", f"/v1/agents/{trial.ids()['agent.a']}")
    assert [(str(step.address), step.action) for step in trial.plan().plan.steps] == [("agent.a", "create")]
    trial.settled()


def test_another_account_s_key_is_exit_9_and_no_write(trial, exit_of):
    trial.spec("agents: {a: {name: A}}\nnumbers: {n: {}}").settled()
    trial.key = trial.key + "x"
    plan = trial.plan().plan
    assert [one.exit for one in plan.unsafe] == [9]
    assert "AGENTPHONE_API_KEY" in plan.unsafe[0].hint
    report = trial.apply()
    assert (report.exit, trial.writes()) == (9, [])
    assert {one.word for one in report.outcomes} <= {Word.SKIPPED}


def test_a_lost_state_stops_rather_than_buys(trial):
    trial.spec(
        'agents: {a: {name: A}}\nnumbers: {n: {agent: a}}\nwebhooks: {w: {agent: a, url: "https://a.dev/x"}}'
    ).settled()
    trial.state_file.unlink()
    plan = trial.plan(adopt=True).plan
    assert {(str(step.address), step.action) for step in plan.steps} == {
        ("agent.a", "adopt"), ("number.n", "adopt"), ("webhook.w", "adopt"),
    }  # fmt: skip
    trial.settled()
    assert trial.plan().plan.empty
    assert len(trial.purchases()) == 1


def test_an_older_state_may_only_adopt(trial):
    trial.spec("agents: {a: {name: A}}\nnumbers: {n: {}}").settled()
    older = trial.state_file.read_text()
    trial.spec("agents: {a: {name: A}}\nnumbers: {n: {}, o: {}}").settled()
    trial.state_file.write_text(older)
    trial.spec("agents: {a: {name: B}}\nnumbers: {n: {}, o: {}, p: {}}")
    plan = trial.plan().plan
    assert [(str(step.address), step.action) for step in plan.steps] == [("number.o", "adopt")]
    assert blocks(plan) == [("agent.a", 9), ("number.p", 9)]
    report = trial.apply()
    assert report.exit == 9
    trial.settled()
    assert sorted(trial.purchases()) == [f"apr:acme/default/{key}" for key in "nop"]


def test_a_starter_number_stops_a_first_purchase_and_names_both_ways_out(trial):
    trial.seed(
        agents=[{"id": "agt_s", "name": "Starter"}],
        numbers=[{"id": "num_s", "phoneNumber": "+14155550100", "agentId": "agt_s"}],
    )
    trial.spec("numbers: {main: {areaCode: '415'}}")
    plan = trial.plan().plan
    assert [(one.address, one.exit) for one in plan.unsafe] == [(None, 9)]
    assert "+14155550100" in plan.unsafe[0].reason
    assert "num_s" in plan.unsafe[0].reason
    assert "'Starter'" in plan.unsafe[0].reason
    hint = "manage it: add 'import: num_s' to number.main; or leave it: apreconcile state init --ignore num_s"
    assert plan.unsafe[0].hint == hint
    report = trial.apply()
    assert report.exit == 9
    assert trial.writes() == []
    assert not trial.state_file.exists(), "no state is stored"
    assert [str(step.address) for step in plan.steps] == ["number.main"], "the plan is still shown"


@pytest.mark.parametrize("way", ["import", "ignore", "ignore-all", "by number"])
def test_each_way_out_of_a_starter_number_works(trial, way):

    trial.seed(numbers=[{"id": "num_s", "phoneNumber": "+14155550100"}])
    trial.spec("numbers: {main: {areaCode: '415'}}")
    if way == "import":
        trial.spec("numbers: {main: {areaCode: '415', import: num_s}}")
    elif way == "by number":
        trial.spec('numbers: {main: {areaCode: "415", import: "+1 (415) 555-0100"}}')
    else:
        how = {"ignore": ["num_s"]} if way == "ignore" else {"ignore_all": True}
        trial.run(lambda account: workflow.state_init(account, **how))
    assert trial.apply().exit == 0
    assert len(trial.purchases()) == (1 if way.startswith("ignore") else 0)
    assert trial.plan().plan.empty
    other = trial.get("/v1/numbers")["data"]
    tags = {one["id"]: one["externalId"] for one in other}
    assert tags["num_s"] == (None if way.startswith("ignore") else "apr:acme/default/main")


def test_two_numbers_with_one_marker_are_exit_9(trial):
    trial.spec("numbers: {n: {}}").settled()
    trial.seed(numbers=[{"id": "num_twin", "externalId": "apr:acme/default/n"}])
    plan = trial.plan().plan
    assert [one.exit for one in plan.unsafe] == [9]
    assert "num_twin" in plan.unsafe[0].reason
    before = trial.writes()
    assert trial.apply().exit == 9
    assert trial.writes() == before


def test_an_end_that_nobody_here_set_is_exit_9_for_that_number_alone(trial):
    trial.spec("agents: {a: {name: A}}\nnumbers: {n: {}}").settled()
    trial.send("PATCH", f"/v1/numbers/{trial.ids()['number.n']}", {"expiresAt": "2099-01-01T00:00:00Z"})
    trial.spec("agents: {a: {name: B}}\nnumbers: {n: {agent: a}}")
    plan = trial.plan().plan
    assert blocks(plan) == [("number.n", 9)]
    assert [(str(step.address), step.action) for step in plan.steps] == [("agent.a", "update")]
    assert trial.apply().exit == 9


STALE = {
    "an agent renamed": ("agent.b", lambda trial, ids: trial.send("PATCH", f"/v1/agents/{ids['agent.b']}", {"name": "C"})),
    "an agent that got a number": (
        "agent.b", lambda trial, ids: trial.send("POST", f"/v1/agents/{ids['agent.b']}/numbers", {"numberId": ids["number.k"]}),
    ),
    "a number that was attached": (
        "number.n", lambda trial, ids: trial.send("POST", f"/v1/agents/{ids['agent.a']}/numbers", {"numberId": ids["number.n"]}),
    ),
    "a number that was released": ("number.n", lambda trial, ids: trial.send("DELETE", f"/v1/numbers/{ids['number.n']}")),
    "a webhook that was changed": ("webhook.w", lambda trial, ids: trial.send("POST", "/v1/webhooks", {"url": "https://c.dev/x"})),
    "a webhook that was deleted": ("webhook.w", lambda trial, ids: trial.send("DELETE", "/v1/webhooks")),
}  # fmt: skip


@pytest.mark.parametrize("case", STALE)
def test_what_moved_between_plan_and_call_is_stale_and_left_alone(trial, case):
    """Somebody else writes after the plan was made and before the irreversible call."""
    at, meanwhile = STALE[case]
    whole = 'agents: {a: {name: A}, b: {name: B}}\nnumbers: {n: {areaCode: "212"}, k: {areaCode: "415"}}\nwebhooks: {w: {url: "https://a.dev/x"}}'
    trial.spec(whole).settled()
    trial.spec('agents: {a: {name: A}}\nnumbers: {k: {areaCode: "415"}}\nwebhooks: {w: {url: "https://b.dev/x"}}')
    ids = trial.ids()

    async def run():
        async with trial.open() as account:
            planned = await workflow.plan(account)
            meanwhile(trial, ids)
            tokens = [step.token for step in planned.plan.steps if step.token]
            return await workflow.apply(account, planned, approve=tokens)

    report = asyncio.run(run())
    words = {str(one.address): one for one in report.outcomes}
    assert words[at].word is Word.STALE
    assert words[at].error
    assert report.exit == 4
    turns = trial.state["turns"]
    assert at not in turns or (at == "number.n" and turns[at] == 1), (
        "the token of a call that was not made is given back"
    )


@pytest.mark.parametrize("slot", ["project", "agent"])
def test_a_webhook_that_appeared_since_the_plan_is_not_written_over(trial, slot):
    trial.spec("agents: {a: {name: A}}").settled()
    agent = "agent: a, " if slot == "agent" else ""
    trial.spec(f'agents: {{a: {{name: A}}}}\nwebhooks: {{w: {{{agent}url: "https://a.dev/x"}}}}')
    path = f"/v1/agents/{trial.ids()['agent.a']}/webhook" if slot == "agent" else "/v1/webhooks"

    async def run():
        async with trial.open() as account:
            planned = await workflow.plan(account)
            trial.send("POST", path, {"url": "https://theirs.dev/x"})
            return await workflow.apply(account, planned)

    report = asyncio.run(run())
    assert [one.word for one in report.outcomes] == [Word.STALE]
    assert report.exit == 4
    assert trial.get(path)["url"] == "https://theirs.dev/x"


def test_a_purchase_in_only_the_rest_of_a_plan_does_not_make_it_unsafe(trial):

    trial.seed(numbers=[{"id": "num_s"}])
    trial.spec("agents: {a: {name: A}}\nnumbers: {n: {}}")
    planned = trial.plan(only=[Address("agent", "a")])
    assert not planned.plan.unsafe
    assert [str(step.address) for step in planned.plan.steps] == ["agent.a"]
    assert [str(step.address) for step in planned.left] == ["number.n"]
    assert trial.plan(only=[Address("number", "n")]).plan.unsafe


def test_only_takes_what_an_address_needs_and_lists_the_rest(trial):

    trial.spec(
        'agents: {a: {name: A}, b: {name: B}}\nnumbers: {n: {agent: a}}\nwebhooks: {w: {agent: b, url: "https://a.dev/x"}}'
    )
    planned = trial.plan(only=[Address("number", "n")])
    assert [str(step.address) for step in planned.plan.steps] == ["agent.a", "number.n"]
    assert [str(step.address) for step in planned.left] == ["agent.b", "webhook.w"]


def test_what_was_there_before_us_is_reported_and_untouched(trial):
    trial.seed(
        agents=[{"id": "agt_s", "name": "Theirs"}],
        numbers=[{"id": "num_s", "phoneNumber": "+14155550100", "externalId": "theirs"}],
        webhooks=[{"agentId": "agt_s", "url": "https://theirs.dev/x"}],
    )
    trial.spec('agents: {a: {name: A}}\nwebhooks: {w: {agent: a, url: "https://a.dev/x"}}').settled()
    plan = trial.plan().plan
    assert {(one.kind, one.id) for one in plan.unmanaged} == {("agent", "agt_s"), ("number", "num_s")}
    trial.spec("agents: {}")
    trial.apply()
    assert trial.get("/v1/agents/agt_s")["name"] == "Theirs"
    assert trial.get("/v1/agents/agt_s/webhook")["url"] == "https://theirs.dev/x"
    assert trial.get("/v1/numbers/num_s")["externalId"] == "theirs"


def test_a_foreign_tag_is_never_written_over(trial):
    trial.seed(numbers=[{"id": "num_s", "externalId": "theirs"}])
    trial.spec("numbers: {n: {import: num_s}}").settled()
    assert trial.get("/v1/numbers/num_s")["externalId"] == "theirs"
    assert not [one for one in trial.writes() if one[0] == "PATCH"]
    plan = trial.plan().plan
    assert plan.empty
    assert any("'theirs'" in warning for warning in plan.warnings)
    trial.spec("agents: {a: {name: A}}")
    assert [step.verb for step in trial.plan().plan.steps] == ["create", "release"]


def test_a_state_that_was_read_is_never_changed_by_a_plan(trial):
    trial.spec(BOTH).settled()
    before = trial.state_file.read_bytes()
    trial.spec("agents: {a: {name: Z}}").plan()
    assert trial.state_file.read_bytes() == before
    assert json.loads(before)["serial"] == trial.state["serial"]


def test_a_first_write_that_buys_nothing_does_not_make_an_unclaimed_number_forgotten(trial):
    trial.seed(numbers=[{"id": "num_s", "phoneNumber": "+14155550100"}])
    trial.spec("agents: {a: {name: A}}\nnumbers: {main: {areaCode: '415'}}")
    planned = trial.plan(only=[Address("agent", "a")])
    assert trial.run(lambda account: workflow.apply(account, planned)).exit == 0
    assert trial.state["unclaimed"] == ["num_s"]
    assert "num_s" in trial.plan().plan.unsafe[0].reason
    assert trial.apply().exit == 9
    trial.run(lambda account: workflow.state_init(account, ignore=["num_s"]))
    assert trial.state["unclaimed"] == []
    assert trial.apply().exit == 0
    assert len(trial.purchases()) == 1


def test_a_plan_beside_a_run_says_that_the_run_goes_on(trial):
    trial.spec("agents: {a: {name: A}}").apply()
    state = trial.state
    until = {"run": "r", "who": "ann", "where": "box", "since": "2026-01-01T00:00:00Z", "until": "2999-01-01T00:00:00Z"}
    trial.state_file.write_text(json.dumps({**state, "lock": until}))
    assert "ann on box is applying" in trial.plan().plan.warnings[0]


def test_a_state_older_than_the_account_is_said_although_nothing_is_to_be_done(trial):
    spec = "numbers: {m: {}}"
    older = trial.spec(spec).settled().state_file.read_bytes()
    trial.spec("numbers: {m: {}, n: {}}").settled()
    trial.state_file.write_bytes(older)
    assert trial.spec(spec).apply().exit == 9


def test_a_list_that_changes_between_its_pages_makes_no_second_agent(trial, front):
    trial.seed(agents=[{"id": f"agt_{n:03}", "name": f"N{n:03}"} for n in range(150)])
    first, second = (trial.get(f"/v1/agents?limit=100&offset={offset}")["data"] for offset in (0, 100))
    passed_on, turned = front.pass_on, []

    def pass_on(method, path, headers, content):
        if "agents" in path and "offset=100" in path and not turned:
            turned.append(trial.send("DELETE", f"/v1/agents/{first[0]['id']}"))
            trial.send("POST", "/v1/agents", {"name": "Another"})
        return passed_on(method, path, headers, content)

    front.pass_on = pass_on
    front(trial).spec({"agents": {"x": {"name": second[0]["name"]}}})
    trial.apply()
    assert trial.writes().count(("POST", "/v1/agents")) == 1, "the other's"


def test_lists_that_never_stand_still_are_exit_9_and_nothing_is_made(trial, front):
    """Between two pages an agent goes and one comes, each time: no two readings show the same."""
    trial.seed(agents=[{"id": f"agt_{n:03}", "name": f"N{n:03}"} for n in range(150)])
    passed_on = front.pass_on

    def pass_on(method, path, headers, content):
        if "agents" in path and "offset=100" in path:
            first = trial.get("/v1/agents?limit=1")["data"][0]["id"]
            trial.send("DELETE", f"/v1/agents/{first}")
            trial.send("POST", "/v1/agents", {"name": "Another"})
        return passed_on(method, path, headers, content)

    front.pass_on = pass_on
    front(trial).spec("agents: {x: {name: X}}")
    with pytest.raises(UnsafeError, match=r"changed each of the 4 times .* agent \S+( and \d+ more)? (is|are) gone"):
        trial.plan()
    assert trial.spec("agents: {}").plan().plan.empty


@pytest.mark.parametrize(("agents", "requests"), [(100, 2), (101, 2 * 3)])
def test_only_lists_of_several_pages_are_read_twice_before_something_is_made(trial, agents, requests):
    trial.seed(agents=[{"id": f"agt_{n:03}", "name": f"N{n:03}"} for n in range(agents)])
    planned = trial.spec("agents: {x: {name: X}}").plan()
    assert [step.action for step in planned.plan.steps] == ["create"]
    assert planned.plan.requests == len(trial.requests()) == requests


class Overtaken:
    """A store of a run that another one overtakes, once, just after it read the state."""

    def __init__(self, store, overtake):
        self.store, self.overtake, self.place = store, overtake, store.place

    async def read(self):
        found, overtake = await self.store.read(), self.overtake
        self.overtake = None
        if overtake:
            await overtake()
        return found

    async def neighbours(self):
        return await self.store.neighbours()

    async def swap(self, state, version):
        return await self.store.swap(state, version)


def test_what_another_run_buys_meanwhile_does_not_make_the_state_too_old(trial):
    trial.spec("agents: {a: {name: A}}").settled()
    trial.spec("agents: {a: {name: A}}\nnumbers: {n: {agent: a}}")

    async def late(account):
        async def overtake():
            async with trial.open() as other:
                planned = await workflow.plan(other)
                tokens = [step.token for step in planned.plan.steps]
                assert (await workflow.apply(other, planned, approve=tokens)).exit == 0

        return await workflow.plan(replace(account, store=Overtaken(account.store, overtake)))

    planned = trial.run(late)
    assert (blocks(planned.plan), planned.plan.empty, len(trial.ledger())) == ([], True, 1)
    assert planned.state.serial == trial.state["serial"]
