"""What became of creations without a known outcome: settled by looking, never guessed.

The API has no idempotency key, so a creation whose answer was lost is never sent again on a hope. A number is known by
its marker; where the API knows no markers, by being the one new number on the agent that it was bought for; an agent by
its name and content among those that were not there before. What stays open blocks its address and all buying.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from .address import Address
from .change import Blocked
from .diff import digest, equal
from .elsewhere import Begun, Elsewhere, doubt
from .ending import ended
from .ground import invisible
from .kind import Default, Fixed, Kind
from .marker import FORGOTTEN, MARK
from .snapshot import Seen, Snapshot
from .state import Intent, Resource, State, to_second
from .wanted import Manifest
from .wire import close

ANSWER = timedelta(seconds=30)
"""How long the API may take to act on what was sent."""
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Settlement:
    """`state` is what is known now, `said` how it became known, and `open` what is not, with the ways out.

    `until` is the moment after which looking tells no more; None if nothing is open, or if it is past. `closed` are the
    changes of what exists whose outcome nobody wrote down.
    """

    state: State
    said: tuple[str, ...] = ()
    open: tuple[Blocked, ...] = ()
    until: datetime | None = None
    closed: tuple[Intent, ...] = ()


def settle(
    manifest: Manifest,
    snapshot: Snapshot,
    state: State,
    kinds: Sequence[Kind],
    *,
    now: datetime,
    patience: timedelta,
    busy: bool = False,
    elsewhere: Elsewhere | None = None,
) -> Settlement:
    """Settle every open intent that the lists can settle. `patience` is how long lists may lag behind writes.

    A change of what exists needs no settling: whether it took is a difference, or none. Its intent is closed. With
    `busy` another run is at work, and what is open may be under way. What is held `elsewhere` was not made here. In
    another account nothing is settled.
    """
    if invisible(snapshot, state, kinds):
        return Settlement(state)
    state, said = ended(snapshot, state, now)
    closed = tuple(intent for intent in state.intents.values() if not intent.creates)
    for intent in closed:
        state = state.close(intent.address)
    court = _Court(manifest, snapshot, state, now, patience, busy, elsewhere or Elsewhere(), said)
    for kind in kinds:
        group = court.open_of(kind)
        if not group:
            continue
        if kind.marked:
            court.find_marked(kind, group)
        else:
            court.find_alike(kind, group)
    left = [(kind, intent) for kind in kinds for intent in court.open_of(kind)]
    ends = [end for _, intent in left if (end := free(intent, patience)) > now]
    doubts = tuple(court.doubt(kind, intent) for kind, intent in left)
    return Settlement(court.state, tuple(court.said), doubts, max(ends, default=None), closed)


def free(intent: Intent | Begun, patience: timedelta) -> datetime:
    """The moment after which a creation that nothing shows has not been done, as far as looking can tell."""
    return datetime.fromisoformat(intent.send_by) + ANSWER + patience


def doubt_of(
    manifest: Manifest, there: Elsewhere, kind: Kind, seen: Seen, *, now: datetime, patience: timedelta
) -> str | None:
    """Why something may be another environment's, though ours of unknown outcome may have made it, in words.

    Not one's whose run is over: nobody knows it there either, and of two equal creations it does not matter which.
    """
    making = tuple(one for one in there.begun if now < free(one, patience))
    return doubt(manifest, replace(there, begun=making), kind, seen)


@dataclass(slots=True)
class _Court:
    manifest: Manifest
    snapshot: Snapshot
    state: State
    now: datetime
    patience: timedelta
    busy: bool
    elsewhere: Elsewhere
    said: list[str]

    def open_of(self, kind: Kind) -> list[Intent]:
        """The open creations of a kind, in the order in which they were sent."""
        group = (intent for at, intent in self.state.intents.items() if at.kind == kind.name)
        return sorted(group, key=_order)

    def find_marked(self, kind: Kind, group: Sequence[Intent]) -> None:
        """Bind what carries the marker, or, if this API knows none, the one new thing on the agent it was made for.

        That is told only if no other open purchase was for that agent, and nothing says that it is another thing.
        """
        marked: dict[str | None, list[Seen]] = {}
        for seen in self._free(kind):
            marked.setdefault(kind.marker(seen), []).append(seen)
        parents = Counter(intent.parent for intent in group)
        for intent in group:
            found = marked.get(self.manifest.marker(intent.address), [])
            if len(found) == 1:
                self._made(kind, intent, found[0], f"it carries the marker {kind.marker(found[0])}")
            elif intent.parent and parents[intent.parent] == 1:
                new = [one for one in self._fresh(kind, intent) if kind.hangs_on(one) == intent.parent]
                if len(new) == 1 and self._may_be(kind, intent, new[0]):
                    self._made(kind, intent, new[0], f"it is the one new {kind.name} on {intent.parent}")

    def find_alike(self, kind: Kind, group: Sequence[Intent]) -> None:
        """Bind what is new and has the same content; of equal intents it does not matter which gets which."""
        alike: dict[str, list[Intent]] = {}
        for intent in group:
            alike.setdefault(intent.payload, []).append(intent)
        for several in alike.values():
            found = [seen for seen in self._fresh(kind, several[0]) if self._same(kind, several[0], seen)]
            if len(found) <= len(several) and not any(self._theirs(kind, seen) for seen in found):
                for seen in found:
                    self._made(kind, several.pop(0), seen, "it is new since then, and has the same content")
        for intent in self.open_of(kind):
            if self._is_over(intent) and not self._namesakes(kind, intent):
                self.state = self.state.close(intent.address, undone=True)
                self.said.append(f"{intent.address}: what was begun at {to_second(intent.opened)} was not done")

    def _theirs(self, kind: Kind, seen: Seen) -> str | None:
        """Why it may be another environment's."""
        return doubt_of(self.manifest, self.elsewhere, kind, seen, now=self.now, patience=self.patience)

    def doubt(self, kind: Kind, intent: Intent) -> Blocked:
        """What is open, since when, what the account shows, and the commands that settle it."""
        at, end, began = intent.address, free(intent, self.patience), to_second(intent.opened)
        if self.busy:
            hint = "plan again when that run is done, or has lost its lock"
            return Blocked(at, f"is being made since {began}, by a run that holds the state", hint, exit=6)
        near = self._namesakes(kind, intent) or self._near(kind, intent)
        sure = [one for one in near if not kind.marker(one) and kind.hangs_on(one) in {None, intent.parent}]
        listed = ", ".join(f"{one.id} ({kind.label(one)})" for one in near[:_SHOWN]) or "nothing new"
        lines = [f"if it was made: apreconcile resolve {at} --bind {sure[0].id if len(sure) == 1 else 'ID'}"]
        if self.now < end:
            lines.insert(0, f"it may still show until {_stamp(end)}; apply looks again by itself")
        lines.append(f"if it was not: apreconcile resolve {at} --not-created")
        reason = f"nobody knows whether it was made: begun at {began}, and since then the account shows {listed}"
        theirs = next(filter(None, (self._theirs(kind, one) for one in near)), None)
        return Blocked(at, f"{reason}; {theirs}" if theirs else reason, "\n".join(lines), exit=6)

    def _made(self, kind: Kind, intent: Intent, seen: Seen, why: str) -> None:
        phone = seen.body.get("phoneNumber")
        phone = phone if isinstance(phone, str) else None
        made = Resource(seen.id, "created", phone, protect=intent.protect, expires=intent.expires, fields=intent.fields)
        self.state = self.state.made(intent.address, made, at=_stamp(self.now))
        self.said.append(
            f"{intent.address}: what was begun at {to_second(intent.opened)} made {kind.label(seen)} ({seen.id}): {why}"
        )

    def _may_be(self, kind: Kind, intent: Intent, seen: Seen) -> bool:
        """Whether a thing without a marker may be what was bought: nobody imports it, and what is fixed fits."""
        imported = {one.imports for one in self.manifest.resources} & {seen.id, seen.body.get("phoneNumber")}
        fixed = [name for name in kind.marks if kind.mark(name, Fixed)]
        return not imported and not kind.takes_marker(seen) and self._fits(kind, intent, seen, fixed)

    def _free(self, kind: Kind) -> list[Seen]:
        """What is nobody's."""
        held = {one.id for at, one in self.state.resources.items() if at.kind == kind.name}
        free = (seen for seen in self.snapshot.of(kind.name) if seen.id not in held)
        return [seen for seen in free if not self.elsewhere.holder(seen)]

    def _fresh(self, kind: Kind, intent: Intent) -> list[Seen]:
        """What is nobody's, and was not there before."""
        known = {*intent.seen, *self.state.ignored}
        return [seen for seen in self._free(kind) if seen.id not in known]

    def _near(self, kind: Kind, intent: Intent) -> list[Seen]:
        """What is new and may be it, whatever was done to it in the console: no marker says that it is another's."""
        ours = self.manifest.marker(intent.address)
        tags = ((seen, str(kind.marker(seen))) for seen in self._fresh(kind, intent))
        return [seen for seen, tag in tags if tag == ours or not tag.startswith((MARK, FORGOTTEN))]

    def _namesakes(self, kind: Kind, intent: Intent) -> list[Seen]:
        wanted = self.manifest.by_address.get(intent.address)
        return [seen for seen in self._fresh(kind, intent) if wanted and kind.namesake(wanted, seen)]

    def _same(self, kind: Kind, intent: Intent, seen: Seen) -> bool:
        """Whether a live thing has the content that was sent, and no more."""
        return bool(intent.fields) and self._fits(kind, intent, seen, kind.marks)

    def _fits(self, kind: Kind, intent: Intent, seen: Seen, names: Iterable[str]) -> bool:
        """Whether these fields are as they were sent, or, if they were not, as they are by default.

        Of a spec that changed since, only hashes are known.
        """
        wanted, live, salt = self.manifest.by_address.get(intent.address), kind.shown(seen), self.state.salt
        fields: Mapping[str, object] = wanted.fields if wanted else {}
        for name in names:
            memory, default, value = intent.fields.get(name), kind.mark(name, Default), live.get(name)
            if memory is None:
                fits = default is None or value is None or close(default.value, value)
            else:
                same = name in fields and digest(fields[name], salt) == memory.sent
                fits = digest(value, salt) == memory.sent or (same and equal(kind, name, fields[name], value))
            if not fits:
                return False
        return True

    def _is_over(self, intent: Intent) -> bool:
        return self.now >= free(intent, self.patience)


def _order(intent: Intent) -> tuple[str, Address]:
    return (intent.opened, intent.address)


def _stamp(moment: datetime) -> str:
    return to_second(moment.isoformat())
