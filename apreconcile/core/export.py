"""An export is the live account as a spec with `import:` lines: planning it changes nothing but adopting.

Ordered by name and id, so that exporting twice gives the same bytes. What equals the documented default is left out:
left out is left alone. Header values become `${env.NAME}`. With environments the `import:` lines are in one of them,
since an id is of one account, and the rest is the base.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from .address import Address
from .call import Secret, replace_at, replace_holes
from .diff import hidden_in
from .elsewhere import Elsewhere
from .kind import Default, Fixed, Items, Kind, Refers, Wish
from .marker import MARK
from .shelf import Shelf
from .snapshot import Seen, Snapshot
from .state import Resource
from .wanted import Environment
from .wire import Wire
from .writing import Variables, escaped, spec_text

Tree = dict[str, Wire]
Known = Mapping[tuple[str, str], tuple[Address, Resource]]
"""What state remembers of live things, by kind and id."""
_LONGEST = 40
"""Characters of a key that is made of a name: cut between words, so that it reads as some."""
_UNSAYABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""What no spec may hold: control characters, halves of characters, and what is no character."""


@dataclass(frozen=True, slots=True)
class Exported:
    """The spec as a tree, the environment variables that it reads, and what could not be exported.

    `ids` says which live thing each address is. `files` are the texts that it names by `{file: …}`, each with its
    content, relative to the folder of the spec.
    """

    document: Mapping[str, Wire]
    names: tuple[str, ...]
    warnings: tuple[str, ...]
    ids: Mapping[Address, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The spec as YAML."""
        return spec_text(self.document)


def export(
    snapshot: Snapshot,
    kinds: Sequence[Kind],
    *,
    project: str,
    environment: str = "default",
    known: Known | None = None,
    elsewhere: Elsewhere | None = None,
    environments: Sequence[Environment] = (),
    state: Mapping[str, Wire] | None = None,
    prompts: str | None = None,
) -> Exported:
    """The spec of a whole account. `project` names it; what is another project's or environment's is left out.

    `known` is what state remembers of live things, by kind and id: they keep their keys and their secrets. `elsewhere`
    is what other environments hold. `environments` are those of the spec, the account's own first; `state` is what it
    says of its store. With `prompts`, a folder beside the spec with `/` between its parts, long texts become files in
    it.
    """
    shelf, known = Shelf(prompts), known or {}
    sections: dict[str, Tree] = {}
    names: list[str] = []
    ids: dict[Address, str] = {}
    keys: dict[tuple[str, str], str] = {}
    foreign, warnings = _foreign(snapshot, kinds, f"{MARK}{project}/{environment}/", known, elsewhere or Elsewhere())
    for kind in kinds:
        ordered = sorted(snapshot.of(kind.name), key=lambda seen: (seen.parent or "", kind.label(seen), seen.id))
        held = [seen for seen in ordered if (seen.kind, seen.id) not in foreign and _parent_is_exported(seen, keys)]
        named: dict[str, Seen] = {}
        ours = {at.key for at, _ in known.values() if at.kind == kind.name}
        for seen in held:
            at, _ = known.get((seen.kind, seen.id), (None, None))
            marked = _marked_key(kind, seen, project, environment)
            key = at.key if at else _key(_named(kind, seen, keys), {*named, *ours}, taken=marked)
            named[key], keys[seen.kind, seen.id] = seen, key
        entries: Tree = {}
        for key, seen in sorted(named.items()):  # whatever ids the account gave: an account like it reads the same
            ids[kind.address(key)] = seen.id
            _, memory = known.get((seen.kind, seen.id), (None, None))
            secrets = _Secrets(key, memory, Variables(names))
            sayable, unsaid = _sayable(kind, kind.shown(seen))
            warnings += [f"{kind.name}.{key}: {name} is left out: no spec could say it" for name in unsaid]
            protect: Tree = {"protect": True} if memory and memory.protect else {}
            entry = shelf.without_prose(kind, key, _entry(kind, seen, sayable, keys, secrets))
            entries[key] = {**entry, **protect}
        if entries:
            sections[kind.plural] = entries
    document: Tree = {"version": 1, "project": project, **({"state": dict(state)} if state else {})}
    document |= _divided(sections, environments) if environments else sections
    return Exported(document, tuple(dict.fromkeys(names)), tuple(warnings), ids, shelf.files)


def _divided(sections: Mapping[str, Tree], environments: Sequence[Environment]) -> Tree:
    """The base without its `import:` lines, and the environments, the first of which has them."""
    base = {
        plural: {
            key: {name: said for name, said in entry.items() if name != "import"} for key, entry in entries.items()
        }
        for plural, entries in sections.items()
    }
    imports = {
        plural: {key: {"import": entry["import"]} for key, entry in entries.items()}
        for plural, entries in sections.items()
    }
    own, *others = environments
    return {**base, "environments": {own.name: {**own.said, **imports}, **{one.name: one.said for one in others}}}


def _foreign(
    snapshot: Snapshot, kinds: Sequence[Kind], ours: str, known: Known, elsewhere: Elsewhere
) -> tuple[set[tuple[str, str]], list[str]]:
    """What is somebody else's by its marker or by another state, and what such a thing hangs on: no import takes it."""
    foreign: set[tuple[str, str]] = set()
    warnings = []
    for kind in kinds:
        for seen in snapshot.of(kind.name):
            tag, holder = kind.marker(seen), elsewhere.holder(seen)
            marked = tag is not None and tag.startswith(MARK) and not tag.startswith(ours)
            if (seen.kind, seen.id) in known or not (marked or holder):
                continue
            foreign.add((seen.kind, seen.id))
            why = f"it is {holder}" if holder else f"it carries the marker {tag!r}"
            warnings.append(f"{kind.name} {seen.id} is left out: {why}")
            hung = [one for one in snapshot.listed if marked and one.id == kind.hangs_on(seen)]
            parents = {(one.kind, one.id) for one in hung if elsewhere.holder(one) is None} - known.keys()
            foreign |= parents
            warnings += [f"{name} {ident} is left out: it holds {kind.label(seen)}" for name, ident in parents]
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
    whole = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    short = whole if len(whole) <= _LONGEST else whole[: _LONGEST + 1].rpartition("-")[0] or whole[:_LONGEST]
    slug = taken or short or "unnamed"
    count, key = 1, slug
    while key in used:
        count += 1
        key = f"{slug}-{count}"
    return key


@dataclass(frozen=True, slots=True)
class _Secrets:
    """Names the environment variables of one resource's secrets, each once."""

    key: str
    held: Resource | None
    variables: Variables

    def knows(self, field: str) -> bool:
        """Whether a whole field is a secret."""
        return bool(self.held and field in self.held.fields and self.held.fields[field].secret)

    def parts(self, field: str) -> tuple[str, ...]:
        """Where secrets are inside a list of items."""
        return self.held.fields[field].parts if self.held and field in self.held.fields else ()

    def variable(self, *words: str) -> str:
        """`${env.NAME}` for a secret of this resource."""
        return self.variables.variable(self.key, *words)


def _sayable(kind: Kind, live: Mapping[str, Wire]) -> tuple[Tree, list[str]]:
    """The live values that the kind's model accepts, and the names of those that it does not.

    The API may know more than this program: a new language, a key that it adds to a tool.
    """
    asked = {name: value for name, value in live.items() if value not in (None, "", []) and not kind.mark(name, Refers)}
    unsaid = [name for name, value in asked.items() if _UNSAYABLE.search(_text_in(value))]
    for name in unsaid:
        del asked[name]
    while refused := _refused(kind, asked):
        unsaid.append(_without(asked, refused))
    references = {name: value for name, value in live.items() if kind.mark(name, Refers)}
    return asked | references, unsaid


def _text_in(value: Wire) -> str:
    """All the text in a value."""
    if isinstance(value, Mapping):
        return "".join(_text_in(one) for pair in value.items() for one in pair)
    return "".join(map(_text_in, value)) if isinstance(value, list) else str(value)


def _refused(kind: Kind, asked: Tree) -> tuple[int | str, ...]:
    """Where the model first refuses one of these values; empty if it accepts them, or misses one."""
    try:
        kind.spec.model_validate(asked)
    except ValidationError as problem:
        return next((one["loc"] for one in problem.errors() if one["loc"] and one["loc"][0] in asked), ())
    return ()


def _without(asked: Tree, loc: tuple[int | str, ...]) -> str:
    """Take away a key of an item, or else the whole field; its name."""
    field, *inner = map(str, loc)
    if len(inner) > 1 and inner[1] in asked[field][int(inner[0])]:
        item = asked[field][int(inner[0])]
        rest = {key: value for key, value in item.items() if key != inner[1]}
        asked[field] = [rest if one is item else one for one in asked[field]]
        return f"{field}[{inner[0]}].{inner[1]}"
    del asked[field]
    return field


def _entry(kind: Kind, seen: Seen, live: Tree, keys: Mapping[tuple[str, str], str], secrets: _Secrets) -> Tree:
    """One resource as the spec would say it."""
    entry: Tree = {"import": seen.id}
    for name in kind.marks:
        refers, default = kind.mark(name, Refers), kind.mark(name, Default)
        value = live.get(name)
        if refers:
            ident = seen.parent if kind.single else value
            if ident and (refers.kind, ident) in keys:
                entry[name] = keys[refers.kind, ident]
        elif value in (None, "", []) or kind.mark(name, Wish):
            continue
        elif secrets.knows(name):
            entry[name] = secrets.variable(name)
        elif kind.mark(name, Fixed) or default is None or value != default.value:
            entry[name] = _value(value, kind.mark(name, Items), name, secrets)
    return entry


def _value(value: Wire, items: Items | None, field: str, secrets: _Secrets) -> Wire:
    """A live value as YAML that reads back as the same; secrets as the variables that have to hold them."""
    if items and isinstance(value, list):
        return [_item(one, items, field, secrets) for one in value]
    return escaped(value)


def _item(one: Wire, items: Items, field: str, secrets: _Secrets) -> Wire:
    """One item of a list: its masked map, and what was secret in it, as variables."""
    if not isinstance(one, Mapping):
        return one
    tool = str(one.get(items.key))
    hidden = hidden_in(secrets.parts(field), tool)
    plain: Tree = {}
    for name, value in one.items():
        if value is None or (name == items.masked and not value):
            continue
        if name == items.masked and isinstance(value, Mapping):
            plain[name] = {key: secrets.variable(tool, key) if text else text for key, text in value.items()}
        else:
            plain[name] = _shown(name, value, hidden, secrets, tool)
    return plain


def _shown(name: str, value: Wire, hidden: frozenset[str], secrets: _Secrets, tool: str) -> Wire:
    """One value of an item, with what was secret in it as variables."""
    concealed = escaped(replace_at({name: value}, hidden, lambda _: Secret("")))
    return replace_holes(concealed, lambda _: secrets.variable(tool, name))[name]
