"""The sentences: what the command line and a library user both call."""

from .account import DEFAULT_BASE_URL, Account, connect
from .applying import apply
from .copying import state_copy
from .exporting import export
from .governing import check_hosts, govern
from .loading import load
from .locking import check_free, patiently
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
from .stores import open_store, state_line

__all__ = [
    "DEFAULT_BASE_URL",
    "Account",
    "Planned",
    "apply",
    "check_free",
    "check_hosts",
    "connect",
    "export",
    "govern",
    "kind_of",
    "load",
    "open_store",
    "patiently",
    "plan",
    "read_secret",
    "resolve_bind",
    "resolve_not_created",
    "state_copy",
    "state_forget",
    "state_init",
    "state_line",
    "state_move",
    "state_unlock",
]
