"""To clone: write down the spec of another environment, from a spec or its live account."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from apreconcile.core.address import Address
from apreconcile.core.cloning import Bill, Choices, Cloned, Numbers, Said, document, said_by
from apreconcile.core.cloning import clone as written
from apreconcile.core.errors import Error
from apreconcile.core.governing import monthly_price
from apreconcile.core.phone import is_number
from apreconcile.core.shelf import Shelf
from apreconcile.core.snapshot import Seen
from apreconcile.core.wanted import Manifest, named_after
from apreconcile.core.wire import Wire
from apreconcile.kinds import KINDS

from .account import Account
from .apart import check_apart, check_strange, target_of
from .exporting import looked


@dataclass(frozen=True, slots=True)
class Clone:
    """The spec of the clone as a tree, what it will cost, what is to be known of it, and the texts that it names."""

    document: Mapping[str, Wire]
    bill: Bill
    cloned: Cloned
    warnings: tuple[str, ...]
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Source:
    said: Said
    live: Mapping[Address, Mapping[str, Wire]]
    phones: tuple[str, ...]
    ids: tuple[str, ...]
    things: tuple[tuple[str, str], ...]
    """What the account has, or had, by kind and id."""
    warnings: tuple[str, ...] = ()


async def clone(
    account: Account,
    *,
    to: str,
    choices: Choices,
    live: bool = False,
    prompts: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Clone:
    """The spec of environment `to`, from this account's spec, or from the account itself if `live`.

    From the spec nothing is sent to this account: the state knows the numbers. Where `environ`, the process' own if
    left out, has a key for the clone, its account is asked for one thing of this one, by its id. With `prompts`, a
    folder beside it, its `files` are long prompts that it names.
    Raises UsageError if `to` cannot be a clone's, UnsafeError if it would be planned on this very account, and Error if
    a host of the source is left in it.
    """
    given = os.environ if environ is None else environ
    access = target_of(account.manifest, to)
    theirs = check_apart(account, to, access, given)
    source = await (_account(account) if live else _spec(account))
    doubts = await check_strange(account, to, theirs, source.things)
    cloned = written(source.said, KINDS, choices, live=source.live, phones=source.phones, ids=source.ids)
    own = [access.key_env] if access.key_env else []
    cloned = replace(cloned, names=tuple(dict.fromkeys([*own, *cloned.names])))
    if cloned.left:
        hosts = dict.fromkeys(host for host, _ in cloned.left)
        places = "; ".join(f"{where} names {host}" for host, where in cloned.left)
        hint = " ".join(f"--rewrite {host}=NEW" for host in hosts)
        raise Error(f"the clone would still speak to the source: {places}", hint=f"say what stands there: {hint}")
    manifest = account.manifest
    state = {"store": manifest.store, "remote": manifest.remote}
    shelf = Shelf(prompts)
    tree = document(
        cloned, KINDS, project=manifest.project, environment=to, account=access.said,
        state={name: value for name, value in state.items() if value}, shelf=shelf,
    )  # fmt: skip
    warnings = (*doubts, *source.warnings, *_warnings(account, cloned))
    return Clone(tree, _bill(cloned, account, choices), cloned, warnings, shelf.files)


async def _spec(account: Account) -> _Source:
    """A spec, and what the state remembers of its numbers."""
    state, _ = await account.recall()
    phones = {at: held.phone_number for at, held in state.resources.items() if held.phone_number}
    shown = {kind.name: kind.shown for kind in KINDS}
    live = {at: shown[at.kind](Seen(at.kind, "", {"phoneNumber": phone})) for at, phone in phones.items()}
    imported = {one.imports for one in account.manifest.resources if one.imports}
    called = {*phones.values(), *(one for one in imported if is_number(one))}
    ids = {one.id for one in state.resources.values()} | {one for one in imported if one != "none"} - called
    things = tuple((at.kind, one.id) for at, one in state.resources.items())
    return _Source(_unmarked(account.manifest), live, tuple(sorted(called)), tuple(sorted(ids)), things)


def _unmarked(manifest: Manifest) -> Said:
    """What a manifest says; an agent is called as the spec calls it, though this be an instance of an environment."""
    said, mark = said_by(manifest, KINDS), named_after("", manifest.environment)
    if not manifest.chosen.ephemeral:
        return said
    return {
        at: {
            name: one.removesuffix(mark) if name == "name" and isinstance(one, str) else one
            for name, one in each.items()
        }
        for at, each in said.items()
    }


async def _account(account: Account) -> _Source:
    """A live account, all of it."""
    snapshot, exported = await looked(account)
    said: dict[Address, dict[str, Wire]] = {}
    live: dict[Address, Mapping[str, Wire]] = {}
    for kind in KINDS:
        for key, entry in exported.document.get(kind.plural, {}).items():
            at = kind.address(key)
            said[at] = dict(entry)
            seen = snapshot.get(kind.name, exported.ids[at])
            live[at] = kind.shown(seen) if seen else {}
    phones = {str(one.body["phoneNumber"]) for one in snapshot.listed if one.body.get("phoneNumber")}
    ids = {one.id for one in snapshot.listed}
    things = tuple((one.kind, one.id) for one in snapshot.listed)
    return _Source(said, live, tuple(sorted(phones)), tuple(sorted(ids)), things, exported.warnings)


def _bill(cloned: Cloned, account: Account, choices: Choices) -> Bill:
    policy = account.manifest.policy
    bought = choices.numbers is Numbers.BUY
    priced = [
        monthly_price(kind, said, policy)
        for kind in KINDS if kind.marked
        for at, said in cloned.said.items() if bought and at.kind == kind.name
    ]  # fmt: skip
    known = [price for price in priced if price is not None]
    return Bill(len(priced), sum(known, Decimal(0)), len(priced) - len(known), policy.charged.as_of)


def _warnings(account: Account, cloned: Cloned) -> list[str]:
    """What does not come along, and what is odd."""
    manifest = account.manifest
    sinks = [str(one.address) for one in manifest.resources if one.sink]
    return [
        *cloned.warnings,
        *(f"nothing names {old}: --rewrite {old} did nothing" for old in cloned.unused),
        *([f"the sinks of signing secrets are left behind: {', '.join(sinks)}"] if sinks else []),
        *(["the policy is left behind: write one for the clone"] if manifest.policy.places else []),
    ]
