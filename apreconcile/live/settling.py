"""A change of something that exists is sent after its guard, and a lost reply is decided by reading it again."""

from __future__ import annotations

import asyncio

from apreconcile.core.call import Check, Reply
from apreconcile.core.change import Adopt, Create, Delete
from apreconcile.core.diff import memories
from apreconcile.core.errors import ApiError, Error, NotFoundError
from apreconcile.core.outcome import Word
from apreconcile.core.plan import Step
from apreconcile.core.state import Resource, State
from apreconcile.core.verdict import certainly_not_done

from .applying import Work
from .record import Edit, stamp

TRIES = 3
LOOKS = 3
PAUSE = 0.5
LIMITED = 429


async def change(work: Work, step: Step) -> None:
    """Take one step that makes nothing twice: guard, send, settle; then give it its word and record it."""
    if work.stop.soft.is_set():
        work.record.soon(lambda state: state.close(step.address, undone=True))
        work.give(step, Word.SKIPPED, because="interrupted")
        return
    work.watch.began(step)
    try:
        for tried in range(1, TRIES + 1):
            if not await _guarded(work, step):
                return
            await work.record.hold()
            sent, problem, reply = await _send(work, step)
            if problem is None or (isinstance(step.change, Adopt) and isinstance(problem, ApiError)):
                _done(work, step, reply)
                return
            holds, shown = await _settled(work, step)
            if holds:
                _done(work, step, shown)
                return
            if not _worth_another(step, problem, holds=holds, tried=tried):
                _not_done(work, step, problem, holds=holds, changed=sent > 0)
                return
            await work.pace.pause(PAUSE * tried)
    except Error as problem:
        work.give(step, Word.FAILED, error=f"nothing was sent: {problem.message}")
    except asyncio.CancelledError:
        work.give(step, Word.UNKNOWN, error="interrupted before an answer came")


def _worth_another(step: Step, problem: Error, *, holds: bool | None, tried: int) -> bool:
    """A POST is sent again only if a read showed that it was not done."""
    limited = isinstance(problem, ApiError) and problem.status == LIMITED
    posts = step.slot or step.calls[-1].method == "POST"
    return posts and tried < TRIES and holds is False and (limited or not certainly_not_done(problem))


def _not_done(work: Work, step: Step, problem: Error, *, holds: bool | None, changed: bool) -> None:
    certain = certainly_not_done(problem) and not changed
    if certain:
        work.record.soon(lambda state: state.close(step.address, undone=True))
    elif holds is False:
        work.record.soon(lambda state: state.close(step.address))
    word = Word.FAILED if certain or holds is False else Word.UNKNOWN
    half = "its first call was done, and then: " if changed else ""
    work.give(step, word, error=half + problem.message, changed=changed)


async def _guarded(work: Work, step: Step) -> bool:
    """Whether its target is still what the plan saw; if not, the step has its word."""
    if step.guard is None:
        return True
    try:
        reply = await _read(work, step.guard)
    except Error as problem:
        work.record.soon(lambda state: state.close(step.address, undone=True))
        work.give(step, Word.FAILED, error=f"could not be read before the call: {problem.message}")
        return False
    if step.guard.holds(reply, work.ids):
        return True
    work.record.soon(lambda state: state.close(step.address, undone=True))
    work.give(step, Word.STALE, error=_moved(step.guard, reply, work))
    return False


def _moved(guard: Check, reply: Reply, work: Work) -> str:
    """In words, what is not as the plan saw it; no values but ids and E.164."""
    body = reply.body if isinstance(reply.body, dict) else None
    if body is None:
        return "it is no longer there"
    if guard.expect is None:
        return "something is there now that was not when the plan was made"
    names = [
        name for name, value in guard.expect.items() if not Check(guard.call, {name: value}).holds(reply, work.ids)
    ]
    return f"changed since the plan was made: {', '.join(names)}" if names else "it was released"


async def _send(work: Work, step: Step) -> tuple[int, Error | None, Reply | None]:
    """Send the calls in order: how many were done, what stopped them, and the last reply.

    A deletion of what is gone already is no error on the way to the next call.
    """
    reply = None
    for done, call in enumerate(step.calls):
        try:
            reply = await work.send(call.fill(work.ids), once=step.slot)
        except NotFoundError as problem:
            if call.method != "DELETE" or call is step.calls[-1]:
                return done, problem, None
        except Error as problem:
            return done, problem, None
    return len(step.calls), None, reply


async def _settled(work: Work, step: Step) -> tuple[bool | None, Reply | None]:
    """Whether a read shows the step as done; None if nothing could be read."""
    if step.settle is None:
        return None, None
    for look in range(1, LOOKS + 1):
        try:
            reply = await _read(work, step.settle)
        except Error:
            return None, None
        if step.settle.holds(reply, work.ids):
            return True, reply
        if look < LOOKS:
            await work.pace.pause(PAUSE * look)
    return False, None


async def _read(work: Work, check: Check) -> Reply:
    try:
        return await work.send(check.call.fill(work.ids))
    except NotFoundError:
        return Reply(404)


def _done(work: Work, step: Step, reply: Reply | None) -> None:
    body = reply.body if reply and isinstance(reply.body, dict) else {}
    if isinstance(step.change, Create):
        work.ids[step.address] = str(body.get("id") or "")
    work.record.soon(_binding(step, work), urgent=step.wants_approval)
    work.give(step, Word.DONE)


def _binding(step: Step, work: Work) -> Edit:
    """What the state knows after a step."""
    at, change, moment = step.address, step.change, stamp(work.record.now_is())

    def edit(state: State) -> State:
        if isinstance(change, Delete):
            how = "released" if step.verb == "release" else "deleted"
            return state.unbind(at, how=how, at=moment).close(at)
        held = state.resources.get(at)
        fields = memories(change.wanted, state.salt, held)
        if isinstance(change, Create):
            parent = work.ids.get(change.wanted.parent) if change.wanted.parent else None
            made = Resource(work.ids[at], "created", parent=parent, fields=fields)
            return state.bind(at, made).close(at)
        how = "imported" if isinstance(change, Adopt) and change.how == "imported" else "adopted"
        origin = held.origin if held else how
        phone = change.live.body.get("phoneNumber")
        bound = Resource(change.live.id, origin, phone, change.live.parent, bool(held and held.protect), fields)
        return state.bind(at, bound).close(at)

    return edit
