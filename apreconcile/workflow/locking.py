"""Who may write: the lock lies inside the state, and is taken over only when nothing of its run can still arrive."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

from apreconcile.core.errors import ConflictError, LockedError
from apreconcile.core.outcome import Report
from apreconcile.core.settlement import free
from apreconcile.core.state import State, to_second
from apreconcile.live.record import stamp

from .account import Account

T = TypeVar("T")

PAUSE = 1.0
"""Seconds between two looks at a lock that is waited for."""


def free_at(state: State, settle: float) -> datetime | None:
    """The moment at which a lock ends whose run does not renew it; None if nobody holds one.

    What the run had begun to send must have arrived by then, and show: so `send_by`, the API's time to answer, and the
    settling time have to be past too.
    """
    if state.lock is None:
        return None
    patience = timedelta(seconds=settle)
    return max([datetime.fromisoformat(state.lock.until), *(free(one, patience) for one in state.intents.values())])


def check_lock(state: State, now: datetime, settle: float) -> None:
    """Raise LockedError while another run may still be writing, or have something on its way."""
    end, lock = free_at(state, settle), state.lock
    if end and lock and now < end:
        since, until = to_second(lock.since), to_second(lock.until)
        reason = f"{lock.who} on {lock.where} holds the state since {since}, until {until} (run {lock.run})"
        hint = f"wait for it: --lock-timeout 10m; if it died, the state is free at {to_second(stamp(end))}"
        raise LockedError(reason, hint=hint)


async def check_free(account: Account) -> None:
    """Raise LockedError while another run holds the state."""
    state, _ = await account.recall()
    check_lock(state, account.now(), account.settle)


async def patiently(
    account: Account, longest: float, attempt: Callable[[], Awaitable[T]], *, tell: Callable[[str], None]
) -> T:
    """Do something that another run may lock out; if it does, wait `longest` seconds in all, and try again.

    `attempt` raises LockedError only if it changed nothing; a report of such a run counts as one. `tell` is told once
    for each wait. Raises the last LockedError when the time is over.
    """
    end = account.pace.clock() + longest
    while True:
        try:
            result = await attempt()
            if not (isinstance(result, Report) and _lost(result) and account.pace.clock() < end):
                return result
            raise ConflictError("another run was faster; nothing was sent", hint="run it again")
        except LockedError as problem:
            if account.pace.clock() >= end:
                raise
            tell(f"waiting for the state: {problem.message}")
        await _until_free(account, end)


def _lost(report: Report) -> bool:
    """Whether a run lost the race for the state before it changed anything."""
    return report.exit == LockedError.exit_code and not any(one.changed for one in report.outcomes)


async def _until_free(account: Account, end: float) -> None:
    """Wait until nobody holds the state, or the time is over."""
    while (left := end - account.pace.clock()) > 0:
        await account.pace.pause(min(PAUSE, left))
        state, _ = await account.recall()
        moment = free_at(state, account.settle)
        if moment is None or account.now() >= moment:
            return
