"""Looking reads the account: complete lists, then the slots that matter, all in parallel; it never writes.

1,000 agents with a number and a webhook each cost 10 + 10 + 1,000 requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from apreconcile.core.call import Call, Reply
from apreconcile.core.ending import over
from apreconcile.core.errors import ApiError, NotFoundError, UnsafeError
from apreconcile.core.kind import Kind
from apreconcile.core.match import missing, slots
from apreconcile.core.snapshot import Seen, Snapshot
from apreconcile.core.state import State
from apreconcile.core.wanted import Manifest
from apreconcile.core.wire import Wire

from .listing import read_list
from .together import together

Send: TypeAlias = Callable[[Call], Awaitable[Reply]]
Pause: TypeAlias = Callable[[float], Awaitable[None]]


async def observe(
    send: Send, manifest: Manifest, state: State, kinds: Sequence[Kind], *, pause: Pause = asyncio.sleep
) -> Snapshot:
    """Read what spec and state have something to do with. Raises UnsafeError if a list cannot be read whole."""
    return await read_slots(send, manifest, await read_lists(send, state, kinds, pause=pause), state, kinds)


async def read_lists(
    send: Send, state: State, kinds: Sequence[Kind], *, pause: Pause = asyncio.sleep, now: datetime | None = None
) -> Snapshot:
    """Read what is listed, and by id what the state holds and no list shows; no slot yet.

    What was bought to end before `now`, and no list shows, is gone also where its id tells nothing.
    """
    first = await _lists(send, kinds, pause)
    gone = over(state, now) if now else frozenset[tuple[str, str]]()
    return replace(first, singles=await _singles(send, kinds, missing(first, state, kinds), gone))


async def changed(send: Send, first: Snapshot, kinds: Sequence[Kind], *, pause: Pause = asyncio.sleep) -> str:
    """What a second reading of the lists shows otherwise, in words; empty if it has the same ids."""
    again = await _lists(send, kinds, pause)
    one, other = ({(seen.kind, seen.id) for seen in snapshot.listed} for snapshot in (first, again))
    gone, come = sorted(one - other), sorted(other - one)
    told = [(gone, "is" if len(gone) == 1 else "are", "gone"), (come, "has" if len(come) == 1 else "have", "come")]
    return ", ".join(f"{_named(several)} {verb} {word}" for several, verb, word in told if several)


def _named(several: Sequence[tuple[str, str]]) -> str:
    kind, ident = several[0]
    return f"{kind} {ident}" + (f" and {len(several) - 1} more" if len(several) > 1 else "")


async def read_slots(send: Send, manifest: Manifest, first: Snapshot, state: State, kinds: Sequence[Kind]) -> Snapshot:
    """Add the slots that spec and state have something to do with."""
    wanted = slots(manifest, first, state, kinds)
    return replace(first, listed=await _with_slots(send, kinds, first, wanted), slots=wanted)


async def observe_all(send: Send, state: State, kinds: Sequence[Kind], *, pause: Pause = asyncio.sleep) -> Snapshot:
    """Read everything the account has, every slot included, and by id what the state holds and no list shows."""
    first = await read_lists(send, state, kinds, pause=pause)
    parents = {kind.parent for kind in kinds if kind.single}
    wanted = frozenset({None} | {seen.id for seen in first.listed if seen.kind in parents})
    return replace(first, listed=await _with_slots(send, kinds, first, wanted), slots=wanted)


async def read_slot(send: Send, kind: Kind, parent: str | None) -> Seen | None:
    """What stands in a slot; None for nothing, or for a parent that is no more."""
    try:
        body = (await send(Call("GET", kind.path(parent)))).body
    except NotFoundError:
        return None
    return None if body is None else _seen(kind, body, parent)


async def _lists(send: Send, kinds: Sequence[Kind], pause: Pause) -> Snapshot:
    listed = [kind for kind in kinds if not kind.single]
    lists = await together(read_list(send, kind.path(None), pause=pause) for kind in listed)
    found = (_seen(kind, body) for kind, each in zip(listed, lists, strict=True) for body in each.items)
    return Snapshot(_sorted(kinds, found), paged=any(each.paged for each in lists))


async def _singles(
    send: Send, kinds: Sequence[Kind], wanted: Iterable[tuple[str, str]], gone: Collection[tuple[str, str]]
) -> dict[tuple[str, str], Seen | None]:
    """What the lists lack, read by id: a released number still answers (OAS)."""
    by_name = {kind.name: kind for kind in kinds}

    async def one(name: str, ident: str) -> Seen | None:
        try:
            reply = await send(Call("GET", (*by_name[name].path(None), ident)))
        except NotFoundError:
            return None
        except UnsafeError:  # a sub-account's: an answer in doubt
            if (name, ident) in gone:
                return None
            raise
        return _seen(by_name[name], reply.body)

    asked = list(wanted)
    return dict(zip(asked, await together(one(*pair) for pair in asked), strict=True))


async def _with_slots(
    send: Send, kinds: Sequence[Kind], first: Snapshot, wanted: Iterable[str | None]
) -> tuple[Seen, ...]:
    reads = [read_slot(send, kind, parent) for kind in kinds if kind.single for parent in wanted]
    found = [seen for seen in await together(reads) if seen]
    return _sorted(kinds, (*first.listed, *found))


def _seen(kind: Kind, body: Wire, parent: str | None = None) -> Seen:
    if not isinstance(body, dict) or not isinstance(body.get("id"), str) or not body["id"]:
        raise ApiError(f"the API answered with a {kind.name} that has no id", status=200)
    return Seen(kind.name, body["id"], {name: body[name] for name in body if name not in kind.unread}, parent)


def _sorted(kinds: Sequence[Kind], found: Iterable[Seen]) -> tuple[Seen, ...]:
    rank = {kind.name: index for index, kind in enumerate(kinds)}
    return tuple(sorted(found, key=lambda seen: (rank[seen.kind], seen.id, seen.parent or "")))
