"""A URL is shown without what lets somebody in, and its host is told only where every parser reads the same."""

from __future__ import annotations

import re

_USERINFO = re.compile(r"(?<=://)(?<!ssh://)[^\s'\"<>]*@|(?<=ssh://)[^\s'\"<>/@]*:[^\s'\"<>]*@")
"""Up to the last `@` of the word, since a password may hold any sign; for ssh only if there is a password."""

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_PLAIN = re.compile(r"https?://(?P<host>[A-Za-z0-9.-]+)(:(?P<port>[1-9][0-9]{0,4}))?(/[^\\\s\x00-\x1f\x7f]*)?")
_LONGEST, _LAST_PORT = 253, 65_535


def without_password(text: str) -> str:
    """The text with user, password and token of every URL in it replaced; the user of `ssh://git@…` stays."""
    return _USERINFO.sub("***@", text)


def is_host(text: str) -> bool:
    """Whether this is a host's name, or an IPv4 address, in small letters and without a final dot."""
    return len(text) <= _LONGEST and _HOST.fullmatch(text) is not None


def plain_host(url: str) -> str | None:
    """The host of an http(s) URL in small letters; None where two parsers could differ about it.

    So there is none with user info, an escaped or non-ASCII host, a final dot, a port that is no plain number, a
    backslash, white space, or a query that follows the host at once; nor for IPv6.
    """
    found = _PLAIN.fullmatch(url)
    host = found["host"].lower() if found else ""
    return host if found and is_host(host) and int(found["port"] or 1) <= _LAST_PORT else None
