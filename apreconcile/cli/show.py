"""`show`: a saved plan, as it was printed when it was made."""

from __future__ import annotations

import click

from apreconcile.core.approval import fits
from apreconcile.core.errors import PlanFileError
from apreconcile.core.planfile import Document, check_intact
from apreconcile.show.headline import APPROVE, Run

from .command import command
from .options import EXPECT, PLAN_FORMAT, PLAN_FORMATS, Settings, check_format, is_plan, pass_settings
from .reading import checked, read_saved
from .showing import show_plan, signing
from .terminal import quoted


@command("apreconcile show plan.json", "apreconcile show plan.json --format html > plan.html")
@click.argument("plan", type=click.Path(path_type=str))
@PLAN_FORMAT
@EXPECT
@pass_settings
def show(settings: Settings, plan: str, form: str, expect: str | None) -> None:
    """Show a saved plan. The file is believed in nothing: apply plans again, and makes its own tokens."""
    check_format(form, PLAN_FORMATS)
    terminal, saved = settings.terminal, read_saved(plan)
    document = (checked(saved, expect) if expect else saved).document
    doubt = _doubt(document, saved.name)
    if form == "json":
        for sentence in doubt:
            terminal.warn(sentence)
    else:
        document = {**document, "warnings": [*doubt, *document["warnings"]]}
    show_plan(terminal, form, document, _run(document, plan), saved=True)


def _run(document: Document, plan: str) -> Run:
    """How its steps are approved: with their tokens, or where the policy has approvers, by signing."""
    named, signatures = is_plan(plan), document.get("signatures", 0)
    verb = "destroy" if document.get("destroy") else "apply"
    hint = quoted("apreconcile", verb, plan, "--approve", "TOKEN") if named else APPROVE
    return Run(signing(plan if named else "PLAN") if signatures else hint, signatures=signatures)


def _doubt(document: Document, name: str) -> list[str]:
    """Why apply would refuse the file whatever the account is like, and approve some of its steps, if they would."""
    doubt = [
        f"the token of {step['address']} is not of what is shown here of it; approve refuses it"
        for step in document["steps"]
        if step["token"] and not fits(document, step)
    ]
    try:
        check_intact(document, source=name)
    except PlanFileError as problem:
        return [f"{problem.message}; apply refuses it", *doubt]
    return doubt
