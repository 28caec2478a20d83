"""A length of time as a spec says it: `90`, `90s`, `5m`, `72h` or `7d`."""

from __future__ import annotations

import re
from datetime import timedelta

from .tree import Node, Scalar

LASTING = re.compile(r"([0-9]{1,8})([smhd]?)")
LONGEST = timedelta(days=366)
LENGTHS = "write 90, 90s, 5m, 24h or 7d"
"""The hint for what is none."""
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def lasting(node: Node) -> timedelta | str:
    """The length, or in a clause why there is none."""
    found = LASTING.fullmatch(node.text) if isinstance(node, Scalar) else None
    if found is None:
        return "is no length of time"
    length = timedelta(seconds=int(found[1]) * _SECONDS[found[2]])
    in_time = timedelta(0) < length <= LONGEST
    return length if in_time else f"must be more than nothing and at most {LONGEST.days}d"
