"""GitHub's REST API, as far as the action needs it: a request with the job's token, which follows nobody elsewhere."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote

_SECONDS = 30


class GitHubError(Exception):
    """It could not be asked, or said no; why."""


class _Straight(urllib.request.HTTPRedirectHandler):
    """Follows nobody elsewhere: the token would go along."""

    def redirect_request(self, *_: Any) -> None:
        """Never."""


@dataclass(frozen=True, slots=True)
class GitHub:
    """One repository. `api` is where the REST API is."""

    api: str
    repository: str
    token: str = field(repr=False)

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The answer, read; `path` is below the repository's. Raises GitHubError."""
        path = f"repos/{quote(self.repository)}/{path}"
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
                raise GitHubError(f"GitHub answered {problem.code} to {method} {path.partition('?')[0]}") from problem
        except (URLError, OSError, ValueError) as problem:
            raise GitHubError(f"GitHub could not be reached: {type(problem).__name__}") from problem
