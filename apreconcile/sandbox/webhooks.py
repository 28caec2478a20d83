"""Webhooks: at most one for the project and one for each agent; every POST makes a new secret and keeps the id."""

from __future__ import annotations

from typing import Any

from apreconcile.sandbox import clock
from apreconcile.sandbox.agents import agent_row
from apreconcile.sandbox.database import Row
from apreconcile.sandbox.errors import Refusal
from apreconcile.sandbox.identity import new_id, new_secret
from apreconcile.sandbox.reply import Reply, ok
from apreconcile.sandbox.validation import Rule, integer, url
from apreconcile.sandbox.visit import Visit

PROJECT = ""
"""The `agent_id` of the webhook that serves the whole project."""
CONTEXT_LIMIT, TIMEOUT = 10, 30
"""The documented defaults: recent messages sent along, and seconds (OAS)."""

FIELDS = {
    "url": Rule(url, nullable=False, required=True),
    "contextLimit": Rule(integer(0, 50)),
    "timeout": Rule(integer(5, 120)),
}


def slot(visit: Visit) -> str:
    """Return whose webhook the path is about: an agent of the scope (else 404), or the project."""
    return agent_row(visit, visit.ids[0])["id"] if visit.ids else PROJECT


def find(visit: Visit, agent_id: str) -> Row | None:
    """Return the webhook of a slot, if it has one."""
    found: Row | None = visit.db.execute(
        "SELECT * FROM webhooks WHERE scope = ? AND agent_id = ?", (visit.scope, agent_id)
    ).fetchone()
    return found


def require(visit: Visit, agent_id: str) -> Row:
    """Return the webhook of a slot, or refuse with 404."""
    found = find(visit, agent_id)
    if found is None:
        raise Refusal(404, "No webhook configured")
    return found


def show(visit: Visit, row: Row) -> dict[str, Any]:
    """Return a webhook as the API shows it, its secret included (OAS WebhookResponse); 2025 had no timeout in it."""
    shown = {
        "id": row["id"],
        "url": row["url"],
        "secret": row["secret"],
        "status": "active",
        "contextLimit": row["context_limit"],
        "timeout": row["timeout"],
        "createdAt": row["created_at"],
    }
    if visit.older:
        del shown["timeout"]
    return shown


def put(visit: Visit, agent_id: str, fields: dict[str, Any], *, made: dict[str, str] | None = None) -> Row:
    """Store a slot's webhook with a new secret; the id and createdAt of one that is there stay (3P-live).

    `made` may give the id and the secret of a seeded one.
    """
    before = find(visit, agent_id)
    if before is not None and visit.options.omitted == "keep":
        usual = (before["context_limit"], before["timeout"])
    else:
        usual = (CONTEXT_LIMIT, TIMEOUT)
    given = made or {}
    row = {
        "id": before["id"] if before else given.get("id") or new_id(),
        "scope": visit.scope,
        "agent_id": agent_id,
        "url": fields["url"],
        "secret": given.get("secret") or new_secret(),
        "context_limit": usual[0] if fields.get("contextLimit") is None else fields["contextLimit"],
        "timeout": usual[1] if fields.get("timeout") is None else fields["timeout"],
        "created_at": before["created_at"] if before else clock.stamp(visit.now, milliseconds=visit.older),
    }
    visit.db.execute(
        "INSERT INTO webhooks (id, scope, agent_id, url, secret, context_limit, timeout, created_at) "
        "VALUES (:id, :scope, :agent_id, :url, :secret, :context_limit, :timeout, :created_at) "
        "ON CONFLICT (scope, agent_id) DO UPDATE SET url = :url, secret = :secret, context_limit = :context_limit,"
        " timeout = :timeout",
        row,
    )
    return row


def get_webhook(visit: Visit) -> Reply:
    """`GET /v1/webhooks` and `GET /v1/agents/{agent_id}/webhook`: the webhook, or the literal `null` (OAS)."""
    row = find(visit, slot(visit))
    return ok(None if row is None else show(visit, row))


def set_webhook(visit: Visit) -> Reply:
    """`POST …`: create or update, 200 both times (OAS)."""
    agent_id = slot(visit)
    fields = visit.fields(FIELDS)
    before = find(visit, agent_id)
    if before is not None and "url" in visit.bend.ignored:
        fields["url"] = before["url"]
    return ok(show(visit, put(visit, agent_id, fields)))


def delete_webhook(visit: Visit) -> Reply:
    """`DELETE …`: events fall back to the project's webhook, or to none; 404 where there is none (unstated)."""
    row = require(visit, slot(visit))
    visit.db.execute("DELETE FROM webhooks WHERE n = ?", (row["n"],))
    return ok({"success": True})
