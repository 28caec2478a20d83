"""State is what one project and environment remembers: one small immutable document without secrets or field values.

Times are ISO 8601 in UTC with a `Z`; money is a decimal in a string, in US dollars.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .address import Address
from .errors import StoreError
from .wire import Wire

FORMAT = "apreconcile.state/1"


def to_second(stamp: str) -> str:
    """A time as it is shown: without what is smaller than a second."""
    return f"{stamp[:19]}Z"


@dataclass(frozen=True, slots=True)
class Memory:
    """Salted hashes of one field: what we sent, and what the server then showed.

    `secret` masks the whole field, `parts` (as `lookup/url`) secrets inside a list of items, until it is forgotten.
    """

    sent: str
    shown: str | None = None
    secret: bool = False
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resource:
    """Something of ours. `origin` is `created`, `imported` or `adopted`; `parent` the agent's id of a webhook.

    `delivered` is the salted hash of the sink that has its signing secret; None while nobody was handed it. `expires`
    is the end that it was bought with.
    """

    id: str
    origin: str
    phone_number: str | None = None
    parent: str | None = None
    protect: bool = False
    delivered: str | None = None
    expires: str | None = None
    fields: Mapping[str, Memory] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Intent:
    """A step that was about to be taken: durable before its first byte leaves, closed by its result.

    `seen` are the ids of that kind known before a creation, `fields` what it asks for, `parent` the id of the agent
    that it is made for, `protect` whether it is protected once it is there, `expires` the end that it is bought with.
    After `send_by` no byte of it leaves any more.
    """

    address: Address
    action: str
    payload: str
    send_by: str
    run: str
    opened: str
    seen: tuple[str, ...] = ()
    token: str | None = None
    risks: tuple[str, ...] = ()
    fields: Mapping[str, Memory] = field(default_factory=dict)
    parent: str | None = None
    protect: bool = False
    expires: str | None = None

    @property
    def creates(self) -> bool:
        """Whether it makes something new, whose outcome only looking can tell."""
        return self.action == "create"


@dataclass(frozen=True, slots=True)
class Purchase:
    """A line of the ledger, written with the intent: `outcome` is `unknown`, and counts, until it is settled.

    Then it is `bought`; or `denied`, and does not count, if a person said that nothing was bought. `amount` is what a
    month costs, or `unknown`.
    """

    address: Address
    at: str
    amount: str
    outcome: str
    id: str | None = None
    phone_number: str | None = None


@dataclass(frozen=True, slots=True)
class Tombstone:
    """Something that was ours: `how` is `released`, `deleted`, `forgotten`, `expired` or `lost`."""

    address: Address
    id: str
    at: str
    how: str
    phone_number: str | None = None


@dataclass(frozen=True, slots=True)
class Lock:
    """Who holds the state, since when and until when. Each swap of the holder renews it."""

    run: str
    who: str
    where: str
    since: str
    until: str


@dataclass(frozen=True, slots=True)
class State:
    """The document. `id` is random and new with every `state init`, `none` before the first write.

    `seed` is random too, and stays: it salts the hashes, so that a document alone does not tell what was hashed.
    `unclaimed` are numbers that were there when the document was made, and that nobody has set aside or taken since.
    `elsewhere` is the place that the document was copied to, `copy_of` the place that it is being copied from.
    """

    project: str
    environment: str
    host: str
    sub_account: str | None = None
    id: str = "none"
    seed: str = ""
    serial: int = 0
    write: str = ""
    resources: Mapping[Address, Resource] = field(default_factory=dict)
    turns: Mapping[Address, int] = field(default_factory=dict)
    intents: Mapping[Address, Intent] = field(default_factory=dict)
    ledger: tuple[Purchase, ...] = ()
    ignored: tuple[str, ...] = ()
    unclaimed: tuple[str, ...] = ()
    tombstones: tuple[Tombstone, ...] = ()
    lock: Lock | None = None
    elsewhere: str | None = None
    copy_of: str | None = None

    @property
    def in_use(self) -> bool:
        """Whether it is the document that counts: neither one that was copied, nor a copy that is not finished."""
        return self.elsewhere is None and self.copy_of is None

    @property
    def salt(self) -> str:
        """What hashes of this document are salted with."""
        return f"{self.project}/{self.environment}/{self.seed}"

    @property
    def opened(self) -> frozenset[Address]:
        """The addresses of creations without a known outcome."""
        return frozenset(at for at, intent in self.intents.items() if intent.creates)

    def bind(self, address: Address, resource: Resource) -> State:
        """The state in which this address is that thing."""
        return replace(self, resources={**self.resources, address: resource})

    def unbind(self, address: Address, *, how: str, at: str) -> State:
        """The state in which this address is nothing any more; what it was stays as a tombstone."""
        gone = self.resources.get(address)
        if gone is None:
            return self
        rest = {other: held for other, held in self.resources.items() if other != address}
        stone = Tombstone(address, gone.id, at, how, gone.phone_number)
        return replace(self, resources=rest, tombstones=(*self.tombstones, stone))

    def undelivered(self, address: Address) -> State:
        """The state in which nobody has this thing's secret: it is about to be another one."""
        held = self.resources.get(address)
        return self.bind(address, replace(held, delivered=None)) if held else self

    def rename(self, old: Address, new: Address) -> State:
        """The state in which what one address was is another's; the turns of neither go down."""
        rest = {at: held for at, held in self.resources.items() if at != old}
        turns = {**self.turns, new: max(self.turn(old), self.turn(new))}
        return replace(self, resources={**rest, new: self.resources[old]}, turns=turns)

    def protected(self, address: Address, *, protect: bool, tokens: int) -> State:
        """The state in which something of ours is protected, or not; so many tokens were spent on that."""
        held = replace(self.resources[address], protect=protect)
        return replace(self.bind(address, held), turns=self.turned(address, tokens))

    def open(self, intent: Intent, *, price: str | None = None) -> State:
        """The state that knows of a step about to be taken. Its token, if any, is spent with it; so is its price."""
        turns = self.turned(intent.address, 1) if intent.token else self.turns
        line = (Purchase(intent.address, intent.opened, price, "unknown"),) if price else ()
        return replace(
            self, intents={**self.intents, intent.address: intent}, turns=turns, ledger=(*self.ledger, *line)
        )

    def sent(self, address: Address, *, by: str) -> State:
        """The state in which nothing of an open step leaves any more after this moment."""
        intent = self.intents.get(address)
        if intent is None:
            return self
        return replace(self, intents={**self.intents, address: replace(intent, send_by=min(by, intent.send_by))})

    def close(self, address: Address, *, undone: bool = False) -> State:
        """The state in which the step has its word. `undone` (certainly not done) gives a spent token back."""
        intent = self.intents.get(address)
        if intent is None:
            return self
        rest = {other: open_ for other, open_ in self.intents.items() if other != address}
        turns = self.turned(address, -1) if undone and intent.token else self.turns
        ledger = tuple(line for line in self.ledger if (line.address, line.outcome) != (address, "unknown"))
        return replace(self, intents=rest, turns=turns, ledger=ledger)

    def denied(self, address: Address) -> State:
        """The state in which an open creation made nothing, says a person: its line of the ledger says so."""
        ledger = tuple(
            replace(line, outcome="denied") if (line.address, line.outcome) == (address, "unknown") else line
            for line in self.ledger
        )
        return replace(self, ledger=ledger).close(address)

    def found(self, address: Address, resource: Resource) -> State:
        """The state in which the newest purchase that was denied there made this thing after all, if there is one."""
        denied = [n for n, line in enumerate(self.ledger) if (line.address, line.outcome) == (address, "denied")]
        if not denied or any(line.id == resource.id for line in self.ledger):
            return self
        ledger, last = list(self.ledger), denied[-1]
        ledger[last] = replace(ledger[last], outcome="bought", id=resource.id, phone_number=resource.phone_number)
        return replace(self, ledger=tuple(ledger))

    def made(self, address: Address, resource: Resource, *, at: str) -> State:
        """The state in which an open creation made this thing: it is ours, and what was spent for it is known."""
        bought = tuple(
            replace(line, outcome="bought", id=resource.id, phone_number=resource.phone_number)
            if (line.address, line.outcome) == (address, "unknown")
            else line
            for line in self.ledger
        )
        return replace(self, ledger=bought).unbind(address, how="lost", at=at).bind(address, resource).close(address)

    def turned(self, address: Address, by: int) -> Mapping[Address, int]:
        """The turns with one address' changed."""
        return {**self.turns, address: self.turns.get(address, 0) + by}

    def turn(self, address: Address) -> int:
        """How many tokens were spent at an address."""
        return self.turns.get(address, 0)


