"""Calls, messages and conversations: listed and read; the sandbox makes none but those it is seeded with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from apreconcile.sandbox import clock
from apreconcile.sandbox.agents import agent_row
from apreconcile.sandbox.database import Row
from apreconcile.sandbox.errors import Invalid, Problem, not_found
from apreconcile.sandbox.numbers import number_row
from apreconcile.sandbox.pages import Page, answer, page
from apreconcile.sandbox.reply import Reply, ok
from apreconcile.sandbox.validation import Rule, Wrong, mapping, moment, text
from apreconcile.sandbox.visit import Visit

LONGEST_MESSAGE_PAGE = 200
PREVIEW = 100

_CALLS = """
FROM calls WHERE scope = :scope AND (:agent IS NULL OR agent_id = :agent) AND (:number IS NULL OR number_id = :number)
AND (:status IS NULL OR status = :status) AND (:direction IS NULL OR direction = :direction)
AND (:type IS NULL OR type = :type)
AND (:search IS NULL OR instr(from_number, :search) OR instr(to_number, :search))
"""
_CONVERSATIONS = """
SELECT c.*, p.phone_number, count(m.n) AS many, max(m.at) AS last_at
FROM conversations c JOIN numbers p ON p.scope = c.scope AND p.id = c.number_id
LEFT JOIN messages m ON m.scope = c.scope AND m.conversation_id = c.id
WHERE c.scope = :scope AND (:agent IS NULL OR c.agent_id = :agent) AND (:id IS NULL OR c.id = :id)
GROUP BY c.n ORDER BY last_at DESC, c.n DESC LIMIT :limit OFFSET :offset
"""
_CHANGES = {"metadata": Rule(mapping), "group_name": Rule(text)}


def _show_call(visit: Visit, row: Row) -> dict[str, Any]:
    """Return a call as a list shows it (OAS CallSummary, PY Call); its agent is the one it has now."""
    doc: dict[str, Any] = json.loads(row["doc"])
    doc.pop("transcripts")
    agent = visit.db.execute(
        "SELECT json_extract(doc, '$.name') FROM agents WHERE scope = ? AND id = ?", (visit.scope, row["agent_id"])
    ).fetchone()
    return {**doc, "agentId": row["agent_id"], "agentName": agent[0] if agent else None}


def _list_calls(visit: Visit, *, agent: str | None = None, number: str | None = None, filtered: bool = False) -> Reply:
    asked = {name: (visit.query.get(name) or None) if filtered else None for name in ("status", "direction", "type")}
    search = (visit.query.get("search") or None) if filtered else None
    wanted = {"scope": visit.scope, "agent": agent, "number": number, "search": search, **asked}
    total = visit.db.execute("SELECT count(*) " + _CALLS, wanted).fetchone()[0]

    def fetch(limit: int, offset: int) -> Sequence[Row]:
        each = "SELECT * " + _CALLS + " ORDER BY at DESC, n DESC LIMIT :limit OFFSET :offset"
        return visit.db.execute(each, {**wanted, "limit": limit, "offset": offset}).fetchall()

    found = page(visit, fetch, total)
    data = [_show_call(visit, row) for row in found.rows]
    return ok({"data": data, "hasMore": found.more, "total": found.total})


def list_calls(visit: Visit) -> Reply:
    """`GET /v1/calls`: newest first, by status, direction, type, and a number that contains `search` (OAS, S-SKILL)."""
    return _list_calls(visit, filtered=True)


def list_agent_calls(visit: Visit) -> Reply:
    """`GET /v1/agents/{agent_id}/calls`."""
    return _list_calls(visit, agent=agent_row(visit, visit.ids[0])["id"])


def list_number_calls(visit: Visit) -> Reply:
    """`GET /v1/numbers/{number_id}/calls`: kept after a release."""
    return _list_calls(visit, number=number_row(visit, visit.ids[0])["id"])


def _call_row(visit: Visit) -> Row:
    found: Row | None = visit.db.execute(
        "SELECT * FROM calls WHERE scope = ? AND id = ?", (visit.scope, visit.ids[0])
    ).fetchone()
    if found is None:
        raise not_found("Call")
    return found


def get_call(visit: Visit) -> Reply:
    """`GET /v1/calls/{call_id}`: with its transcript."""
    row = _call_row(visit)
    return ok({**_show_call(visit, row), "transcripts": json.loads(row["doc"])["transcripts"]})


def get_transcript(visit: Visit) -> Reply:
    """`GET /v1/calls/{call_id}/transcript`: `{data}` (S-SKILL)."""
    return ok({"data": json.loads(_call_row(visit)["doc"])["transcripts"]})


def _time_in_query(visit: Visit, name: str) -> float | None:
    if not visit.query.get(name):
        return None
    try:
        return moment(visit.query[name].replace(" ", "+"))
    except Wrong as wrong:
        raise Invalid([Problem(("query", name), wrong.msg, wrong.type)]) from wrong


def _messages(visit: Visit, *, number: str | None = None, conversation: str | None = None) -> tuple[Page, int]:
    """Return a page of messages, newest first, between the query's `after` and `before`, both left out themselves."""
    limit = visit.number_in_query("limit", 50, 1, LONGEST_MESSAGE_PAGE)
    wanted = {
        "scope": visit.scope,
        "number": number,
        "conversation": conversation,
        "before": _time_in_query(visit, "before"),
        "after": _time_in_query(visit, "after"),
    }
    condition = (
        "FROM messages WHERE scope = :scope AND (:number IS NULL OR number_id = :number)"
        " AND (:conversation IS NULL OR conversation_id = :conversation)"
        " AND (:before IS NULL OR at < :before) AND (:after IS NULL OR at > :after)"
    )
    total = visit.db.execute("SELECT count(*) " + condition, wanted).fetchone()[0]
    each = "SELECT * " + condition + " ORDER BY at DESC, n DESC LIMIT :limit"
    rows = visit.db.execute(each, {**wanted, "limit": limit}).fetchall()
    return Page(rows[:-1] if visit.bend.truncate else rows, total, total > limit, limit, 0), total


