"""A pull request is planned, in one comment; one from a fork is only validated, and nothing of ours goes there."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.action.conftest import BUYING, SPEC, TOKEN
from tests.store.conftest import call


def marked(hub):
    return [one for one in hub.api.comments if one["body"].startswith("<!-- apreconcile: ")]


def test_a_pull_request_has_one_comment_that_is_written_anew(hub):
    hub.begin({"agentphone.yaml": SPEC}).branch({"agentphone.yaml": SPEC + BUYING})
    for _ in range(130):
        hub.api.add("looks good", "ann")
    ran = hub.on_pull_request()
    assert (ran.code, ran.outputs["command"], ran.outputs["exit-code"]) == (0, "plan", "2"), ran.log
    (comment,) = marked(hub)
    saved = json.loads(Path(ran.outputs["plan"]).read_text())
    token = next(step["token"] for step in saved["steps"] if step["token"])
    assert saved["digest"] == ran.outputs["digest"]
    assert token in comment["body"]
    assert "apreconcile approve plan.json" in comment["body"]
    assert "actions/runs/42" in comment["body"]
    assert comment["body"].partition("\n")[2] == ran.summary
    hub.commit({"agentphone.yaml": SPEC})
    hub.refresh()
    again = hub.on_pull_request()
    assert (again.code, again.outputs["exit-code"]) == (0, "2")
    assert marked(hub) == [comment]
    assert token not in comment["body"]
    assert "create agent.support" in comment["body"]
    assert hub.world.writes() == []


def test_a_comment_of_somebody_else_is_never_taken_for_ours(hub):
    hub.begin({"agentphone.yaml": SPEC}).branch({"agentphone.yaml": SPEC + BUYING})
    hub.on_pull_request()
    (ours,) = marked(hub)
    first = ours["body"].partition("\n")[0]
    theirs = [hub.api.add(f"{first}\nNo changes.", "mallory"), hub.api.add(f"> {first}\nquoted")]
    hub.api.comments.reverse()
    hub.on_pull_request()
    assert [one["body"] for one in theirs] == [f"{first}\nNo changes.", f"> {first}\nquoted"]
    assert len(hub.api.comments) == 3


def test_each_spec_has_a_comment_of_its_own(hub):
    hub.begin({"a.yaml": SPEC, "b.yaml": SPEC.replace("acme", "beta")}).branch({})
    for name in ("a.yaml", "b.yaml"):
        hub.inputs = {"spec": f"{name}\n"}
        assert hub.on_pull_request().code == 0
    assert [set(re.findall(r"(acme|beta)/default", one["body"])) for one in hub.api.comments] == [{"acme"}, {"beta"}]


def test_a_limit_that_the_change_lifts_for_itself_still_holds(hub):
    limited = SPEC + "policy: {maxBuys: {perApply: 0}}\n"
    hub.begin({"agentphone.yaml": limited})
    hub.branch({"agentphone.yaml": limited.replace("perApply: 0", "perApply: 9") + BUYING})
    ran = hub.on_pull_request()
    assert (ran.code, ran.outputs["exit-code"]) == (5, "5"), ran.log
    (comment,) = marked(hub)
    assert "plan: blocked (exit 5)" in comment["body"]
    assert "number.main" in comment["body"]
    assert "maxBuys" in comment["body"]
    hub.inputs = {"policy-from": "spec"}
    assert hub.on_pull_request().code == 0


@pytest.mark.parametrize("broken", ["agents: [", SPEC + "agents: {x: {nmae: X}}\n"])
def test_a_spec_that_is_wrong_fails_the_check_and_says_why_in_the_comment(hub, broken):
    hub.begin({"agentphone.yaml": SPEC}).branch({"agentphone.yaml": SPEC})
    assert hub.on_pull_request().code == 0
    hub.commit({"agentphone.yaml": broken})
    hub.refresh()
    ran = hub.on_pull_request()
    assert (ran.code, ran.outputs["plan"], ran.outputs["results"]) == (1, "", "")
    (comment,) = marked(hub)
    assert "plan: an error (exit 1)" in comment["body"]
    assert "agentphone.yaml:" in comment["body"]


@pytest.mark.parametrize("command", ["auto", "plan", "apply", "drift"])
def test_a_fork_is_only_validated(hub, command):
    """Also if the workflow hands it a key: no request is sent, and no comment is tried."""
    hub.begin({"agentphone.yaml": SPEC}).branch({"agentphone.yaml": SPEC + BUYING})
    hub.inputs = {"command": command}
    ran = hub.on_pull_request(fork=True)
    assert (ran.code, ran.outputs["command"]) == (0, "validate"), ran.log
    assert "comes from a fork" in ran.log
    assert "agentphone.yaml is valid: 1 agent, 1 number" in ran.summary
    assert (hub.world.requests(), hub.api.requests) == ([], [])
    hub.commit({"agentphone.yaml": SPEC + "numbers: {x: {agent: nobody}}\n"})
    hub.refresh()
    assert hub.on_pull_request(fork=True).code == 1


def test_a_change_without_a_known_origin_is_a_fork(hub):
    hub.begin({"agentphone.yaml": SPEC}).branch({})
    gone = {"head": {"repo": None}, "base": {"repo": {"id": 1}, "sha": "0" * 39 + "1"}}
    hub.inputs = {"policy-from": "spec"}
    ran = hub.run("pull_request", {"number": 7, "pull_request": gone}, "refs/pull/7/merge")
    assert (ran.code, ran.outputs["command"], hub.world.requests()) == (0, "validate", [])
    bot = hub.on_pull_request(actor="dependabot[bot]", key=False)
    assert (bot.code, bot.outputs["command"], hub.world.requests()) == (0, "validate", [])


@pytest.mark.parametrize(
    ("event", "command"),
    [
        ("pull_request_target", "auto"), ("pull_request_target", "apply"), ("pull_request_target", "validate"),
        ("workflow_run", "plan"), ("issue_comment", "drift"), ("release", "apply"), ("", "auto"),
    ],
)  # fmt: skip
def test_an_event_that_anybody_can_cause_runs_nothing(hub, event, command):
    hub.begin({"agentphone.yaml": SPEC})
    hub.inputs = {"command": command}
    ran = hub.run(event, {"number": 7})
    assert (ran.code, ran.outputs["exit-code"]) == (9, "9")
    assert "anybody could have caused it" in ran.summary
    assert (hub.world.requests(), hub.api.requests) == ([], [])


def test_a_pull_request_is_not_applied(hub):
    hub.begin({"agentphone.yaml": SPEC}).branch({"agentphone.yaml": SPEC + BUYING})
    hub.inputs = {"command": "apply"}
    ran = hub.on_pull_request()
    assert (ran.code, "before it is merged" in ran.summary, hub.world.requests()) == (9, True, [])


@pytest.mark.parametrize("status", [403, 302, 500])
def test_a_comment_that_cannot_be_written_is_a_warning_and_the_token_goes_nowhere_else(hub, status):
    hub.begin({"agentphone.yaml": SPEC}).branch({"agentphone.yaml": SPEC + BUYING})
    hub.api.refuse = status
    ran = hub.on_pull_request()
    assert ran.code == 0
    assert f"::warning::the comment was not written: GitHub answered {status}" in ran.log
    assert len(hub.api.requests) == 1
    assert "create number.main" in ran.summary
    assert TOKEN not in ran.log + ran.summary


@pytest.mark.parametrize("answer", [None, 5, {"message": "no"}, [None, {"id": "1;", "user": None}]])
def test_an_answer_of_github_that_makes_no_sense_takes_nothing_from_the_plan(hub, answer):
    hub.begin({"agentphone.yaml": SPEC}).branch({"agentphone.yaml": SPEC + BUYING})
    hub.api.answer = lambda *_: (200, answer)
    ran = hub.on_pull_request()
    assert (ran.code, "create number.main" in ran.summary, "Traceback" in ran.log) == (0, True, False), ran.log
    assert ("::warning::the comment was not written" in ran.log) == (not isinstance(answer, list))


def test_what_a_stranger_may_name_is_never_run_and_never_shown(hub):
    """A title, a branch, a label and an author are somebody's text."""
    evil = "a;touch${IFS}pwned;$(touch pwned)`touch pwned`<img src=x>@everyone](javascript:x)"
    hub.begin({"agentphone.yaml": SPEC}).branch({"agentphone.yaml": SPEC + BUYING})
    change = {
        side: {"repo": {"id": 1}, "ref": evil, "label": evil, "sha": call("rev-parse", ref, folder=hub.dev)}
        for side, ref in {"head": "change", "base": "main"}.items()
    }
    told = {**change, "title": evil, "body": evil, "user": {"login": evil}}
    ran = hub.run("pull_request", {"number": 7, "pull_request": told}, "refs/pull/7/merge", actor=evil)
    assert ran.code == 0, ran.log
    assert not any("pwned" in text for text in (ran.log, ran.summary, *(one["body"] for one in hub.api.comments)))
    assert not list(ran.folder.rglob("pwned"))
    change["head"]["sha"] = evil
    assert "pwned" not in hub.run("pull_request", {"number": 7, "pull_request": change}, "refs/pull/7/merge").summary


