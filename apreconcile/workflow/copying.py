"""To copy the state to another store: at every moment at most one document is in use, and none is ever lost.

A document that says `elsewhere` is not in use. The copy is written as one that is not in use; then the source says
where the copy is; then the copy is put in use. Whoever is killed in between repeats the command, which goes on from
there.
"""

from __future__ import annotations

from dataclasses import replace

from apreconcile.core.errors import Error, UnsafeError
from apreconcile.core.state import Lock
from apreconcile.live.record import LEASE, stamp
from apreconcile.store.store import Store

from .account import Account, holder
from .locking import check_lock
from .stores import name_of


async def state_copy(account: Account, target: Store) -> str:
    """Copy the document to `target`, which is used from then on. Raises UnsafeError rather than make two of one.

    What is there already is only replaced if it is a copy of this very document that is not in use.
    """
    source, here, there = account.store, name_of(account.store), name_of(target)
    if here == there:
        raise Error(f"{there} is where the state is already", hint="name another store: apreconcile state copy --to …")
    state, version = await source.read()
    if state is None:
        raise Error(f"there is no state in {here}", hint="apply makes it, or: apreconcile state init")
    if state.elsewhere not in {None, there}:
        raise UnsafeError(f"{here} is not in use: the state is in {state.elsewhere}", hint="copy it from there")
    account.check_scope(state)
    check_lock(state, account.now(), account.settle)
    copy, old = await target.read()
    if copy is not None and (copy.id != state.id or copy.elsewhere != here):
        if state.elsewhere == there and copy.id == state.id and copy.elsewhere is None:
            return f"the state is in {there} already"
        raise UnsafeError(f"{there} has a state of its own", hint="look at it: apreconcile state show")
    if state.elsewhere is None:
        state, version = await source.swap(replace(state, lock=_lock(account)), version)
        _, old = await target.swap(replace(state, lock=None, elsewhere=here), old)
        state, version = await source.swap(replace(state, lock=None, elsewhere=there), version)
    elif copy is None:
        _, old = await target.swap(replace(state, elsewhere=here), old)
    await target.swap(replace(state, elsewhere=None), old)
    return f"the state is in {there} now; {here} is kept, and no longer used"


def _lock(account: Account) -> Lock:
    me, now = holder(), account.now()
    return Lock(me.run, me.who, me.where, stamp(now), stamp(now + LEASE))
