"""Fewer at a time after each wait, more again after what got through, and never more than allowed."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from apreconcile.live.limits import Limits, since_boot

pytestmark = pytest.mark.anyio


async def at_once(limits: Limits, wanted: int = 100) -> int:
    """How many send at the same time when everybody wants to."""
    busy: list[int] = []
    free = asyncio.Event()

    async def one(number: int) -> None:
        async with limits.sending():
            busy.append(number)
            await free.wait()

    tasks = [asyncio.create_task(one(number)) for number in range(wanted)]
    for _ in range(10 * wanted):
        await asyncio.sleep(0)
    count = len(busy)
    free.set()
    await asyncio.gather(*tasks)
    assert busy == list(range(wanted))
    return count


@pytest.mark.parametrize("concurrency", [-1, 0, 1, 2, 7, 8])
async def test_at_first_all_may(time, concurrency):
    assert await at_once(Limits(concurrency, time.pace)) == max(1, concurrency)


async def test_each_wait_halves_and_never_stops(time):
    limits = Limits(8, time.pace)
    seen = []
    for _ in range(5):
        await limits.hold(1)
        await limits.hold(1)
        seen.append(await at_once(limits))
    assert seen == [4, 2, 1, 1, 1]


async def test_fifty_that_got_through_allow_one_more_but_never_too_many(time):
    limits = Limits(3, time.pace)
    await limits.hold(1)
    await limits.hold(0)
    assert await at_once(limits) == 2
    for _ in range(49):
        limits.fine()
    assert await at_once(limits) == 2
    for _ in range(500):
        limits.fine()
    assert await at_once(limits) == 3


async def test_who_is_sending_when_fewer_may_is_not_replaced(time):
    limits = Limits(4, time.pace)
    async with AsyncExitStack() as sending:
        for _ in range(3):
            await sending.enter_async_context(limits.sending())
        await limits.hold(1)
    assert await at_once(limits) == 2


async def test_a_place_that_was_to_be_given_up_is_kept_if_all_goes_well(time):
    limits = Limits(4, time.pace)
    async with AsyncExitStack() as sending:
        for _ in range(4):
            await sending.enter_async_context(limits.sending())
        await limits.hold(1)
        for _ in range(500):
            limits.fine()
    assert await at_once(limits) == 4


async def test_the_longest_wait_counts(time):
    limits = Limits(2, time.pace)
    await limits.hold(5)
    await limits.hold(2)
    assert limits.too_long(time.now + 4)
    assert not limits.too_long(time.now + 5)
    assert not limits.too_long(None)
    await at_once(limits)
    assert time.waits == [5]


def test_the_clock_does_not_go_back():
    assert since_boot() <= since_boot()
