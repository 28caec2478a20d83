"""Protection is put on and lifted in the state alone: one swap has all of it, with the tokens that it spends."""

from __future__ import annotations

from collections.abc import Sequence

from apreconcile.core.errors import Error
from apreconcile.core.outcome import Word
from apreconcile.core.plan import Step
from apreconcile.core.state import State

from .applying import Work


async def protect(steps: Sequence[Step], work: Work) -> None:
    """Take these steps, and give each its word once that is durable; if it cannot be, none of them is done."""
    if not steps:
        return
    for step in steps:
        work.watch.began(step)
    try:
        await work.record.now(lambda state: _as_said(state, steps))
    except Error as problem:
        work.record.state = _as_said(work.record.state, steps, undo=True)
        for step in steps:
            work.give(step, Word.FAILED, error=f"the protection is as it was: {problem.whole}")
        return
    for step in steps:
        work.give(step, Word.DONE)


def _as_said(state: State, steps: Sequence[Step], *, undo: bool = False) -> State:
    """The state in which these steps are done, or, by `undo`, are not."""
    for step in steps:
        tokens = int(step.token is not None)
        protect = (step.verb == "protect") is not undo
        state = state.protected(step.address, protect=protect, tokens=-tokens if undo else tokens)
    return state
