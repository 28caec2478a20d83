"""A saved plan is planned again, and only what both plans say is taken: nothing that the file says is believed.

Both are documents here. A step that differs is stale, and says in what; so it and what comes after it stop, and the
rest goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from .address import Address
from .outcome import Outcome, Word
from .planfile import Document, name_of, verb_of
from .staleness import clean, differences, shared_differences, shown

Name = tuple[str, str]
"""What tells a step from the others of its plan."""

ALREADY = "nothing-to-do"
"""The `because` of a step that is done without a call: what it was for is so, or is not wanted any more."""
ACTIONS = ("create", "update", "delete", "adopt", "move", "forget")
NAMINGS, WORKS = ("move", "adopt"), ("create", "update", "delete")
"""What has to come before the other steps of its own address; what steps of other addresses may wait for."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What becomes of a saved plan. `taken` are the steps that both plans say, `new` those that only the fresh one has.

    `words` are the outcomes of the steps that are not taken: stale, skipped for a stale one, or done without a call.
    """

    digest: str
    order: tuple[Name, ...]
    taken: frozenset[Name]
    words: Mapping[Name, Outcome] = field(default_factory=dict)
    new: frozenset[Name] = frozenset()

    def completed(self, outcomes: Mapping[Name, Outcome]) -> tuple[Outcome, ...]:
        """One outcome for each step of the saved plan, in its order."""
        return tuple(self.words[name] if name in self.words else outcomes[name] for name in self.order)


def agree(saved: Document, fresh: Document) -> Agreement:
    """What a saved plan and one made just now agree on: address, action, risks, calls, and the fields that were shown.

    Guards, order, approvals and everything else are the fresh plan's.
    """
    planned = {name_of(step): step for step in saved["steps"]}
    live = {name_of(step): step for step in fresh["steps"]}
    new = frozenset(live.keys() - planned.keys())
    words: dict[Name, Outcome] = {}
    for name, step in planned.items():
        why = (
            [*_late(live[name], new), *differences(step, live[name])]
            if name in live
            else _gone(step, saved, fresh, new)
        )
        if why:
            words[name] = _word(step, Word.STALE, error=clean("; ".join(why)))
        elif name not in live:
            words[name] = _word(step, Word.DONE, because=ALREADY)
    for name, step in live.items():
        if name in planned and name not in words and (because := _stopped(step, words)):
            words[name] = _word(step, Word.SKIPPED, because=because)
    return Agreement(saved["digest"], tuple(planned), frozenset(planned.keys() - words.keys()), words, new)


def _word(step: Document, word: Word, *, because: str | None = None, error: str | None = None) -> Outcome:
    address = Address(*step["address"].split("."))
    return Outcome(address, clean(step["action"]), word, because=because, error=error, verb=clean(verb_of(step)))


def _gone(step: Document, saved: Document, fresh: Document, new: Collection[Name]) -> list[str]:
    """Why a step that the fresh plan does not have is stale; nothing if there is nothing left to do.

    What stood in the way of its address when the plan was saved did not stand in the way of this step.
    """
    at, (_, word) = step["address"], name_of(step)
    if step["action"] not in ACTIONS:
        return [f"this version does not know the action {shown(step['action'])[0]}"]
    before = {stop["reason"] for stop in saved["blocked"] if stop["address"] == at}
    stops = [stop["reason"] for stop in fresh["blocked"] if stop["address"] == at]
    if stops and not before.issuperset(stops):
        return [f"it is blocked now: {reason}" for reason in stops]
    others = [other for other in fresh["steps"] if other["address"] == at and name_of(other) in new]
    words = [f"it was to {word}, and is to {name_of(other)[1]} now" for other in others]
    return [*words, *(text for other in others for text in shared_differences(step, other))]


def _late(step: Document, new: Collection[Name]) -> list[str]:
    """What a step comes after that the saved plan does not have, and that is therefore not done before it."""
    at = step["address"]
    namings = [f"a step to {word} it" for word in NAMINGS if step["action"] != word and (at, word) in new]
    others = [other for other in step["after"] if other != at and any((other, word) in new for word in WORKS)]
    return [f"it comes after {before} now, which the saved plan does not have" for before in (*namings, *others)]


def _stopped(step: Document, words: Mapping[Name, Outcome]) -> str | None:
    """The address that a step waits for and that is not done, as applying would see it."""
    own = [(step["address"], word) for word in NAMINGS]
    others = [(other, word) for other in step["after"] if other != step["address"] for word in WORKS]
    return next((name[0] for name in (*own, *others) if name in words and words[name].word is not Word.DONE), None)
