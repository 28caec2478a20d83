"""To put the state right by hand: settle an unknown outcome, start, forget, unlock. Each is one swap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from apreconcile.core.address import Address
from apreconcile.core.call import Call
from apreconcile.core.errors import BlockedError, Error, LockedError, NotFoundError, UnsafeError
from apreconcile.core.kind import Kind
from apreconcile.core.marker import FORGOTTEN, MARK
from apreconcile.core.settlement import doubt_of, free
from apreconcile.core.snapshot import Seen
from apreconcile.core.state import Intent, Resource, State, to_second
from apreconcile.core.wire import shows
from apreconcile.kinds import KINDS
from apreconcile.live.listing import list_all
from apreconcile.live.observe import read_slot
from apreconcile.live.record import stamp

from .account import Account
from .locking import check_lock
from .neighbours import elsewhere


async def resolve_bind(account: Account, address: Address, ident: str) -> str:
    """Settle an unknown creation: it made this thing. Raises BlockedError for what it cannot have made."""
    state, version = await account.recall()
    intent = _open_intent(state, address)
    check_lock(state, account.now(), 0)
    kind, marker = kind_of(address), account.manifest.marker(address)
    seen = Seen(kind.name, ident, await _body(account, kind, ident))
    there = await elsewhere(account, instances=True)
    theirs = there.holder(seen)
    if theirs:
        raise UnsafeError(f"{ident} is {theirs}", hint="bind what is of this environment: apreconcile plan lists it")
    patience = timedelta(seconds=account.settle)
    unsure = doubt_of(account.manifest, there, kind, seen, now=account.now(), patience=patience)
    if unsure:
        hint = "wait until its run is over, mend that state, or let somebody bind it who may read it"
        raise UnsafeError(unsure, hint=hint)
    _check_ours(state, intent, kind, seen, marker)
    if kind.marked and kind.marker(seen) != marker:
        held = {one.id for one in state.resources.values()}
        for body in await list_all(account.client.send, kind.path(None), pause=account.pace.pause):
            other = Seen(kind.name, str(body["id"]), body)
            if kind.marker(other) == marker and other.id not in {*held, *intent.seen}:
                reason = f"{kind.label(other)} ({other.id}) carries the marker of {address}: it was made, not {ident}"
                raise BlockedError(reason, hint=f"apreconcile resolve {address} --bind {other.id}")
    phone, on = seen.body.get("phoneNumber"), kind.hangs_on(seen)
    phone = phone if isinstance(phone, str) else None
    made = Resource(ident, "created", phone, protect=intent.protect, expires=intent.expires, fields=intent.fields)
    await account.store.swap(state.made(address, made, at=stamp(account.now())), version)
    return f"{address} is {kind.label(seen)} ({ident})" + (f", on the agent {on}" if on else "")


def _check_ours(state: State, intent: Intent, kind: Kind, seen: Seen, marker: str) -> None:
    """Raise BlockedError if this creation, which sent this marker, cannot have made that thing."""
    ident, tag, on = seen.id, kind.marker(seen), kind.hangs_on(seen)
    new = "bind the id that is new since then, as listed by: apreconcile plan"
    for at, held in state.resources.items():
        if at.kind == kind.name and held.id == ident:
            raise BlockedError(f"{ident} is {at} already", hint=new)
    if ident in intent.seen:
        raise BlockedError(f"{ident} was there before the creation was sent", hint=new)
    if tag == marker:
        return
    if tag and tag.startswith((MARK, FORGOTTEN)):  # any other may have been put on it since, in the console
        reason = f"{ident} carries the marker {tag!r}, and what was sent for {intent.address} carries {marker!r}"
        raise BlockedError(reason, hint=new)
    if ident in state.ignored:
        raise BlockedError(f"{ident} was set aside: it is nobody's", hint=new)
    if on not in {None, intent.parent}:
        reason = f"{ident} is on the agent {on}, and {intent.address} was made for {intent.parent or 'none'}"
        raise BlockedError(reason, hint=f"if it is surely this one, detach it from that agent first; or {new}")


async def resolve_not_created(account: Account, address: Address) -> str:
    """Settle an unknown creation: it made nothing, says a person. Refused while it may still be on its way."""
    state, version = await account.recall()
    intent = _open_intent(state, address)
    check_lock(state, account.now(), account.settle)
    end = free(intent, timedelta(seconds=account.settle))
    if account.now() < end:
        reason = f"the creation of {address} may still take effect"
        raise LockedError(reason, hint=f"look again after {to_second(stamp(end))}")
    await account.store.swap(state.denied(address), version)
    return f"{address} was not created; the next apply may create it"


async def read_secret(account: Account, address: Address) -> str:
    """A webhook's signing secret, read from the API. Raises Error if it has none, or shows none."""
    kind = kind_of(address)
    if not kind.unread:
        raise Error(f"{address} has no secret", hint="secrets belong to webhooks: apreconcile secret show webhook.KEY")
    wanted = account.manifest.by_address.get(address)
    state, _ = await account.recall()
    held = state.resources.get(address)
    if held is None and wanted is None:
        raise Error(f"neither the spec nor the state has {address}", hint="see: apreconcile state list")
    parent = held.parent if held else _parent(state, wanted.parent if wanted else None)
    reply = await account.client.send(Call("GET", kind.path(parent)))
    body = reply.body if isinstance(reply.body, dict) else {}
    if held and body and body.get("id") != held.id:
        raise Error(f"{address} is {held.id}, and its slot now has {body.get('id')}", hint="apreconcile plan")
    secret = body.get("secret")
    if not isinstance(secret, str) or not secret:
        raise Error(f"the API shows no secret for {address}", hint="is it applied? see: apreconcile plan")
    return secret


