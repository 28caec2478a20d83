"""One comment on a pull request: found again by its first line and its author, and written anew."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote

AUTHOR = "github-actions[bot]"
"""Whose comments those of a workflow are. What anybody else wrote is not ours, whatever its first line says."""

_PAGE, _PAGES = 100, 100
_SECONDS = 30


class CommentError(Exception):
    """The comment could not be written; why."""


class _Straight(urllib.request.HTTPRedirectHandler):
    """Follows nobody elsewhere: the token would go along."""

    def redirect_request(self, *_: Any) -> None:
        """Never."""


@dataclass(frozen=True, slots=True)
class Comments:
    """The comments of one pull request. `api` is where GitHub's REST API is."""

    api: str
    repository: str
    number: int
    token: str = field(repr=False)

    def put(self, marker: str, body: str) -> None:
        """Write the comment whose first line is `marker`, over the one that is there. Raises CommentError."""
        repository = quote(self.repository)
        found = next((one["id"] for one in self._all(repository) if _is_ours(one, marker)), None)
        if found is None:
            path, method = f"repos/{repository}/issues/{self.number}/comments", "POST"
        else:
            path, method = f"repos/{repository}/issues/comments/{int(found)}", "PATCH"
        self._send(method, path, {"body": body})

    def _all(self, repository: str) -> Iterator[dict[str, Any]]:
        for page in range(1, _PAGES + 1):
            path = f"repos/{repository}/issues/{self.number}/comments?per_page={_PAGE}&page={page}"
            found = self._send("GET", path)
            yield from (one for one in found if isinstance(one, dict))
            if len(found) < _PAGE:
                return

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "User-Agent": "apreconcile",
        }
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.api}/{path}", data, headers, method=method)  # noqa: S310 -- the runner's own
        try:
            with urllib.request.build_opener(_Straight).open(request, timeout=_SECONDS) as answer:
                return json.loads(answer.read())
        except HTTPError as problem:
            with problem:
                raise CommentError(f"GitHub answered {problem.code} to {method} {path.partition('?')[0]}") from problem
        except (URLError, OSError, ValueError) as problem:
            raise CommentError(f"GitHub could not be reached: {type(problem).__name__}") from problem


def _is_ours(comment: Mapping[str, Any], marker: str) -> bool:
    author = (comment.get("user") or {}).get("login")
    return author == AUTHOR and str(comment.get("body") or "").partition("\n")[0].rstrip("\r") == marker
