"""The fields of a step: short ones aligned in one column, long texts and nested values under their name."""

from __future__ import annotations

from typing import Any

from . import escape
from .diff import text_diff
from .screen import Lines, Span, Style, cells, pad, quiet, say, wrap
from .value import MASK, NOTHING, outline, scalar

_NAME = 24
_LONGEST = 200
_NEW_LINES = 4
_NEW_ROWS = 12
_ARROW = "→ "


def field_lines(fields: list[dict[str, Any]], *, new: bool, width: int, indent: int) -> Lines:
    """Every field that changes; of something new only what it will be, long texts shortened."""
    names = {id(diff): escape.line(diff["field"], _LONGEST) for diff in fields}
    short = [cells(name) for name in names.values() if cells(name) <= _NAME]
    column = max(short, default=0) + 2
    lines: Lines = []
    for diff in fields:
        name = names[id(diff)]
        lines += _born(diff, name, column, width, indent) if new else _changed(diff, name, column, width, indent)
    return lines


def _born(diff: dict[str, Any], name: str, column: int, width: int, indent: int) -> Lines:
    value, secret = diff["after"], bool(diff.get("secret"))
    if isinstance(value, str) and _is_long(value, width - indent - column):
        return [*_head(name, width, indent), *_shortened(value, width, indent + 2)]
    if isinstance(value, dict | list) and value:
        rows = [row for text in outline(value, secret=secret) for row in _row(text, width, indent + 2)]
        more = quiet(f"{' ' * (indent + 2)}… {len(rows):,} rows in all")
        return [*_head(name, width, indent), *(rows if len(rows) <= _NEW_ROWS + 1 else [*rows[:_NEW_ROWS], more])]
    return _aligned(name, say(scalar(value, secret=secret)), column, width, indent)


def _changed(diff: dict[str, Any], name: str, column: int, width: int, indent: int) -> Lines:
    before, after, secret = diff["before"], diff["after"], bool(diff.get("secret"))
    if secret and before == after == MASK:
        return _aligned(name, say(f"{MASK}, changes"), column, width, indent)
    if _is_nested(before) or _is_nested(after):
        return [*_head(name, width, indent), *_outlines(before, after, secret=secret, width=width, indent=indent + 2)]
    if not _holds("\n", before, after):
        was, now = scalar(before, secret=secret), scalar(after, secret=secret)
        if cells(was) + cells(now) + 3 <= width - indent - column:
            return _aligned(name, _arrow(was, now), column, width, indent)
        if not _holds(" ", before, after):
            return _stacked(name, was, now, column, width, indent)
    return [*_head(name, width, indent), *_texts(before, after, width=width, indent=indent + 2)]


def _stacked(name: str, was: str, now: str, column: int, width: int, indent: int) -> Lines:
    """Two values that are too wide for one line and have no words to compare, one below the other."""
    first = _aligned(name, say(was, Style.BAD), column, width, indent)
    start = indent + (column if cells(name) < column else 4)
    arrow = (*say(" " * (start - len(_ARROW))), *quiet(_ARROW))
    return [*first, *wrap(say(now, Style.GOOD), width, first=arrow, hang=start)]


def _arrow(was: str, now: str) -> tuple[Span, ...]:
    return (*say(was, Style.BAD), *quiet(f" {_ARROW}"), *say(now, Style.GOOD))


def _aligned(name: str, value: tuple[Span, ...], column: int, width: int, indent: int) -> Lines:
    """The value beside its name; below it, if the name is too long for the column."""
    if cells(name) < column:
        return wrap(value, width, first=say(" " * indent + pad(name, column)), hang=indent + column)
    return [*_head(name, width, indent), *wrap(value, width, first=say(" " * (indent + 4)), hang=indent + 4)]


def _head(name: str, width: int, indent: int) -> Lines:
    return wrap(say(name), width, first=say(" " * indent), hang=indent + 4)


def _row(text: str, width: int, indent: int) -> Lines:
    bare = text.lstrip(" ")
    start = min(indent + len(text) - len(bare), width // 2)
    return wrap(say(bare), width, first=say(" " * start), hang=start + 2)


def _is_nested(value: Any) -> bool:
    return isinstance(value, dict | list) and bool(value)


def _is_long(text: str, room: int) -> bool:
    return "\n" in text or (" " in text and len(text) > room)


def _holds(mark: str, *values: Any) -> bool:
    return any(isinstance(value, str) and mark in value for value in values)


def _shortened(text: str, width: int, indent: int) -> Lines:
    """The beginning of a new long text, and how long it is."""
    texts = text.split("\n")
    rows: Lines = []
    for part in texts[:_NEW_LINES]:
        rows += wrap(say(escape.line(part, _NEW_LINES * width)), width, first=say(" " * indent), hang=indent)
    whole = len(texts) <= _NEW_LINES and len(rows) <= _NEW_LINES
    count = f"{len(texts)} lines, " if len(texts) > 1 else ""
    size = wrap(quiet(f"… {count}{len(text):,} characters in all"), width, first=say(" " * indent), hang=indent + 2)
    return rows if whole else [*rows[:_NEW_LINES], *size]


def _texts(before: Any, after: Any, *, width: int, indent: int) -> Lines:
    lines = text_diff(_split(before), _split(after), width=width, indent=indent)
    gone = " " * indent
    return [*lines, quiet(f"{gone}{_ARROW}{scalar(after)}")] if not isinstance(after, str) or not after else lines


def _split(value: Any) -> list[str]:
    if value is None or value == "":
        return []
    return value.split("\n") if isinstance(value, str) else [scalar(value)]


def _outlines(before: Any, after: Any, *, secret: bool, width: int, indent: int) -> Lines:
    was = [] if before is None else outline(before, secret=secret)
    now = [NOTHING] if after is None else outline(after, secret=secret)
    return text_diff(was, now, width=width, indent=indent)
