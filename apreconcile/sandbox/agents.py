"""Agents: made, listed, changed field by field, deleted; attaching and detaching numbers is here too."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from apreconcile.sandbox.agent_fields import CLEARED_BY_EMPTY, CREATE, UPDATE, defaults, shown
from apreconcile.sandbox.database import Row, former, tally
from apreconcile.sandbox.errors import Refusal, invalid, not_found, number_not_found
from apreconcile.sandbox.identity import new_id
from apreconcile.sandbox.pages import answer, in_memory, page
from apreconcile.sandbox.reply import Reply, ok
from apreconcile.sandbox.validation import Rule, text
from apreconcile.sandbox.visit import Visit
from apreconcile.sandbox.voices import VOICES

_PAGE = """
SELECT id, doc FROM agents WHERE scope = :scope
AND n >= (SELECT n FROM agents WHERE scope = :scope ORDER BY n LIMIT 1 OFFSET :offset) ORDER BY n LIMIT :limit
"""
"""A page by its first row, found in the index alone: an offset into whole rows would read all that it skips."""
_HELD = """
SELECT *, json_object('id', id, 'phoneNumber', phone_number, 'status', status, 'type', type) AS brief
FROM numbers WHERE scope = ? AND agent_id IN (SELECT value FROM json_each(?)) ORDER BY attached
"""
ATTACH = {"numberId": Rule(text, nullable=False, required=True)}


def agent_row(visit: Visit, agent_id: str) -> Row:
    """Return an agent of the visit's scope, or refuse with 404."""
    found: Row | None = visit.db.execute(
        "SELECT * FROM agents WHERE scope = ? AND id = ?", (visit.scope, agent_id)
    ).fetchone()
    if found is None:
        raise not_found("Agent")
    return found


def insert(visit: Visit, fields: dict[str, Any], *, agent_id: str | None = None, born: float | None = None) -> Row:
    """Store a new agent with these checked fields, the server's defaults for the rest, and return it."""
    known = agent_id or new_id()
    given = {name: value for name, value in fields.items() if value is not None}
    doc = {"id": known, "name": "", **defaults(visit.options.profile), **_emptied(given), "createdAt": visit.stamp()}
    stored = json.dumps(doc)
    visit.db.execute(
        "INSERT INTO agents (id, scope, born, doc) VALUES (?, ?, ?, ?)",
        (known, visit.scope, visit.now if born is None else born, stored),
    )
    return {"id": known, "doc": stored}


def _emptied(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: None if name in CLEARED_BY_EMPTY and value == "" else value for name, value in fields.items()}


def _brief(row: Row) -> dict[str, Any]:
    """Return a number as its agent shows it (OAS AgentNumberResponse)."""
    return {"id": row["id"], "phoneNumber": row["phone_number"], "status": row["status"], "type": row["type"]}


def show(visit: Visit, row: Row) -> dict[str, Any]:
    """Return one agent as the API shows it, its numbers in the order in which they were attached."""
    held = visit.db.execute(
        "SELECT id, phone_number, status, type FROM numbers WHERE scope = ? AND agent_id = ? ORDER BY attached",
        (visit.scope, row["id"]),
    )
    return shown(visit.options.profile, json.loads(row["doc"]), [_brief(number) for number in held])


def _show_all(visit: Visit, rows: Sequence[Row], numbers: Sequence[Row]) -> list[dict[str, Any]]:
    """Return many agents at once; `numbers` may hold others' numbers, but is in order of attachment."""
    held: dict[str, list[dict[str, Any]]] = {}
    for number in numbers:
        held.setdefault(number["agent_id"], []).append(_brief(number))
    return [shown(visit.options.profile, json.loads(row["doc"]), held.get(row["id"], [])) for row in rows]


def _spliced(rows: Sequence[Row], numbers: Sequence[Row], total: int) -> Reply:
    """Return the newest profile's list without reading its documents, which are JSON already: twice as fast."""
    held: dict[str, list[str]] = {}
    for number in numbers:
        held.setdefault(number["agent_id"], []).append(number["brief"])
    data = [f'{row["doc"][:-1]},"numbers":[{",".join(held.get(row["id"], ()))}]}}' for row in rows]
    return Reply(200, f'{{"data":[{",".join(data)}],"total":{total}}}'.encode())


def list_agents(visit: Visit) -> Reply:
    """`GET /v1/agents`: `{data, total}`, without hasMore (OAS AgentListResponse)."""
    db, scope = visit.db, visit.scope
    if visit.bend.lag:
        moment = visit.now - visit.bend.lag
        before = former(db, "agents", scope, moment)
        numbers = sorted(former(db, "numbers", scope, moment), key=lambda row: row["attached"])
        found = page(visit, in_memory(before), len(before))
    else:
        total = tally(db, "agents", scope)
        found = page(
            visit,
            lambda limit, offset: db.execute(_PAGE, {"scope": scope, "limit": limit, "offset": offset}).fetchall(),
            total,
        )
        wanted = json.dumps([row["id"] for row in found.rows])
        numbers = db.execute(_HELD, (scope, wanted)).fetchall()
        if not visit.older:
            return _spliced(found.rows, numbers, found.total)
    return ok(answer(visit, found, _show_all(visit, found.rows, numbers), more=False))


