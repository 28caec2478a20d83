"""Phone numbers: bought once each with money, listed while held, released for good; shown for ever by their id."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from apreconcile.sandbox import books, clock, supply, wallet
from apreconcile.sandbox.agents import agent_row, next_place
from apreconcile.sandbox.database import Row, former, tally
from apreconcile.sandbox.errors import Refusal, invalid, number_not_found
from apreconcile.sandbox.identity import new_id
from apreconcile.sandbox.pages import answer, in_memory, page
from apreconcile.sandbox.reply import Reply, ok
from apreconcile.sandbox.validation import Rule, matching, moment, text
from apreconcile.sandbox.visit import Visit

MOST_LOOKED_UP = 25
_PAGE = """
SELECT * FROM numbers WHERE scope = :scope AND held = 1
AND n >= (SELECT n FROM numbers WHERE scope = :scope AND held = 1 ORDER BY n LIMIT 1 OFFSET :offset)
ORDER BY n LIMIT :limit
"""
"""A page by its first row, found in the index alone."""

_BOUGHT_2025 = {
    "country": Rule(matching(r"[A-Z]{2}"), nullable=False),
    "areaCode": Rule(matching(r"\d{3}")),
    "agentId": Rule(text),
}
_CHANGES = {"externalId": Rule(text), "expiresAt": Rule(moment)}
_BOUGHT = {**_BOUGHT_2025, "type": Rule(text), "imessageType": Rule(text), **_CHANGES}
_CARD = {name: Rule(text) for name in ("firstName", "lastName", "displayName", "avatarUrl")}


def number_row(visit: Visit, number_id: str, *, held: bool = False) -> Row:
    """Return a number of the visit's scope, or refuse with 404; with `held` a released one is refused too."""
    found: Row | None = visit.db.execute(
        "SELECT * FROM numbers WHERE scope = ? AND id = ?", (visit.scope, number_id)
    ).fetchone()
    if found is None or (held and found["status"] == "released"):
        raise number_not_found()
    return found


def show(visit: Visit, row: Row) -> dict[str, Any]:
    """Return a number as the API shows it (PY PhoneNumber), or with S-SKILL's six fields."""
    older = {
        "id": row["id"],
        "phoneNumber": row["phone_number"],
        "country": row["country"],
        "status": row["status"],
        "agentId": row["agent_id"],
        "createdAt": row["created_at"],
    }
    if visit.older:
        return older
    return {
        **older,
        "type": row["type"],
        "outboundSms": "registration_required",
        "inboundCallsEnabled": True,
        "readReceiptsEnabled": False,
        "whatsappEnabled": False,
        "dailyNewContacts": {"used": 0, "limit": 50},
        "purchasedAt": row["created_at"],
        "externalId": row["external_id"],
        "expiresAt": row["expires_at"],
        "rcsFallbackForAlias": None,
    }


def list_numbers(visit: Visit) -> Reply:
    """`GET /v1/numbers`: `{data, hasMore, total}` without released numbers (OAS)."""
    db, scope = visit.db, visit.scope
    if visit.bend.lag:
        before = former(db, "numbers", scope, visit.now - visit.bend.lag)
        held = [row for row in before if row["status"] != "released"]
        found = page(visit, in_memory(held), len(held))
    else:
        total = tally(db, "numbers", scope)
        found = page(
            visit,
            lambda limit, offset: db.execute(_PAGE, {"scope": scope, "limit": limit, "offset": offset}).fetchall(),
            total,
        )
    return ok(answer(visit, found, [show(visit, row) for row in found.rows]))


