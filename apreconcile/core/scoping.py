"""A sub-account is named by a header alone, and the vendor's document lists that header for some calls only (OAS).

Whether the others mind it nobody knows (fact sheet §5). So what such a call says is believed only as far as what is
read inside bears it out: its 404 is never an absence, its success is read back, and one that names no id, so that it
would act on the account itself if the header were overlooked, is sent only if there is nothing there to act on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from .call import Call, Check, Reply
from .change import Blocked
from .facts import Question
from .plan import Step
from .snapshot import Snapshot

LISTED = frozenset(
    {
        ("GET", "v1", "agents"), ("POST", "v1", "agents"),
        ("GET", "v1", "agents", "*"), ("PATCH", "v1", "agents", "*"), ("DELETE", "v1", "agents", "*"),
        ("GET", "v1", "numbers"), ("POST", "v1", "numbers"), ("DELETE", "v1", "numbers", "*"),
        ("GET", "v1", "webhooks"), ("POST", "v1", "webhooks"),
    }
)  # fmt: skip
"""The calls of ours for which the header is listed (fact sheet §2.1, §3.1, §4.1); `*` is an id."""

WORDS = frozenset({"v1", "agents", "numbers", "webhooks", "webhook", "voices", "usage", "test", "deliveries"})
"""The parts of a path that are no id."""


def is_listed(call: Call) -> bool:
    """Whether the header is listed for a call."""
    return (call.method, *("*" if part not in WORDS else str(part) for part in call.path)) in LISTED


def is_blind(call: Call) -> bool:
    """Whether only the header, which is not listed for it, says on whose thing a call acts."""
    return not is_listed(call) and all(part in WORDS for part in call.path)


def beside(calls: Sequence[Call]) -> tuple[Question, ...]:
    """What has to be read outside before these calls are sent inside: what is there where a blind one might act."""
    return tuple(Question(f"outside {call.where}", _outside(call)) for call in calls if is_blind(call))


def guarded(step: Step, answers: Mapping[Question, Reply]) -> tuple[Step, list[Blocked]]:
    """A step whose blind calls are sent only while there is nothing outside; and what blocks it if there is."""
    blind = [call for call in step.calls if is_blind(call)]
    stops = []
    for call, asked in zip(blind, beside(blind), strict=True):
        reply = answers.get(asked, Reply(0))
        if not (200 <= reply.status < 300 and reply.body is None):  # noqa: PLR2004 -- HTTP's success class
            there = "nobody could tell what is there" if not reply.status else "there is one there"
            reason = f"nobody knows whether {call.where} minds the sub-account, or acts on the account: {there}"
            hint = "do it in the AgentPhone dashboard, inside the sub-account; then plan again"
            stops.append(Blocked(step.address, reason, hint))
    checks = tuple(Check(_outside(call), None, slot=True) for call in blind)
    return replace(step, guards=(*step.guards, *checks)), stops


def believed(answers: Mapping[Question, Reply], snapshot: Snapshot) -> Mapping[Question, Reply]:
    """The answers without a count of numbers that is not the one inside: then it is the account's."""
    inside = len(snapshot.of("number"))

    def is_ours(reply: Reply) -> bool:
        numbers = reply.body.get("numbers") if isinstance(reply.body, dict) else None
        return not isinstance(numbers, dict) or numbers.get("used") == inside

    return {asked: reply if is_ours(reply) else Reply(0) for asked, reply in answers.items()}


def _outside(call: Call) -> Call:
    return Call("GET", call.path, outside=True)
