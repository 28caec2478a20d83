"""What a spec says under `environments:` is read here: of each its account, its name in the state, and its overlay.

Everything but the overlay is written out, without variables: which environments there are, and whose account each has,
is known before anything else of the spec is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from apreconcile.core.address import Address
from apreconcile.core.errors import UsageError
from apreconcile.core.kind import Kind
from apreconcile.core.masking import Masking
from apreconcile.core.place import Place
from apreconcile.core.wanted import DEFAULT, ENVIRONMENT, Access, Environment, is_visible

from .document import Document
from .findings import Findings
from .lasting import lasting
from .tree import Array, Entry, Node, Scalar, Table
from .variables import meant

ACCOUNT = ("keyEnv", "baseUrl", "subAccount")
OWN = ("account", "as", "ephemeral", "exclude", "variables")
"""What an environment says beside its resources."""

SHORTEST = timedelta(minutes=10)
"""The least time that a number of an ephemeral environment lives: a run may take so long, and a month of it is paid."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Overlay:
    """One environment, and what it says otherwise than the base: by kind's plural, and of variables, by key.

    `excluded` are the addresses that it leaves out, with the place that says so.
    """

    environment: Environment
    place: Place
    variables: Mapping[str, Entry] = field(default_factory=dict)
    sections: Mapping[str, Mapping[str, Entry]] = field(default_factory=dict)
    excluded: Mapping[Address, Place] = field(default_factory=dict)


def choose(overlays: Sequence[Overlay], given: str | None) -> tuple[Overlay | None, str]:
    """The environment that `-e` names, None for that of a spec without any; and what the state calls it.

    Raises UsageError for one that there is not, and where there are several and none is named.
    """
    if not overlays:
        if given not in {None, DEFAULT}:
            hint = f"its only one is {DEFAULT}, without -e; or write `environments:` into the spec"
            raise UsageError(f"there is no environment {given!r}: the spec has no `environments:`", hint=hint)
        return None, DEFAULT
    names = [one.environment.name for one in overlays]
    listed = ", ".join(f"-e {name}{':INSTANCE' if _is_ephemeral(overlays, name) else ''}" for name in names)
    if given is None:
        raise UsageError("the spec has environments, and none was named", hint=f"name one: {listed}")
    name, colon, instance = given.partition(":")
    found = next((one for one in overlays if one.environment.name == name), None)
    if found is None:
        hint = meant(name, names) or f"there are: {listed}"
        raise UsageError(f"there is no environment {name!r} in the spec", hint=hint)
    if not found.environment.ephemeral and colon:
        raise UsageError(f"the environment {name!r} is not ephemeral: it has no instances", hint=f"write -e {name}")
    if found.environment.ephemeral and not ENVIRONMENT.fullmatch(instance):
        hint = f"write -e {name}:INSTANCE, of 1 to 40 small letters, digits and -, such as {name}:pr-12"
        raise UsageError(f"the environment {name!r} is ephemeral, and is used as an instance of it", hint=hint)
    known_as = found.environment.known_as
    return found, f"{known_as}:{instance}" if colon else known_as


def _is_ephemeral(overlays: Sequence[Overlay], name: str) -> bool:
    return any(one.environment.name == name and one.environment.ephemeral for one in overlays)


def read_environments(document: Document, kinds: Sequence[Kind], findings: Findings) -> tuple[Overlay, ...]:
    """Every environment of a spec, in the order of the text; what is wrong with them is told."""
    reader = _Reader(document, tuple(kinds), findings)
    overlays = tuple(reader.overlay(name, entry) for name, entry in document.environments.items())
    first: dict[str, Overlay] = {}
    for one in overlays:
        other = first.setdefault(one.environment.known_as, one)
        if other is not one:
            message = f"the state knows {other.environment.name} as {one.environment.known_as} already"
            reader.tell(one.place, message, one.environment.name, "keep one of the two")
    if overlays:
        reader.check_base()
    return overlays


