"""The whole world of a sandbox is one SQLite file in WAL mode: what is committed survives a kill of the process.

Several servers may share a file: each request is one short IMMEDIATE transaction, and a busy file is waited for.
Objects carry their `scope`, the account or the account and its sub-account, and ids are unique inside it.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Row = sqlite3.Row | dict[str, Any]
"""One stored object, by column name."""

VERSION = 1
"""The version of these tables; a file of another one is not opened."""
BUSY_SECONDS = 20.0

_TABLES = """
CREATE TABLE IF NOT EXISTS world (one INTEGER PRIMARY KEY CHECK (one = 1), clock_offset REAL NOT NULL);
INSERT OR IGNORE INTO world VALUES (1, 0);
CREATE TABLE IF NOT EXISTS accounts (
  account TEXT PRIMARY KEY, number_limit INTEGER, balance_cents INTEGER, spent_cents INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS sub_accounts (
  n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, account TEXT NOT NULL, name TEXT NOT NULL,
  created_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS agents (
  n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, scope TEXT NOT NULL, born REAL NOT NULL, doc TEXT NOT NULL,
  UNIQUE (scope, id)
);
CREATE INDEX IF NOT EXISTS agents_order ON agents (scope, n);
CREATE TABLE IF NOT EXISTS numbers (
  n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, scope TEXT NOT NULL, born REAL NOT NULL,
  phone_number TEXT NOT NULL, country TEXT NOT NULL, status TEXT NOT NULL, type TEXT NOT NULL,
  agent_id TEXT, attached INTEGER NOT NULL DEFAULT 0, external_id TEXT, expires_at TEXT, expires REAL,
  created_at TEXT NOT NULL, held INTEGER GENERATED ALWAYS AS (status <> 'released') VIRTUAL, UNIQUE (scope, id)
);
CREATE INDEX IF NOT EXISTS numbers_order ON numbers (scope, held, n);
CREATE INDEX IF NOT EXISTS numbers_agent ON numbers (scope, agent_id, attached);
CREATE INDEX IF NOT EXISTS numbers_phone ON numbers (phone_number);
CREATE INDEX IF NOT EXISTS numbers_expiry ON numbers (expires) WHERE expires IS NOT NULL AND held = 1;
CREATE TABLE IF NOT EXISTS cards (scope TEXT, number_id TEXT, doc TEXT NOT NULL, PRIMARY KEY (scope, number_id));
CREATE TABLE IF NOT EXISTS webhooks (
  n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, scope TEXT NOT NULL, agent_id TEXT NOT NULL,
  url TEXT NOT NULL, secret TEXT NOT NULL, context_limit INTEGER NOT NULL, timeout INTEGER NOT NULL,
  created_at TEXT NOT NULL, UNIQUE (scope, agent_id)
);
CREATE TABLE IF NOT EXISTS deliveries (
  n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, scope TEXT NOT NULL, agent_id TEXT NOT NULL,
  status TEXT NOT NULL, at REAL NOT NULL, doc TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS deliveries_order ON deliveries (scope, n);
CREATE TABLE IF NOT EXISTS calls (
  n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, scope TEXT NOT NULL, agent_id TEXT, number_id TEXT,
  status TEXT NOT NULL, direction TEXT NOT NULL, type TEXT NOT NULL, from_number TEXT NOT NULL,
  to_number TEXT NOT NULL, seconds INTEGER NOT NULL, at REAL NOT NULL, doc TEXT NOT NULL, UNIQUE (scope, id)
);
CREATE INDEX IF NOT EXISTS calls_order ON calls (scope, at);
CREATE INDEX IF NOT EXISTS calls_number ON calls (scope, number_id, at);
CREATE TABLE IF NOT EXISTS conversations (
  n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, scope TEXT NOT NULL, agent_id TEXT, number_id TEXT NOT NULL,
  participant TEXT NOT NULL, metadata TEXT, created_at TEXT NOT NULL, UNIQUE (scope, id),
  UNIQUE (scope, number_id, participant)
);
CREATE TABLE IF NOT EXISTS messages (
  n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, scope TEXT NOT NULL, number_id TEXT NOT NULL,
  conversation_id TEXT NOT NULL, at REAL NOT NULL, doc TEXT NOT NULL, UNIQUE (scope, id)
);
CREATE INDEX IF NOT EXISTS messages_order ON messages (scope, at);
CREATE INDEX IF NOT EXISTS messages_number ON messages (scope, number_id, at);
CREATE INDEX IF NOT EXISTS messages_conversation ON messages (scope, conversation_id, at);
CREATE TABLE IF NOT EXISTS ledger (
  n INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, type TEXT NOT NULL, number_id TEXT NOT NULL,
  phone_number TEXT NOT NULL, external_id TEXT, agent_id TEXT, amount_cents INTEGER NOT NULL, at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS requests (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT, sub_account TEXT, method TEXT NOT NULL, path TEXT NOT NULL,
  query TEXT NOT NULL, body TEXT NOT NULL, status INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS faults (
  n INTEGER PRIMARY KEY AUTOINCREMENT, method TEXT NOT NULL, path TEXT NOT NULL, nth INTEGER NOT NULL,
  times INTEGER NOT NULL, action TEXT NOT NULL, seen INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS tallies (scope TEXT, kind TEXT, many INTEGER NOT NULL, PRIMARY KEY (scope, kind));
CREATE TRIGGER IF NOT EXISTS agents_in AFTER INSERT ON agents BEGIN
  INSERT INTO tallies VALUES (NEW.scope, 'agents', 1) ON CONFLICT DO UPDATE SET many = many + 1;
END;
CREATE TRIGGER IF NOT EXISTS agents_out AFTER DELETE ON agents BEGIN
  UPDATE tallies SET many = many - 1 WHERE scope = OLD.scope AND kind = 'agents';
END;
CREATE TRIGGER IF NOT EXISTS numbers_in AFTER INSERT ON numbers WHEN NEW.held BEGIN
  INSERT INTO tallies VALUES (NEW.scope, 'numbers', 1) ON CONFLICT DO UPDATE SET many = many + 1;
END;
CREATE TRIGGER IF NOT EXISTS numbers_off AFTER UPDATE ON numbers WHEN OLD.held AND NOT NEW.held BEGIN
  UPDATE tallies SET many = many - 1 WHERE scope = OLD.scope AND kind = 'numbers';
END;
CREATE TRIGGER IF NOT EXISTS numbers_out AFTER DELETE ON numbers WHEN OLD.held BEGIN
  UPDATE tallies SET many = many - 1 WHERE scope = OLD.scope AND kind = 'numbers';
END;
CREATE TABLE IF NOT EXISTS stock (area_code TEXT PRIMARY KEY, sold INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS past (
  n INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, scope TEXT NOT NULL, object INTEGER NOT NULL,
  until REAL NOT NULL, row TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS past_until ON past (scope, kind, until);
"""

_COLUMNS = {
    "agents": ("n", "id", "scope", "born", "doc"),
    "numbers": (
        *("n", "id", "scope", "born", "phone_number", "country", "status", "type", "agent_id", "attached"),
        *("external_id", "expires_at", "expires", "created_at"),
    ),
}
"""The tables whose former rows are kept, for lists that lag behind."""


def _keepers() -> Iterator[str]:
    """Write the triggers that keep what a row was before each change."""
    for table, columns in _COLUMNS.items():
        image = ", ".join(f"'{column}', OLD.{column}" for column in columns)
        for event in ("UPDATE", "DELETE"):
            moment = "(SELECT clock_offset FROM world) + machine_now()"
            values = f"('{table}', OLD.scope, OLD.n, {moment}, json_object({image}))"
            keep = f"INSERT INTO past (kind, scope, object, until, row) VALUES {values}"  # noqa: S608 (our own words)
            yield f"CREATE TRIGGER IF NOT EXISTS {table}_{event} AFTER {event} ON {table} BEGIN {keep}; END"


def connect(path: str | Path) -> sqlite3.Connection:
    """Open the world at this path, made when absent and readable by its owner only, for one thread at a time.

    Raises sqlite3.DatabaseError for a file that is something else, or another version's.
    """
    if str(path) != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).touch(mode=0o600)
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return _open(path)
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
            if not busy or time.monotonic() > until:
                raise
        time.sleep(0.01)  # a file that another server is just making is busy at once, whatever the timeout


def _open(path: str | Path) -> sqlite3.Connection:
    """Open a world, laid out; its tables are made all at once or not at all."""
    db = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    db.row_factory = sqlite3.Row
    db.create_function("machine_now", 0, time.time)
    try:
        new = _is_new(db)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        if new:
            keepers = "".join(f"{trigger};\n" for trigger in _keepers())
            db.executescript(f"BEGIN IMMEDIATE;\n{_TABLES}{keepers}PRAGMA user_version = {VERSION};\nCOMMIT;")
    except sqlite3.OperationalError:
        db.close()
        raise
    except (sqlite3.DatabaseError, ValueError) as other:
        db.close()
        message = f"{path} is not a sandbox of this version; remove it to start afresh"
        raise sqlite3.DatabaseError(message) from other
    return db


def _is_new(db: sqlite3.Connection) -> bool:
    """Whether a file is empty; ValueError if it is neither that nor a world of this version."""
    version, tables = db.execute(
        "SELECT (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_master)"
    ).fetchone()
    if (version == 0) != (tables == 0) or version not in {0, VERSION}:
        raise ValueError(version)
    return bool(version == 0)


@contextmanager
def writing(db: sqlite3.Connection) -> Iterator[None]:
    """Hold the file's one write lock: all of the block's changes are kept, or none."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def tally(db: sqlite3.Connection, kind: str, scope: str) -> int:
    """Return how many agents a scope has, or numbers it holds, without counting them each time."""
    row = db.execute("SELECT many FROM tallies WHERE scope = ? AND kind = ?", (scope, kind)).fetchone()
    return int(row["many"]) if row else 0


def former(db: sqlite3.Connection, kind: str, scope: str, moment: float) -> list[Row]:
    """Return the rows of a kept table as they were at a past moment, in the order in which they were made."""
    before: dict[int, Row] = {}
    images = "SELECT object, row FROM past WHERE scope = ? AND kind = ? AND until > ? ORDER BY n"
    for image in db.execute(images, (scope, kind, moment)):
        before.setdefault(image["object"], json.loads(image["row"]))
    current = {
        "agents": "SELECT * FROM agents WHERE scope = ?",
        "numbers": "SELECT * FROM numbers WHERE scope = ?",
    }[kind]
    rows: dict[int, Row] = {row["n"]: row for row in db.execute(current, (scope,))}
    rows.update(before)
    return [rows[n] for n in sorted(rows) if rows[n]["born"] <= moment]
