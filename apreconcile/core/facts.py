"""Facts are answers to the questions that a change raises: quota, voices, traffic. Kinds ask, the workflow reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from .address import Address
from .call import Call, Reply
from .change import Change
from .snapshot import Seen, Snapshot
from .state import State
from .wanted import Manifest

_NAMED = 3


@dataclass(frozen=True, slots=True)
class Question:
    """A read whose answer some change wants to know. Equal questions are asked once."""

    topic: str
    call: Call


@dataclass(frozen=True, slots=True)
class Words:
    """What a kind says of a change: sentences on the step, warnings of the plan, and reasons that block it."""

    why: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    blocked: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class World:
    """All that a kind may look at when it explains a change. `owners` maps (kind, id) to the address bound to it."""

    manifest: Manifest
    snapshot: Snapshot
    state: State
    now: datetime
    bound: Mapping[Address, Seen] = field(default_factory=dict)
    owners: Mapping[tuple[str, str], Address] = field(default_factory=dict)
    unmanaged: tuple[Seen, ...] = ()
    changes: tuple[Change, ...] = ()
    answers: Mapping[Question, Reply] = field(default_factory=dict)

    def answer(self, topic: str) -> dict[str, object] | None:
        """The body that answers a topic, if it was asked and answered by a map."""
        for question, reply in self.answers.items():
            if question.topic == topic and isinstance(reply.body, dict):
                return reply.body
        return None

    def naming(self, kind: str, ident: str | None) -> str:
        """How to speak of a live thing: its address if one is bound to it, else its name and its id."""
        owner = self.owners.get((kind, ident or ""))
        seen = self.snapshot.get(kind, ident or "")
        name = seen.body.get("name") if seen else None
        return str(owner) if owner else f"{name!r} ({ident})" if name else (ident or "nothing")


def listed(names: Sequence[str]) -> str:
    """The first of several names, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
