"""Planning turns what was matched into changes, and changes into steps: the calls, their risks, order and words.

It runs in two halves, because facts cost requests: `find_changes` says what differs and so which questions to ask;
`make_plan` takes the answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from .address import Address
from .approval import with_token
from .call import Call, Reply
from .change import (
    Adopt,
    Blocked,
    Bookkeeping,
    Change,
    Create,
    Deed,
    Delete,
    FieldDiff,
    Forget,
    Move,
    Protect,
    Update,
    action,
)  # fmt: skip
from .diff import concealed, difference, digest_of_sink, first_fields
from .elsewhere import Elsewhere, unknown
from .ending import endless
from .facts import Question, Words, World
from .findings import Findings
from .governing import monthly_price, price, strange_hosts, wanting, with_permits, within_limits, without_strange
from .kind import Kind
from .match import match
from .members import members
from .naming import named, rename, without_doubles, without_doubts, without_imported, without_renames
from .obstacles import (
    newcomers,
    not_buying,
    only_adopting,
    overwriting,
    renamed,
    unremembered,
    within_quota,
    without_stuck,
)
from .plan import FREE, Cost, Delivery, Plan, Scope, Step, Unmanaged, monthly, unpriced
from .planfile import VALID, plan_digest
from .protection import protecting, without_protected
from .scoping import beside, guarded
from .snapshot import Seen, Snapshot
from .state import Intent, State
from .wanted import Manifest, Wanted


def find_changes(
    manifest: Manifest,
    snapshot: Snapshot,
    state: State,
    kinds: Sequence[Kind],
    *,
    adopt: bool = False,
    unsettled: Sequence[Blocked] = (),
    closed: Sequence[Intent] = (),
    elsewhere: Elsewhere | None = None,
) -> Findings:
    """Match, compare, and say what differs; nothing is asked yet.

    `unsettled` is what settling left open, `closed` are the changes whose outcome nobody had written down, `elsewhere`
    is what other environments hold.
    """
    names = rename(manifest, state)
    there = elsewhere or Elsewhere()
    matching = match(manifest, snapshot, names.state, kinds, adopt=adopt, elsewhere=there)
    blocked = [*names.blocked, *matching.blocked]
    found = Findings(
        manifest, snapshot, names.state, tuple(kinds), matching, (), (), state, tuple(unsettled), tuple(closed), there
    )
    changes: list[Change] = []
    stopped = {one.address for one in blocked} | names.state.opened
    for wanted in manifest.resources:
        at = wanted.address
        if at not in stopped:
            more, stops = _wanted_changes(found, wanted)
            if at in names.moved:
                more = [] if stops else [_move(found, wanted, names.moved[at]), *more]
            changes += more
            blocked += stops
    changes += [_leaving(found, at, seen) for at, seen in sorted(matching.orphans.items()) if at not in stopped]
    changes, imported = without_imported(changes, manifest, names.state)
    changes, renamed = without_renames(changes, names.state, found.kind)
    changes, doubted = without_doubts(changes, manifest, names.state)
    changes, doubled = without_doubles(changes, manifest, snapshot, names.state, found.kind)
    changes, kept = without_protected(changes, manifest, names.state, found.kind)
    return replace(found, changes=tuple(changes), blocked=(*blocked, *imported, *renamed, *doubted, *doubled, *kept))


def questions(found: Findings, now: datetime, scope: Scope | None = None) -> tuple[Question, ...]:
    """What has to be read before the plan can be made; equal questions once."""
    deeds = [change for change in found.changes if not isinstance(change, Bookkeeping)]
    asked = [one for change in deeds for one in found.kind(change.address.kind).asks(change, now)]
    if scope and scope.sub_account:
        asked += (one for change in deeds for one in beside(_calls(found.kind(change.address.kind), change)))
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
    blocked, unsafe, warnings, steps = [*found.blocked], [*matching.unsafe], _notices(found), list[Step]()
    for change in found.changes:
        step, said, stops = _step(found, world, change, scope)
        warnings += said
        blocked += stops
        if not stops:
            steps.append(step)
    strange = strange_hosts(found.manifest, found.kind, matching.bound)
    blocked += strange
    steps = without_strange(steps, strange)
    linked = sorted(_linked(found, steps), key=lambda step: (step.stage, step.address))
    only = [found.manifest.moved.get(at, at) for at in only]
    taken = _needed(linked, only) if only else {step.address for step in linked} | {one.address for one in blocked}
    left = tuple(step for step in linked if step.address not in taken)
    steps, stops = _unhindered(found, world, [step for step in linked if step.address in taken])
    blocked += stops
    if matching.older:
        steps, older, alone = only_adopting(found, steps, blocked)
        blocked += older
        unsafe += alone
    kept, dear = with_permits(found, _linked(found, steps), now)
    plan = Plan(
        project=found.manifest.project,
        environment=found.manifest.environment,
        scope=scope,
        steps=kept,
        blocked=tuple(sorted((one for one in blocked if not only or one.address in taken), key=_blocked_key)),
        unmanaged=tuple(Unmanaged(one.kind, one.id, found.kind(one.kind).label(one)) for one in matching.unmanaged),
        warnings=tuple(sorted({*warnings, *dear})),
        cost=_cost(kept, world),
        digest=plan_digest(state.project, state.environment, scope, kept, state.salt),
        serial=state.serial,
        expires=(now + VALID).strftime("%Y-%m-%dT%H:%M:%SZ"),
        requests=requests,
        unsafe=(*unsafe, *newcomers(found, kept), *renamed(found, kept), *unremembered(found)),
        unsettled=found.unsettled,
        bound=dict(matching.bound),
        salt=state.salt, policy=found.manifest.policy.source, signatures=found.manifest.policy.signatures,
        destroys=found.manifest.destroying, members=members(found),
    )  # fmt: skip
    return plan, left


def _unhindered(found: Findings, world: World, steps: Sequence[Step]) -> tuple[list[Step], list[Blocked]]:
    """The steps that nothing stands in the way of, and what stands in the way of the others."""
    left, quota = within_quota(list(steps), world, found.matching)
    left, waiting = not_buying(found, left)
    left, stuck = without_stuck(found, left)
    left, over = within_limits(found, left, world.now)
    left, behind = without_stuck(found, left)
    return left, [*quota, *waiting, *stuck, *over, *behind]


def _wanted_changes(found: Findings, wanted: Wanted) -> tuple[list[Change], list[Blocked]]:
    at, matching, kind = wanted.address, found.matching, found.kind(wanted.address.kind)
    wanted = concealed(kind, wanted, found.state.resources.get(at))
    marker = found.manifest.marker(at)
    seen = matching.bound.get(at)
    if seen is None:
        lost = matching.lost.get(at)
        lifetime = found.manifest.chosen.lifetime if kind.marked else None
        return [Create(at, wanted, first_fields(kind, wanted), marker, lost.id if lost else None, lifetime)], []
    differs = difference(
        kind, wanted, seen,
        held=found.state.resources.get(at), bound=matching.bound, owners=matching.owners, salt=found.state.salt,
    )  # fmt: skip
    changes = [] if at in matching.taken else protecting(wanted, seen, found.state.resources.get(at))
    if differs.blocked:
        return changes, differs.blocked
    if at in matching.taken:
        changes.append(Adopt(at, wanted, seen, marker, matching.taken[at]))
    if differs.fields:
        changes.append(Update(at, wanted, seen, tuple(differs.fields), differs.send))
    elif wanted.sink and not changes:
        changes += _handing_on(found, wanted, seen)
    return changes, []


def _handing_on(found: Findings, wanted: Wanted, seen: Seen) -> list[Change]:
    """An update that sends nothing, if the sink of the spec does not have the secret yet."""
    held = found.state.resources.get(wanted.address)
    before = held.delivered if held else None
    if before == digest_of_sink(wanted.sink, found.state.salt):
        return []
    diff = FieldDiff("secret", "another sink" if before else None, str(wanted.sink).strip("`"))  # shown in quotes
    return [Update(wanted.address, wanted, seen, (diff,), {})]


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
    kind, words = found.kind(change.address.kind), Words()
    policy = found.manifest.policy
    if isinstance(change, Bookkeeping):
        cost = monthly_price(kind, kind.shown(change.live), policy) if change.live else None
        step = named(kind, change, cost, found.state.resources.get(change.address))
    else:
        words, stage, delivery = kind.words(change, world), _stage(found.kinds, change), _delivery(found, kind, change)
        step = Step(change, (), frozenset(), stage, why=words.why, slot=kind.single, delivery=delivery)
        if not (isinstance(change, Update) and not change.send):
            step = replace(
                step, calls=_calls(kind, change), risks=kind.risks(change), guards=kind.guards(change),
                settle=kind.settle(change), price=price(kind, change, policy),
            )  # fmt: skip
    step, stops = guarded(step, world.answers) if scope.sub_account else (step, [])
    if step.risks & wanting(policy):
        step = with_token(step, _verb(kind, change), state=found.state, scope=scope)
    stops += [Blocked(change.address, reason, hint) for reason, hint in words.blocked]
    stops += overwriting(found, change.address, step.delivery.sink) if step.delivery else []
    return step, words.warnings, stops


def _delivery(found: Findings, kind: Kind, change: Deed) -> Delivery | None:
    """How its secret comes to its sink; an adoption leaves that to the update that comes after it."""
    later = isinstance(change, Adopt) and any(
        isinstance(one, Update) and one.address == change.address for one in found.changes
    )
    return kind.delivery(change) if kind.delivery and not later else None


def _verb(kind: Kind, change: Change) -> str:
    """The verb of a step's token."""
    if isinstance(change, Protect):
        return "protect" if change.protect else "unprotect"
    again = isinstance(change, Create) and change.again
    otherwise = "reroute" if isinstance(change, Update) else "delete"
    return kind.verb.get("again" if again else action(change), otherwise)


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
        if isinstance(step.change, Create | Update | Protect) and step.address in taken:
            needs.add(step.address)
        if isinstance(step.change, Delete):
            needs |= freeing.get(step.change.live.id, set())
        linked.append(replace(step, after=tuple(sorted(needs))))
    return linked