def _parent(state: State, parent: Address | None) -> str | None:
    if parent is None:
        return None
    held = state.resources.get(parent)
    if held is None:
        raise Error(f"{parent} is not in the state yet", hint="apply first")
    return held.id


async def state_init(account: Account, *, ignore: Sequence[str] = (), ignore_all: bool = False) -> str:
    """Start the state, setting numbers aside that are not ours. A document that is there is kept, under a new id."""
    state, version = await account.recall()
    if state.id != "none" and not (ignore or ignore_all):
        raise Error(f"there is a state already: {account.store.place}", hint="apreconcile state show")
    check_lock(state, account.now(), account.settle)
    held = {one.id for one in state.resources.values()}
    spare = {
        str(body["id"]): body
        for kind in KINDS
        if kind.marked
        for body in await list_all(account.client.send, kind.path(None), pause=account.pace.pause)
        if body["id"] not in held
    }
    strangers = [ident for ident in ignore if ident not in spare]
    if strangers:
        raise Error(f"the account shows no unmanaged number {strangers[0]}", hint=f"it shows: {_listed(spare)}")
    imported = {wanted.imports for wanted in account.manifest.resources if wanted.imports}
    left = [
        ident
        for ident, body in spare.items()
        if not str(body.get("externalId") or "").startswith(MARK) and not {ident, body.get("phoneNumber")} & imported
    ]
    chosen = left if ignore_all else list(ignore)
    loose = sorted(set(left) - set(chosen) - set(state.ignored))
    if loose and state.id == "none":
        numbers = _listed({ident: spare[ident] for ident in loose})
        each = " ".join(f"--ignore {ident}" for ident in loose)
        hint = f"manage them with `import:` lines; or leave them: apreconcile state init {each}"
        raise UnsafeError(f"the account has numbers that nobody claims: {numbers}", hint=hint)
    ignored = tuple(sorted({*state.ignored, *chosen}))
    still = tuple(ident for ident in state.unclaimed if ident not in ignored)
    await account.store.swap(replace(state, id="none", ignored=ignored, unclaimed=still), version)
    aside = f"; set aside: {', '.join(ignored)}" if ignored else ""
    return f"{account.store.place} is ready{aside}"


async def state_forget(account: Account, address: Address) -> str:
    """Forget what an address is: it stays in the account, and is nobody's, but keeps its marker. Sends nothing.

    Raises BlockedError for what is protected.
    """

    def edit(state: State) -> State:
        _check_held(state, address)
        if state.resources[address].protect:
            hint = f"write `protect: false` into its block in the spec, and then: apreconcile apply --only {address}"
            raise BlockedError(f"{address} is protected: it is not forgotten", hint=hint)
        return state.unbind(address, how="forgotten", at=stamp(account.now()))

    await _swap(account, edit)
    said = f"{address} is forgotten; it stays in the account"
    if not kind_of(address).marked:
        return said
    kept = f"it keeps the marker {account.manifest.marker(address)}, by which a spec with {address} takes it again"
    return f"{said}; {kept} (`forget: [{address}]` in the spec, applied instead, changes that too)"