HOSTILE = "Hi ```\n</details><img src=x> @everyone #1\n::error::you\n##[error]me\n````` ~~~\n[x](javascript:x)"


def test_a_plan_cannot_speak_to_the_runner_or_to_the_reader(hub):
    """What the spec and the account say is text: no command of the log, and no tag, link or name in the comment."""
    told = json.dumps({"name": HOSTILE, "systemPrompt": HOSTILE, "voiceMode": "hosted"})
    hub.begin({"agentphone.yaml": SPEC}).branch({"agentphone.yaml": SPEC + f"  hostile: {told}\n"})
    ran = hub.on_pull_request()
    assert ran.code == 0, ran.log
    (comment,) = marked(hub)
    assert "@everyone" in comment["body"]
    blocks = MarkdownIt("commonmark").parse(comment["body"])
    tokens = [token for block in blocks for token in (block.children or [block])]
    tags = [tag for token in tokens if token.type.startswith("html") for tag in re.findall(r"<[^>]*", token.content)]
    ours = r"<!-- apreconcile.*|</?(details|summary|code|br)"
    assert [tag for tag in tags if not re.fullmatch(ours, tag)] == []
    links = [token.attrs["href"] for token in tokens if token.type == "link_open"]
    assert links == ["https://github.com/acme/phones/actions/runs/42"]
    assert not any("@everyone" in token.content for token in tokens if token.type == "text")
    inside = None
    for line in ran.log.splitlines():
        found = re.fullmatch(r"::(stop-commands::)?([0-9a-f]{32})(::)?", line)
        if found:
            inside = found[2] if found[1] else None
        elif "error" in line:
            assert inside
            assert inside not in line


