"""No secret survives a text that went through here: neither the key nor one of the spec, nor what looks like one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from urllib.parse import quote

MASK = "***"
_SHORTEST = 4
SHAPES = re.compile(r"(?:whsec_|sk_live_)[^\s\"'\\,;<>]+")
"""What looks like a secret of the vendor's."""


class Masking:
    """Masks known secret texts, as they are or as JSON and URLs spell them, and whatever has a shape of the vendor's.

    Texts of fewer than four characters are left: masking them would garble every message and tell what they are.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        spellings = {spelling for secret in secrets for spelling in _spellings(secret) if len(spelling) >= _SHORTEST}
        longest_first = sorted(spellings, key=lambda text: (-len(text), text))
        self._known = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __repr__(self) -> str:
        return f"Masking({MASK})"

    def __call__(self, text: str) -> str:
        """The text with every secret replaced."""
        known = self._known.sub(MASK, text) if self._known else text
        return SHAPES.sub(MASK, known)


def _spellings(secret: str) -> set[str]:
    in_json = {json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    return {secret, secret.strip(), quote(secret, safe="", errors="replace")} | in_json
