"""The key goes to AgentPhone's two hosts over https, or to loopback; any other base URL is refused beforehand.

A URL is taken apart by one strict pattern instead of a forgiving parser: two parsers that read one text differently
are how keys leak. What the pattern does not know is refused, and not repeated in the error: it may hold a password.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from apreconcile.core.errors import HostError
from apreconcile.core.host import is_loopback

VENDOR_HOSTS = ("api.agentphone.ai", "api.agentphone.to")
LOOPBACK = "loopback"

_HINT = f"use https://{VENDOR_HOSTS[0]}, https://{VENDOR_HOSTS[1]}, or a server on 127.0.0.1"
_PATTERN = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::(?P<port>[1-9][0-9]{0,4}))?(?P<path>/[!-~]*)?",
    re.ASCII | re.IGNORECASE,
)
_LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """Where calls go: `url` without `/v1` and without a slash at its end; `host` without a port, or `loopback`."""

    url: str
    host: str

    @property
    def loopback(self) -> bool:
        """Whether the calls stay on this machine."""
        return self.host == LOOPBACK


def check_base_url(text: str) -> BaseUrl:
    """The base URL that a person wrote, if the key may go there. Raises HostError."""
    if "@" in text:
        raise HostError("the base URL holds a user name or a password", hint=_HINT)
    found = _PATTERN.fullmatch(text)
    if found is None:
        raise HostError("the base URL is not one that the key may be sent to", hint=_HINT)
    if re.fullmatch(r"/*(v1)?/*", found["path"] or "") is None:
        raise HostError("the base URL has a path, a query or a fragment", hint=_HINT)
    scheme, host, port = found["scheme"].lower(), found["host"].lower(), found["port"]
    if port is not None and int(port) > _LAST_PORT:
        raise HostError(f"the base URL has the port {port}, which does not exist", hint=_HINT)
    if host in VENDOR_HOSTS:
        return _vendor(scheme, host, port)
    if not is_loopback(host):
        raise HostError(f"the key must not be sent to {host}", hint=_HINT)
    return BaseUrl(f"{scheme}://{host}" + (f":{port}" if port else ""), LOOPBACK)


def _vendor(scheme: str, host: str, port: str | None) -> BaseUrl:
    if scheme != "https":
        raise HostError(f"the key must not be sent to {host} in the clear", hint=f"use https://{host}")
    if port not in (None, "443"):
        raise HostError(f"{host} is only known at port 443", hint=f"use https://{host}")
    return BaseUrl(f"https://{host}", host)
