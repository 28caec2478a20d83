"""A creation is sent once: the intent is durable first, and no reply means unknown, never again.

The API has no idempotency key (OAS, PY): this protocol is all that stands between a lost reply and a second purchase.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from apreconcile.core.address import Address
from apreconcile.core.change import Create
from apreconcile.core.diff import memories
from apreconcile.core.errors import ApiError, Error, TooLateError
from apreconcile.core.outcome import Word
from apreconcile.core.plan import Step
from apreconcile.core.protection import protected
from apreconcile.core.state import Memory, Resource, State, to_second
from apreconcile.core.verdict import certainly_not_done
from apreconcile.core.wire import Wire

from .applying import Work
from .record import Edit, stamp

LIMITED = 429


async def create(work: Work, step: Step, send_by: float) -> bool:
    """Send one creation whose intent is open, and give it its word. False: not sent in time, it needs a new intent."""
    if because := work.skips(step):
        _undone(work, step)
        work.give(step, Word.SKIPPED, because=because)
        return True
    work.watch.began(step)
    try:
        await work.record.hold()
    except Error as problem:
        _undone(work, step)
        work.give(step, Word.FAILED, error=f"nothing was sent: {problem.whole}")
        return True
    try:
        reply = await work.send(step.calls[0].fill(work.ids, ends=_end(work, step)), send_by=send_by)
    except asyncio.CancelledError:
        _unknown(work, step, "interrupted before an answer came")
        return True
    except ApiError as problem:
        if problem.status == LIMITED:
            return await _after_limit(work, step)
        _refused(work, step, problem)
        return True
    except TooLateError:
        return False
    except Error as problem:
        _refused(work, step, problem)
        return True
    _made(work, step, reply.body)
    return True


def _end(work: Work, step: Step) -> str | None:
    """The end that what is made is born with, as its intent has it: without an intent nothing is sent."""
    return work.record.state.intents[step.address].expires


def _refused(work: Work, step: Step, problem: Error) -> None:
    if certainly_not_done(problem):
        _undone(work, step)
        work.give(step, Word.FAILED, error=problem.whole)
    else:
        _unknown(work, step, problem.message)


async def _after_limit(work: Work, step: Step) -> bool:
    """429 is not done. Before a purchase is sent again, the list says whether it is there after all."""
    if not step.spends or not isinstance(step.change, Create):
        return False
    try:
        numbers = await work.relist(step.address.kind)
    except Error as problem:
        _undone(work, step)
        work.give(step, Word.FAILED, error=f"rate limited, and then: {problem.message}")
        return True
    there = [seen for seen in numbers if work.marker(seen) == step.change.marker]
    if there:
        _made(work, step, there[0].body)
    return bool(there)


def _made(work: Work, step: Step, body: Wire) -> None:
    shown = body if isinstance(body, Mapping) else {}
    ident = shown.get("id")
    if not isinstance(ident, str) or not ident:
        _unknown(work, step, "the answer names no id")
        return
    work.ids[step.address] = ident
    phone = shown.get("phoneNumber")
    work.record.soon(_binding(step, ident, phone if isinstance(phone, str) else None, work))
    work.give(step, Word.DONE)


def _binding(step: Step, ident: str, phone: str | None, work: Work) -> Edit:
    change = step.change
    if not isinstance(change, Create):
        raise TypeError(f"{step.address}: only a creation makes something")
    at = stamp(work.record.now_is())

    def edit(state: State) -> State:
        protect = protected(change.wanted, state.resources.get(step.address))
        ends = state.intents[step.address].expires
        made = Resource(ident, "created", phone, protect=protect, expires=ends, fields=_fields(change, state))
        return state.made(step.address, made, at=at)

    return edit


def _fields(change: Create, state: State) -> dict[str, Memory]:
    return memories(change.wanted, state.salt, None)


def _undone(work: Work, step: Step) -> None:
    """Close its intent: certainly not done."""
    work.record.soon(unsent([step.address]))


def _unknown(work: Work, step: Step, error: str) -> None:
    """The intent stays open, and nothing of it leaves any more. An unknown purchase stops all others."""
    sent = stamp(work.record.now_is())
    work.unknown_purchase = work.unknown_purchase or step.spends
    work.record.soon(lambda state: state.sent(step.address, by=sent), urgent=step.spends)
    work.give(step, Word.UNKNOWN, error=f"sent at {to_second(sent)}: {error}")


def known_ids(work: Work, kind: str) -> tuple[str, ...]:
    """The ids of a kind that are there before a creation: what was seen, and what this run made."""
    made = (ident for at, ident in work.ids.items() if at.kind == kind)
    return tuple(sorted({*work.seen.get(kind, ()), *made}))


def unsent(addresses: Sequence[Address]) -> Edit:
    """Give back the tokens of steps that were never sent, and close their intents."""

    def edit(state: State) -> State:
        for at in addresses:
            state = state.close(at, undone=True)
        return state

    return edit
