"""What of a saved plan is not taken, and why, and what it does not have: the rest of its screen is that of any plan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from apreconcile.core.agreement import Agreement
from apreconcile.core.outcome import Outcome, Word
from apreconcile.core.plan import Step

from . import escape
from .layout import more_lines, prose
from .screen import BLANK, Lines, Style, say, strong, wrap
from .text import SIGNS, UNKNOWN_SIGN

_STALE = "Stale, not taken (it is not as it was planned any more):"
_WAITS = "Not taken, since it comes after what is not:"
_ALREADY = "Nothing to do any more:"
_NEW = "Not taken, since the saved plan does not have it (new, or left out of it):"
_MOST = 10
_INDENT = 6


def agreement_lines(agreement: Agreement, left: Sequence[Step], *, width: int) -> Lines:
    """The steps that are not taken: stale, waiting for one that is, done already, and those `left` for another run."""
    outcomes = [agreement.words[name] for name in agreement.order if name in agreement.words]
    stale, waiting, done = (
        [one for one in outcomes if one.word is word] for word in (Word.STALE, Word.SKIPPED, Word.DONE)
    )
    new = [(step.action, str(step.address)) for step in left]
    lines: Lines = []
    if stale:
        lines += [*wrap(say(_STALE, Style.RISK), width), *(row for one in stale for row in _stale(one, width)), BLANK]
    if waiting:
        rows = [row for one in waiting for row in _row(one.action, f"{one.address}, after {one.because}", width)]
        lines += [*wrap(say(_WAITS), width), *rows, BLANK]
    return [*lines, *_list(_ALREADY, _named(done), width), *_list(_NEW, new, width)]


def _named(outcomes: Iterable[Outcome]) -> list[tuple[str, str]]:
    return [(one.action, str(one.address)) for one in outcomes]


def _list(title: str, steps: Sequence[tuple[str, str]], width: int) -> Lines:
    if not steps:
        return []
    rows = [row for action, name in steps[:_MOST] for row in _row(action, name, width)]
    return [*wrap(say(title), width), *rows, *more_lines(len(steps) - _MOST, width=width), BLANK]


def _row(action: str, name: str, width: int) -> Lines:
    sign, style = SIGNS.get(action, UNKNOWN_SIGN)
    first = say(f"  {sign} {escape.line(action, width // 2)} ", style)
    return wrap(strong(escape.line(name)), width, first=first, hang=_INDENT)


def _stale(outcome: Outcome, width: int) -> Lines:
    why = prose(outcome.error or "", width=width, first=say(" " * _INDENT), hang=_INDENT)
    return [*_row(outcome.action, str(outcome.address), width), *why]
