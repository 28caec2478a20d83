"""One comment on a pull request: found again by its first line and its author, and written anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from github import GitHub, GitHubError

AUTHOR = "github-actions[bot]"
"""Whose comments those of a workflow are. What anybody else wrote is not ours, whatever its first line says."""

_PAGE, _PAGES = 100, 100
_OVER = "This is over: each environment has its own comment now.\n"


def put(github: GitHub, number: int, marker: str, body: str, *, former: str = "") -> None:
    """Write the comment whose first line is `marker`, over the one that is there. Raises GitHubError.

    One whose first line is `former` is left from before there were environments, and says so from now on.
    """
    ours = {_first_line(one): one for one in reversed(list(_all(github, number))) if _is_ours(one)}
    over, left = f"{former}\n{_OVER}", ours.get(former)
    if marker not in ours:
        github.send("POST", f"issues/{number}/comments", {"body": body})
    else:
        github.send("PATCH", f"issues/comments/{ours[marker]['id']}", {"body": body})
    if former and left and left["body"] != over:
        github.send("PATCH", f"issues/comments/{left['id']}", {"body": over})


def _all(github: GitHub, number: int) -> Iterator[dict[str, Any]]:
    for page in range(1, _PAGES + 1):
        found = github.send("GET", f"issues/{number}/comments?per_page={_PAGE}&page={page}")
        if not isinstance(found, list):
            raise GitHubError("GitHub's answer is no list of comments")
        yield from (one for one in found if isinstance(one, dict))
        if len(found) < _PAGE:
            return


def _is_ours(comment: Mapping[str, Any]) -> bool:
    return isinstance(comment.get("id"), int) and (comment.get("user") or {}).get("login") == AUTHOR


def _first_line(comment: Mapping[str, Any]) -> str:
    return str(comment.get("body") or "").partition("\n")[0].rstrip("\r")
