"""Deliveries: test events, signed as the vendor signs, and what became of each."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from apreconcile.sandbox import clock
from apreconcile.sandbox.agents import agent_row
from apreconcile.sandbox.database import Row
from apreconcile.sandbox.identity import new_id
from apreconcile.sandbox.pages import page
from apreconcile.sandbox.reply import Reply, dump, ok
from apreconcile.sandbox.validation import Rule, choice, text
from apreconcile.sandbox.visit import Errand, Outcome, Visit
from apreconcile.sandbox.webhooks import PROJECT, require

LONGEST_ANSWER = 2000
HOUR = 3600.0

_OVERRIDES = {
    "from": Rule(text),
    "to": Rule(text),
    "message": Rule(text),
    "channel": Rule(choice("sms", "imessage", "mms", "whatsapp", "rcs")),
}


def test_project(visit: Visit) -> Errand:
    """`POST /v1/webhooks/test`: to the project's webhook, about `?agentId=` or the first agent (OAS).

    The body may override from, to, message and channel (PY).
    """
    webhook = require(visit, PROJECT)
    if visit.query.get("agentId"):
        agent_id: str | None = agent_row(visit, visit.query["agentId"])["id"]
    else:
        first = visit.db.execute("SELECT id FROM agents WHERE scope = ? ORDER BY n LIMIT 1", (visit.scope,)).fetchone()
        agent_id = first["id"] if first else None
    overrides = visit.fields(_OVERRIDES) if visit.body.strip() else {}
    return _test(webhook, visit, agent_id, overrides)


def test_agent(visit: Visit) -> Errand:
    """`POST /v1/agents/{agent_id}/webhook/test`: to the agent's own webhook; 404 where it has none."""
    agent_id = agent_row(visit, visit.ids[0])["id"]
    return _test(require(visit, agent_id), visit, agent_id, {})


def _test(webhook: Row, visit: Visit, agent_id: str | None, overrides: dict[str, Any]) -> Errand:
    """Return the errand of a synthetic `agent.message`, marked as a test (PY WebhookEvent)."""
    held = visit.db.execute(
        "SELECT id, phone_number FROM numbers WHERE scope = ? AND agent_id = ? ORDER BY attached LIMIT 1",
        (visit.scope, agent_id or ""),
    ).fetchone()
    message_id, channel = new_id(), overrides.get("channel") or "sms"
    event: dict[str, Any] = {
        "event": "agent.message",
        "channel": channel,
        "timestamp": visit.stamp(),
        "agentId": agent_id,
        "data": {
            "id": message_id,
            "messageId": message_id,
            "conversationId": None,
            "numberId": held["id"] if held else None,
            "from": overrides.get("from") or "+15555550100",
            "to": overrides.get("to") or (held["phone_number"] if held else "+15555550199"),
            "message": overrides.get("message") or "This is a test message from AgentPhone",
            "direction": "inbound",
            "receivedAt": visit.stamp(),
        },
        "conversationState": None,
        "recentHistory": [],
        "test": True,
    }
    settle = partial(_settle, webhook_agent=webhook["agent_id"], message_id=message_id, channel=channel)
    address = (visit.account, visit.scope, webhook["url"], webhook["secret"])
    return Errand(*address, dump(event), float(webhook["timeout"]), settle)


def _settle(visit: Visit, outcome: Outcome, *, webhook_agent: str, message_id: str, channel: str) -> Reply:
    """Record how a test event fared, and answer `{success, httpStatus, errorMessage}` (3P-live)."""
    success = outcome.status is not None and 200 <= outcome.status < 300  # noqa: PLR2004 (HTTP's success)
    error = outcome.error if outcome.status is None or success else f"HTTP {outcome.status}"
    doc = {
        "id": new_id(),
        "messageId": message_id,
        "eventType": "agent.message",
        "channel": channel,
        "status": "success" if success else "failed",
        "httpStatus": outcome.status,
        "errorMessage": error,
        "responseBody": outcome.answer,
        "attemptCount": 1,
        "lastAttemptAt": visit.stamp(),
        "nextRetryAt": None,
        "createdAt": visit.stamp(),
    }
    visit.db.execute(
        "INSERT INTO deliveries (id, scope, agent_id, status, at, doc) VALUES (?, ?, ?, ?, ?, ?)",
        (doc["id"], visit.scope, webhook_agent, doc["status"], visit.now, json.dumps(doc)),
    )
    return ok({"success": success, "httpStatus": outcome.status, "errorMessage": error})


