"""What stands in the way of steps: each function leaves out those that may not go, and says why and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .address import Address
from .change import Adopt, Blocked, Create, Delete, Move, Protect, Update
from .diff import digest_of_sink
from .elsewhere import left_behind
from .facts import World
from .findings import Findings
from .marker import MARK
from .match import Matching
from .plan import Step
from .sink import Sink
from .snapshot import Seen
from .wanted import DEFAULT, Manifest, named_after


def without_stuck(found: Findings, steps: list[Step]) -> tuple[list[Step], list[Blocked]]:
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
        steps = [step for step in steps if step.address not in caught or isinstance(step.change, Protect)]


def _stuck(
    found: Findings, step: Step, known: set[Address], freed: set[str], hanging: Mapping[str, list[Seen]]
) -> Blocked | None:
    for at in sorted({at for call in step.calls for at in call.needs}):
        if at not in known:
            return Blocked(step.address, f"waits for {at}, which is blocked", f"settle {at} first")
    leaving = step.change.live.id if isinstance(step.change, Delete) else ""
    for intent in found.state.intents.values():
        if leaving and intent.creates and intent.parent == leaving:
            reason = f"it may hold what was begun for {intent.address}, whose outcome is unknown"
            return Blocked(step.address, reason, f"settle {intent.address} first", exit=6)
    for seen in hanging.get(leaving, ()) if leaving else ():
        if seen.id not in freed:
            kind, owner = found.kind(seen.kind), found.matching.owners.get((seen.kind, seen.id))
            whose = str(owner) if owner else f"an unmanaged {kind.name}"
            label = kind.called(seen, found.state.resources.get(owner) if owner else None)
            reason = f"still holds {label}, which is {whose}"
            return Blocked(step.address, reason, "move, detach or remove that first")
    return None


def within_quota(steps: list[Step], world: World, matching: Matching) -> tuple[list[Step], list[Blocked]]:
    """Leave out purchases beyond the account's limit; a release of the same plan frees nothing."""
    numbers = (world.answer("usage") or {}).get("numbers")
    if not isinstance(numbers, dict) or not isinstance(numbers.get("limit"), int):
        return steps, []
    used, limit = int(numbers.get("used") or 0), int(numbers["limit"])
    buying = sorted((step for step in steps if step.spends), key=lambda step: step.address)
    over = {step.address for step in buying[max(0, limit - used) :]}
    spare = [seen for seen in matching.unmanaged if seen.body.get("phoneNumber")]
    hint = (
        _ways_out(world.manifest, spare[0], next(iter(sorted(over))))
        if over and spare
        else "ask AgentPhone for a higher limit"
    )
    reason = f"quota: {used} of {limit} numbers are used, and this plan would buy {len(buying)}"
    return [step for step in steps if step.address not in over], [Blocked(at, reason, hint) for at in sorted(over)]


def not_buying(found: Findings, steps: Sequence[Step]) -> tuple[list[Step], list[Blocked]]:
    """Leave out purchases while the outcome of a creation is unknown: it may have been one of them."""
    if not found.unsettled:
        return list(steps), []
    first = found.unsettled[0].address
    reason = f"nothing is bought while the outcome of {first} is unknown"
    buying = [Blocked(step.address, reason, f"settle {first} first", exit=6) for step in steps if step.spends]
    return [step for step in steps if not step.spends], buying


def only_adopting(
    found: Findings, steps: Sequence[Step], blocked: Sequence[Blocked]
) -> tuple[list[Step], list[Blocked], list[Blocked]]:
    """Leave out all but adoptions: the state is older than the account, which has things that it does not know.

    What is left out is blocked; where nothing is, and this plan does not adopt all of them, the account is unsafe.
    """
    taken = {step.address: step.change.live.id for step in steps if isinstance(step.change, Adopt)}
    adopting = [step for step in steps if step.address in taken and isinstance(step.change, Adopt | Move)]
    strange = [seen for seen in found.matching.older if seen.id not in taken.values()]
    first = (strange or found.matching.older)[0]
    kind = found.kind(first.kind)
    what = f"{kind.label(first)} ({first.id}) with the marker {kind.marker(first)!r}"
    reason = f"the state is older than the account: it does not know {what}"
    hint = "apply takes the adoptions; then plan again" if adopting else _way_back(found, first, blocked)
    left = [Blocked(at, reason, hint, 9) for at in dict.fromkeys(one.address for one in steps if one not in adopting)]
    alone = bool(strange) and not left and not found.matching.unsafe
    return adopting, left, [Blocked(None, reason, _way_back(found, first, blocked), 9)] if alone else []


