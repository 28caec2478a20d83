"""The jobs of the GitLab template, their scripts run as a runner of GitLab runs them, with its variables."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import yaml

from tests.action.conftest import BUYING, NOBODY, ROOT, SPEC
from tests.store.conftest import QUIET, call

TEMPLATE = yaml.safe_load((ROOT / "apreconcile/pipelines/gitlab/apreconcile.gitlab-ci.yml").read_text())
LIMITED = SPEC + "policy: {maxBuys: {perApply: 0}}\n"


@pytest.fixture
def job(hub):
    """Run a job's script in a clone of its own: exit code and log."""

    def run(name, ref, **variables):
        folder = hub.folder / f"runner{next(hub.numbers)}"
        call("clone", "--quiet", f"file://{hub.bare}", folder, folder=hub.folder)
        call("checkout", "--quiet", "--detach", f"origin/{ref}", folder=folder)
        tools = hub.folder / "bin"
        tools.mkdir(exist_ok=True)
        (tools / "apreconcile").write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m apreconcile "$@"\n')
        (tools / "apreconcile").chmod(0o755)
        environ = {
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "HOME": str(folder), **QUIET, "CI": "true",
            **TEMPLATE["variables"], **hub.world.env, "CI_DEFAULT_BRANCH": "main",
            "CI_COMMIT_SHA": call("rev-parse", "HEAD", folder=folder), **variables,
        }  # fmt: skip
        ours = TEMPLATE[".apreconcile"]["before_script"][-1]
        script = "\n".join(["set -eo pipefail", ours, *TEMPLATE[name]["script"]])
        done = subprocess.run(
            ["bash", "-c", script], cwd=folder, env=environ, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=120, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout, folder

    return run


def pushed(before, after):
    return {"CI_COMMIT_BEFORE_SHA": before, "CI_COMMIT_SHA": after, "CI_COMMIT_BRANCH": "main"}


def test_a_merge_request_is_planned_by_the_policy_of_its_target(hub, job):
    hub.begin({"agentphone.yaml": SPEC}).branch({"agentphone.yaml": SPEC + BUYING})
    code, log, folder = job("apreconcile-plan", "change", CI_MERGE_REQUEST_TARGET_BRANCH_NAME="main")
    assert (code, "create number.main (buy)" in log) == (0, True), log
    assert json.loads((folder / "plan.json").read_text())["policy"].startswith("refs/remotes/origin/main")
    assert TEMPLATE["apreconcile-plan"]["artifacts"]["paths"] == ["plan.json"]
    call("checkout", "--quiet", "main", folder=hub.dev)
    hub.commit({"agentphone.yaml": LIMITED})
    call("push", "--quiet", "origin", "main", folder=hub.dev)
    code, log, _ = job("apreconcile-plan", "change", CI_MERGE_REQUEST_TARGET_BRANCH_NAME="main")
    assert (code, "maxBuys" in log) == (5, True), log
    code, log, _ = job("apreconcile-validate", "change")
    assert (code, "is valid" in log) == (0, True), log
    assert hub.world.writes() == []


def test_a_push_is_applied_by_the_policy_before_it_and_what_is_held_can_be_approved(hub, job):
    hub.begin({"agentphone.yaml": LIMITED}).branch({"agentphone.yaml": SPEC + BUYING})
    before, after = hub.merge()
    code, log, _ = job("apreconcile-apply", "main", **pushed(before, after))
    assert (code, "maxBuys" in log) == (5, True), log
    hub.branch({"readme.md": "now it counts"})
    code, log, folder = job("apreconcile-apply", "main", **pushed(*hub.merge()))
    assert (code, log.count("create number.main (buy)")) == (3, 1), log
    (step,) = json.loads((folder / "plan.json").read_text())["steps"]
    approval = subprocess.run(
        [sys.executable, "-m", "apreconcile", "approve", folder / "plan.json", step["token"], "--by", "ann", "--reason", "x"],
        capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
    ).stdout  # fmt: skip
    hub.branch({"approvals.yaml": approval})
    code, log, _ = job("apreconcile-apply", "main", **pushed(*hub.merge()))
    assert (code, hub.world.writes().count("POST /v1/numbers")) == (0, 1), log


def test_a_push_that_does_not_tell_what_was_before_is_not_applied(hub, job):
    hub.begin({"agentphone.yaml": SPEC}).branch({"agentphone.yaml": SPEC + BUYING})
    before, after = hub.merge()
    code, log, _ = job("apreconcile-apply", "main", **pushed(NOBODY, after))
    assert (code, "apply it by hand: apreconcile apply -f agentphone.yaml" in log, "fatal" in log) == (
        9,
        True,
        False,
    ), log
    elsewhere = call("commit-tree", f"{before}^{{tree}}", "-m", "forced away", folder=hub.dev)
    assert job("apreconcile-apply", "main", **pushed(elsewhere, after))[0] == 9
    assert job("apreconcile-apply", "main", **pushed(before, before))[0] == 4
    assert hub.world.requests() == []


def test_drift_ends_with_2(hub, job):
    hub.begin({"agentphone.yaml": SPEC})
    code, log, _ = job("apreconcile-drift", "main")
    assert (code, "+ agent.support: only in the spec" in log) == (2, True), log
    assert hub.world.writes() == []


def test_only_what_may_have_the_key_is_planned():
    """The rules, in GitLab's own words: nobody but GitLab evaluates them."""
    fork = "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID != $CI_MERGE_REQUEST_PROJECT_ID"
    assert fork in TEMPLATE["apreconcile-validate"]["rules"][0]["if"]
    for name in ("plan", "preview", "preview-end"):
        assert TEMPLATE[f"apreconcile-{name}"]["rules"][-1]["if"] == fork.replace("!=", "==")
    assert TEMPLATE["apreconcile-apply"]["resource_group"] == "apreconcile"
    for name in ("preview", "preview-end"):
        assert '$APRECONCILE_PREVIEW == ""' in TEMPLATE[f"apreconcile-{name}"]["rules"][0]["if"], "it is opted into"
    starts, ends = (TEMPLATE[f"apreconcile-{name}"]["environment"] for name in ("preview", "preview-end"))
    assert (starts["on_stop"], starts["name"], ends["action"]) == ("apreconcile-preview-end", ends["name"], "stop")


ENVIRONMENTS = """\
version: 1
project: acme
state: {store: git}
variables: {name: {}, more: {}}
agents:
  support: {name: "${var.name}", description: "${var.more}"}
environments:
  prod: {as: default, account: {keyEnv: PROD_KEY}}
  preview: {account: {keyEnv: PREVIEW_KEY}, ephemeral: {ttl: 72h}}
"""
VARIABLES = {"APRECONCILE_VAR": 'name=Zoe "A" $HOME `id`\nmore=of it'}


def names(hub, key):
    return [
        one["name"]
        for one in hub.world.http.get("/v1/agents", headers={"Authorization": f"Bearer {key}"}).json()["data"]
    ]


def test_an_environment_has_its_own_key_and_its_variables(hub, job):
    hub.begin({"agentphone.yaml": ENVIRONMENTS}).branch({"readme.md": "x"})
    prod = {"AGENTPHONE_API_KEY": "", "APRECONCILE_ENVIRONMENT": "prod", "APRECONCILE_KEY_ENV": "PROD_KEY", **VARIABLES}
    target = {"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main"}
    code, log, folder = job("apreconcile-plan", "change", **prod, **target)
    assert (code, "only validated" in log, (folder / "plan.json").exists()) == (0, True, False), log
    code, log, _ = job("apreconcile-plan", "change", PROD_KEY="key-of-prod", **prod, **target)
    assert (code, 'Zoe \\"A\\" $HOME `id`' in log) == (0, True), log
    code, log, folder = job("apreconcile-apply", "main", PROD_KEY="key-of-prod", **prod, **pushed(*hub.merge()))
    assert (code, names(hub, "key-of-prod")) == (0, ['Zoe "A" $HOME `id`']), log
    assert json.loads((folder / "report.json").read_text())["exit"] == 0
    for name in ("AGENTPHONE_API_KEY", "PROD_KEY"):
        code, log, _ = job("apreconcile-validate", "change", **{**prod, name: "key-of-prod"})
        assert code == 0, log


def test_what_is_not_handed_on_has_a_stand_in_where_it_is_only_validated(hub, job):
    reading = SPEC + 'webhooks:\n  all: {url: "https://${env.HOST}/${env.PATH_PART}"}\n'
    hub.begin({"agentphone.yaml": SPEC}).branch({"agentphone.yaml": reading})
    target = {"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main", "APRECONCILE_READS": "HOST PATH_PART", "PATH_PART": "a"}
    code, log, _ = job("apreconcile-validate", "change", **target)
    assert (code, "is valid" in log) == (0, True), log
    code, log, _ = job("apreconcile-plan", "change", **target, AGENTPHONE_API_KEY="")
    assert (code, "only validated" in log) == (0, True), log
    code, log, _ = job("apreconcile-plan", "change", **target)
    assert (code, "`HOST` is not set" in log) == (1, True), log  # a plan is of what is applied


OPENED = {
    "APRECONCILE_PREVIEW": "preview", "PREVIEW_KEY": "key-of-previews", **VARIABLES, "CI_MERGE_REQUEST_IID": "7",
    "CI_MERGE_REQUEST_PROJECT_PATH": "acme/phones", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "change",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main", "CI_OPEN_MERGE_REQUESTS": "acme/phones!12,acme/phones!7",
}  # fmt: skip
PREVIEWED = ['Zoe "A" $HOME `id` (preview:mr-7)']


def test_a_preview_is_made_and_ended(hub, job):
    hub.begin({"agentphone.yaml": ENVIRONMENTS}).branch({"readme.md": "x"})
    code, log, _ = job("apreconcile-preview", "change", **OPENED)
    assert (code, names(hub, "key-of-previews")) == (0, PREVIEWED), log
    code, log, _ = job("apreconcile-preview-end", "change", **OPENED)
    assert (code, names(hub, "key-of-previews")) == (0, []), log


@pytest.mark.parametrize(
    "listed", ["", "acme/phones!8", "acme/phones!71,acme/phones!17", "other/acme/phones!7", "acme/phones"]
)
def test_a_preview_of_a_merge_request_that_is_closed_by_now_is_not_made(hub, job, listed):
    """GitLab lists those that are open when a job begins, also one that is run again."""
    hub.begin({"agentphone.yaml": ENVIRONMENTS}).branch({"readme.md": "x"})
    code, log, _ = job("apreconcile-preview", "change", **OPENED | {"CI_OPEN_MERGE_REQUESTS": listed})
    assert (code, "acme/phones!7 is not open" in log, hub.world.requests()) == (4, True, []), log


def test_an_old_job_of_a_preview_brings_no_old_commit_back(hub, job):
    hub.begin({"agentphone.yaml": ENVIRONMENTS})
    merged = hub.branch({"readme.md": "x"})
    head = call("rev-parse", "change", folder=hub.dev)
    result = {"CI_COMMIT_SHA": merged, "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": head}
    code, log, _ = job("apreconcile-preview", "change", **OPENED | result)
    assert (code, names(hub, "key-of-previews")) == (0, PREVIEWED), log
    hub.branch({"readme.md": "y"})
    before = hub.world.requests()
    for old in (result, {"CI_COMMIT_SHA": head}):
        code, log, _ = job("apreconcile-preview", "change", **OPENED | old)
        assert (code, f"of {head}" in log, hub.world.requests()) == (4, True, before), log
    call("push", "--quiet", "origin", ":change", folder=hub.dev)
    code, log, _ = job("apreconcile-preview", "main", **OPENED | {"CI_COMMIT_SHA": head})
    assert (code, "change is gone" in log, hub.world.requests()) == (4, True, before), log
