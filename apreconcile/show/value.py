"""A value of a field as one would write it in YAML, each piece harmless and on one line."""

from __future__ import annotations

import json
import re
from typing import Any

from . import escape

MASK = "(secret)"
NOTHING = "(not set)"

_LIMIT = 2_000
"""Characters of one text that are shown at most; the JSON has the rest."""

_BARE = re.compile(r"[^\W_][^\"'`\\→…(){}\[\]<>|&*#%@~]*|[+/.][\w/.:-]+")
_LITERAL = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?|true|false|null|yes|no|on|off", re.IGNORECASE)


def scalar(value: Any, *, secret: bool = False) -> str:
    """A text, number, boolean or null. A text is quoted where it could be taken for something else."""
    if value is None:
        return NOTHING
    if not isinstance(value, str):
        return escape.line(json.dumps(value, ensure_ascii=False), _LIMIT)
    if secret and value == MASK:
        return MASK
    plain = escape.line(value, _LIMIT)
    if plain == value and plain == plain.strip() and _BARE.fullmatch(plain) and not _LITERAL.fullmatch(plain):
        return plain
    inner = value[: _LIMIT + 1].replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escape.line(inner, _LIMIT)}"'


def outline(value: Any, *, secret: bool = False) -> list[str]:
    """A map or list as indented lines, an item of a list after `- `; anything else as one line.

    The order of a map's keys never matters: `name` first, then by letters.
    """
    if isinstance(value, dict) and value:
        return [row for name in sorted(value, key=_rank) for row in _entry(name, value[name], secret=secret)]
    if isinstance(value, list) and value:
        return [row for item in value for row in _item(item, secret=secret)]
    return [scalar(value, secret=secret)]


def _rank(name: str) -> tuple[bool, str]:
    return (name != "name", name)


def _entry(name: str, value: Any, *, secret: bool) -> list[str]:
    rows = outline(value, secret=secret)
    word = scalar(name)
    if isinstance(value, dict | list) and value:
        return [f"{word}:", *(f"  {row}" for row in rows)]
    return [f"{word}: {rows[0]}"]


def _item(value: Any, *, secret: bool) -> list[str]:
    head, *rest = outline(value, secret=secret)
    return [f"- {head}", *(f"  {row}" for row in rest)]
