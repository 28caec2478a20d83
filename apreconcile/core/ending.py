"""What an ephemeral environment makes is born with an end: its numbers release themselves, the rest it may delete."""

from __future__ import annotations

from datetime import datetime, timedelta

from .address import Address
from .change import Change, Delete
from .snapshot import Seen, Snapshot
from .state import State, to_second
from .wanted import Manifest

PERMIT = "`ephemeral`, since it made this itself"
"""The rule by which a deletion needs no person."""


def ended(snapshot: Snapshot, state: State, now: datetime) -> tuple[State, list[str]]:
    """The state without the numbers that have come to their end, and a sentence for each; none of these is lost.

    One is released, or its time is over and nothing shows it any more.
    """
    said, past = list[str](), over(state, now)
    for at, held in state.resources.items():
        if held.expires is None or snapshot.get(at.kind, held.id):
            continue
        seen = snapshot.singles.get((at.kind, held.id))
        released = seen is not None and seen.body.get("status") == "released"
        if released or (at.kind, held.id) in past:
            state = state.unbind(at, how="expired", at=to_second(now.isoformat()))
            said.append(
                f"{at}: {held.phone_number or held.id} has released itself, as it was bought to ({held.expires})"
            )
    return state, said


def over(state: State, now: datetime) -> frozenset[tuple[str, str]]:
    """The (kind, id) of what was bought to end before this moment."""
    ends = {(at.kind, one.id): one.expires for at, one in state.resources.items()}
    return frozenset(who for who, end in ends.items() if end and datetime.fromisoformat(end) <= now)


def is_its_own(manifest: Manifest, state: State, change: Change) -> bool:
    """Whether an ephemeral environment deletes what it made itself."""
    held = state.resources.get(change.address)
    return manifest.chosen.ephemeral and isinstance(change, Delete) and held is not None and held.origin == "created"


def taken_over(state: State, at: Address, seen: Seen, on: str | None) -> str:
    """Why something that an ephemeral environment made may be somebody's by now; empty if nothing says so.

    `on` is the id of the agent that it hangs on. One that shows no end at all was never given one.
    """
    held, ends = state.resources[at], seen.body.get("expiresAt")
    if held.expires and ends and not same_moment(str(ends), held.expires):
        return f"it ends at {ends}, which nobody here asked for"
    ours = {one.id for one in state.resources.values()}
    return f"it answers for {on}, which is not of {state.environment}" if on and on not in ours else ""


def endless(state: State, at: Address, seen: Seen) -> tuple[str, ...]:
    """A warning about something that was bought with an end, and shows none."""
    held = state.resources.get(at)
    if held is None or held.expires is None or seen.body.get("expiresAt"):
        return ()
    return (f"{at} was bought to end at {held.expires}, and shows no end: it costs money until `apreconcile destroy`",)


def same_moment(one: str, other: str) -> bool:
    """Whether two times are the same, as far as a server may round one."""
    try:
        first, second = (datetime.fromisoformat(text) for text in (one, other))
        return abs(first - second) < timedelta(minutes=1)
    except (ValueError, TypeError):
        return one == other
