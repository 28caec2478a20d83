"""Where the spec says that a signing secret goes, `secret: {writeTo: …}`, is read here into a sink."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from apreconcile.core.address import Address
from apreconcile.core.call import Secret
from apreconcile.core.place import Place
from apreconcile.core.sink import Sink
from apreconcile.core.wanted import Wanted

from .fields import Desk
from .findings import Findings
from .tree import Array, Entry, Node, Scalar, Table
from .variables import meant

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SORTS = ("file", "exec", "github")
PREFIX = "AGENTPHONE_WEBHOOK_SECRET_"
_EXAMPLE = "write secret: {writeTo: {file: .env}}"
_BREAK = re.compile("[\t\r\n\x85\u2028\u2029]")


def read_sink(node: Node, address: Address, desk: Desk) -> Sink | None:
    """The sink that `secret:` of a resource names; None where it is wrong, which is told."""
    reader, subject = _Reader(desk), f"{address}: secret"
    inner = reader.table(node, subject, ("writeTo",))
    if inner is None or "writeTo" not in inner:
        return None
    subject += ".writeTo"
    fields = reader.table(inner["writeTo"].node, subject, (*SORTS, "name"))
    if fields is None:
        return None
    sorts = [sort for sort in SORTS if sort in fields]
    if len(sorts) != 1:
        said = f"takes one of file, exec and github, not {' and '.join(sorts)}" if sorts else "names no sink"
        reader.tell(inner["writeTo"].place, subject, said, _EXAMPLE)
        return None
    if "name" in fields and sorts != ["file"]:
        said = f"`name` belongs to file, not to {sorts[0]}"
        reader.tell(fields["name"].place, f"{subject}.name", said, "take it out")
        return None
    value, subject, name = fields[sorts[0]].node, f"{subject}.{sorts[0]}", fields.get("name")
    if sorts == ["exec"]:
        command = reader.command(value, subject)
        return Sink(command=command) if command else None
    if sorts == ["github"]:
        return reader.github(value, subject)
    path = reader.text(value, subject)
    line = reader.name(name.node, f"{subject.removesuffix('file')}name") if name else usual_name(address)
    return Sink(file=path, name=line) if path and line else None


def usual_name(address: Address) -> str:
    """What the line of an env file is called that has the secret of this address."""
    return f"{PREFIX}{address.key.upper().replace('-', '_')}"


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads text that plans show, and tells what is none."""

    desk: Desk

    def tell(self, place: Place, subject: str, message: str, hint: str) -> None:
        """Add a problem."""
        self.desk.findings.add(place, message, subject=subject, hint=hint)

    def table(self, node: Node, subject: str, known: Collection[str]) -> Mapping[str, Entry] | None:
        """The entries of a map that has only these keys."""
        if not isinstance(node, Table) or not node.entries:
            self.tell(node.place, subject, "must be a map, and say where it goes", _EXAMPLE)
            return None
        strange = [name for name in node.entries if name not in known]
        for name in strange:
            hint = meant(name, known) or f"fields are {', '.join(known)}"
            self.tell(node.entries[name].place, f"{subject}.{name}", f"there is no field `{name}`", hint)
        return None if strange else node.entries

    def text(self, node: Node, subject: str, *, lines: bool = False) -> str | None:
        """A text that is not empty, its variables filled in; of several `lines` only where it may have them."""
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            hint = f'quote it: "{node.text}"' if isinstance(node, Scalar) and node.text else "write it out"
            self.tell(node.place, subject, "must be text", hint)
            return None
        filled = self.desk.scope.text(node, subject)
        if isinstance(filled, Secret):
            message = "cannot be a secret, since plans show it"
            self.tell(node.place, subject, message, "use ${var.NAME}, or write it out")
        elif filled is not None and (not filled or (not lines and _BREAK.search(filled))):
            message = "must be a single line" if filled else "cannot be empty"
            self.tell(node.place, subject, message, "write it out")
        else:
            return filled
        return None

    def name(self, node: Node, subject: str) -> str | None:
        """The name of a variable."""
        found = self.text(node, subject)
        if found is None or NAME.fullmatch(found):
            return found
        hint = re.sub(r"[^A-Za-z0-9_]", "_", found)
        hint = f"such as {f'_{hint}' if hint[0].isdigit() else hint}"
        self.tell(node.place, subject, "is no name of a variable: letters, digits and _, no digit first", hint)
        return None

    def github(self, node: Node, subject: str) -> Sink | None:
        """A secret of GitHub, whose names are those of variables but for its own."""
        found = self.name(node, subject)
        if found and found.upper().startswith("GITHUB_"):
            self.tell(node.place, subject, "GitHub keeps names that begin with GITHUB_ for itself", "give it another")
            return None
        return Sink(github=found) if found else None

    def command(self, node: Node, subject: str) -> tuple[str, ...] | None:
        """A program, on PATH or with its whole path, and its arguments."""
        if not isinstance(node, Array) or not node.items:
            hint = "write [PROGRAM, ARGUMENT, …]; it is run without a shell, and reads the secret on standard input"
            self.tell(node.place, subject, "must be a list of text", hint)
            return None
        words = [self.text(one, f"{subject}[{index}]", lines=index > 0) for index, one in enumerate(node.items)]
        program = words[0]
        if program and "/" in program and not program.startswith("/"):
            hint = f"write its whole path, or run it by a program: [sh, {program}]"
            self.tell(node.items[0].place, f"{subject}[0]", "a program is on PATH, or named by its whole path", hint)
            return None
        known = tuple(word for word in words if word is not None)
        return known if len(known) == len(words) else None


def find_shared(resources: Sequence[Wanted], findings: Findings) -> None:
    """Tell where two secrets would go to one place, so that one would be lost."""
    first: dict[object, Wanted] = {}
    for wanted in resources:
        sink = wanted.sink
        if sink is None or sink.command:
            continue
        folder = posixpath.dirname(wanted.place.file)
        path = posixpath.normpath(posixpath.join(folder, sink.file)) if sink.file is not None else folder
        other = first.setdefault((path, sink.name, sink.github), wanted)
        if other is not wanted:
            message = f"{other.address} at {other.place} writes to {sink} already"
            hint = "give one of the two another name"
            findings.add(wanted.place, message, subject=f"{wanted.address}: secret", hint=hint)