def insert(visit: Visit, fields: dict[str, Any], *, seeded: bool = False) -> Row:
    """Store a new number with these columns, the usual for the rest, and return it as it is stored."""
    columns: dict[str, Any] = {
        "id": new_id(),
        "scope": visit.scope,
        "born": 0.0 if seeded else visit.now,
        "country": "US",
        "status": "active",
        "type": "sms",
        "created_at": visit.stamp(),
        "expires": None,
        "external_id": None,
        "agent_id": None,
        **{name: value for name, value in fields.items() if value is not None},
    }
    expires = columns["expires"]
    columns["expires_at"] = None if expires is None else clock.stamp(expires)
    columns["attached"] = 0 if columns["agent_id"] is None else next_place(visit, columns["agent_id"])
    visit.db.execute(
        "INSERT INTO numbers (id, scope, born, phone_number, country, status, type, agent_id, attached, external_id,"
        " expires_at, expires, created_at) VALUES (:id, :scope, :born, :phone_number, :country, :status, :type,"
        " :agent_id, :attached, :external_id, :expires_at, :expires, :created_at)",
        columns,
    )
    return columns


def _in_future(visit: Visit, expires: float | None) -> None:
    """Refuse an expiry that is past: unstated by every source, and money lost at once if it were taken."""
    if expires is not None and expires <= visit.now:
        raise invalid(("body", "expiresAt"), "Value error, expiresAt must be in the future")


def buy_number(visit: Visit) -> Reply:
    """`POST /v1/numbers`: charges at once, is not idempotent; 200 with the number (OAS), 201 in 2025 (S-SKILL)."""
    fields = visit.fields(_BOUGHT_2025 if visit.older else _BOUGHT, partial=True)
    country = fields.get("country", "US")
    if country not in supply.COUNTRIES:
        raise Refusal(400, f"Phone numbers are not available in {country}; US and CA are")
    _in_future(visit, fields.get("expiresAt"))
    if fields.get("agentId") is not None:
        agent_row(visit, fields["agentId"])
    wallet.admit_purchase(visit)
    columns = {
        "phone_number": supply.take(visit.db, country, fields.get("areaCode")),
        "country": country,
        "type": fields.get("type"),
        "external_id": fields.get("externalId"),
        "expires": fields.get("expiresAt"),
        "agent_id": fields.get("agentId"),
    }
    number = insert(visit, columns)
    wallet.charge(visit, books.PRICE_CENTS)
    books.record(visit.db, "purchase", number, visit.account, visit.stamp())
    return Reply(201 if visit.older else 200, show(visit, number))


def get_number(visit: Visit) -> Reply:
    """`GET /v1/numbers/{number_id}`: whatever its status, released too (OAS)."""
    return ok(show(visit, number_row(visit, visit.ids[0])))


def update_number(visit: Visit) -> Reply:
    """`PATCH /v1/numbers/{number_id}`: externalId and expiresAt (PY); clearing by `null` is what the options say."""
    row = number_row(visit, visit.ids[0], held=True)
    fields = visit.fields(_CHANGES, partial=True)
    for name, value in list(fields.items()):
        if value is None and visit.options.null_handling == "reject":
            raise invalid(("body", name), "Input should not be null")
        if value is None and visit.options.null_handling == "ignore":
            del fields[name]
    _in_future(visit, fields.get("expiresAt"))
    if "externalId" in fields:
        visit.db.execute("UPDATE numbers SET external_id = ? WHERE n = ?", (fields["externalId"], row["n"]))
    if "expiresAt" in fields:
        expires = fields["expiresAt"]
        shown = None if expires is None else clock.stamp(expires)
        visit.db.execute("UPDATE numbers SET expires = ?, expires_at = ? WHERE n = ?", (expires, shown, row["n"]))
    return ok(show(visit, number_row(visit, row["id"])))


def release_number(visit: Visit) -> Reply:
    """`DELETE /v1/numbers/{number_id}`: for good, attached or not; a second time is 404 (unstated by every source)."""
    row = number_row(visit, visit.ids[0], held=True)
    visit.db.execute("UPDATE numbers SET status = 'released', agent_id = NULL WHERE n = ?", (row["n"],))
    books.record(visit.db, "release", row, visit.account, visit.stamp())
    return ok({"success": True, "phoneNumber": row["phone_number"], "status": "released"})


