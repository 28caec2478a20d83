"""A URL is shown without what lets somebody in."""

from __future__ import annotations

import re

_USERINFO = re.compile(r"(?<=://)(?<!ssh://)[^\s'\"<>]*@|(?<=ssh://)[^\s'\"<>/@]*:[^\s'\"<>]*@")
"""Up to the last `@` of the word, since a password may hold any sign; for ssh only if there is a password."""


def without_password(text: str) -> str:
    """The text with user, password and token of every URL in it replaced; the user of `ssh://git@…` stays."""
    return _USERINFO.sub("***@", text)
