"""`${var.NAME}` and `${env.NAME}` are filled in here, in the strings of a spec and nowhere else.

A string that reads the environment is a `Secret`, and so is one that uses a variable whose default does. A default may
read the environment but no other variable, so there are neither chains nor cycles. `$${` stands for `${`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice

from apreconcile.core.call import Secret
from apreconcile.core.place import Place
from apreconcile.core.wanted import API_KEYS

from .findings import Findings
from .text import UNCLEAN
from .tree import Entry, Node, Scalar, Table

MAX_TEXT = 10_000_000
"""So many characters may all strings with variables have together."""

_HOLE = re.compile(r"\$\$\{|\$\{(?P<inner>[^{}]*)\}|\$\{")
_NAMED = re.compile(r"var\.(?P<var>[A-Za-z_][A-Za-z0-9_-]*)|env\.(?P<env>[A-Za-z_][A-Za-z0-9_]*)")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


_MANY, _LONG = 500, 100
"""More names, or longer ones, are not compared: it would take too long."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A variable whose value cannot be had; why was said where it is declared."""


Value = str | Secret


class Scope:
    """The values that strings may use. None for `values` allows no variable; a `Gap` has its problem told already.

    Unless `complete`, a file of the spec could not be read, and nobody knows which variables there are. The variables
    `keys` go to AgentPhone as a key, and nowhere else.
    """

    def __init__(
        self,
        values: Mapping[str, Value | Gap] | None,
        environ: Mapping[str, str],
        findings: Findings,
        *,
        complete: bool = True,
        keys: Collection[str] = API_KEYS,
    ) -> None:
        self.values = values
        self.environ = environ
        self.findings = findings
        self.complete = complete
        self.keys = keys
        self.left = MAX_TEXT

    def text(self, scalar: Scalar, subject: str) -> Value | None:
        """A string with its variables filled in, or None if that cannot be; then the problem is on the list."""
        return self.fill(str(scalar.value), scalar.place, subject)

    def fill(self, text: str, place: Place, subject: str) -> Value | None:
        """As `text`, for a string that stands at this place."""
        if "${" not in text:
            return text
        parts: list[Value | Gap] = []
        last = 0
        for hole in _HOLE.finditer(text):
            parts += (text[last : hole.start()], self._value(hole, place, subject))
            last = hole.end()
        parts.append(text[last:])
        whole = [part for part in parts if not isinstance(part, Gap)]
        if len(whole) < len(parts):
            return None
        return self._joined(whole, place, subject)

    def _joined(self, parts: list[Value], place: Place, subject: str) -> Value | None:
        self.left -= sum(len(part.text if isinstance(part, Secret) else part) for part in parts)
        if self.left < 0:
            message = f"the strings with variables have more than {MAX_TEXT:,} characters"
            self.findings.add(place, message, subject=subject, hint="put long text into files: {file: PATH}")
            return None
        text = "".join(part.text if isinstance(part, Secret) else part for part in parts)
        secrets = [part for part in parts if isinstance(part, Secret)]
        names = tuple(dict.fromkeys(name for secret in secrets for name in secret.names))
        inner = tuple(dict.fromkeys(value for secret in secrets for value in secret.inner))
        template = "".join(part.template if isinstance(part, Secret) else part.replace("${", "$${") for part in parts)
        return Secret(text, names, inner, template) if secrets else text

    def _value(self, hole: re.Match[str], place: Place, subject: str) -> Value | Gap:
        if hole.group() == "$${":
            return "${"
        named = _NAMED.fullmatch(hole["inner"] or "")
        if named is None:
            message = f"`{hole.group()}` is neither `${{var.NAME}}` nor `${{env.NAME}}`"
            self.findings.add(place, message, subject=subject, hint="write `$${` if it is text")
            return Gap()
        return self._variable(named, place, subject) if named["var"] else self._environment(named, place, subject)

    def _variable(self, named: re.Match[str], place: Place, subject: str) -> Value | Gap:
        name = named["var"]
        if self.values is None:
            message, hint = "a default may read the environment, but no other variable", "write the text out"
        elif name in self.values or not self.complete:
            return self.values.get(name, Gap())
        else:
            message = f"there is no variable `{name}`"
            hint = meant(name, self.values) or f"declare it: variables: {{{name}: {{default: …}}}}"
        self.findings.add(place, message, subject=subject, hint=hint)
        return Gap()

    def _environment(self, named: re.Match[str], place: Place, subject: str) -> Value | Gap:
        name = named["env"]
        value, message, hint = self.environ.get(name), "", f"set it: export {name}=…"
        if name in self.keys:
            message, hint = f"`{name}` is AgentPhone's own key and goes nowhere else", "use another variable"
        elif value is None:
            message = f"the environment variable `{name}` is not set"
        elif not value:
            message = f"the environment variable `{name}` is empty"
        elif UNCLEAN.search(value):
            message, hint = f"the environment variable `{name}` has control characters or is not UTF-8", "set it again"
        if value is None or message:
            self.findings.add(place, message, subject=subject, hint=hint)
            return Gap()
        return Secret(value, (name,), (value,), f"${{env.{name}}}")


