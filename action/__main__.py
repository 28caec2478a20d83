"""The action: decide by the event, run apreconcile, and tell people in the log, one comment and the job's summary."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import comment
import keys
import words
from child import show
from deeds import DEEDS, Inputs, Told, outputs
from event import APPLY, AUTO, COMMANDS, DESTROY, PLAN, PREVIEW, Event, RefusedError, decide, read_event
from github import GitHub, GitHubError
from governing import check_tip, find_policy
from preview import check_now, instance

_CHANGES = 2
_COMMENTED = {PLAN: "", PREVIEW: "preview", DESTROY: "preview"}
"""What is told in a comment, and the word of that comment's mark."""
_WITHOUT_RIGHTS = "the job needs 'permissions: {pull-requests: write}'"


def main() -> int:
    """Do what the event asks for. The exit code is apreconcile's; but that a plan has changes is no failure."""
    environ = os.environ
    inputs = read_inputs(environ)
    event, command, policy = Event("", {}), inputs.command if inputs.command in COMMANDS else AUTO, None
    github = GitHub(*(environ.get(name, "") for name in ("GITHUB_API_URL", "GITHUB_REPOSITORY", "GITHUB_TOKEN")))
    try:
        event = read_event(environ)
        command, less = decide(event, inputs.command, inputs.branch)
        if less:
            print(f"::notice::apreconcile {command}: {less}", flush=True)
        keys.check_inside(inputs.specs)
        keys.hand_on(environ, inputs.key_env)
        if command == APPLY:
            check_tip(event)
        if inputs.command == PREVIEW:
            inputs = replace(inputs, environment=instance(inputs.environment, event))
        if command in (PREVIEW, DESTROY):
            check_now(event, command, github)
        policy = find_policy(event, command, inputs.policy_from)
        told = DEEDS[command](inputs, policy)
    except RefusedError as refusal:
        reason = f"error: {refusal.message}\nhint: {refusal.hint}"
        show(reason)
        told = Told(refusal.code, said=reason)
    _append("GITHUB_OUTPUT", "".join(f"{name}={value}\n" for name, value in outputs(inputs, command, told).items()))
    title = words.heading(command, told.code, event.shown_commit, policy, _address(environ))
    _append("GITHUB_STEP_SUMMARY", words.within(words.LONGEST_SUMMARY, title, told.notes, told.said))
    number = event.pull_request if command == PLAN else event.subject
    if command in _COMMENTED and number is not None:
        sort = _COMMENTED[command]
        first = words.marker(inputs.specs, inputs.environment, sort)
        former = words.marker(inputs.specs, "") if inputs.environment and not sort else ""
        _comment(github, number, first, former, title, told)
    return 0 if (command, told.code) == (PLAN, _CHANGES) else told.code


def read_inputs(environ: Mapping[str, str]) -> Inputs:
    """The inputs as action.yml hands them on, lists with a line each; results go to a new folder."""
    results = Path(tempfile.mkdtemp(prefix="apreconcile-", dir=environ["RUNNER_TEMP"]))
    names = ("COMMAND", "ENVIRONMENT", "POLICY_FROM", "BRANCH", "KEY_ENV")
    command, environment, policy_from, branch, key_env = (environ.get(f"INPUT_{name}", "").strip() for name in names)
    lists = [environ.get(f"INPUT_{name}", "").splitlines() for name in ("SPEC", "APPROVALS", "VAR")]
    specs, approvals, variables = (tuple(filter(None, map(str.strip, lines))) for lines in lists)
    return Inputs(command, specs, environment, approvals, variables, policy_from, branch, key_env, results)


def _address(environ: Mapping[str, str]) -> str:
    """Where this run is shown."""
    server, repository, run = (environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    return f"{server}/{repository}/actions/runs/{run}"


def _append(variable: str, text: str) -> None:
    with Path(os.environ[variable]).open("a", encoding="utf-8") as file:
        file.write(text)


def _comment(github: GitHub, number: int, first: str, former: str, title: str, told: Told) -> None:
    """Write the one comment of a spec and environment. That it cannot is said, and takes nothing from the result."""
    body = words.within(words.LONGEST_COMMENT, f"{first}\n{title}", told.notes, told.said)
    try:
        comment.put(github, number, first, body, former=former)
    except GitHubError as problem:
        print(f"::warning::the comment was not written: {problem}; {_WITHOUT_RIGHTS}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
