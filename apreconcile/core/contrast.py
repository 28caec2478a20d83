"""Two environments of a spec side by side: which addresses only one of them has, and in what the others differ.

Nothing of any account is known here. A secret is compared, and never shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .address import Address
from .call import IdOf, has_secret
from .change import FieldDiff
from .diff import item_fields
from .kind import Items, Kind
from .planfile import field_json
from .wanted import Manifest, Wanted
from .wire import Wire

FORMAT = "apreconcile.diff/1"
LEFT_OUT = "(left out)"
"""What stands for a field that one of two does not name: it is left alone there, which null is not."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """One address: only in the first (`a`), only in the second (`b`), or in both, with the fields that differ."""

    address: Address
    where: str
    fields: tuple[FieldDiff, ...] = ()


def contrast(one: Manifest, other: Manifest, kinds: Sequence[Kind]) -> tuple[Contrast, ...]:
    """Every address in which two environments differ, in the order of the kinds and keys."""
    by_name = {kind.name: kind for kind in kinds}
    rank = {kind.name: index for index, kind in enumerate(kinds)}
    found = []
    for at in sorted({*one.by_address, *other.by_address}, key=lambda at: (rank[at.kind], at.key)):
        a, b = one.by_address.get(at), other.by_address.get(at)
        if a is None or b is None:
            found.append(Contrast(at, "b" if a is None else "a"))
        elif fields := tuple(_fields(by_name[at.kind], a, b)):
            found.append(Contrast(at, "both", fields))
    return tuple(found)


def to_json(one: str, other: str, project: str, found: Sequence[Contrast]) -> dict[str, Wire]:
    """The document of a comparison of two environments, by their names."""
    differences = [
        {"address": str(each.address), "in": each.where, "fields": [_field(diff) for diff in each.fields]}
        for each in found
    ]
    return {"format": FORMAT, "project": project, "a": one, "b": other, "differences": differences}


def _field(diff: FieldDiff) -> dict[str, Wire]:
    shown = field_json(diff)
    return {"field": shown["field"], "a": shown["before"], "b": shown["after"]} | (
        {"secret": True} if "secret" in shown else {}
    )


def _fields(kind: Kind, one: Wanted, other: Wanted) -> Iterator[FieldDiff]:
    a, b = _said(one), _said(other)
    for name in [*kind.marks, *(name for name in {**a, **b} if name not in kind.marks)]:
        before, after = a.get(name, LEFT_OUT), b.get(name, LEFT_OUT)
        items = kind.mark(name, Items)
        if before == after:
            continue
        if items and isinstance(before, list) and isinstance(after, list):
            yield from item_fields(name, items, after, {tool[items.key]: tool for tool in before})
        else:
            yield FieldDiff(name, before, after, secret=has_secret(before) or has_secret(after))


def _said(wanted: Wanted) -> Mapping[str, Wire]:
    """All that the spec says of an address, as it is compared: references as addresses."""
    fields = {name: str(value.address) if isinstance(value, IdOf) else value for name, value in wanted.fields.items()}
    beside = {
        "agent": str(wanted.parent) if wanted.parent else None,
        "import": wanted.imports,
        "protect": wanted.protect,
        "secret": str(wanted.sink) if wanted.sink else None,
    }
    return {**fields, **{name: value for name, value in beside.items() if value is not None}}
