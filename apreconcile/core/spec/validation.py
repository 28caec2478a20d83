"""What pydantic finds wrong with a resource is told in plain sentences, each at the place of the very field.

No sentence repeats a secret: where a value is one, the sentence says only what the field takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from pydantic import ValidationError

from apreconcile.core import phone
from apreconcile.core.kind import Kind, Phone
from apreconcile.core.place import Place
from apreconcile.core.wire import Wire

from .fields import Desk, Fields, is_masked, unknown
from .scalar import resolve
from .shape import Shape, at, choices
from .tree import Node, Path, Scalar, find, spell
from .variables import meant

_Words: TypeAlias = tuple[str, str]
"""A sentence and its hint."""

_TYPES: Mapping[str, tuple[str, type | tuple[type, ...]]] = {
    "string": ("must be text", str),
    "integer": ("must be a whole number", int),
    "number": ("must be a number", (int, float)),
    "boolean": ("must be true or false", bool),
    "array": ("must be a list", list),
    "object": ("must be a map", dict),
}

_MANY = 8
"""More choices than this are not listed."""


def check(kind: Kind, read: Fields, desk: Desk, whole: Place | None, *, complete: bool = True) -> None:
    """Tell what the kind's model does not allow, leaving out the fields whose problems are told elsewhere.

    `whole` is the place of the resource, or None for defaults. Unless `complete`, fields may be missing.
    """
    try:
        kind.spec.model_validate(read.values)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
    else:
        return
    for wrong in found:
        path, sort = tuple(wrong["loc"]), wrong["type"]
        if any(path[: len(told)] == told for told in read.told):
            continue
        if sort == "missing":
            _missing(path, read, desk, whole if complete else None)
        elif not path:
            _rule(_message(wrong), read, desk, whole)
        elif path[0] not in read.inherited:
            _tell(kind, read, desk, path, wrong)


def _missing(path: Path, read: Fields, desk: Desk, whole: Place | None) -> None:
    """A field that must be there and is not."""
    above, name = path[:-1], path[-1]
    if above:
        where, subject = find(read.entries, above)[1].place, f"{read.subject}: {spell(above)}"
        if above[0] not in read.inherited:
            desk.findings.add(where, f"`{name}` is missing", subject=subject, hint=f"add `{name}: …`")
    elif whole:
        desk.findings.add(whole, f"`{name}` is missing", subject=read.subject, hint=f"add `{name}: …`")


def _rule(message: str, read: Fields, desk: Desk, whole: Place | None) -> None:
    """A model's own rule about several fields. It begins with the field that it is about, if it is about one."""
    for secret in read.secrets.values():
        message = message.replace(secret.text, "***") if secret.text else message
    name, colon, rest = message.partition(": ")
    entry = read.entries.get(name) if colon else None
    if entry and name not in read.inherited:
        desk.findings.add(entry.node.place, rest, subject=f"{read.subject}: {name}")
    elif whole:
        desk.findings.add(whole, message, subject=read.subject)


def _tell(kind: Kind, read: Fields, desk: Desk, path: Path, wrong: Mapping[str, Any]) -> None:
    """One error of a field."""
    path, value = _value(read.values, path)
    key, node = find(read.entries, path)
    subject = f"{read.subject}: {spell(path)}"
    if wrong["type"] == "extra_forbidden":
        hint = unknown(kind, path)
        desk.findings.add(key, f"there is no field `{path[-1]}`", subject=subject, hint=hint)
        return
    here = at(kind.spec, path)
    secret = is_masked(kind, path) or any(path == held[: len(path)] for held in read.secrets)
    said, sorts = _TYPES.get(str(here.get("type")), ("", object))
    if not isinstance(value, sorts) or (isinstance(value, bool) and sorts is not bool):
        number = phone.meant(node.text) if kind.mark(str(path[0]), Phone) and isinstance(node, Scalar) else None
        hint = f'write "{number}"' if number else _quoting(path, str(here.get("type")), node, secret=secret)
        words = (said, hint)
    else:
        words = _limit(kind, path, here, None if secret else value)
    desk.findings.add(node.place, words[0] or _message(wrong, secret=secret), subject=subject, hint=words[1])


def _limit(kind: Kind, path: Path, here: Shape, value: Wire) -> _Words:
    """Why a value of the right type is not allowed. A secret is given as None."""
    allowed = choices(kind.spec, path)
    if allowed:
        return _choice(str(value or ""), allowed)
    if len(path) == 1 and kind.mark(str(path[0]), Phone):
        other = phone.meant(str(value or ""))
        return "must be a phone number such as +14155550100", f'write "{other}"' if other else ""
    if here.get("description"):
        return f"must be {here['description']}", ""
    if "minimum" in here and "maximum" in here:
        return f"must be from {here['minimum']} to {here['maximum']}", ""
    if "https://" in str(here.get("pattern")):
        return "must be an https:// URL without spaces", ""
    if "pattern" in here:
        return f"must match {here['pattern']}", ""
    if here.get("minLength") == 1:
        return "must not be empty", ""
    return (f"must have at most {here['maxItems']} items", "") if "maxItems" in here else ("", "")


def _choice(value: str, allowed: tuple[str, ...]) -> _Words:
    """A word that is none of those that are allowed."""
    listed = ", ".join(allowed) if len(allowed) <= _MANY else ""
    alike = [word for word in allowed if value and word.lower().startswith(value.lower())]
    hint = f"did you mean {' or '.join(f'`{word}`' for word in alike[:_MANY])}?" if alike else meant(value, allowed)
    said = f"must be one of {listed}" if listed else f"must be one of {len(allowed)} words, such as {allowed[0]}"
    return said, hint or ("" if listed else f"they are {', '.join(allowed)}")


def _quoting(path: Path, sort: str, node: Node, *, secret: bool) -> str:
    """The hint that quotes make text, and that their absence makes numbers."""
    if not isinstance(node, Scalar):
        return ""
    name = next((str(part) for part in reversed(path) if isinstance(part, str)), "")
    if sort == "string":
        return "quote it" if secret or not node.text else f'quote it: {name}: "{node.text}"'
    if not isinstance(node.value, str) or secret:
        return ""
    if "${" in node.text:
        return "a variable gives text: write the value itself"
    if sort == "boolean":
        return "write true or false, without quotes"
    number = resolve(node.text.lstrip("0") or "0")
    return f"write it without quotes: {name}: {number}" if isinstance(number, int) and sort != "array" else ""


def _message(wrong: Mapping[str, Any], *, secret: bool = False) -> str:
    """Pydantic's own words, for what has no sentence here; nothing of theirs where a secret may stand in them."""
    said = str(wrong["msg"])
    if wrong["type"] in {"value_error", "assertion_error"}:
        said = said.partition(", ")[2]
    return "is not allowed" if secret else said.replace("Input should be", "must be")


def _value(values: Wire, path: Path) -> tuple[Path, Wire]:
    """The value on the way, and the way as far as it leads: pydantic has words of its own in it for alternatives."""
    for index, part in enumerate(path):
        known = part in values if isinstance(values, dict) else isinstance(values, list) and isinstance(part, int)
        if not known:
            return path[:index], values
        values = values[part]
    return path, values
