"""What the live account showed, as wire JSON: complete lists, the slots that were read, and the things read by id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .wire import Wire


@dataclass(frozen=True, slots=True)
class Seen:
    """One live thing. `parent` is the id of the agent whose webhook it is."""

    kind: str
    id: str
    body: Mapping[str, Wire] = field(repr=False)
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`listed` has every agent and number, and each webhook of `slots`, sorted by (kind, id).

    `slots` are the parents whose webhook slot was read (None is the project's). `singles` are things of ours that the
    list lacks, read by id: the body, or None for a 404. `paged` if a list had pages, between which it may have changed.
    """

    listed: tuple[Seen, ...] = ()
    slots: frozenset[str | None] = frozenset()
    singles: Mapping[tuple[str, str], Seen | None] = field(default_factory=dict)
    paged: bool = False
    _ids: Mapping[tuple[str, str], Seen] = field(init=False, repr=False, compare=False)
    _slots: Mapping[tuple[str, str | None], Seen] = field(init=False, repr=False, compare=False)
    _kinds: Mapping[str, tuple[Seen, ...]] = field(init=False, repr=False, compare=False)
    _phones: Mapping[tuple[str, str], Seen] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ids", {(seen.kind, seen.id): seen for seen in self.listed})
        object.__setattr__(self, "_slots", {(seen.kind, seen.parent): seen for seen in self.listed})
        kinds: dict[str, list[Seen]] = {}
        for seen in self.listed:
            kinds.setdefault(seen.kind, []).append(seen)
        object.__setattr__(self, "_kinds", {kind: tuple(several) for kind, several in kinds.items()})
        phones = {(seen.kind, str(seen.body.get("phoneNumber"))): seen for seen in self.listed}
        object.__setattr__(self, "_phones", phones)

    def of(self, kind: str) -> tuple[Seen, ...]:
        """Everything listed of one kind."""
        return self._kinds.get(kind, ())

    def get(self, kind: str, ident: str) -> Seen | None:
        """The listed thing with this id."""
        return self._ids.get((kind, ident))

    def named(self, kind: str, text: str) -> Seen | None:
        """The listed thing with this id or E.164."""
        return self.get(kind, text) or (self._phones.get((kind, text)) if text.startswith("+") else None)

    def slot(self, kind: str, parent: str | None) -> Seen | None:
        """What stands in a slot."""
        return self._slots.get((kind, parent))
