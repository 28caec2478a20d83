"""A diagnosis as a person reads it: a line a check, its word, and under it the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import escape
from .layout import hint_lines, prose
from .screen import BLANK, WIDTH, Lines, Style, pad, quiet, say, strong, wrap

_WORDS = {"ok": Style.GOOD, "warning": Style.CHANGE, "failed": Style.BAD, "unknown": Style.QUIET}


def doctor_text(document: Mapping[str, Any], *, width: int = WIDTH) -> Lines:
    """The whole screen."""
    names = max(len(check["name"]) for check in document["checks"]) + 2
    hang = names + max(map(len, _WORDS)) + 2
    lines: Lines = [quiet(escape.line(document["tool"])), BLANK]
    for check in document["checks"]:
        word = check["health"]
        first = (*strong(pad(check["name"], names)), *say(pad(word, hang - names), _WORDS[word]))
        lines += prose(check["said"], width=width, first=first, hang=hang)
        lines += hint_lines(check["remedy"] if word != "ok" else "", width=width, indent=hang)
    return [*lines, BLANK, *wrap(strong(_closing(document["summary"])), width)]


def _closing(told: Mapping[str, int]) -> str:
    found = [f"{told['failed']} failed"] if told["failed"] else ["Nothing failed"]
    found += [f"{told['warning']} warning{'' if told['warning'] == 1 else 's'}"] if told["warning"] else []
    found += [f"{told['unknown']} unknown"] if told["unknown"] else []
    return ", ".join(found) + "."
