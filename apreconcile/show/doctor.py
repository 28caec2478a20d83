"""A diagnosis as a person reads it: a line a check, its word, and under it the remedy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import escape
from .layout import count, hint_lines, prose
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
    return [*lines, BLANK, *wrap(strong(escape.line(_closing(document["checks"]))), width)]


def _closing(checks: Sequence[Mapping[str, Any]]) -> str:
    """How many there are of each word that is not `ok`; those to look at by their names."""
    names = {word: [str(check["name"]) for check in checks if check["health"] == word] for word in _WORDS}
    warnings = count(len(names["warning"]), "warning")
    found = [f"{len(names['failed'])} failed ({', '.join(names['failed'])})"] if names["failed"] else ["Nothing failed"]
    found += [f"{warnings} ({', '.join(names['warning'])})"] if names["warning"] else []
    found += [f"{len(names['unknown'])} unknown"] if names["unknown"] else []
    return ", ".join(found) + "."
