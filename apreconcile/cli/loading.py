"""A spec is found and loaded here: the positional SPEC, else `-f`, else `./agentphone.yaml`."""

from __future__ import annotations

from pathlib import Path

from apreconcile.core.errors import UsageError
from apreconcile.core.wanted import Manifest
from apreconcile.workflow import govern
from apreconcile.workflow.loading import DEFAULT_SPEC, load

from .options import Settings, is_plan
from .running import run

__all__ = ["DEFAULT_SPEC", "home_of", "manifest_of"]


def manifest_of(settings: Settings, *, beside_plan: bool = False) -> Manifest:
    """The spec, with its own policy or that of `--policy-from`.

    Raises SpecError with all its problems, UsageError where a saved plan stands for it, and UnsafeError for a policy
    that cannot be read from there.
    """
    plans = () if beside_plan else settings.plans
    saved = next((path for path in (*plans, *settings.files) if is_plan(path)), None)
    if saved:
        hint = f"apply it: apreconcile apply {saved}; or show it: apreconcile show {saved}"
        raise UsageError(f"{saved} is no spec, but a saved plan", hint=hint)
    paths = settings.files
    manifest = load(
        paths, variables=settings.variables, environ=settings.environ, environment=settings.environment
    )  # fmt: skip
    ref = settings.policy_from
    return manifest if ref is None else run(settings.terminal, lambda _: govern(manifest, paths, ref))


def home_of(settings: Settings) -> str:
    """The folder beside which the sandbox lies, whether or not there is a spec in it."""
    first = Path(settings.files[0] if settings.files else DEFAULT_SPEC)
    return str(first if first.is_dir() else first.parent)
