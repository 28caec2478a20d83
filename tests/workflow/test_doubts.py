"""What could tempt a run to buy again, or to go on: results that cannot be kept, wrong keys, creations that look alike."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from apreconcile import workflow
from apreconcile.core.errors import Error, StoreError
from apreconcile.live.apply import FEW
from apreconcile.live.limits import Pace
from apreconcile.live.record import SPACING
from apreconcile.sandbox import Options, running
from apreconcile.store.local import LocalStore
from apreconcile.workflow.applying import apply
from tests.conftest import tokens_of

THREE = {
    "one agent": "agents: {a: {name: A}}\nnumbers: {m: {agent: a}, n: {agent: a}, o: {agent: a}}",
    "no agent": "numbers: {m: {}, n: {}, o: {}}",
}


@pytest.fixture
def old(trial, tmp_path) -> Iterator[Any]:
    """A trial on the API of 2025, which knows no markers."""
    with running(Options(db=tmp_path / "api.db", profile="2025")) as server:
        before = trial.http
        with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as trial.http:
            trial.url = server.url
            yield trial
        trial.http = before


def bought(trial):
    return [one["id"] for one in trial.get("/v1/numbers?limit=100")["data"]]


def with_store(trial, store):
    """Plan and apply, with every approval, on a store of this sort."""

    async def whole():
        async with trial.open() as account:
            usual = account.store
            broken = store(usual._folder, usual._project, usual._environment)
            there = dataclasses.replace(account, store=broken)
            planned = await workflow.plan(there)
            return await apply(there, planned, approve=tokens_of(planned.plan))

    return asyncio.run(whole())


class Breaking(LocalStore):
    """A store that goes away once a number was bought: each write hangs for a while, and is then refused."""

    async def swap(self, state, version):
        if any(at.kind == "number" for at in state.resources):
            await asyncio.sleep(1)
            raise StoreError("it could not be written: no answer")
        return await super().swap(state, version)


@pytest.mark.parametrize("spec", THREE.values(), ids=THREE)
def test_purchases_that_nothing_tells_apart_all_stay_open(old, spec):
    """The first results were not durable yet when the next purchase left: so it may have left, too."""
    with_store(old.spec(spec), Breaking)
    old.clock.skip(1000)
    old.apply()
    with suppress(Error):  # where it is not settled yet
        old.bind("number.m", bought(old)[0])
    for _ in range(2):
        old.apply()
    assert len(old.purchases()) <= 3, "three numbers are wanted"


def test_no_more_is_bought_once_a_result_cannot_be_kept(trial):
    with_store(trial.spec("numbers: {l: {}, m: {}, n: {}, o: {}, p: {}}"), Breaking)
    assert len(trial.purchases()) <= 2


def test_a_wrong_key_is_found_out_by_what_an_open_creation_saw(trial, trials):
    trial.seed(agents=[{"id": "agt_before", "name": "Before"}])
    trial.spec("agents: {a: {name: A}}").fault("POST /v1/agents", "commit-then-drop")
    assert trial.apply().exit == 6
    trial.key = trials().key
    trial.clock.skip(1000)
    assert trial.apply().exit == 9
    assert trial.writes() == []
    assert trial.state["intents"]


def test_an_agent_goes_to_the_creation_that_made_it(trial):
    trial.concurrency = 1
    trial.spec("agents: {a: {name: A, import: none}, b: {name: A, language: de-DE, import: none}}")
    trial.fault("POST /v1/agents", "drop")
    trial.fault("POST /v1/agents", "commit-then-drop", nth=2)
    assert trial.apply().exit == 6
    (made,) = trial.get("/v1/agents")["data"]
    trial.clock.skip(1000)
    trial.apply()
    assert made["language"] == "de-DE"
    assert trial.ids()["agent.b"] == made["id"]


@pytest.mark.parametrize("fault", ["delay:0.1", "status:402"])
def test_writes_grow_with_batches_and_not_with_purchases(trial, fault):
    trial.spec({"numbers": {f"n{n:02}": {} for n in range(20)}})
    trial.fault("POST /v1/numbers", fault, times=20)

    async def whole():
        async with trial.open(pace=Pace()) as account:
            planned = await workflow.plan(account)
            await apply(account, planned, approve=tokens_of(planned.plan))

    began = time.monotonic()
    asyncio.run(whole())
    quarters = (time.monotonic() - began) / SPACING
    assert trial.state["serial"] <= FEW + quarters + 3
    assert trial.state["serial"] < 2 * 20


def test_a_run_under_way_is_no_disaster(trial):
    """Somebody plans while another run is making something."""
    trial.spec("agents: {a: {name: A}}\nnumbers: {m: {}}")
    seen = []

    class Watched(LocalStore):
        async def swap(self, state, version):
            done = await super().swap(state, version)
            if any(at.kind == "number" for at in state.opened):
                async with trial.open() as other:
                    seen.append((await workflow.plan(other)).plan)
            return done

    assert with_store(trial, Watched).exit == 0
    (stop,) = seen[0].unsettled
    assert "is being made since" in stop.reason
    assert "resolve" not in stop.hint
    assert any("is applying since" in warning for warning in seen[0].warnings)


def test_what_cannot_be_kept_is_told_with_commands_that_work(trial):
    report = with_store(trial.spec("agents: {a: {name: A}}\nnumbers: {m: {agent: a}}"), Breaking)
    told = "\n".join(report.warnings)
    assert "agent.a is" not in told, "its binding is durable"
    assert "the lock of this run stands" in told
    command = told.partition("apreconcile resolve ")[2].split()
    assert command[:2] == ["number.m", "--bind"]
    trial.clock.skip(400)
    trial.bind("number.m", command[2])
    assert trial.apply().exit == 0
    assert len(trial.purchases()) == 1
