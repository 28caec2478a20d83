"""A list is complete, or it is not used: pages are read to the end, counted, and read again if they do not agree."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from apreconcile.core.call import Call, Reply
from apreconcile.core.errors import ApiError, UnsafeError
from apreconcile.core.wire import Wire

from .together import together

Send: TypeAlias = Callable[[Call], Awaitable[Reply]]
Item: TypeAlias = dict[str, Wire]

READS = 4
"""How often a whole list is read before it counts as unreadable."""

MOST = 100_000
"""A list that says it is longer is taken for a mistake."""

_FIRST_PAUSE = 0.5


@dataclass(frozen=True, slots=True)
class _Page:
    """One reply. `total` is None where the server does not say."""

    items: tuple[Item, ...]
    total: int | None


@dataclass(frozen=True, slots=True)
class Listing:
    """A whole list, ordered by id. If it was `paged`, it may have changed between its pages, and still agree."""

    items: tuple[Item, ...]
    paged: bool


async def list_all(
    send: Send, path: tuple[str, ...], *, page: int = 100, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> tuple[Item, ...]:
    """Every item of a list, ordered by id. Raises as `read_list` does."""
    return (await read_list(send, path, page=page, pause=pause)).items


async def read_list(
    send: Send, path: tuple[str, ...], *, page: int = 100, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> Listing:
    """A list that has `limit` and `offset`, whole.

    The first page says how many there are; the others are read at once, unless the server's pages turn out to be
    smaller than asked for. Without a `total` pages are read until one is empty. `hasMore` is not believed: agents have
    none (fact sheet §2.1). Raises ApiError if a reply is no list, UnsafeError if the list never agreed with itself.
    """
    wrong = ""
    for reading in range(READS):
        if reading:
            await pause(_FIRST_PAUSE * 2 ** (reading - 1))
        pages = await _read(send, path, page)
        items = [item for each in pages for item in each.items]
        wrong = _disagreement(pages, items)
        if not wrong:
            return Listing(tuple(sorted(items, key=lambda item: str(item["id"]))), len(pages) > 1)
    text = f"the list of {path[-1]} changed while it was read, {READS} times: {wrong}"
    raise UnsafeError(text, hint="wait until nothing else writes to the account, then try again")


def _disagreement(pages: list[_Page], items: list[Item]) -> str:
    """What keeps a list from being complete, in words; empty if nothing does."""
    totals = list(dict.fromkeys(page.total for page in pages))
    if len(totals) > 1:
        return "total " + ", then ".join("missing" if total is None else str(total) for total in totals)
    different = len({item["id"] for item in items})
    if totals[0] is not None and different != totals[0]:
        return f"total {totals[0]}, but {different} different ids"
    if different != len(items):
        return f"{len(items)} items, but {different} different ids"
    return ""


async def _read(send: Send, path: tuple[str, ...], size: int) -> list[_Page]:
    first = await _page(send, path, size, 0)
    count = len(first.items)
    if first.total is None or 0 < count < min(size, first.total):
        return await _one_by_one(send, path, size, first)
    rest = (_page(send, path, size, offset) for offset in range(count, first.total, size)) if count else ()
    return [first, *await together(rest)]


async def _one_by_one(send: Send, path: tuple[str, ...], size: int, first: _Page) -> list[_Page]:
    """Pages until the total is reached, or until one brings nothing new."""
    pages, known = [first], {item["id"] for item in first.items}
    offset = len(first.items)
    while pages[-1].items and (first.total is None or offset < first.total):
        page = await _page(send, path, size, offset)
        pages.append(page)
        offset += len(page.items)
        if known.issuperset(item["id"] for item in page.items):
            break
        known.update(item["id"] for item in page.items)
    return pages


async def _page(send: Send, path: tuple[str, ...], size: int, offset: int) -> _Page:
    query = (("limit", str(size)), ("offset", str(offset))) if offset else (("limit", str(size)),)
    reply = await send(Call("GET", path, query=query))
    where = f"GET /{'/'.join(path)}"
    body = reply.body if isinstance(reply.body, dict) else {}
    items, total = body.get("data"), body.get("total")
    if not isinstance(items, list):
        raise _no_list(where, reply, "its `data` is no list")
    if not all(isinstance(item, dict) and isinstance(item.get("id"), str) and item["id"] for item in items):
        raise _no_list(where, reply, "an item has no id")
    if total is not None and (isinstance(total, bool) or not isinstance(total, int) or not 0 <= total <= MOST):
        raise _no_list(where, reply, "its `total` is no count")
    return _Page(tuple(items), total)


def _no_list(where: str, reply: Reply, why: str) -> ApiError:
    hint = "is this AgentPhone's API? check --base-url"
    return ApiError(f"{where} answered {reply.status}, but {why}", status=reply.status, hint=hint)
