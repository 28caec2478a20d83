"""The files of a spec are joined to one document here: maps join, and what is said twice is said once or is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from apreconcile.core.call import Secret
from apreconcile.core.kind import Kind
from apreconcile.core.wanted import is_store

from .findings import Findings
from .tree import Entry, Scalar, Table
from .variables import Scope, meant

VERSION = 1
PROJECT = re.compile(r"[a-z0-9-]{1,40}")
ONCE = ("version", "project", "state")
"""Keys whose values every file must agree on."""
LISTS = ("moved", "forget", "policy")
"""Keys of which each file's is kept: lists that join, and what only one file may have."""


@dataclass(frozen=True, slots=True)
class Document:
    """Every top-level key of all files. `sections` has the resources by kind's plural, `defaults` the fields by it.

    `lists` has, by key, what each file says there (`policy` among them, which only one may have).
    """

    once: Mapping[str, Entry]
    variables: Mapping[str, Entry]
    sections: Mapping[str, Mapping[str, Entry]]
    defaults: Mapping[str, Mapping[str, Entry]]
    lists: Mapping[str, Sequence[Entry]]
    environments: Mapping[str, Entry]


def join(roots: Iterable[Table], kinds: tuple[Kind, ...], findings: Findings) -> Document:
    """One document out of several files."""
    plurals = [kind.plural for kind in kinds]
    once: dict[str, Entry] = {}
    variables: dict[str, Entry] = {}
    sections: dict[str, dict[str, Entry]] = {plural: {} for plural in plurals}
    defaults: dict[str, dict[str, Entry]] = {plural: {} for plural in plurals}
    lists: dict[str, list[Entry]] = {name: [] for name in LISTS}
    environments: dict[str, Entry] = {}
    joined = _Joining(findings)
    for root in roots:
        for name, entry in root.entries.items():
            if name in ONCE:
                joined.agree(once, name, entry)
            elif name in LISTS:
                lists[name].append(entry)
            elif name == "variables":
                joined.into(variables, entry, name)
            elif name == "environments":
                joined.into(environments, entry, name)
            elif name in sections:
                joined.into(sections[name], entry, name)
            elif name == "defaults":
                for plural, inner in joined.known(entry, name, plurals):
                    joined.into(defaults[plural], inner, f"defaults.{plural}")
            else:
                joined.refuse(entry, name, (*ONCE, "variables", "environments", "defaults", *plurals, *LISTS))
    return Document(once, variables, sections, defaults, lists, environments)


@dataclass(frozen=True, slots=True)
class _Joining:
    findings: Findings

    def table(self, entry: Entry, subject: str) -> Mapping[str, Entry]:
        """The entries of what must be a map."""
        if isinstance(entry.node, Table):
            return entry.node.entries
        empty = isinstance(entry.node, Scalar) and entry.node.value is None
        hint = "leave it out, or write {}" if empty else f"write {subject.rpartition('.')[2]}: {{KEY: …}}"
        self.findings.add(entry.node.place, "must be a map", subject=subject, hint=hint)
        return {}

    def known(self, entry: Entry, subject: str, names: list[str]) -> Iterable[tuple[str, Entry]]:
        """The entries of a map that has only these keys."""
        for name, inner in self.table(entry, subject).items():
            if name in names:
                yield name, inner
            else:
                hint = meant(name, names) or f"there are {', '.join(names)}"
                self.findings.add(inner.place, f"there is no kind `{name}`", subject=subject, hint=hint)

    def into(self, joined: dict[str, Entry], entry: Entry, subject: str) -> None:
        """Join a map to what other files said under the same key."""
        for name, inner in self.table(entry, subject).items():
            first = joined.setdefault(name, inner)
            if first is not inner:
                message = f"the key `{name}` is given twice, first at {first.place}"
                self.findings.add(inner.place, message, subject=subject, hint="keep one of the two")

    def agree(self, once: dict[str, Entry], name: str, entry: Entry) -> None:
        """Take a value that the other files must not contradict."""
        first = once.setdefault(name, entry)
        if first is not entry and _written(first) != _written(entry):
            message = f"differs from the {name} at {first.node.place}"
            self.findings.add(entry.node.place, message, subject=name, hint=f"say `{name}` in one file only")

    def refuse(self, entry: Entry, name: str, known: tuple[str, ...]) -> None:
        """A key that is not known."""
        hint = meant(name, known) or f"keys are {', '.join(known)}"
        self.findings.add(entry.place, f"there is no key `{name}`", hint=hint)


