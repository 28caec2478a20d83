"""What a plan cannot take back, and what is charged at once, at its end: each step that does it, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from apreconcile.core.planfile import verb_of
from apreconcile.core.risk import Risk

from . import escape
from .layout import columns
from .screen import BLANK, Lines, Style, say, wrap

_ROWS = {"irreversible": "Cannot be taken back:", "spends": "Charged at once, and not refunded:"}
_NAMES = {
    "rotates-secret": "Signing secrets replaced, the old ones void at once:",
    "unprotects": "Protected no longer:",
}
_LONGEST = 240


def stakes_lines(steps: Sequence[Mapping[str, Any]], *, width: int) -> Lines:
    """What cannot be taken back and what is bought, each with its step's first sentence; then secrets and protections.

    That sentence says what is gone, or what it costs. Nothing if no step is of that sort.
    """
    lines: Lines = []
    for risk, title in _ROWS.items():
        rows = [_row(step) for step in steps if risk in _risks(step)]
        lines += [*wrap(say(title, Style.RISK), width), *columns(rows, width=width, indent=2)] if rows else []
    for risk, title in _NAMES.items():
        names = ", ".join(escape.line(step["address"]) for step in steps if risk in step["risks"])
        lines += wrap((*say(title, Style.RISK), *say(f" {names}.")), width, hang=2) if names else []
    return [*lines, BLANK] if lines else []


def _risks(step: Mapping[str, Any]) -> set[str]:
    """The risks of a step; one that this version does not know counts as irreversible."""
    return {risk if risk in set(Risk) else "irreversible" for risk in step["risks"]}


def _row(step: Mapping[str, Any]) -> list[str]:
    return [
        escape.line(verb_of(dict(step)), 24),
        escape.line(step["address"]),
        escape.line((*step["why"], "")[0], _LONGEST),
    ]
