"""How the account of an environment is reached: as a flag says, else a variable, else the spec."""

from __future__ import annotations

from apreconcile.core.wanted import Access
from apreconcile.workflow.reaching import Reach
from apreconcile.workflow.reaching import reach as reached

from .options import Settings


def reach(settings: Settings, access: Access) -> Reach:
    """How an account is reached for which the spec says `access`."""
    return reached(access, settings.environ, base_url=settings.base_url, sub_account=settings.sub_account)