def test_a_plan_that_is_too_long_for_a_comment_is_cut_and_whole_in_the_artifact(hub):
    many = "".join(f"  a{n}: {{name: {'x' * 60}, description: {'y' * 200}}}\n" for n in range(300))
    hub.begin({"agentphone.yaml": SPEC}).branch({"agentphone.yaml": SPEC + many})
    ran = hub.on_pull_request()
    assert ran.code == 0, ran.log
    (comment,) = marked(hub)
    assert 30_000 < len(comment["body"].encode()) <= 65_536
    assert "artifact" in comment["body"]
    assert len(json.loads(Path(ran.outputs["plan"]).read_text())["steps"]) == 301


def test_problems_that_are_too_many_for_a_comment_are_in_the_summary(hub):
    wrong = "".join(f"  a{n}: {{name: A, {'x' * 60}: 1, {'y' * 60}: 2}}\n" for n in range(400))
    hub.begin({"agentphone.yaml": SPEC}).branch({"agentphone.yaml": SPEC + wrong})
    ran = hub.on_pull_request()
    assert ran.code == 1
    (comment,) = marked(hub)
    assert 60_000 < len(comment["body"].encode()) <= 65_536
    assert re.search(
        r"\n```\n\n[\d,]+ more lines: the whole of it is in the log, and in the artifact\.\n", comment["body"]
    )
    assert ("agent.a0" in comment["body"], "agent.a399" in comment["body"]) == (True, False)
    assert "agent.a399" in ran.summary


