"""A call is one HTTP request as a plain value, with holes for ids that do not exist yet and for secrets.

The plan is made of calls; `fill` turns one into the request that is sent. Nothing else makes a request from a plan.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypeAlias

from .address import Address
from .wire import Wire, shows


@dataclass(frozen=True, slots=True)
class IdOf:
    """A hole: the id of what this address names, known when it is sent."""

    address: Address


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A value that is sent but never shown or stored.

    `names` are the variables it was read from, if any, and `inner` their values, each a secret of its own; `template`
    is the text of the spec that has them for holes.
    """

    text: str
    names: tuple[str, ...] = ()
    inner: tuple[str, ...] = field(default=(), compare=False)
    template: str = field(default="", compare=False)

    def __repr__(self) -> str:
        return "Secret(***)"

    def digest(self, salt: str) -> str:
        """The salted sha256 by which a secret is known again, 64 hex digits."""
        return hashlib.sha256(f"{salt}\0{self.text}".encode(errors="surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class After:
    """A hole: the moment so long after the call was opened."""

    lifetime: timedelta

    @property
    def text(self) -> str:
        """The length as a spec says it: `72h`."""
        seconds = int(self.lifetime.total_seconds())
        size, unit = next((size, unit) for size, unit in ((3600, "h"), (60, "m"), (1, "s")) if seconds % size == 0)
        return f"{seconds // size}{unit}"


Hole: TypeAlias = IdOf | Secret | After


@dataclass(frozen=True, slots=True)
class Call:
    """Path parts are quoted when sent. `names` says whose id the reply's `id` reveals (a creation).

    `outside` sends it to the account itself, also where the run is for a sub-account of it.
    """

    method: str
    path: tuple[str | IdOf, ...]
    body: Wire = field(default=None, repr=False)
    query: tuple[tuple[str, str], ...] = ()
    names: Address | None = None
    outside: bool = False

    @property
    def where(self) -> str:
        """The call as people know it: its verb and path, without the query."""
        return f"{self.method} /{'/'.join(map(str, self.path))}"

    @property
    def needs(self) -> frozenset[Address]:
        """The addresses whose ids must be known before this call can be sent."""
        return frozenset(hole.address for _, hole in holes((list(self.path), self.body)) if isinstance(hole, IdOf))

    def fill(self, ids: Mapping[Address, str], *, ends: str | None = None) -> Call:
        """The same call without holes; `ends` is the moment that an `After` is.

        Raises KeyError for an unknown id or moment: without its end, a preview's number would be billed for ever.
        """

        def value(hole: Hole) -> str:
            if isinstance(hole, After):
                if not ends:
                    raise KeyError(hole.text)
                return ends
            return ids[hole.address] if isinstance(hole, IdOf) else hole.text

        path = tuple(value(part) if isinstance(part, IdOf) else part for part in self.path)
        return replace(self, path=path, body=replace_holes(self.body, value))

    def to_json(self, salt: str) -> dict[str, Wire]:
        """The call as the plan file has it: holes are null in place, and listed beside with a JSON pointer.

        A secret's hole has its salted hash, so that a document alone says what it means.
        """
        whole = {"path": list(self.path), "body": self.body}
        listed: list[dict[str, Wire]] = []
        for at, hole in sorted(holes(whole)):
            if isinstance(hole, IdOf):
                listed.append({"at": at, "id": str(hole.address)})
            elif isinstance(hole, After):
                listed.append({"at": at, "after": hole.text})
            else:
                source: dict[str, Wire] = {"env": hole.names[0]} if hole.names else {"masked": True}
                listed.append({"at": at, **source, "sha256": hole.digest(salt)})
        empty = replace_holes(whole, lambda _: None)
        shown = {"method": self.method, "path": empty["path"], "body": empty["body"], "holes": listed}
        return shown | ({"query": [list(pair) for pair in self.query]} if self.query else {})

    def meaning(self, salt: str) -> Wire:
        """What an approval covers: references as addresses (an id changes nothing), secrets as salted hashes."""

        def value(hole: Hole) -> Wire:
            if isinstance(hole, After):
                return {"after": hole.text}
            return {"id": str(hole.address)} if isinstance(hole, IdOf) else {"secret": hole.digest(salt)}

        whole = [self.method, list(self.path), list(map(list, self.query)), self.body]
        return replace_holes([*whole, *(["outside"] if self.outside else [])], value)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: HTTP's status and the decoded body (None for an empty one)."""

    status: int
    body: Wire = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Check:
    """A read, and what its reply must show. `expect` None means: gone.

    Gone is 404, `status: released`, and null where the read is of a `slot`. Keys that the reply lacks are not judged;
    `""`, null and `[]` count as the same.
    """

    call: Call
    expect: Mapping[str, Wire] | None = field(default_factory=dict, repr=False)
    slot: bool = False

    def meaning(self, salt: str) -> Wire:
        """What an approval covers of it."""
        secret = hashlib.sha256(f"{salt}\0".encode() + canonical(replace_holes(self.expect, _plain))).hexdigest()
        return [self.call.meaning(salt), secret]

    def holds(self, reply: Reply, ids: Mapping[Address, str]) -> bool | None:
        """Whether the reply shows what is expected; None if it is no answer at all."""
        body = reply.body
        if reply.status == NOT_FOUND or (self.slot and body is None):
            return self.expect is None
        if not isinstance(body, dict) or not isinstance(body.get("id"), str) or not body["id"]:
            return None
        if self.expect is None or body.get("status") == "released":
            return self.expect is None and body.get("status") == "released"
        wanted = replace_holes(self.expect, lambda hole: ids.get(hole.address) if isinstance(hole, IdOf) else hole.text)
        return shows(body, wanted)


NOT_FOUND = 404
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def replace_at(value: Wire, pointers: Collection[str], by: Callable[[Wire], Wire], at: str = "") -> Wire:
    """The value with what stands at these JSON pointers replaced; maps and lists are copied."""
    if at in pointers:
        return by(value)
    if isinstance(value, Mapping):
        return {name: replace_at(value[name], pointers, by, f"{at}/{_escaped(name)}") for name in value}
    if isinstance(value, list):
        return [replace_at(item, pointers, by, f"{at}/{index}") for index, item in enumerate(value)]
    return value


def _plain(hole: Hole) -> Wire:
    return {"id": str(hole.address)} if isinstance(hole, IdOf) else {"secret": hole.text}


def _escaped(name: Wire) -> str:
    return str(name).replace("~", "~0").replace("/", "~1")


def holes(value: Wire, at: str = "") -> Iterator[tuple[str, Hole]]:
    """Every hole in a value with its JSON pointer."""
    if isinstance(value, Hole):
        yield at, value
    elif isinstance(value, Mapping):
        for name in value:
            yield from holes(value[name], f"{at}/{_escaped(name)}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from holes(item, f"{at}/{index}")


def has_secret(value: Wire) -> bool:
    """Whether a secret stands anywhere in a value."""
    return any(isinstance(hole, Secret) for _, hole in holes(value))


def replace_holes(value: Wire, by: Callable[[Hole], Wire]) -> Wire:
    """The value with every hole replaced; maps and lists are copied, nothing is changed in place."""
    if isinstance(value, Hole):
        return by(value)
    if isinstance(value, Mapping):
        return {name: replace_holes(item, by) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [replace_holes(item, by) for item in value]
    return value


def canonical(value: Wire) -> bytes:
    """Canonical JSON: sorted keys, no spaces, UTF-8, one form for one value."""
    return _CANONICAL.encode(value).encode(errors="surrogatepass")
