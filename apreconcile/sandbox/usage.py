"""Usage: what an account holds and has done, counted from the stored objects each time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from apreconcile.sandbox import clock, wallet
from apreconcile.sandbox.deliveries import count_deliveries
from apreconcile.sandbox.errors import invalid
from apreconcile.sandbox.reply import Reply, ok
from apreconcile.sandbox.visit import Visit

DAY = 86_400
_SPANS = {"24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY}
_PERIODS = {"week": 7, "month": 30, "year": 365}


def _count(visit: Visit, table: str, since: float) -> int:
    """Count the calls or messages from a moment on."""
    counts = {
        "messages": "SELECT count(*) FROM messages WHERE scope = ? AND at >= ?",
        "calls": "SELECT count(*) FROM calls WHERE scope = ? AND at >= ?",
    }
    return int(visit.db.execute(counts[table], (visit.scope, since)).fetchone()[0])


def _stats(visit: Visit) -> dict[str, int]:
    """Return the counters that every SDK needs (OAS UsageStats), and PY's sms segments."""
    stats: dict[str, int] = {}
    for table, word in (("messages", "Messages"), ("calls", "Calls")):
        stats[f"total{word}"] = _count(visit, table, 0)
        for span, seconds in _SPANS.items():
            stats[f"{table}Last{span}"] = _count(visit, table, visit.now - seconds)
    deliveries = count_deliveries(visit)
    stats["totalWebhookDeliveries"] = deliveries["total"]
    stats["successfulWebhookDeliveries"] = deliveries["success"]
    stats["failedWebhookDeliveries"] = deliveries["failed"]
    return {**stats, "smsSegmentsLast30d": stats["messagesLast30d"]}


def _older(visit: Visit, used: int, limit: int) -> Reply:
    """Return usage as S-SKILL shows it."""
    month = visit.now - 30 * DAY
    minutes = visit.db.execute(
        "SELECT coalesce(sum(seconds), 0) / 60 FROM calls WHERE scope = ? AND at >= ?", (visit.scope, month)
    ).fetchone()[0]
    stats = {
        "messagesLast30d": _count(visit, "messages", month),
        "callsLast30d": _count(visit, "calls", month),
        "minutesLast30d": minutes,
    }
    plan = {"name": "free", "numberLimit": limit}
    return ok({"plan": plan, "numbers": {"used": used, "limit": limit}, "stats": stats})


