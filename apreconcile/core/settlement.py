"""What became of creations without a known outcome: settled by looking, never guessed.

The API has no idempotency key, so a creation whose answer was lost is never sent again on a hope. A number is known by
its marker; where the API knows no markers, by being the one new number on the agent that it was bought for; an agent by
its name and content among those that were not there before. What stays open blocks its address and all buying.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .address import Address
from .change import Blocked
from .diff import digest, equal
from .kind import Kind
from .snapshot import Seen, Snapshot
from .state import Intent, Resource, State, to_second
from .wanted import Manifest

ANSWER = timedelta(seconds=30)
"""How long the API may take to act on what was sent."""
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Settlement:
    """`state` is what is known now, `said` how it became known, and `open` what is not, with the ways out.

    `until` is the moment after which looking tells no more; None if nothing is open, or if it is past.
    """

    state: State
    said: tuple[str, ...] = ()
    open: tuple[Blocked, ...] = ()
    until: datetime | None = None


def settle(
    manifest: Manifest, snapshot: Snapshot, state: State, kinds: Sequence[Kind], *, now: datetime, patience: timedelta
) -> Settlement:
    """Settle every open intent that the lists can settle. `patience` is how long lists may lag behind writes.

    A change of what exists needs no settling: whether it took is a difference, or none. Its intent is closed.
    """
    for at, intent in state.intents.items():
        if not intent.creates:
            state = state.close(at)
    court = _Court(manifest, snapshot, state, now, patience)
    for kind in kinds:
        group = court.open_of(kind)
        if not group:
            continue
        if kind.marked:
            court.find_marked(kind, group)
            court.close_unsent(kind)
        else:
            court.find_alike(kind, group)
    left = [(kind, intent) for kind in kinds for intent in court.open_of(kind)]
    ends = [end for _, intent in left if (end := free(intent, patience)) > now]
    doubts = tuple(court.doubt(kind, intent) for kind, intent in left)
    return Settlement(court.state, tuple(court.said), doubts, max(ends, default=None))


def free(intent: Intent, patience: timedelta) -> datetime:
    """The moment after which a creation that nothing shows has not been done, as far as looking can tell."""
    return datetime.fromisoformat(intent.send_by) + ANSWER + patience


@dataclass(slots=True)
class _Court:
    manifest: Manifest
    snapshot: Snapshot
    state: State
    now: datetime
    patience: timedelta
    said: list[str] = field(default_factory=list)
    last: dict[str, Intent] = field(default_factory=dict)
    """By run, the last purchase that was found to be done."""

    def open_of(self, kind: Kind) -> list[Intent]:
        """The open creations of a kind, in the order in which they were sent."""
        group = (intent for at, intent in self.state.intents.items() if at.kind == kind.name)
        return sorted(group, key=_order)

    def find_marked(self, kind: Kind, group: Sequence[Intent]) -> None:
        """Bind what carries the marker, or, if this API knows none, the one new thing on the agent it was made for.

        A run sends purchases one after the other, so that the one new thing is that of the first that is still open.
        """
        marked: dict[str | None, list[Seen]] = {}
        for seen in self._free(kind):
            marked.setdefault(kind.marker(seen), []).append(seen)
        tried: set[str] = set()
        for intent in group:
            found = marked.get(self.manifest.marker(intent.address), [])
            if len(found) == 1:
                self._made(kind, intent, found[0], f"it carries the marker {kind.marker(found[0])}")
            elif intent.parent and intent.parent not in tried:
                tried.add(intent.parent)
                new = [one for one in self._fresh(kind, intent) if kind.hangs_on(one) == intent.parent]
                if len(new) == 1 and not kind.takes_marker(new[0]):
                    self._made(kind, intent, new[0], f"it is the one new {kind.name} on {intent.parent}")

    def close_unsent(self, kind: Kind) -> None:
        """Close what was certainly never sent: everything behind the first purchase of a run that is in doubt.

        Purchases are sent in order, each after the answer to the one before, and a refusal is durable before the next:
        so if looking can tell no more about the first that is open, those behind it have not left.
        """
        runs: dict[str, list[Intent]] = {}
        for intent in self.open_of(kind):
            runs.setdefault(intent.run, []).append(intent)
        for run, group in runs.items():
            last = self.last.get(run)
            behind = [intent for intent in group if last is None or _order(intent) > _order(last)]
            for intent in behind[1:] if behind and self._is_over(behind[0]) else ():
                if self._is_over(intent):
                    self.state = self.state.close(intent.address, undone=True)
                    self.said.append(
                        f"{intent.address}: the run of {to_second(intent.opened)} ended before it was sent"
                    )

    def find_alike(self, kind: Kind, group: Sequence[Intent]) -> None:
        """Bind what is new and has the same content; of equal intents it does not matter which gets which."""
        alike: dict[str, list[Intent]] = {}
        for intent in group:
            alike.setdefault(intent.payload, []).append(intent)
        for several in alike.values():
            found = [seen for seen in self._fresh(kind, several[0]) if self._same(kind, several[0], seen)]
            if len(found) > len(several):
                continue
            for intent, seen in zip(several, found, strict=False):
                self._made(kind, intent, seen, "it is new since then, and has the same content")
            for intent in several[len(found) :]:
                if self._is_over(intent) and not self._namesakes(kind, intent):
                    self.state = self.state.close(intent.address, undone=True)
                    self.said.append(f"{intent.address}: what was begun at {to_second(intent.opened)} was not done")

    def doubt(self, kind: Kind, intent: Intent) -> Blocked:
        """What is open, since when, what the account shows, and the commands that settle it."""
        at, end = intent.address, free(intent, self.patience)
        near = self._namesakes(kind, intent) or self._fresh(kind, intent)
        listed = ", ".join(f"{one.id} ({kind.label(one)})" for one in near[:_SHOWN]) or "nothing new"
        began = f"begun at {to_second(intent.opened)}, and since then the account shows {listed}"
        lines = [f"if it was made: apreconcile resolve {at} --bind {near[0].id if len(near) == 1 else 'ID'}"]
        if self.now < end:
            lines.insert(0, f"it may still show until {_stamp(end)}; apply looks again by itself")
        lines.append(f"if it was not: apreconcile resolve {at} --not-created")
        return Blocked(at, f"nobody knows whether it was made: {began}", "\n".join(lines), exit=6)

    def _made(self, kind: Kind, intent: Intent, seen: Seen, why: str) -> None:
        phone = seen.body.get("phoneNumber")
        made = Resource(seen.id, "created", phone if isinstance(phone, str) else None, fields=intent.fields)
        self.state = self.state.made(intent.address, made, at=_stamp(self.now))
        self.said.append(
            f"{intent.address}: what was begun at {to_second(intent.opened)} made {kind.label(seen)} ({seen.id}): {why}"
        )
        before = self.last.get(intent.run)
        self.last[intent.run] = max(before, intent, key=_order) if before else intent

    def _free(self, kind: Kind) -> list[Seen]:
        """What is nobody's."""
        held = {one.id for at, one in self.state.resources.items() if at.kind == kind.name}
        return [seen for seen in self.snapshot.of(kind.name) if seen.id not in held]

    def _fresh(self, kind: Kind, intent: Intent) -> list[Seen]:
        """What is nobody's, and was not there before."""
        known = {*intent.seen, *self.state.ignored}
        return [seen for seen in self._free(kind) if seen.id not in known]

    def _namesakes(self, kind: Kind, intent: Intent) -> list[Seen]:
        wanted = self.manifest.by_address.get(intent.address)
        return [seen for seen in self._fresh(kind, intent) if wanted and kind.namesake(wanted, seen)]

    def _same(self, kind: Kind, intent: Intent, seen: Seen) -> bool:
        """Whether a live thing has the content that was sent; of a spec that changed since, only hashes are known."""
        wanted, live, salt = self.manifest.by_address.get(intent.address), kind.shown(seen), self.state.salt
        fields: Mapping[str, object] = wanted.fields if wanted else {}
        return bool(intent.fields) and all(
            digest(live.get(name), salt) == memory.sent
            or (
                name in fields
                and digest(fields[name], salt) == memory.sent
                and equal(kind, name, fields[name], live.get(name))
            )
            for name, memory in intent.fields.items()
        )

    def _is_over(self, intent: Intent) -> bool:
        return self.now >= free(intent, self.patience)


def _order(intent: Intent) -> tuple[str, Address]:
    return (intent.opened, intent.address)


def _stamp(moment: datetime) -> str:
    return to_second(moment.isoformat())
