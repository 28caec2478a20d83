"""The sandbox's time: the machine's clock plus an offset that only `POST /_sandbox/clock` moves."""

from __future__ import annotations

import sqlite3
import time
from datetime import UTC, datetime

FURTHEST = 50 * 365 * 86400
"""Seconds by which the clock may be ahead of the machine's: fifty years."""

LATEST = 240e9
"""Seconds since the epoch: the year 9575."""


def now(db: sqlite3.Connection) -> float:
    """Return the sandbox's time in seconds since the epoch."""
    offset: float = db.execute("SELECT clock_offset FROM world").fetchone()[0]
    return time.time() + offset


def advance(db: sqlite3.Connection, seconds: float) -> float:
    """Move the clock of every account forward and return the new time."""
    db.execute("UPDATE world SET clock_offset = min(clock_offset + ?, ?)", (seconds, FURTHEST))
    return now(db)


def stamp(moment: float, *, milliseconds: bool = False) -> str:
    """Write a time as the API does: microseconds and Z (3P-live), or milliseconds and Z (S-SKILL)."""
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds" if milliseconds else "microseconds")
    return text.removesuffix("+00:00") + "Z"


def read(text: str) -> float:
    """Read an ISO 8601 time, UTC where it names no zone, as seconds since the epoch.

    ValueError if it is none, before 1970, or so far off that a sum with it could not be written.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = moment.timestamp()
    if not 0 <= seconds <= LATEST:
        raise ValueError(text)
    return seconds
