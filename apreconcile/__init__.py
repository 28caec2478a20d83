"""apreconcile keeps an AgentPhone account equal to a YAML spec, and takes nothing back that cannot be given back.

The names are loaded when they are first used: `apreconcile --help` begins 400 ms sooner than with all of them. What
they are is written in `__init__.pyi`, for readers and type checkers.
"""

from importlib import import_module
from typing import Any

from .version import __version__

_HOMES = {
    "load": "workflow.loading",
    "connect": "workflow.account",
    "plan": "workflow.planning",
    "apply": "workflow.applying",
    "export": "workflow.exporting",
    "Account": "workflow.account",
    "Address": "core.address",
    "Error": "core.errors",
    "Manifest": "core.wanted",
    "Plan": "core.plan",
    "Planned": "workflow.planning",
    "Report": "core.outcome",
    "Word": "core.outcome",
}

__all__ = ["__version__", *_HOMES]  # noqa: PLE0604 -- the keys are text, and the stub spells them out


def __getattr__(name: str) -> Any:
    """Load a name of the library's face (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    """The names of the face."""
    return sorted(__all__)
