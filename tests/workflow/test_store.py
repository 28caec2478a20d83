"""A store that fails in the middle costs no number: what was done is named, and what is open stays open."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections import Counter

import pytest

from apreconcile import workflow
from apreconcile.core.errors import ConflictError, StoreError
from apreconcile.core.outcome import Word
from apreconcile.core.plan import Plan
from apreconcile.show.report import report_json

SPEC = """
    agents: {a: {name: A}, b: {name: B}}
    numbers: {m: {agent: a}, n: {}}
    webhooks: {w: {url: "https://a.dev/x"}}
"""


class Breaking:
    """A real store that fails from its nth swap on, for so many swaps; `late` fails after having written."""

    def __init__(self, store, nth, *, times=10_000, late=False, error=None):
        self.store = store
        self.swaps = 0
        self.breaks = range(nth, nth + times)
        self.late = late
        self.error = error or StoreError("state could not be written: the disk is full", hint="make room")

    @property
    def place(self):
        return self.store.place

    async def read(self):
        return await self.store.read()

    async def neighbours(self):
        return await self.store.neighbours()

    async def swap(self, state, version):
        self.swaps += 1
        if self.swaps in self.breaks:
            if self.late:
                await self.store.swap(state, version)
            raise self.error
        return await self.store.swap(state, version)


def apply(trial, **how):
    """One run whose store breaks."""

    async def both():
        async with trial.open() as opened:
            account = dataclasses.replace(opened, store=Breaking(opened.store, **how))
            planned = await workflow.plan(account)
            return await workflow.apply(
                account, planned, approve=[step.token for step in planned.plan.steps if step.token]
            )

    return asyncio.run(both())


def recover(trial):
    """Looking, and a person's word on what is open, bring every account to rest."""
    trial.clock.skip(1000)
    for _ in range(4):
        plan: Plan = trial.plan(adopt=True).plan
        for stop in plan.unsettled:
            kind, key = stop.address.kind, stop.address.key
            seen = trial.state["intents"][str(stop.address)].get("seen", [])
            fresh = [
                one["id"] for one in trial.get(f"/v1/{kind}s?limit=100")["data"]
                if one["id"] not in {*seen, *trial.ids().values()}
                and key in {one.get("externalId", "").rpartition("/")[2], one.get("name", "").lower()}
            ]  # fmt: skip
            trial.bind(str(stop.address), fresh[0]) if fresh else trial.not_created(str(stop.address))
        report = trial.apply(adopt=True)
        if report.exit == 0 and not report.outcomes:
            break
    assert report.exit == 0
    assert Counter(trial.purchases()) == {"apr:acme/default/m": 1, "apr:acme/default/n": 1}
    assert len(trial.get("/v1/agents")["data"]) == 2


@pytest.mark.parametrize("late", [False, True], ids=["nothing is written", "it is written, and the reply lost"])
@pytest.mark.parametrize("times", [1, 10_000], ids=["once", "for ever"])
@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5, 6, 7])
def test_a_store_that_breaks_at_any_swap_costs_no_number(trial, nth, times, late):
    trial.spec(SPEC)
    report = apply(trial, nth=nth, times=times, late=late)
    done = [one for one in report.outcomes if one.word is Word.DONE]
    bought = {one.phone_number for one in done if one.address.kind == "number"}
    assert bought == {line["phoneNumber"] for line in trial.ledger()}, "what was bought is said"
    kept = trial.ids().values()
    for one in done:
        told = any(one.id in warning for warning in report.warnings)
        assert one.id in kept or told, f"{one.address} {one.id} is neither in the state nor named: {report.warnings}"
    recover(trial)


def test_a_store_that_refuses_the_first_swap_stops_everything(trial):
    trial.spec(SPEC)
    report = apply(trial, nth=1)
    assert {one.word for one in report.outcomes} <= {Word.FAILED, Word.SKIPPED}
    assert report.exit == 1
    assert trial.writes() == []
    assert any("the disk is full" in one.error for one in report.outcomes if one.error)