def _written(entry: Entry) -> object:
    """What an entry says, for comparing."""
    node = entry.node
    if isinstance(node, Scalar):
        return node.value
    entries = node.entries.items() if isinstance(node, Table) else ()
    return [(name, inner.node.value if isinstance(inner.node, Scalar) else inner) for name, inner in entries]


def read_version(once: Mapping[str, Entry], findings: Findings) -> None:
    """Tell unless the spec is of the version that is known."""
    entry = once.get("version")
    if entry is None:
        findings.add_whole("`version` is missing", hint=f"begin the spec with `version: {VERSION}`")
    elif not isinstance(entry.node, Scalar) or (entry.node.value, entry.node.text) != (VERSION, str(VERSION)):
        text = entry.node.text if isinstance(entry.node, Scalar) else ""
        message = "must be a number, without quotes" if text == str(VERSION) else f"only {VERSION} is known"
        findings.add(entry.node.place, message, subject="version", hint=f"write `version: {VERSION}`")


def read_project(once: Mapping[str, Entry], scope: Scope) -> str:
    """The name of the project."""
    entry, findings = once.get("project"), scope.findings
    hint = "use 1 to 40 small letters, digits and -"
    if entry is None:
        findings.add_whole("`project` is missing", hint="add `project: NAME`, 1 to 40 small letters, digits and -")
        return ""
    if not isinstance(entry.node, Scalar) or not isinstance(entry.node.value, str):
        quoted = f'quote it: project: "{entry.node.text}"' if isinstance(entry.node, Scalar) else hint
        findings.add(entry.node.place, "must be text", subject="project", hint=quoted)
        return ""
    name = scope.text(entry.node, "project")
    if isinstance(name, Secret):
        findings.add(entry.node.place, "cannot be a secret, since it names the state", subject="project")
    elif name is not None and not PROJECT.fullmatch(name):
        findings.add(entry.node.place, "is not the name of a project", subject="project", hint=hint)
    return name if isinstance(name, str) else ""


def read_store(once: Mapping[str, Entry], scope: Scope) -> tuple[str | None, str | None]:
    """`state.store` and `state.remote`, each None if the spec does not say."""
    entry, findings = once.get("state"), scope.findings
    if entry is None:
        return None, None
    fields = entry.node.entries if isinstance(entry.node, Table) else {}
    if not fields:
        findings.add(entry.node.place, "must be a map", subject="state", hint="write state: {store: local}")
    for name in sorted(fields.keys() - {"store", "remote"}):
        hint = meant(name, ("store", "remote")) or "state has `store`, and `remote` for the store git"
        findings.add(fields[name].place, f"there is no field `{name}`", subject="state", hint=hint)
    store, remote = (_plain(fields.get(name), f"state: {name}", scope) for name in ("store", "remote"))
    if store is not None and not is_store(store):
        message = "must be `local`, `git`, or `s3://BUCKET/PREFIX`"
        findings.add(fields["store"].node.place, message, subject="state: store", hint="write state: {store: local}")
    if remote is not None and store != "git":
        hint = "write state: {store: git, remote: …}, or take it out"
        findings.add(fields["remote"].place, "only the store git has a remote", subject="state: remote", hint=hint)
    return store, remote


def _plain(entry: Entry | None, subject: str, scope: Scope) -> str | None:
    """A text that is no secret, or None if there is none."""
    if entry is None:
        return None
    node = entry.node
    text = scope.text(node, subject) if isinstance(node, Scalar) and isinstance(node.value, str) else ""
    if text is not None and (not isinstance(text, str) or not text):
        scope.findings.add(node.place, "must be text, and no secret", subject=subject, hint="quote it")
        return None
    return text
