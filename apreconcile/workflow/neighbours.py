"""The neighbours of a state are those of the project's other environments: what they hold is not ours to take.

Beside a local state all of them are looked at. In a remote or a bucket an instance of an ephemeral environment costs a
request, and there may be one for each pull request: they are looked at only where somebody asks for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from apreconcile.core.elsewhere import Begun, Elsewhere, Handed
from apreconcile.core.errors import StoreError
from apreconcile.core.state import State
from apreconcile.live.together import together
from apreconcile.store.local import LocalStore

from .account import Account


async def elsewhere(account: Account, *, instances: bool = False) -> Elsewhere:
    """What other environments hold, with `instances` those of ephemeral ones too, wherever their states are.

    A state that cannot be read is a warning: its pipeline may keep it to itself.
    """
    names, warnings = await _names(account)
    wanted = [name for name in names if instances or ":" not in name or isinstance(account.store, LocalStore)]
    turn = asyncio.Semaphore(account.concurrency)
    found = await together(_read(account, name, turn) for name in wanted)
    states = [one for one in found if isinstance(one, State) and one.in_use]
    each = [(state, at, one) for state in states for at, one in state.resources.items()]
    held = {(at.kind, one.id): (state.environment, at) for state, at, one in each}
    handed = (Handed(state.environment, at, one.delivered, state.salt) for state, at, one in each if one.delivered)
    making = ((state.environment, at, one) for state in states for at, one in state.intents.items() if one.creates)
    begun = tuple(Begun(name, at, frozenset(one.seen), one.send_by) for name, at, one in making)
    unread = {name: one for name, one in zip(wanted, found, strict=True) if isinstance(one, str)}
    near = isinstance(account.store, LocalStore)
    return Elsewhere(held, (*warnings, *unread.values()), tuple(handed), near, tuple(unread), begun)


async def _names(account: Account) -> tuple[Sequence[str], tuple[str, ...]]:
    """The environments that have a state in the store; those of the spec, with a warning, if it does not tell."""
    try:
        return await account.store.neighbours(), ()
    except StoreError as problem:
        known = [one.known_as for one in account.manifest.environments if not one.ephemeral]
        warning = f"which other environments have a state is not known: {problem.message}"
        return [name for name in known if name != account.manifest.environment], (warning,)


async def _read(account: Account, name: str, turn: asyncio.Semaphore) -> State | str | None:
    """A state, None if there is none yet, or in a sentence why it could not be read."""
    try:
        async with turn:
            state, _ = await account.beside(name).read()
    except StoreError as problem:
        return f"what the environment {name} holds is not known: {problem.message}"
    return state