def get_usage(visit: Visit) -> Reply:
    """`GET /v1/usage`: OAS's plan and PY's keys together; no reply of the API has a balance."""
    found = wallet.quota(visit)
    if visit.older:
        return _older(visit, found.used, found.limit)
    start = datetime.fromtimestamp(visit.now, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = (start + timedelta(days=32)).replace(day=1)
    limits = {
        "numbers": found.limit,
        "messagesPerMonth": 100_000,
        "voiceMinutesPerMonth": 100_000,
        "maxCallDurationMinutes": 60,
        "concurrentCalls": 10,
    }
    remaining = max(found.limit - found.used, 0)
    return ok(
        {
            "plan": {"name": "payg", "limits": limits},
            "numbers": {"used": found.used, "limit": found.limit, "remaining": remaining},
            "stats": _stats(visit),
            "periodStart": clock.stamp(start.timestamp()),
            "periodEnd": clock.stamp(end.timestamp()),
            "reportGeneratedAt": visit.stamp(),
        }
    )


def _by(visit: Visit, width: str, since: float) -> dict[str, dict[str, int]]:
    """Count messages, calls and webhook deliveries from a moment on, by day or by month."""
    counts: dict[str, dict[str, int]] = {}
    for name, times in (
        ("messages", "SELECT at FROM messages WHERE scope = ? AND at >= ?"),
        ("calls", "SELECT at FROM calls WHERE scope = ? AND at >= ?"),
        ("webhooks", "SELECT at FROM deliveries WHERE scope = ? AND at >= ?"),
    ):
        for row in visit.db.execute(times, (visit.scope, since)):
            when = datetime.fromtimestamp(row["at"], UTC).strftime(width)
            counts.setdefault(when, {"messages": 0, "calls": 0, "webhooks": 0})[name] += 1
    return counts


_NONE = {"messages": 0, "calls": 0, "webhooks": 0}


def get_daily(visit: Visit) -> Reply:
    """`GET /v1/usage/daily`: one point a day, oldest first, `days` 1 to 365 (30)."""
    days = visit.number_in_query("days", 30, 1, 365)
    today = datetime.fromtimestamp(visit.now, UTC).date()
    dates = [str(today - timedelta(days=back)) for back in reversed(range(days))]
    counts = _by(visit, "%Y-%m-%d", visit.now - (days + 1) * DAY)
    return ok({"data": [{"date": date, **counts.get(date, _NONE)} for date in dates], "days": days})


def get_monthly(visit: Visit) -> Reply:
    """`GET /v1/usage/monthly`: one point a month, oldest first, `months` 1 to 24 (6)."""
    months = visit.number_in_query("months", 6, 1, 24)
    today = datetime.fromtimestamp(visit.now, UTC)
    last = today.year * 12 + today.month - 1
    names = [f"{month // 12:04d}-{month % 12 + 1:02d}" for month in range(last - months + 1, last + 1)]
    counts = _by(visit, "%Y-%m", visit.now - (months + 1) * 31 * DAY)
    return ok({"data": [{"month": name, **counts.get(name, _NONE)} for name in names], "months": months})


def get_by_number(visit: Visit) -> Reply:
    """`GET /v1/usage/by-number`: every number, released ones too (OAS NumberUsageItem)."""
    rows = visit.db.execute(
        "SELECT p.*, json_extract(a.doc, '$.name') AS agent_name,"
        " (SELECT count(*) FROM messages m WHERE m.scope = p.scope AND m.number_id = p.id) AS messages,"
        " (SELECT count(*) FROM calls c WHERE c.scope = p.scope AND c.number_id = p.id) AS calls"
        " FROM numbers p LEFT JOIN agents a ON a.scope = p.scope AND a.id = p.agent_id WHERE p.scope = ? ORDER BY p.n",
        (visit.scope,),
    )
    return ok(
        {
            "data": [
                {
                    "numberId": row["id"],
                    "phoneNumber": row["phone_number"],
                    "country": row["country"],
                    "status": row["status"],
                    "agentId": row["agent_id"],
                    "agentName": row["agent_name"],
                    "messages": row["messages"],
                    "calls": row["calls"],
                }
                for row in rows
            ]
        }
    )


def get_by_agent(visit: Visit) -> Reply:
    """`GET /v1/usage/by-agent`: `period` week, month (default) or year (OAS AgentUsageItem)."""
    period = visit.query.get("period") or "month"
    if period not in _PERIODS:
        raise invalid(("query", "period"), "Input should be 'week', 'month' or 'year'", "enum")
    since = visit.now - _PERIODS[period] * DAY
    used: dict[str | None, dict[str, Any]] = {}
    for row in visit.db.execute("SELECT doc FROM agents WHERE scope = ? ORDER BY n", (visit.scope,)):
        doc = json.loads(row["doc"])
        used[doc["id"]] = _agent_item(doc["id"], doc["name"])
    for row in visit.db.execute(
        "SELECT agent_id, seconds FROM calls WHERE scope = ? AND at >= ?", (visit.scope, since)
    ):
        item = used.setdefault(row["agent_id"], _agent_item(row["agent_id"], "Unassigned"))
        item["calls"] += 1
        item["totalSeconds"] += row["seconds"]
    for row in visit.db.execute(
        "SELECT c.agent_id FROM messages m JOIN conversations c ON c.scope = m.scope AND c.id = m.conversation_id"
        " WHERE m.scope = ? AND m.at >= ?",
        (visit.scope, since),
    ):
        used.setdefault(row["agent_id"], _agent_item(row["agent_id"], "Unassigned"))["messages"] += 1
    span = {"periodStart": clock.stamp(since), "periodEnd": clock.stamp(visit.now)}
    return ok({"data": list(used.values()), "period": period, **span})


def _agent_item(agent_id: str | None, name: str) -> dict[str, Any]:
    orphan = agent_id is None
    return {"agentId": agent_id, "agentName": name, "messages": 0, "calls": 0, "totalSeconds": 0, "isOrphan": orphan}
