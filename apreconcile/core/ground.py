"""What matching stands on: who holds what, whose marker is where, and what makes it unsafe to go on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .address import Address
from .change import Blocked
from .elsewhere import Elsewhere, doubt, strangers
from .kind import Kind
from .marker import MARK
from .snapshot import Seen, Snapshot
from .state import State
from .wanted import API_KEYS, Manifest


def invisible(snapshot: Snapshot, state: State, kinds: Iterable[Kind]) -> int:
    """How many things the state knows or saw, if the account shows none of them: then it is another one. Else 0."""
    listed = {kind.name for kind in kinds if not kind.single}
    known = {(at.kind, one.id) for at, one in state.resources.items() if at.kind in listed}
    known |= {(at.kind, ident) for at, one in state.intents.items() if at.kind in listed for ident in one.seen}
    return 0 if any(snapshot.get(*one) or snapshot.singles.get(one) for one in known) else len(known)


@dataclass(slots=True)
class Ground:
    """Spec, account and state together. `holders` says which address state has for a live thing."""

    manifest: Manifest
    snapshot: Snapshot
    state: State
    kinds: Mapping[str, Kind]
    elsewhere: Elsewhere = field(default_factory=Elsewhere)
    holders: dict[tuple[str, str], Address] = field(init=False)
    _hanging: dict[str, list[tuple[Kind, Seen]]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.holders = {(at.kind, held.id): at for at, held in self.state.resources.items()}
        for kind in self.kinds.values():
            for seen in self.snapshot.of(kind.name):
                self._hanging.setdefault(kind.hangs_on(seen) or "", []).append((kind, seen))

    def markers(self) -> dict[str, list[Seen]]:
        """Live things by marker of ours; a moved key's marker is its new key's."""
        ours, found = self.manifest.marker(Address("", "")), dict[str, list[Seen]]()
        for kind in self.kinds.values():
            moves = ((old, new) for old, new in self.manifest.moved.items() if new not in self.state.resources)
            moved = {
                self.manifest.marker(old): self.manifest.marker(new) for old, new in moves if old.kind == kind.name
            }
            for seen in self.snapshot.of(kind.name):
                tag = kind.marker(seen)
                tag = moved.get(tag, tag) if tag and (kind.name, seen.id) not in self.holders else tag
                if tag and tag.startswith(ours):
                    found.setdefault(tag, []).append(seen)
        return found

    def unheld(self, several: Sequence[Seen]) -> list[Seen]:
        """Those of them that state does not hold."""
        return [one for one in several if (one.kind, one.id) not in self.holders]

    def unknown(self, markers: Mapping[str, Sequence[Seen]]) -> tuple[Seen, ...]:
        """What carries a marker of ours, and state never knew: it is older than the account."""
        past = {*self.state.ignored, *(stone.id for stone in self.state.tombstones)}
        pending = {self.manifest.marker(at) for at in self.state.intents}
        return tuple(
            one for tag, several in markers.items() for one in several if one.id not in past and tag not in pending
        )

    def alarms(self, markers: Mapping[str, Sequence[Seen]]) -> list[Blocked]:
        """A state of which nothing is visible means another account; two things with one marker, that nobody knows."""
        found = [
            Blocked(
                None,
                f"{len(several)} live numbers carry the marker {tag!r}: {', '.join(one.id for one in several)}",
                "change the externalId of all but one of them",
                exit=9,
            )
            for tag, several in markers.items()
            if len(several) > 1
        ]
        if known := invisible(self.snapshot, self.state, self.kinds.values()):
            reason = f"the state knows {known} agents and numbers, and this account shows none of them"
            key = self.manifest.chosen.access.key_env or API_KEYS[0]
            hint = f"check {key}; if they are truly gone: apreconcile state forget ADDRESS"
            found.insert(0, Blocked(None, reason, hint, exit=9))
        return found + strangers(self.manifest, self.snapshot, self.state, self.elsewhere, self.kinds)

    def left_holder(self, seen: Seen) -> Address | None:
        """The address that holds something in the state and has left the spec."""
        holder = self.holders.get((seen.kind, seen.id))
        return holder if holder and holder not in self.manifest.by_address else None

    def refused(self, kind: Kind, seen: Seen) -> str | None:
        """Why something live may not be taken by an address that does not hold it yet."""
        if holder := self.holders.get((kind.name, seen.id)):
            return f"{seen.id} is {holder} already"
        if theirs := self.elsewhere.holder(seen):
            return f"{seen.id} is {theirs}"
        on = kind.hangs_on(seen)
        for name in self.kinds if on else ():
            if answered := self.elsewhere.held.get((name, str(on))):
                return f"{seen.id} answers for {answered[1]} of the environment {answered[0]}"
        foreign = self._foreign(kind, seen)
        if foreign and not self._is_left_over(foreign, kind):
            return f"{seen.id} carries the marker {foreign!r} of another project, environment or key"
        for other, one in self._hanging.get(seen.id, ()):
            if theirs := self.elsewhere.holder(one):
                return f"{seen.id} holds {other.label(one)}, which is {theirs}"
            tag = self._foreign(other, one)
            if tag and not tag.startswith(self.manifest.marker(Address("", ""))):
                return f"{seen.id} holds {other.label(one)}, which carries the marker {tag!r} of another project"
        return None

    def doubt(self, kind: Kind, seen: Seen) -> str | None:
        """Why something live that nobody is known to hold may be another environment's."""
        return doubt(self.manifest, self.elsewhere, kind, seen)

    def _is_left_over(self, tag: str, kind: Kind) -> bool:
        """Whether a marker is of a key of ours that neither spec nor state has any more."""
        prefix = self.manifest.marker(Address("", ""))
        old = kind.address(tag.removeprefix(prefix))
        return tag.startswith(prefix) and old not in self.manifest.by_address and old not in self.state.resources

    def _foreign(self, kind: Kind, seen: Seen) -> str | None:
        """A marker on it by which somebody else knows it."""
        tag = kind.marker(seen)
        return tag if tag and tag.startswith(MARK) else None
