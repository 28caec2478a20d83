"""The request log: every API request that was answered or cut, in order of being done, never with its key."""

from __future__ import annotations

import sqlite3
from typing import Any

from apreconcile.sandbox.reply import load

KEPT = 200_000
"""Requests kept; the oldest go first."""
LONGEST_BODY = 1 << 20
_SWEEP = 1000


def record(
    db: sqlite3.Connection,
    *,
    account: str | None,
    sub_account: str | None,
    method: str,
    path: str,
    query: str,
    body: bytes,
    status: int,
) -> None:
    """Write one request; `status` is 0 where the connection was cut without an answer."""
    cursor = db.execute(
        "INSERT INTO requests (account, sub_account, method, path, query, body, status) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (account, sub_account, method, path, query, body[:LONGEST_BODY].decode("utf-8", "replace"), status),
    )
    seq = cursor.lastrowid or 0
    if seq % _SWEEP == 0:
        db.execute("DELETE FROM requests WHERE seq <= ?", (seq - KEPT,))


def _body(text: str) -> object:
    """Return a body as the JSON it is, as text where it is none, as null where there was none."""
    if not text:
        return None
    try:
        return load(text)
    except ValueError:
        return text


def entries(db: sqlite3.Connection, account: str | None = None) -> list[dict[str, Any]]:
    """Return the requests of one account, or of all, oldest first."""
    rows = db.execute(
        "SELECT * FROM requests WHERE :account IS NULL OR account = :account ORDER BY seq", {"account": account}
    )
    return [
        {
            "seq": row["seq"],
            "method": row["method"],
            "path": row["path"],
            "query": row["query"],
            "body": _body(row["body"]),
            "status": row["status"],
            "account": row["account"],
            "subAccount": row["sub_account"],
        }
        for row in rows
    ]
