"""An error as a person reads it: what went wrong, where, and what to do about it."""

from __future__ import annotations

from apreconcile.core.errors import Error, SpecError

from .layout import hint_lines, prose
from .problems import problem_lines
from .screen import WIDTH, Lines, Style, say

_HEAD = "error: "


def error_lines(error: Error, *, width: int = WIDTH) -> Lines:
    """`error: …`, each problem of a spec, then `hint: …`."""
    lines: Lines = []
    for part in error.message.split("\n"):
        first = say(" " * len(_HEAD)) if lines else say(_HEAD, Style.RISK)
        lines += prose(part, width=width, first=first, hang=len(_HEAD))
    if isinstance(error, SpecError):
        lines += [line for problem in error.problems for line in problem_lines(problem, width=width)]
    return [*lines, *hint_lines(error.hint, width=width)]
