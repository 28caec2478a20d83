"""The ledger holds every purchase, release and expiry of a number, in order; nothing but a reset removes an entry."""

from __future__ import annotations

import sqlite3
from typing import Any, Literal

from apreconcile.sandbox.database import Row

PRICE_CENTS = 300
"""A number costs $3.00, charged at purchase (DOCS usage-billing)."""

Entry = Literal["purchase", "release", "expire"]


def record(db: sqlite3.Connection, entry: Entry, number: Row, account: str, at: str) -> None:
    """Write one entry about a number as it is, or was just before it went."""
    db.execute(
        "INSERT INTO ledger (account, type, number_id, phone_number, external_id, agent_id, amount_cents, at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(account, entry, number["id"], number["phone_number"], number["external_id"], number["agent_id"]),
            *(PRICE_CENTS if entry == "purchase" else 0, at),
        ),
    )


def entries(db: sqlite3.Connection, account: str | None = None) -> list[dict[str, Any]]:
    """Return the entries of one account, or of all; amounts are US dollars."""
    rows = db.execute(
        "SELECT * FROM ledger WHERE :account IS NULL OR account = :account ORDER BY n", {"account": account}
    )
    return [
        {
            "type": row["type"],
            "numberId": row["number_id"],
            "phoneNumber": row["phone_number"],
            "externalId": row["external_id"],
            "agentId": row["agent_id"],
            "account": row["account"],
            "amount": row["amount_cents"] / 100,
            "at": row["at"],
        }
        for row in rows
    ]