def _way_back(found: Findings, seen: Seen, blocked: Sequence[Blocked]) -> str:
    """How something with a marker of ours comes back; only what the spec does not want is set aside."""
    at = next((one.address for one in found.manifest.resources if _is_marked(found, one.address, seen)), None)
    aside = f"set it aside: apreconcile state init --ignore {seen.id}"
    if found.manifest.destroying:
        return f"take it back first, which only adopts: apreconcile apply --adopt; or {aside}"
    if at is None:
        return f"give it back its key in the spec, or {aside}"
    for one in blocked:
        if one.address == at:
            return f"it is {at} of the spec, which is blocked ({one.reason}): {one.hint}"
    holder = found.matching.bound.get(at)
    if holder is None or holder.id == seen.id:
        return f"take its adoption first: apreconcile apply --only {at}"
    return f"{at} is {holder.id}: give this one another externalId, or {aside}"


def _is_marked(found: Findings, at: Address, seen: Seen) -> bool:
    """Whether something carries the marker of an address, or of one that was moved there."""
    olds = (old for old, new in found.manifest.moved.items() if new == at)
    tag = found.kind(seen.kind).marker(seen)
    return at.kind == seen.kind and tag in {found.manifest.marker(one) for one in (at, *olds)}


def overwriting(found: Findings, at: Address, sink: Sink) -> list[Blocked]:
    """A secret is not handed on where that of another environment would be lost, whose receiver still wants it.

    A program may tell them apart by its variables, and a file may be another one on another machine.
    """
    if sink.command or (sink.file is not None and not found.elsewhere.near):
        return []
    lost = [one for one in found.elsewhere.handed if one.digest == digest_of_sink(sink, one.salt)]
    own = f"environments: {{{found.manifest.chosen.name}: {{webhooks: {{{at.written}: {{secret: …}}}}}}}}"
    return [
        Blocked(
            at,
            f"{sink} has the signing secret of {one.address} of the environment {one.environment}",
            f"give it a sink of its own: {own}",
        )
        for one in lost[:1]
    ]


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
        and not found.elsewhere.holder(seen)
        and (state.id == "none" or seen.id in state.unclaimed)
    )


def newcomers(found: Findings, steps: Sequence[Step]) -> list[Blocked]:
    """Nothing is bought while a number that was there before us might be it."""
    buying = [step.address for step in steps if step.spends]
    unsafe = []
    for index, seen in enumerate(unclaimed(found) if buying else ()):
        agent = found.snapshot.get("agent", str(seen.body.get("agentId")))
        held = f", answered by {agent.body.get('name')!r}" if agent else ", without an agent"
        what = f"{seen.body.get('phoneNumber')} ({seen.id}{held})"
        since = "no state yet, and the account has" if found.state.id == "none" else "older than the state:"
        reason = f"{since} {what}, which may be one to buy"
        unsafe.append(
            Blocked(None, reason, _ways_out(found.manifest, seen, buying[min(index, len(buying) - 1)]), exit=9)
        )
    return unsafe


def renamed(found: Findings, steps: Sequence[Step]) -> list[Blocked]:
    """Nothing is bought by an environment without a state while one that the spec does not have may have been it.

    An instance of an ephemeral one is new, and was never another.
    """
    manifest = found.manifest
    if found.state.id != "none" or manifest.chosen.ephemeral or not any(step.spends for step in steps):
        return []
    former = dict[str, Seen]()
    for seen in found.matching.unmanaged:
        name = left_behind(manifest, found.kind(seen.kind), seen, found.elsewhere)
        if name and ":" not in name and found.kind(seen.kind).marked:
            former.setdefault(name, seen)
    return [_formerly(manifest, name, f"{seen.body.get('phoneNumber')} ({seen.id})") for name, seen in former.items()]


def _formerly(manifest: Manifest, name: str, what: str) -> Blocked:
    now = manifest.chosen.name
    reason = (
        f"no state yet, and {what} is of the environment {name}, which the spec does not have: was {now} called so?"
    )
    back = f"write `as: {DEFAULT}` into {now}" if name == DEFAULT else f"call it {name} again"
    return Blocked(
        None, reason, f"if it was, {back}; if {now} is another one, begin it: apreconcile state init", exit=9
    )


def unremembered(found: Findings) -> list[Blocked]:
    """Without its state an ephemeral environment is not said to be destroyed while an agent is named after it."""
    manifest = found.manifest
    if not (manifest.destroying and manifest.chosen.ephemeral) or found.state.id != "none" or found.matching.older:
        return []
    end = named_after("", manifest.environment)
    left = [seen for seen in found.matching.unmanaged if str(seen.body.get("name") or "").endswith(end)]
    hint = "take it back first, which only adopts: apreconcile apply --adopt"
    return [
        Blocked(
            None, f"there is no state, and {found.kind(seen.kind).label(seen)} ({seen.id}) is named after it", hint, 9
        )
        for seen in left[:1]
    ]


def _ways_out(manifest: Manifest, seen: Seen, at: Address) -> str:
    """How a number that is nobody's is taken, or left; an `import` stands in the environment, if the spec has some."""
    leave = f"leave it: apreconcile state init --ignore {seen.id}"
    if manifest.chosen.ephemeral:
        return leave
    into = f"{at} in environments.{manifest.chosen.name}" if manifest.environments else f"{at}"
    return f"manage it: add 'import: {seen.id}' to {into}; or {leave}"
