"""The control routes under `/_sandbox`: what a test does to the world from outside of the API. No key is needed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from apreconcile.sandbox import books, clock, faults, journal
from apreconcile.sandbox.errors import invalid, no_route, unauthorized, wrong_method
from apreconcile.sandbox.options import Options
from apreconcile.sandbox.reply import Reply, ok
from apreconcile.sandbox.seed import seed as plant
from apreconcile.sandbox.sub_accounts import scope_of
from apreconcile.sandbox.validation import Wrong, number
from apreconcile.sandbox.visit import Visit, parse

_SCOPED = ("agents", "numbers", "cards", "webhooks", "deliveries", "calls", "conversations", "messages", "past")
_OWNED = ("accounts", "sub_accounts", "ledger", "requests")


@dataclass(frozen=True, slots=True)
class Order:
    """One control request; `account` is the bearer's, if one was given."""

    db: sqlite3.Connection
    options: Options
    account: str | None
    sub_account: str | None
    query: Mapping[str, str]
    body: bytes


_WITHIN = ":account IS NULL OR scope = :account OR scope LIKE :account || '/%'"
"""An account and its sub-accounts; everything, where none is named."""


def empty(db: sqlite3.Connection, account: str | None = None) -> None:
    """Take everything out of an account; without one, out of the whole world, its faults and clock included."""
    for table in _SCOPED:
        db.execute(f"DELETE FROM {table} WHERE {_WITHIN}", {"account": account})  # noqa: S608 (our own names)
    for table in _OWNED:
        db.execute(f"DELETE FROM {table} WHERE :account IS NULL OR account = :account", {"account": account})  # noqa: S608 (our own names)
    db.execute(f"DELETE FROM past WHERE {_WITHIN}", {"account": account})  # noqa: S608 (our own names)
    if account is None:
        db.execute("DELETE FROM faults")
        db.execute("DELETE FROM stock")
        db.execute("UPDATE world SET clock_offset = 0")


def _queue_faults(order: Order) -> Reply:
    faults.queue(order.db, faults.read(parse(order.body) if order.body.strip() else None))
    return ok({"queued": faults.queued(order.db)})


def _list_faults(order: Order) -> Reply:
    return ok({"queued": faults.queued(order.db)})


def _clear_faults(order: Order) -> Reply:
    order.db.execute("DELETE FROM faults")
    return ok({"queued": []})


def _advance_clock(order: Order) -> Reply:
    asked = parse(order.body) if order.body.strip() else None
    if not isinstance(asked, dict) or set(asked) != {"advance"}:
        raise invalid(("body",), 'The clock takes {"advance": SECONDS}')
    try:
        seconds = number(0, clock.FURTHEST)(asked["advance"])
    except Wrong as wrong:
        raise invalid(("body", "advance"), wrong.msg, wrong.type) from wrong
    return ok({"now": clock.stamp(clock.advance(order.db, seconds))})


def _reset(order: Order) -> Reply:
    empty(order.db, order.account)
    return ok({"success": True, "account": order.account})


def _seed(order: Order) -> Reply:
    if order.account is None:
        raise unauthorized("Seeding needs a bearer token: it is that account that is seeded")
    scope = scope_of(order.db, order.account, order.sub_account)
    now = clock.now(order.db)
    return ok(plant(Visit(order.db, order.options, now, order.account, scope, body=order.body)))


def _ledger(order: Order) -> Reply:
    return ok({"entries": books.entries(order.db, order.query.get("account") or order.account)})


def _requests(order: Order) -> Reply:
    return ok({"data": journal.entries(order.db, order.query.get("account") or order.account)})


_ROUTES: dict[str, dict[str, Callable[[Order], Reply]]] = {
    "faults": {"POST": _queue_faults, "GET": _list_faults, "DELETE": _clear_faults},
    "clock": {"POST": _advance_clock},
    "reset": {"POST": _reset},
    "seed": {"POST": _seed},
    "ledger": {"GET": _ledger},
    "requests": {"GET": _requests},
}


def obey(method: str, parts: tuple[str, ...], order: Order) -> Reply:
    """Do what a control request asks, inside the caller's transaction; raises what is to be answered instead."""
    methods = _ROUTES.get(parts[0], {}) if len(parts) == 1 else {}
    if not methods:
        raise no_route()
    if method not in methods:
        raise wrong_method(tuple(methods))
    return methods[method](order)
