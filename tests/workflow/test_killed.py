"""A real process, killed at any moment of an apply: what it bought is never bought again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter

import pytest

SPEC = """
    agents: {a: {name: A}}
    numbers: {m: {agent: a}, n: {}}
    webhooks: {w: {url: "https://a.dev/x"}}
"""
PROGRAM = """
import asyncio, os, signal, sys
from apreconcile import workflow
from apreconcile.store.local import LocalStore

spec, url, key, moment = sys.argv[1:]
left = {}
what, _, nth = moment.rpartition(" ")

def came(event):
    left[event] = left.get(event, 0) + 1
    if (event, str(left[event])) == (what, nth):
        os.kill(os.getpid(), signal.SIGKILL)

swap = LocalStore.swap

async def watched(self, state, version):
    came("before a swap")
    done = await swap(self, state, version)
    came("after a swap")
    return done

LocalStore.swap = watched

def told(line):
    method, path, *_ = line.split()
    came(f"after {method} {path}")

async def main():
    async with workflow.connect(workflow.load([spec]), key=key, base_url=url, on_request=told) as account:
        planned = await workflow.plan(account)
        tokens = [step.token for step in planned.plan.steps if step.token]
        report = await workflow.apply(account, planned, approve=tokens)
        sys.exit(report.exit)

asyncio.run(main())
"""
"""The store is the real one; only the moments before and after its swap are listened to."""

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
    program = [sys.executable, "-c", PROGRAM, str(trial.folder / "agentphone.yaml"), trial.url, trial.key, moment]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
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
    program = [sys.executable, "-c", PROGRAM, str(trial.folder / "agentphone.yaml"), trial.url, trial.key]
    ended = subprocess.run([*program, "after POST /v1/webhooks 1"], capture_output=True, timeout=60, check=False)
    assert ended.returncode == -9
    assert json.loads(trial.state_file.read_text())["lock"]
    trial.spec(SPEC.replace("name: A", "name: B"))
    again = subprocess.run([*program, "never 1"], capture_output=True, text=True, timeout=60, check=False)
    assert again.returncode in {1, 6}
    assert "LockedError" in again.stderr or again.returncode == 6
    recover(trial)
