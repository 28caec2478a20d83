"""An account's money and quota: one wallet for the account and its sub-accounts, a number limit for each of them."""

from __future__ import annotations

from dataclasses import dataclass

from apreconcile.sandbox.books import PRICE_CENTS
from apreconcile.sandbox.database import tally
from apreconcile.sandbox.errors import Refusal
from apreconcile.sandbox.visit import Visit


@dataclass(frozen=True, slots=True)
class Quota:
    """Numbers held in a scope, and how many may be."""

    used: int
    limit: int


def quota(visit: Visit) -> Quota:
    """Return the scope's quota: what it was seeded with, else what the options say."""
    row = visit.db.execute("SELECT number_limit FROM accounts WHERE account = ?", (visit.account,)).fetchone()
    limit = visit.options.number_limit if row is None or row["number_limit"] is None else row["number_limit"]
    return Quota(tally(visit.db, "numbers", visit.scope), limit)


def balance_cents(visit: Visit) -> int:
    """Return what is left in the wallet, in US cents."""
    found = visit.db.execute(
        "SELECT balance_cents, spent_cents FROM accounts WHERE account = ?", (visit.account,)
    ).fetchone()
    if found is None:
        return visit.options.balance_cents
    start: int = visit.options.balance_cents if found["balance_cents"] is None else found["balance_cents"]
    return start - int(found["spent_cents"])


def admit_purchase(visit: Visit) -> None:
    """Refuse a purchase above the limit or below $3.00 (DOCS error-handling), before anything is done."""
    found = quota(visit)
    if found.used >= found.limit:
        message = f"Number limit reached: this account may hold {found.limit} phone numbers"
        raise Refusal(400, message, "VALIDATION_ERROR_NUMBER_LIMIT", "validation_error")
    if balance_cents(visit) < PRICE_CENTS:
        message = "Insufficient balance: a phone number costs $3.00"
        raise Refusal(visit.options.balance_status, message, "INSUFFICIENT_BALANCE", "validation_error")


def charge(visit: Visit, amount: int) -> None:
    """Take US cents from the wallet."""
    visit.db.execute(
        "INSERT INTO accounts (account, spent_cents) VALUES (:account, :amount) "
        "ON CONFLICT (account) DO UPDATE SET spent_cents = spent_cents + :amount",
        {"account": visit.account, "amount": amount},
    )


def endow(visit: Visit, *, number_limit: int | None = None, balance: int | None = None) -> None:
    """Give the account its own limit, or its own balance in US cents from now on."""
    visit.db.execute("INSERT OR IGNORE INTO accounts (account) VALUES (?)", (visit.account,))
    if number_limit is not None:
        visit.db.execute("UPDATE accounts SET number_limit = ? WHERE account = ?", (number_limit, visit.account))
    if balance is not None:
        visit.db.execute(
            "UPDATE accounts SET balance_cents = ?, spent_cents = 0 WHERE account = ?", (balance, visit.account)
        )
