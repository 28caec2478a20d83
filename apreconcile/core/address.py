"""An address names one thing of a spec for as long as the spec names it: `number.support-main`."""

from __future__ import annotations

import re
from dataclasses import dataclass

KEY = re.compile(r"[a-z0-9][a-z0-9-]*")
_WORDS = frozenset({"true", "false", "null"})
"""What a spec does not read as text, as numbers."""


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """`kind` is a word of the table of kinds; `key` is the key in the spec, `[a-z0-9][a-z0-9-]*`."""

    kind: str
    key: str

    def __str__(self) -> str:
        return f"{self.kind}.{self.key}"

    @property
    def written(self) -> str:
        """The key as a spec has it: in quotes where it would be no text, as in `"14155550100"`."""
        return f'"{self.key}"' if self.key[:1].isdigit() or self.key in _WORDS else self.key

    @classmethod
    def parse(cls, text: str) -> Address | None:
        """The address that `text` spells, or None."""
        kind, dot, key = text.partition(".")
        return cls(kind, key) if dot and kind.isalpha() and KEY.fullmatch(key) else None
