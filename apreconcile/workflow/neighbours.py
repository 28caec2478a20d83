"""The neighbours of a state are those of the project's other environments: what they hold is not ours to take.

Beside a local state all of them are found; in a remote or a bucket those that the spec names, and no instances.
"""

from __future__ import annotations

from collections.abc import Sequence

from apreconcile.core.elsewhere import Elsewhere, Handed
from apreconcile.core.errors import StoreError
from apreconcile.core.state import State
from apreconcile.live.together import together
from apreconcile.store.local import LocalStore

from .account import Account


async def elsewhere(account: Account) -> Elsewhere:
    """What other environments hold. A state that cannot be read is a warning: its pipeline may keep it to itself."""
    names = _names(account)
    found = await together(_read(account, name) for name in names)
    states = [one for one in found if isinstance(one, State) and one.in_use]
    each = [(state, at, one) for state in states for at, one in state.resources.items()]
    held = {(at.kind, one.id): (state.environment, at) for state, at, one in each}
    handed = (Handed(state.environment, at, one.delivered, state.salt) for state, at, one in each if one.delivered)
    warnings = tuple(one for one in found if isinstance(one, str))
    return Elsewhere(held, warnings, tuple(handed), near=isinstance(account.store, LocalStore))


def _names(account: Account) -> Sequence[str]:
    """The environments whose states are looked for."""
    if isinstance(account.store, LocalStore):
        return account.store.neighbours()
    known = (one for one in account.manifest.environments if not one.ephemeral)
    return [one.known_as for one in known if one.known_as != account.manifest.environment]


async def _read(account: Account, name: str) -> State | str | None:
    """A state, None if there is none yet, or in a sentence why it could not be read."""
    try:
        state, _ = await account.beside(name).read()
    except StoreError as problem:
        return f"what the environment {name} holds is not known: {problem.message}"
    return state