def expire(db: sqlite3.Connection, now: float, *, milliseconds: bool) -> None:
    """Release every number of every account whose `expiresAt` is reached (PY: auto-release time)."""
    due = "SELECT * FROM numbers WHERE expires IS NOT NULL AND held = 1 AND expires <= ?"
    for row in db.execute(due, (now,)).fetchall():
        db.execute("UPDATE numbers SET status = 'released', agent_id = NULL WHERE n = ?", (row["n"],))
        account = row["scope"].partition("/")[0]
        books.record(db, "expire", row, account, clock.stamp(now, milliseconds=milliseconds))


def list_available(visit: Visit) -> Reply:
    """`GET /v1/numbers/available`: what could be bought, by area code, city, state, ZIP code and country (PY)."""
    country = visit.query.get("country") or "US"
    limit = visit.number_in_query("limit", 20, 1, 100)
    place = (visit.query.get("city"), visit.query.get("state"), visit.query.get("zip"))
    if country not in supply.COUNTRIES:
        return ok({"data": []})
    offers = supply.search(visit.db, limit, country, visit.query.get("areaCode"), place)
    data = [
        {"phoneNumber": phone, "city": area.city, "state": area.state, "rateCenter": area.city.upper()}
        | {"areaCode": area.code}
        for phone, area in offers
    ]
    return ok({"data": data})


def look_up(visit: Visit) -> Reply:
    """`GET /v1/numbers/lookup`: line type, country and RCS of up to 25 E.164 numbers (PY)."""
    if "phoneNumbers" not in visit.query:
        raise invalid(("query", "phoneNumbers"), "Field required", "missing")
    wanted = [phone.strip() for phone in visit.query["phoneNumbers"].split(",") if phone.strip()]
    if len(wanted) > MOST_LOOKED_UP:
        message = f"List should have at most {MOST_LOOKED_UP} items, not {len(wanted)}"
        raise invalid(("query", "phoneNumbers"), message, "too_long")
    return ok({"data": [_line(visit, phone) for phone in wanted]})


def _line(visit: Visit, phone: str) -> dict[str, Any]:
    ours = visit.db.execute("SELECT 1 FROM numbers WHERE phone_number = ?", (phone,)).fetchone() is not None
    area = supply.AREAS.get(phone[2:5]) if phone.startswith("+1") else None
    country = area.country if area else None
    line = "voip" if ours else "mobile" if area else None
    return {"phoneNumber": phone, "lineType": line, "country": country, "rcsEnabled": False}


def get_card(visit: Visit) -> Reply:
    """`GET …/contact-card`: 404 where none is set (unstated by every source); the avatar is told, never shown."""
    number = number_row(visit, visit.ids[0])
    row = visit.db.execute(
        "SELECT doc FROM cards WHERE scope = ? AND number_id = ?", (visit.scope, number["id"])
    ).fetchone()
    if row is None:
        raise Refusal(404, "Contact card not found")
    return ok(json.loads(row["doc"]))


def put_card(visit: Visit) -> Reply:
    """`PUT …/contact-card`: create or replace (OAS ContactCardWriteRequest)."""
    number = number_row(visit, visit.ids[0], held=True)
    fields = visit.fields(_CARD)
    card = {name: fields.get(name) for name in ("firstName", "lastName", "displayName")}
    card["hasAvatar"] = bool(fields.get("avatarUrl"))
    visit.db.execute("INSERT OR REPLACE INTO cards VALUES (?, ?, ?)", (visit.scope, number["id"], json.dumps(card)))
    return ok(card)


def delete_card(visit: Visit) -> Reply:
    """`DELETE …/contact-card`: 204 (OAS)."""
    number = number_row(visit, visit.ids[0])
    visit.db.execute("DELETE FROM cards WHERE scope = ? AND number_id = ?", (visit.scope, number["id"]))
    return Reply(204, None)
