"""To apply: check that it is safe, take the steps, look again, and say whether the account is what the spec wants."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from apreconcile.core.address import Address
from apreconcile.core.approval import Approval, Approvals, Voice, takeable, with_token
from apreconcile.core.change import Adopt, Bookkeeping, Change, Create, Delete, Update, action
from apreconcile.core.diff import equal, settled_memories
from apreconcile.core.ending import ended
from apreconcile.core.errors import Error, StaleError, UnsafeError
from apreconcile.core.findings import Findings
from apreconcile.core.naming import rename
from apreconcile.core.obstacles import unclaimed
from apreconcile.core.outcome import Outcome, Remaining, Report, Verified, Word, exit_code
from apreconcile.core.plan import Plan, Step, blocked, monthly, unpriced
from apreconcile.core.planning import find_changes
from apreconcile.core.snapshot import Seen
from apreconcile.core.state import Intent, State, to_second
from apreconcile.kinds import KINDS
from apreconcile.live.apply import apply as take
from apreconcile.live.applying import Name, Stop, Watch, Work
from apreconcile.live.listing import list_all
from apreconcile.live.observe import observe
from apreconcile.live.record import Record, stamp
from apreconcile.live.together import either

from .account import Account, holder
from .approving import load_approvals, weighed
from .delivering import check_sinks, delivering
from .locking import check_lock
from .planning import Planned
from .probing import probed
from .stores import LOST, WRITE_STORE

LAGS = (0.0, 0.5, 1.5, 3.0)
"""Seconds to wait before each look that judges convergence: lists may lag behind writes."""


class Silence:
    """A watch that says nothing."""

    def began(self, step: Step) -> None:
        """Say nothing."""

    def ended(self, step: Step, outcome: Outcome) -> None:
        """Say nothing."""


@dataclass(slots=True)
class _Run:
    account: Account
    planned: Planned
    record: Record
    work: Work
    approvals: Approvals


async def apply(
    account: Account,
    planned: Planned,
    *,
    approve: Iterable[str] = (),
    approvals: Iterable[str] = (),
    voices: Iterable[Voice] = (),
    granted: Collection[Name] = (),
    watch: Watch | None = None,
    stop: Stop | None = None,
) -> Report:
    """Take a plan's steps. `approve` are tokens, `approvals` files of them; `granted` names what a person typed.

    `voices` were heard before. Where the policy has approvers, verified signatures alone count, and not `granted`.
    Steps that want an approval and have none, not even the policy's, are held; nothing that needs them is taken. Raises
    LockedError, before anything is sent, if another run holds the state, UnsafeError for another account's plan, or if
    the state would be lost with the machine, StaleError for a plan that is too old, and SinkError if a secret could not
    be handed on. What goes wrong with a step is in the report.
    """
    plan, approvers = planned.plan, account.manifest.policy.approvers
    _check_made_for(account, plan)
    given: list[str | Approval | Voice] = [*approve, *load_approvals(approvals), *voices]
    weights = await weighed(plan, given, approvers, now=account.now())
    if not approvers:
        weights = replace(weights, granted=weights.granted | frozenset(granted))
    warnings = weights.warnings
    before, doubts = account.client.requests, account.client.doubts
    settled = planned.settlement.state != planned.state
    if account.lost and (plan.steps or settled):
        raise UnsafeError(f"nothing was sent: {LOST}", hint=WRITE_STORE)
    if plan.steps or plan.unsettled or settled:
        check_lock(planned.state, account.now(), account.settle)
    stop = stop or Stop()
    if plan.unsafe or not (plan.steps or settled):
        verified = await probed(account, plan, planned.found.before, (), stop)
        stopped = bool(plan.probes) and stop.soft.is_set()
        return _untouched(planned, warnings, verified, account.client.requests - before, stopped=stopped)
    there, steps = planned.elsewhere, takeable(plan, weights.granted)
    await check_sinks(account.manifest, account.sinks, steps, state=planned.state, there=there)
    run = _begin(account, planned, watch or Silence(), stop, weights)
    if settled:
        await run.record.now(lambda state: state)
    outcomes = await take(plan, weights.granted, run.work)
    done = sum(outcome.word is Word.DONE for outcome in outcomes)
    outcomes = tuple(_with_approval(run, step, outcome) for step, outcome in zip(plan.steps, outcomes, strict=True))
    judged = any(map(_is_set, plan.steps, outcomes))
    outcomes = planned.completed(outcomes)
    converged: bool | None = True if plan.empty else None
    stopped = run.work.stop.soft.is_set()
    if judged and not stopped:
        converged, troubles = await _converged(run, outcomes)
        warnings += troubles
    warnings += (*run.work.notes, *await _saved(run))
    verified = () if run.record.conflict else await probed(account, plan, run.record.state, outcomes, stop)
    stopped = stopped or (bool(plan.probes) and stop.soft.is_set())
    return _report(
        run, outcomes, converged=converged, stopped=stopped or (done > 0 and converged is None),
        doubted=account.client.doubts > doubts,
        warnings=warnings, verified=verified, requests=account.client.requests - before,
    )  # fmt: skip


def _check_made_for(account: Account, plan: Plan) -> None:
    """Raise UnsafeError for a plan of another environment or account, and StaleError for one whose time is over."""
    manifest, scope, again = account.manifest, account.scope, "plan it again: `plan(account)`"
    made = (plan.project, plan.environment, plan.destroys, plan.scope, plan.scope.account)
    if made != (manifest.project, manifest.environment, manifest.destroying, scope, scope.account):
        meant, here = f"{plan.project}/{plan.environment}", f"{manifest.project}/{manifest.environment}"
        reason = f"nothing was sent: the plan is for {meant} at {plan.scope}, and this account is {here} at {scope}"
        raise UnsafeError(f"{reason}, or has another key or purpose", hint=again)
    if account.now() >= datetime.fromisoformat(plan.expires):
        raise StaleError(f"nothing was sent: the plan held until {to_second(plan.expires)}", hint=again)


def _report(
    run: _Run,
    outcomes: tuple[Outcome, ...],
    *,
    converged: bool | None,
    stopped: bool,
    doubted: bool,
    warnings: tuple[str, ...],
    verified: tuple[Verified, ...],
    requests: int,
) -> Report:
    """What a run did. `requests` were sent since the plan."""
    planned, plan = run.planned, run.planned.plan
    return Report(
        exit=exit_code(
            plan, outcomes, verified=verified,
            converged=converged, unsaved=run.record.unsaved is not None,
            conflict=run.record.conflict, stopped=stopped, doubted=doubted,
        ),
        converged=converged if converged is None or all(one.word is Word.DONE for one in outcomes) else False,
        digest=planned.digest,
        outcomes=outcomes,
        remaining=tuple(Remaining(step.address, step.action, step.verb) for step in planned.left),
        requests=plan.requests + requests,
        warnings=warnings,
        blocked=blocked(plan),
        settled=planned.settlement.said,
        monthly=str(monthly(_taken(plan, outcomes))),
        signatures=run.approvals.required,
        unpriced=unpriced(_taken(plan, outcomes)),
        verified=verified,
        destroys=plan.destroys,
    )  # fmt: skip


def _is_set(step: Step, outcome: Outcome) -> bool:
    """Whether its calls are done, also if its secret was not handed on."""
    return outcome.word is Word.DONE or bool(step.delivery and outcome.changed)


def _with_approval(run: _Run, step: Step, outcome: Outcome) -> Outcome:
    """What waits for an approval, itself or behind another, with the token that the next run will ask for.

    What was taken has the names of who approved it, if they stand in a file.
    """
    if outcome.word in {Word.DONE, Word.FAILED, Word.UNKNOWN}:
        return replace(outcome, approved_by=run.approvals.by.get(step.name, ()))
    waits = outcome.word is Word.HELD or step.name not in run.approvals.granted
    if not step.wants_approval or not waits:
        return outcome
    state = run.record.state if run.record.writes else run.planned.found.before
    state = rename(run.account.manifest, state).state
    signed = run.approvals.signed.get(step.name, 0)
    step = with_token(step, step.verb, state=state, scope=run.account.scope)
    return replace(outcome, signed=signed, token=step.token)


def _begin(account: Account, planned: Planned, watch: Watch, stop: Stop, approvals: Approvals) -> _Run:
    version = planned.version
    state = planned.found.before
    if state.id == "none":
        left = tuple(sorted(seen.id for seen in unclaimed(planned.found)))
        state = replace(state, id=secrets.token_hex(8), seed=secrets.token_hex(16), unclaimed=left)
    for at in planned.found.matching.gone:
        state = state.unbind(at, how=_end(planned.state.intents.get(at)), at=stamp(account.now()))

    async def keep(document: State) -> State:
        nonlocal version
        stored, version = await account.store.swap(document, version)
        return stored

    record = Record(state, keep, holder(), pace=account.pace, now=account.now)
    seen = {kind.name: tuple(one.id for one in planned.found.snapshot.of(kind.name)) for kind in KINDS}
    by_name = {kind.name: kind for kind in KINDS}

    async def relist(name: str) -> tuple[Seen, ...]:
        bodies = await list_all(account.client.send, by_name[name].path(None), pause=account.pace.pause)
        return tuple(Seen(name, str(body["id"]), body) for body in bodies)

    work = Work(
        send=account.client.send, ready=account.client.ready, record=record, pace=account.pace, stop=stop,
        watch=watch, relist=relist, marker=lambda one: by_name[one.kind].marker(one),
        concurrency=account.concurrency, seen=seen, doubtful=account.doubts,
        deliver=delivering(account.manifest, account.sinks),
    )  # fmt: skip
    return _Run(account, planned, record, work, approvals)


def _end(intent: Intent | None) -> str:
    """How something of ours came to be gone: by a deletion of a killed run, or nobody knows how."""
    if intent is None or intent.action != "delete":
        return "lost"
    return "released" if (intent.token or "").startswith("release:") else "deleted"


async def _converged(run: _Run, outcomes: Iterable[Outcome]) -> tuple[bool | None, tuple[str, ...]]:
    """Look again: whether nothing is left to do at the addresses that were done; None if interrupted before."""
    done = {outcome.address for outcome in outcomes if outcome.word is Word.DONE}
    words = {outcome.address for outcome in outcomes if outcome.word is not Word.DONE}
    words |= {one.address for one in run.planned.plan.blocked if one.address}
    left: tuple[str, ...] = ()
    stop = run.work.stop.soft
    for pause in LAGS:
        if pause:
            await either(run.account.pace.pause(pause), stop.wait())
        if stop.is_set():
            return None, ("interrupted before the last look",)
        try:
            left = await _left(run, done - words)
        except Error as problem:
            return False, (f"the account could not be looked at again: {problem.message}",)
        if not left:
            return True, ()
    return False, left


async def _left(run: _Run, done: Collection[Address]) -> tuple[str, ...]:
    account, there = run.account, run.planned.elsewhere
    snapshot = await observe(account.client.send, account.manifest, run.record.state, KINDS, pause=account.pace.pause)
    _, past = ended(snapshot, run.record.state, account.now())
    if past:
        return tuple(past)
    found = find_changes(account.manifest, snapshot, run.record.state, KINDS, elsewhere=there)
    remembered = _remembered(run, found)
    if remembered != run.record.state:
        run.record.soon(lambda state: replace(state, resources=remembered.resources))
        found = find_changes(account.manifest, snapshot, remembered, KINDS, elsewhere=there)
    changes = [f"{one.address} did not converge: {_fields(one)}" for one in found.changes if one.address in done]
    stops = [f"{one.address} did not converge: {one.reason}" for one in found.blocked if one.address in done]
    return (*changes, *stops)


def _fields(change: Change) -> str:
    return ", ".join(diff.field for diff in getattr(change, "fields", ())) or action(change)


def _remembered(run: _Run, found: Findings) -> State:
    """The state with what the server showed for what this run sent."""
    state = run.record.state
    for step in run.planned.plan.steps:
        outcome, change = run.work.words[step.name], step.change
        seen, held = found.matching.bound.get(step.address), state.resources.get(step.address)
        if not _is_set(step, outcome) or isinstance(change, Delete | Bookkeeping) or seen is None or held is None:
            continue
        kind = found.kind(step.address.kind)
        before = kind.shown(change.live) if isinstance(change, Update) else None
        names = set(change.send if isinstance(change, Update) else change.wanted.fields)
        if isinstance(change, Adopt):  # nothing was sent: another value is not what the server made of ours
            live = kind.shown(seen)
            names = {name for name in names if equal(kind, name, change.wanted.fields[name], live.get(name))}
        fields = settled_memories(kind, change.wanted, seen, sent=held, names=names, before=before, salt=state.salt)
        state = state.bind(step.address, replace(held, fields=fields))
    return state


async def _saved(run: _Run) -> tuple[str, ...]:
    """Close the record. If the store refuses, say where each result is and what to run."""
    told = {outcome.word for outcome in run.work.words.values()} & {Word.DONE, Word.UNKNOWN}
    if not run.record.writes and not told:
        return ()
    try:
        await run.record.close()
    except Error as problem:
        run.record.unsaved = problem
        where = run.account.store.place
        lost = [
            f"the state could not be written: {problem.whole}",
            f"what was begun is kept in {where}; once that can be written, apreconcile apply looks, and settles it",
        ]
        stored = run.record.stored
        if stored.lock:
            lost.append(f"until {to_second(stored.lock.until)} the lock of this run stands")
        for step in run.planned.plan.steps:
            outcome, at = run.work.words[step.name], step.address
            kept = stored.resources.get(at)
            if isinstance(step.change, Create) and outcome.word is Word.DONE and not (kept and kept.id == outcome.id):
                by_hand = f"; by hand: apreconcile resolve {at} --bind {outcome.id}" if at in stored.opened else ""
                lost.append(f"{at} is {outcome.id} {outcome.phone_number or ''}".rstrip() + by_hand)
        return tuple(lost)
    return ()


def _taken(plan: Plan, outcomes: Iterable[Outcome]) -> tuple[Step, ...]:
    done = {outcome.name for outcome in outcomes if outcome.word is Word.DONE}
    return tuple(step for step in plan.steps if step.name in done)


def _untouched(
    planned: Planned, warnings: tuple[str, ...], verified: tuple[Verified, ...], requests: int, *, stopped: bool
) -> Report:
    """A report of nothing taken: nothing to do, or nothing may be done. `requests` were sent since the plan."""
    plan = planned.plan
    skipped = (Outcome(one.address, one.action, Word.SKIPPED, "policy", verb=one.verb) for one in plan.steps)
    outcomes = planned.completed(list(skipped))
    undone = any(outcome.word is not Word.DONE for outcome in outcomes)
    return Report(
        exit_code(plan, outcomes, stopped=stopped, verified=verified),
        None if undone or plan.blocked or plan.unsafe or plan.unsettled else True,
        planned.digest,
        outcomes,
        tuple(Remaining(step.address, step.action, step.verb) for step in planned.left),
        plan.requests + requests,
        warnings,
        blocked(plan),
        settled=planned.settlement.said,
        verified=verified,
        destroys=plan.destroys,
    )
