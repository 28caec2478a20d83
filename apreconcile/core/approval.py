"""An approval names exactly one step: a token is a verb, an address, and a digest of everything the step means."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from .call import canonical
from .change import Create
from .plan import Plan, Scope, Step
from .state import State
from .wire import Wire


def token(step: Step, verb: str, *, state: State, scope: Scope) -> str:
    """The token of a step: `VERB:ADDRESS@` and the first 32 hex digits of its digest (fewer can be collided)."""
    return f"{verb}:{step.address}@{digest(step, verb, state=state, scope=scope)[:32]}"


def digest(step: Step, verb: str, *, state: State, scope: Scope) -> str:
    """The sha256 of all that an approval of this step means, 64 hex digits.

    It covers project, environment, scope, action, risks, the live target's identity, the calls with references as
    addresses and secrets as salted hashes, what must still be true of the target just before, the state document's id,
    and how many tokens were spent at this address.
    """
    meaning = {
        "verb": verb,
        "address": str(step.address),
        "project": state.project,
        "environment": state.environment,
        "scope": [scope.host, scope.sub_account],
        "action": step.action,
        "risks": sorted(step.risks),
        "target": _target(step),
        "still": [guard.meaning(state.salt) for guard in step.guards],
        "calls": [call.meaning(state.salt) for call in step.calls],
        "document": state.id,
        "turn": state.turn(step.address),
    }
    return hashlib.sha256(canonical(meaning)).hexdigest()


def _target(step: Step) -> Wire:
    if isinstance(step.change, Create):
        return step.change.again
    return [step.live.id, step.live.body.get("phoneNumber")] if step.live else None


@dataclass(frozen=True, slots=True)
class Approvals:
    """The steps of a plan that may go, and the tokens that named none of them."""

    granted: frozenset[tuple[str, str]]
    strangers: tuple[str, ...]


def weigh(plan: Plan, tokens: Iterable[str]) -> Approvals:
    """Match tokens with the steps of a plan: whole, exact, and each for one step."""
    given = list(dict.fromkeys(tokens))
    wanted = {step.token: step.name for step in plan.steps if step.token}
    granted = frozenset(wanted[one] for one in given if one in wanted)
    return Approvals(granted, tuple(one for one in given if one not in wanted))


def permitted(plan: Plan) -> frozenset[tuple[str, str]]:
    """The steps that the policy approves without a person."""
    return frozenset(step.name for step in plan.steps if step.permit)


def held(plan: Plan, granted: Collection[tuple[str, str]]) -> tuple[Step, ...]:
    """The steps that want an approval and have none, neither from a person nor from the policy."""
    given = {*granted, *permitted(plan)}
    return tuple(step for step in plan.steps if step.wants_approval and step.name not in given)


def phrase(step: Step) -> str:
    """What a person types to approve a step: the E.164 for a release, `VERB ADDRESS` for the rest."""
    phone = step.live.body.get("phoneNumber") if step.live else None
    return str(phone) if step.verb == "release" and phone else f"{step.verb} {step.address}"


def strangeness(plan: Plan, given: str) -> str:
    """Why a token that names no step of a plan does not, as far as can be said."""
    head, _, _ = given.partition("@")
    same = next((step.token for step in plan.steps if step.token and step.token.partition("@")[0] == head), None)
    changed = f"; what it approved was changed or done since, and now wants {same}" if same else ""
    return f"the token {given or '(empty)'} matches no step of this plan{changed}"
