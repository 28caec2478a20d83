"""A visit is one request on its way through a handler: whose it is, what it asks, and the world it acts on."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from apreconcile.sandbox import clock
from apreconcile.sandbox.errors import Invalid, Problem, invalid
from apreconcile.sandbox.options import Options
from apreconcile.sandbox.reply import Reply, load
from apreconcile.sandbox.validation import Rule, Wrong, check_body, integer


@dataclass(frozen=True, slots=True)
class Bend:
    """How faults bend what a handler does: the fields it overlooks, and how its list is told."""

    ignored: frozenset[str] = frozenset()
    lag: float = 0
    truncate: bool = False
    repeat: bool = False


@dataclass(slots=True)
class Visit:
    """One request. `ids` are the path's variable parts, in order; `now` is the sandbox's time for all of it."""

    db: sqlite3.Connection
    options: Options
    now: float
    account: str
    scope: str
    ids: tuple[str, ...] = ()
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    bend: Bend = Bend()

    @property
    def older(self) -> bool:
        """Whether the sandbox is the API of 2025."""
        return self.options.profile == "2025"

    def stamp(self) -> str:
        """Return the visit's time as the API writes it."""
        return clock.stamp(self.now, milliseconds=self.older)

    def json(self) -> object:
        """Return the body's JSON value; Invalid, in FastAPI's words, if there is none."""
        if not self.body.strip():
            raise invalid(("body",), "Field required", "missing")
        return parse(self.body)

    def fields(self, rules: Mapping[str, Rule], *, partial: bool = False) -> dict[str, Any]:
        """Return the body's fields that the rules know, checked; those a fault makes us overlook are left out.

        With `partial` no field is required. A required field of a creation cannot be overlooked.
        """
        checked = check_body(self.json(), rules, partial=partial)
        if self.bend.ignored:
            kept = () if partial else tuple(name for name, rule in rules.items() if rule.required)
            return {name: value for name, value in checked.items() if name not in self.bend.ignored or name in kept}
        return checked

    def number_in_query(self, name: str, default: int, low: int, high: int | None) -> int:
        """Return an integer of the query; Invalid if it is none or out of range."""
        text = self.query.get(name)
        if text is None:
            return default
        try:
            return integer(low, high)(int(text))
        except Wrong as wrong:
            raise Invalid([Problem(("query", name), wrong.msg, wrong.type)]) from wrong
        except ValueError as none:
            message = "Input should be a valid integer, unable to parse string as an integer"
            raise invalid(("query", name), message, "int_parsing") from none


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an errand ended: the receiver's status and answer, or why there is none."""

    status: int | None
    answer: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Errand:
    """A delivery that a handler wants made before it can answer, outside any transaction."""

    account: str
    scope: str
    url: str
    secret: str
    payload: bytes
    timeout: float
    settle: Callable[[Visit, Outcome], Reply]


Handler = Callable[[Visit], Reply | Errand]


def parse(body: bytes) -> object:
    """Read a JSON body; Invalid, in FastAPI's words, for what is not JSON, or too deep."""
    try:
        return load(body)
    except json.JSONDecodeError as bad:
        raise invalid(("body", bad.pos), "JSON decode error", "json_invalid") from bad
    except ValueError as bad:
        raise invalid(("body", 0), "JSON decode error", "json_invalid") from bad
