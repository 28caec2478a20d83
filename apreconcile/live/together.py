"""Waiting for several things: for all of them, where the first error ends the others, or for the first of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Iterable
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


async def either(*waits: Awaitable[object]) -> None:
    """Wait for the first of these, and give up the others."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
