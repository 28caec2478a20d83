"""A problem of a spec as a person reads it: its place and what is wrong, its line of the text, a caret, a hint.

The first line is never broken, so that it can be searched for and clicked on.
"""

from __future__ import annotations

from itertools import accumulate

from apreconcile.core.errors import Problem

from . import escape
from .layout import hint_lines
from .screen import WIDTH, Line, Lines, Span, Style, cells, say

_INDENT = 4
_MESSAGE = 400
"""Characters of a message that are shown: it may quote a key as long as the file."""

_CUT = "…"


def problem_lines(problem: Problem, *, width: int = WIDTH) -> Lines:
    """`agentphone.yaml:12:7: number.support-main: areaCode: …`, then the line with a caret, then `hint: …`."""
    parts = [problem.place, *([problem.subject] if problem.subject else []), problem.message]
    place, *said = (escape.line(part, _MESSAGE) for part in parts)
    lines: Lines = [(Span(Style.STRONG, f"{place}: "), Span(Style.PLAIN, ": ".join(said)))]
    if problem.source and problem.column:
        at = min(problem.column - 1, len(problem.source))
        lines += _source_lines(problem.source, at, max(width - _INDENT, _INDENT))
    hint = problem.hint and escape.line(problem.hint, _MESSAGE)
    return [*lines, *hint_lines(hint, width=width, indent=_INDENT)]


def _source_lines(source: str, at: int, room: int) -> tuple[Line, Line]:
    """The line of the text around a position, cut to fit, and the caret below that position."""
    first = max(at - room, 0)
    indent = min(len(source) - len(source.lstrip(" ")), at) if not first else 0
    before = [escape.line(char) for char in source[first + indent : at]]
    after = [escape.line(char) for char in source[at : at + room]] or [" "]
    fits = not first and at + room >= len(source) and _size(before + after) <= room
    left = len(before) if fits else _fitting(before[::-1], max(room // 2, room - _size(after)) - 1)
    shown = "".join(before[len(before) - left :])
    shown = shown if left == len(before) and not first else _CUT + shown
    rest = room - cells(shown)
    whole = at + room >= len(source) and _size(after) <= rest
    text = shown + ("".join(after) if whole else "".join(after[: _fitting(after, rest - 1)]) + _CUT)
    margin = " " * _INDENT
    return say(margin + text.rstrip()), (*say(margin + " " * cells(shown)), *say("^", Style.BAD))


def _size(pieces: list[str]) -> int:
    return sum(map(cells, pieces))


def _fitting(pieces: list[str], room: int) -> int:
    """How many of the pieces, from the first, fit."""
    return sum(1 for used in accumulate(map(cells, pieces)) if used <= room)