def to_json(state: State) -> dict[str, Wire]:
    """The document as it is stored and shown."""
    scope = {"host": state.host, "sub_account": state.sub_account}
    return {
        "format": FORMAT,
        "project": state.project,
        "environment": state.environment,
        "scope": scope,
        "id": state.id,
        "seed": state.seed,
        "serial": state.serial,
        "write": state.write,
        "resources": {str(at): _fields_json(held) for at, held in sorted(state.resources.items())},
        "turns": {str(at): turn for at, turn in sorted(state.turns.items()) if turn},
        "intents": {str(at): _fields_json(intent) for at, intent in sorted(state.intents.items())},
        "seen": {_seen_key(ids): list(ids) for ids in sorted({one.seen for one in state.intents.values() if one.seen})},
        "ledger": [_record(line) for line in state.ledger],
        "ignored": sorted(state.ignored),
        "unclaimed": sorted(state.unclaimed),
        "tombstones": [_record(stone) for stone in state.tombstones],
        "lock": _record(state.lock) if state.lock else None,
        **({"elsewhere": state.elsewhere} if state.elsewhere else {}),
        **({"copy_of": state.copy_of} if state.copy_of else {}),
    }


def _seen_key(ids: tuple[str, ...]) -> str:
    """The name of a set of ids, so that many intents of one batch share it."""
    return hashlib.sha256("\n".join(ids).encode(errors="surrogatepass")).hexdigest()[:12]


