"""A URL is shown without what lets somebody in, and its host is told only where every parser reads the same."""

from __future__ import annotations

import re

_USERINFO = re.compile(r"(?<=://)(?<!ssh://)[^\s'\"<>]*@|(?<=ssh://)[^\s'\"<>/@]*:[^\s'\"<>]*@")
"""Up to the last `@` of the word, since a password may hold any sign; for ssh only if there is a password."""

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_PLAIN = re.compile(r"https?://(?P<host>[A-Za-z0-9.-]+)(:(?P<port>[1-9][0-9]{0,4}))?(/[^\\\s\x00-\x1f\x7f]*)?")
_LONGEST, _LAST_PORT = 253, 65_535
_AUTHORITY = re.compile(r"(https?:[/\\]*)([^/?#]*)", re.IGNORECASE)
_VARIABLE = re.compile(r".*\$\{[^}]*\}\.?")


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


def named_hosts(url: str) -> set[str]:
    """Every host to which some parser would send, in small letters and without a final dot; a port is none.

    A part of it that is a variable is not known: of `${env.X}.acme.dev` it is what follows.
    """
    found = _AUTHORITY.match(url)
    read = (found[2], found[2].partition("\\")[0]) if found else ()
    hosts = {_named(authority.rpartition("@")[2].lower()) for authority in read}
    return {spelled for host in hosts for spelled in (host, _in_ascii(host)) if spelled}


def _named(host: str) -> str:
    """The host without its port; an IPv6 address keeps its brackets."""
    name = host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
    return _VARIABLE.sub("", name).rstrip(".")


def _in_ascii(host: str) -> str:
    try:
        return host.encode("idna").decode().rstrip(".")
    except UnicodeError:
        return host


def split_login(url: str) -> tuple[str, str, str]:
    """What stands before user and password, these, and the rest from `@` on; without any, the URL is the rest."""
    found = _AUTHORITY.match(url)
    login, at, _ = found[2].rpartition("@") if found else ("", "", "")
    if not found or not at:
        return "", "", url
    return found[1], login, url[len(found[1]) + len(login) :]
