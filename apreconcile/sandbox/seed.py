"""Seeding puts objects into an account as if they had always been there: no charge, no quota, no ledger entry."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any

from apreconcile.sandbox import agents, clock, numbers, supply, wallet, webhooks
from apreconcile.sandbox.agent_fields import CREATE
from apreconcile.sandbox.errors import Invalid, Problem, invalid
from apreconcile.sandbox.identity import new_id
from apreconcile.sandbox.options import cents
from apreconcile.sandbox.validation import (
    Rule,
    Wrong,
    check_fields,
    choice,
    integer,
    mapping,
    matching,
    moment,
    number,
    text,
)
from apreconcile.sandbox.visit import Visit

_ID = Rule(matching(r"[^\s/?#]{1,128}"))
_E164 = Rule(matching(r"\+[1-9]\d{1,14}"))
_AGENT = {"id": _ID, "createdAt": Rule(moment), **CREATE["2026"]}
_NUMBER = {
    "id": _ID,
    "phoneNumber": _E164,
    "country": Rule(choice(*supply.COUNTRIES)),
    "areaCode": Rule(matching(r"\d{3}")),
    "status": Rule(text),
    "type": Rule(text),
    "agentId": Rule(text),
    "externalId": Rule(text),
    "expiresAt": Rule(moment),
    "createdAt": Rule(moment),
}
_WEBHOOK = {"id": _ID, "agentId": Rule(text), "secret": Rule(text), **webhooks.FIELDS}


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise Wrong("list_type", "Input should be a valid list")
    return value


_CALL = {
    "id": _ID,
    "numberId": Rule(text),
    "phoneNumberId": Rule(text),
    "agentId": Rule(text),
    "fromNumber": Rule(text),
    "toNumber": Rule(text),
    "direction": Rule(choice("inbound", "outbound", "web")),
    "status": Rule(text),
    "type": Rule(text),
    "startedAt": Rule(moment),
    "endedAt": Rule(moment),
    "durationSeconds": Rule(integer(0, 10**9)),
    "lastTranscriptSnippet": Rule(text),
    "recordingUrl": Rule(text),
    "transcripts": Rule(_list),
}
_MESSAGE = {
    "id": _ID,
    "numberId": Rule(text),
    "phoneNumberId": Rule(text),
    "from": Rule(text),
    "to": Rule(text),
    "fromNumber": Rule(text),
    "toNumber": Rule(text),
    "body": Rule(text),
    "direction": Rule(choice("inbound", "outbound")),
    "channel": Rule(text),
    "status": Rule(text),
    "receivedAt": Rule(moment),
}
_STRANGER = "+15555550100"


def _agent(visit: Visit, item: dict[str, Any]) -> dict[str, Any]:
    fields = {name: value for name, value in item.items() if name not in {"id", "createdAt"}}
    row = agents.insert(visit, fields, agent_id=item.get("id"), born=0.0)
    if item.get("createdAt") is not None:
        doc = {**json.loads(row["doc"]), "createdAt": clock.stamp(item["createdAt"])}
        row = {"id": row["id"], "doc": json.dumps(doc)}
        set_doc = "UPDATE agents SET doc = ? WHERE scope = ? AND id = ?"
        visit.db.execute(set_doc, (row["doc"], visit.scope, row["id"]))
    return {"id": row["id"]}


def _owner(visit: Visit, item: dict[str, Any]) -> str | None:
    """Return the item's agent, which must be there."""
    agent_id: str | None = item.get("agentId")
    known = "SELECT 1 FROM agents WHERE scope = ? AND id = ?"
    if agent_id is not None and visit.db.execute(known, (visit.scope, agent_id)).fetchone() is None:
        raise Wrong("value_error", f"There is no agent {agent_id}", ("agentId",))
    return agent_id


