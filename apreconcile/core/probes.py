"""Which test events are sent after a plan: one to each thing of ours that takes one, and that the spec wants."""

from __future__ import annotations

from collections.abc import Sequence

from .address import Address
from .call import IdOf
from .change import Adopt, Create
from .findings import Findings
from .plan import Plan, Probe


def probes(found: Findings, plan: Plan, only: Sequence[Address]) -> tuple[Probe, ...]:
    """Those for what the state holds, and for what this plan makes or adopts; of `only`, if that names any.

    None to what is blocked, such as for its host: it is not as it should be; nor where it is not safe to write.
    """
    if plan.unsafe:
        return ()
    bound, taken = found.matching.bound, found.matching.taken
    ours = {at for at in bound if at not in taken}
    ours |= {step.address for step in plan.steps if isinstance(step.change, Create | Adopt)}
    ours -= {one.address for one in plan.blocked if one.address}
    asked = {found.manifest.moved.get(at, at) for at in only} or ours
    sent = []
    for wanted in found.manifest.resources:
        at, probe = wanted.address, found.kind(wanted.address.kind).probe
        if probe and at in ours & asked:
            there = bound.get(wanted.parent) if wanted.parent else None
            sent.append(probe(at, there.id if there else IdOf(wanted.parent) if wanted.parent else None))
    return tuple(sent)