def list_deliveries(visit: Visit) -> Reply:
    """`GET /v1/webhooks/deliveries`: `{items, total, offset, limit}` of all webhooks, newest first (OAS)."""
    db, scope = visit.db, visit.scope
    asked = visit.query.get("hours")
    since = 0.0 if asked is None else visit.now - visit.number_in_query("hours", 24, 1, 168) * HOUR
    total = db.execute("SELECT count(*) FROM deliveries WHERE scope = ? AND at >= ?", (scope, since)).fetchone()[0]
    each = "SELECT doc FROM deliveries WHERE scope = ? AND at >= ? ORDER BY n DESC LIMIT ? OFFSET ?"
    found = page(
        visit, lambda limit, offset: db.execute(each, (scope, since, limit, offset)).fetchall(), total, default=50
    )
    items = [json.loads(row["doc"]) for row in found.rows]
    return ok({"items": items, "total": total, "offset": found.offset, "limit": found.limit})


def list_agent_deliveries(visit: Visit) -> Reply:
    """`GET /v1/agents/{agent_id}/webhook/deliveries`: a bare array (OAS)."""
    agent_id = agent_row(visit, visit.ids[0])["id"]
    each = "SELECT doc FROM deliveries WHERE scope = ? AND agent_id = ? ORDER BY n DESC LIMIT ? OFFSET ?"
    found = page(
        visit,
        lambda limit, offset: visit.db.execute(each, (visit.scope, agent_id, limit, offset)).fetchall(),
        0,
        default=50,
    )
    return ok([json.loads(row["doc"]) for row in found.rows])


def delivery_stats(visit: Visit) -> Reply:
    """`GET /v1/webhooks/deliveries/stats`: counts of the last hours, by event and by hour (OAS)."""
    since = visit.now - visit.number_in_query("hours", 24, 1, 168) * HOUR
    rows = visit.db.execute("SELECT status, at FROM deliveries WHERE scope = ? AND at >= ?", (visit.scope, since))
    counts: dict[str, int] = {"success": 0, "failed": 0, "pending": 0}
    hours: dict[str, dict[str, Any]] = {}
    for row in rows:
        counts[row["status"]] += 1
        hour = clock.stamp(row["at"] - row["at"] % HOUR)
        hours.setdefault(hour, {"hour": hour, "success": 0, "failed": 0, "pending": 0})[row["status"]] += 1
    total = sum(counts.values())
    by_event = {"agent.message": {"total": total, **counts}} if total else {}
    body = {"total": total, **counts, "successRate": _rate(counts["success"], total)}
    return ok({**body, "byEventType": by_event, "byHour": [hours[hour] for hour in sorted(hours)]})


def all_time(visit: Visit) -> Reply:
    """`GET /v1/webhooks/deliveries/all-time`: `{total, success, failed, successRate}` (OAS)."""
    counts = count_deliveries(visit)
    return ok({**counts, "successRate": _rate(counts["success"], counts["total"])})


def count_deliveries(visit: Visit) -> dict[str, int]:
    """Return how many deliveries there were, and how many of them succeeded and failed."""
    row = visit.db.execute(
        "SELECT count(*) AS total, coalesce(sum(status = 'success'), 0) AS success,"
        " coalesce(sum(status = 'failed'), 0) AS failed FROM deliveries WHERE scope = ?",
        (visit.scope,),
    ).fetchone()
    return {"total": row["total"], "success": row["success"], "failed": row["failed"]}


def _rate(success: int, total: int) -> float:
    """Return the percentage of successes, 0 where there was nothing."""
    return round(100 * success / total, 2) if total else 0.0


def cut_answer(answer: str) -> str:
    """Return as much of a receiver's answer as a delivery keeps."""
    return answer[:LONGEST_ANSWER]
