"""docs/gitops.md is walked as a newcomer walks it: its commands are typed, and what it shows is what comes."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
import yaml
from surroundings import make_key

from tests.action.conftest import ROOT, action
from tests.store.conftest import QUIET, call
from tests.test_docs import _compare, _plain

PAGE = (ROOT / "docs/gitops.md").read_text(encoding="utf-8")
PARTS = re.findall(
    r"(?ms)^(?:<!-- ([^\n]*) -->\n(?:[^`\n][^\n]*\n)?)?(?:```(console|yaml|text)\n(.*?)^```|(?=The first run))", PAGE
)
TOKEN = r"buy:number\.sales@[0-9a-f]{32}"


@pytest.fixture
def desk(hub):
    """An account that was clicked together, a repository without a commit, and a person with a key."""
    hub.world.seed(
        agents=[
            {
                "id": "ag1",
                "name": "Support Bot",
                "voiceMode": "hosted",
                "systemPrompt": "You are the support line.\nBe kind.",
            },
            {"id": "ag2", "name": "Triage", "voiceMode": "webhook"},
        ],
        numbers=[{"id": "num1", "phoneNumber": "+14155550123", "country": "US", "agentId": "ag1"}],
        webhooks=[{"url": "https://hooks.acme.dev/events"}],
    )
    call("init", "--quiet", "--bare", "--initial-branch=main", hub.bare, folder=hub.folder)
    call("clone", "--quiet", hub.bare, hub.dev, folder=hub.folder)
    call("checkout", "--quiet", "-b", "main", folder=hub.dev)
    home = hub.folder / "home"
    (home / ".ssh").mkdir(parents=True)
    make_key(home / ".ssh/id_ed25519")
    tools = hub.folder / "bin"
    tools.mkdir()
    (tools / "apreconcile").write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m apreconcile "$@"\n')
    (tools / "apreconcile").chmod(0o755)
    who = {f"GIT_{role}_{what}": "ann@acme.dev" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    hub.person = {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "HOME": str(home), "PYTHONPATH": str(ROOT), **QUIET, **who,
        **hub.world.env, "OWNER": "trusted", "COMMIT": "ab" * 20,
    }  # fmt: skip
    return hub


class Walk:
    """What is typed, and what GitHub does meanwhile, at the places that the page marks."""

    def __init__(self, hub):
        self.hub, self.token = hub, ""

    def type(self, block):
        lines = block.splitlines()
        starts = [index for index, line in enumerate(lines) if line.startswith("$ ")]
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            command = re.sub(TOKEN, self.token, lines[start][2:]) if self.token else lines[start][2:]
            done = subprocess.run(
                ["bash", "-c", command], cwd=self.hub.dev, env=self.hub.person, capture_output=True, text=True, check=False,
                stdin=subprocess.DEVNULL, timeout=60,
            )  # fmt: skip
            assert done.returncode == 0, (command, done.stdout, done.stderr)
            self.token = next(iter(re.findall(TOKEN, done.stdout)), self.token)
            shown = re.sub(r"default on this machine", "default …", done.stdout)
            _compare([line for line in lines[start + 1 : end] if line.strip()], shown)

    def happen(self, mark, text):
        hub = self.hub
        if mark == "append to agentphone.yaml":
            spec = hub.dev / "agentphone.yaml"
            spec.write_text(f"{spec.read_text()}\n{text}")
            return ""
        if mark == "main was pushed":
            written = sorted((hub.dev / ".github/workflows").iterdir())
            assert [path.name for path in written] == [f"apreconcile-{name}.yml" for name in ("apply", "drift", "plan")]
            assert all(f"uses: trusted/apreconcile@{'ab' * 20} #" in path.read_text() for path in written)
            ran = hub.on_push(call("rev-parse", "main~1", folder=hub.dev), call("rev-parse", "main", folder=hub.dev))
            assert (ran.code, "Nothing to do: the account is as the spec wants it." in ran.summary) == (0, True), (
                ran.log
            )
            return ""
        if mark == "the comment of the pull request":
            hub.refresh("sales")
            ran = hub.on_pull_request(branch="sales")
            assert ran.code == 0, ran.log
            return hub.api.comments[-1]["body"]
        if mark == "the summary after the merge":
            hub.refresh("sales")
            assert re.search(r"number\.sales[^\n]*\bapproved\b", hub.on_pull_request(branch="sales").summary)
            ran = hub.on_merge("sales")
            assert (ran.code, hub.world.writes().count("POST /v1/numbers")) == (0, 1), ran.log
            return ran.summary
        assert mark == "the summary of the next morning", mark
        hub.world.http.patch("/v1/agents/ag1", json={"name": "Renamed"}).raise_for_status()
        ran = hub.run("schedule", {})
        assert ran.code == 2
        return ran.summary


@pytest.mark.tools
def test_a_newcomer_comes_from_the_console_to_pull_requests_by_following_the_page(desk):
    walk, marks = Walk(desk), []
    for mark, language, block in PARTS:
        if language == "console" and not mark:
            walk.type(block)
        elif mark:
            marks.append(mark)
            shown = walk.happen(mark, block)
            if language == "console":
                walk.type(block)
            elif language == "text":
                flat = " ".join(shown.split())
                for line in filter(lambda line: line != "…", block.splitlines()):
                    assert re.sub(r"@[0-9a-f]{32}| *…$", "", line).strip() in flat, (line, shown)
    assert len(marks) == len(re.findall("(?m)^<!-- ", PAGE)) == 5
    assert _plain(walk.token)


def test_every_variable_of_gitlab_is_on_the_page():
    known = yaml.safe_load((ROOT / "apreconcile/pipelines/gitlab/apreconcile.gitlab-ci.yml").read_text())["variables"]
    table = PAGE.partition("## GitLab")[2].partition("## pre-commit")[0]
    assert set(known) == set(re.findall(r"(?m)^\| `(APRECONCILE_\w+)` \|", table)) | {
        "APRECONCILE_SOURCE",
        "APRECONCILE_COMMIT",
    }


def test_every_input_and_output_of_the_action_is_on_the_page():
    table = PAGE.partition("## The action")[2].partition("## GitLab")[0]
    rows = dict(re.findall(r"(?m)^\| `([\w-]+)` \|.*\| ?([^|]*)\|$", table))
    assert set(rows) == set(action()["inputs"])
    for name, one in action()["inputs"].items():
        default = one["default"]
        assert not default or f"`{default}`" in rows[name], name
    said = re.search(r"(?s)Its outputs are (.*?)\. Its version", table)[1]
    assert set(re.findall(r"`([\w-]+)`", said)) == set(action()["outputs"])
