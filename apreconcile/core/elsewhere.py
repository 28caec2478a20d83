"""Other environments of the project: what their states hold is theirs, and where it should not be seen is not ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from .address import Address
from .change import Blocked
from .kind import Kind
from .marker import whose
from .snapshot import Seen, Snapshot
from .state import State
from .wanted import API_KEYS, DEFAULT, Access, Manifest


@dataclass(frozen=True, slots=True)
class Handed:
    """A signing secret of another environment, and the hash, salted as that one does, of the sink that has it."""

    environment: str
    address: Address
    digest: str
    salt: str


@dataclass(frozen=True, slots=True)
class Begun:
    """A creation of another environment that has no known outcome, and the ids that were there before it.

    After `send_by` no byte of it leaves any more.
    """

    environment: str
    address: Address
    before: frozenset[str]
    send_by: str


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """`held` has what the states of other environments hold, by kind and id: the environment and its address there.

    `unread` are the environments whose states could not be read, and `warnings` say why. `begun` is what they are
    making. `handed` are the secrets that sinks have of them; `near` says that a file of the spec's folder is the same
    file there: their states lie in that folder, too.
    """

    held: Mapping[tuple[str, str], tuple[str, Address]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    handed: tuple[Handed, ...] = ()
    near: bool = False
    unread: tuple[str, ...] = ()
    begun: tuple[Begun, ...] = ()

    def holder(self, seen: Seen) -> str | None:
        """Who else holds something live, in words."""
        found = self.held.get((seen.kind, seen.id))
        return f"{found[1]} of the environment {found[0]}" if found else None


def doubt(manifest: Manifest, there: Elsewhere, kind: Kind, seen: Seen) -> str | None:
    """Why something live may be another environment's that shares our account, in words; None if nothing says so.

    What carries a marker of ours is no other's.
    """
    if whose(kind.marker(seen)) == (manifest.project, manifest.environment):
        return None
    for one in there.begun:
        new = one.address.kind == seen.kind and seen.id not in one.before
        if new and not is_apart(manifest, one.environment):
            return f"{seen.id} may be {one.address} of the environment {one.environment}, which is being made"
    hidden = next((name for name in there.unread if not is_apart(manifest, name)), None)
    return hidden and f"whether {seen.id} is of the environment {hidden} is not known: its state cannot be read"


def is_apart(manifest: Manifest, environment: str) -> bool:
    """Whether another environment has another account than ours, as far as the spec tells.

    Of one that the spec does not have nothing is known: it is apart from whoever has an `account:` of its own.
    """
    ours, name = manifest.chosen.access, environment.partition(":")[0]
    theirs = next((one.access for one in manifest.environments if one.known_as == name), None)
    return _written_out(ours) != _written_out(Access() if theirs is None else theirs)


def _written_out(access: Access) -> Access:
    """The same with the usual variable, which need not be named."""
    return replace(access, key_env=access.key_env or API_KEYS[0])


def strangers(
    manifest: Manifest, snapshot: Snapshot, state: State, there: Elsewhere, kinds: Mapping[str, Kind]
) -> list[Blocked]:
    """Why this is the wrong account, or the wrong state: what is another environment's, seen or held here."""
    caught: dict[str, list[str]] = {}
    for environment, what in _seen(manifest, snapshot, there, kinds):
        caught.setdefault(environment, []).append(what)
    stops = [_wrong(manifest, environment, found) for environment, found in caught.items()]
    for at, held in state.resources.items():
        other = there.held.get((at.kind, held.id))
        if other:
            reason = f"{held.id} is {at} here, and {other[1]} of the environment {other[0]}: two states hold it"
            hint = f"forget it in one of the two: apreconcile state forget {at}"
            stops.append(Blocked(None, reason, hint, exit=9))
    return stops


def unknown(manifest: Manifest, snapshot: Snapshot, kinds: Mapping[str, Kind]) -> list[str]:
    """Warnings about things whose marker names an environment that the spec does not have, in an account we share."""
    found = dict[str, str]()
    for seen in snapshot.listed if manifest.environments else ():
        kind = kinds[seen.kind]
        environment = left_behind(manifest, kind, seen, Elsewhere())
        if environment:
            found.setdefault(environment, kind.label(seen))
    return [
        f"{label} is of the environment {name}, which the spec does not have; `as: default` gives that one another name"
        if name == DEFAULT
        else f"{label} is of the environment {name}, which the spec does not have"
        for name, label in sorted(found.items())
    ]


def left_behind(manifest: Manifest, kind: Kind, seen: Seen, there: Elsewhere) -> str:
    """The environment of the project that has something, if the spec does not have that; else nothing."""
    known = {one.known_as for one in manifest.environments} or {DEFAULT}
    project, environment = whose(kind.marker(seen))
    held = there.held.get((seen.kind, seen.id))
    name = held[0] if held else environment if project == manifest.project else ""
    return "" if name.partition(":")[0] in known else name


def _seen(
    manifest: Manifest, snapshot: Snapshot, there: Elsewhere, kinds: Mapping[str, Kind]
) -> Iterator[tuple[str, str]]:
    """What is seen here of an environment whose account is another one, in words."""
    for seen in snapshot.listed:
        kind, other = kinds.get(seen.kind), there.held.get((seen.kind, seen.id))
        if kind is None:
            continue
        project, environment = whose(kind.marker(seen))
        if other and is_apart(manifest, other[0]):
            yield other[0], f"{kind.label(seen)} ({seen.id}), which its state has as {other[1]}"
        elif project == manifest.project and environment != manifest.environment and is_apart(manifest, environment):
            yield environment, f"{kind.label(seen)} ({seen.id}) with the marker {kind.marker(seen)!r}"


def _wrong(manifest: Manifest, environment: str, found: list[str]) -> Blocked:
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    reason = f"the account of {manifest.environment} shows what is of the environment {environment}: {found[0]}{more}"
    key = manifest.chosen.access.key_env or API_KEYS[0]
    hint = f"is it the right account? check {key}, `account:` and --sub-account"
    if environment == DEFAULT and environment not in {one.known_as for one in manifest.environments}:
        hint += "; if this environment was there before there were others, write `as: default` into it"
    return Blocked(None, reason, hint, exit=9)
