"""What `init` says is next is followed to the letter, and comes to pull requests that are planned, approved and applied."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
import yaml

from tests.action.conftest import ROOT, Hub, api, hub  # noqa: F401 (fixtures)
from tests.store.conftest import QUIET, call

STARTER = {
    "agents": [{"id": "agt_1", "name": "Starter", "voiceMode": "hosted", "systemPrompt": "Be kind.\nBe brief."}],
    "numbers": [{"id": "num_1", "phoneNumber": "+14155550100", "country": "US", "agentId": "agt_1"}],
}
TOOL = {"name": "look", "description": "D", "url": "https://t.dev", "headers": {"X-Key": "planted"}}
NUMBERS = 'numbers:\n  sales: {country: US, areaCode: "212", agent: starter}\n'
GH = """#!/bin/sh
echo "$@" >> "$HOME/gh.log"
"""


@pytest.fixture
def desk(hub: Hub):  # noqa: F811 (a fixture)
    """An empty remote, a clone of it, and a person with a key, a shell and gh."""
    call("init", "--quiet", "--bare", "--initial-branch=main", hub.bare, folder=hub.folder)
    call("clone", "--quiet", hub.bare, hub.dev, folder=hub.folder)
    call("checkout", "--quiet", "-b", "main", folder=hub.dev)
    tools, home = hub.folder / "bin", hub.folder / "home"
    for folder in (tools, home):
        folder.mkdir()
    for name, text in {"gh": GH, "apreconcile": f'#!/bin/sh\nexec "{sys.executable}" -P -m apreconcile "$@"\n'}.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    who = {f"GIT_{role}_{what}": "ann@acme.dev" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    hub.person = {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "HOME": str(home), "PYTHONPATH": str(ROOT), **QUIET, **who,
        **hub.world.env,
    }  # fmt: skip
    return hub


def shell(hub: Hub, folder: str, command: str) -> str:  # noqa: F811 (a type)
    done = subprocess.run(
        ["bash", "-e", "-c", command], cwd=hub.dev / folder, env=hub.person, capture_output=True, text=True, timeout=120,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def steps(screen: str) -> list[tuple[str, list[str]]]:
    """The numbered steps: what they say, and their commands."""
    found = re.findall(r"(?ms)^  \d\. (.*?)(?=^  \d\. |\Z)", screen.partition("Next, in this order:\n")[2])
    split = [re.split(r"(?m)^       ", text) for text in found]
    return [(" ".join(words.split()), [command.strip() for command in commands]) for words, *commands in split]


def follow(hub: Hub, folder: str, commands: list[str]) -> None:  # noqa: F811 (a type)
    """Type them in one shell, values where an ellipsis is; the pipeline's own words are edited before."""
    shell(hub, folder, "\n".join(command.replace("=…", "=planted") for command in commands))


def handed(hub: Hub, command: str, pattern: str) -> None:  # noqa: F811 (a type)
    """What the workflow of this command hands to the action: its inputs, and secrets as variables."""
    (path,) = (hub.dev / ".github/workflows").glob(pattern.replace("*", f"*{command}"))
    (job,) = yaml.safe_load(path.read_text())["jobs"].values()
    step = job["steps"][-1]
    assert not re.search("OWNER|@0{40}", step["uses"])
    hub.inputs = {name: value for name, value in step["with"].items() if "${{" not in value}
    hub.environ = dict.fromkeys(step.get("env", {}), "planted")


