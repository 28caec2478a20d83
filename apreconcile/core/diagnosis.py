"""A diagnosis is a list of checks, each with one word, a sentence, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from apreconcile.version import __version__

from .errors import Error, UnsafeError
from .planfile import Document

FORMAT = "apreconcile.doctor/1"


class Health(StrEnum):
    """The four words of a check. `unknown` is what could not be asked, or what only a write could tell."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, how it is, in words, and the remedy. `exit` is what a failed one ends with."""

    name: str
    health: Health
    said: str
    remedy: str = ""
    exit: int = Error.exit_code


def failed(name: str, problem: Error) -> Check:
    """The check that ended in this error."""
    unsafe = isinstance(problem, UnsafeError)
    return Check(
        name, Health.FAILED, problem.message, problem.hint or "", UnsafeError.exit_code if unsafe else Error.exit_code
    )


def exit_of(checks: Sequence[Check]) -> int:
    """The first of 9 1 that a failed check holds, else 0: a warning, or what is unknown, is no failure."""
    codes = {check.exit for check in checks if check.health is Health.FAILED}
    return next((code for code in (UnsafeError.exit_code, Error.exit_code) if code in codes), 0)


def to_json(checks: Sequence[Check]) -> Document:
    """The checks as a document."""
    return {
        "format": FORMAT,
        "tool": f"apreconcile {__version__}",
        "exit": exit_of(checks),
        "summary": {health.value: sum(check.health is health for check in checks) for health in Health},
        "checks": [
            {"name": check.name, "health": check.health.value, "said": check.said, "remedy": check.remedy}
            for check in checks
        ],
    }
