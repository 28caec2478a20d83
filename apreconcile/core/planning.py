"""Planning turns what was matched into changes, and changes into steps: the calls, their risks, order and words.

It runs in two halves, because facts cost requests: `find_changes` says what differs and so which questions to ask;
`make_plan` takes the answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from .address import Address
from .approval import token
from .call import Call, Reply
from .change import WANTS_APPROVAL, Adopt, Blocked, Change, Create, Deed, Delete, Forget, Move, Naming, Update
from .diff import concealed, difference, first_fields
from .facts import Question, World
from .kind import Kind
from .marker import MARK
from .match import Matching, match
from .naming import named, rename, without_renames
from .plan import Cost, Plan, Scope, Step, Unmanaged
from .planfile import plan_digest
from .snapshot import Seen, Snapshot
from .state import State
from .wanted import Manifest, Wanted

MONTHLY = Decimal("3.00")
"""US dollars a month for one number (DOCS usage-billing, 2026)."""
VALID = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Findings:
    """What differs, and all it was found in. `state` has the keys of the spec."""

    manifest: Manifest
    snapshot: Snapshot
    state: State
    kinds: tuple[Kind, ...]
    matching: Matching
    changes: tuple[Change, ...]
    blocked: tuple[Blocked, ...]
    before: State
    """The state with its own keys, those that the spec moves included: what an apply starts from."""

    def kind(self, name: str) -> Kind:
        """The kind with this name."""
        return next(kind for kind in self.kinds if kind.name == name)


def find_changes(
    manifest: Manifest, snapshot: Snapshot, state: State, kinds: Sequence[Kind], *, adopt: bool = False
) -> Findings:
    """Match, compare, and say what differs; nothing is asked yet."""
    names = rename(manifest, state)
    matching = match(manifest, snapshot, names.state, kinds, adopt=adopt)
    blocked = [*names.blocked, *matching.blocked]
    found = Findings(manifest, snapshot, names.state, tuple(kinds), matching, (), tuple(blocked), state)
    changes: list[Change] = []
    stopped = {one.address for one in (*blocked, *matching.unsettled)}
    for wanted in manifest.resources:
        at = wanted.address
        if at not in stopped:
            more, stops = _wanted_changes(found, wanted)
            if at in names.moved and not stops:
                changes.append(_move(found, wanted, names.moved[at]))
            changes += more
            blocked += stops
    changes += [_leaving(found, at, seen) for at, seen in sorted(matching.orphans.items()) if at not in stopped]
    changes, renamed = without_renames(changes, names.state, found.kind)
    return replace(found, changes=tuple(changes), blocked=(*blocked, *renamed))


def questions(found: Findings, now: datetime) -> tuple[Question, ...]:
    """What has to be read before the plan can be made; equal questions once."""
    deeds = (change for change in found.changes if not isinstance(change, Naming))
    asked = (one for change in deeds for one in found.kind(change.address.kind).asks(change, now))
    return tuple(dict.fromkeys(asked))


def make_plan(
    found: Findings,
    answers: Mapping[Question, Reply],
    *,
    scope: Scope,
    now: datetime,
    requests: int,
    only: Sequence[Address] = (),
) -> tuple[Plan, tuple[Step, ...]]:
    """The plan, and the steps that `only` leaves for another run; it takes those addresses and what they need.

    The same inputs give the same bytes, in whatever order they came.
    """
    matching, state = found.matching, found.state
    world = World(
        found.manifest, found.snapshot, state, now,
        bound=matching.bound, owners=matching.owners, unmanaged=matching.unmanaged,
        changes=found.changes, answers=answers,
    )  # fmt: skip
    blocked, warnings, steps = list(found.blocked), _notices(found), list[Step]()
    for change in found.changes:
        step, said, stops = _step(found, world, change, scope)
        warnings += said
        blocked += stops
        if not stops:
            steps.append(step)
    linked = sorted(_linked(found, steps), key=lambda step: (step.stage, step.address))
    only = [found.manifest.moved.get(at, at) for at in only]
    taken = _needed(linked, only) if only else {step.address for step in linked} | {one.address for one in blocked}
    left = tuple(step for step in linked if step.address not in taken)
    steps, quota = _within_quota([step for step in linked if step.address in taken], world, matching)
    blocked += quota
    steps, stuck = _without_stuck(found, steps)
    blocked += stuck
    if matching.older:
        steps, older = _only_adopting(found, steps)
        blocked += older
    kept = tuple(_linked(found, steps))
    plan = Plan(
        project=found.manifest.project,
        environment=found.manifest.environment,
        scope=scope,
        steps=kept,
        blocked=tuple(sorted((one for one in blocked if not only or one.address in taken), key=_blocked_key)),
        unmanaged=tuple(Unmanaged(one.kind, one.id, found.kind(one.kind).label(one)) for one in matching.unmanaged),
        warnings=tuple(sorted(set(warnings))),
        cost=_cost(kept, world),
        digest=plan_digest(state.project, state.environment, scope, kept, state.salt),
        serial=state.serial,
        expires=(now + VALID).strftime("%Y-%m-%dT%H:%M:%SZ"),
        requests=requests,
        unsafe=(*matching.unsafe, *_newcomers(found, kept)),
        unsettled=tuple(matching.unsettled),
        bound=dict(matching.bound),
    )
    return plan, left


def _wanted_changes(found: Findings, wanted: Wanted) -> tuple[list[Change], list[Blocked]]:
    at, matching, kind = wanted.address, found.matching, found.kind(wanted.address.kind)
    wanted = concealed(kind, wanted, found.state.resources.get(at))
    marker = found.manifest.marker(at)
    seen = matching.bound.get(at)
    if seen is None:
        lost = matching.lost.get(at)
        return [Create(at, wanted, first_fields(kind, wanted), marker, lost.id if lost else None)], []
    differs = difference(
        kind, wanted, seen,
        held=found.state.resources.get(at), bound=matching.bound, owners=matching.owners, salt=found.state.salt,
    )  # fmt: skip
    if differs.blocked:
        return [], differs.blocked
    changes: list[Change] = []
    if at in matching.taken:
        changes.append(Adopt(at, wanted, seen, marker, matching.taken[at]))
    if differs.fields:
        changes.append(Update(at, wanted, seen, tuple(differs.fields), differs.send))
    return changes, []


def _move(found: Findings, wanted: Wanted, source: Address) -> Move:
    """What the state has under this address, seen if it still is there."""
    at, seen = wanted.address, found.matching.bound.get(wanted.address)
    same = seen is not None and seen.id == found.state.resources[at].id
    return Move(at, source, wanted, seen if same else None, found.manifest.marker(at))


def _leaving(found: Findings, at: Address, seen: Seen) -> Delete | Forget:
    """What becomes of something of ours that the spec no longer has."""
    gone = at in found.manifest.forget
    return Forget(at, seen, found.manifest.marker(at)) if gone else Delete(at, seen, _parent(found, seen))


def _parent(found: Findings, seen: Seen) -> Address | None:
    parent = found.kind(seen.kind).parent
    return found.matching.owners.get((parent, seen.parent)) if parent and seen.parent else None


def _step(found: Findings, world: World, change: Change, scope: Scope) -> tuple[Step, tuple[str, ...], list[Blocked]]:
    kind = found.kind(change.address.kind)
    if isinstance(change, Naming):
        return named(kind, change, MONTHLY), (), []
    risks, words = kind.risks(change), kind.words(change, world)
    step = Step(
        change, _calls(kind, change), risks, _stage(found.kinds, change),
        guards=kind.guards(change), settle=kind.settle(change), why=words.why, slot=kind.single,
    )  # fmt: skip
    if risks & WANTS_APPROVAL:
        again = isinstance(change, Create) and change.again
        verb = kind.verb.get("again" if again else step.action, "delete")
        step = replace(step, token=token(step, verb, state=found.state, scope=scope))
    return step, words.warnings, [Blocked(change.address, reason, hint) for reason, hint in words.blocked]


def _calls(kind: Kind, change: Deed) -> tuple[Call, ...]:
    match change:
        case Create():
            return kind.create(change)
        case Update():
            return kind.update(change)
        case Delete():
            return kind.delete(change)
        case Adopt():
            return kind.adopt(change.live, change.marker)


def _stage(kinds: Sequence[Kind], change: Deed) -> int:
    """Names come first (0), then adoptions; then creations and updates, parents first; deletions, children first."""
    rank = next(index for index, kind in enumerate(kinds) if kind.name == change.address.kind)
    match change:
        case Adopt():
            return 1
        case Create() | Update():
            return 2 + rank
        case Delete():
            return 2 * len(kinds) + 1 - rank


def _linked(found: Findings, steps: Sequence[Step]) -> list[Step]:
    """Every step with the addresses that must be done before it."""
    created = {step.address for step in steps if isinstance(step.change, Create)}
    taken = {step.address for step in steps if isinstance(step.change, Adopt | Move)}
    freeing: dict[str, set[Address]] = {}
    for step in steps:
        if step.live and isinstance(step.change, Update | Delete):
            parent = found.kind(step.address.kind).hangs_on(step.live)
            freeing.setdefault(parent or "", set()).add(step.address)
    linked: list[Step] = []
    for step in steps:
        needs = {at for call in step.calls for at in call.needs} & created
        if isinstance(step.change, Create | Update) and step.address in taken:
            needs.add(step.address)
        if isinstance(step.change, Delete):
            needs |= freeing.get(step.change.live.id, set())
        linked.append(replace(step, after=tuple(sorted(needs))))
    return linked


def _without_stuck(found: Findings, steps: list[Step]) -> tuple[list[Step], list[Blocked]]:
    """Leave out what waits for something blocked, and agents that something would still hang on."""
    blocked: list[Blocked] = []
    hanging: dict[str, list[Seen]] = {}
    for seen in found.snapshot.listed:
        hanging.setdefault(found.kind(seen.kind).hangs_on(seen) or "", []).append(seen)
    while True:
        adopted = {one.address for one in steps if isinstance(one.change, Adopt)}
        known = {at for at in found.matching.bound if at not in found.matching.taken or at in adopted}
        known |= {one.address for one in steps if isinstance(one.change, Create)}
        freed = {one.live.id for one in steps if one.live and isinstance(one.change, Update | Delete)}
        stuck = [one for step in steps if (one := _stuck(found, step, known, freed, hanging))]
        if not stuck:
            return steps, blocked
        blocked += stuck
        caught = {one.address for one in stuck}
        steps = [step for step in steps if step.address not in caught]


def _stuck(
    found: Findings, step: Step, known: set[Address], freed: set[str], hanging: Mapping[str, list[Seen]]
) -> Blocked | None:
    for at in sorted({at for call in step.calls for at in call.needs}):
        if at not in known:
            return Blocked(step.address, f"waits for {at}, which is blocked", f"settle {at} first")
    for seen in hanging.get(step.change.live.id, ()) if isinstance(step.change, Delete) else ():
        if seen.id not in freed:
            kind, owner = found.kind(seen.kind), found.matching.owners.get((seen.kind, seen.id))
            whose = str(owner) if owner else f"an unmanaged {kind.name}"
            reason = f"still holds {kind.label(seen)} ({seen.id}, {whose})"
            return Blocked(step.address, reason, "move, detach or remove that first")
    return None


def _within_quota(steps: list[Step], world: World, matching: Matching) -> tuple[list[Step], list[Blocked]]:
    """Leave out purchases beyond the account's limit; a release of the same plan frees nothing."""
    numbers = (world.answer("usage") or {}).get("numbers")
    if not isinstance(numbers, dict) or not isinstance(numbers.get("limit"), int):
        return steps, []
    used, limit = int(numbers.get("used") or 0), int(numbers["limit"])
    buying = sorted((step for step in steps if step.spends), key=lambda step: step.address)
    over = {step.address for step in buying[max(0, limit - used) :]}
    spare = [seen for seen in matching.unmanaged if seen.body.get("phoneNumber")]
    hint = _ways_out(spare[0], next(iter(sorted(over)))) if over and spare else "ask AgentPhone for a higher limit"
    reason = f"quota: {used} of {limit} numbers are used, and this plan would buy {len(buying)}"
    return [step for step in steps if step.address not in over], [Blocked(at, reason, hint) for at in sorted(over)]


