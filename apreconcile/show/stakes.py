"""What a plan cannot take back, and what is charged at once, at its end: each step that does it, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from apreconcile.core.planfile import verb_of
from apreconcile.core.risk import Risk

from . import escape
from .layout import columns
from .screen import BLANK, Lines, Style, say, wrap

CHARGED = "Charged at once, and not refunded:"
_ROWS = {"irreversible": "Cannot be taken back:", "spends": CHARGED}
_NAMES = {
    "rotates-secret": "Signing secrets replaced, the old ones void at once:",
    "unprotects": "Protected no longer:",
}
_LONGEST = 240


def stakes(steps: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[list[str]]]]:
    """What cannot be taken back and what is bought: verb, address, and its step's first sentence.

    That sentence says what is gone, or what it costs.
    """
    told = [(title, [_row(step) for step in steps if risk in _risks(step)]) for risk, title in _ROWS.items()]
    return [(title, rows) for title, rows in told if rows]


def losses(steps: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    """Whose signing secrets are replaced, and what is protected no longer."""
    told = [
        (title, [escape.line(step["address"]) for step in steps if risk in step["risks"]])
        for risk, title in _NAMES.items()
    ]
    return [(title, names) for title, names in told if names]


def stakes_lines(steps: Sequence[Mapping[str, Any]], *, width: int) -> Lines:
    """All of these; nothing if no step is of that sort."""
    lines: Lines = []
    for title, rows in stakes(steps):
        lines += [*wrap(say(title, Style.RISK), width), *columns(rows, width=width, indent=2)]
    for title, names in losses(steps):
        lines += wrap((*say(title, Style.RISK), *say(f" {', '.join(names)}.")), width, hang=2)
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