def _number(visit: Visit, item: dict[str, Any]) -> dict[str, Any]:
    phone = item.get("phoneNumber")
    area = supply.AREAS.get(phone[2:5]) if phone and phone.startswith("+1") else None
    country = item.get("country") or (area.country if area else "US")
    held = "SELECT 1 FROM numbers WHERE scope = ? AND phone_number = ? AND held = 1"
    if phone and visit.db.execute(held, (visit.scope, phone)).fetchone():
        raise Wrong("value_error", f"{phone} is there already", ("phoneNumber",))
    columns = {
        "id": item.get("id"),
        "phone_number": phone or supply.take(visit.db, country, item.get("areaCode")),
        "country": country,
        "status": item.get("status"),
        "type": item.get("type"),
        "agent_id": _owner(visit, item),
        "external_id": item.get("externalId"),
        "expires": item.get("expiresAt"),
        "created_at": None if item.get("createdAt") is None else clock.stamp(item["createdAt"]),
    }
    return {"id": numbers.insert(visit, columns, seeded=True)["id"]}


def _webhook(visit: Visit, item: dict[str, Any]) -> dict[str, Any]:
    agent_id = _owner(visit, item)
    made = {name: item[name] for name in ("id", "secret") if item.get(name)}
    row = webhooks.put(visit, agent_id or webhooks.PROJECT, item, made=made)
    return {"agentId": agent_id, **webhooks.show(visit, row)}


def _line(visit: Visit, item: dict[str, Any]) -> dict[str, Any]:
    """Return the number that a call or message is about, which must be there, released or not."""
    wanted = item.get("numberId") or item.get("phoneNumberId")
    row = visit.db.execute("SELECT * FROM numbers WHERE scope = ? AND id = ?", (visit.scope, wanted)).fetchone()
    if row is None:
        raise Wrong("value_error", "numberId should name a number of this account", ("numberId",))
    return dict(row)


def _call(visit: Visit, item: dict[str, Any]) -> dict[str, Any]:
    line = _line(visit, item)
    agent_id = _owner(visit, item) or line["agent_id"]
    direction = item.get("direction") or "inbound"
    ends = (_STRANGER, line["phone_number"]) if direction != "outbound" else (line["phone_number"], _STRANGER)
    started = visit.now if item.get("startedAt") is None else item["startedAt"]
    seconds = item.get("durationSeconds") or 0
    doc: dict[str, Any] = {
        "id": item.get("id") or new_id(),
        "agentId": agent_id,
        "phoneNumberId": line["id"],
        "phoneNumber": line["phone_number"],
        "fromNumber": item.get("fromNumber") or ends[0],
        "toNumber": item.get("toNumber") or ends[1],
        "direction": direction,
        "status": item.get("status") or "completed",
        "startedAt": clock.stamp(started),
        "endedAt": clock.stamp(started + seconds if item.get("endedAt") is None else item["endedAt"]),
        "durationSeconds": seconds,
        "lastTranscriptSnippet": item.get("lastTranscriptSnippet"),
        "recordingUrl": item.get("recordingUrl"),
        "recordingAvailable": item.get("recordingUrl") is not None,
        "transcripts": item.get("transcripts") or [],
    }
    kind = item.get("type") or ("web" if direction == "web" else "phone")
    visit.db.execute(
        "INSERT INTO calls (id, scope, agent_id, number_id, status, direction, type, from_number, to_number, seconds,"
        " at, doc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(doc["id"], visit.scope, agent_id, line["id"], doc["status"], direction, kind, doc["fromNumber"]),
            *(doc["toNumber"], seconds, started, json.dumps(doc)),
        ),
    )
    return doc


def _conversation(visit: Visit, line: dict[str, Any], participant: str) -> str:
    """Return the conversation of a number with somebody, made at their first message (S-SKILL)."""
    visit.db.execute(
        "INSERT OR IGNORE INTO conversations (id, scope, agent_id, number_id, participant, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (new_id(), visit.scope, line["agent_id"], line["id"], participant, visit.stamp()),
    )
    row = visit.db.execute(
        "SELECT id FROM conversations WHERE scope = ? AND number_id = ? AND participant = ?",
        (visit.scope, line["id"], participant),
    ).fetchone()
    return str(row["id"])