async def state_move(account: Account, old: Address, new: Address) -> tuple[str, tuple[str, ...]]:
    """Let what one address is be another's, marker included; what was done, and what a person should know besides.

    A number's marker is set after the state is written: if that fails, the move stands.
    """
    kind = kind_of(old)
    if kind_of(new) != kind:
        raise Error(f"{old} cannot become {new}: a move changes the key only", hint=f"TO is {old.kind}.KEY")
    if kind.marked:
        await account.recall()

    def edit(state: State) -> State:
        _check_held(state, old)
        if new in state.resources or new in state.intents:
            hint = f"apreconcile state forget {new}, if that is nobody's"
            raise BlockedError(f"{new} is taken: the state has it", hint=hint)
        return state.rename(old, new)

    state = await _swap(account, edit)
    warnings = list(await _mark(account, kind, state.resources[new].id, new)) if kind.marked else []
    if new not in account.manifest.by_address or old in account.manifest.by_address:
        warnings.append(f"the spec does not say so: rename {old} to {new} there before the next apply")
    return f"{old} is {new} now", tuple(warnings)


async def _mark(account: Account, kind: Kind, ident: str, address: Address) -> tuple[str, ...]:
    """Set the marker of a live thing of ours, if its tag may be touched; why it is not set, if it should be."""
    try:
        seen = Seen(kind.name, ident, await _body(account, kind, ident))
        for call in kind.adopt(seen, account.manifest.marker(address)):
            reply = await account.client.send(call)
            if not shows(reply.body, call.body):
                return (f"the marker of {address} did not stick",)
    except Error as problem:
        return (f"the marker of {address} is not set: {problem.message}",)
    return ()


def _check_held(state: State, address: Address) -> None:
    """Raise unless an address is something, and nothing is under way there."""
    if address in state.intents:
        raise UnsafeError(f"{address} has an open intent", hint=f"apreconcile resolve {address} --bind ID")
    if address not in state.resources:
        known = ", ".join(map(str, sorted(state.resources))) or "nothing"
        raise Error(f"the state has no {address}", hint=f"it has: {known}")


async def state_unlock(account: Account) -> str:
    """Take away a lock that nobody holds any more. Refused while its run may still be writing."""
    state, _ = await account.recall()
    if state.lock is None:
        return "nobody holds the state"
    await _swap(account, lambda held: replace(held, lock=None))
    return f"the lock of {state.lock.who} on {state.lock.where} is gone"


async def _swap(account: Account, edit: Callable[[State], State]) -> State:
    state, version = await account.recall()
    if state.id == "none":
        raise Error("there is no state yet", hint="apply makes it, or: apreconcile state init")
    check_lock(state, account.now(), account.settle)
    edited = edit(state)
    await account.store.swap(edited, version)
    return edited


def kind_of(address: Address) -> Kind:
    """The kind of an address. Raises Error for a word that is none."""
    found = next((kind for kind in KINDS if kind.name == address.kind), None)
    if found is None:
        raise Error(f"{address.kind!r} is no kind", hint=f"the kinds are {', '.join(kind.name for kind in KINDS)}")
    return found


def _open_intent(state: State, address: Address) -> Intent:
    intent = state.intents.get(address)
    if intent is None or intent.action != "create":
        waiting = [str(at) for at, one in state.intents.items() if one.action == "create"]
        hint = f"these have: {', '.join(waiting)}" if waiting else "nothing has; see: apreconcile plan"
        raise Error(f"{address} has no unknown outcome", hint=hint)
    return intent


async def _body(account: Account, kind: Kind, ident: str) -> dict[str, object]:
    if kind.single:
        seen = await read_slot(account.client.send, kind, None)
        return dict(seen.body) if seen else {}
    try:
        reply = await account.client.send(Call("GET", (*kind.path(None), ident)))
    except NotFoundError as problem:
        raise Error(f"the account shows no {kind.name} {ident}", hint="apreconcile plan lists what is new") from problem
    body = reply.body if isinstance(reply.body, dict) else {}
    if body.get("status") == "released":
        raise Error(f"{ident} is released", hint="bind one that is live")
    return body


def _listed(spare: dict[str, dict[str, object]]) -> str:
    return ", ".join(f"{body.get('phoneNumber')} ({ident})" for ident, body in sorted(spare.items())) or "none"
