"""A host that certainly is this machine: what may be sent to nobody else in the clear may be sent there."""

from __future__ import annotations

import ipaddress


def is_loopback(host: str) -> bool:
    """`localhost`, `[::1]` and 127.x.y.z in their one plain spelling; octal, decimal and short forms are not."""
    if host in ("localhost", "[::1]"):
        return True
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return address.is_loopback and str(address) == host
