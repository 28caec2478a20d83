"""An export is the live account as a spec with `import:` lines: planning it changes nothing but adopting.

Ordered by name and id, so that exporting twice gives the same bytes. What equals the documented default is left out:
left out is left alone. Header values become `${env.NAME}`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .kind import Default, Fixed, Items, Kind, Refers, Wish
from .match import MARK
from .snapshot import Seen, Snapshot
from .wire import Wire
from .writing import spec_text

Tree = dict[str, Wire]


@dataclass(frozen=True, slots=True)
class Exported:
    """The spec as a tree, the environment variables that it reads, and what could not be exported."""

    document: Mapping[str, Wire]
    names: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def text(self) -> str:
        """The spec as YAML."""
        return spec_text(self.document)


def export(snapshot: Snapshot, kinds: Sequence[Kind], *, project: str, environment: str = "default") -> Exported:
    """The spec of a whole account. `project` names it; things that carry another project's marker are left out."""
    document: Tree = {"version": 1, "project": project}
    names: list[str] = []
    keys: dict[tuple[str, str], str] = {}
    foreign, warnings = _foreign(snapshot, kinds, f"{MARK}{project}/{environment}/")
    for kind in kinds:
        ordered = sorted(snapshot.of(kind.name), key=lambda seen: (seen.parent or "", kind.label(seen), seen.id))
        held = [seen for seen in ordered if (seen.kind, seen.id) not in foreign and _parent_is_exported(seen, keys)]
        entries: Tree = {}
        for seen in held:
            key = _key(_named(kind, seen, keys), set(entries), taken=_marked_key(kind, seen, project, environment))
            keys[seen.kind, seen.id] = key
            entries[key] = _entry(kind, seen, key, keys, names)
        if entries:
            document[kind.plural] = entries
    return Exported(document, tuple(dict.fromkeys(names)), tuple(warnings))


def _foreign(snapshot: Snapshot, kinds: Sequence[Kind], ours: str) -> tuple[set[tuple[str, str]], list[str]]:
    """What carries another project's marker, and what such a thing hangs on: it cannot be imported."""
    foreign: set[tuple[str, str]] = set()
    warnings = []
    for kind in kinds:
        for seen in snapshot.of(kind.name):
            tag = kind.marker(seen)
            if tag and tag.startswith(MARK) and not tag.startswith(ours):
                foreign.add((seen.kind, seen.id))
                parents = {one for one in snapshot.listed if one.id == kind.hangs_on(seen)}
                foreign |= {(one.kind, one.id) for one in parents}
                warnings.append(f"{kind.name} {seen.id} is left out: it carries the marker {tag!r}")
                warnings += [f"{one.kind} {one.id} is left out: it holds {kind.label(seen)}" for one in parents]
    return foreign, sorted(set(warnings))


def _parent_is_exported(seen: Seen, keys: Mapping[tuple[str, str], str]) -> bool:
    return seen.parent is None or any(ident == seen.parent for _, ident in keys)


def _named(kind: Kind, seen: Seen, keys: Mapping[tuple[str, str], str]) -> str:
    """What a key is made of: a webhook is named for its agent, everything else for what people call it."""
    if not kind.single:
        return kind.label(seen)
    return keys[str(kind.parent), seen.parent] if seen.parent else "project"


def _marked_key(kind: Kind, seen: Seen, project: str, environment: str) -> str | None:
    """The key that its own marker names: an address that is ours already."""
    tag = kind.marker(seen) or ""
    ours = f"{MARK}{project}/{environment}/"
    return tag.removeprefix(ours) if tag.startswith(ours) else None


def _key(text: str, used: set[str], *, taken: str | None) -> str:
    """A key of the spec, `[a-z0-9][a-z0-9-]*`, not used before."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    slug = taken or re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "unnamed"
    count, key = 1, slug
    while key in used:
        count += 1
        key = f"{slug}-{count}"
    return key


def _entry(kind: Kind, seen: Seen, key: str, keys: Mapping[tuple[str, str], str], names: list[str]) -> Tree:
    """One resource as the spec would say it."""
    entry: Tree = {"import": seen.id}
    live = kind.shown(seen)
    for name in kind.marks:
        refers, default = kind.mark(name, Refers), kind.mark(name, Default)
        value = live.get(name)
        if refers:
            ident = seen.parent if kind.single else value
            if ident and (refers.kind, ident) in keys:
                entry[name] = keys[refers.kind, ident]
        elif value in (None, "", []) or kind.mark(name, Wish):
            continue
        elif kind.mark(name, Fixed) or default is None or value != default.value:
            entry[name] = _value(value, kind.mark(name, Items), key, names)
    return entry


def _value(value: Wire, items: Items | None, key: str, names: list[str]) -> Wire:
    """A live value as YAML that reads back as the same; secrets as the variables that have to hold them."""
    if items and isinstance(value, list):
        return [_item(one, items, key, names) for one in value]
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, Mapping):
        return {name: _value(one, None, key, names) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_value(one, None, key, names) for one in value]
    return value


def _item(one: Wire, items: Items, key: str, names: list[str]) -> Wire:
    if not isinstance(one, Mapping):
        return one
    plain = {name: _value(value, None, key, names) for name, value in one.items() if value is not None}
    held = one.get(items.masked)
    if isinstance(held, Mapping) and held:
        hidden = {}
        for header in held:
            words = f"{key}_{one.get(items.key)}_{header}"
            variable = re.sub(r"[^A-Z0-9]+", "_", words.upper()).strip("_")
            variable = f"_{variable}" if variable[:1].isdigit() else variable
            names.append(variable)
            hidden[header] = f"${{env.{variable}}}"
        plain[items.masked] = hidden
    else:
        plain.pop(items.masked, None)
    return plain
