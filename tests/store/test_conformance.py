"""What every store keeps: one winner, nothing half written, nothing lost, and damage said instead of overwritten."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
import time
from contextlib import suppress
from dataclasses import replace

import pytest

from apreconcile.core.address import Address
from apreconcile.core.errors import ConflictError, StoreError
from apreconcile.core.state import State, to_json
from tests.store.conftest import EMPTY, big

pytestmark = pytest.mark.anyio

SPENT = Address("number", "main")

COUNT = """
async def main():
    for _ in range({times}):
        while True:
            state, version = await store.read()
            state = state or State("acme", "default", "loopback")
            at = Address("number", "main")
            try:
                await store.swap(replace(state, turns={{at: state.turn(at) + 1}}), version)
                break
            except ConflictError:
                pass
asyncio.run(main())
"""

FOREVER = """
async def main():
    state, version = await store.read()
    print("started", flush=True)
    while True:
        many = {Address("agent", f"a{n}"): Resource(f"{state.serial}", "created") for n in range(400)}
        state, version = await store.swap(replace(state, resources=many), version)
asyncio.run(main())
"""


RACE = """
async def main():
    for _ in sys.stdin:
        state, version = await store.read()
        print("ready", flush=True)
        sys.stdin.readline()
        try:
            state, version = await store.swap(state or State("acme", "default", "loopback"), version)
            print(state.write, flush=True)
        except ConflictError:
            print("lost", flush=True)
