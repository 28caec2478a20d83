"""Transfers: an agent hands its callers on to a number, which may be one that is not there for long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from apreconcile.core import phone
from apreconcile.core.change import Create, Delete, Update
from apreconcile.core.facts import World, listed

NOBODY = "reach nobody"


def dangling(number: str, world: World) -> list[str]:
    """What becomes of the calls that agents transfer to a number which is going, or gone."""
    still, until = list[str](), list[str]()
    for agent, now, then in _transfers(world):
        if then == number:
            still.append(agent)
        elif now == number:
            until.append(agent)
    said = [f"calls that {_do(still, 'transfer')} to {number} will {NOBODY}"] if still else []
    return [*said, f"{_do(until, 'transfer')} calls to {number} until that is changed"] if until else said


def target(number: str, world: World) -> list[str]:
    """What a transfer to this number leads to, if that is a number of ours."""
    number = phone.normal(number)
    for change in world.changes:
        if isinstance(change, Delete) and change.live.body.get("phoneNumber") == number:
            return [f"transfers calls to {number} ({change.address}), which this plan releases: they will {NOBODY}"]
    bound = (at for at, live in world.bound.items() if live.body.get("phoneNumber") == number)
    return [f"transfers calls to {at}, which is one of ours" for at in bound]


def _do(names: Sequence[str], verb: str) -> str:
    return f"{listed(names)} {verb}{'s' if len(names) == 1 else ''}"


def _transfers(world: World) -> Iterator[tuple[str, str, str]]:
    """Every agent that stays or comes: what to call it, and the number that it hands callers on to now, and then."""
    changes = {one.live.id: one for one in world.changes if isinstance(one, Update | Delete)}
    for seen in world.snapshot.of("agent"):
        change = changes.get(seen.id)
        now = phone.normal(str(seen.body.get("transferNumber") or ""))
        if isinstance(change, Update) and "transferNumber" in change.send:
            yield world.naming("agent", seen.id), now, _wanted(change)
        elif not isinstance(change, Delete):
            yield world.naming("agent", seen.id), now, now
    for one in world.changes:
        if isinstance(one, Create) and one.address.kind == "agent":
            yield str(one.address), "", _wanted(one)


def _wanted(change: Create | Update) -> str:
    return phone.normal(str(change.wanted.fields.get("transferNumber") or ""))
