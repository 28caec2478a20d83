r"""Here, and only here, text from outside is made harmless: what could act on whoever reads is shown as what it is.

Controls, ANSI and OSC sequences, bidirectional controls, zero-width and blank characters, line separators, lone
surrogates and whatever Unicode has not assigned become visible escapes such as `\x1b` or `\u202e`, in every format.
In Markdown and HTML, moreover, no markup, mention, reference or link comes from outside.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape as _entities
from typing import NewType

Html = NewType("Html", str)
"""Harmless HTML: what `html` made, and what is built of it."""

_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0d\uffa0\U000e0100-\U000e01ef]"
)
"""Drawn as nothing although Unicode calls them letters, marks or symbols."""

_WIDE_SPACE = "\u3000"
"""The space of Japanese and Chinese text; its width tells it from other spaces."""

_SUSPECT = re.compile(r"[^ -~]")
_APART = "&#8203;"
"""A space of no width, which parts what would act together: `@` and a name."""

_MARKUP = re.compile(
    r"(?P<part>@(?=\S)|\#(?=\w)|\bGH(?=-\d)|:(?=//|[a-z+-][\w+-]*:)|\bwww(?=\.)|[!%](?=\w))"
    r"|(?P<entity>[&<>|~^]|\$(?!\d))"
    r"|(?P<mark>[`*{}\[\]]|(?<![^\W_])_|_(?![^\W_])|\\(?=[!-/:-@\[-`{-~]|$))",
    re.IGNORECASE,
)
_START = re.compile(r"^(\d{1,9}(?=[.)])|(?=[-+](?:[ -]|$)|[=#/]))")
"""What could begin a list, a heading, a rule, or a command."""

_TICKS = re.compile(r"`+")
_NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def line(text: str, limit: int | None = None) -> str:
    """The text as one harmless line of at most `limit` characters, `…` standing for what was cut."""
    return _safe(text) if limit is None else cut(_safe(text[: limit + 1]), limit)


def cut(text: str, limit: int) -> str:
    """The text if it has at most `limit` characters, else its beginning and `…`."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def html(text: str, limit: int | None = None) -> Html:
    """As text of HTML, or in a quoted attribute."""
    return Html(_entities(line(text, limit), quote=True))


def markdown(text: str, limit: int | None = None) -> str:
    """As words in a line of Markdown: without markup, mentions (`@`), references (`#`), links and commands (`/`)."""
    return _START.sub(r"\1\\", _MARKUP.sub(_inert, line(text, limit).strip(" ")))


def _inert(found: re.Match[str]) -> str:
    if found["part"]:
        return f"{found[0]}{_APART}"
    return _entity(found[0]) if found["entity"] else f"\\{found[0]}"


def _entity(char: str) -> str:
    return f"&#{ord(char)};"


def code(text: str, limit: int | None = None) -> str:
    """As code in a line of Markdown, also in a table, where nothing in it acts."""
    safe = line(text, limit)
    if "|" in safe or not safe.strip(" "):
        return f"<code>{re.sub(r'[^0-9A-Za-z ]', lambda found: _entity(found[0]), safe)}</code>"
    ticks = "`" * (max(map(len, _TICKS.findall(safe)), default=0) + 1)
    room = " " if safe[:1] in ("`", " ") or safe[-1:] in ("`", " ") else ""
    return f"{ticks}{room}{safe}{room}{ticks}"


def fenced(rows: Iterable[str], language: str = "") -> str:
    """Rows as a block of Markdown's code, which none of them can end."""
    safe = [line(row) for row in rows]
    ticks = "`" * max(3, *(len(run) + 1 for row in safe for run in _TICKS.findall(row)), 0)
    return "\n".join([f"{ticks}{language}", *safe, ticks])


def _safe(text: str) -> str:
    if text.isprintable() and not _INVISIBLE.search(text):
        return text
    return _SUSPECT.sub(_shown, text)


def _shown(found: re.Match[str]) -> str:
    char = found[0]
    if (char.isprintable() and not _INVISIBLE.match(char)) or char == _WIDE_SPACE:
        return char
    code = ord(char)
    if code < 0x100:  # noqa: PLR2004 -- two hex digits reach so far
        return _NAMED.get(char) or f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004 -- and four so far
