"""The sentences: what the command line and a library user both call."""

from .account import Account, check_url, connect, utc_now, without_shared
from .applying import apply
from .approving import load_approvals, read_file, signed, weighed
from .cloning import Clone, clone
from .copying import state_copy
from .drifting import drift
from .exporting import export
from .governing import check_hosts, govern
from .loading import load
from .locking import check_free, patiently
from .planning import Planned, plan
from .reaching import DEFAULT_BASE_URL, Named, Reach
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
from .saved import plan_again
from .stores import LOST, WRITE_STORE, is_lost, open_store, state_line
from .sub_accounts import create_sub_account, list_sub_accounts

__all__ = [
    "DEFAULT_BASE_URL",
    "LOST",
    "WRITE_STORE",
    "Account",
    "Clone",
    "Named",
    "Planned",
    "Reach",
    "apply",
    "check_free",
    "check_hosts",
    "check_url",
    "clone",
    "connect",
    "create_sub_account",
    "drift",
    "export",
    "govern",
    "is_lost",
    "kind_of",
    "list_sub_accounts",
    "load",
    "load_approvals",
    "open_store",
    "patiently",
    "plan",
    "plan_again",
    "read_file",
    "read_secret",
    "resolve_bind",
    "resolve_not_created",
    "signed",
    "state_copy",
    "state_forget",
    "state_init",
    "state_line",
    "state_move",
    "state_unlock",
    "utc_now",
    "weighed",
    "without_shared",
]
