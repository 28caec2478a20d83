"""To look for drift: plan, send nothing, and say who moved."""

from __future__ import annotations

from collections.abc import Sequence

from apreconcile.core.address import Address
from apreconcile.core.drift import Drift, find_drift

from .account import Account
from .planning import plan


async def drift(account: Account, *, only: Sequence[Address] = ()) -> Drift:
    """What differs between spec and account, of these addresses and what they need, and who moved. Nothing is written.

    Raises as `plan` does.
    """
    planned = await plan(account, only=only)
    return find_drift(planned.found, planned.plan)
