"""An overlay is laid over the base here: maps merge by key, anything else replaces; null is a value like any other.

Every value keeps the place where it was written, so that what is wrong with it is told there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from apreconcile.core.kind import Kind
from apreconcile.core.wanted import Wanted, named_after

from .document import Document
from .environments import Overlay
from .tree import Entry, Table

WHOLE = frozenset({"writeTo"})
"""Maps that are one value: of a sink of one sort and one of another no sink could be made."""


def laid_over(document: Document, overlay: Overlay | None, kinds: Sequence[Kind]) -> Document:
    """The document of one environment; the base itself where there are none."""
    if overlay is None:
        return document
    kept = {
        kind.plural: {
            key: entry
            for key, entry in document.sections[kind.plural].items()
            if kind.address(key) not in overlay.excluded
        }
        for kind in kinds
    }
    sections = {plural: _merged(entries, overlay.sections.get(plural, {})) for plural, entries in kept.items()}
    return replace(document, variables=_merged(document.variables, overlay.variables), sections=sections)


def own_name(wanted: Wanted, environment: str) -> Wanted:
    """The same with the instance in its name: what has no marker is known by its name, also in a shared account."""
    name = wanted.fields.get("name")
    return replace(wanted, fields={**wanted.fields, "name": named_after(str(name), environment)}) if name else wanted


def _merged(base: Mapping[str, Entry], over: Mapping[str, Entry]) -> dict[str, Entry]:
    both = {name: _one(name, base[name], entry) for name, entry in over.items() if name in base}
    return {**base, **over, **both}


def _one(name: str, base: Entry, over: Entry) -> Entry:
    if not isinstance(base.node, Table) or not isinstance(over.node, Table) or name in WHOLE:
        return over
    merged = _merged(base.node.entries, over.node.entries)
    return Entry(base.place, Table(merged, base.node.place))
