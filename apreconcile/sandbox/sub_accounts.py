"""Sub-accounts: each has its own agents, numbers, webhooks and traffic; the key and the wallet are the master's."""

from __future__ import annotations

import sqlite3
from typing import Any

from apreconcile.sandbox.database import Row
from apreconcile.sandbox.errors import Refusal, not_found
from apreconcile.sandbox.identity import new_id
from apreconcile.sandbox.pages import answer, page
from apreconcile.sandbox.reply import Reply, ok
from apreconcile.sandbox.validation import Rule, text
from apreconcile.sandbox.visit import Visit

FIELDS = {"name": Rule(text, nullable=False, required=True)}


def scope_of(db: sqlite3.Connection, account: str, sub_account: str | None) -> str:
    """Return the scope that a request acts in; a sub-account that the account does not have is 404."""
    if not sub_account:
        return account
    found = db.execute("SELECT 1 FROM sub_accounts WHERE account = ? AND id = ?", (account, sub_account)).fetchone()
    if found is None:
        raise not_found("Sub-account")
    return f"{account}/{sub_account}"


def _row(visit: Visit) -> Row:
    found: Row | None = visit.db.execute(
        "SELECT * FROM sub_accounts WHERE account = ? AND id = ?", (visit.account, visit.ids[0])
    ).fetchone()
    if found is None:
        raise not_found("Sub-account")
    return found


def _show(row: Row) -> dict[str, Any]:
    return {"id": row["id"], "name": row["name"], "createdAt": row["created_at"]}


def list_sub_accounts(visit: Visit) -> Reply:
    """`GET /v1/sub-accounts`: an object with `data`, which PY needs."""
    db, account = visit.db, visit.account
    total = db.execute("SELECT count(*) FROM sub_accounts WHERE account = ?", (account,)).fetchone()[0]
    each = "SELECT * FROM sub_accounts WHERE account = ? ORDER BY n LIMIT ? OFFSET ?"
    found = page(visit, lambda limit, offset: db.execute(each, (account, limit, offset)).fetchall(), total)
    return ok(answer(visit, found, [_show(row) for row in found.rows]))


def create_sub_account(visit: Visit) -> Reply:
    """`POST /v1/sub-accounts`: `{id, name, createdAt}` (3P-live); names need not be unique (unstated)."""
    name = visit.fields(FIELDS)["name"]
    row = {"id": new_id(), "name": name, "created_at": visit.stamp()}
    visit.db.execute(
        "INSERT INTO sub_accounts (id, account, name, created_at) VALUES (?, ?, ?, ?)",
        (row["id"], visit.account, name, row["created_at"]),
    )
    return ok(_show(row))


def update_sub_account(visit: Visit) -> Reply:
    """`PATCH /v1/sub-accounts/{id}`: renames."""
    row = _row(visit)
    name = visit.fields(FIELDS).get("name", row["name"])
    visit.db.execute("UPDATE sub_accounts SET name = ? WHERE n = ?", (name, row["n"]))
    return ok(_show({"id": row["id"], "name": name, "created_at": row["created_at"]}))


def delete_sub_account(visit: Visit) -> Reply:
    """`DELETE /v1/sub-accounts/{id}`: refused while it holds anything (unstated; fact sheet 13.20)."""
    row = _row(visit)
    held = visit.db.execute(
        "SELECT EXISTS (SELECT 1 FROM agents WHERE scope = :scope)"
        " OR EXISTS (SELECT 1 FROM webhooks WHERE scope = :scope)"
        " OR EXISTS (SELECT 1 FROM numbers WHERE scope = :scope AND held = 1)",
        {"scope": f"{visit.account}/{row['id']}"},
    ).fetchone()[0]
    if held:
        raise Refusal(409, "Sub-account still holds agents, numbers or a webhook")
    visit.db.execute("DELETE FROM sub_accounts WHERE n = ?", (row["n"],))
    return ok({"success": True, "id": row["id"]})