@dataclass(frozen=True, slots=True)
class _Reader:
    document: Document
    kinds: tuple[Kind, ...]
    findings: Findings

    def tell(self, place: Place, message: str, subject: str, hint: str) -> None:
        """Add a problem of one environment, or of a part of it."""
        self.findings.add(place, message, subject=f"environments.{subject}", hint=hint)

    def check_base(self) -> None:
        """Tell where the base imports: an id is of one account, and so of one environment."""
        for kind in self.kinds:
            for key, entry in self.document.sections[kind.plural].items():
                own = entry.node.entries.get("import") if isinstance(entry.node, Table) else None
                if own:
                    line = f"environments: {{NAME: {{{kind.plural}: {{{kind.address(key).written}: {{import: …}}}}}}}}"
                    message = "what is imported is of one account: with environments, `import` belongs into one of them"
                    subject = f"{kind.address(key)}: import"
                    self.findings.add(
                        own.place, message, subject=subject, hint=f"move it: {line}; or take it out, once it is adopted"
                    )

    def overlay(self, name: str, entry: Entry) -> Overlay:
        """One environment."""
        if not ENVIRONMENT.fullmatch(name):
            hint = "use 1 to 40 small letters, digits and -"
            self.tell(entry.place, "is not the name of an environment", name, hint)
        known = (*OWN, *(kind.plural for kind in self.kinds))
        said = self._table(entry.node, name, known)
        ephemeral = self._lifetime(said["ephemeral"], name) if "ephemeral" in said else None
        known_as = self._known_as(said["as"], name, ephemeral=ephemeral is not None) if "as" in said else name
        access = self._access(said["account"], name) if "account" in said else Access()
        sections = {
            kind.plural: self._resources(kind, said[kind.plural], name, ephemeral=ephemeral is not None)
            for kind in self.kinds
            if kind.plural in said
        }
        variables = self._map(said["variables"].node, f"{name}.variables") if "variables" in said else {}
        excluded = self._excluded(said["exclude"].node, name, sections) if "exclude" in said else {}
        return Overlay(Environment(name, known_as, access, ephemeral), entry.place, variables, sections, excluded)

    def _resources(self, kind: Kind, entry: Entry, name: str, *, ephemeral: bool) -> dict[str, Entry]:
        """What an environment says of the resources of a kind, by key; what is no map is told, and left out."""
        read: dict[str, Entry] = {}
        for key, inner in self._map(entry.node, f"{name}.{kind.plural}").items():
            subject = f"{name}.{kind.plural}.{key}"
            if not isinstance(inner.node, Table):
                hint = f"to leave it out of this environment: exclude: [{kind.address(key)}]"
                self.tell(inner.node.place, "must be a map of fields", subject, hint)
                continue
            own = inner.node.entries.get("import")
            if own and ephemeral:
                message = "an ephemeral environment imports nothing: what it has ends with it"
                self.tell(own.place, message, f"{subject}.import", "take it out")
            read[key] = inner
        return read

    def _access(self, entry: Entry, name: str) -> Access:
        """How its account is reached."""
        said = self._table(entry.node, f"{name}.account", ACCOUNT)
        key, url, inside = (self._text(said, field, f"{name}.account.{field}") for field in ACCOUNT)
        if key is not None and (not _VARIABLE.fullmatch(key) or Masking(())(key) != key):
            hint = "name the variable that has the key, such as keyEnv: STAGING_AGENTPHONE_KEY, and never the key"
            self.tell(said["keyEnv"].node.place, "is no name of a variable", f"{name}.account.keyEnv", hint)
            key = None
        if inside is not None and not is_visible(inside):
            hint = "apreconcile sub-account list"
            self.tell(said["subAccount"].node.place, "is no id", f"{name}.account.subAccount", hint)
        return Access(key, url, inside)

    def _known_as(self, entry: Entry, name: str, *, ephemeral: bool) -> str:
        """What its state is called: `as: default` keeps what there was before there were environments."""
        if ephemeral:
            message = "an ephemeral environment has a state for each instance: it cannot be another one"
            self.tell(entry.place, message, f"{name}.as", "take it out")
            return name
        if not isinstance(entry.node, Scalar) or entry.node.value != DEFAULT:
            hint = f"write `as: {DEFAULT}` in the environment that this account was until now"
            self.tell(entry.node.place, f"only `{DEFAULT}` is known", f"{name}.as", hint)
            return name
        return DEFAULT

    def _lifetime(self, entry: Entry, name: str) -> timedelta | None:
        """How long its numbers live."""
        said = self._table(entry.node, f"{name}.ephemeral", ("ttl",))
        if "ttl" not in said:
            if isinstance(entry.node, Table):
                self.tell(entry.place, "`ttl` is missing", f"{name}.ephemeral", "write ephemeral: {ttl: 72h}")
            return None
        length = lasting(said["ttl"].node)
        if isinstance(length, timedelta) and length >= SHORTEST:
            return length
        why = "is less than 10m: a number costs a month at once" if isinstance(length, timedelta) else length
        self.tell(said["ttl"].node.place, why, f"{name}.ephemeral.ttl", "write 900, 30m, 72h or 7d")
        return None

    def _excluded(self, node: Node, name: str, sections: Mapping[str, Mapping[str, Entry]]) -> dict[Address, Place]:
        """The addresses of the base that it leaves out."""
        subject, found = f"{name}.exclude", dict[Address, Place]()
        base = {kind.address(key) for kind in self.kinds for key in self.document.sections[kind.plural]}
        own = {kind.address(key) for kind in self.kinds for key in sections.get(kind.plural, ())}
        if not isinstance(node, Array):
            self.tell(node.place, "must be a list of addresses", subject, "write exclude: [number.main]")
            return found
        for item in node.items:
            text = item.value if isinstance(item, Scalar) and isinstance(item.value, str) else ""
            address = Address.parse(text)
            if address is None:
                self.tell(item.place, "must be an address", subject, "write KIND.KEY, such as number.main")
            elif address in own:
                message = f"{address} is left out here, and this environment says something of it"
                self.tell(item.place, message, subject, "keep one of the two")
            elif address not in base:
                near = meant(text, map(str, base)) or f"there are {', '.join(map(str, sorted(base)[:10])) or 'none'}"
                self.tell(item.place, f"the spec has no {address}", subject, near)
            elif address in found:
                self.tell(item.place, f"{address} is given twice, first at {found[address]}", subject, "keep one")
            else:
                found[address] = item.place
        return found

    def _text(self, said: Mapping[str, Entry], name: str, subject: str) -> str | None:
        """A text that is written out."""
        if name not in said:
            return None
        node = said[name].node
        if isinstance(node, Scalar) and isinstance(node.value, str) and node.value and "${" not in node.value:
            return node.value
        hint = "write it out, in quotes; a pipeline can set AGENTPHONE_BASE_URL and AGENTPHONE_SUB_ACCOUNT instead"
        self.tell(node.place, "must be text, without variables", subject, hint)
        return None

    def _map(self, node: Node, subject: str) -> Mapping[str, Entry]:
        if isinstance(node, Table):
            return node.entries
        self.tell(node.place, "must be a map", subject, "leave it out, or write {}")
        return {}

    def _table(self, node: Node, subject: str, known: Sequence[str]) -> dict[str, Entry]:
        """The entries of a map that has only these keys."""
        entries = self._map(node, subject)
        for name, entry in entries.items():
            if name not in known:
                hint = meant(name, known) or f"keys are {', '.join(known)}"
                self.tell(entry.place, f"there is no key `{name}`", subject, hint)
        return {name: entry for name, entry in entries.items() if name in known}
