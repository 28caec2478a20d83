"""The YAML of a spec becomes a manifest here, or the list of all that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from apreconcile.core.errors import Error, Problem, SpecError, UsageError
from apreconcile.core.kind import Items, Kind
from apreconcile.core.policy import Policy
from apreconcile.core.wanted import API_KEYS, Environment, Manifest, Wanted

from .document import Document, join, read_project, read_store, read_version
from .environments import Overlay, choose, read_environments
from .fields import Desk, Fields, ReadFile, read_fields
from .findings import Findings
from .names import read_names
from .overlay import laid_over, own_name
from .policy import ReadBytes, read_policy
from .resource import read_resource, references
from .sinks import find_shared
from .source import Source, read
from .tree import Table
from .validation import check
from .variables import scope

ANY_INSTANCE = "any"
"""The instance as which an ephemeral environment is checked where none was named."""


def _no_file(_spec: str, named: str) -> bytes:
    raise Error(f"{named} cannot be read here", hint="a policy without files can")


def load_manifest(
    sources: Sequence[tuple[str, bytes]],
    *,
    kinds: Sequence[Kind],
    variables: Mapping[str, str],
    environ: Mapping[str, str],
    read_file: ReadFile,
    environment: str | None,
    home: str,
    read_bytes: ReadBytes = _no_file,
) -> Manifest:
    """The manifest of one environment of a spec, given as (name, bytes) of its files.

    Raises SpecError with every problem there is, and UsageError for an environment that there is not. A file that is
    named twice is read once. `variables` are those of `--var`. `read_file` gets the spec file and the path of a `{file:
    PATH}`, and raises Error if the file cannot be used; `read_bytes` the same for a policy's files.
    """
    spec = _Spec(sources, tuple(kinds), Given(variables, environ, read_file, read_bytes, home))
    overlay, known_as = spec.chosen(environment)
    findings = Findings(spec.first)
    manifest = spec.manifest(overlay, known_as, findings)
    spec.check(findings.problems)
    return manifest


def load_manifests(
    sources: Sequence[tuple[str, bytes]],
    *,
    kinds: Sequence[Kind],
    variables: Mapping[str, str],
    environ: Mapping[str, str],
    read_file: ReadFile,
    home: str,
    read_bytes: ReadBytes = _no_file,
) -> tuple[Manifest, ...]:
    """The manifest of every environment, one where the spec has none; raises SpecError with the problems of all.

    A problem that only some of them have says which.
    """
    spec = _Spec(sources, tuple(kinds), Given(variables, environ, read_file, read_bytes, home))
    manifests, told = list[Manifest](), dict[Problem, list[str]]()
    for overlay in spec.overlays or (None,):
        findings, chosen = Findings(spec.first), overlay.environment if overlay else Environment()
        known_as = f"{chosen.known_as}:{ANY_INSTANCE}" if chosen.ephemeral else chosen.known_as
        manifests.append(spec.manifest(overlay, known_as, findings))
        for problem in findings.problems:
            told.setdefault(problem, []).append(chosen.name)
    spec.check(
        problem if len(names) == len(manifests) else replace(problem, subject=_within(names, problem))
        for problem, names in told.items()
    )
    return tuple(manifests)


def choose_environment(
    sources: Sequence[tuple[str, bytes]], *, kinds: Sequence[Kind], environment: str | None
) -> tuple[Environment, str]:
    """The environment that was named, and what the state calls it.

    Raises UsageError for one that there is not, and SpecError where the spec is none, or its environments are wrong:
    one whose account cannot be made out would be another account.
    """
    spec = _Spec(sources, tuple(kinds), Given({}, {}, lambda _spec, _path: "", _no_file, ""))
    overlay, known_as = spec.chosen(environment)
    spec.check(())
    return overlay.environment if overlay else Environment(), known_as


def _within(names: Sequence[str], problem: Problem) -> str:
    return f"{', '.join(names)}: {problem.subject}" if problem.subject else ", ".join(names)


@dataclass(frozen=True, slots=True)
class Given:
    """What a spec is read with, beside its own files."""

    variables: Mapping[str, str]
    environ: Mapping[str, str]
    read_file: ReadFile
    read_bytes: ReadBytes
    home: str


class _Spec:
    """The files of a spec, joined, with the environments that they have."""

    def __init__(self, sources: Sequence[tuple[str, bytes]], kinds: tuple[Kind, ...], given: Given) -> None:
        self.kinds, self.given = kinds, given
        self.words = frozenset(mark.masked for kind in kinds for name in kind.marks if (mark := kind.mark(name, Items)))
        self.files = [read(name, data, secret_words=self.words) for name, data in dict(sources).items()]
        self.first = self.files[0].name if self.files else "the spec"
        self.findings = Findings(self.first)
        """What is wrong with it whatever the environment."""
        roots = _roots(self.files, self.findings)
        self.whole = len(roots) == len(self.files)
        self.document = join(roots, kinds, self.findings)
        self.overlays = read_environments(self.document, kinds, self.findings)

    def chosen(self, environment: str | None) -> tuple[Overlay | None, str]:
        """The environment that was named. Raises SpecError where that cannot be told, else UsageError."""
        try:
            return choose(self.overlays, environment)
        except UsageError:
            self.check(())
            raise

    def check(self, more: Iterable[Problem]) -> None:
        """Raise SpecError if there are problems."""
        self.findings.problems.update(more)
        if self.findings.problems:
            raise SpecError(self.findings.quoted(self.files, self.words))

    def manifest(self, overlay: Overlay | None, known_as: str, findings: Findings) -> Manifest:
        """The manifest of one environment, as far as it can be made out; its problems are in `findings`."""
        document, kinds, given = laid_over(self.document, overlay, self.kinds), self.kinds, self.given
        own = {one.environment.access.key_env or API_KEYS[0] for one in self.overlays}
        values = scope(
            document.variables, given.variables, given.environ, findings, complete=self.whole, keys={*API_KEYS, *own}
        )
        keys = {kind.name: document.sections[kind.plural] for kind in kinds}
        excluded = overlay.excluded if overlay else {}
        desk = Desk(findings, values, given.read_file, keys if self.whole else None, excluded)
        if self.whole:
            read_version(document.once, findings)
        project = read_project(document.once, values) if self.whole else ""
        store, remote = read_store(document.once, values)
        resources = _resources(document, kinds, desk)
        if overlay and overlay.environment.ephemeral:
            resources = tuple(own_name(wanted, known_as) for wanted in resources)
        _twice(resources, kinds, findings)
        find_shared(resources, findings)
        known = {kind.address(key) for kind in kinds for key in self._keys(kind)}
        moved, forget = read_names(document, kinds, values, known, whole=self.whole)
        there = {kind.address(key) for kind in kinds for key in document.sections[kind.plural]}
        chosen = overlay.environment if overlay else Environment()
        policy = read_policy(
            document.lists["policy"], findings, environment=chosen.name, read_bytes=given.read_bytes
        )  # fmt: skip
        return Manifest(
            project, known_as, resources, given.home, store, remote,
            moved={old: new for old, new in moved.items() if new in there}, forget=forget,
            policy=policy or Policy(), chosen=chosen, environments=tuple(one.environment for one in self.overlays),
        )  # fmt: skip

    def _keys(self, kind: Kind) -> set[str]:
        """The keys that the spec has anywhere: names are those of all environments."""
        overlaid = (key for one in self.overlays for key in one.sections.get(kind.plural, ()))
        return {*self.document.sections[kind.plural], *overlaid}


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
