"""The action: decide by the event, run apreconcile, and tell people in the log, one comment and the job's summary."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import words
from child import show
from comment import CommentError, Comments
from deeds import DEEDS, Inputs, Told, outputs
from event import APPLY, PLAN, Event, RefusedError, decide, read_event
from governing import check_tip, find_policy

_CHANGES = 2
_WHOLE = "the whole of it is in the log, and in the artifact"
_WITHOUT_RIGHTS = "the job needs 'permissions: {contents: read, pull-requests: write}'"


def main() -> int:
    """Do what the event asks for. The exit code is apreconcile's; but that a plan has changes is no failure."""
    environ = os.environ
    inputs = read_inputs(environ)
    event, command, policy = Event("", {}), inputs.command, None
    try:
        event = read_event(environ)
        command, less = decide(event, inputs.command)
        if less:
            print(f"::notice::apreconcile {command}: {less}", flush=True)
        if command == APPLY:
            check_tip(event)
        policy = find_policy(event, command, inputs.policy_from)
        told = DEEDS[command](inputs, policy)
    except RefusedError as refusal:
        reason = f"error: {refusal.message}\nhint: {refusal.hint}"
        show(reason)
        told = Told(refusal.code, words.fenced(reason))
    _append("GITHUB_OUTPUT", "".join(f"{name}={value}\n" for name, value in outputs(inputs, command, told).items()))
    title = words.heading(command, told.code, event.shown_commit, policy, _address(environ))
    _append("GITHUB_STEP_SUMMARY", words.within(words.LONGEST_SUMMARY, title, told.text, f"It is too long: {_WHOLE}."))
    if command == PLAN and event.pull_request is not None:
        _comment(event, inputs, title, told.text)
    return 0 if (command, told.code) == (PLAN, _CHANGES) else told.code


def read_inputs(environ: Mapping[str, str]) -> Inputs:
    """The inputs as action.yml hands them on, lists with a line each; results go to a new folder."""
    results = Path(tempfile.mkdtemp(prefix="apreconcile-", dir=environ["RUNNER_TEMP"]))
    text = {name: environ.get(f"INPUT_{name}", "") for name in ("COMMAND", "ENVIRONMENT", "POLICY_FROM")}
    lists = {name: environ.get(f"INPUT_{name}", "").splitlines() for name in ("SPEC", "APPROVALS", "VAR")}
    specs, approvals, variables = (tuple(filter(None, map(str.strip, lines))) for lines in lists.values())
    command, environment, policy_from = map(str.strip, text.values())
    return Inputs(command, specs, environment, approvals, variables, policy_from, results)


def _address(environ: Mapping[str, str]) -> str:
    """Where this run is shown."""
    server, repository, run = (environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    return f"{server}/{repository}/actions/runs/{run}"


def _append(variable: str, text: str) -> None:
    with Path(os.environ[variable]).open("a", encoding="utf-8") as file:
        file.write(text)


def _comment(event: Event, inputs: Inputs, title: str, text: str) -> None:
    """Write the one comment of this spec. That it cannot be written is said, and takes nothing from the result."""
    first = words.marker(inputs.specs, inputs.environment)
    instead = f"The plan is too long for a comment: it is in the job's summary; {_WHOLE}."
    body = words.within(words.LONGEST_COMMENT, f"{first}\n{title}", text, instead)
    api, token = os.environ.get("GITHUB_API_URL", ""), os.environ.get("GITHUB_TOKEN", "")
    try:
        Comments(api, event.repository, event.pull_request or 0, token).put(first, body)
    except CommentError as problem:
        print(f"::warning::the comment was not written: {problem}; {_WITHOUT_RIGHTS}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
