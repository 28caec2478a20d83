"""A real process, killed at any moment of an apply: what it bought is never bought again."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from killing import apply_in_a_process

SPEC = """
    agents: {a: {name: A}}
    numbers: {m: {agent: a}, n: {}}
    webhooks: {w: {url: "https://a.dev/x"}}
"""
MOMENTS = [
    *(f"{when} a swap {nth}" for nth in (1, 2, 3, 4) for when in ("before", "after")),
    "after POST /v1/agents 1",
    "after POST /v1/numbers 1",
    "after POST /v1/numbers 2",
    "after POST /v1/webhooks 1",
]


def recover(trial):
    trial.clock.skip(1000)
    for _ in range(4):
        for at, intent in trial.state.get("intents", {}).items():
            kind, key = at.split(".")
            known = {*intent.get("seen", []), *trial.ids().values()}
            fresh = [
                one["id"] for one in trial.get(f"/v1/{kind}s?limit=100")["data"]
                if one["id"] not in known
                and key in {one.get("externalId", "").rpartition("/")[2], one.get("name", "").lower()}
            ]  # fmt: skip
            trial.bind(at, fresh[0]) if fresh else trial.not_created(at)
        report = trial.apply(adopt=True)
        if report.exit == 0 and not report.outcomes:
            return
    raise AssertionError(report)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_run_never_buys_twice(trial, exit_of, moment):
    trial.spec(SPEC)
    ended = apply_in_a_process(trial, moment)
    assert ended.returncode == -9, ended.stderr
    to_do = bool(trial.plan().plan.steps or trial.state.get("intents"))
    if trial.state.get("lock"):
        before = trial.writes()
        assert exit_of(trial.apply) == (8 if to_do else 0)
        assert trial.writes() == before
    recover(trial)
    assert Counter(trial.purchases()) == {"apr:acme/default/m": 1, "apr:acme/default/n": 1}
    assert len(trial.get("/v1/agents")["data"]) == 1
    kept = [line for line in trial.state["ledger"] if line["outcome"] != "denied"]
    assert len(kept) == 2, "what a killed run bought is in the ledger, too"


def test_a_killed_run_leaves_its_lock_and_the_next_one_waits_for_it(trial):
    trial.spec(SPEC)
    ended = apply_in_a_process(trial, "after POST /v1/webhooks 1")
    assert ended.returncode == -9
    assert json.loads(trial.state_file.read_text())["lock"]
    trial.spec(SPEC.replace("name: A", "name: B"))
    again = apply_in_a_process(trial, "never 1")
    assert again.returncode in {1, 6}
    assert "LockedError" in again.stderr or again.returncode == 6
    recover(trial)
