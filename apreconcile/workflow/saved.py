"""A saved plan is not believed: it is made again, and what of it is the same in both is taken, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from apreconcile.core.address import Address
from apreconcile.core.agreement import agree
from apreconcile.core.outcome import Word
from apreconcile.core.plan import monthly, unpriced
from apreconcile.core.planfile import Document, check_current, check_home, check_intact, check_purpose, to_json

from .account import Account
from .planning import Planned, plan


async def plan_again(
    account: Account,
    saved: Document,
    *,
    source: str = "the plan file",
    wait: Callable[[str], None] | None = None,
    verify: bool = False,
) -> Planned:
    """Plan what a saved plan is about. Its steps are those that both plans have; the rest is in the agreement.

    Raises PlanFileError before anything is sent if the document was changed, has expired, or is for another account.
    """
    check_intact(saved, source=source)
    check_current(saved, account.now(), source=source)
    manifest = account.manifest
    check_purpose(saved, destroying=manifest.destroying, source=source)
    check_home(saved, manifest.project, manifest.environment, account.scope, source=source)
    only = tuple(dict.fromkeys(Address(*step["address"].split(".", 1)) for step in saved["steps"]))
    adopts = any(step["action"] == "adopt" for step in saved["steps"])
    fresh = await plan(account, adopt=adopts, only=only, lenient=True, wait=wait, verify=verify)
    made = fresh.plan
    agreement = agree(saved, to_json(made))
    taken = tuple(step for step in made.steps if step.name in agreement.taken)
    new = tuple(step for step in made.steps if step.name in agreement.new)
    cost = replace(made.cost, monthly_delta=monthly(taken), unpriced=unpriced(taken))
    blocked = made.blocked if only else ()
    behind = {one.address for one in agreement.words.values() if one.word is not Word.DONE}
    behind |= {step.address for step in new}
    probes = tuple(probe for probe in made.probes if probe.address not in behind)
    restricted = replace(made, steps=taken, blocked=blocked, cost=cost, probes=probes)
    return replace(fresh, plan=restricted, left=(*new, *fresh.left), agreement=agreement)
