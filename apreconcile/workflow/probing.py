"""To verify: the API sends a test event to each webhook of the spec that is as it should be, and says how it fared."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from apreconcile.core.naming import rename
from apreconcile.core.outcome import Outcome, Verified, Word
from apreconcile.core.plan import Plan, Probe
from apreconcile.core.state import State
from apreconcile.live.applying import Stop
from apreconcile.live.probing import probe
from apreconcile.live.together import either

from .account import Account


async def probed(
    account: Account, plan: Plan, state: State, outcomes: Iterable[Outcome], stop: Stop
) -> tuple[Verified, ...]:
    """What became of the test events that a plan names; none is sent where a step was not done, or after a stop."""
    undone = {outcome.address for outcome in outcomes if outcome.word is not Word.DONE}
    held = rename(account.manifest, state).state.resources
    ids = {at: resource.id for at, resource in held.items()}
    ready = [one for one in plan.probes if one.address in held and one.address not in undone]
    turns = asyncio.Semaphore(account.concurrency)

    async def in_turn(one: Probe) -> Verified | None:
        async with turns:
            if stop.soft.is_set():
                return None
            client = account.client
            return await probe(one, ids, send=client.send, pause=account.pace.pause, said=client.masked)

    tasks = [asyncio.ensure_future(in_turn(one)) for one in ready]
    if tasks:
        await either(asyncio.wait(tasks), stop.hard.wait())
    for task in tasks:
        task.cancel()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    for one in found:
        if isinstance(one, Exception):
            raise one
    return tuple(one for one in found if isinstance(one, Verified))
