"""`show`: a saved plan, as it was printed when it was made."""

from __future__ import annotations

from pathlib import Path

import click

from apreconcile.core.errors import PlanFileError
from apreconcile.core.planfile import LIMIT, encode, load
from apreconcile.show import escape
from apreconcile.show.text import plan_text

from .command import command
from .options import FORMAT, Settings, check_format, pass_settings


@command("apreconcile show plan.json", "apreconcile show plan.json --format json")
@click.argument("plan", type=click.Path(path_type=str))
@FORMAT
@pass_settings
def show(settings: Settings, plan: str, form: str) -> None:
    """Show a saved plan. The file is believed in nothing: apply plans again, and makes its own tokens."""
    json, terminal = check_format(form) == "json", settings.terminal
    document = load(_content(plan), source=escape.line(plan))
    if json:
        terminal.write(encode(document))
    else:
        terminal.show(plan_text(document, width=terminal.width, saved=True))


def _content(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(LIMIT + 1)
    except OSError as problem:
        hint = "write one: apreconcile plan --out FILE"
        raise PlanFileError(f"{escape.line(path)} could not be read: {problem.strerror}", hint=hint) from problem
