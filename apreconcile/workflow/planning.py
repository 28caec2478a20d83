"""To plan: read the state, look at the account, say what differs, ask what that raises, make the plan. No writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from difflib import get_close_matches

from apreconcile.core.address import Address
from apreconcile.core.agreement import Agreement
from apreconcile.core.call import Reply
from apreconcile.core.change import Create
from apreconcile.core.diff import digest_of_sink
from apreconcile.core.elsewhere import Elsewhere
from apreconcile.core.errors import CredentialsError, Error, UnsafeError
from apreconcile.core.facts import Question
from apreconcile.core.findings import Findings
from apreconcile.core.outcome import Outcome
from apreconcile.core.plan import Plan, Probe, Step
from apreconcile.core.planning import find_changes, make_plan, questions
from apreconcile.core.probes import probes
from apreconcile.core.scoping import believed, is_blind
from apreconcile.core.settlement import Settlement, settle
from apreconcile.core.snapshot import Snapshot
from apreconcile.core.state import State, to_second
from apreconcile.core.wanted import Manifest
from apreconcile.kinds import KINDS
from apreconcile.live.listing import READS
from apreconcile.live.observe import changed, read_lists, read_slots
from apreconcile.live.record import stamp
from apreconcile.live.together import together
from apreconcile.store.store import Version

from .account import Account
from .neighbours import elsewhere

FIRST_PAUSE = 1.0
"""Seconds before the second look for what was lost; each pause is twice the one before."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, what it was made from, and the steps that `only` left for another run.

    Of a saved plan that was planned again, `plan` has the steps that are taken, and `agreement` says the rest.
    """

    plan: Plan
    found: Findings
    version: Version
    state: State
    """The state as it was read, with its lock and every open intent."""
    settlement: Settlement
    """What became of these."""
    elsewhere: Elsewhere = field(default_factory=Elsewhere)
    left: tuple[Step, ...] = ()
    agreement: Agreement | None = None

    @property
    def digest(self) -> str:
        """The digest of what was asked for: of the saved plan, if it is one."""
        return self.agreement.digest if self.agreement else self.plan.digest

    def completed(self, outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
        """One outcome for each step that was asked for, out of one for each step of the plan."""
        if self.agreement is None:
            return tuple(outcomes)
        named = {step.name: outcome for step, outcome in zip(self.plan.steps, outcomes, strict=True)}
        return self.agreement.completed(named)


async def plan(
    account: Account,
    *,
    adopt: bool = False,
    only: Sequence[Address] = (),
    lenient: bool = False,
    wait: Callable[[str], None] | None = None,
    verify: bool = False,
) -> Planned:
    """Plan the account. `adopt` takes offers with one candidate; `only` takes these addresses and what they need.

    With `verify` the API is asked to send a test event to each webhook afterwards. Neither spec nor state need know
    what a `lenient` `only` names. With `wait`, which is told in words, a creation of unknown outcome is given the
    settling time to show.
    """
    state, version = await account.recall()
    before = account.client.requests
    there = await elsewhere(account, instances=adopt or _takes(account.manifest, state))
    settlement, found = await _steady(account, state, there, wait, adopt=adopt)
    if found.matching.older:  # or another run wrote both since the state was read
        now, latest = await account.recall()
        if latest != version:
            state, version = now, latest
            settlement, found = await _steady(account, state, there, wait, adopt=adopt)
    named = {*account.manifest.by_address, *account.manifest.moved, *state.resources}
    strangers = [at for at in only if at not in named and not lenient]
    if strangers:
        known = [str(at) for at in (*account.manifest.by_address, *state.resources)]
        near = get_close_matches(str(strangers[0]), known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known[:10])}"
        raise Error(f"neither the spec nor the state has {strangers[0]}", hint=hint)
    made, left = await explain(account, found, before, only=only)
    warnings = (*_busy(account, state), *settlement.said, *made.warnings)
    tests, untold = _probes(account, found, made, only) if verify else ((), ())
    made = replace(made, warnings=(*warnings, *untold), probes=tests)
    return Planned(made, found, version, state, settlement, there, left)


def _takes(manifest: Manifest, state: State) -> bool:
    """Whether the spec names a thing, or a place for a secret, that is not ours yet."""
    for one in manifest.resources:
        held = state.resources.get(one.address)
        imports = held is None and one.imports not in {None, "none"}
        if imports or (one.sink and (held is None or held.delivered != digest_of_sink(one.sink, state.salt))):
            return True
    return False


def _probes(
    account: Account, found: Findings, made: Plan, only: Sequence[Address]
) -> tuple[tuple[Probe, ...], tuple[str, ...]]:
    """The test events of a plan, but for those that might be sent outside of the sub-account; which these are."""
    asked = probes(found, made, only)
    blind = [one for one in asked if account.scope.sub_account and is_blind(one.call)]
    why = "whether that call minds the sub-account, nobody knows"
    return tuple(one for one in asked if one not in blind), tuple(
        f"{one.address}: no test event is sent: {why}" for one in blind
    )


async def _steady(
    account: Account, state: State, there: Elsewhere, wait: Callable[[str], None] | None, *, adopt: bool
) -> tuple[Settlement, Findings]:
    """What differs; looked for again, if lists changed between their pages and something would be made because of it.

    A list without the one thing that slipped between two of its pages agrees with itself: only a second reading tells.
    Raises UnsafeError if they never stood still.
    """
    wrong = ""
    for reading in range(READS):
        if reading:
            await account.pace.pause(FIRST_PAUSE * 2 ** (reading - 1))
        settlement, first = await _settled(account, state, there, wait)
        found = await look(account, first, settlement, there, adopt=adopt)
        makes = any(isinstance(one, Create) and not found.kind(one.address.kind).single for one in found.changes)
        if not (first.paged and (makes or state.opened)):
            return settlement, found
        wrong = await changed(account.client.send, first, KINDS, pause=account.pace.pause)
        if not wrong:
            return settlement, found
    text = f"the lists of the account changed each of the {READS} times that they were looked at: {wrong}"
    raise UnsafeError(text, hint="wait until nothing else writes to the account, then try again")


async def _settled(
    account: Account, state: State, there: Elsewhere, wait: Callable[[str], None] | None
) -> tuple[Settlement, Snapshot]:
    """What became of open intents, and the lists that say so; read again, while waiting may tell more."""
    patience, longest = timedelta(seconds=account.settle), account.now() + timedelta(seconds=account.settle)
    pause = FIRST_PAUSE
    while True:
        first = await read_lists(account.client.send, state, KINDS, pause=account.pace.pause, now=account.now())
        settlement = settle(
            account.manifest, first, state, KINDS,
            now=account.now(), patience=patience, busy=bool(_busy(account, state)), elsewhere=there,
        )  # fmt: skip
        end = min(settlement.until or longest, longest)
        left = (end - account.now()).total_seconds()
        if wait is None or settlement.until is None or left <= 0 or _busy(account, state):
            return settlement, first
        opened = ", ".join(str(one.address) for one in settlement.open)
        wait(f"waiting for {opened} to show, until {to_second(stamp(end))}: the answer was lost")
        await account.pace.pause(min(pause, left + 0.001))
        pause *= 2


def _busy(account: Account, state: State) -> tuple[str, ...]:
    """In words, who is at work on the account."""
    lock = state.lock
    if lock is None or account.now() >= datetime.fromisoformat(lock.until):
        return ()
    return (f"{lock.who} on {lock.where} is applying since {to_second(lock.since)}: plan again when it is done",)


async def look(
    account: Account, first: Snapshot, settlement: Settlement, there: Elsewhere, *, adopt: bool = False
) -> Findings:
    """Read the slots too, and say what differs."""
    state = settlement.state
    snapshot = await read_slots(account.client.send, account.manifest, first, state, KINDS)
    return find_changes(
        account.manifest, snapshot, state, KINDS,
        adopt=adopt, unsettled=settlement.open, closed=settlement.closed, elsewhere=there,
    )  # fmt: skip


async def explain(
    account: Account, found: Findings, before: int, *, only: Sequence[Address] = ()
) -> tuple[Plan, tuple[Step, ...]]:
    """Ask what the changes raise, and make the plan. `before` is the count of requests when looking began."""
    asked = questions(found, account.now(), account.scope)
    replies = await together(_answer(account, one) for one in asked)
    answers: Mapping[Question, Reply] = dict(zip(asked, replies, strict=True))
    if account.scope.sub_account:
        answers = believed(answers, found.snapshot)
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
