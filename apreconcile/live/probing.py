"""A test event is sent once, by the API itself; what became of it is in the answer, or else among the deliveries."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from apreconcile.core.address import Address
from apreconcile.core.call import Call
from apreconcile.core.errors import Error
from apreconcile.core.outcome import Arrival, Verified
from apreconcile.core.plan import Probe
from apreconcile.core.verdict import certainly_not_done
from apreconcile.core.wire import Wire

from .applying import SendBy

LOOKS = (0.5, 1.0, 2.0, 4.0)
"""Seconds before each look at the deliveries, where the answer did not tell."""
_SUCCESS = range(200, 300)

Said: TypeAlias = Callable[[str], str]
"""A text of the API's, masked, on one line, and cut."""


async def probe(
    one: Probe, ids: Mapping[Address, str], *, send: SendBy, pause: Callable[[float], Awaitable[None]], said: Said
) -> Verified:
    """Send one test event and say what became of it. It is sent once, whatever comes back."""
    read = one.deliveries and one.deliveries.fill(ids)
    before = await _deliveries(send, read)
    try:
        try:
            reply = await send(one.call.fill(ids), once=True)
        except Error as problem:
            if certainly_not_done(problem):
                return Verified(one.address, Arrival.FAILED, None, problem.message)
            why = problem.message
        else:
            told = _told(one.address, reply.body, said)
            if told:
                return told
            why = "the API does not say whether it arrived"
        for seconds in LOOKS if before is not None else ():
            await pause(seconds)
            now = await _deliveries(send, read) or {}
            fresh = [item for ident, item in now.items() if ident not in (before or {})]
            told = _told(one.address, fresh[0], said) if len(fresh) == 1 else None
            if told:
                return told
    except asyncio.CancelledError:
        why = "interrupted before it was known"
    return Verified(one.address, Arrival.UNKNOWN, None, why)


async def _deliveries(send: SendBy, read: Call | None) -> dict[str, Wire] | None:
    """The newest deliveries by id; None if they cannot be read."""
    if read is None:
        return None
    try:
        items = (await send(read)).body
    except Error:
        return None
    return {str(item.get("id")): item for item in items if isinstance(item, dict)} if isinstance(items, list) else None


def _told(at: Address, body: Wire, said: Said) -> Verified | None:
    """What an answer to a test, or a delivery, says; None if it does not say how it ended."""
    if not isinstance(body, dict):
        return None
    codes = [code for name in ("httpStatus", "statusCode") if type(code := body.get(name)) is int]
    status = codes[0] if codes else None
    success = body.get("success")
    if not isinstance(success, bool):
        word = {"success": True, "failed": False}.get(str(body.get("status")))
        success = word if word is not None or status is None else status in _SUCCESS
    if success is None:
        return None
    texts = [text for name in ("errorMessage", "error") if isinstance(text := body.get(name), str) and text]
    error = None if success else said(texts[0]) if texts else "the API does not say why"
    return Verified(at, Arrival.DELIVERED if success else Arrival.FAILED, status, error)