def _show_message(visit: Visit, row: Row) -> dict[str, Any]:
    """Return a message in the words of its number's list: OAS says `from_`, PY reads `fromNumber`, S-SKILL `from`."""
    doc: dict[str, Any] = json.loads(row["doc"])
    if visit.older:
        names = ("id", "body", "direction", "status", "receivedAt")
        return {"from": doc["fromNumber"], "to": doc["toNumber"], **{name: doc[name] for name in names}}
    return {**doc, "from_": doc["fromNumber"], "to": doc["toNumber"]}


def list_number_messages(visit: Visit) -> Reply:
    """`GET /v1/numbers/{number_id}/messages`: `{data, hasMore}`; `{data, total}` in 2025. Kept after a release."""
    found, total = _messages(visit, number=number_row(visit, visit.ids[0])["id"])
    data = [_show_message(visit, row) for row in found.rows]
    return ok({"data": data, "total": total} if visit.older else {"data": data, "hasMore": found.more})


def _last_message(visit: Visit, conversation_id: str) -> str:
    row = visit.db.execute(
        "SELECT doc FROM messages WHERE scope = ? AND conversation_id = ? ORDER BY at DESC, n DESC LIMIT 1",
        (visit.scope, conversation_id),
    ).fetchone()
    return str(json.loads(row["doc"])["body"])[:PREVIEW] if row else ""


def _show_conversation(visit: Visit, row: Row) -> dict[str, Any]:
    older = {
        "id": row["id"],
        "phoneNumber": row["phone_number"],
        "participant": row["participant"],
        "messageCount": row["many"],
        "lastMessageAt": row["created_at"] if row["last_at"] is None else clock.stamp(row["last_at"]),
        "lastMessagePreview": _last_message(visit, row["id"]),
    }
    if visit.older:
        return older
    group = {"isGroup": False, "groupId": None, "groupName": None, "groupIconUrl": None, "participants": None}
    metadata = None if row["metadata"] is None else json.loads(row["metadata"])
    owner = {"agentId": row["agent_id"], "phoneNumberId": row["number_id"]}
    return {**older, **owner, **group, "metadata": metadata, "createdAt": row["created_at"]}


def _list_conversations(visit: Visit, agent: str | None) -> Reply:
    total = visit.db.execute(
        "SELECT count(*) FROM conversations WHERE scope = :scope AND (:agent IS NULL OR agent_id = :agent)",
        {"scope": visit.scope, "agent": agent},
    ).fetchone()[0]
    wanted = {"scope": visit.scope, "agent": agent, "id": None}

    def fetch(limit: int, offset: int) -> Sequence[Row]:
        return visit.db.execute(_CONVERSATIONS, {**wanted, "limit": limit, "offset": offset}).fetchall()

    found = page(visit, fetch, total)
    return ok(answer(visit, found, [_show_conversation(visit, row) for row in found.rows]))


def list_conversations(visit: Visit) -> Reply:
    """`GET /v1/conversations`: by most recent activity (OAS)."""
    return _list_conversations(visit, None)


def list_agent_conversations(visit: Visit) -> Reply:
    """`GET /v1/agents/{agent_id}/conversations`."""
    return _list_conversations(visit, agent_row(visit, visit.ids[0])["id"])


def _conversation_row(visit: Visit) -> Row:
    wanted = {"scope": visit.scope, "agent": None, "id": visit.ids[0], "limit": 1, "offset": 0}
    found: Row | None = visit.db.execute(_CONVERSATIONS, wanted).fetchone()
    if found is None:
        raise not_found("Conversation")
    return found


def _whole_conversation(visit: Visit, row: Row, limit: int) -> dict[str, Any]:
    """Return a conversation with its last messages, oldest first (OAS ConversationDetail)."""
    last = visit.db.execute(
        "SELECT doc FROM messages WHERE scope = ? AND conversation_id = ? ORDER BY at DESC, n DESC LIMIT ?",
        (visit.scope, row["id"], limit),
    ).fetchall()
    return {**_show_conversation(visit, row), "messages": [json.loads(message["doc"]) for message in reversed(last)]}


def get_conversation(visit: Visit) -> Reply:
    """`GET /v1/conversations/{conversation_id}`: with up to `message_limit` messages (S-SKILL: `messageLimit`)."""
    row = _conversation_row(visit)
    limit = visit.number_in_query("messageLimit" if visit.older else "message_limit", 50, 1, 100)
    return ok(_whole_conversation(visit, row, limit))


def update_conversation(visit: Visit) -> Reply:
    """`PATCH /v1/conversations/{conversation_id}`: metadata is replaced whole, and cleared by null (OAS, MCP)."""
    row = _conversation_row(visit)
    fields = visit.fields(_CHANGES, partial=True)
    if "metadata" in fields:
        kept = None if fields["metadata"] is None else json.dumps(fields["metadata"])
        visit.db.execute("UPDATE conversations SET metadata = ? WHERE n = ?", (kept, row["n"]))
    return ok(_whole_conversation(visit, _conversation_row(visit), 50))


def list_conversation_messages(visit: Visit) -> Reply:
    """`GET /v1/conversations/{conversation_id}/messages`: `{data, hasMore}` (OAS)."""
    found, _ = _messages(visit, conversation=_conversation_row(visit)["id"])
    return ok({"data": [json.loads(row["doc"]) for row in found.rows], "hasMore": found.more})