def scope(
    declared: Mapping[str, Entry],
    given: Mapping[str, str],
    environ: Mapping[str, str],
    findings: Findings,
    *,
    complete: bool = True,
    keys: Collection[str] = API_KEYS,
) -> Scope:
    """The scope of a spec: its variables with what `--var` gave, or else with their defaults."""
    for name in given:
        if name not in declared and complete:
            hint = meant(name, declared) or "declare it under `variables:`"
            findings.add_whole(f"there is no variable `{name}`", subject=f"--var {name}", hint=hint)
        elif UNCLEAN.search(given[name]):
            hint = "give it as UTF-8 text"
            findings.add_whole("the value has control characters or is not UTF-8", subject=f"--var {name}", hint=hint)
    defaults = Scope(None, environ, findings, keys=keys)
    values = {name: _declared(name, entry, given.get(name), defaults) for name, entry in declared.items()}
    return Scope(values, environ, findings, complete=complete, keys=keys)


def _declared(name: str, entry: Entry, given: str | None, defaults: Scope) -> Value | Gap:
    subject, findings, node = f"variables.{name}", defaults.findings, entry.node
    if not NAME.fullmatch(name):
        hint = "use letters, digits, _ and -, beginning with a letter"
        findings.add(entry.place, "this cannot be the name of a variable", subject=subject, hint=hint)
        return Gap()
    if not isinstance(node, Table) and not (isinstance(node, Scalar) and node.value is None):
        hint = f"write {name}: {{default: …}}"
        findings.add(node.place, "must be a map", subject=subject, hint=hint)
        return Gap()
    fields = node.entries if isinstance(node, Table) else {}
    for unknown in fields.keys() - {"default"}:
        hint = "a variable has `default` and nothing else"
        findings.add(fields[unknown].place, f"there is no field `{unknown}`", subject=subject, hint=hint)
    if given is not None:
        return given
    default = fields.get("default")
    if default is None:
        findings.add(entry.place, "the variable has no value", subject=subject, hint=f"give it: --var {name}=VALUE")
        return Gap()
    return _default(default.node, defaults, f"{subject}: default")


def _default(node: Node, defaults: Scope, subject: str) -> Value | Gap:
    if isinstance(node, Scalar) and isinstance(node.value, str):
        value = defaults.text(node, subject)
        return Gap() if value is None else value
    hint = f'quote it: default: "{node.text}"' if isinstance(node, Scalar) and node.text else "write text"
    defaults.findings.add(node.place, "must be text", subject=subject, hint=hint)
    return Gap()


def meant(name: str, known: Iterable[str]) -> str:
    """The hint that another name was meant; empty where none is near, or where there are too many to compare."""
    names = list(islice(known, _MANY + 1))
    near = get_close_matches(name, names, n=1) if len(names) <= _MANY and len(name) <= _LONG else []
    return f"did you mean `{near[0]}`?" if near else ""
