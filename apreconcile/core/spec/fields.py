"""One map of fields becomes plain values here: variables filled in, files read, secrets remembered by their path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from apreconcile.core import phone
from apreconcile.core.address import Address
from apreconcile.core.call import Secret
from apreconcile.core.errors import Error
from apreconcile.core.kind import ClearsWith, Fixed, Items, Kind, Phone, Refers, Wish
from apreconcile.core.place import Place
from apreconcile.core.wire import Wire

from .findings import Findings
from .shape import allows_null, choices, fields, is_text
from .tree import Array, Entry, Node, Path, Scalar, Table, spell
from .variables import Scope, meant

ReadFile = Callable[[str, str], str]
"""The text of the file that a spec file names, from (spec file, path); raises Error if it cannot be used."""

ANY = ("import", "protect")
"""What every resource can say beside the fields of its kind."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What is at hand while a spec is read. `keys` has every key by kind; it is None if not all files could be read.

    `excluded` are the addresses that this environment leaves out, with the place that says so.
    """

    findings: Findings
    scope: Scope
    read_file: ReadFile
    keys: Mapping[str, Mapping[str, Entry]] | None
    excluded: Mapping[Address, Place] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fields:
    """Plain values by field, the secrets among them by path, and the paths whose problem is told already."""

    subject: str
    entries: Mapping[str, Entry]
    values: dict[str, Wire] = field(default_factory=dict)
    secrets: dict[Path, Secret] = field(default_factory=dict)
    told: set[Path] = field(default_factory=set)
    inherited: frozenset[str] = frozenset()
    """The fields that come from defaults, whose own problems are told there."""
    protect: bool | None = None

    def over(self, base: Fields) -> Fields:
        """These fields, and those of the base that they do not name."""
        inherited = {path: secret for path, secret in base.secrets.items() if path[0] not in self.entries}
        told = {path for path in base.told if path[0] not in self.entries}
        return Fields(
            self.subject,
            {**base.entries, **self.entries},
            {**base.values, **self.values},
            {**inherited, **self.secrets},
            told | self.told,
            frozenset(base.entries.keys() - self.entries.keys()),
            base.protect if self.protect is None else self.protect,
        )


def read_fields(kind: Kind, subject: str, entries: Mapping[str, Entry], desk: Desk) -> Fields:
    """The fields of a map in a spec, or of a kind's defaults."""
    entries = dict(entries)
    said = entries.pop("protect", None)
    read = Fields(subject, entries, protect=_protect(said.node, f"{subject}: protect", desk) if said else None)
    for name, entry in entries.items():
        _Reading(kind, desk, read).field(name, entry.node)
    return read


def _protect(node: Node, subject: str, desk: Desk) -> bool | None:
    """Whether `protect:` says true or false; None, and a problem, if it says neither."""
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        return node.value
    text = node.text if isinstance(node, Scalar) and isinstance(node.value, str) else ""
    hint = "a variable gives text: write the value itself" if "${" in text else "write true or false, without quotes"
    if isinstance(node, Scalar) and node.value is None:
        hint = "write true or false; left out, the protection stays as it is"
    desk.findings.add(node.place, "must be true or false", subject=subject, hint=hint)
    return None


