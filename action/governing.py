"""The event says which commit's policy counts; it is fetched by its whole name, or nothing is run."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from event import APPLY, Event, RefusedError

OF_THE_SPEC = "spec"
"""For `policy-from`: the policy of the spec that is checked out."""

STALE = 4
_SECONDS = 120


def find_policy(event: Event, command: str, wanted: str) -> str | None:
    """The commit that the policy is read from; None for that of the spec. Raises RefusedError rather than trust."""
    if wanted == OF_THE_SPEC:
        return None
    commit = wanted or _told(event, command)
    if commit and re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", commit):
        _fetch(commit)
    return commit


def _told(event: Event, command: str) -> str | None:
    """The commit that was there before the change, as the event has it."""
    if event.name == "pull_request":
        return _commit(event.payload.get("pull_request"), "base", "sha")
    if event.name == "merge_group":
        return _commit(event.payload.get("merge_group"), "base_sha")
    if command != APPLY:
        return None
    if event.name != "push":
        hint = "name it: 'policy-from: COMMIT', or 'policy-from: spec' for that of the commit itself"
        raise RefusedError(f"on {event.name} nothing tells from which commit the policy is", hint)
    before = _commit(event.payload, "before")
    again = "see that the policy is right, and apply by hand: workflow_dispatch with 'policy-from: spec'"
    if not before.strip("0"):
        raise RefusedError("this push made the branch: there is no commit before it that has a policy", again)
    if event.payload.get("forced"):
        raise RefusedError("this push was forced: what was there before it is no part of the branch any more", again)
    return before


def _commit(payload: Mapping[str, Any] | None, *path: str) -> str:
    found: Any = payload
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    if not isinstance(found, str) or not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", found):
        hint = "name it: 'policy-from: COMMIT'"
        raise RefusedError(f"the event has no {'.'.join(path)}, so nothing tells whose policy counts", hint)
    return found


def _fetch(commit: str) -> None:
    """Have a commit here, also in a clone that has only one."""
    if _git("cat-file", "-e", f"{commit}^{{commit}}")[0] == 0:
        return
    code, words = _git("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--depth=1", "origin", commit)
    if code or _git("cat-file", "-e", f"{commit}^{{commit}}")[0]:
        hint = "actions/checkout with its credentials, and contents: read"
        raise RefusedError(f"the commit {commit}, whose policy counts, could not be fetched: {words}", hint)


def check_tip(event: Event) -> None:
    """Raise RefusedError unless the work tree is the tip of its branch, so that no old run brings back an old spec."""
    code, head = _git("rev-parse", "--verify", "HEAD")
    if code or head != event.commit:
        hint = "check out what the run is of: actions/checkout without 'ref'"
        raise RefusedError(f"{head or 'nothing'} is checked out, and this run is of {event.commit}", hint)
    if not event.ref.startswith("refs/heads/"):
        raise RefusedError(f"{event.ref or 'nothing'} is no branch", "apply on a push to a branch")
    code, listed = _git("ls-remote", "origin", event.ref)
    tips = {ref: tip for tip, _, ref in (line.partition("\t") for line in listed.splitlines())}
    if code or event.ref not in tips:
        hint = "actions/checkout with its credentials; is the branch still there?"
        raise RefusedError(f"the tip of {event.ref} could not be read: {listed}", hint)
    tip = tips[event.ref]
    if tip != event.commit:
        hint = "nothing was sent; the run of the newer commit applies it, or the newest run again"
        raise RefusedError(f"{event.ref} is at {tip} now, and this run is of {event.commit}", hint, STALE)


def _git(*args: str) -> tuple[int, str]:
    """How git ended, and what it printed; if it failed, what it said, on one line."""
    words: Sequence[str] = ("git", "-c", "core.hooksPath=/dev/null", *args)
    try:
        done = subprocess.run(words, capture_output=True, timeout=_SECONDS, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as problem:
        return 1, type(problem).__name__
    if done.returncode:
        return done.returncode, " ".join(done.stderr.decode(errors="replace").split())
    return 0, done.stdout.decode(errors="replace").strip()
