"""One way to page for every list, with the faults that make a list lie: cut short, an id on two pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from apreconcile.sandbox.database import Row
from apreconcile.sandbox.visit import Visit

LONGEST_PAGE = 100


@dataclass(frozen=True, slots=True)
class Page:
    """A page of rows and the true total."""

    rows: Sequence[Row]
    total: int
    more: bool
    limit: int
    offset: int


Fetch = Callable[[int, int], Sequence[Row]]
"""Rows by limit and offset, in the list's stable order."""


def window(visit: Visit, default: int = 20, longest: int = LONGEST_PAGE) -> tuple[int, int]:
    """Return the limit and offset that the query asks for; Invalid outside 1..longest and below 0."""
    limit = visit.number_in_query("limit", default, 1, longest)
    return limit, visit.number_in_query("offset", 0, 0, 2**62)


def page(visit: Visit, fetch: Fetch, total: int, *, default: int = 20, longest: int = LONGEST_PAGE) -> Page:
    """Return the page that the query asks for, bent as the visit's faults want it."""
    limit, offset = window(visit, default, longest)
    rows = list(_repeating(fetch, limit, offset)) if visit.bend.repeat else list(fetch(limit, offset))
    if visit.bend.truncate:
        rows = rows[:-1]
    return Page(rows, total, offset + limit < total, limit, offset)


def _repeating(fetch: Fetch, limit: int, offset: int) -> Sequence[Row]:
    """Return a page that has an id which another page has too, or which is on it twice if there is one page only."""
    if offset:
        return fetch(limit, offset - 1)
    rows = list(fetch(limit + 1, 0))
    if len(rows) > limit:
        return [*rows[: limit - 1], rows[limit]]
    return [*rows[:-1], rows[0]] if len(rows) > 1 else rows * 2


def in_memory(rows: Sequence[Row]) -> Fetch:
    """Return how to page through rows that are at hand."""
    return lambda limit, offset: rows[offset : offset + limit]


def answer(visit: Visit, found: Page, data: list[Any], *, more: bool = True) -> dict[str, Any]:
    """Return a list's body; with `more` it says whether there is more, which 2025's examples do not."""
    if more and not visit.older:
        return {"data": data, "hasMore": found.more, "total": found.total}
    return {"data": data, "total": found.total}
