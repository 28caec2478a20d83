"""Traffic is what rang on a number lately: asked before it is released, and counted as far as the answers reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from apreconcile.core.call import Call
from apreconcile.core.facts import Question, World
from apreconcile.core.wire import Wire

WINDOW = timedelta(days=30)
PAGES = {"calls": "100", "messages": "200"}
"""The longest page of each list (fact sheet §3.1)."""
_TIMES = ("startedAt", "receivedAt", "createdAt")


def questions(path: Sequence[str], ident: str, now: datetime) -> tuple[Question, ...]:
    """One page of each list of the number at this path."""
    since = {"messages": (("after", f"{_stamp(now - WINDOW)}Z"),)}
    reads = {
        what: Call("GET", (*path, what), query=(("limit", most), *since.get(what, ()))) for what, most in PAGES.items()
    }
    return tuple(Question(f"{what} {ident}", call) for what, call in reads.items())


def counted(ident: str, world: World) -> str:
    """Calls and messages of the last 30 days, in words; `100+` where the list goes on."""
    return f"last 30 days: {', '.join(_count(what, ident, world) for what in PAGES)}"


def _count(what: str, ident: str, world: World) -> str:
    answer = world.answer(f"{what} {ident}") or {}
    items = answer.get("data")
    if not isinstance(items, list):
        return f"{what} unknown"
    since = _stamp(world.now - WINDOW)
    times = [_time(item) for item in items if isinstance(item, dict)]
    recent, more = sum(time >= since for time in times), _goes_on(answer, times, since)
    if more and not recent:
        return f"{what} unknown (there are more than {len(times)})"
    one = what.removesuffix("s")
    return f"{recent}{'+' if more else ''} {one if recent == 1 and not more else what}"


def _goes_on(answer: Mapping[str, object], times: Sequence[str], since: str) -> bool:
    """Whether more of the last days may stand on pages that were not read. No source says how a list is ordered."""
    total = answer.get("total")
    if not (answer.get("hasMore") or (isinstance(total, int) and total > len(times))):
        return False
    newest_first = all(one >= other for one, other in pairwise(times))
    return not (newest_first and times and times[-1] < since)


def _time(item: Mapping[str, Wire]) -> str:
    """When it was; what has no time counts as of today."""
    return next((str(item[name]) for name in _TIMES if item.get(name)), "9999")


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S")
