r"""Here, and only here, text from outside is made harmless: what could act on a terminal is shown as what it is.

Controls, ANSI and OSC sequences, bidirectional controls, zero-width and blank characters, line separators, lone
surrogates and whatever Unicode has not assigned become visible escapes such as `\x1b` or `\u202e`.
"""

from __future__ import annotations

import re

_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0d\uffa0\U000e0100-\U000e01ef]"
)
"""Drawn as nothing although Unicode calls them letters, marks or symbols."""

_WIDE_SPACE = "\u3000"
"""The space of Japanese and Chinese text; its width tells it from other spaces."""

_SUSPECT = re.compile(r"[^ -~]")
_NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def line(text: str, limit: int | None = None) -> str:
    """The text as one harmless line of at most `limit` characters, `…` standing for what was cut."""
    return _safe(text) if limit is None else cut(_safe(text[: limit + 1]), limit)


def cut(text: str, limit: int) -> str:
    """The text if it has at most `limit` characters, else its beginning and `…`."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


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
