"""The shape of a kind's spec is its model's JSON Schema; this is what it says about any field, however deep."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeAlias

from apreconcile.core.kind import Spec

from .tree import Path

Shape: TypeAlias = Mapping[str, Any]
"""A JSON Schema, of which pydantic's dialect is enough."""


@cache
def shape(spec: type[Spec]) -> Shape:
    """The JSON Schema of a model."""
    return spec.model_json_schema()


def at(spec: type[Spec], path: Path) -> Shape:
    """What the model says about the value on this way; empty where it says nothing."""
    whole = shape(spec)
    here: Shape = whole
    for part in path:
        if isinstance(part, int):
            below = here.get("items", {})
        else:
            more = here.get("additionalProperties")
            below = here.get("properties", {}).get(part, more if isinstance(more, dict) else {})
        here = _plain(whole, below)
    return here


def allows_null(spec: type[Spec], path: Path) -> bool:
    """Whether null is as good as any other value there: the model does not say what belongs there."""
    return not at(spec, path).keys() & {"type", "enum", "const", "anyOf"}


def is_text(spec: type[Spec], path: Path) -> bool:
    """Whether free text belongs there, so that a file may hold it."""
    here = at(spec, path)
    return here.get("type") == "string" and not _choices(here)


def choices(spec: type[Spec], path: Path) -> tuple[str, ...]:
    """The words that are allowed there; empty if not only certain words are."""
    return _choices(at(spec, path))


def fields(spec: type[Spec], path: Path) -> tuple[str, ...]:
    """The fields that a map there has."""
    return tuple(at(spec, path).get("properties", {}))


def _choices(here: Shape) -> tuple[str, ...]:
    listed = here.get("enum", [here["const"]] if "const" in here else [])
    return tuple(str(choice) for choice in listed)


def _plain(whole: Shape, here: Shape) -> Shape:
    """The schema without null as an alternative and with references followed."""
    others = [other for other in here.get("anyOf", ()) if other.get("type") != "null"]
    if len(others) == 1:
        here = {**{name: value for name, value in here.items() if name != "anyOf"}, **others[0]}
    if "$ref" in here:
        name = str(here["$ref"]).rpartition("/")[2]
        return {**_plain(whole, whole["$defs"][name]), **{key: here[key] for key in here if key != "$ref"}}
    return here
