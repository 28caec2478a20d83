"""A client for a sub-account sends its header with every call, and believes an answer only as far as it can be inside.

Before the first call the account's own list must have the sub-account, and no thing may be both inside and outside. A
404 of a call for which the header is not listed is no absence (exit 9), and a number is what the list inside shows.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from apreconcile.core.call import Call, Reply
from apreconcile.core.errors import NotFoundError, UnsafeError
from apreconcile.core.scoping import is_listed

from .client import Client
from .listing import list_all
from .together import together

SUB_ACCOUNTS = ("v1", "sub-accounts")
LISTS = (("v1", "agents"), ("v1", "numbers"))
_NUMBER = 3
"""Parts of the path of one number."""


class ScopedClient(Client):
    """Sends calls to one sub-account."""

    _first: asyncio.Lock | None = None
    _known = False

    async def send(self, call: Call, *, send_by: float | None = None, once: bool = False) -> Reply:
        """As `Client.send`; raises UnsafeError for a sub-account that there is not, and for an answer in doubt."""
        if call.outside:
            return await super().send(call, send_by=send_by, once=once)
        await self._know()
        if call.method == "GET" and call.path[:2] == LISTS[1] and len(call.path) == _NUMBER:
            return await self._number(call)
        try:
            return await super().send(call, send_by=send_by, once=once)
        except NotFoundError as problem:
            if is_listed(call):
                raise
            raise self._doubt(call) from problem

    async def _know(self) -> None:
        """Look once whether the sub-account is there, and a world of its own."""
        self._first = self._first or asyncio.Lock()
        async with self._first:
            if not self._known:
                await self._find()
                for path in LISTS:
                    await self._part(path)
                self._known = True

    async def _find(self) -> None:
        try:
            known = await list_all(self._outside, SUB_ACCOUNTS, pause=self._pace.pause)
        except NotFoundError as problem:
            hint = "leave the sub-account out, and use a key of its own for it"
            raise UnsafeError("this API knows no sub-accounts: nothing was sent", hint=hint) from problem
        if self._sub_account not in {str(one["id"]) for one in known}:
            reason = f"the account has no sub-account {self._sub_account}: nothing was sent"
            hint = "make one, and write its id into the spec: apreconcile sub-account create NAME"
            raise UnsafeError(reason, hint=hint)

    async def _part(self, path: tuple[str, ...]) -> None:
        inside, outside = await together(
            list_all(send, path, pause=self._pace.pause) for send in (super().send, self._outside)
        )
        both = sorted({str(one["id"]) for one in inside} & {str(one["id"]) for one in outside})
        if both:
            reason = f"the API shows {both[0]} inside the sub-account and outside of it: it does not part them"
            raise UnsafeError(f"{reason}; nothing was sent", hint="use a key of its own, without a sub-account")

    async def _outside(self, call: Call) -> Reply:
        return await super().send(replace(call, outside=True))

    async def _number(self, call: Call) -> Reply:
        """A number as the list inside shows it; one that left the list, only if it says that it is released."""
        listed = await list_all(super().send, LISTS[1], pause=self._pace.pause)
        found = next((item for item in listed if item["id"] == call.path[-1]), None)
        if found:
            return Reply(200, found)
        try:
            reply = await super().send(call)
        except NotFoundError as problem:
            raise self._doubt(call) from problem
        if isinstance(reply.body, dict) and reply.body.get("status") == "released":
            return reply
        self.doubts += 1
        reason = f"{call.where} shows a number that the list of the sub-account does not have"
        raise UnsafeError(reason, hint="is it the account's own, or another sub-account's? look in the dashboard")

    def _doubt(self, call: Call) -> UnsafeError:
        self.doubts += 1
        reason = f"{call.where} answered 404: it is not there, or this call does not mind sub-accounts"
        hint = "look in the AgentPhone dashboard; what is truly gone: apreconcile state forget ADDRESS"
        return UnsafeError(reason, hint=hint)
