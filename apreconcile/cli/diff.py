"""`diff`: two environments of a spec side by side, offline."""

from __future__ import annotations

from dataclasses import replace

import click

from apreconcile.core.contrast import contrast, to_json
from apreconcile.core.errors import UsageError
from apreconcile.core.wanted import Manifest
from apreconcile.kinds import KINDS
from apreconcile.show.contrast import contrast_lines
from apreconcile.workflow import without_shared

from .command import command
from .loading import manifest_of
from .options import FORMAT, Settings, check_format, pass_settings
from .reaching import reach
from .terminal import indented

DIFFERENT = 2


@command("apreconcile diff staging prod", "apreconcile diff prod preview:pr-12 --format json --detailed-exitcode")
@click.argument("one", metavar="A")
@click.argument("other", metavar="B")
@FORMAT
@click.option("--detailed-exitcode", "detailed", is_flag=True, help="Exit 2 if they differ.")
@pass_settings
def diff(settings: Settings, one: str, other: str, form: str, detailed: bool) -> int:
    """Show in what two environments of a spec differ: each address, each field. Offline.

    Overlays are laid over the base, variables and files filled in. Secrets are compared, and not shown.
    """
    as_json, terminal = check_format(form) == "json", settings.terminal
    if settings.environment is not None:
        raise UsageError("diff names its environments itself", hint="apreconcile diff A B, without -e")
    first, second = (_wanted(replace(settings, environment=name)) for name in (one, other))
    document = to_json(one, other, first.project, contrast(first, second, KINDS))
    if as_json:
        terminal.write(indented(document))
    else:
        terminal.show(contrast_lines(document, width=terminal.width))
    return DIFFERENT if detailed and document["differences"] else 0


def _wanted(settings: Settings) -> Manifest:
    """The spec as it is planned: an instance leaves out what it would share, unless it is in a sub-account."""
    manifest = manifest_of(settings)
    inside = settings.sub_account if settings.sandbox else reach(settings, manifest.chosen.access).sub_account
    return manifest if inside else without_shared(manifest)