asyncio.run(main())
"""


async def counted(store, times):
    for _ in range(times):
        while True:
            state, version = await store.read()
            state = state or EMPTY
            try:
                await store.swap(replace(state, turns={SPENT: state.turn(SPENT) + 1}), version)
                break
            except ConflictError:
                await asyncio.sleep(0)


async def test_nothing_was_written_yet(home):
    state, version = await home.open().read()
    assert state is None
    assert (await home.open().read()) == (None, version)


async def test_the_first_write_makes_an_id_and_counts_from_one(home, full):
    store = home.open()
    _, version = await store.read()
    written, version = await store.swap(full, version)
    assert written == replace(full, id=written.id, seed=written.seed, serial=1, write=written.write)
    assert (len(written.id), len(written.seed), len(written.write)) == (16, 32, 32)
    assert await home.open().read() == (written, version)


async def test_each_write_counts_on_and_is_like_no_other(home, full):
    store = home.open()
    _, version = await store.read()
    seen = []
    state = full
    for serial in range(1, 5):
        state, version = await store.swap(state, version)
        seen.append((state.id, state.seed, state.write, version))
        assert state.serial == serial
    assert [len(set(each)) for each in zip(*seen, strict=True)] == [1, 1, 4, 4]


async def test_a_stale_swap_conflicts_and_writes_nothing(home):
    mine, yours = home.open(), home.open()
    _, version = await mine.read()
    first, moved = await mine.swap(EMPTY, version)
    for state in (EMPTY, first, big(EMPTY)):
        with pytest.raises(ConflictError) as caught:
            await yours.swap(state, version)
        assert caught.value.exit_code == 8
        assert yours.place in str(caught.value)
        assert caught.value.hint
    assert await yours.read() == (first, moved)


async def test_equal_content_is_never_a_win_for_two(home):
    store = home.open()
    _, version = await store.read()
    state, version = await store.swap(EMPTY, version)
    ends = await asyncio.gather(*(home.open().swap(state, version) for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(end, tuple) for end in ends) == 1
    assert sum(isinstance(end, ConflictError) for end in ends) == 7


async def test_what_was_there_before_is_not_taken_for_what_is_there_now(home):
    store = home.open()
    _, version = await store.read()
    state, old = await store.swap(EMPTY, version)
    other, version = await store.swap(big(state), old)
    await store.swap(replace(other, resources={}), version)
    with pytest.raises(ConflictError):
        await store.swap(state, old)


async def test_only_one_makes_the_document(home):
    _, version = await home.open().read()
    ends = await asyncio.gather(*(home.open().swap(EMPTY, version) for _ in range(8)), return_exceptions=True)
    winners = [end for end in ends if isinstance(end, tuple)]
    assert [await home.open().read()] == winners


async def test_tasks_lose_no_write(home):
    writers, times = (4, 3) if home.slow else (6, 5)
    await asyncio.gather(*(counted(home.open(), times) for _ in range(writers)))
    state, _ = await home.open().read()
    assert (state.turn(SPENT), state.serial) == (writers * times,) * 2


def test_threads_lose_no_write(home):
    writers, times = (4, 3) if home.slow else (6, 8)
    threads = [threading.Thread(target=lambda: asyncio.run(counted(home.open(), times))) for _ in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    state, _ = asyncio.run(home.open().read())
    assert (state.turn(SPENT), state.serial) == (writers * times,) * 2


def test_processes_lose_no_write(home):
    times = 4 if home.slow else 15
    writers = [home.start(COUNT.format(times=times)) for _ in range(4)]
    assert [writer.communicate()[1] or writer.returncode for writer in writers] == [0] * 4
    state, _ = asyncio.run(home.open().read())
    assert (state.turn(SPENT), state.serial) == (4 * times,) * 2


def test_of_processes_that_read_the_same_one_wins_each_round(home):
    racers = [home.start(RACE) for _ in range(6)]

    def all_told():
        for racer in racers:
            racer.stdin.write("go\n")
            racer.stdin.flush()
        return [racer.stdout.readline().strip() for racer in racers]

    for serial in range(1, 9):
        assert all_told() == ["ready"] * 6
        said = all_told()
        assert said.count("lost") == 5
        state, _ = asyncio.run(home.open().read())
        assert (state.serial, state.write) == (serial, next(word for word in said if word != "lost"))
    for racer in racers:
        racer.communicate()


def test_no_reader_sees_half_a_document_and_no_kill_leaves_one(home):
    """Killed in the midst of writing, again and again: each time all of it is there, and the next may write at once."""

    async def first():
        store = home.open()
        await store.swap(big(EMPTY), (await store.read())[1])

    async def look(last):
        state, version = await home.open().read()
        assert len(state.resources) == 400
        assert len({held.id for held in state.resources.values()}) in (1, 400)
        assert state.serial >= last
        return state, version

    async def go_on(last):
        """Write after the killed one, whose last write may still be on its way to a server."""
        for _ in range(2):
            with suppress(ConflictError):
                return (await home.open().swap(*await look(last)))[0].serial
        pytest.fail("the killed one had one write under way")

    asyncio.run(first())
    serial = 0
    for round_ in range(8):
        with home.start(FOREVER) as writer:
            assert writer.stdout.readline() == "started\n"
            until = time.monotonic() + (0.01 + round_ * 0.004) * (10 if home.slow else 1)
            while time.monotonic() < until:
                state, _ = asyncio.run(look(serial))
                serial = state.serial
            writer.send_signal(signal.SIGKILL)
        serial = asyncio.run(go_on(serial))
    assert serial > 8


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 100,
        b"null",
        b"[]",
        b'"state"',
        b"{}",
        b'{"format": "apreconcile.state/2"}',
        b'{"format": "apreconcile.plan/1"}',
        b'{"format": 1}',
        b'{"format": "apreconcile.state/1"}',
        b"[" * 100_000,
        b"\xff\xfe",
        b"<<<<<<< HEAD",
    ],
)
async def test_damage_is_said_with_its_place(home, content):
    home.damage(content)
    store = home.open()
    with pytest.raises(StoreError) as caught:
        await store.read()
    assert store.place in str(caught.value)
    assert caught.value.hint
    assert caught.value.exit_code == 1


async def test_a_document_that_was_cut_anywhere_is_damaged(home, full):
    store = home.open()
    written, _ = await store.swap(full, (await store.read())[1])
    whole = json.dumps(to_json(written)).encode()
    for length in range(0, len(whole), 97):
        home.damage(whole[:length])
        with pytest.raises(StoreError):
            await store.read()


@pytest.mark.parametrize("other", [replace(EMPTY, project="other"), replace(EMPTY, environment="prod")])
async def test_the_document_of_something_else_is_refused(home, other):
    home.damage(json.dumps(to_json(replace(other, id="x", write="y"))).encode())
    with pytest.raises(StoreError, match="is the state of"):
        await home.open().read()


async def test_a_store_says_where_it_is(home):
    assert home.open().place in repr(home.open())


async def test_the_other_environments_of_the_project_are_known_by_name(home):
    assert await home.open().neighbours() == ()
    there = [("acme", "default"), ("acme", "preview:pr-1"), ("acme", "staging"), ("acme-2", "prod"), ("acm", "e.x")]
    for project, environment in there:
        await home.open(project, environment).swap(State(project, environment, "loopback"), "absent")
    assert await home.open().neighbours() == ("preview:pr-1", "staging")
    assert await home.open("acme", "staging").neighbours() == ("default", "preview:pr-1")
    assert await home.open("acme-2", "prod").neighbours() == ()