def _notices(found: Findings) -> list[str]:
    said = [*found.manifest.warnings, *found.elsewhere.warnings]
    said += unknown(found.manifest, found.snapshot, {kind.name: kind for kind in found.kinds})
    if found.manifest.destroying and found.before.id == "none":
        said.append(f"there is no state of {found.manifest.environment}: what it has is not known here")
    blocked = {one.address for one in found.blocked}
    naming = {change.address for change in found.changes if isinstance(change, Adopt | Move)}
    for wanted in found.manifest.resources:
        at, kind = wanted.address, found.kind(wanted.address.kind)
        seen = found.matching.bound.get(at) if at not in blocked else None
        if seen:
            marker = found.manifest.marker(at)
            for call in kind.adopt(seen, marker) if at in naming else ():
                seen = replace(seen, body={**seen.body, **call.body})
            said += (*kind.notices(wanted, seen, marker), *endless(found.state, at, seen))
    return said


def _cost(steps: Sequence[Step], world: World) -> Cost:
    buys = any(step.spends for step in steps)
    numbers = (world.answer("usage") or {}).get("numbers") if buys else None
    known = numbers if isinstance(numbers, dict) else {}
    return Cost(
        monthly(steps), known.get("used"), known.get("limit"), unpriced=unpriced(steps),
        as_of=world.manifest.policy.charged.as_of if any(step.price != FREE for step in steps) else "",
    )  # fmt: skip


def _blocked_key(one: Blocked) -> tuple[str, str, str]:
    return (str(one.address or ""), one.reason, one.hint)


def _needed(steps: Sequence[Step], only: Sequence[Address]) -> set[Address]:
    """These addresses, and those whose steps must be done before theirs. Later steps come last, so one pass will do."""
    taken = set(only)
    for step in reversed(steps):
        if step.address in taken:
            taken |= set(step.after)
    return taken
