"""JSON as the API speaks it, and when two values of it mean the same: empty text and null; a float and its noise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

Wire: TypeAlias = Any
"""JSON as the API speaks it; in a call, an `IdOf` or a `Secret` may stand for a value."""


def settled(value: Wire) -> Wire:
    """One form for what means the same: null for what is empty, an int for a whole float, six digits for the others."""
    if value in ("", [], {}):
        return None
    if isinstance(value, float) and math.isfinite(value):
        rounded = round(value, 6)
        return int(rounded) if rounded == int(rounded) else rounded
    return value


def close(one: Wire, other: Wire) -> bool:
    """Whether two values mean the same, all the way down."""
    one, other = settled(one), settled(other)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return set(one) == set(other) and all(close(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(close, one, other))
    if _is_number(one) and _is_number(other) and (isinstance(one, float) or isinstance(other, float)):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-6)
    return type(one) is type(other) and bool(one == other)


def shows(seen: Wire, wanted: Wire) -> bool:
    """Whether a reply shows what was sent; keys that the reply lacks, or has besides, do not count."""
    if isinstance(wanted, Mapping) and isinstance(seen, Mapping):
        return all(name not in seen or shows(seen[name], wanted[name]) for name in wanted)
    if isinstance(wanted, list) and isinstance(seen, list):
        return len(seen) == len(wanted) and all(map(shows, seen, wanted))
    return close(seen, wanted)


def _is_number(value: Wire) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
