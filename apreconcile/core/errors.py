"""Every error a user can meet is one of these; each knows its exit code and carries a hint.

Error:
├── SpecError            the spec has problems (all of them at once)      1
│   └── ApprovalsError   a file of approvals has problems (all of them)   1
├── CredentialsError     no key, or a key that was refused                1
├── HostError            a host that the key must not go to               1
├── ApiError             the API answered with an error                   1
│   └── NotFoundError    404                                              1
├── NetworkError         no readable answer came back                     1
│   └── TooLateError     not sent: its time was over                      1
├── StoreError           state could not be read or written               1
├── PlanFileError        a saved plan that cannot be used                 1
├── SinkError            a signing secret could not be handed on          1
├── HeldError            an approval is missing                           3
├── StaleError           the account moved since it was looked at         4
├── BlockedError         a rule or a fixed field stands in the way        5
├── UnknownOutcomeError  an outcome is unknown, an intent is open         6
├── LockedError          somebody else holds the state                    8
│   └── ConflictError    somebody else wrote the state                    8
├── UnsafeError          the surroundings are not safe to write in        9
├── UsageError           wrong flags                                     64
└── InterruptedByUser    Ctrl-C                                         130
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class Error(Exception):
    """What went wrong, in a sentence; `hint` says what to do about it, best as a command to run."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def whole(self) -> str:
        """The message with its hint, on one line."""
        return f"{self.message}; {self.hint}" if self.hint else self.message


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in a spec: `file:line:column: address: field: message`, its source line and a hint.

    Line and column count from 1; 0 means that the place is the file as a whole.
    """

    file: str
    line: int
    column: int
    message: str
    subject: str = ""
    source: str = ""
    hint: str = ""

    @property
    def place(self) -> str:
        """`file:line:column`, or the file alone."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class SpecError(Error):
    """A spec that cannot be used; `problems` holds all of them, in the order of the text."""

    whose: ClassVar[str] = "the spec has"

    def __init__(self, problems: tuple[Problem, ...], *, hint: str | None = None) -> None:
        count = len(problems)
        super().__init__(f"{self.whose} {count} problem{'' if count == 1 else 's'}", hint=hint)
        self.problems = tuple(sorted(problems))


class ApprovalsError(SpecError):
    """A file of approvals that cannot be used: nothing in it counts."""

    whose = "the approvals have"


class CredentialsError(Error):
    """There is no API key, or the API refused it (401)."""


class HostError(Error):
    """The base URL names a host that the key must not be sent to."""


class ApiError(Error):
    """The API answered with an error. `status` is HTTP's, `code` the vendor's word (may be empty)."""

    def __init__(self, message: str, *, status: int, code: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code


class NotFoundError(ApiError):
    """The API answered 404: missing, or not visible to this key."""


class NetworkError(Error):
    """No readable answer came back. `sent` is False only if certainly no byte of the request left."""

    def __init__(self, message: str, *, sent: bool, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.sent = sent


class TooLateError(NetworkError):
    """The moment after which no byte of a call may leave had come before it left; nothing was sent."""


class StoreError(Error):
    """The state document could not be read or written."""


class PlanFileError(Error):
    """A saved plan that is truncated, foreign or of another major version."""


class SinkError(Error):
    """A sink that cannot be used, or that did not take a signing secret."""


class HeldError(Error):
    """An approval, or an answer, is missing; nothing was sent."""

    exit_code = 3


class StaleError(Error):
    """The account is not as it was when the plan was made."""

    exit_code = 4


class BlockedError(Error):
    """A rule, a quota or a fixed field stands in the way."""

    exit_code = 5


class UnknownOutcomeError(Error):
    """A call may or may not have taken effect, and a person has to say which."""

    exit_code = 6


class LockedError(Error):
    """Another run holds the state."""

    exit_code = 8


class ConflictError(LockedError):
    """Another run wrote the state after it was read."""


class UnsafeError(Error):
    """Writing now could buy twice or destroy what is not ours."""

    exit_code = 9


class UsageError(Error):
    """The command line does not make sense."""

    exit_code = 64


class InterruptedByUser(Error):  # noqa: N818 -- it is no fault of anything
    """The user pressed Ctrl-C before anything was sent."""

    exit_code = 130
