"""A spec is found and loaded here: the positional SPEC, else `-f`, else `./agentphone.yaml`."""

from __future__ import annotations

from pathlib import Path

from apreconcile.core.errors import UsageError
from apreconcile.core.wanted import Manifest
from apreconcile.workflow.loading import DEFAULT_SPEC, load

from .options import Settings

__all__ = ["DEFAULT_SPEC", "home_of", "manifest_of"]


def manifest_of(settings: Settings) -> Manifest:
    """The spec. Raises SpecError with all its problems, and UsageError where a saved plan stands for it."""
    paths = settings.files
    saved = next((path for path in paths if path.endswith(".json") and not Path(path).is_dir()), None)
    if saved:
        hint = f"show it: apreconcile show {saved}"
        raise UsageError(f"{saved} is no spec; applying a saved plan comes in a later version", hint=hint)
    return load(
        paths, variables=settings.variables, environ=settings.environ, environment=settings.environment
    )  # fmt: skip


def home_of(settings: Settings) -> str:
    """The folder beside which the sandbox lies, whether or not there is a spec in it."""
    first = Path(settings.files[0] if settings.files else DEFAULT_SPEC)
    return str(first if first.is_dir() else first.parent)
