"""The state moves to another store: cut short anywhere, one document at most is in use, and none is lost."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from apreconcile import workflow
from apreconcile.core.errors import Error, LockedError, UnsafeError
from apreconcile.core.state import Lock
from apreconcile.live.record import stamp
from apreconcile.store.local import LocalStore

SPEC = "agents: {a: {name: A}}\nnumbers: {n: {agent: a}}"


class CutError(Exception):
    """The process ends here."""


class Cut:
    """Two stores of one run that ends before, or right after, its nth swap."""

    def __init__(self, nth, *, late):
        self.left = nth
        self.late = late

    def of(self, store):
        cut = self

        class Watched(LocalStore):
            async def swap(self, state, version):
                cut.left -= 1
                if cut.left == 0 and not cut.late:
                    raise CutError
                done = await super().swap(state, version)
                if cut.left == 0:
                    raise CutError
                return done

        return Watched(store._folder, store._project, store._environment)


@pytest.fixture
def other(tmp_path):
    return LocalStore(tmp_path / "other" / ".apreconcile", "acme", "default")


@pytest.fixture
def applied(trial):
    return trial.spec(SPEC).settled()


def copy(trial, target, cut=None):
    async def copied(account):
        if cut:
            account = dataclasses.replace(account, store=cut.of(account.store))
            return await workflow.state_copy(account, cut.of(target))
        return await workflow.state_copy(account, target)

    return trial.run(copied)


def documents(trial, other):
    """What both stores hold, and those of them that are in use."""

    async def both():
        mine = LocalStore(trial.state_file.parent, "acme", "default")
        return [found for store in (mine, other) if (found := (await store.read())[0])]

    held = asyncio.run(both())
    return held, [one for one in held if one.elsewhere is None]


def plan_from(trial, store):
    async def planned():
        async with trial.open() as account:
            return await workflow.plan(dataclasses.replace(account, store=store))

    return asyncio.run(planned())


def test_the_copy_is_used_and_the_old_one_refuses(applied, other):
    before = applied.state
    assert str(other.place) in copy(applied, other)
    assert plan_from(applied, other).plan.empty
    with pytest.raises(UnsafeError, match="not in use") as refused:
        applied.plan()
    assert other.place in refused.value.message
    (_, held), _ = documents(applied, other)
    same = ("id", "seed", "resources", "turns", "ledger")
    assert {name: getattr(held, name) for name in same} == {
        name: getattr(documents(applied, other)[0][0], name) for name in same
    }
    assert before["id"] == held.id, "approvals that were given stay valid"
    assert "already" in copy(applied, other)


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("nth", [1, 2, 3, 4])
def test_cut_short_anywhere_one_document_at_most_is_in_use_and_none_is_lost(applied, other, nth, late):
    before = set(applied.ids().items())
    with pytest.raises(CutError):
        copy(applied, other, Cut(nth, late=late))
    held, used = documents(applied, other)
    assert len(used) <= 1
    assert held
    assert all({(str(at), one.id) for at, one in found.resources.items()} == before for found in held)
    for found in used:
        assert found.lock is None or found.elsewhere is None
    applied.clock.skip(400)
    copy(applied, other)
    held, used = documents(applied, other)
    assert [one.elsewhere is None for one in held] == [False, True]
    assert plan_from(applied, other).plan.empty
    assert len(applied.purchases()) == 1


def test_it_can_come_back(applied, other):
    copy(applied, other)

    async def back():
        async with applied.open() as account:
            return await workflow.state_copy(dataclasses.replace(account, store=other), account.store)

    asyncio.run(back())
    assert applied.plan().plan.empty
    with pytest.raises(UnsafeError):
        plan_from(applied, other)


def test_a_state_of_its_own_is_never_written_over(trials, applied, other):
    stranger = trials()
    stranger.spec("agents: {b: {name: B}}").settled()
    copy(stranger, other)
    before = documents(applied, other)
    with pytest.raises(UnsafeError, match="a state of its own"):
        copy(applied, other)
    assert documents(applied, other) == before
    assert applied.plan().plan.empty


def test_a_state_that_another_run_holds_is_not_copied(applied, other):
    async def locked(account):
        state, version = await account.store.read()
        until = stamp(account.now().replace(year=account.now().year + 1))
        await account.store.swap(dataclasses.replace(state, lock=Lock("r", "zoe", "box", until, until)), version)

    applied.run(locked)
    with pytest.raises(LockedError, match="zoe on box"):
        copy(applied, other)
    assert len(documents(applied, other)[0]) == 1


def test_there_must_be_something_to_copy_and_somewhere_to_copy_it(trial, other):
    trial.spec(SPEC)
    with pytest.raises(Error, match="there is no state"):
        copy(trial, other)
    trial.settled()
    with pytest.raises(Error, match="already"):
        trial.run(lambda account: workflow.state_copy(account, account.store))
