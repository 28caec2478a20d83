"""An answer before it is bytes: a status, a JSON value (or raw bytes), headers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field


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


def dump(value: object) -> bytes:
    """Write JSON in ASCII, so that no text a client sent, lone surrogates included, can fail to be sent."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def ok(body: object) -> Reply:
    """Return a 200 with this JSON value."""
    return Reply(200, body)


CUT = Reply(0, None)
"""No answer at all: the connection is closed without a byte."""