def test_what_was_said_besides_never_costs_the_plan_or_its_tokens(hub):
    """Four hundred approvals that do not count, each with its reason, and a hundred numbers to buy."""
    many = "numbers:\n" + "".join(f"  n{n}: {{country: US, agent: support}}\n" for n in range(100))
    end, nothing = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600)), "0" * 64
    entries = [
        {"approve": f"buy:number.n{n % 100}@{nothing[:32]}", "digest": nothing, "by": f"a{n}"} for n in range(400)
    ]
    given = json.dumps([{**entry, "reason": "x", "expires": end} for entry in entries])
    hub.world.seed(numberLimit=500)
    hub.begin({"agentphone.yaml": SPEC}).branch({"agentphone.yaml": SPEC + many, "approvals.yaml": given})
    ran = hub.on_pull_request()
    (comment,) = marked(hub)
    assert 20_000 < len(comment["body"].encode()) <= 65_536
    tokens = [step["token"] for step in json.loads(Path(ran.outputs["plan"]).read_text())["steps"] if step["token"]]
    assert len(tokens) == 100
    assert all(token in comment["body"] for token in tokens)
    assert "more lines: the whole of it is in the log" in comment["body"]


@pytest.mark.parametrize("path", ["", "."])
def test_no_file_of_a_change_passes_for_a_program(hub, path):
    """Also where the workflow has set a PYTHONPATH for jobs of its own."""
    names = (
        "sitecustomize.py",
        "json.py",
        "comment.py",
        "pydantic.py",
        "apreconcile/__init__.py",
        "apreconcile/__main__.py",
    )
    files = dict.fromkeys(names, "raise SystemExit('a file of the change was run')\n")
    hub.begin({"agentphone.yaml": SPEC}).branch({"agentphone.yaml": SPEC + BUYING, **files})
    hub.environ = {"PYTHONPATH": path}
    ran = hub.on_pull_request()
    assert ran.code == 0, ran.log
    assert "was run" not in ran.log


def test_an_input_that_makes_no_sense_is_no_output_and_no_markup(hub):
    hub.begin({"agentphone.yaml": SPEC}).branch({"agentphone.yaml": SPEC + BUYING})
    hub.inputs = {"command": "plan\nresults=/etc\n# x"}
    ran = hub.on_pull_request()
    assert (ran.code, ran.outputs["command"], ran.outputs["results"]) == (64, "auto", "")
    assert set(ran.outputs) == {"command", "exit-code", "digest", "plan", "results", "artifact"}
    assert ran.summary.startswith("## apreconcile auto: wrong inputs (exit 64)\n\n")
    assert hub.api.comments == []


def test_no_link_of_a_change_leads_to_what_is_secret(hub):
    """A line that is no spec is quoted, and what the job may read is more than the change."""
    hub.begin({"agentphone.yaml": SPEC}).branch({"parts/a.yaml": SPEC})
    (hub.dev / "agentphone.yaml").unlink()
    (hub.dev / "agentphone.yaml").symlink_to("/proc/self/environ")
    (hub.dev / "parts/b.yaml").symlink_to("/proc/self/environ")
    hub.commit({})
    hub.refresh()
    hub.environ = {"LOOKUP": "planted-7781"}
    for spec in ("agentphone.yaml", "parts", "../agentphone.yaml"):
        hub.inputs = {"spec": spec}
        ran = hub.on_pull_request()
        assert (ran.code, "leads out of the checkout" in ran.summary) == (9, True), ran.log
        assert "planted-7781" not in ran.log + ran.summary + "".join(one["body"] for one in hub.api.comments)
    assert hub.world.requests() == []
