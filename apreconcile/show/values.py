"""What becomes of a field, for formats that have tables: a short value in a cell, a long or nested one as rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from . import escape
from .diff import Row, difference
from .layout import count
from .value import MASK, outline, scalar

_CONTEXT = 3
_ROWS = 200
_NEW_ROWS = 60
_CELL = 120
_NAME = 200


class Value(NamedTuple):
    """A field in words: `before` (None where nothing was) and `after`, or else `rows`; `more` says what they leave out.

    All of it is harmless.
    """

    field: str
    before: str | None = None
    after: str = ""
    rows: tuple[Row, ...] = ()
    more: str = ""


def value(diff: Mapping[str, Any], *, new: bool) -> Value:
    """What a field becomes; of something new only what it will be."""
    field, before, after = escape.line(diff["field"], _NAME), diff["before"], diff["after"]
    secret = bool(diff.get("secret"))
    if new:
        return _born(field, after, secret=secret)
    if secret and before == after == MASK:
        return Value(field, MASK, f"{MASK}, changes")
    if not (_is_nested(before) or _is_nested(after)):
        was, now = scalar(before, secret=secret), scalar(after, secret=secret)
        if not any("\n" in text for text in (before, after) if isinstance(text, str)) and len(was + now) <= 2 * _CELL:
            return Value(field, was, now)
    rows, differ = difference(_lines(before, secret=secret), _lines(after, secret=secret), context=_CONTEXT, most=_ROWS)
    more = f"… and so on: {count(differ, 'line')} in all; the JSON has them" if len(rows) > _ROWS else ""
    return Value(field, rows=tuple(rows[:_ROWS]), more=more)


def _born(field: str, after: Any, *, secret: bool) -> Value:
    if not _is_nested(after) and not (isinstance(after, str) and ("\n" in after or len(after) > _CELL)):
        return Value(field, None, scalar(after, secret=secret))
    lines = _lines(after, secret=secret)
    rows = tuple(Row("+", (("+", escape.line(text, _CELL * 20)),)) for text in lines[:_NEW_ROWS])
    size = f", {len(after):,} characters" if isinstance(after, str) else ""
    more = f"… {count(len(lines), 'line')}{size} in all" if len(lines) > _NEW_ROWS else ""
    return Value(field, rows=rows, more=more)


def _is_nested(told: Any) -> bool:
    return isinstance(told, dict | list) and bool(told)


def _lines(told: Any, *, secret: bool) -> list[str]:
    if told is None or told == "":
        return []
    if isinstance(told, str):
        return told.split("\n")
    return outline(told, secret=secret) if _is_nested(told) else [scalar(told)]