@dataclass(frozen=True, slots=True)
class _Reading:
    """One kind's fields being read into `read`."""

    kind: Kind
    desk: Desk
    read: Fields

    def field(self, name: str, node: Node) -> None:
        """Read one field."""
        self.read.values[name] = self.value(node, (name,))

    def value(self, node: Node, path: Path) -> Wire:
        """The plain value of a node, what is wrong with it being told."""
        if isinstance(node, Table):
            file = self.file(node, path)
            return self.table(node, path) if file is None else self.text(file, node.place, path)
        if isinstance(node, Array):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.items)]
        if node.value is None:
            return self.null(node, path)
        if isinstance(node.value, str):
            filled = self.desk.scope.text(node, self.subject(path)) if "${" in node.value else node.value
            return self.gap(path) if filled is None else self.text(filled, node.place, path)
        return node.value

    def table(self, node: Table, path: Path) -> dict[str, Wire]:
        """A map, whose keys are taken as they are."""
        for name, entry in node.entries.items():
            if "${var." in name or "${env." in name:
                hint = "write the key out"
                self.tell(entry.place, path, "variables are filled into values, not into keys", hint)
        return {name: self.value(entry.node, (*path, name)) for name, entry in node.entries.items()}

    def file(self, node: Table, path: Path) -> str | Secret | None:
        """The text of `{file: PATH}`; None if this map is none."""
        entry = node.entries.get("file")
        if len(node.entries) != 1 or entry is None or not is_text(self.kind.spec, path):
            return None
        where = entry.node
        if not isinstance(where, Scalar) or not isinstance(where.value, str) or not where.value:
            self.tell(where.place, path, "`file` takes the path of a file", "write {file: PATH}")
            return self.gap(path)
        name = self.desk.scope.text(where, self.subject(path))
        if isinstance(name, Secret):
            self.tell(where.place, path, "the path of a file cannot be a secret", "use ${var.NAME}, or write it out")
        if not isinstance(name, str):
            return self.gap(path)
        try:
            text = self.desk.read_file(where.place.file, name)
        except Error as error:
            self.tell(where.place, path, error.message, error.hint or "")
            return self.gap(path)
        return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text

    def null(self, node: Scalar, path: Path) -> None:
        """Null, which only some fields can be."""
        name = str(path[0])
        known = len(path) > 1 or name in self.kind.marks
        clears = self.kind.mark(name, ClearsWith) is not None if len(path) == 1 else allows_null(self.kind.spec, path)
        if known and not clears:
            message = "has no value" if not node.text else "cannot be null"
            self.tell(node.place, path, message, "leave it out")
            self.read.told.add(path)

    def text(self, value: str | Secret, place: Place, path: Path) -> str:
        """Text that may be a secret, which not every field can be."""
        text = value.text if isinstance(value, Secret) else value
        if self.kind.mark(str(path[0]), Phone) and len(path) == 1:
            text = phone.normal(text)
        secret = replace(value, text=text) if isinstance(value, Secret) else Secret(text)
        if is_masked(self.kind, path):
            self.read.secrets[path] = secret
        elif isinstance(value, Secret) and self.shown(path):
            message = f"`${{env.{value.names[0]}}}` makes this a secret, but plans show it"
            self.tell(place, path, message, "use ${var.NAME}, or write it out")
            return str(self.gap(path))
        elif isinstance(value, Secret):
            self.read.secrets[path] = secret
        return text

    def shown(self, path: Path) -> bool:
        """Whether the value names something or picks from a few, so that it cannot be hidden."""
        name = str(path[0])
        if len(path) > 1:
            items = self.kind.mark(name, Items)
            return (items is not None and path[2:] == (items.key,)) or bool(choices(self.kind.spec, path))
        marked = any(self.kind.mark(name, sort) for sort in (Refers, Fixed, Wish))
        return name == "name" or marked or bool(choices(self.kind.spec, path))

    def gap(self, path: Path) -> str:
        """What stands for a value whose problem is told."""
        self.read.told.add(path)
        return ""

    def tell(self, place: Place, path: Path, message: str, hint: str) -> None:
        """Add a problem."""
        self.desk.findings.add(place, message, subject=self.subject(path), hint=hint)

    def subject(self, path: Path) -> str:
        """The address and the field, as problems name them."""
        return f"{self.read.subject}: {spell(path)}"


def is_masked(kind: Kind, path: Path) -> bool:
    """Whether this is a value of a map whose values are secrets: `customTools[0].headers.KEY`."""
    items = kind.mark(str(path[0]), Items)
    return items is not None and len(path) > 3 and path[2] == items.masked  # noqa: PLR2004 -- the KEY's place in the path


def unknown(kind: Kind, path: Path) -> str:
    """The hint for a field that does not exist: what was meant, or what there is."""
    beside = (*ANY, *(("secret",) if kind.delivery else ()))
    names = (*fields(kind.spec, path[:-1]), *(beside if len(path) == 1 else ()))
    wanted = str(path[-1])
    bare = {name.lower(): name for name in names}
    same = bare.get(wanted.replace("_", "").replace("-", "").lower())
    near = f"did you mean `{same}`?" if same else meant(wanted, names)
    return near or (f"fields are {', '.join(names)}" if names else "")
