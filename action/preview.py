"""A preview is an environment of its own for one pull request, there while that is open, as its last commit has it."""

from __future__ import annotations

from event import DESTROY, Event, RefusedError
from github import GitHub, GitHubError
from governing import STALE


def instance(environment: str, event: Event) -> str:
    """What the preview of a pull request is called: `preview:pr-12`. Raises RefusedError for no environment."""
    if not environment or ":" in environment:
        hint = "environment: preview, one that has 'ephemeral: {ttl: 72h}' in the spec"
        raise RefusedError(f"{environment or 'nothing'} is no environment for previews", hint, 64)
    return f"{environment}:pr-{event.subject}"


def check_now(event: Event, command: str, github: GitHub) -> None:
    """Raise RefusedError unless the pull request is as the event has it, so that no old run changes anything."""
    number = event.subject
    try:
        found = github.send("GET", f"pulls/{number}")
        is_open, head = found["state"] == "open", found["head"]["sha"]
    except (GitHubError, KeyError, TypeError) as problem:
        hint = "the job needs 'permissions: {pull-requests: write}'; then run it again"
        raise RefusedError(f"nobody tells whether #{number} is open: {problem}", hint) from problem
    if is_open == (command == DESTROY):
        hint = "nothing was sent; to end the preview of an open pull request, close it"
        raise RefusedError(f"#{number} is {'open' if is_open else 'closed'} by now", hint, STALE)
    if is_open and head != event.shown_commit:
        hint = "nothing was sent; the run of the newer commit applies it"
        raise RefusedError(f"#{number} is at {head} now, and this run is of {event.shown_commit}", hint, STALE)
