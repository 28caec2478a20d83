"""The YAML of a spec becomes a manifest here, or the list of all that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from apreconcile.core.errors import Error, SpecError
from apreconcile.core.kind import Items, Kind
from apreconcile.core.policy import Policy
from apreconcile.core.wanted import Manifest, Wanted

from .document import Document, join, read_project, read_store, read_version
from .fields import Desk, Fields, ReadFile, read_fields
from .findings import Findings
from .names import read_names
from .policy import ReadBytes, read_policy
from .resource import read_resource, references
from .sinks import find_shared
from .source import Source, read
from .tree import Table
from .validation import check
from .variables import scope


def _no_file(_spec: str, named: str) -> bytes:
    raise Error(f"{named} cannot be read here", hint="a policy without files can")


def load_manifest(
    sources: Sequence[tuple[str, bytes]],
    *,
    kinds: Sequence[Kind],
    variables: Mapping[str, str],
    environ: Mapping[str, str],
    read_file: ReadFile,
    environment: str,
    home: str,
    read_bytes: ReadBytes = _no_file,
) -> Manifest:
    """The manifest of a spec, given as (name, bytes) of its files. Raises SpecError with every problem there is.

    A file that is named twice is read once. `variables` are those of `--var`. `read_file` gets the spec file and the
    path of a `{file: PATH}`, and raises Error if the file cannot be used; `read_bytes` the same for a policy's files.
    """
    words = frozenset(mark.masked for kind in kinds for name in kind.marks if (mark := kind.mark(name, Items)))
    files = [read(name, data, secret_words=words) for name, data in dict(sources).items()]
    findings = Findings(files[0].name if files else "the spec")
    roots = _roots(files, findings)
    document = join(roots, tuple(kinds), findings)
    whole = len(roots) == len(files)
    values = scope(document.variables, variables, environ, findings, complete=whole)
    keys = {kind.name: document.sections[kind.plural] for kind in kinds}
    desk = Desk(findings, values, read_file, keys if whole else None)
    if whole:
        read_version(document.once, findings)
    project = read_project(document.once, values) if whole else ""
    store, remote = read_store(document.once, values)
    resources = _resources(document, kinds, desk)
    _twice(resources, kinds, findings)
    find_shared(resources, findings)
    moved, forget = read_names(document, kinds, values, whole=whole)
    policy = read_policy(document.lists["policy"], findings, environment=environment, read_bytes=read_bytes)
    if findings.problems:
        raise SpecError(findings.quoted(files, words))
    return Manifest(
        project, environment, resources, home, store, remote,
        moved=moved, forget=forget, policy=policy or Policy(),
    )  # fmt: skip


def _roots(files: Sequence[Source], findings: Findings) -> list[Table]:
    """The tables that the files are."""
    if not files:
        findings.add_whole("there is no file to read", hint="write the spec into agentphone.yaml")
    roots: list[Table] = []
    for file in files:
        findings.problems.update(file.problems)
        if isinstance(file.root, Table):
            roots.append(file.root)
        elif file.root is not None:
            hint = "a spec begins with `version: 1` and `project: NAME`"
            findings.add(file.root.place, "a spec must be a map", hint=hint)
    return roots


def _resources(document: Document, kinds: Sequence[Kind], desk: Desk) -> tuple[Wanted, ...]:
    """Every resource, sorted by rank of kind and key."""
    resources: list[Wanted] = []
    for kind in kinds:
        base = _defaults(kind, document, desk)
        for key, entry in sorted(document.sections[kind.plural].items()):
            wanted = read_resource(kind, key, entry, base, desk)
            resources += (wanted,) if wanted else ()
    return tuple(resources)


def _defaults(kind: Kind, document: Document, desk: Desk) -> Fields:
    """What every resource of a kind says unless it says otherwise."""
    subject, entries = f"defaults.{kind.plural}", dict(document.defaults[kind.plural])
    for name, whose in (("import", "that adopts"), *((("secret", "that has it"),) if kind.delivery else ())):
        own = entries.pop(name, None)
        if own:
            hint = f"write it into the resource {whose}"
            desk.findings.add(own.place, f"`{name}` cannot be a default", subject=subject, hint=hint)
    base = read_fields(kind, subject, entries, desk)
    check(kind, base, desk, None)
    references(kind, base, desk)
    return base


def _twice(resources: Sequence[Wanted], kinds: Sequence[Kind], findings: Findings) -> None:
    """Tell where two resources want the same slot, or adopt the same thing."""
    single = {kind.name for kind in kinds if kind.single}
    slots: dict[object, Wanted] = {}
    imported: dict[object, Wanted] = {}
    for wanted in resources:
        kind = wanted.address.kind
        if kind in single:
            first = slots.setdefault((kind, wanted.parent), wanted)
            if first is not wanted:
                whose = f"{wanted.parent} has" if wanted.parent else "the project has"
                message = f"{whose} one {kind} only, and {first.address} at {first.place} is it"
                findings.add(wanted.place, message, subject=str(wanted.address), hint="keep one of the two")
        if wanted.imports not in {None, "none"}:
            first = imported.setdefault((kind, wanted.imports), wanted)
            if first is not wanted:
                message = f"{first.address} at {first.place} imports `{wanted.imports}` already"
                findings.add(wanted.place, message, subject=f"{wanted.address}: import", hint="keep one of the two")
