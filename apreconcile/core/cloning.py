"""A clone is the spec of another environment: what was A's own (ids, secrets, hosts, numbers) does not come along.

It starts from the manifest of a spec or from an export of the live account; from there on both are the same plain YAML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from .address import Address
from .call import IdOf, Secret
from .kind import Kind, Phone, Refers, Wish
from .shelf import Shelf
from .wanted import Manifest, Wanted
from .wire import Wire
from .writing import Variables, escaped

Said = Mapping[Address, dict[str, Wire]]
"""What a spec says of each address, as YAML would; ordered by rank of kind and key."""

_URL = re.compile(r"https?://(?:[^\s/?#@]*@)?(?P<host>[^\s/?#:@\\]+)", re.IGNORECASE)
_ESCAPED_OR_READ = re.compile(r"\$\$\{|\$\{env\.(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}")
_BETWEEN = r"[\s().\-\u2010-\u2015/]*"
_CODE = "+1"


class Numbers(StrEnum):
    """What becomes of the numbers: new ones are bought, some that B has are bound, or there are none."""

    BUY = "buy"
    BIND = "bind"
    OMIT = "omit"


class Transfers(StrEnum):
    """Whether the clone's agents transfer calls to the people to whom the source's do."""

    KEEP = "keep"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Choices:
    """What is asked of a clone. `rewrites` has, for a host or a phone number of A, what stands there in B.

    What is rewritten to itself stays, and is not told.
    """

    numbers: Numbers = Numbers.OMIT
    transfers: Transfers = Transfers.KEEP
    rewrites: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cloned:
    """What the clone says of each address.

    `bound` are numbers that B has already, each with the variable that names it. `names` are read from the environment.
    `left` says where a host of A is named still, which must not be, and `warnings` where a number of A is. `unused`
    are the rewrites that found nothing.
    """

    said: Said
    bound: Mapping[Address, str]
    names: tuple[str, ...]
    left: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    unused: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bill:
    """What a clone's numbers will cost a month, in US dollars; nobody knows the price of `unknown` of them.

    `as_of` is the day of the prices.
    """

    numbers: int
    monthly: Decimal
    unknown: int
    as_of: str


def said_by(manifest: Manifest, kinds: Sequence[Kind]) -> Said:
    """What a manifest says, as YAML: variables of the spec filled in, those of the environment by their names.

    A secret that stands in the spec itself becomes a variable of the environment, too.
    """
    named = {kind.name: kind for kind in kinds}
    variables = Variables([name for wanted in manifest.resources for one in wanted.secrets for name in one.names])
    return {one.address: _said(one, named[one.address.kind], variables) for one in manifest.resources}


def _said(wanted: Wanted, kind: Kind, variables: Variables) -> dict[str, Wire]:
    key = wanted.address.key
    parent = next((name for name in kind.marks if (mark := kind.mark(name, Refers)) and mark.kind == kind.parent), "")
    belongs: dict[str, Wire] = {parent: wanted.parent.key} if wanted.parent else {}
    fields = {name: _yaml(value, (key,), name, variables) for name, value in wanted.fields.items()}
    protect: dict[str, Wire] = {} if wanted.protect is None else {"protect": wanted.protect}
    return {**belongs, **fields, **protect}


def _yaml(value: Wire, words: tuple[str, ...], name: str, variables: Variables) -> Wire:
    """A value as a spec would say it; `words` and `name` are what a variable for a secret in it is named after."""
    if isinstance(value, IdOf):
        return value.address.key
    if isinstance(value, Secret):
        return value.template or variables.variable(*words, name)
    if isinstance(value, Mapping):
        return {inner: _yaml(one, words, inner, variables) for inner, one in value.items()}
    if isinstance(value, list):
        called = [str(one.get("name", at)) if isinstance(one, Mapping) else str(at) for at, one in enumerate(value)]
        return [_yaml(one, (*words, called[at]), name, variables) for at, one in enumerate(value)]
    return escaped(value)


def clone(
    said: Said,
    kinds: Sequence[Kind],
    choices: Choices,
    *,
    live: Mapping[Address, Mapping[str, Wire]],
    phones: Sequence[str],
) -> Cloned:
    """The clone of what a spec says.

    `live` is what is known of the live things, in the spec's words; `phones` are the E.164 numbers of A.
    """
    named = {kind.name: kind for kind in kinds}
    rewriting = _Rewriting(choices.rewrites)
    bound: dict[Address, str] = {}
    made: dict[Address, dict[str, Wire]] = {}
    for address, entry in said.items():
        kind = named[address.kind]
        if kind.marked and choices.numbers is Numbers.OMIT:
            continue
        own = {name: value for name, value in entry.items() if name != "import"}
        if choices.transfers is Transfers.DROP:
            own = {name: value for name, value in own.items() if not kind.mark(name, Phone)}
        if kind.marked and choices.numbers is Numbers.BUY:
            own |= _wishes(kind, own, live.get(address, {}))
        elif kind.marked:
            bound[address] = f"{address.kind}-{address.key}"
            own = _unwished(kind, own)
        made[address] = rewriting.of(own)
    hosts = [host for host in _hosts(said) if choices.rewrites.get(host) != host]
    called = [one for one in phones if choices.rewrites.get(one) != one]
    names = [found["name"] for _, text in _texts(made) for found in _ESCAPED_OR_READ.finditer(text) if found["name"]]
    return Cloned(
        made,
        bound,
        tuple(dict.fromkeys(names)),
        tuple((host, where) for host in hosts for where in _where(_host(host), made)),
        tuple(f"{where} names {one}, a number of the source" for one in called for where in _where(_phone(one), made)),
        tuple(old for old in choices.rewrites if old not in rewriting.used),
    )


def _wishes(kind: Kind, own: Mapping[str, Wire], live: Mapping[str, Wire]) -> dict[str, Wire]:
    """What a number is bought with, to be as the live one: its area, and its type where that makes it dearer."""
    known = {name: value for name, value in live.items() if value and kind.mark(name, Wish)}
    dearer = kind.tariff({**own, **known}) != kind.tariff(own)
    return {name: value for name, value in known.items() if dearer or name == "areaCode"}


def _unwished(kind: Kind, own: Mapping[str, Wire]) -> dict[str, Wire]:
    return {name: value for name, value in own.items() if not kind.mark(name, Wish)}


def _hosts(said: Said) -> list[str]:
    """The hosts to which the source sends: those of every `url`, in small letters."""
    found = [_URL.match(text) for where, text in _texts(said) if re.split("[ .]", where)[-1] == "url"]
    return sorted({one["host"].lower() for one in found if one})


def _texts(said: Said) -> Iterator[tuple[str, str]]:
    """Every text, names of fields too, with where it stands: `agent.support: customTools.0.url`."""
    for address, entry in said.items():
        for name, value in entry.items():
            yield from _within(value, f"{address}: {name}")


def _within(value: Wire, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, Mapping):
        for name, one in value.items():
            yield where, name
            yield from _within(one, f"{where}.{name}")
    elif isinstance(value, list):
        for at, one in enumerate(value):
            yield from _within(one, f"{where}.{at}")


def _where(pattern: str, said: Said) -> list[str]:
    """Where a host or number is named, each place once."""
    found = re.compile(pattern, re.IGNORECASE)
    return list(dict.fromkeys(where for where, text in _texts(said) if found.search(text)))


def _host(name: str) -> str:
    """A pattern for a host as a whole: neither one below it nor one that only begins so."""
    return rf"(?<![A-Za-z0-9.-]){re.escape(name)}(?![A-Za-z0-9-]|\.[A-Za-z0-9])"


def _phone(number: str) -> str:
    """A pattern for a phone number, however it is written; the code of the United States and Canada may be left out."""
    code, rest = (_CODE, number[2:]) if number.startswith(_CODE) else ("", number[1:])
    before = rf"(\+?1{_BETWEEN})?" if code else r"\+?"
    return rf"(?<![\d+]){before}\(?{_BETWEEN.join(rest)}(?!\d)"


class _Rewriting:
    """Puts B's hosts and numbers in the places of A's, in one pass. `used` are those that were found."""

    def __init__(self, rewrites: Mapping[str, str]) -> None:
        self.used: set[str] = set()
        self._by = list(rewrites.items())
        patterns = [f"(?P<r{at}>{(_phone if old[:1] == '+' else _host)(old)})" for at, (old, _) in enumerate(self._by)]
        self._pattern = re.compile("|".join(patterns), re.IGNORECASE) if patterns else None

    def of(self, entry: Mapping[str, Wire]) -> dict[str, Wire]:
        """What an address says, rewritten."""
        return {name: self._value(value) for name, value in entry.items()}

    def _value(self, value: Wire) -> Wire:
        if isinstance(value, str):
            return self._pattern.sub(self._new, value) if self._pattern else value
        if isinstance(value, Mapping):
            return {name: self._value(one) for name, one in value.items()}
        return [self._value(one) for one in value] if isinstance(value, list) else value

    def _new(self, found: re.Match[str]) -> str:
        old, new = self._by[int(str(found.lastgroup)[1:])]
        self.used.add(old)
        return new


def document(
    cloned: Cloned,
    kinds: Sequence[Kind],
    *,
    project: str,
    environment: str,
    account: Mapping[str, Wire],
    state: Mapping[str, Wire],
    shelf: Shelf,
) -> dict[str, Wire]:
    """The spec whose only environment is the clone's, as a tree; its long texts are put on the shelf."""
    tree: dict[str, Wire] = {"version": 1, "project": project}
    tree |= {"state": dict(state)} if state else {}
    tree |= {"variables": {name: {} for name in cloned.bound.values()}} if cloned.bound else {}
    theirs: dict[str, Wire] = {"account": dict(account)} if account else {}
    tree["environments"] = {environment: theirs}
    for kind in kinds:
        said = {at.key: one for at, one in cloned.said.items() if at.kind == kind.name}
        entries = {key: shelf.without_prose(kind, key, one) for key, one in said.items()}
        tree |= {kind.plural: entries} if entries else {}
        imports = {at.key: {"import": f"${{var.{name}}}"} for at, name in cloned.bound.items() if at.kind == kind.name}
        theirs |= {kind.plural: imports} if imports else {}
    return tree
