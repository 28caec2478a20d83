"""A change of something that exists is sent after its guards, and a lost reply is decided by reading it again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from apreconcile.core.call import Check, Reply
from apreconcile.core.change import Adopt, Create, Delete, Forget, Move, Naming, Update
from apreconcile.core.diff import memories
from apreconcile.core.errors import ApiError, Error, NotFoundError
from apreconcile.core.outcome import Word
from apreconcile.core.plan import Step
from apreconcile.core.protection import protected
from apreconcile.core.state import Resource, State
from apreconcile.core.verdict import certainly_not_done
from apreconcile.core.wire import shows

from .applying import Work
from .delivery import hand_on
from .record import Edit, stamp

TRIES = 3
LOOKS = 3
PAUSE = 0.5
LIMITED = 429


@dataclass(slots=True)
class _Try:
    """How far a step has come: calls done, whether one is on its way, whether one may have been done unanswered."""

    done: int = 0
    flying: bool = False
    doubt: bool = False


async def change(work: Work, step: Step) -> None:
    """Take one step that makes nothing twice: guard, send, settle; then give it its word and record it."""
    if work.stop.soft.is_set():
        _back(work, step, Word.SKIPPED, because="interrupted")
        return
    work.watch.began(step)
    so_far = _Try()
    try:
        for tried in range(1, TRIES + 1):
            if await _ended(work, step, so_far, tried):
                return
            await work.pace.pause(PAUSE * tried)
    except Error as problem:
        _refused(work, step, so_far, f"no more was sent: {problem.whole}")
    except asyncio.CancelledError:
        if so_far.flying or so_far.doubt:
            work.give(step, Word.UNKNOWN, error="interrupted before an answer came", changed=so_far.done > 0)
        else:
            _back(work, step, Word.SKIPPED, because="interrupted")


async def _ended(work: Work, step: Step, so_far: _Try, tried: int) -> bool:
    """Try once. Whether the step has its word now."""
    if (tried == 1 or step.slot) and not await _guarded(work, step, so_far):
        return True
    await work.record.hold()
    problem, reply = await _send(work, step, so_far)
    told = problem is None and _tells(step, reply) and not work.doubtful(step)
    if told or _unmarked(step, problem):
        _note(work, step, problem, reply)
        await _done(work, step, reply)
        return True
    holds, shown = await _settled(work, step)
    if holds or (isinstance(step.change, Naming) and _ident(shown)):
        _note(work, step, None if holds else problem, shown)
        await _done(work, step, shown)
        return True
    if problem is None and _ident(reply) and _ident(reply) == _ident(shown):
        await _done(work, step, reply)  # it is there, and shows other values: convergence is judged by the last look
        return True
    if problem is None:
        work.give(step, Word.UNKNOWN, error="the answer does not say what was done, and neither does looking")
        return True
    if tried < TRIES and _worth_another(step, problem, holds=holds):
        return False
    if holds is False or (certainly_not_done(problem) and not so_far.doubt):
        _refused(work, step, so_far, problem.whole)
    else:
        work.give(step, Word.UNKNOWN, error=problem.message, changed=so_far.done > 0)
    return True


def _unmarked(step: Step, problem: Error | None) -> bool:
    """Whether nothing went wrong but that a marker was refused: that is a warning, never a step."""
    refused = isinstance(problem, ApiError) and not isinstance(problem, NotFoundError)
    return refused and isinstance(step.change, Adopt | Naming)


def _note(work: Work, step: Step, problem: Error | None, reply: Reply | None) -> None:
    """Tell a person where a marker is not what it should be, although the step is done."""
    if not isinstance(step.change, Adopt | Naming) or not step.calls:
        return
    if problem:
        work.notes.append(f"{step.address}: the marker could not be set: {problem.message}")
    elif not (reply and shows(reply.body, step.calls[-1].body)):
        work.notes.append(f"{step.address}: the marker did not stick")


def _tells(step: Step, reply: Reply | None) -> bool:
    """Whether a reply to something new is about what was sent; others are settled by their status."""
    if not isinstance(step.change, Create):
        return True
    return reply is not None and bool(_ident(reply)) and shows(reply.body, step.calls[-1].body)


def _ident(reply: Reply | None) -> str:
    """The id that a reply names, or nothing."""
    ident = reply.body.get("id") if reply and isinstance(reply.body, dict) else None
    return ident if isinstance(ident, str) else ""


def _worth_another(step: Step, problem: Error, *, holds: bool | None) -> bool:
    """A POST is sent again only if a read showed that it was not done."""
    limited = isinstance(problem, ApiError) and problem.status == LIMITED
    posts = step.slot or step.calls[-1].method == "POST"
    return posts and holds is False and (limited or not certainly_not_done(problem))


def _refused(work: Work, step: Step, so_far: _Try, error: str) -> None:
    """Nothing was done, or not all: the token is given back only if certainly nothing was."""
    if so_far.done or so_far.doubt:
        work.record.soon(lambda state: state.close(step.address))
        half = "its first call was done, and then: " if so_far.done else ""
        work.give(step, Word.FAILED, error=half + error, changed=so_far.done > 0)
    else:
        _back(work, step, Word.FAILED, error=error)


def _back(work: Work, step: Step, word: Word, *, because: str | None = None, error: str | None = None) -> None:
    """Certainly not done: close its intent, give its token back, and say so."""
    work.record.soon(lambda state: state.close(step.address, undone=True))
    work.give(step, word, because=because, error=error)


async def _guarded(work: Work, step: Step, so_far: _Try) -> bool:
    """Whether its target is still what the plan saw; if not, the step has its word."""
    for guard in step.guards:
        try:
            reply = await _read(work, guard)
            holds = guard.holds(reply, work.ids)
        except Error as problem:
            _refused(work, step, so_far, f"could not be read before the call: {problem.message}")
            return False
        if holds is None:
            _refused(work, step, so_far, "could not be read before the call: the answer is no answer")
            return False
        if not holds:
            done, shown = await _settled(work, step) if so_far.doubt else (False, None)
            if done:
                await _done(work, step, shown)
            else:
                work.record.soon(lambda state: state.close(step.address, undone=not so_far.doubt))
                work.give(step, Word.STALE, error=_moved(guard, reply, work))
            return False
    return True


def _moved(guard: Check, reply: Reply, work: Work) -> str:
    """In words, what is not as the plan saw it: the names of the fields, no values."""
    body = reply.body if isinstance(reply.body, dict) else None
    if body is None:
        return "it is no longer there"
    if guard.expect is None:
        return "something is there now that was not when the plan was made"
    names = [
        name for name, value in guard.expect.items() if not Check(guard.call, {name: value}).holds(reply, work.ids)
    ]
    return (
        f"changed since the plan was made: {', '.join(names)}"
        if body.get("status") != "released"
        else "it was released"
    )


async def _send(work: Work, step: Step, so_far: _Try) -> tuple[Error | None, Reply | None]:
    """Send the calls that are not done yet, in order: what stopped them, and the last reply.

    A deletion of what is gone already is no error on the way to the next call.
    """
    reply = None
    for call in step.calls[so_far.done :]:
        last = call is step.calls[-1]
        so_far.flying = True
        try:
            reply = await work.send(call.fill(work.ids), send_by=work.record.deadline, once=step.slot)
        except Error as problem:
            if not isinstance(problem, NotFoundError) or call.method != "DELETE" or last:
                so_far.doubt = so_far.doubt or not certainly_not_done(problem)
                so_far.flying = False
                return problem, None
        so_far.flying = False
        so_far.done += 0 if last else 1
    return None, reply


async def _settled(work: Work, step: Step) -> tuple[bool | None, Reply | None]:
    """Whether a read shows the step as done; None if nothing could be read."""
    if step.settle is None:
        return None, None
    for look in range(1, LOOKS + 1):
        try:
            reply = await _read(work, step.settle)
        except Error:
            return None, None
        holds = step.settle.holds(reply, work.ids)
        if holds or holds is None:
            return holds, reply
        if look < LOOKS:
            await work.pace.pause(PAUSE * look)
    return False, reply


async def _read(work: Work, check: Check) -> Reply:
    try:
        return await work.send(check.call.fill(work.ids))
    except NotFoundError:
        return Reply(404)


async def _done(work: Work, step: Step, reply: Reply | None) -> None:
    """Record what was done, hand its secret on, and say so."""
    if isinstance(step.change, Create):
        work.ids[step.address] = _ident(reply)
    work.record.soon(_binding(step, work), urgent=step.wants_approval)
    error = await hand_on(work, step, step.delivery, reply) if step.delivery else ""
    if error:
        work.give(step, Word.FAILED, error=error, changed=bool(step.calls) or isinstance(step.change, Adopt))
    else:
        work.give(step, Word.DONE)


def _binding(step: Step, work: Work) -> Edit:
    """What the state knows after a step."""
    at, change, moment = step.address, step.change, stamp(work.record.now_is())

    def edit(state: State) -> State:
        if isinstance(change, Delete):
            how = "released" if step.verb == "release" else "deleted"
            return state.unbind(at, how=how, at=moment).close(at)
        if isinstance(change, Forget):
            return state.unbind(at, how="forgotten", at=moment)
        if isinstance(change, Move):
            return state.rename(change.source, at)
        held = state.resources.get(at)
        fields = memories(change.wanted, state.salt, held)
        protect = bool(held and held.protect) if isinstance(change, Update) else protected(change.wanted, held)
        if isinstance(change, Create):
            parent = work.ids.get(change.wanted.parent) if change.wanted.parent else None
            made = Resource(work.ids[at], "created", parent=parent, protect=protect, fields=fields)
            return state.bind(at, made).close(at)
        how = "imported" if isinstance(change, Adopt) and change.how == "imported" else "adopted"
        origin = held.origin if held else how
        phone = change.live.body.get("phoneNumber")
        given = held.delivered if held and held.id == change.live.id and not step.rotates else None
        ends = held.expires if held and held.id == change.live.id else change.live.body.get("expiresAt")
        bound = Resource(change.live.id, origin, phone, change.live.parent, protect, given, ends, fields)
        if isinstance(change, Adopt) and how == "adopted":
            state = state.found(at, bound)
        return state.bind(at, bound).close(at)

    return edit
