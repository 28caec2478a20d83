"""A tree is one YAML document as plain values, each with the place where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from apreconcile.core.place import Place

Plain: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value. `text` is how it was written; `end` is the line and column just behind it."""

    value: Plain
    place: Place
    text: str
    end: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """A value under a key; `place` is the key's."""

    place: Place
    node: Node


@dataclass(frozen=True, slots=True)
class Table:
    """A map, in the order of the text."""

    entries: Mapping[str, Entry]
    place: Place


@dataclass(frozen=True, slots=True)
class Array:
    """A list."""

    items: tuple[Node, ...]
    place: Place


Node: TypeAlias = Scalar | Table | Array

Path: TypeAlias = tuple[str | int, ...]
"""The way from a map of fields to a value in it: `("customTools", 1, "url")`."""


def spell(path: Path) -> str:
    """The path as a person writes it: `customTools[1].url`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")


def scalars(node: Node) -> Iterator[Scalar]:
    """Every single value in a tree."""
    if isinstance(node, Scalar):
        yield node
    elif isinstance(node, Array):
        for item in node.items:
            yield from scalars(item)
    else:
        for entry in node.entries.values():
            yield from scalars(entry.node)


def find(entries: Mapping[str, Entry], path: Path) -> tuple[Place, Node]:
    """The deepest value on a way into a non-empty map of fields that exists, with the place of the key that names it.

    Raises KeyError if already the first part is missing.
    """
    first = entries[str(path[0])]
    place, node = first.place, first.node
    for part in path[1:]:
        if isinstance(node, Table) and part in node.entries:
            entry = node.entries[str(part)]
            place, node = entry.place, entry.node
        elif isinstance(node, Array) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
            place = node.place
        else:
            break
    return place, node