@pytest.mark.parametrize("folder", ["", "phones"])
def test_the_next_steps_on_github_lead_to_a_purchase_that_was_approved(desk, folder):
    desk.world.seed(**STARTER)
    shell(desk, "", f"mkdir -p ./{folder}")
    screen = shell(desk, folder, "apreconcile init --yes --pipeline github")
    (first, keep), (second, secrets), (third, pipe), (last, none) = steps(screen)
    assert [part.split()[0] for part in (first, second, third, last)] == ["Put", "Make", "In", "From"]
    assert none == []
    follow(desk, folder, keep)
    assert call("ls-files", folder=desk.dev).split() == sorted(
        f"{folder}/{name}".strip("/") for name in (".gitignore", "agentphone.yaml", "prompts/starter.md")
    )
    follow(desk, folder, secrets)
    assert (desk.folder / "home/gh.log").read_text() == "secret set AGENTPHONE_API_KEY\n"
    pattern = pipe[0].rpartition("/")[2]
    shell(desk, folder, f"sed -i 's/OWNER/acme/; s/@0*/@{'1' * 40}/' {pipe[0].removeprefix('git add ')}")
    follow(desk, folder, pipe)
    assert call("status", "--porcelain", folder=desk.dev) == "", "nothing that was written is left behind"

    handed(desk, "apply", pattern)
    before = desk.world.writes()
    ran = desk.on_push(call("rev-parse", "main~1", folder=desk.dev), call("rev-parse", "main", folder=desk.dev))
    assert (ran.code, desk.world.writes()) == (0, before), ran.log

    spec = desk.dev / folder / "agentphone.yaml"
    desk.branch({str(spec.relative_to(desk.dev)): spec.read_text().replace("numbers:\n", NUMBERS)})
    handed(desk, "plan", pattern)
    ran = desk.on_pull_request()
    assert (ran.code, "create number.sales" in desk.api.comments[-1]["body"]) == (0, True), ran.log
    token = re.search(r"buy:number\.sales@[0-9a-f]{32}", desk.api.comments[-1]["body"])[0]
    shell(desk, folder, "apreconcile plan --out plan.json")
    shell(desk, folder, f"apreconcile approve plan.json {token} --by ann@acme.dev --reason Spring --out approvals.yaml")
    shell(desk, folder, "git add approvals.yaml && git commit -q -m 'Ann approves' && git push -q origin HEAD")
    handed(desk, "apply", pattern)
    ran = desk.on_merge()
    assert (ran.code, desk.world.writes().count("POST /v1/numbers")) == (0, 1), ran.log

    handed(desk, "drift", pattern)
    assert desk.run("schedule", {}).code == 0


def test_what_no_api_shows_is_set_first_and_then_reaches_the_pipeline(desk):
    desk.world.seed(agents=[{"id": "agt_1", "name": "A", "customTools": [TOOL]}])
    screen = shell(desk, "", "apreconcile init --yes --pipeline github")
    (_, adopt), (_, keep), (_, secrets), (_, pipe), _ = steps(screen)
    desk.person["A_LOOK_X_KEY"] = "planted"
    follow(desk, "", [command + (" --yes" if command.endswith("apply") else "") for command in adopt])
    follow(desk, "", keep)
    follow(desk, "", secrets)
    assert (desk.folder / "home/gh.log").read_text() == "secret set AGENTPHONE_API_KEY\nsecret set A_LOOK_X_KEY\n"
    shell(desk, "", f"sed -i 's/OWNER/acme/; s/@0*/@{'1' * 40}/' {pipe[0].removeprefix('git add ')}")
    follow(desk, "", pipe)
    handed(desk, "apply", "apreconcile-*.yml")
    before = desk.world.writes()
    ran = desk.on_push(call("rev-parse", "main~1", folder=desk.dev), call("rev-parse", "main", folder=desk.dev))
    assert (ran.code, desk.world.writes()) == (0, before), ran.log
    assert desk.world.writes() == []


def test_the_next_steps_on_gitlab_leave_a_pipeline_that_is_included(desk):
    desk.world.seed(**STARTER)
    (desk.dev / "phones").mkdir()
    screen = shell(desk, "phones", "apreconcile init --yes --pipeline gitlab")
    (_, keep), (_, nothing), (_, pipe), _ = steps(screen)
    assert nothing == []
    follow(desk, "phones", keep)
    follow(desk, "phones", pipe)
    assert call("status", "--porcelain", folder=desk.dev) == ""
    included = yaml.safe_load((desk.dev / ".gitlab-ci.yml").read_text())["include"]
    assert [(desk.dev / one["local"]).exists() for one in included] == [True]
    assert call("rev-parse", "main", folder=desk.bare) == call("rev-parse", "HEAD", folder=desk.dev)


def test_on_another_branch_it_is_said_that_the_spec_comes_first(desk):
    call("commit", "--quiet", "--allow-empty", "-m", "first", folder=desk.dev)
    call("push", "--quiet", "origin", "main", folder=desk.dev)
    call("remote", "set-head", "origin", "main", folder=desk.dev)
    call("checkout", "--quiet", "-b", "phones", folder=desk.dev)
    words = steps(shell(desk, "", "apreconcile init --yes --pipeline github"))[0][0]
    assert "Put the spec on the default branch (main) first" in words
    assert "This is the branch phones: merge it before you go on." in words
