"""`validate`: the spec and its references, offline."""

from __future__ import annotations

from collections.abc import Sequence

from apreconcile.core.wanted import Manifest
from apreconcile.show import escape
from apreconcile.show.layout import count
from apreconcile.show.screen import say

from .command import command
from .loading import DEFAULT_SPEC, manifest_of
from .options import SPEC, Settings, pass_settings


@command("apreconcile validate", "apreconcile validate prod.yaml --var hooks=https://hooks.acme.dev")
@SPEC
@pass_settings
def validate(settings: Settings) -> None:
    """Check a spec: its fields, its references, its variables. Nothing is sent; every problem is shown."""
    manifest = manifest_of(settings)
    terminal = settings.terminal
    for warning in manifest.warnings:
        terminal.warn(warning)
    paths = settings.files or (DEFAULT_SPEC,)
    terminal.show(
        [say(f"{escape.line(', '.join(paths))} {'is' if len(paths) == 1 else 'are'} valid: {_told(manifest)}")]
    )


def _told(manifest: Manifest) -> str:
    kinds: Sequence[str] = list(dict.fromkeys(wanted.address.kind for wanted in manifest.resources))
    many = [count(sum(wanted.address.kind == kind for wanted in manifest.resources), kind) for kind in kinds]
    return ", ".join(many) or "nothing in it"
