"""To copy the state to another store: at every moment at most one document is in use, and none is ever lost.

The copy is written as one that is not in use (`copy_of`); then the source says where it went (`elsewhere`); then the
copy is put in use. Whoever is killed in between repeats the command, which goes on from there. Only the source may end
a copy: so every end is a swap of one version of one document, the copy's, and all but one of them are conflicts.
"""

from __future__ import annotations

from dataclasses import replace

from apreconcile.core.errors import Error, UnsafeError
from apreconcile.core.state import Lock
from apreconcile.live.record import LEASE, stamp
from apreconcile.store.store import Store

from .account import Account, holder
from .locking import check_lock
from .stores import name_of, start_at


async def state_copy(account: Account, target: Store) -> str:
    """Copy the document to `target`, which is used from then on. Raises UnsafeError rather than make two of one.

    What is there already is only replaced if it is the same document, and not in use.
    """
    source, here, there = account.store, name_of(account.store), name_of(target)
    if here == there:
        raise Error(f"{there} is where the state is already", hint="name another store: apreconcile state copy --help")
    state, version = await source.read()
    if state is None:
        raise Error(f"there is no state in {here}", hint="apply makes it, or: apreconcile state init")
    unused = account.unused(state, source)
    if unused and state.elsewhere != there:
        raise unused
    account.check_scope(state)
    check_lock(state, account.now(), account.settle)
    copy, old = await target.read()
    if copy is not None and (copy.seed != state.seed or (copy.in_use and state.in_use)):
        raise _occupied(account, there)
    if state.in_use:
        state, version = await source.swap(replace(state, lock=_lock(account)), version)
        _, old = await target.swap(replace(state, lock=None, copy_of=here), old)
        state, version = await source.swap(replace(state, lock=None, elsewhere=there), version)
    elif copy is None:
        reason = f"{here} is not in use: the state was copied to {there}, where it is no more"
        raise UnsafeError(reason, hint="restore it there, from a backup; or look for where it was copied to since")
    elif copy.copy_of != here:
        gone = account.unused(copy, target)
        if gone:
            raise gone
        return f"the state is in {there} already"
    await target.swap(replace(state, elsewhere=None), old)
    return f"the state is in {there} now; {here} is kept, and no longer used"


def _occupied(account: Account, there: str) -> UnsafeError:
    hint = f"name another store; to look at that one, {start_at(there, account.manifest)}: apreconcile state show"
    return UnsafeError(f"{there} has a state of its own", hint=hint)


def _lock(account: Account) -> Lock:
    me, now = holder(), account.now()
    return Lock(me.run, me.who, me.where, stamp(now), stamp(now + LEASE))
