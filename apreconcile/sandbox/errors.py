"""Every refusal that the sandbox can send is made here, in the shape that its options choose.

The vendor runs FastAPI, so what a framework says (no key, no such route, wrong method, a body that does not validate)
has FastAPI's `{"detail": …}` whatever the shape; what the service says has the chosen shape (fact sheet 7.1 and 11.14).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from apreconcile.sandbox.options import Options
from apreconcile.sandbox.reply import Reply

_CODES = {
    400: ("VALIDATION_ERROR", "validation_error"),
    402: ("INSUFFICIENT_BALANCE", "validation_error"),
    403: ("FORBIDDEN", "permission_error"),
    404: ("NOT_FOUND", "not_found"),
    409: ("CONFLICT", "conflict"),
    429: ("RATE_LIMIT_EXCEEDED", "rate_limit_error"),
}
_OTHERWISE = ("INTERNAL_ERROR", "server_error")


@dataclass(slots=True)
class Refusal(Exception):  # noqa: N818 (an answer, not a failure of ours)
    """An answer that is not a success; nothing that was written before it was raised stays."""

    status: int
    message: str
    code: str = ""
    kind: str = ""
    framework: bool = False
    headers: dict[str, str] = field(default_factory=dict)

    def reply(self, options: Options) -> Reply:
        """Return the answer in the shape that the options choose."""
        code, kind = _CODES.get(self.status, _OTHERWISE)
        error = {"message": self.message, "code": self.code or code, "type": self.kind or kind, "details": []}
        if self.framework or options.shape == "detail":
            return Reply(self.status, {"detail": self.message}, self.headers)
        return Reply(self.status, {"error": error} if options.shape == "envelope" else error, self.headers)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a request: where, in words, and FastAPI's name for it."""

    loc: tuple[str | int, ...]
    msg: str
    type: str


@dataclass(slots=True)
class Invalid(Exception):  # noqa: N818 (an answer, not a failure of ours)
    """A request that does not validate: FastAPI's 422 list (OAS HTTPValidationError), or 2025's 400 with a text."""

    problems: list[Problem]

    def reply(self, options: Options) -> Reply:
        """Return the answer in the profile's form."""
        if options.profile == "2025":
            words = "; ".join(f"{'.'.join(map(str, problem.loc))}: {problem.msg}" for problem in self.problems)
            return Reply(400, {"detail": words})
        detail: list[dict[str, Any]] = [
            {"loc": list(problem.loc), "msg": problem.msg, "type": problem.type} for problem in self.problems
        ]
        return Reply(422, {"detail": detail})


def not_found(what: str) -> Refusal:
    """Return the 404 for something missing, or somebody else's (the API makes no difference)."""
    return Refusal(404, f"{what} not found")


def number_not_found() -> Refusal:
    """Return the 404 that has a code of its own (DOCS error-handling)."""
    return Refusal(404, "Phone number not found", "PHONE_NUMBER_NOT_FOUND", "not_found")


def unauthorized(message: str) -> Refusal:
    """Return the 401 of fact sheet 11.1."""
    return Refusal(401, message, framework=True, headers={"WWW-Authenticate": "Bearer"})


def no_route() -> Refusal:
    """Return FastAPI's 404 for a path that it does not serve."""
    return Refusal(404, "Not Found", framework=True)


def wrong_method(allowed: tuple[str, ...]) -> Refusal:
    """Return FastAPI's 405, naming the methods that the path has."""
    return Refusal(405, "Method Not Allowed", framework=True, headers={"Allow": ", ".join(allowed)})


def invalid(loc: tuple[str | int, ...], msg: str, kind: str = "value_error") -> Invalid:
    """Return the refusal of a request with one thing wrong."""
    return Invalid([Problem(loc, msg, kind)])
