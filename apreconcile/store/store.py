"""A store keeps one state document and changes it by one compare-and-swap; lock, intents and ledger are inside."""

from __future__ import annotations

from typing import Protocol, TypeAlias

from apreconcile.core.errors import ConflictError
from apreconcile.core.state import State

Version: TypeAlias = str
"""Names exactly one content that was once stored. Only the store that gave it can read it."""


class Store(Protocol):
    """The home of one document. Raises StoreError where it cannot be reached, read or written."""

    @property
    def place(self) -> str:
        """Where the document is, as a person would look for it."""
        ...

    async def read(self) -> tuple[State | None, Version]:
        """The document, or None if there is none yet, and its version."""
        ...

    async def neighbours(self) -> tuple[str, ...]:
        """The other environments of its project that have a document in the same place, sorted."""
        ...

    async def swap(self, state: State, version: Version) -> tuple[State, Version]:
        """Replace the document that has this version, and give back what was written, durable by now.

        The serial is counted up, the write gets an id of its own, and a first document its random id. Raises
        ConflictError, and writes nothing, if the document has another version by now.
        """
        ...


def conflict(place: str) -> ConflictError:
    """What a swap raises where the document has another version by now."""
    hint = "another run is at work on it; wait for it, then plan again"
    return ConflictError(f"{place} was written by somebody else", hint=hint)
