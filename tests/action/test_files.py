"""What users copy, or what GitHub, GitLab and pre-commit read here, passes the linters of each, and says what the action does."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from apreconcile import pipelines
from tests.action.conftest import ROOT, action

PREVIEWS = ROOT / "apreconcile/pipelines/previews/preview.yml"
WORKFLOWS = [*sorted((ROOT / "apreconcile/pipelines/github").glob("*.yml")), PREVIEWS]
GITLAB = ROOT / "apreconcile/pipelines/gitlab/apreconcile.gitlab-ci.yml"
HOOKS = ROOT / ".pre-commit-hooks.yaml"


def passes(tool, *args, stdin=None, folder=ROOT):
    """Run a linter of this environment, which has to be content."""
    program = Path(sys.executable).with_name(tool)
    done = subprocess.run(
        [program, *args], cwd=folder, input=stdin, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def fails(tool, *args, **more):
    with pytest.raises(AssertionError):
        passes(tool, *args, **more)


def test_the_files_fit_the_schemas_of_those_who_read_them(tmp_path):
    for schema, files in (
        ("vendor.github-workflows", WORKFLOWS), ("vendor.github-actions", [ROOT / "action.yml"]), ("vendor.gitlab-ci", [GITLAB])
    ):  # fmt: skip
        passes("check-jsonschema", "--builtin-schema", schema, *files)
        spoilt = tmp_path / "spoilt.yml"
        spoilt.write_text(re.sub("(?m)^(jobs|runs|variables):", "nonsense: 1\n\\1: 5", files[0].read_text()))
        fails("check-jsonschema", "--builtin-schema", schema, spoilt)
    passes("pre-commit", "validate-manifest", HOOKS)


def test_the_workflows_are_right_and_safe_to_copy(tmp_path):
    assert [path.stem for path in WORKFLOWS] == ["apply", "drift", "plan", "preview"]
    passes("actionlint", "-shellcheck=", "-pyflakes=", *WORKFLOWS)
    passes("zizmor", "--offline", "--persona=pedantic", "--no-progress", *WORKFLOWS, ROOT / "action.yml")
    spoilt = tmp_path / "spoilt.yml"
    spoilt.write_text(WORKFLOWS[0].read_text().replace("secrets.", "secret."))
    fails("actionlint", "-shellcheck=", "-pyflakes=", spoilt)
    spoilt.write_text(WORKFLOWS[0].read_text().replace("push:\n", "pull_request_target:\n"))
    fails("zizmor", "--offline", "--no-progress", spoilt)


def test_the_scripts_pass_shellcheck():
    passes("shellcheck", ROOT / "action/install.sh")
    scripts = [step["run"] for step in action()["runs"]["steps"] if "run" in step]
    for job in yaml.safe_load(GITLAB.read_text()).values():
        scripts += ["\n".join(job[part]) for part in ("script", "before_script") if part in job]
    assert len(scripts) == 9
    for script in scripts:
        passes("shellcheck", "--shell=sh", "-", stdin=f"set -e\n{script}\n")


def test_every_action_of_others_is_pinned_by_its_commit_and_its_version_is_said():
    for path in (*WORKFLOWS, ROOT / "action.yml"):
        for line in re.findall(r"(?m)^ *-? *uses: .*$", path.read_text()):
            assert re.search(r"uses: [\w/.-]+@[0-9a-f]{40} # (v\d+\.\d+\.\d+|the commit of a release)$", line), line


def test_what_users_may_have_said_is_never_a_part_of_a_script():
    steps = action()["runs"]["steps"]
    assert all("${{" not in step.get("run", "") for step in steps)
    handed = next(step["env"] for step in steps if step.get("id") == "run")
    known = set(action()["inputs"]) - {"artifact", "python"}
    assert set(re.findall(r"inputs\.([\w-]+)", " ".join(handed.values()))) == known
    assert not any("api-key" in str(step.get("env")) for step in steps if step.get("id") != "run"), (
        "only one step gets it"
    )


def test_the_examples_hand_on_inputs_that_there_are():
    for path in WORKFLOWS:
        (job,) = yaml.safe_load(path.read_text())["jobs"].values()
        (ours,) = (step for step in job["steps"] if "OWNER" in step["uses"])
        assert set(ours["with"]) <= set(action()["inputs"])
        assert ours["with"]["command"] == path.stem
        assert job["permissions"].get("pull-requests") == ("write" if path.stem in ("plan", "preview") else None)
        assert job["permissions"]["contents"] == ("write" if path.stem in ("apply", "preview") else "read")
        keys = {ours["with"].get("key-env", "AGENTPHONE_API_KEY")}
        assert set(re.findall(r"secrets\.(\w+)", path.read_text())) == keys


def test_previews_are_opted_into():
    """init writes what everybody wants; a preview is applied before a review."""
    assert not any("preview" in name for name in pipelines.files("github"))
    inputs = yaml.safe_load(PREVIEWS.read_text())[True]["workflow_dispatch"]["inputs"]
    assert set(inputs) == {"pull-request"}, "as action/event.py reads it"


def test_the_action_needs_nothing_but_python_git_and_apreconcile():
    """What install.sh installs is enough: nothing but the standard library is imported, and nothing of the inside."""
    own = {path.stem for path in (ROOT / "action").glob("*.py")}
    for path in (ROOT / "action").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.partition(".")[0] in own | set(sys.stdlib_module_names), name


def test_the_hook_of_pre_commit_checks_the_spec(tmp_path):
    (hook,) = yaml.safe_load(HOOKS.read_text())
    spec = tmp_path / "agentphone.yaml"
    shutil.copytree(ROOT / "examples/prompts", tmp_path / "prompts")
    shutil.copy(ROOT / "examples/agentphone.yaml", spec)
    command = [sys.executable, "-m", *hook["entry"].split()]

    def run(*args):
        return subprocess.run([*command, *args], cwd=tmp_path, capture_output=True, timeout=60, check=False).returncode

    assert (run(), run("-f", ".")) == (0, 0)
    spec.write_text(spec.read_text().replace("voiceMode", "voiceMood"))
    assert run() == 1
    assert all(re.search(hook["files"], name) for name in ("agentphone.yaml", "infra/x.yml", "prompts/support.md"))


@pytest.mark.tools
def test_the_action_installs_itself_as_it_is_pinned(tmp_path):
    """It wants the package index, as `make` does."""
    environ = {"GITHUB_ACTION_PATH": str(ROOT), "RUNNER_TEMP": str(tmp_path), "INPUT_PYTHON": sys.executable}
    step = next(step for step in action()["runs"]["steps"] if step["name"] == "Install apreconcile")
    for _ in range(2):
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]],
            env={**os.environ, **environ}, cwd=tmp_path, capture_output=True, text=True, timeout=500, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    told = subprocess.run(
        [tmp_path / "apreconcile/bin/python", "-P", "-m", "apreconcile", "--version"], capture_output=True, text=True, check=True,
        env={"PATH": os.environ["PATH"]}, cwd=tmp_path,
    )  # fmt: skip
    assert told.stdout.startswith("apreconcile ")


@pytest.mark.tools
def test_the_template_of_gitlab_installs_it_as_it_is_pinned(tmp_path):
    """Its first lines, elsewhere than in /opt; they want the package index, as `make` does."""
    lines = yaml.safe_load(GITLAB.read_text())[".apreconcile"]["before_script"]
    (tmp_path / "project").mkdir()
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    told = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", "\n".join(lines).replace("/opt", str(tmp_path)) + "\napreconcile --version"],
        env={**os.environ, "APRECONCILE_SOURCE": str(ROOT), "APRECONCILE_COMMIT": commit.strip()},
        cwd=tmp_path / "project", capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip
    assert (told.returncode, told.stdout.startswith("apreconcile ")) == (0, True), told.stdout + told.stderr
    assert list((tmp_path / "project").iterdir()) == []