def test_a_conflict_at_the_first_swap_is_exit_8_and_sends_nothing(trial):
    trial.spec(SPEC)
    report = apply(trial, nth=1, error=ConflictError("somebody else wrote", hint="plan again"))
    assert report.exit == 8
    assert trial.writes() == []


def test_results_that_could_not_be_kept_are_exit_7_and_named_with_what_to_do(trial):
    trial.spec(SPEC)
    report = apply(trial, nth=4)
    assert report.exit in {6, 7}
    assert any("could not be written" in warning and "disk is full" in warning for warning in report.warnings)


def test_a_broken_store_does_not_stop_the_store_of_a_later_run(trial):
    trial.spec(SPEC)
    apply(trial, nth=3)
    plan = trial.plan().plan
    assert plan.unsettled or plan.steps or plan.empty
    recover(trial)


def test_a_folder_in_the_place_of_the_document_is_an_error_that_names_it(trial, exit_of):
    trial.spec(SPEC)
    trial.state_file.mkdir(parents=True)
    with pytest.raises(StoreError) as refused:
        trial.plan()
    assert "acme.default.json" in refused.value.message
    assert refused.value.hint
    assert trial.writes() == []


def test_a_document_that_becomes_unwritable_mid_run_loses_nothing(trial):
    """A real disk: a folder stands where the document was, as soon as the first step begins."""

    class Broken:
        def began(self, step):
            if step.address.kind == "number" and trial.state_file.is_file():
                trial.state_file.rename(trial.state_file.with_suffix(".kept"))
                trial.state_file.mkdir()

        def ended(self, step, outcome):
            pass

    trial.spec(SPEC)
    report = trial.apply(watch=Broken())
    assert report.exit == 7
    for line in trial.ledger():
        assert any(line["numberId"] in warning and line["phoneNumber"] in warning for warning in report.warnings)
    trial.state_file.rmdir()
    trial.state_file.with_suffix(".kept").rename(trial.state_file)
    recover(trial)


DAMAGE = {
    "cut": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",
    "not JSON": lambda text: "state: yes",
    "a list": lambda text: "[]",
    "another format": lambda text: json.dumps({"format": "other/1"}),
    "a later version": lambda text: text.replace("apreconcile.state/1", "apreconcile.state/2"),
    "another project": lambda text: text.replace('"acme"', '"other"'),
    "a resource without an id": lambda text: text.replace('"id": "num', '"idd": "num'),
    "a bad address": lambda text: text.replace('"agent.a"', '"agent a"'),
    "a number for a map": lambda text: text.replace('"turns": {', '"turns": 7, "x": {'),
    "no lock": lambda text: text.replace('"lock"', '"lok"'),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_document_stops_every_run_with_a_sentence(trial, damage):
    trial.seed(agents=[{"id": "agt_a", "name": "A"}], numbers=[{"id": "num_m"}])
    trial.spec("agents: {a: {import: agt_a, name: A}}\nnumbers: {m: {import: num_m}}").settled()
    before, text = trial.writes(), trial.state_file.read_text()
    trial.state_file.write_text(DAMAGE[damage](text))
    assert trial.state_file.read_text() != text
    with pytest.raises(StoreError) as refused:
        trial.apply()
    assert refused.value.exit_code == 1
    assert "acme.default.json" in refused.value.message
    assert refused.value.hint
    assert trial.writes() == before


def test_a_state_of_another_host_is_unsafe(trial, exit_of):
    trial.spec("agents: {a: {name: A}}").settled()
    trial.state_file.write_text(trial.state_file.read_text().replace('"loopback"', '"api.agentphone.ai"'))
    before = trial.writes()
    assert exit_of(trial.apply) == 9
    assert trial.writes() == before


def test_the_json_report_says_that_results_could_not_be_kept(trial):
    report = apply(trial.spec("numbers: {m: {}}"), nth=2)
    assert report.exit == 7
    assert any("could not be written" in warning for warning in report_json(report)["warnings"])
