"""From a pull request to a number that rings: planned, signed, merged, applied; and what a stranger to it cannot do."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from surroundings import make_key, signer

from tests.action.conftest import BUYING, ROOT, SPEC
from tests.action.test_pull_request import marked
from tests.store.conftest import call

pytestmark = pytest.mark.tools

POLICY = "policy: {approvers: {signers: allowed_signers}}\n"
BUY = r"buy:number\.main@[0-9a-f]{32}"
APPROVED = r"\| `\+ create number\.main` \(buy\) \|[^|]*\bapproved\b"
"""A row of the comment's steps."""


@pytest.fixture
def keys(tmp_path):
    """Make a key, and name it with its line in a list of signers."""

    def make(name):
        path = make_key(tmp_path / name)
        return path, signer(name, path)

    return make


def approve(hub, plan, token, name, key):
    """What a person types, as the comment has it: from the plan of the artifact, into the file of the branch."""
    argv = [sys.executable, "-m", "apreconcile", "approve", plan, token, "--by", name, "--reason", "we grow"]
    done = subprocess.run(
        [*argv, "--sign", key, "--out", "approvals.yaml"], cwd=hub.dev, capture_output=True, text=True, check=False, timeout=60,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    hub.commit({})
    hub.refresh()


def purchases(hub):
    return [entry["type"] for entry in hub.world.http.get("/_sandbox/ledger").json()["entries"]]


def test_planned_approved_by_signature_merged_and_applied_once(hub, keys):
    ann, listed = keys("ann")
    hub.begin({"agentphone.yaml": SPEC + POLICY, "allowed_signers": listed})
    assert hub.run("workflow_dispatch", {}).outputs["exit-code"] == "2"
    hub.branch({"agentphone.yaml": SPEC + POLICY + BUYING})

    planned = hub.on_pull_request()
    assert planned.code == 0, planned.log
    (comment,) = marked(hub)
    token = re.search(BUY, comment["body"])[0]
    assert not re.search(APPROVED, comment["body"])

    approve(hub, planned.outputs["plan"], token, "ann", ann)
    again = hub.on_pull_request()
    assert (again.code, marked(hub)) == (0, [comment])
    assert re.search(APPROVED, comment["body"])
    assert (purchases(hub), hub.world.writes()) == ([], [])

    before, after = hub.merge()
    applied = hub.on_push(before, after)
    assert (applied.code, applied.outputs["exit-code"]) == (0, "0"), applied.log
    assert "## apreconcile apply: done" in applied.summary
    assert "| **done** | `+ create number.main` (buy) | +1415" in applied.summary
    report = json.loads(Path(applied.outputs["results"], "report.json").read_text())
    assert [step.get("approvedBy") for step in report["steps"]] == [None, ["ann"]]
    assert purchases(hub) == ["purchase"]

    writes = hub.world.writes()
    once_more = hub.on_push(before, after)
    assert (once_more.code, "Nothing to do: the account is as the spec wants it." in once_more.summary) == (0, True), (
        once_more.log
    )
    hub.branch({"readme.md": "the same approval, in another push"})
    assert hub.on_merge().code == 0
    assert (hub.world.writes(), purchases(hub)) == (writes, ["purchase"])
    state = json.loads(call("show", "refs/apreconcile/acme/default:state.json", folder=hub.bare))
    assert [entry["outcome"] for entry in state["ledger"]] == ["bought"]


def test_a_key_that_a_change_adds_for_itself_approves_nothing_in_it(hub, keys):
    _, listed = keys("ann")
    mallory, own = keys("mallory")
    hub.begin({"agentphone.yaml": SPEC + POLICY, "allowed_signers": listed})
    hub.branch({"agentphone.yaml": SPEC + POLICY + BUYING, "allowed_signers": listed + own})
    planned = hub.on_pull_request()
    token = re.search(BUY, planned.summary)[0]
    approve(hub, planned.outputs["plan"], token, "mallory", mallory)
    seen = hub.on_pull_request()
    assert not re.search(APPROVED, seen.summary)
    assert "mallory" in seen.summary, "why it does not count is said"
    ran = hub.on_merge()
    assert (ran.code, purchases(hub)) == (3, []), ran.log
    assert "| **held** | `+ create number.main` (buy) |" in ran.summary


def test_a_change_that_takes_the_approvers_out_needs_them(hub, keys):
    _, listed = keys("ann")
    hub.begin({"agentphone.yaml": SPEC + POLICY, "allowed_signers": listed})
    free = "policy: {autoApprove: {default: [{risk: spends, upTo: 99.00}]}}\n"
    hub.branch({"agentphone.yaml": SPEC + free + BUYING})
    assert (hub.on_merge().code, purchases(hub)) == (3, [])


def test_drift_is_looked_for_on_a_schedule_and_changes_nothing(hub):
    hub.begin({"agentphone.yaml": SPEC})
    hub.inputs = {"command": "apply", "policy-from": "spec"}
    assert hub.run("workflow_dispatch", {}).code == 0
    hub.inputs = {}
    ran = hub.run("schedule", {"schedule": "17 5 * * *"})
    assert (ran.code, ran.outputs["command"], "## apreconcile drift: none" in ran.summary) == (0, "drift", True), (
        ran.log
    )
    (agent,) = hub.world.http.get("/v1/agents").json()["data"]
    answer = hub.world.http.patch(f"/v1/agents/{agent['id']}", json={"name": "Renamed in the console"})
    assert answer.status_code == httpx.codes.OK
    writes = hub.world.writes()
    ran = hub.run("schedule", {"schedule": "17 5 * * *"})
    assert (ran.code, ran.outputs["exit-code"]) == (2, "2"), ran.log
    assert "## apreconcile drift: spec and account differ (exit 2)" in ran.summary
    assert "Renamed in the console" in ran.summary
    assert (hub.world.writes(), hub.api.requests) == (writes, [])
