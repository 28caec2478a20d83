"""What happened on GitHub says what is done: a pull request is planned, a merge is applied, a fork is only read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

AUTO, VALIDATE, PLAN, APPLY, DRIFT, PREVIEW = COMMANDS = ("auto", "validate", "plan", "apply", "drift", "preview")
DESTROY = "destroy"
"""What a preview comes to when its pull request is closed."""

UNSAFE = 9
"""The exit code of surroundings in which nothing may be done."""

_ALONE = {"schedule": DRIFT, "workflow_dispatch": PLAN, "merge_group": VALIDATE, "pull_request": PLAN}
"""What `auto` is, where the event alone tells."""


class RefusedError(Exception):
    """Nothing was run: what, what to do about it, and the exit code."""

    def __init__(self, message: str, hint: str, code: int = UNSAFE) -> None:
        super().__init__(message)
        self.message, self.hint, self.code = message, hint, code


@dataclass(frozen=True, slots=True)
class Event:
    """An event as a runner tells it. `ref` and `commit` are what the run is of."""

    name: str
    payload: Mapping[str, Any]
    repository: str = ""
    ref: str = ""
    commit: str = ""
    actor: str = ""

    @property
    def pull_request(self) -> int | None:
        """The number of the pull request."""
        number = self.payload.get("number") if self.name == "pull_request" else None
        return number if isinstance(number, int) else None

    @property
    def subject(self) -> int | None:
        """The pull request that it is about: its own, or the one that a person named when they started the workflow."""
        named = (self.payload.get("inputs") or {}).get("pull-request") if self.name == "workflow_dispatch" else None
        text = str(named or "").strip()
        return int(text) if re.fullmatch(r"[1-9][0-9]{0,8}", text) else self.pull_request

    @property
    def shown_commit(self) -> str:
        """The commit that people know the change by: of a pull request its last, not what a merge of it would be."""
        head = (self.payload.get("pull_request") or {}).get("head") or {}
        commit = str(head.get("sha") or "")
        return commit if re.fullmatch(r"[0-9a-f]{40,64}", commit) else self.commit

    @property
    def is_foreign(self) -> bool:
        """Whether the change lies in another repository, or in one that is gone."""
        change = self.payload.get("pull_request") or {}
        ids = [((change.get(side) or {}).get("repo") or {}).get("id") for side in ("head", "base")]
        return None in ids or ids[0] != ids[1]

    @property
    def without_secrets(self) -> str:
        """Why a pull request is not trusted with any; nothing for one that is."""
        if self.is_foreign:
            return "the change comes from a fork"
        return "the change is Dependabot's" if self.actor == "dependabot[bot]" else ""

    def is_of(self, branch: str) -> bool:
        """Whether it happened on this branch, or if none is named, on the one that the repository shows first."""
        branch = branch or str((self.payload.get("repository") or {}).get("default_branch") or "")
        return bool(branch) and self.ref == f"refs/heads/{branch}"


def read_event(environ: Mapping[str, str]) -> Event:
    """The event of this run. Raises RefusedError where a runner has not told it."""
    path = environ.get("GITHUB_EVENT_PATH", "")
    try:
        payload = json.loads(Path(path).read_bytes())
    except (OSError, ValueError) as problem:
        hint = "run it as a step of a workflow"
        raise RefusedError(f"GITHUB_EVENT_PATH cannot be read ({type(problem).__name__})", hint) from problem
    names = ("EVENT_NAME", "REPOSITORY", "REF", "SHA", "ACTOR")
    name, *rest = (environ.get(f"GITHUB_{each}", "") for each in names)
    return Event(name, payload if isinstance(payload, dict) else {}, *rest)


def decide(event: Event, wanted: str, branch: str = "") -> tuple[str, str]:
    """What is run, and why it is less than what was wanted, if it is. Raises RefusedError for what is never safe.

    `branch` is the one that is applied, if it is not the default one.
    """
    if wanted not in COMMANDS:
        raise RefusedError(f"there is no command {wanted!r}", f"one of {', '.join(COMMANDS)}", 64)
    if event.name not in (*_ALONE, "push"):
        hint = "start the workflow on pull_request, push, merge_group, schedule or workflow_dispatch"
        raise RefusedError(f"on {event.name or 'an unknown event'} nothing is run: anybody could have caused it", hint)
    if event.name == "pull_request" and event.without_secrets:
        return VALIDATE, f"{event.without_secrets}, which is handed no secret"
    if event.name == "pull_request" and wanted == APPLY:
        raise RefusedError("a pull request is not applied before it is merged", "apply on: push")
    if wanted == APPLY and not event.is_of(branch):
        which = f"branch {branch}" if branch else "default branch"
        hint = "merge it, and apply what is merged; or name the branch that is applied: 'branch: NAME'"
        raise RefusedError(f"{event.ref or 'nothing'} is not the {which}", hint)
    if wanted == PREVIEW:
        return _previewed(event, branch), ""
    if wanted != AUTO:
        return wanted, ""
    if event.name == "push":
        return (APPLY, "") if event.is_of(branch) else (VALIDATE, "")
    return _ALONE[event.name], ""


def _previewed(event: Event, branch: str) -> str:
    """Whether the preview of a pull request is made, or ends: because that is closed, or a person says so."""
    if event.name == "pull_request" and event.subject:
        return DESTROY if event.payload.get("action") == "closed" else PREVIEW
    if event.name == "workflow_dispatch" and event.subject and event.is_of(branch):
        return DESTROY
    hint = "on: pull_request; to end one by hand, start it on the default branch with the input pull-request: NUMBER"
    raise RefusedError("nothing tells which pull request the preview is of", hint)