def _record(value: Any) -> dict[str, Wire]:
    shown = {_camel(name): getattr(value, name) for name in value.__slots__}
    return {
        name: str(item) if isinstance(item, Address) else list(item) if isinstance(item, tuple) else item
        for name, item in shown.items()
        if item is not None and item != ()
    }


def _fields_json(held: Resource | Intent) -> dict[str, Wire]:
    shown = {name: value for name, value in _record(held).items() if name != "fields"}
    if "seen" in shown:
        shown["seen"] = _seen_key(tuple(shown["seen"]))
    fields = {
        name: {"sent": memory.sent, "shown": memory.shown}
        | ({"secret": True} if memory.secret else {})
        | ({"parts": list(memory.parts)} if memory.parts else {})
        for name, memory in sorted(held.fields.items())
    }
    return {**shown, "fields": fields} if fields else shown


def from_json(document: Wire, *, source: str) -> State:
    """The state that a document holds. Raises StoreError if it is none, or of a later major version."""
    if not isinstance(document, dict) or not str(document.get("format")).startswith("apreconcile.state/"):
        raise StoreError(f"{source} is not a state document", hint="restore it from a backup; do not edit it by hand")
    if document["format"] != FORMAT:
        raise StoreError(f"{source} was written by a later version ({document['format']})", hint="upgrade apreconcile")
    try:
        return _read(document)
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        hint = "restore it from a backup; do not edit it by hand"
        raise StoreError(f"{source} is damaged ({type(problem).__name__}: {problem})", hint=hint) from problem


def _read(document: dict[str, Any]) -> State:
    seen = {key: tuple(ids) for key, ids in document["seen"].items()}
    return State(
        project=document["project"],
        environment=document["environment"],
        host=document["scope"]["host"],
        sub_account=document["scope"]["sub_account"],
        id=document["id"],
        seed=document["seed"],
        serial=int(document["serial"]),
        write=document["write"],
        resources={_address(at): _with_fields(Resource, held) for at, held in document["resources"].items()},
        turns={_address(at): int(turn) for at, turn in document["turns"].items()},
        intents={
            _address(at): _with_fields(Intent, {**intent, "seen": seen.get(intent.get("seen"), ())})
            for at, intent in document["intents"].items()
        },
        ledger=tuple(_rebuilt(Purchase, line) for line in document["ledger"]),
        ignored=tuple(document["ignored"]),
        unclaimed=tuple(document["unclaimed"]),
        tombstones=tuple(_rebuilt(Tombstone, stone) for stone in document["tombstones"]),
        lock=_rebuilt(Lock, document["lock"]) if document["lock"] else None,
        elsewhere=document.get("elsewhere"),
        copy_of=document.get("copy_of"),
    )


def _with_fields(sort: Any, held: dict[str, Any]) -> Any:
    fields = {
        name: Memory(memory["sent"], memory["shown"], bool(memory.get("secret")), tuple(memory.get("parts", ())))
        for name, memory in held.get("fields", {}).items()
    }
    return replace(_rebuilt(sort, held), fields=fields)


def _rebuilt(sort: Any, shown: dict[str, Any]) -> Any:
    known = {_camel(name): name for name in sort.__slots__}
    taken = {known[name]: value for name, value in shown.items() if name in known}
    taken = {name: tuple(value) if isinstance(value, list) else value for name, value in taken.items()}
    if "address" in taken:
        taken["address"] = _address(taken["address"])
    return sort(**taken)


def _address(text: str) -> Address:
    address = Address.parse(text)
    if address is None:
        raise ValueError(f"{text!r} is no address")
    return address


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)
