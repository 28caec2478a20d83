"""What happened on GitHub says what is done: a pull request is planned, a merge is applied, a fork is only read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

AUTO, VALIDATE, PLAN, APPLY, DRIFT = COMMANDS = ("auto", "validate", "plan", "apply", "drift")

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
    def shown_commit(self) -> str:
        """The commit that people know the change by: of a pull request its last, not what a merge of it would be."""
        head = (self.payload.get("pull_request") or {}).get("head") or {}
        return str(head.get("sha") or self.commit)

    @property
    def is_foreign(self) -> bool:
        """Whether the change lies in another repository, or in one that is gone."""
        change = self.payload.get("pull_request") or {}
        ids = [((change.get(side) or {}).get("repo") or {}).get("id") for side in ("head", "base")]
        return None in ids or ids[0] != ids[1]

    @property
    def is_of_default_branch(self) -> bool:
        """Whether it happened on the branch that the repository shows first."""
        branch = (self.payload.get("repository") or {}).get("default_branch")
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


def decide(event: Event, wanted: str) -> tuple[str, str]:
    """What is run, and why it is less than what was wanted, if it is. Raises RefusedError for what is never safe."""
    if wanted not in COMMANDS:
        raise RefusedError(f"there is no command {wanted!r}", f"one of {', '.join(COMMANDS)}", 64)
    if event.name not in (*_ALONE, "push"):
        hint = "start the workflow on pull_request, push, merge_group, schedule or workflow_dispatch"
        raise RefusedError(f"on {event.name or 'an unknown event'} nothing is run: anybody could have caused it", hint)
    if event.name == "pull_request":
        if event.is_foreign:
            return VALIDATE, "the change comes from a fork, which is handed no secret"
        if event.actor == "dependabot[bot]":
            return VALIDATE, "the change is Dependabot's, which is handed no secret"
        if wanted == APPLY:
            raise RefusedError("a pull request is not applied before it is merged", "apply on: push")
    if wanted == APPLY and event.name != "push" and not event.is_of_default_branch:
        raise RefusedError(f"{event.ref} is not the default branch", "merge it, and apply what is merged")
    if wanted != AUTO:
        return wanted, ""
    if event.name == "push":
        return (APPLY, "") if event.is_of_default_branch else (VALIDATE, "")
    return _ALONE[event.name], ""
