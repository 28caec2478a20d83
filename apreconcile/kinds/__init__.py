"""The table of kinds, parents first: the one place where a kind is added."""

from apreconcile.core.kind import Kind

from .agent import AGENT
from .number import NUMBER
from .webhook import WEBHOOK

KINDS: tuple[Kind, ...] = (AGENT, NUMBER, WEBHOOK)

__all__ = ["KINDS"]
