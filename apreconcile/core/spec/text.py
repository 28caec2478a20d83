"""The bytes of a spec become text here, or the reason why they cannot."""

from __future__ import annotations

import codecs
import re

from apreconcile.core.errors import Problem

MAX_BYTES = 10_000_000
"""A spec that is larger is refused unread."""

UNCLEAN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
"""What YAML does not allow in a text: control characters, halves of characters, and what is no character."""

_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""Where YAML's parser counts a new line."""

_OTHER_UNICODE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


def decode(name: str, data: bytes) -> str | Problem:
    """The text of a file, without a byte order mark."""
    if len(data) > MAX_BYTES:
        message = f"the file has {len(data):,} bytes, more than the {MAX_BYTES:,} that are read"
        return Problem(name, 0, 0, message, hint="split the spec into several files of one folder")
    if data.startswith(_OTHER_UNICODE):
        return Problem(name, 0, 0, "the file is UTF-16 or UTF-32, not UTF-8", hint="save the file as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8", "replace")
        message = f"the byte 0x{error.object[error.start]:02x} is not UTF-8"
        return Problem(name, *position(before), message, hint="save the file as UTF-8")
    unclean = UNCLEAN.search(text)
    if unclean:
        message = f"the character U+{ord(unclean.group()):04X} is not allowed in YAML"
        hint = 'delete it, or write it as an escape inside double quotes, such as "\\n"'
        return Problem(name, *position(text[: unclean.start()]), message, hint=hint)
    return text


def lines(text: str) -> tuple[str, ...]:
    """The lines of a text, as YAML counts them."""
    return tuple(_BREAK.split(text))


def position(before: str) -> tuple[int, int]:
    """Line and column of what stands behind this text, from 1."""
    parts = _BREAK.split(before)
    return len(parts), len(parts[-1]) + 1
