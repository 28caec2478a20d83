"""To plan: read the state, look at the account, say what differs, ask what that raises, make the plan. No writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import get_close_matches

from apreconcile.core.address import Address
from apreconcile.core.call import Reply
from apreconcile.core.errors import CredentialsError, Error
from apreconcile.core.facts import Question
from apreconcile.core.plan import Plan, Step
from apreconcile.core.planning import Findings, find_changes, make_plan, questions
from apreconcile.core.state import State
from apreconcile.kinds import KINDS
from apreconcile.live.observe import observe
from apreconcile.live.together import together
from apreconcile.store.store import Version

from .account import Account


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, what it was made from, and the steps that `only` left for another run."""

    plan: Plan
    found: Findings
    version: Version
    state: State
    """The state as it was read, with its lock and every open intent."""
    left: tuple[Step, ...] = ()


async def plan(account: Account, *, adopt: bool = False, only: Sequence[Address] = ()) -> Planned:
    """Plan the account. `adopt` takes offers with one candidate; `only` takes these addresses and what they need."""
    state, version = await account.recall()
    before = account.client.requests
    found = await look(account, settled(state), adopt=adopt)
    there = {*account.manifest.by_address, *account.manifest.moved, *state.resources}
    strangers = [at for at in only if at not in there]
    if strangers:
        known = [str(at) for at in (*account.manifest.by_address, *state.resources)]
        near = get_close_matches(str(strangers[0]), known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known[:10])}"
        raise Error(f"neither the spec nor the state has {strangers[0]}", hint=hint)
    made, left = await explain(account, found, before, only=only)
    if state.lock and account.now() < datetime.fromisoformat(state.lock.until):
        busy = (
            f"{state.lock.who} on {state.lock.where} is applying since {state.lock.since}: plan again when it is done"
        )
        made = replace(made, warnings=(busy, *made.warnings))
    return Planned(made, found, version, state, left)


async def look(account: Account, state: State, *, adopt: bool = False) -> Findings:
    """Read the account and say what differs."""
    snapshot = await observe(account.client.send, account.manifest, state, KINDS, pause=account.pace.pause)
    return find_changes(account.manifest, snapshot, state, KINDS, adopt=adopt)


async def explain(
    account: Account, found: Findings, before: int, *, only: Sequence[Address] = ()
) -> tuple[Plan, tuple[Step, ...]]:
    """Ask what the changes raise, and make the plan. `before` is the count of requests when looking began."""
    asked = questions(found, account.now())
    replies = await together(_answer(account, one) for one in asked)
    answers = dict(zip(asked, replies, strict=True))
    requests = account.client.requests - before
    return make_plan(found, answers, scope=account.scope, now=account.now(), requests=requests, only=only)


async def _answer(account: Account, question: Question) -> Reply:
    """An answer that cannot be had leaves a sentence out of the plan; only a refused key is an error."""
    try:
        return await account.client.send(question.call)
    except CredentialsError:
        raise
    except Error:
        return Reply(0)


def settled(state: State) -> State:
    """The state without the intents that looking settles: only a creation can be of unknown outcome afterwards."""
    for at, intent in state.intents.items():
        if intent.action != "create":
            state = state.close(at)
    return state
