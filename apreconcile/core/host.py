"""What this machine is: the hosts that certainly are it, to which all may go in the clear, and whether it lasts."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping


def is_loopback(host: str) -> bool:
    """`localhost`, `[::1]` and 127.x.y.z in their one plain spelling; octal, decimal and short forms are not."""
    if host in ("localhost", "[::1]"):
        return True
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return address.is_loopback and str(address) == host


def in_ci(environ: Mapping[str, str]) -> bool:
    """Whether `CI` is set, to anything but 0 or false: then what is written beside the spec ends with the machine."""
    return environ.get("CI", "").lower() not in ("", "0", "false")
