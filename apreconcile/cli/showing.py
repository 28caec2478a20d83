"""A plan on the screen, as `plan`, `apply` and `show` print it, with commands that can be pasted."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from apreconcile.core.address import Address
from apreconcile.core.planfile import to_json
from apreconcile.core.wanted import Manifest
from apreconcile.show.screen import Lines
from apreconcile.show.text import plan_text
from apreconcile.workflow import Planned

from .options import Settings
from .terminal import quoted


def apply_command(settings: Settings, *, adopt: bool, only: Iterable[Address]) -> str:
    """The apply that does what this run says."""
    wish = [*(["--adopt"] if adopt else []), *(word for at in only for word in ("--only", str(at)))]
    wish += ["--policy-from", settings.policy_from] if settings.policy_from else []
    return quoted("apreconcile", "apply", *settings.flags, *wish)


def planned_lines(
    planned: Planned,
    manifest: Manifest,
    command: str,
    width: int,
    *,
    approved: Collection[str] = (),
    only: Iterable[Address] = (),
) -> Lines:
    """The screen of a plan; `command` is the apply that takes it, `approved` and `only` what was given to it."""
    document: dict[str, Any] = to_json(planned.plan)
    hint = f"{command} --approve TOKEN"
    asked = tuple(dict.fromkeys(map(str, only)))
    return plan_text(
        document, width=width, approvals_hint=hint, resources=len(manifest.resources), approved=approved, only=asked
    )
