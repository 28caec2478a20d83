"""A kind is a table of functions: its YAML model, where it lives, how to know it again, its calls and its words.

The core asks a kind; it never asks which kind it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

from .address import Address
from .call import Call, Check, IdOf
from .change import Create, Deed, Delete, Update
from .facts import Question, Words, World
from .plan import Delivery, Probe
from .risk import Risk
from .snapshot import Seen
from .state import Resource
from .wanted import Wanted
from .wire import Wire


class Spec(BaseModel):
    """What one resource may say in YAML. Field names are the API's own camelCase; only fields that were set count."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=False)


@dataclass(frozen=True, slots=True)
class Refers:
    """The field holds the key of a resource of this kind, and becomes its id when sent."""

    kind: str


@dataclass(frozen=True, slots=True)
class Fixed:
    """The field cannot be changed once the thing exists: a difference blocks."""


@dataclass(frozen=True, slots=True)
class Wish:
    """The field is a wish at creation: compared with what was asked, never with what came."""


@dataclass(frozen=True, slots=True)
class ClearsWith:
    """`null` in the spec is allowed; this is the value that clears the field on the wire (fact sheet §13.1)."""

    value: Wire


@dataclass(frozen=True, slots=True)
class Default:
    """What the server shows when nothing was ever set (fact sheet §2.2, §4.2)."""

    value: Wire


@dataclass(frozen=True, slots=True)
class Phone:
    """The field is a phone number in E.164; spaces and punctuation do not count."""


@dataclass(frozen=True, slots=True)
class Items:
    """A list of maps known by this key; `masked` names the key whose map values are secrets."""

    key: str
    masked: str


Mark = Refers | Fixed | Wish | ClearsWith | Default | Phone | Items


@dataclass(frozen=True)
class Kind:
    """One kind, whole. `name` is its word in addresses, `plural` its key in the spec.

    `parent` is the kind whose id stands in the path; `single` means at most one under a parent (a slot).
    """

    name: str
    plural: str
    spec: type[Spec]
    path: Callable[[str | None], tuple[str, ...]]
    """Where the list is; for a slot, where the slot of this parent is."""
    shown: Callable[[Seen], Mapping[str, Wire]]
    """A live body in the spec's words; a reference is the raw id."""
    label: Callable[[Seen], str]
    """What a person would call it: a name, a phone number, a URL."""
    create: Callable[[Create], tuple[Call, ...]]
    update: Callable[[Update], tuple[Call, ...]]
    delete: Callable[[Delete], tuple[Call, ...]]
    risks: Callable[[Deed], frozenset[Risk]]
    guards: Callable[[Deed], tuple[Check, ...]]
    """What must still be true just before the call."""
    settle: Callable[[Deed], Check | None]
    """The read that decides a lost reply; None for a creation, which only an intent can settle."""
    asks: Callable[[Deed, datetime], tuple[Question, ...]]
    words: Callable[[Deed, World], Words]
    namesake: Callable[[Wanted, Seen], bool] = lambda _wanted, _seen: False
    adopt: Callable[[Seen, str], tuple[Call, ...]] = lambda _seen, _marker: ()
    """The calls that mark an adopted or moved thing as ours; `marker` is `apr:PROJECT/ENV/KEY`."""
    forget: Callable[[Seen, str], tuple[Call, ...]] = lambda _seen, _marker: ()
    """The calls that take this marker of ours off a thing."""
    notices: Callable[[Wanted, Seen, str], tuple[str, ...]] = lambda _wanted, _seen, _marker: ()
    """Warnings about a bound thing as it is; the text is `marker`."""
    alarms: Callable[[Seen], tuple[tuple[str, str], ...]] = lambda _seen: ()
    """Reasons, with hints, why nothing may be done to a bound thing (exit 9)."""
    hangs_on: Callable[[Seen], str | None] = lambda _seen: None
    """The id of the parent that it is attached to, so that the parent cannot be deleted under it."""
    delivery: Callable[[Deed], Delivery | None] | None = None
    """How the secret that it has comes to the sink that the spec names, if it names one; None for kinds without one."""
    probe: Callable[[Address, str | IdOf | None], Probe] | None = None
    """The test event that the API sends to it, by the id of its parent; None for kinds without one."""
    sends_to: Callable[[Mapping[str, Wire]], tuple[Wire, ...]] = lambda _fields: ()
    """The URLs to which events would be sent by something with these fields."""
    tariff: Callable[[Mapping[str, Wire]], tuple[str, ...]] = lambda _fields: ()
    """The lines of a price table for something with these fields, the closest first; none if it costs nothing."""
    verb: Mapping[str, str] = field(default_factory=dict)
    """The verb of a token by action: `{"create": "buy", "delete": "release"}`."""
    prose: str | None = None
    """The field whose text may be long enough for a file of its own; None for kinds without one."""
    parent: str | None = None
    single: bool = False
    unread: frozenset[str] = frozenset()
    """Fields of a live body that must not leave the reply that they came in."""
    tag: str | None = None
    """The field that carries our marker. What has one is lost, not absent, if it cannot be seen: another one costs."""

    @cached_property
    def marks(self) -> Mapping[str, tuple[Mark, ...]]:
        """Every field of the spec in order, with its marks."""
        return {name: _marks(info) for name, info in self.spec.model_fields.items()}

    @property
    def marked(self) -> bool:
        """Whether it carries our marker."""
        return self.tag is not None

    def marker(self, seen: Seen) -> str | None:
        """The marker on a live thing, ours or another's."""
        return (seen.body.get(self.tag) or None) if self.tag else None

    def takes_marker(self, seen: Seen) -> bool:
        """Whether this API shows the field for a marker at all."""
        return self.tag is not None and self.tag in seen.body

    def mark(self, name: str, sort: type[Any]) -> Any:
        """The mark of this sort on a field, or None."""
        return next((mark for mark in self.marks.get(name, ()) if isinstance(mark, sort)), None)

    def called(self, seen: Seen, held: Resource | None) -> str:
        """Its label and its id; where something of it was a secret when it was set, the kind's name for a label."""
        secret = held is not None and any(memory.secret for memory in held.fields.values())
        return f"{f'the {self.name}' if secret else self.label(seen)} ({seen.id})"

    def address(self, key: str) -> Address:
        """The address of a key of this kind."""
        return Address(self.name, key)


def _marks(info: FieldInfo) -> tuple[Mark, ...]:
    return tuple(mark for mark in info.metadata if isinstance(mark, Mark))
