"""The sentences: what the command line and a library user both call."""

from .account import DEFAULT_BASE_URL, Account, connect
from .applying import apply
from .exporting import export
from .loading import load
from .planning import Planned, plan
from .remembering import (
    kind_of,
    read_secret,
    resolve_bind,
    resolve_not_created,
    state_forget,
    state_init,
    state_move,
    state_unlock,
)

__all__ = [
    "DEFAULT_BASE_URL",
    "Account",
    "Planned",
    "apply",
    "connect",
    "export",
    "kind_of",
    "load",
    "plan",
    "read_secret",
    "resolve_bind",
    "resolve_not_created",
    "state_forget",
    "state_init",
    "state_move",
    "state_unlock",
]
