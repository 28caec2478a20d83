"""Two environments of a spec as a person compares them: what only one has, and the fields that differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import escape
from .fields import field_lines
from .layout import count
from .screen import BLANK, WIDTH, Lines, Style, say, strong, wrap

_SIGNS = {"a": ("-", Style.BAD), "b": ("+", Style.GOOD), "both": ("~", Style.CHANGE)}
_INDENT = 6


def contrast_lines(document: Mapping[str, Any], *, width: int = WIDTH) -> Lines:
    """The screen of a comparison, from its document alone."""
    one, other = escape.line(document["a"]), escape.line(document["b"])
    lines: Lines = [*wrap(strong(f"{escape.line(document['project'])}: {one} → {other}"), width), BLANK]
    for each in document["differences"]:
        sign, style = _SIGNS[each["in"]]
        only = "" if each["in"] == "both" else f" (only in {one if each['in'] == 'a' else other})"
        head = (*strong(escape.line(each["address"])), *say(only))
        lines += wrap(head, width, first=say(f"  {sign} ", style), hang=_INDENT)
        fields = [{**field, "before": field["a"], "after": field["b"]} for field in each["fields"]]
        lines += [*field_lines(fields, new=False, width=width, indent=_INDENT), BLANK]
    number = len(document["differences"])
    return [*lines, say(f"{count(number, 'difference')}." if number else "No differences.")]