def create_agent(visit: Visit) -> Reply:
    """`POST /v1/agents`: 200 with the agent (OAS); 201 in 2025 (S-SKILL)."""
    row = insert(visit, visit.fields(CREATE[visit.options.profile]))
    return Reply(201 if visit.older else 200, show(visit, row))


def get_agent(visit: Visit) -> Reply:
    """`GET /v1/agents/{agent_id}`."""
    return ok(show(visit, agent_row(visit, visit.ids[0])))


def update_agent(visit: Visit) -> Reply:
    """`PATCH /v1/agents/{agent_id}`: only the fields sent are changed; `null` does what the options say."""
    row = agent_row(visit, visit.ids[0])
    fields = visit.fields(UPDATE[visit.options.profile], partial=True)
    doc = json.loads(row["doc"])
    fallback = defaults(visit.options.profile) | {"name": doc["name"]}
    for name, value in fields.items():
        if value is not None:
            doc |= _emptied({name: value})
        elif visit.options.null_handling == "reject":
            raise invalid(("body", name), "Input should not be null", "value_error")
        elif visit.options.null_handling == "clear":
            doc[name] = fallback[name]
    changed = json.dumps(doc)
    if changed != row["doc"]:
        visit.db.execute("UPDATE agents SET doc = ? WHERE n = ?", (changed, row["n"]))
    return ok(show(visit, {"id": row["id"], "doc": changed}))


def delete_agent(visit: Visit) -> Reply:
    """`DELETE /v1/agents/{agent_id}`: its webhook goes; numbers, calls and conversations stay without an agent (TS)."""
    row = agent_row(visit, visit.ids[0])
    own = (visit.scope, row["id"])
    held = visit.db.execute("SELECT id FROM numbers WHERE scope = ? AND agent_id = ? ORDER BY attached", own)
    unassigned = [number["id"] for number in held]
    visit.db.execute("UPDATE numbers SET agent_id = NULL WHERE scope = ? AND agent_id = ?", own)
    visit.db.execute("UPDATE calls SET agent_id = NULL WHERE scope = ? AND agent_id = ?", own)
    visit.db.execute("UPDATE conversations SET agent_id = NULL WHERE scope = ? AND agent_id = ?", own)
    visit.db.execute("DELETE FROM webhooks WHERE scope = ? AND agent_id = ?", own)
    visit.db.execute("DELETE FROM agents WHERE n = ?", (row["n"],))
    if visit.older:
        return ok({"success": True, "message": "Agent deleted", "unassignedNumbers": unassigned})
    return ok({"success": True, "id": row["id"], "name": json.loads(row["doc"])["name"]})


def list_voices(visit: Visit) -> Reply:
    """`GET /v1/agents/voices`: an object with `data`; snake_case since SKILL v0.6.1, camelCase in S-SKILL."""
    if not visit.older:
        return ok({"data": [dict(voice) for voice in VOICES]})
    older = ("11labs-Brian", "alloy", "nova")
    names = (("voiceId", "voice_id"), ("name", "voice_name"), ("provider", "provider"), ("gender", "gender"))
    known = [voice for voice in VOICES if voice["voice_id"] in older]
    return ok({"data": [{new: voice[old] for new, old in names} for voice in known]})


def next_place(visit: Visit, agent_id: str) -> int:
    """Return the place after the last in an agent's order of numbers."""
    last = "SELECT coalesce(max(attached), 0) FROM numbers WHERE scope = ? AND agent_id = ?"
    return int(visit.db.execute(last, (visit.scope, agent_id)).fetchone()[0]) + 1


def attach_number(visit: Visit) -> Reply:
    """`POST /v1/agents/{agent_id}/numbers`: `{agentId, number}` (OAS AttachNumberResponse)."""
    agent = agent_row(visit, visit.ids[0])
    wanted = visit.fields(ATTACH)["numberId"]
    number = visit.db.execute(
        "SELECT * FROM numbers WHERE scope = ? AND id = ? AND held = 1", (visit.scope, wanted)
    ).fetchone()
    if number is None:
        raise number_not_found()
    if number["agent_id"] not in {None, agent["id"]} and visit.options.held_number == "refuse":
        raise Refusal(409, f"Phone number is attached to agent {number['agent_id']}")
    if number["agent_id"] != agent["id"]:
        place = next_place(visit, agent["id"])
        change = "UPDATE numbers SET agent_id = ?, attached = ? WHERE n = ?"
        visit.db.execute(change, (agent["id"], place, number["n"]))
    return ok({"agentId": agent["id"], "number": _brief(number)})


def detach_number(visit: Visit) -> Reply:
    """`DELETE /v1/agents/{agent_id}/numbers/{number_id}`: the number stays, active and billed (TS)."""
    agent = agent_row(visit, visit.ids[0])
    changed = visit.db.execute(
        "UPDATE numbers SET agent_id = NULL WHERE scope = ? AND id = ? AND agent_id = ?",
        (visit.scope, visit.ids[1], agent["id"]),
    )
    if changed.rowcount == 0:
        raise number_not_found()
    return ok({"success": True})
