"""How much is asked of the API and of the store: an empty plan of 1,000 agents is 1,020 requests, and no write."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
from collections import Counter

import pytest

from apreconcile import workflow
from apreconcile.core.address import Address
from apreconcile.core.state import Resource, State
from apreconcile.live.apply import FEW
from apreconcile.store.local import LocalStore

COUNT = 1_000


def remember(trial, what):
    """Store a state, or change the stored one, as a run would."""

    async def swap():
        store = LocalStore(trial.state_file.parent, "acme", "default")
        state, version = await store.read()
        await store.swap(what(state) if callable(what) else what, version)

    asyncio.run(swap())


@pytest.fixture
def large(trial):
    """An account of 1,000 agents with a number and a webhook each, all of it in the state."""
    trial.seed(
        agents=[{"id": f"agt_{index}", "name": f"Agent {index}"} for index in range(COUNT)],
        numbers=[{"id": f"num_{index}", "agentId": f"agt_{index}"} for index in range(COUNT)],
        webhooks=[{"agentId": f"agt_{index}", "url": f"https://a.dev/{index}"} for index in range(COUNT)],
    )
    keys = [f"k{index}" for index in range(COUNT)]
    trial.spec(
        {
            "agents": {key: {"import": f"agt_{key[1:]}", "name": f"Agent {key[1:]}"} for key in keys},
            "numbers": {key: {"import": f"num_{key[1:]}", "agent": key} for key in keys},
            "webhooks": {key: {"agent": key, "url": f"https://a.dev/{key[1:]}"} for key in keys},
        }
    )
    state = State("acme", "default", "loopback")
    for key in keys:
        number = key[1:]
        hook = trial.get(f"/v1/agents/agt_{number}/webhook")
        state = state.bind(Address("agent", key), Resource(f"agt_{number}", "imported"))
        state = state.bind(Address("number", key), Resource(f"num_{number}", "imported"))
        state = state.bind(Address("webhook", key), Resource(hook["id"], "adopted", parent=f"agt_{number}"))
    remember(trial, state)
    return trial


@pytest.mark.parametrize(("project", "more"), [(False, 0), (True, 1)], ids=["agents only", "and a project webhook"])
def test_an_empty_plan_of_a_thousand_agents_asks_1020_times_and_writes_nothing(large, project, more):
    if project:
        spec = json.loads((large.folder / "agentphone.yaml").read_text())
        spec["webhooks"]["all"] = {"url": "https://a.dev/all"}
        hook = large.seed(webhooks=[{"url": "https://a.dev/all"}])["webhooks"][0]
        large.spec(spec)
        remember(large, lambda state: state.bind(Address("webhook", "all"), Resource(hook["id"], "adopted")))
    since = len(large.requests())
    planned = large.plan()
    assert planned.plan.empty, (planned.plan.steps[:3], planned.plan.blocked[:3])
    asked = large.requests()[since:]
    assert Counter(re.sub(r"agt_\d+", "*", f"{one['method']} {one['path']}") for one in asked) == {
        "GET /v1/agents": 10,
        "GET /v1/numbers": 10,
        "GET /v1/agents/*/webhook": COUNT,
        **({"GET /v1/webhooks": 1} if project else {}),
    }
    assert planned.plan.requests == len(asked) == 1020 + more


ASKED = {
    "nothing": ("agents: {}", 2),
    "an agent": ("agents: {a: {name: A}}", 2),
    "a voice": ("agents: {a: {name: A, voice: v}}", 3),
    "two voices": ("agents: {a: {name: A, voice: v}, b: {name: B, voice: w}}", 3),
    "a purchase": ("numbers: {n: {}}", 3),
    "three purchases": ("numbers: {m: {}, n: {}, o: {}}", 3),
    "a webhook": ('webhooks: {w: {url: "https://a.dev/x"}}', 3),
    "an agent to be made with a webhook": (
        'agents: {a: {name: A}}\nwebhooks: {w: {agent: a, url: "https://a.dev/x"}}',
        2,
    ),
}


@pytest.mark.parametrize("case", ASKED)
def test_a_plan_asks_only_what_it_wants_to_know(trial, case):
    spec, count = ASKED[case]
    planned = trial.spec(spec).plan()
    assert planned.plan.requests == len(trial.requests()) == count, [one["path"] for one in trial.requests()]


def test_a_release_asks_for_traffic_and_a_deletion_for_the_agent_s_webhook(trial):
    trial.spec("agents: {a: {name: A}}\nnumbers: {n: {}}").settled().spec("agents: {}")
    since = len(trial.requests())
    trial.plan()
    paths = sorted(re.sub(r"/cm[a-z0-9]+", "/*", one["path"]) for one in trial.requests()[since:])
    assert paths == [
        "/v1/agents",
        "/v1/agents/*/webhook",
        "/v1/numbers",
        "/v1/numbers/*/calls",
        "/v1/numbers/*/messages",
    ]


def test_the_report_counts_every_request_of_plan_and_apply(trial):
    report = trial.spec(
        'agents: {a: {name: A}}\nnumbers: {n: {agent: a}}\nwebhooks: {w: {url: "https://a.dev/x"}}'
    ).apply()
    assert report.requests == len(trial.requests())


class Slow:
    """A store far away: while one of its swaps is under way, the API answers so many requests."""

    def __init__(self, store, client, lag):
        self.store, self.client, self.lag = store, client, lag
        self.swaps = 0

    @property
    def place(self):
        return self.store.place

    async def read(self):
        return await self.store.read()

    async def neighbours(self):
        return await self.store.neighbours()

    async def swap(self, state, version):
        self.swaps += 1
        until, idle = self.client.requests + self.lag, 0
        while self.client.requests < until and idle < 50:
            before = self.client.requests
            await asyncio.sleep(0.002)
            idle = idle + 1 if self.client.requests == before else 0
        return await self.store.swap(state, version)


@pytest.mark.parametrize("lag", [10, 40])
def test_one_write_is_under_way_at_a_time_and_carries_all_results_so_far(trial, lag):
    """So writes grow with what a swap takes, not with the resources: Terraform's grow with these.

    Besides, there are some ten batches of purchases, each opened by a swap that is waited for.
    """
    keys = [f"k{index}" for index in range(60)]
    trial.spec(
        {
            "agents": {key: {"name": f"Agent {key}"} for key in keys},
            "numbers": {key: {"agent": key} for key in keys},
            "webhooks": {key: {"agent": key, "url": f"https://a.dev/{key}"} for key in keys},
        }
    )

    async def applied():
        async with trial.open() as opened:
            account = dataclasses.replace(opened, store=Slow(opened.store, opened.client, lag))
            planned = await workflow.plan(account)
            before = opened.client.requests
            report = await workflow.apply(
                account, planned, approve=[one.token for one in planned.plan.steps if one.token]
            )
            return report, account.store.swaps, opened.client.requests - before

    report, swaps, requests = asyncio.run(applied())
    assert (report.exit, len(report.outcomes)) == (0, 3 * len(keys))
    assert swaps <= requests / lag + 12 + FEW
    assert swaps < len(report.outcomes) / 3
