"""A spec is found and loaded here: the positional SPEC, else `-f`, else `./agentphone.yaml`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from apreconcile.core.errors import Error, UsageError
from apreconcile.core.wanted import DEFAULT, Manifest
from apreconcile.workflow import govern
from apreconcile.workflow.loading import DEFAULT_SPEC, load, load_all, load_environment

from .options import Settings, is_plan
from .running import run

BARE = "bare"
"""The project of a manifest that has none."""

__all__ = ["DEFAULT_SPEC", "bare_manifest_of", "home_of", "manifest_of", "manifests_of", "whose_account"]


def manifest_of(settings: Settings, *, beside_plan: bool = False) -> Manifest:
    """The spec, with its own policy or that of `--policy-from`.

    Raises SpecError with all its problems, UsageError where a saved plan stands for it, and UnsafeError for a policy
    that cannot be read from there.
    """
    _refuse_plans(settings, () if beside_plan else settings.plans)
    paths = settings.files
    manifest = load(
        paths, variables=settings.variables, environ=settings.environ, environment=settings.environment
    )  # fmt: skip
    return _governed(settings, manifest)


def manifests_of(settings: Settings) -> tuple[Manifest, ...]:
    """The spec for the environment that was named, or else for each that it has. Raises as `manifest_of` does."""
    if settings.environment is not None:
        return (manifest_of(settings),)
    _refuse_plans(settings, settings.plans)
    found = load_all(settings.files, variables=settings.variables, environ=settings.environ)
    return tuple(_governed(settings, manifest) for manifest in found)


def _refuse_plans(settings: Settings, plans: Sequence[str]) -> None:
    saved = next((path for path in (*plans, *settings.files) if is_plan(path)), None)
    if saved:
        hint = f"apply it: apreconcile apply {saved}; or show it: apreconcile show {saved}"
        raise UsageError(f"{saved} is no spec, but a saved plan", hint=hint)


def _governed(settings: Settings, manifest: Manifest) -> Manifest:
    ref = settings.policy_from
    return manifest if ref is None else run(settings.terminal, lambda _: govern(manifest, settings.files, ref))


def bare_manifest_of(settings: Settings) -> Manifest:
    """The environment that was named, and nothing else of the spec, whether or not that can be read."""
    try:
        return whose_account(settings)
    except UsageError:
        raise
    except Error:
        return Manifest(BARE, settings.environment or DEFAULT, (), home_of(settings))


def whose_account(settings: Settings) -> Manifest:
    """The environment that was named, and nothing else of the spec, which need not be there where none is named.

    Raises SpecError where it says whose account that is, and cannot be made out: another key is not tried instead.
    """
    home = home_of(settings)
    if not settings.files and settings.environment in {None, DEFAULT} and not Path(DEFAULT_SPEC).exists():
        return Manifest(BARE, DEFAULT, (), home)
    chosen, known_as = load_environment(settings.files, settings.environment)
    return Manifest(BARE, known_as, (), home, chosen=chosen)


def home_of(settings: Settings) -> str:
    """The folder beside which the sandbox lies, whether or not there is a spec in it."""
    first = Path(settings.files[0] if settings.files else DEFAULT_SPEC)
    return str(first if first.is_dir() else first.parent)
