"""The state moves to another store: cut short anywhere, one document at most is in use, and none is lost."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import json
from contextlib import suppress

import pytest

from apreconcile import workflow
from apreconcile.core.errors import ConflictError, Error, LockedError, UnsafeError
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
def third(tmp_path):
    return LocalStore(tmp_path / "third" / ".apreconcile", "acme", "default")


@pytest.fixture
def applied(trial):
    return trial.spec(SPEC).settled()


class Held:
    """A store that lets somebody else do something before its nth swap."""

    def __init__(self, nth, then):
        self.left = nth
        self.then = then

    def of(self, store):
        held = self

        class Late(LocalStore):
            async def swap(self, state, version):
                held.left -= 1
                if held.left == 0:
                    with suppress(Error):  # to refuse is right
                        await held.then()
                return await super().swap(state, version)

        return Late(store._folder, store._project, store._environment)


def copy(trial, target, cut=None, source=None):
    async def copied(account):
        account = dataclasses.replace(account, store=source or account.store)
        if cut:
            account = dataclasses.replace(account, store=cut.of(account.store))
            return await workflow.state_copy(account, cut.of(target))
        return await workflow.state_copy(account, target)

    return trial.run(copied)


def mine(trial):
    return LocalStore(trial.state_file.parent, "acme", "default")


def documents(trial, *others):
    """What all stores hold, and those documents of them that are in use."""

    async def all_():
        return [found for store in (mine(trial), *others) if (found := (await store.read())[0])]

    held = asyncio.run(all_())
    return held, [one for one in held if one.in_use]


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
        assert found.lock is None or found.in_use
    applied.clock.skip(400)
    copy(applied, other)
    held, used = documents(applied, other)
    assert [one.in_use for one in held] == [False, True]
    assert plan_from(applied, other).plan.empty
    assert len(applied.purchases()) == 1


@pytest.mark.parametrize("nth", [1, 2, 3, 4])
@pytest.mark.parametrize("back", [False, True], ids=["the same way", "the other way"])
def test_a_copy_that_is_held_up_while_somebody_else_copies_makes_no_second_document(applied, other, nth, back):
    """It is held up before its nth swap, for so long that its lock is over."""
    here = mine(applied)

    async def elsewhere():
        applied.clock.skip(400)
        async with applied.open() as account:
            from_, to = (other, here) if back else (here, other)
            await workflow.state_copy(dataclasses.replace(account, store=from_), to)

    with suppress(Error):
        copy(applied, other, Held(nth, elsewhere))
    assert len(documents(applied, other)[1]) == 1
    applied.clock.skip(400)
    copy(applied, other)
    assert [one.in_use for one in documents(applied, other)[0]] == [False, True]


@pytest.mark.parametrize("nth", [1, 2, 3, 4])
def test_a_copy_that_is_held_up_while_the_state_goes_to_a_third_store_makes_no_second_document(
    applied, other, third, nth
):
    async def elsewhere():
        applied.clock.skip(400)
        async with applied.open() as account:
            await workflow.state_copy(account, third)

    with suppress(Error):
        copy(applied, other, Held(nth, elsewhere))
    assert len(documents(applied, other, third)[1]) == 1


def test_a_copy_that_was_cut_short_is_ended_by_one_of_two_people_and_only_from_its_source(applied, other):
    with pytest.raises(CutError):
        copy(applied, other, Cut(4, late=False))
    assert documents(applied, other)[1] == []
    with pytest.raises(UnsafeError, match=r"a copy of .* that was not finished") as refused:
        copy(applied, mine(applied), source=other)
    assert f"in {applied.folder}" not in refused.value.hint
    assert "with `state: {store: local}` in the spec: apreconcile state copy --to local" in refused.value.hint
    assert documents(applied, other)[1] == []

    async def another():
        async with applied.open() as account:
            await workflow.state_copy(account, other)

    with pytest.raises(ConflictError):
        copy(applied, other, Held(1, another))
    assert [one.in_use for one in documents(applied, other)[0]] == [False, True]
    assert "already" in copy(applied, other)


def test_a_copy_that_was_cut_short_is_in_nobodys_way(applied, other, third):
    for nth in (2, 3):
        with pytest.raises(CutError):
            copy(applied, other, Cut(nth, late=False))
        applied.clock.skip(400)
    copy(applied, third)
    with pytest.raises(UnsafeError, match=r"the state was copied to .*third"):
        copy(applied, other)
    copy(applied, other, source=third)
    assert [one.in_use for one in documents(applied, other, third)[0]] == [False, True, False]
    assert plan_from(applied, other).plan.empty


def test_it_goes_round_and_can_be_cut_anywhere(applied, other, third):
    places = [mine(applied), other, third]
    for source, target in itertools.pairwise([*places, *places, places[0]]):
        for nth in (1, 2, 3, 4):
            with pytest.raises(CutError):
                copy(applied, target, Cut(nth, late=False), source=source)
            assert len(documents(applied, other, third)[1]) <= 1
            applied.clock.skip(400)
            if documents(applied, other, third)[1] == []:
                break
        copy(applied, target, source=source)
        assert [asyncio.run(target.read())[0]] == documents(applied, other, third)[1]
    assert applied.plan().plan.empty
    with pytest.raises(UnsafeError, match="the state was copied to"):
        copy(applied, other, source=third)


def test_what_was_copied_on_is_not_put_in_use_again_and_says_where_it_is(applied, other, third):
    copy(applied, other)
    copy(applied, third, source=other)
    with pytest.raises(UnsafeError, match=r"other.* is not in use: the state was copied to .*third"):
        copy(applied, other)
    (other._folder / "acme.default.json").unlink()
    with pytest.raises(UnsafeError, match="it is no more"):
        copy(applied, other)
    assert len(documents(applied, other, third)[1]) == 1


def test_a_document_that_was_started_anew_is_the_same_one(applied, other):
    """`state init` gives it another id, and so voids what was approved; it stays what it is."""
    copy(applied, other)
    applied.seed(numbers=[{"id": "num_other"}])

    async def anew(account):
        await workflow.state_init(dataclasses.replace(account, store=other), ignore=["num_other"])

    applied.run(anew)
    assert "already" in copy(applied, other)
    copy(applied, mine(applied), source=other)
    assert [one.in_use for one in documents(applied, other)[0]] == [True, False]
    assert applied.state["ignored"] == ["num_other"]


WRITE = "write into the spec: state: {}; if the copy was cut short, end it first: apreconcile state copy --to {}"
WAYS = {
    "s3://acme-state/phones/acme.default.json": WRITE.format(
        '{store: "s3://acme-state/phones"}', "s3://acme-state/phones"
    ),
    "refs/apreconcile/acme/default of origin": WRITE.format("{store: git}", "git"),
    "refs/apreconcile/acme/default of up": WRITE.format("{store: git, remote: up}", "git --remote up"),
    "/there/.apreconcile/acme.default.json": (
        "it is used from /there; to have it back, run there: apreconcile state copy --to local"
    ),
}


@pytest.mark.parametrize(("place", "said"), WAYS.items(), ids=["bucket", "git", "remote", "folder"])
def test_the_way_out_of_a_document_that_is_not_in_use_can_be_pasted(applied, place, said):
    document = applied.state
    applied.state_file.write_text(json.dumps(document | {"elsewhere": place}))
    with pytest.raises(UnsafeError, match="not in use") as refused:
        applied.plan()
    assert refused.value.hint == said
    applied.state_file.write_text(json.dumps(document | {"copy_of": place}))
    with pytest.raises(UnsafeError, match=r"a copy of .* not finished") as refused:
        applied.plan()
    assert refused.value.hint.endswith(": apreconcile state copy --to local")


def test_it_can_come_back(applied, other):
    copy(applied, other)
    copy(applied, mine(applied), source=other)
    assert applied.plan().plan.empty
    with pytest.raises(UnsafeError):
        plan_from(applied, other)


def test_a_state_of_its_own_is_never_written_over(trials, applied, other):
    stranger = trials()
    stranger.spec("agents: {b: {name: B}}").settled()
    copy(stranger, other)
    before = documents(applied, other)
    with pytest.raises(UnsafeError, match="a state of its own") as refused:
        copy(applied, other)
    assert refused.value.hint.endswith(f", in {other._folder.parent}: apreconcile state show")
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
