"""An answer before it is bytes: a status, a JSON value (or raw bytes), headers."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field

DEEPEST = 200
"""Levels of a JSON value."""


@dataclass(slots=True)
class Reply:
    """One answer. `body` is a JSON value, or bytes that are sent as they are, with `kind` as their content type."""

    status: int
    body: object
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "application/json"

    def encoded(self) -> bytes:
        """Return the body's bytes; 204 has none."""
        if self.status == 204:  # noqa: PLR2004 (the status's own number reads best)
            return b""
        if isinstance(self.body, bytes):
            return self.body
        return dump(self.body)


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(text)
    return value


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _is_deep(value: object) -> bool:
    """Whether a value is nested deeper than `DEEPEST`, found level by level, so without recursion."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True


def load(body: bytes | str) -> object:
    """Read JSON that can be written again; ValueError for NaN, infinite numbers, bad text, or too deep a nest."""
    try:
        value: object = json.loads(body, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError as deep:
        raise ValueError("nested too deep") from deep
    if _is_deep(value):
        raise ValueError("nested too deep")
    return value


_ENCODE = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode


def dump(value: object) -> bytes:
    """Write JSON in ASCII, so that no text a client sent, lone surrogates included, can fail to be sent."""
    return _ENCODE(value).encode()


def ok(body: object) -> Reply:
    """Return a 200 with this JSON value."""
    return Reply(200, body)


CUT = Reply(0, None)
"""No answer at all: the connection is closed without a byte."""
