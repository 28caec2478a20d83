"""What differs between spec, state and account, and all that it was found in."""

from __future__ import annotations

from dataclasses import dataclass, field

from .change import Blocked, Change
from .elsewhere import Elsewhere
from .kind import Kind
from .match import Matching
from .snapshot import Snapshot
from .state import Intent, State
from .wanted import Manifest


@dataclass(frozen=True, slots=True)
class Findings:
    """What differs, and all it was found in. `state` has the keys of the spec."""

    manifest: Manifest
    snapshot: Snapshot
    state: State
    kinds: tuple[Kind, ...]
    matching: Matching
    changes: tuple[Change, ...]
    blocked: tuple[Blocked, ...]
    before: State
    """The state with its own keys, those that the spec moves included: what an apply starts from."""
    unsettled: tuple[Blocked, ...] = ()
    closed: tuple[Intent, ...] = ()
    """Changes of earlier runs whose outcome nobody wrote down."""
    elsewhere: Elsewhere = field(default_factory=Elsewhere)

    def kind(self, name: str) -> Kind:
        """The kind with this name."""
        return next(kind for kind in self.kinds if kind.name == name)
