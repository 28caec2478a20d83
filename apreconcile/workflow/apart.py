"""A clone is planned on another account than its source: what says that it is the same one is refused beforehand.

Two variables that hold one key are told without asking. Two keys of one account are not: so the account of the clone,
if its key is here, is asked for one thing of the source by its id. That is a read, and the only one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from apreconcile.core.call import Call
from apreconcile.core.errors import Error, NotFoundError, UnsafeError, UsageError
from apreconcile.core.wanted import ENVIRONMENT, Access, Manifest
from apreconcile.kinds import KINDS
from apreconcile.live.client import Client
from apreconcile.live.hosts import check_base_url

from .account import Account
from .reaching import Reach, reach

PATIENCE = 10.0
"""Seconds that the one request may take."""


def target_of(manifest: Manifest, target: str) -> Access:
    """How the account of a clone is reached: as the spec says, else with a key of its own. Raises UsageError."""
    if not ENVIRONMENT.fullmatch(target):
        raise UsageError(f"{target!r} cannot be an environment", hint="use 1 to 40 small letters, digits and -")
    if target == manifest.chosen.name:
        raise UsageError(f"{target!r} cannot be cloned to itself", hint="clone it to another environment")
    found = next((one for one in manifest.environments if one.name == target), None)
    if found and found.ephemeral:
        raise UsageError(f"{target!r} is ephemeral in the spec, and a clone is not", hint="give the clone another name")
    known = found.access if found else Access()
    if known.key_env or known.sub_account:
        return known
    return replace(known, key_env=f"AGENTPHONE_API_KEY_{target.upper().replace('-', '_')}")


def check_apart(account: Account, target: str, access: Access, environ: Mapping[str, str]) -> Reach:
    """How the account of a clone will be reached. Raises UnsafeError if that is its source's own, as the keys tell."""
    theirs, manifest = reach(access, environ), account.manifest
    plain = reach(manifest.chosen.access, environ)
    here = replace(plain, url=account.way.url, sub_account=account.way.sub_account)
    for source in (plain, here, account.way):
        if source.meets(theirs):
            known = source.key and theirs.key
            first, second = (way.key.source if known and way.key else way.variable for way in (source, theirs))
            why = f"both have the key of {first}" if first == second else f"{second} has the key of {first}"
            raise _same(manifest, target, why)
    return theirs


async def check_strange(
    account: Account, target: str, theirs: Reach, things: Sequence[tuple[str, str]]
) -> tuple[str, ...]:
    """A warning if it cannot be told whose account the clone's is. Raises UnsafeError if it shows what the source has.

    A number is asked for before an agent: once it is released, its own account knows it still.
    """
    listed = {kind.name: kind for kind in reversed(KINDS) if not kind.single}
    named = next(((listed[kind], ident) for kind in listed for name, ident in things if name == kind), None)
    if named is None or theirs.key is None or not theirs.is_beside(account.way):
        return ()
    kind, ident = named
    asking = Client(
        check_base_url(theirs.url.text), theirs.key.text, sub_account=theirs.sub_account, timeout=PATIENCE,
        on_request=account.client.on_request, pace=account.pace,
    )  # fmt: skip
    try:
        async with asking as client:
            await client.send(Call("GET", (*kind.path(None), ident)), once=True)
    except NotFoundError:
        return ()
    except Error as problem:
        return (f"whether {theirs.key.source} is of another account could not be told: {problem.message}",)
    raise _same(account.manifest, target, f"the key of {theirs.key.source} shows {ident}, which is its source's")


def _same(manifest: Manifest, target: str, why: str) -> UnsafeError:
    where = f"environments: {{{target}: {{account: {{keyEnv: …, subAccount: …}}}}}}"
    return UnsafeError(
        f"a clone for {target} would be planned on the account of {manifest.environment} itself: {why}",
        hint=f"give {target} a key of its own, or a sub-account: {where}",
    )