def _only_adopting(found: Findings, steps: Sequence[Step]) -> tuple[list[Step], list[Blocked]]:
    taken = {step.address for step in steps if isinstance(step.change, Adopt)}
    adopting = [step for step in steps if step.address in taken and isinstance(step.change, Adopt | Move)]
    first = found.matching.older[0]
    kind = found.kind(first.kind)
    what = f"{kind.label(first)} ({first.id}) with the marker {kind.marker(first)!r}"
    reason = f"the state is older than the account: it does not know {what}"
    aside = f"give it back its key in the spec, or set it aside: apreconcile state init --ignore {first.id}"
    hint = "apply takes the adoptions; then plan again" if adopting else aside
    left = dict.fromkeys(step.address for step in steps if step not in adopting)
    return adopting, [Blocked(at, reason, hint, 9) for at in left]


def unclaimed(found: Findings) -> tuple[Seen, ...]:
    """Numbers that nobody manages, marked or set aside, and that were there before there was a state.

    Without its state, one of them may be the very one that the spec wants to have: so none if it wants no other.
    """
    state, bound = found.state, found.matching.bound
    wants = any(found.kind(one.address.kind).marked and one.address not in bound for one in found.manifest.resources)
    if not wants:
        return ()
    return tuple(
        seen
        for seen in found.matching.unmanaged
        if found.kind(seen.kind).marked
        and not str(found.kind(seen.kind).marker(seen) or "").startswith(MARK)
        and seen.id not in state.ignored
        and (state.id == "none" or seen.id in state.unclaimed)
    )


