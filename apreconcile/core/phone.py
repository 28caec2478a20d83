"""A phone number is written as E.164; spaces and punctuation in it do not count."""

from __future__ import annotations

import re

_E164 = re.compile(r"\+[1-9]\d{1,14}", re.ASCII)
_NORTH_AMERICAN = re.compile(r"1?[2-9]\d{9}", re.ASCII)
_FILLING = re.compile(r"[\s().\-/\u2010-\u2015]")


def normal(text: str) -> str:
    """The number without its punctuation, if it is one in international form; else the text itself."""
    bare = _FILLING.sub("", text)
    return bare if _E164.fullmatch(bare) else text


def is_number(text: str) -> bool:
    """Whether this is E.164."""
    return _E164.fullmatch(text) is not None


def meant(text: str) -> str | None:
    """The E.164 number that a US or Canadian number without its country code stands for, or None."""
    bare = _FILLING.sub("", text)
    return f"+1{bare.removeprefix('1')}" if _NORTH_AMERICAN.fullmatch(bare) else None
