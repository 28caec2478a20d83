"""A push to the default branch is applied, by the policy that was there before it; nothing is trusted that it brings."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from pathlib import Path

from tests.action.conftest import BUYING, NOBODY, SPEC, TOKEN
from tests.store.conftest import call

APPROVING = SPEC + BUYING


def purchases(hub):
    return hub.world.writes().count("POST /v1/numbers")


def test_a_push_is_applied_and_what_is_held_says_how_to_approve_it(hub):
    hub.begin({"agentphone.yaml": SPEC}).branch({"agentphone.yaml": APPROVING})
    ran = hub.on_merge()
    assert (ran.code, ran.outputs["command"], ran.outputs["exit-code"]) == (3, "apply", "3"), ran.log
    assert "apply: held for approvals (exit 3)" in ran.summary
    assert "| **done** | `+ create agent.support` |" in ran.summary
    assert "| **held** | `+ create number.main` (buy) |" in ran.summary
    token = re.search(
        r"approve plan\.json --by [^`]* --out approvals\.yaml \\\n  (buy:number\.main@[0-9a-f]{32})", ran.summary
    )[1]
    results = Path(ran.outputs["results"])
    assert sorted(path.name for path in results.iterdir()) == ["plan.json", "report.json"]
    steps = json.loads((results / "plan.json").read_text())["steps"]
    assert [(step["address"], step["token"]) for step in steps] == [("number.main", token)]
    assert json.loads((results / "report.json").read_text())["exit"] == 3
    assert ran.outputs["artifact"] == "apreconcile-apply-acme-default"
    assert (purchases(hub), hub.api.requests) == (0, [])
    hub.branch({"approvals.yaml": approval(token, steps[0]["digest"])})
    done = hub.on_merge()
    assert (done.code, "| **done** | `+ create number.main` (buy) |" in done.summary, purchases(hub)) == (0, True, 1), (
        done.log
    )
    hub.branch({"readme.md": "more"})
    again = hub.on_merge()
    assert (again.code, "Nothing to do: the account is as the spec wants it." in again.summary) == (0, True), again.log
    assert (purchases(hub), again.outputs["artifact"], again.outputs["plan"]) == (
        1,
        "apreconcile-apply-acme-default",
        "",
    )


def approval(token, digest):
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    return f'- {{approve: "{token}", digest: "{digest}", by: ann, reason: we grow, expires: "{end}"}}\n'


def test_a_push_that_brings_its_own_policy_is_judged_by_the_one_before(hub):
    limited = APPROVING + "policy: {maxBuys: {perApply: 0}}\n"
    loose = APPROVING + "policy: {autoApprove: {default: [{risk: spends, upTo: 10.00}]}}\n"
    hub.begin({"agentphone.yaml": limited}).branch({"agentphone.yaml": loose})
    before, after = hub.merge()
    ran = hub.on_push(before, after)
    assert (ran.code, purchases(hub)) == (5, 0), ran.log
    assert f"policy of {before[:7]}" in ran.summary
    hub.branch({"readme.md": "nothing"})
    assert (hub.on_merge().code, purchases(hub)) == (0, 1), "once it is merged, it counts"


def test_what_does_not_tell_whose_policy_counts_is_not_applied(hub):
    hub.begin({"agentphone.yaml": APPROVING}).branch({"agentphone.yaml": APPROVING})
    before, after = hub.merge()
    unknown, foreign = "0" * 39 + "1", call("hash-object", "-w", "--stdin", folder=hub.dev)
    cases = {
        "made the branch": hub.on_push(NOBODY, after, created=True),
        "was forced": hub.on_push(before, after, forced=True),
        "could not be fetched": hub.on_push(unknown, after),
        f"{foreign}, whose policy counts": hub.on_push(foreign, after),
        "has no before": hub.on_push("main", after),
        "is no branch": hub.run("push", {"before": before}, "refs/tags/v1", commit=after),
        "another branch": hub.on_push(before, after, ref="refs/heads/gone"),
    }
    hub.inputs = {"command": "apply"}
    cases["nothing tells from which commit the policy is"] = hub.run("workflow_dispatch", {})
    for reason, ran in cases.items():
        wanted = (0, "validate") if reason in ("is no branch", "another branch") else (9, "apply")
        assert (ran.code, ran.outputs["command"]) == wanted, (reason, ran.log)
        assert wanted[0] == 0 or reason in ran.summary, (reason, ran.summary)
    for ref, branch, reason in (
        ("refs/tags/v1", "", "refs/tags/v1 is not the default branch"),
        ("refs/heads/gone", "", "refs/heads/gone is not the default branch"),
        ("refs/heads/gone", "gone", "the tip of refs/heads/gone could not be read"),
        ("refs/heads/main", "gone", "refs/heads/main is not the branch gone"),
    ):
        hub.inputs = {"command": "apply", "branch": branch}
        ran = hub.on_push(before, after, ref=ref)
        assert (ran.code, reason in ran.summary) == (9, True), ran.log
    assert hub.world.requests() == []


def test_a_person_says_whose_policy_counts_where_no_event_does(hub):
    hub.begin({"agentphone.yaml": SPEC})
    hub.inputs = {"command": "apply", "policy-from": "spec"}
    ran = hub.run("workflow_dispatch", {})
    assert (ran.code, ran.outputs["command"]) == (0, "apply"), ran.log
    assert hub.world.writes() == ["POST /v1/agents"]
    hub.branch({"agentphone.yaml": SPEC.replace("Support}", "Other}")})
    ran = hub.run("workflow_dispatch", {}, "refs/heads/change")
    assert (ran.code, "is not the default branch" in ran.summary) == (9, True), ran.log
    assert hub.world.writes() == ["POST /v1/agents"]


def test_an_old_run_brings_no_old_spec_back(hub):
    """Whoever runs an old job again, or was overtaken by another push, changes nothing."""
    hub.begin({"agentphone.yaml": SPEC}).branch({"agentphone.yaml": SPEC.replace("Support}", "Old}")})
    old = hub.merge()
    hub.branch({"agentphone.yaml": SPEC})
    assert hub.on_merge().code == 0
    writes = hub.world.writes()
    ran = hub.on_push(*old)
    assert (ran.code, "refs/heads/main is at" in ran.summary, hub.world.writes()) == (4, True, writes), ran.log
    hub.environ = {"GITHUB_SHA": call("rev-parse", "main", folder=hub.dev)}
    ran = hub.on_push(*old)
    assert (ran.code, "is checked out, and this run is of" in ran.summary, hub.world.writes()) == (9, True, writes)


def test_another_branch_and_a_merge_queue_are_validated_and_a_dispatch_is_planned(hub):
    hub.begin({"agentphone.yaml": APPROVING}).branch({"readme.md": "x"})
    commit = call("rev-parse", "change", folder=hub.dev)
    ran = hub.on_push(NOBODY, commit, ref="refs/heads/change")
    assert (ran.code, ran.outputs["command"]) == (0, "validate"), ran.log
    base = call("rev-parse", "main", folder=hub.dev)
    queued = hub.run("merge_group", {"merge_group": {"base_sha": base}}, "refs/heads/change")
    assert (queued.code, queued.outputs["command"], hub.world.requests()) == (0, "validate", []), queued.log
    planned = hub.run("workflow_dispatch", {})
    assert (planned.code, planned.outputs["command"], planned.outputs["exit-code"]) == (0, "plan", "2"), planned.log
    assert (hub.world.writes(), hub.api.requests) == ([], [])


def test_only_the_default_branch_is_applied_or_the_one_that_is_named(hub):
    """A workflow that runs on a push of any branch applies none of them but the one that is reviewed."""
    hub.begin({"agentphone.yaml": SPEC}).branch({"agentphone.yaml": SPEC.replace("Support}", "Mine}")})
    before, after = call("rev-parse", "main", folder=hub.dev), call("rev-parse", "change", folder=hub.dev)
    hub.inputs = {"command": "apply"}
    ran = hub.on_push(before, after, ref="refs/heads/change")
    assert (ran.code, ran.outputs["command"], hub.world.requests()) == (9, "apply", []), ran.log
    assert "refs/heads/change is not the default branch" in ran.summary
    assert "hint: merge it, and apply what is merged; or name the branch that is applied: 'branch: NAME'" in ran.summary
    unknown = {"id": 1, "full_name": "acme/phones"}
    assert hub.on_push(before, after, repository=unknown).code == 9
    assert hub.world.requests() == []
    for command in ("apply", "auto"):
        hub.inputs = {"command": command, "branch": "change"}
        ran = hub.on_push(before, after, ref="refs/heads/change")
        assert (ran.code, ran.outputs["command"]) == (0, "apply"), ran.log
    assert hub.world.writes() == ["POST /v1/agents"]
    assert hub.on_push(before, before).outputs["command"] == "validate", "main is not the branch that is named"


def opened(hub):
    """Whether a step is under way: its intent is in the state."""
    shown = subprocess.run(
        ["git", "show", "refs/apreconcile/acme/default:state.json"], cwd=hub.bare, capture_output=True, check=False
    )
    return shown.returncode == 0 and bool(json.loads(shown.stdout)["intents"])


def test_a_cancelled_job_finishes_what_is_in_flight_and_starts_no_more(hub):
    hook = "webhooks: {w: {agent: support, url: 'https://hooks.acme.dev/x'}}\n"
    hub.begin({"agentphone.yaml": SPEC}).branch({"agentphone.yaml": SPEC + hook})
    before, after = hub.merge()
    hub.world.fault("POST /v1/agents", "delay:4")
    event = {"before": before, "forced": False}
    process, folder = hub.start("push", event, "refs/heads/main", commit=after)
    end = time.monotonic() + 60
    while not opened(hub):
        assert time.monotonic() < end
    process.send_signal(signal.SIGINT)
    ran = hub.ended(process.wait(60), process.communicate()[0], folder)
    assert (ran.code, "interrupted (exit 130)" in ran.summary) == (130, True), ran.log
    report = json.loads(Path(ran.outputs["results"], "report.json").read_text())
    assert [step["outcome"] for step in report["steps"]] in (["done", "skipped"], ["skipped", "skipped"])
    assert hub.run("push", event, commit=after).code == 0
    assert len(hub.world.writes()) == 2


def test_a_sink_of_the_spec_gets_no_token_of_the_job(hub):
    sink = '["sh", "-c", "cat >/dev/null; env >$HOME/seen"]'
    hooks = f"webhooks: {{w: {{url: 'https://hooks.acme.dev/x', secret: {{writeTo: {{exec: {sink}}}}}}}}}\n"
    hub.begin({"agentphone.yaml": SPEC}).branch({"agentphone.yaml": SPEC + hooks})
    hub.environ = {"GH_TOKEN": "of the workflow's own"}
    ran = hub.on_merge()
    assert ran.code == 0, ran.log
    seen = (ran.folder / "seen").read_text()
    assert "GH_TOKEN=of the workflow's own" in seen
    assert TOKEN not in seen
    assert not re.search("(?m)^(AGENTPHONE|INPUT|GITHUB_TOKEN)", seen)
    assert TOKEN not in ran.log + ran.summary


def test_what_the_inputs_say_wrongly_is_told(hub):
    hub.begin({"agentphone.yaml": SPEC})
    for inputs, code, words in (
        ({"command": "aply"}, 64, "no command"),
        ({"spec": "none.yaml"}, 1, "none.yaml"),
        ({"environment": "nowhere"}, 64, "nowhere"),
        ({"policy-from": "--help"}, 9, "--help"),
    ):
        hub.inputs = inputs
        ran = hub.run("workflow_dispatch", {})
        assert (ran.code, words in ran.summary) == (code, True), (inputs, ran.log)


def test_variables_and_several_specs_are_handed_on_and_not_told(hub):
    base = SPEC.replace("Support", '"${var.name}"') + "variables: {name: {}, other: {}}\n"
    hub.begin({"spec/a.yaml": base, "spec/b.yaml": "webhooks: {w: {url: 'https://x.dev/${var.other}'}}\n"})
    hub.inputs = {"spec": "spec/a.yaml\n\n  spec/b.yaml\n", "var": "name=Zoe A=1\nother=hidden"}
    ran = hub.run("workflow_dispatch", {})
    assert (ran.code, "Zoe A=1" in ran.summary, "create webhook.w" in ran.summary) == (0, True, True), ran.log
    assert "--var=name=…" in ran.log
