"""`destroy`: delete all that the state has, in the order in which it can go."""

from __future__ import annotations

from typing import Any

import click

from .applying import Order, applied
from .command import command
from .loading import manifest_of
from .options import (
    APPROVALS,
    EXPECT,
    ONLY,
    POLICY_FROM,
    REPORT_FORMAT,
    REPORT_FORMATS,
    REPORT_OUT,
    SETTLE,
    SPEC,
    Settings,
    check_format,
    pass_settings,
)
from .reading import saved_of
from .running import run


@command(
    "apreconcile destroy -e preview:pr-12 --yes",
    "apreconcile plan -e staging --destroy",
    "apreconcile destroy -e staging --yes --approve TOKEN",
)
@SPEC
@click.option("--approve", multiple=True, metavar="TOKEN", help="Approve the one step that shows this token.")
@APPROVALS
@click.option("--yes", is_flag=True, help="Do not ask whether to go on; approvals are asked for still.")
@click.option("--require-all-approved", is_flag=True, help="Take nothing unless every approval was given.")
@REPORT_FORMAT
@REPORT_OUT
@EXPECT
@ONLY
@POLICY_FROM
@SETTLE
@pass_settings
def destroy(settings: Settings, form: str, **asked: Any) -> int:
    """Delete all that the state of an environment has: webhooks, then numbers, then agents.

    Every release and deletion wants its own approval, as in apply, but for what an ephemeral environment made itself.
    What is protected stays, and so does what is nobody's, or listed under `forget`. Nothing of the spec counts but its
    environment, its policy and its `forget`.

    With PLAN.json, a plan that was saved with `plan --destroy --out`, only what that has goes. Exits as apply does.
    """
    check_format(form, REPORT_FORMATS)
    order = Order(form=form, saved=saved_of(settings, asked["expect"]), destroy=True, **asked)
    manifest = manifest_of(settings, beside_plan=True).destroyed
    return run(settings.terminal, lambda interrupts: applied(settings, manifest, order, interrupts))
