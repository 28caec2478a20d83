"""Names that the sandbox gives: cuid-like ids, webhook secrets, and accounts instead of keys."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from itertools import count

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_TURN = count(int.from_bytes(os.urandom(2), "big"))


def _base36(value: int, width: int) -> str:
    text = ""
    for _ in range(width):
        value, digit = divmod(value, 36)
        text = _DIGITS[digit] + text
    return text


_HOUSE = _base36(int.from_bytes(os.urandom(4), "big"), 4)


def new_id() -> str:
    """Return an id as the live service makes them: a prefix-less cuid of 25 characters (3P-live)."""
    chance = int.from_bytes(os.urandom(8), "big")
    return f"c{_base36(int(time.time() * 1000), 8)}{_base36(next(_TURN), 4)}{_HOUSE}{_base36(chance, 8)}"


def new_secret() -> str:
    """Return a fresh webhook signing secret; the prefix is S-SKILL's."""
    return f"whsec_{secrets.token_hex(24)}"


def account_of(token: str) -> str:
    """Return the name under which a bearer token's account is kept and shown: 12 hex digits of its sha256."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()[:12]