def _message(visit: Visit, item: dict[str, Any]) -> dict[str, Any]:
    line = _line(visit, item)
    direction = item.get("direction") or "inbound"
    ends = (_STRANGER, line["phone_number"]) if direction == "inbound" else (line["phone_number"], _STRANGER)
    sender = item.get("fromNumber") or item.get("from") or ends[0]
    receiver = item.get("toNumber") or item.get("to") or ends[1]
    received = visit.now if item.get("receivedAt") is None else item["receivedAt"]
    conversation = _conversation(visit, line, sender if direction == "inbound" else receiver)
    doc: dict[str, Any] = {
        "id": item.get("id") or new_id(),
        "fromNumber": sender,
        "toNumber": receiver,
        "body": item.get("body") or "",
        "direction": direction,
        "channel": item.get("channel") or "sms",
        "status": item.get("status") or ("received" if direction == "inbound" else "delivered"),
        "mediaUrl": None,
        "mediaUrls": [],
        "conversationId": conversation,
        "receivedAt": clock.stamp(received),
    }
    visit.db.execute(
        "INSERT INTO messages (id, scope, number_id, conversation_id, at, doc) VALUES (?, ?, ?, ?, ?, ?)",
        (doc["id"], visit.scope, line["id"], conversation, received, json.dumps(doc)),
    )
    return doc


Make = Callable[[Visit, dict[str, Any]], dict[str, Any]]

_KINDS: dict[str, tuple[dict[str, Rule], Make]] = {
    "agents": (_AGENT, _agent),
    "numbers": (_NUMBER, _number),
    "webhooks": (_WEBHOOK, _webhook),
    "calls": (_CALL, _call),
    "messages": (_MESSAGE, _message),
}
_PURSE = {"numberLimit": Rule(integer(0, 10**9)), "balance": Rule(number(-1e9, 1e9))}


def seed(visit: Visit) -> dict[str, Any]:
    """Do what `POST /_sandbox/seed` asks, and return all that was made, whole; Invalid leaves nothing behind."""
    asked = visit.json()
    if not isinstance(asked, dict):
        raise invalid(("body",), "Input should be an object", "dict_type")
    for name in asked:
        if name not in _KINDS and name not in _PURSE:
            known = ", ".join((*_KINDS, *_PURSE))
            raise invalid(("body", name), f"Unknown key; a seed has {known}", "extra_forbidden")
    made: dict[str, Any] = {}
    for kind, (rules, make) in _KINDS.items():
        items = [] if asked.get(kind) is None else asked[kind]
        if not isinstance(items, list):
            raise invalid(("body", kind), "Input should be a valid list", "list_type")
        made[kind] = [_made(visit, ("body", kind, index), item, rules, make) for index, item in enumerate(items)]
    made["agents"] = [agents.show(visit, agents.agent_row(visit, item["id"])) for item in made["agents"]]
    made["numbers"] = [numbers.show(visit, numbers.number_row(visit, item["id"])) for item in made["numbers"]]
    return {**made, **_endowed(visit, asked)}


def _endowed(visit: Visit, asked: dict[str, Any]) -> dict[str, Any]:
    try:
        purse = check_fields(asked, _PURSE)
    except Invalid as bad:
        raise Invalid([Problem(("body", *problem.loc), problem.msg, problem.type) for problem in bad.problems]) from bad
    balance = purse.get("balance")
    wallet.endow(visit, number_limit=purse.get("numberLimit"), balance=None if balance is None else cents(balance))
    return purse


def _known(fields: dict[str, Any], rules: dict[str, Rule]) -> None:
    for name in fields:
        if name not in rules:
            raise Wrong("extra_forbidden", f"Unknown key; there are {', '.join(rules)}", (name,))


def _made(
    visit: Visit, place: tuple[str | int, ...], item: object, rules: dict[str, Rule], make: Make
) -> dict[str, Any]:
    """Check and make one object; what is wrong with it is said with its place."""
    try:
        fields = mapping(item)
        _known(fields, rules)
        return make(visit, check_fields(fields, rules))
    except Wrong as wrong:
        raise Invalid([Problem((*place, *wrong.at), wrong.msg, wrong.type)]) from wrong
    except Invalid as bad:
        raise Invalid([Problem((*place, *problem.loc), problem.msg, problem.type) for problem in bad.problems]) from bad
    except sqlite3.IntegrityError as taken:
        raise invalid((*place, "id"), "There is one with this id already") from taken
