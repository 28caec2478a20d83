"""Faults are queued by hand, kept in the world until they have acted, and counted from when they were queued.

Several may strike one request: delays add up, then the first that answers instead of the work, or after it, wins.
"""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from apreconcile.sandbox.database import writing
from apreconcile.sandbox.errors import Refusal, invalid
from apreconcile.sandbox.options import Options
from apreconcile.sandbox.reply import CUT, Reply
from apreconcile.sandbox.visit import Bend

_PLAIN = ("drop", "commit-then-drop", "truncate", "repeat", "garbage")
_STATUS = ("status", "commit-then-status")
_SECONDS = ("delay", "lag")
_KEYS = ("match", "nth", "times", "do")
_METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS", "*")
_LONGEST = 86_400.0
_GARBAGE = Reply(200, b"<html><body>It works!</body></html>", kind="text/html")


@dataclass(frozen=True, slots=True)
class Fault:
    """A queued fault: acts on the `nth` matching request and the `times - 1` after it."""

    method: str
    path: str
    nth: int
    times: int
    action: str

    def shown(self) -> dict[str, Any]:
        """Return the fault as it was queued."""
        return {"match": f"{self.method} {self.path}", "nth": self.nth, "times": self.times, "do": self.action}


@dataclass(slots=True)
class Strike:
    """What the faults do to one request."""

    delay: float = 0
    instead: str = ""
    afterwards: str = ""
    bend: Bend = field(default_factory=Bend)

    def replaced(self, options: Options, *, purchase: bool) -> Reply | None:
        """Return what is answered in place of doing anything, if something is."""
        if self.instead == "drop":
            return CUT
        return _refused(self.instead, options, purchase=purchase) if self.instead else None

    def altered(self, reply: Reply, options: Options, *, purchase: bool) -> Reply:
        """Return what is answered once the work is done."""
        if self.afterwards == "commit-then-drop":
            return CUT
        if self.afterwards == "garbage":
            return _GARBAGE if reply.status < 300 else reply  # noqa: PLR2004 (HTTP's success)
        return _refused(self.afterwards, options, purchase=purchase) if self.afterwards else reply


def _refused(action: str, options: Options, *, purchase: bool) -> Reply:
    """Return the error of a `status` action in the profile's shape; a purchase's 502 is the carrier's."""
    status = int(action.rpartition(":")[2])
    if status == 429:  # noqa: PLR2004 (the status's own number reads best)
        return Refusal(status, "Rate limit exceeded", headers={"Retry-After": "1"}).reply(options)
    if status == 502 and purchase:  # noqa: PLR2004 (as above)
        return Refusal(status, "The carrier did not answer", "CARRIER_ERROR", "carrier_error").reply(options)
    return Refusal(status, f"Injected by a sandbox fault: {status}").reply(options)


def read(value: object) -> list[Fault]:
    """Read a list of faults as `POST /_sandbox/faults` sends it; Invalid, with a clear message, for anything else."""
    if not isinstance(value, list):
        raise invalid(("body",), "Input should be a list of faults", "list_type")
    return [_fault(item, index) for index, item in enumerate(value)]


def _fault(item: object, index: int) -> Fault:
    if not isinstance(item, dict):
        raise invalid(("body", index), "A fault is an object with match, nth, times and do", "dict_type")
    for key in item:
        if key not in _KEYS:
            raise invalid(("body", index, str(key)), f"Unknown key; a fault has {', '.join(_KEYS)}", "extra_forbidden")
    method, path = _match(item.get("match"), index)
    counts = []
    for key in ("nth", "times"):
        count = item.get(key, 1)
        if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count < 2**53:
            raise invalid(("body", index, key), f"{key} should be a whole number from 1", "int_type")
        counts.append(count)
    return Fault(method, path, counts[0], counts[1], _action(item.get("do"), index))


def _match(value: object, index: int) -> tuple[str, str]:
    method, _, path = value.partition(" ") if isinstance(value, str) else ("", "", "")
    if method not in _METHODS or not re.fullmatch(r"/[^\s?]*", path):
        message = 'match should read "METHOD /path", where * stands for one segment and a final ** for any rest'
        raise invalid(("body", index, "match"), message)
    return method, path


def _action(value: object, index: int) -> str:
    name, _, argument = value.partition(":") if isinstance(value, str) else ("", "", "")
    if name in _PLAIN and value == name:
        return name
    if name in _STATUS and re.fullmatch(r"[45]\d\d", argument, re.ASCII):
        return f"{name}:{argument}"
    if name in _SECONDS and _seconds(argument) is not None:
        return f"{name}:{argument}"
    if name == "ignore-field" and argument:
        return f"{name}:{argument}"
    known = (*_PLAIN, "status:4xx or 5xx", "commit-then-status:4xx or 5xx", "delay:SECONDS", "lag:SECONDS")
    message = f"do should be one of {', '.join(known)}, ignore-field:NAME"
    raise invalid(("body", index, "do"), message)


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and 0 <= seconds <= _LONGEST else None


def queue(db: sqlite3.Connection, faults: Sequence[Fault]) -> None:
    """Keep faults for the requests to come."""
    rows = [(fault.method, fault.path, fault.nth, fault.times, fault.action) for fault in faults]
    db.executemany("INSERT INTO faults (method, path, nth, times, action) VALUES (?, ?, ?, ?, ?)", rows)


def queued(db: sqlite3.Connection) -> list[dict[str, Any]]:
    """Return the faults that have not acted for the last time, in the order in which they were queued."""
    rows = db.execute("SELECT method, path, nth, times, action FROM faults ORDER BY n")
    return [Fault(*row).shown() for row in rows]


def _fits(pattern: str, parts: Sequence[str]) -> bool:
    wanted = pattern.split("/")[1:]
    if wanted[-1] == "**":
        return len(parts) >= len(wanted) - 1 and _same(wanted[:-1], parts[: len(wanted) - 1])
    return len(wanted) == len(parts) and _same(wanted, parts)


def _same(wanted: Sequence[str], parts: Sequence[str]) -> bool:
    return all(name in {"*", part} for name, part in zip(wanted, parts, strict=True))


def strike(db: sqlite3.Connection, method: str, parts: Sequence[str]) -> Strike:
    """Return what the queued faults do to this request, and count it for each that it matches."""
    if db.execute("SELECT 1 FROM faults LIMIT 1").fetchone() is None:
        return Strike()
    acting: list[str] = []
    with writing(db):
        for row in db.execute("SELECT * FROM faults ORDER BY n").fetchall():
            if row["method"] not in {"*", method} or not _fits(row["path"], parts):
                continue
            seen = row["seen"] + 1
            if seen >= row["nth"]:
                acting.append(row["action"])
            if seen >= row["nth"] + row["times"] - 1:
                db.execute("DELETE FROM faults WHERE n = ?", (row["n"],))
            else:
                db.execute("UPDATE faults SET seen = ? WHERE n = ?", (seen, row["n"]))
    return _combined(acting)


def _combined(actions: Sequence[str]) -> Strike:
    found = Strike()
    ignored: set[str] = set()
    lag = 0.0
    for action in actions:
        name, _, argument = action.partition(":")
        if name == "delay":
            found.delay += float(argument)
        elif name == "lag":
            lag = max(lag, float(argument))
        elif name == "ignore-field":
            ignored.add(argument)
        elif name in {"drop", "status"}:
            found.instead = found.instead or action
        elif name in {"commit-then-drop", "commit-then-status", "garbage"}:
            found.afterwards = found.afterwards or action
    found.bend = Bend(frozenset(ignored), lag, "truncate" in actions, "repeat" in actions)
    return found
