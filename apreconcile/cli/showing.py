"""A plan on the screen, as `plan`, `apply` and `show` print it, with commands that can be pasted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from apreconcile.core.planfile import to_json
from apreconcile.core.wanted import Manifest
from apreconcile.show.screen import Lines
from apreconcile.show.text import plan_text
from apreconcile.workflow import Planned

from .failing import quoted
from .options import Settings


def apply_command(settings: Settings, spec: Sequence[str], *more: str) -> str:
    """The apply that does what this run says."""
    files = spec or tuple(word for path in settings.files for word in ("-f", path))
    return quoted("apreconcile", "apply", *files, *settings.flags, *more)


def planned_lines(planned: Planned, manifest: Manifest, command: str, width: int) -> Lines:
    """The screen of a plan; `command` is the apply that takes it."""
    document: dict[str, Any] = to_json(planned.plan)
    hint = f"{command} --approve TOKEN"
    return plan_text(document, width=width, approvals_hint=hint, resources=len(manifest.resources))
