"""A plain scalar means what YAML 1.2's core schema says, less its surprises: `on` and `0415` are text.

Digits with a leading zero stay text, since people mean a code by them; so do numbers too long to be a number.
"""

from __future__ import annotations

import re

from .tree import Plain

_FIRST = frozenset("+-.0123456789~nNtTfF")
"""What is not text begins with one of these."""

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,39})")
_OCTAL = re.compile(r"0o[0-7]{1,40}")
_HEX = re.compile(r"0x[0-9a-fA-F]{1,40}")
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]{0,39})?(\.[0-9]{1,40}|(?<=[0-9])\.?)([eE][-+]?[0-9]{1,3})?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def resolve(text: str) -> Plain:
    """What an unquoted, untagged text means. Infinity and NaN come back as floats; the caller refuses them."""
    if text and text[0] not in _FIRST:
        return text
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text) or _HEX.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return text
