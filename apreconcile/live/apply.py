"""Applying takes the steps of a plan in their order and gives each one word; it knows no kind.

A failure stops only what depends on it. What creates, or wants an approval, is sent only after an intent is durable.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Iterable, Sequence
from datetime import timedelta
from itertools import groupby

from apreconcile.core.call import canonical
from apreconcile.core.change import Create, Protect
from apreconcile.core.diff import memories
from apreconcile.core.errors import Error
from apreconcile.core.outcome import Outcome, Word
from apreconcile.core.plan import Plan, Step
from apreconcile.core.policy import UNKNOWN
from apreconcile.core.protection import protected
from apreconcile.core.state import Intent, State, to_second

from .applying import Name, Work
from .creation import create, known_ids, unsent
from .protecting import protect
from .record import stamp
from .settling import change
from .together import either

SEND_BY = 30.0
"""Seconds within which what a swap opened must have left (design §6)."""
FEW, MOST_BOUGHT = 10, 25
"""Purchases are sent in about so many batches, each of so many at most."""
ROUNDS = 5
"""How many batches may pass without sending anything before what is left has failed."""


async def apply(plan: Plan, granted: frozenset[Name], work: Work) -> tuple[Outcome, ...]:
    """Take the steps of a plan; `granted` names those whose approval was given. One outcome a step, in its order."""
    work.ids |= {at: seen.id for at, seen in (plan.bound or {}).items()}
    for _, steps in groupby(plan.steps, key=lambda step: step.stage):
        ready = [step for step in steps if _may_go(step, granted, work)]
        await protect([step for step in ready if isinstance(step.change, Protect)], work)
        await _take([step for step in ready if not isinstance(step.change, Protect)], work)
    return tuple(work.words[step.name] for step in plan.steps)


def _may_go(step: Step, granted: frozenset[Name], work: Work) -> bool:
    """Whether a step may be taken now; if not, it has its word."""
    own = [word for what in ("move", "adopt") if (word := work.words.get((str(step.address), what)))]
    if any(word.word is not Word.DONE for word in own):
        work.give(step, Word.SKIPPED, because=str(step.address))
        return False
    before = [
        word
        for at in step.after
        for what in ("create", "update", "delete")
        if at != step.address and (word := work.words.get((str(at), what)))
    ]
    stopped = next((word for word in before if word.word is not Word.DONE), None)
    if stopped:
        work.give(step, Word.SKIPPED, because=str(stopped.address))
    elif (because := work.skips(step)) == "interrupted":
        work.give(step, Word.SKIPPED, because=because)
    elif step.wants_approval and step.name not in granted:
        work.give(step, Word.HELD)
    elif because:
        work.give(step, Word.SKIPPED, because=because)
    else:
        return True
    return False


async def _take(steps: Sequence[Step], work: Work) -> None:
    """Take steps that do not depend on each other, in batches: the swap that opens one records the one before.

    So whoever is killed has few purchases in doubt (one, if ten or fewer are to be bought), and whoever cannot write
    buys no more.
    """
    left, stuck = list(steps), 0
    most = min(MOST_BOUGHT, -(-sum(step.spends for step in left) // FEW))
    while left and stuck < ROUNDS:
        await either(work.ready(), work.stop.soft.wait())
        send_by = work.pace.clock() + SEND_BY
        later = [step for step in left if step.spends][most:]
        batch = [step for step in left if step not in later]
        opening = [step for step in batch if (step.creates or step.token) and not work.skips(step)]
        try:
            if opening:
                await work.record.now(_opened(opening, work))
        except Error as problem:
            work.record.state = unsent([step.address for step in opening])(work.record.state)
            for step in left:
                work.give(step, Word.FAILED, error=f"nothing was sent: {problem.whole}")
            return
        again = await _batch(batch, work, send_by)
        stuck = stuck + 1 if len(again) == len(batch) else 0
        left = [*again, *later]
    if left:
        work.record.soon(unsent([step.address for step in left]))
        for step in left:
            work.give(step, Word.FAILED, error="the API kept refusing it for its rate limit (429)")


def _opened(steps: Sequence[Step], work: Work) -> Callable[[State], State]:
    now, salt = work.record.now_is(), work.record.state.salt
    known = {step.address.kind: known_ids(work, step.address.kind) for step in steps}
    held = work.record.state.resources
    intents = [
        Intent(
            step.address,
            step.action,
            hashlib.sha256(canonical([call.meaning(salt) for call in step.calls])).hexdigest(),
            stamp(now + timedelta(seconds=SEND_BY)),
            work.record.holder.run,
            stamp(now),
            seen=known[step.address.kind] if step.creates else (),
            token=step.token,
            risks=tuple(sorted(step.risks)),
            fields=memories(step.change.wanted, salt, None) if isinstance(step.change, Create) else {},
            parent=_parent(step, work) if step.creates else None,
            protect=isinstance(step.change, Create) and protected(step.change.wanted, held.get(step.address)),
            expires=to_second(stamp(now + step.lifetime)) if step.lifetime else None,
        )
        for step in steps
    ]
    prices = {step.address: UNKNOWN if step.price is None else str(step.price) for step in steps if step.spends}
    rotated = [step.address for step in steps if step.rotates]

    def edit(state: State) -> State:
        for at in rotated:
            state = state.undelivered(at)
        for intent in intents:
            state = state.close(intent.address, undone=True).open(intent, price=prices.get(intent.address))
        return state

    return edit


def _parent(step: Step, work: Work) -> str | None:
    """The id of the one thing that a creation names: the agent that a number is bought for."""
    needs = [at for call in step.calls for at in call.needs]
    return work.ids[needs[0]] if needs else None


async def _batch(steps: Sequence[Step], work: Work, send_by: float) -> list[Step]:
    """Send one batch; purchases one after the other. Returns what could not be sent in time."""
    again: list[Step] = []
    turns = asyncio.Semaphore(work.concurrency)

    async def one(step: Step) -> None:
        async with turns:
            if not step.creates:
                await change(work, step)
            elif not await create(work, step, send_by):
                again.append(step)

    async def buying(purchases: Iterable[Step]) -> None:
        for step in purchases:
            await one(step)

    ordinary = [one(step) for step in steps if not step.spends]
    await _together([*ordinary, buying([step for step in steps if step.spends])], work)
    for step in steps:
        if step.name not in work.words and step not in again:
            work.record.soon(unsent([step.address]))
            work.give(step, Word.SKIPPED, because="interrupted")
    return again


async def _together(jobs: Sequence[Coroutine[None, None, None]], work: Work) -> None:
    """Run jobs at once; if asked to stop hard, cancel what is still waiting."""
    tasks = [asyncio.ensure_future(job) for job in jobs]

    async def give_up() -> None:
        await work.stop.hard.wait()
        for task in tasks:
            task.cancel()

    watching = asyncio.ensure_future(give_up())
    results = await asyncio.gather(*tasks, return_exceptions=True)
    watching.cancel()
    for result in results:
        if isinstance(result, Exception):
            raise result
