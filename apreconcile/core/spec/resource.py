"""One resource of a spec becomes a `Wanted` here, or its problems are told."""

from __future__ import annotations

import re
from collections.abc import Mapping

from apreconcile.core import phone
from apreconcile.core.address import KEY, Address
from apreconcile.core.call import IdOf, Secret
from apreconcile.core.kind import Kind, Refers
from apreconcile.core.place import Place
from apreconcile.core.wanted import Wanted
from apreconcile.core.wire import Wire

from .fields import Desk, Fields, read_fields
from .sinks import read_sink
from .tree import Entry, Node, Path, Scalar, Table
from .validation import check
from .variables import meant

REQUIRED = ("name",)
"""What a new thing must have, if its kind knows the field; an imported one has it already."""

NEEDS = (("voiceMode", "hosted", "systemPrompt"),)
"""A field with this value needs another field."""

_ID = re.compile(r"[!-~]{1,200}")
_MANY = 10


def read_resource(kind: Kind, key: str, entry: Entry, base: Fields, desk: Desk) -> Wanted | None:
    """What the spec says under one key; None if it is so wrong that there is nothing to say."""
    address = kind.address(key)
    if not KEY.fullmatch(key):
        better = re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")
        hint = f"call it `{better}`" if better else "such as `main`"
        message = "the key must have small letters, digits and - only, and begin with a letter or digit"
        desk.findings.add(entry.place, message, subject=str(address), hint=hint)
    if not isinstance(entry.node, Table):
        message, hint = "must be a map of fields", f"write {address.written}: {{{next(iter(kind.marks), 'name')}: …}}"
        desk.findings.add(entry.node.place, message, subject=str(address), hint=hint)
        return None
    entries = dict(entry.node.entries)
    importing = entries.pop("import", None)
    imports = _imports(importing.node, kind, f"{address}: import", desk) if importing else None
    handing = entries.pop("secret", None) if kind.delivery else None
    sink = read_sink(handing.node, address, desk) if handing else None
    new = importing is None or imports == "none"
    read = read_fields(kind, str(address), entries, desk).over(base)
    check(kind, read, desk, entry.place, complete=new)
    references(kind, read, desk)
    _required(kind, read, desk, entry.place, new=new)
    fields, parent = _wire(kind, read)
    if parent is None and kind.parent in read.entries:
        return None
    return Wanted(address, fields, entry.place, imports, parent, read.protect, sink)


def references(kind: Kind, read: Fields, desk: Desk) -> None:
    """Tell which references name no key of the spec; with a file unread nobody can know."""
    for name, entry in read.entries.items():
        mark, key = kind.mark(name, Refers), read.values.get(name)
        if mark is None or desk.keys is None or not isinstance(key, str) or (name,) in read.told:
            continue
        known = desk.keys[mark.kind]
        if key in known or name in read.inherited:
            continue
        left_out = desk.excluded.get(Address(mark.kind, key))
        if left_out:
            hint = "leave this out, too, or let the field be something else in this environment"
            message = f"this environment leaves out {mark.kind}.{key}, at {left_out}"
            desk.findings.add(entry.node.place, message, subject=f"{read.subject}: {name}", hint=hint)
            continue
        bare = key.removeprefix(f"{mark.kind}.")
        listed = f"there are {', '.join(sorted(known)[:_MANY])}" if known else f"the spec has no {mark.kind}"
        hint = f"write the key alone: {bare}" if bare in known else meant(key, known) or listed
        message = f"there is no {mark.kind} `{key}` in the spec"
        desk.findings.add(entry.node.place, message, subject=f"{read.subject}: {name}", hint=hint)


def _required(kind: Kind, read: Fields, desk: Desk, place: Place, *, new: bool) -> None:
    """What a thing must say together with what it says; one that is imported has got its name and its prompt."""
    for name in REQUIRED:
        if new and name in kind.marks and name not in read.entries:
            desk.findings.add(place, f"`{name}` is missing", subject=read.subject, hint=f"add `{name}: …`")
    for name, value, other in NEEDS:
        if read.values.get(name) != value:
            continue
        entry, subject = read.entries.get(other), f"{read.subject}: {other}"
        if entry is None and new:
            message, hint = f"`{name}: {value}` needs a `{other}`", f"add `{other}: …`"
            where = place if name in read.inherited else read.entries[name].node.place
            desk.findings.add(where, message, subject=subject, hint=hint)
        elif entry and not read.values[other] and (other,) not in read.told:
            message = f"cannot be empty with `{name}: {value}`"
            desk.findings.add(entry.node.place, message, subject=subject, hint="write text, or {file: PATH}")


def _imports(node: Node, kind: Kind, subject: str, desk: Desk) -> str | None:
    """The text of `import:`: an id, a number in E.164, or `none` where namesakes are a matter."""
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        written = node.text if isinstance(node, Scalar) else ""
        hint = f'quote it: import: "{phone.meant(written) or written}"' if written else ""
        desk.findings.add(node.place, "must be an id or a phone number", subject=subject, hint=hint)
        return None
    filled = desk.scope.text(node, subject)
    if isinstance(filled, Secret):
        hint = "use ${var.NAME}, or write it out"
        desk.findings.add(node.place, "cannot be a secret, since plans show it", subject=subject, hint=hint)
    if not isinstance(filled, str):
        return None
    text, other = phone.normal(filled), phone.meant(filled)
    if other:
        message, hint = "a phone number is written in international form", f'write "{other}"'
        desk.findings.add(node.place, message, subject=subject, hint=hint)
    elif text == "none" and "name" not in kind.marks:
        message, hint = f"`none` makes no sense for a {kind.name}", "leave `import` out to make a new one"
        desk.findings.add(node.place, message, subject=subject, hint=hint)
    elif not _ID.fullmatch(text) or (text.startswith("+") and not phone.is_number(text)):
        hint = "`apreconcile plan` names what can be imported"
        desk.findings.add(
            node.place, "is neither an id nor a phone number such as +14155550100", subject=subject, hint=hint
        )
    return text


def _wire(kind: Kind, read: Fields) -> tuple[dict[str, Wire], Address | None]:
    """The fields as they are compared and sent, and the parent that a field names."""
    fields: dict[str, Wire] = {}
    parent = None
    for name, value in read.values.items():
        mark = kind.mark(name, Refers)
        if mark is None or not isinstance(value, str):
            fields[name] = _masked(value, (name,), read.secrets)
        elif mark.kind == kind.parent:
            parent = Address(mark.kind, value)
        else:
            fields[name] = IdOf(Address(mark.kind, value))
    return fields, parent


def _masked(value: Wire, path: Path, secrets: Mapping[Path, Secret]) -> Wire:
    """The value with its secrets marked as such."""
    if path in secrets:
        return secrets[path]
    if isinstance(value, dict):
        return {name: _masked(item, (*path, name), secrets) for name, item in value.items()}
    if isinstance(value, list):
        return [_masked(item, (*path, index), secrets) for index, item in enumerate(value)]
    return value
