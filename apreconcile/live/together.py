"""Many reads at once are one read: all of them answer, or the first error ends the others."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def together(reads: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """The results, in the order of the reads. Raises the first error, once nothing is under way any more."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(read) for read in reads]
    except ExceptionGroup as several:
        error = several.exceptions[0]
    else:
        return [task.result() for task in tasks]
    raise error