def _newcomers(found: Findings, steps: Sequence[Step]) -> list[Blocked]:
    """Nothing is bought while a number that was there before us might be it."""
    buying = [step.address for step in steps if step.spends]
    unsafe = []
    for index, seen in enumerate(unclaimed(found) if buying else ()):
        agent = found.snapshot.get("agent", str(seen.body.get("agentId")))
        held = f", answered by {agent.body.get('name')!r}" if agent else ", without an agent"
        what = f"{seen.body.get('phoneNumber')} ({seen.id}{held})"
        since = "no state yet, and the account has" if found.state.id == "none" else "older than the state:"
        reason = f"{since} {what}, which may be one to buy"
        unsafe.append(Blocked(None, reason, _ways_out(seen, buying[min(index, len(buying) - 1)]), exit=9))
    return unsafe


def _ways_out(seen: Seen, at: Address) -> str:
    return f"manage it: add 'import: {seen.id}' to {at}; or leave it: apreconcile state init --ignore {seen.id}"


def _notices(found: Findings) -> list[str]:
    said: list[str] = []
    blocked = {one.address for one in found.blocked}
    naming = {change.address for change in found.changes if isinstance(change, Adopt | Move)}
    for wanted in found.manifest.resources:
        at, kind = wanted.address, found.kind(wanted.address.kind)
        seen = found.matching.bound.get(at) if at not in blocked else None
        if seen:
            marker = found.manifest.marker(at)
            for call in kind.adopt(seen, marker) if at in naming else ():
                seen = replace(seen, body={**seen.body, **call.body})
            said += kind.notices(wanted, seen, marker)
    return said


def _cost(steps: Sequence[Step], world: World) -> Cost:
    buys = any(step.spends for step in steps)
    numbers = (world.answer("usage") or {}).get("numbers") if buys else None
    known = numbers if isinstance(numbers, dict) else {}
    return Cost(monthly(steps), known.get("used"), known.get("limit"))


def _blocked_key(one: Blocked) -> tuple[str, str, str]:
    return (str(one.address or ""), one.reason, one.hint)


def _needed(steps: Sequence[Step], only: Sequence[Address]) -> set[Address]:
    """These addresses, and those whose steps must be done before theirs. Later steps come last, so one pass will do."""
    taken = set(only)
    for step in reversed(steps):
        if step.address in taken:
            taken |= set(step.after)
    return taken


def monthly(steps: Sequence[Step]) -> Decimal:
    """What steps add to the monthly bill, in US dollars."""
    released = sum(isinstance(step.change, Delete) and "phoneNumber" in step.change.live.body for step in steps)
    return MONTHLY * (sum(step.spends for step in steps) - released)
