"""Sub-accounts are made and listed on the account itself: no call here is for one of them."""

from __future__ import annotations

from dataclasses import dataclass

from apreconcile.core.call import Call
from apreconcile.core.errors import Error, NotFoundError, UnknownOutcomeError
from apreconcile.core.verdict import certainly_not_done
from apreconcile.live.listing import list_all
from apreconcile.live.scoped import SUB_ACCOUNTS

from .account import Account


@dataclass(frozen=True, slots=True)
class SubAccount:
    """One of an account's sub-accounts, as the API shows it (3P-live)."""

    id: str
    name: str


async def list_sub_accounts(account: Account) -> tuple[SubAccount, ...]:
    """All of them, ordered by id. Raises Error for an API that knows none."""
    try:
        found = await list_all(account.client.send, SUB_ACCOUNTS, pause=account.pace.pause)
    except NotFoundError as problem:
        raise Error("this API knows no sub-accounts", hint="use a key of its own for each environment") from problem
    return tuple(SubAccount(str(one["id"]), str(one.get("name") or "")) for one in found)


async def create_sub_account(account: Account, name: str) -> SubAccount:
    """Make one. Names need not be unique: one of the same name is refused here, and a lost answer is not repeated."""
    there = [one.id for one in await list_sub_accounts(account) if one.name == name]
    if there:
        raise Error(f"there is a sub-account {name!r}: {there[0]}", hint="take that one, or give another name")
    try:
        reply = await account.client.send(Call("POST", SUB_ACCOUNTS, {"name": name}))
    except Error as problem:
        if certainly_not_done(problem):
            raise
        reason = f"nobody knows whether the sub-account {name!r} was made: {problem.message}"
        raise UnknownOutcomeError(reason, hint="look: apreconcile sub-account list") from problem
    ident = reply.body.get("id") if isinstance(reply.body, dict) else None
    if not isinstance(ident, str) or not ident:
        reason = f"the sub-account {name!r} was made, and the answer names no id"
        raise UnknownOutcomeError(reason, hint="look: apreconcile sub-account list")
    return SubAccount(ident, name)
