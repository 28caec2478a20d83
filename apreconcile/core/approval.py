"""An approval names exactly one step: a token is a verb, an address, and a digest of everything the step means.

Approvals come from people as voices. Here they are weighed: which steps of a plan may go, and which voices count.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from .address import Address
from .call import canonical
from .change import Create, Protect
from .place import Place
from .plan import Plan, Probe, Scope, Step
from .planfile import Document, scope_json, step_json
from .policy import LIFETIME, Approvers
from .state import State
from .wire import Wire

Name: TypeAlias = tuple[str, str]

AHEAD = timedelta(minutes=5)
"""How far the clock of whoever approves may be ahead of ours."""


SHOWN = ("address", "action", "risks", "fields", "covers")
"""The keys of a step that its digest covers with all that stands below them; `sink`, too, where it is."""
HOLE = ("at", "id", "after", "sha256")
"""The keys of a hole that it covers: a variable with another name and the same value is the same."""


def with_token(step: Step, verb: str, *, state: State, scope: Scope) -> Step:
    """The step with what its token covers beside what is shown of it, its digest, and its token.

    A token is `VERB:ADDRESS@` and the first 32 hex digits of the digest (fewer can be collided).
    """
    covers: dict[str, Wire] = {
        **_target(step),
        "still": [guard.meaning(state.salt) for guard in step.guards],
        "document": state.id if state.id != "none" else f"none {scope.account}".strip(),
        "turn": state.turn(step.address),
    }
    step = replace(step, covers=covers)
    whole = {"project": state.project, "environment": state.environment, "scope": scope_json(scope)}
    digest = digest_of_step(whole, step_json(step, state.salt), verb)
    return replace(step, digest=digest, token=_token(verb, str(step.address), digest))


def digest_of_step(document: Document, step: Document, verb: str) -> str:
    """The sha256 of all that an approval of this step of a plan document means, 64 hex digits.

    It covers project, environment, scope, action, risks, the fields as they are shown, the calls with references as
    addresses and secrets as salted hashes, who is handed its secret; and of what is not shown otherwise (`covers`) the
    live target's identity, what must still be true of it just before, the state document's id (before there is one, the
    account), and how many tokens were spent at this address. So whoever has the document can tell what its token means.
    """
    meaning = {
        "verb": verb,
        **{name: document[name] for name in ("project", "environment", "scope")},
        **{name: step[name] for name in SHOWN},
        "calls": [{**call, "holes": [_hole(hole) for hole in call["holes"]]} for call in step["calls"]],
        **({"sink": step["sink"]} if "sink" in step else {}),
    }
    return hashlib.sha256(canonical(meaning)).hexdigest()


def _hole(hole: Document) -> Document:
    return {name: hole[name] for name in HOLE if name in hole}


def fits(document: Document, step: Document) -> bool:
    """Whether a step of a plan document has the token and the digest of what is shown of it, and no others."""
    if "covers" not in step:
        return False
    verb = step["token"].partition(":")[0]
    digest = digest_of_step(document, step, verb)
    return (step.get("digest"), step["token"]) == (digest, _token(verb, step["address"], digest))


def _token(verb: str, address: str, digest: str) -> str:
    return f"{verb}:{address}@{digest[:32]}"


def _target(step: Step) -> dict[str, Wire]:
    """What a step acts on, or instead of which lost thing it makes another; nothing for something new."""
    if isinstance(step.change, Create):
        return {"target": {"lost": step.change.again}} if step.change.again else {}
    if step.live is None:
        return {}
    phone = step.live.body.get("phoneNumber")
    return {"target": {"id": step.live.id, "phoneNumber": str(phone) if phone else None}}


@dataclass(frozen=True, slots=True)
class Approval:
    """One entry of an approvals file, as it is written there; times are ISO 8601 in UTC.

    `approve` is the token, `digest` the step's whole sha256, `by` the principal. `at` is when it was given: without it
    an approval that ends in a year would begin to count in its last days.
    """

    approve: str
    digest: str
    by: str
    reason: str
    expires: str
    at: str | None = None
    signature: str | None = field(default=None, repr=False)
    place: Place | None = field(default=None, compare=False)

    def to_json(self) -> dict[str, str]:
        """The entry as the file has it; what is not given is left out."""
        whole = {
            "approve": self.approve, "digest": self.digest, "by": self.by, "reason": self.reason,
            "at": self.at, "expires": self.expires, "signature": self.signature,
        }  # fmt: skip
        return {name: value for name, value in whole.items() if value is not None}

    @property
    def message(self) -> bytes:
        """What is signed: the canonical JSON of the entry without its signature."""
        return canonical({name: value for name, value in self.to_json().items() if name != "signature"})


@dataclass(frozen=True, slots=True)
class Voice:
    """Somebody's yes to one step: a token alone (`--approve`), or an entry of an approvals file.

    `key` is the fingerprint of the key by which the entry's signature was verified, `doubt` why it was not.
    """

    token: str
    approval: Approval | None = None
    key: str | None = None
    doubt: str | None = None


@dataclass(frozen=True, slots=True)
class Approvals:
    """What was approved. `granted` names the steps that may go, `by` whose names stand in the files for each of them.

    `counted` are the voices for steps of the plan, `warnings` says of every other why it does not count. `signed` has
    for each step how many persons signed it, where `required` signatures are wanted; 0 where none are.
    """

    granted: frozenset[Name]
    by: Mapping[Name, tuple[str, ...]]
    counted: tuple[Voice, ...]
    warnings: tuple[str, ...]
    signed: Mapping[Name, int]
    required: int = 0


def weigh(plan: Plan, voices: Iterable[Voice], *, approvers: Approvers | None, now: datetime) -> Approvals:
    """Match voices with the steps of a plan: whole, exact, each for one step.

    Without approvers one voice is enough, signed or not. With them only verified signatures count, of as many persons
    as they require. What the policy itself permits is granted in any case.
    """
    steps = {step.token: step for step in plan.steps if step.token}
    heard: dict[str, list[Voice]] = {}
    warnings, spent = list[str](), Counter[str]()
    for voice in dict.fromkeys(voices):
        fault = _fault(voice, steps.get(voice.token), approvers, now)
        if voice.approval and voice.approval.place and not alike(steps, voice.token):
            spent[voice.approval.place.file] += 1
        elif voice.token not in steps:
            warnings.append(_who(voice) + strangeness(plan, voice.token))
        elif fault:
            warnings.append(f"{_who(voice)}{voice.token} is not approved by this: {fault}")
        else:
            heard.setdefault(voice.token, []).append(voice)
    for file, number in spent.items():
        entries = "1 entry is" if number == 1 else f"{number:,} entries are"
        warnings.append(f"{file}: {entries} spent, or of no step of this plan")
    required = max(approvers.required, 1) if approvers else 0
    signed = {steps[one].name: persons(said) if approvers else 0 for one, said in heard.items()}
    granted = frozenset(name for name, number in signed.items() if number >= required) | permitted(plan)
    by = {steps[one].name: _names(said) for one, said in heard.items() if steps[one].name in granted}
    counted = tuple(voice for said in heard.values() for voice in said)
    return Approvals(granted, by, counted, tuple(warnings), signed, required)


def permitted(plan: Plan) -> frozenset[Name]:
    """The steps that the policy approves without a person."""
    return frozenset(step.name for step in plan.steps if step.permit)


def persons(voices: Iterable[Voice]) -> int:
    """How many people they are at least: who shares a principal or a key with another may be the same one."""
    groups: list[set[str]] = []
    for voice in voices:
        signs = {f"by {voice.approval and voice.approval.by}", f"key {voice.key}"}
        same = [group for group in groups if group & signs]
        groups = [group for group in groups if group not in same] + [signs.union(*same)]
    return len(groups)


def _names(voices: Iterable[Voice]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(voice.approval.by for voice in voices if voice.approval))


def _fault(voice: Voice, step: Step | None, approvers: Approvers | None, now: datetime) -> str | None:
    """Why a voice does not count, in a clause; None if it does."""
    approval = voice.approval
    if approvers and (approval is None or approval.signature is None):
        return "the policy wants signatures, and this has none"
    if approval is None:
        return None
    if step is None or approval.digest != step.digest:
        return "its digest is not that of the step"
    late = _untimely(approval, approvers.lifetime if approvers else LIFETIME, now)
    if late or not approvers:
        return late
    return None if voice.key else voice.doubt or "its signature was not verified"


def _untimely(approval: Approval, lifetime: timedelta, now: datetime) -> str | None:
    ends = datetime.fromisoformat(approval.expires)
    given = datetime.fromisoformat(approval.at) if approval.at else now
    if ends <= now:
        return f"it expired at {approval.expires}"
    if given > now + AHEAD:
        return f"it is dated in the future ({approval.at})"
    if ends - given > lifetime:
        return f"it is for longer than the {lifetime.total_seconds() / 3600:g} hours that an approval may hold"
    return None


def _who(voice: Voice) -> str:
    return f"{voice.approval.place}: {voice.approval.by}: " if voice.approval else ""


def held(plan: Plan, granted: Collection[Name]) -> tuple[Step, ...]:
    """The steps that want an approval and have none, neither from a person nor from the policy."""
    given = {*granted, *permitted(plan)}
    return tuple(step for step in plan.steps if step.wants_approval and step.name not in given)


def takeable(plan: Plan, granted: Collection[Name]) -> tuple[Step, ...]:
    """The steps that would be taken now: neither held nor waiting for one that is."""
    waiting = {step.name for step in held(plan, granted)}
    taken, out = list[Step](), set[Address]()
    for step in plan.steps:
        protects = isinstance(step.change, Protect)
        waits = not protects and not out.isdisjoint((step.address, *step.after))
        if not waits and step.name not in waiting:
            taken.append(step)
        elif not protects:
            out.add(step.address)
    return tuple(taken)


def probing(plan: Plan, granted: Collection[Name]) -> tuple[Probe, ...]:
    """The test events that would be sent now: those of which every step would be taken."""
    taken = {step.name for step in takeable(plan, granted)}
    left = {step.address for step in plan.steps if step.name not in taken}
    return tuple(probe for probe in plan.probes if probe.address not in left)


def phrase(step: Step) -> str:
    """What a person types to approve a step: the E.164 for a release, `VERB ADDRESS` for the rest."""
    phone = step.live.body.get("phoneNumber") if step.live else None
    return str(phone) if step.verb == "release" and phone else f"{step.verb} {step.address}"


def strangeness(plan: Plan, given: str) -> str:
    """Why a token that names no step of a plan does not, as far as can be said."""
    same = alike((step.token for step in plan.steps if step.token), given)
    changed = f"; what it approved was changed or done since, and now wants {same[0]}" if same else ""
    return f"the token {given or '(empty)'} matches no step of this plan{changed}"


def alike(tokens: Iterable[str], given: str) -> list[str]:
    """Those of some tokens that have the verb and the address of this one, which may be spelled in part."""
    head = given.partition("@")[0] + "@"
    return [token for token in tokens if token.startswith(head)]
