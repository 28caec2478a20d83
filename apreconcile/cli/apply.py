"""`apply`: plan, ask, make the changes, look again."""

from __future__ import annotations

from typing import Any

import click

from .applying import Order, applied
from .command import command
from .loading import manifest_of
from .options import (
    ADOPT,
    APPROVALS,
    EXPECT,
    ONLY,
    POLICY_FROM,
    REPORT_FORMAT,
    REPORT_FORMATS,
    REPORT_OUT,
    SETTLE,
    SPEC,
    VERIFY,
    Settings,
    check_format,
    pass_settings,
)
from .reading import saved_of
from .running import run


@command(
    "apreconcile apply",
    "apreconcile apply --yes --approve TOKEN --approve TOKEN",
    "apreconcile apply plan.json",
    "apreconcile apply --sandbox --only agent.support",
)
@SPEC
@click.option("--approve", multiple=True, metavar="TOKEN", help="Approve the one step that shows this token.")
@APPROVALS
@click.option("--yes", is_flag=True, help="Do not ask whether to go on; approvals are asked for still.")
@click.option("--require-all-approved", is_flag=True, help="Take nothing unless every approval was given.")
@REPORT_FORMAT
@REPORT_OUT
@EXPECT
@ADOPT
@ONLY
@VERIFY
@POLICY_FROM
@SETTLE
@pass_settings
def apply(settings: Settings, form: str, **asked: Any) -> int:
    """Make the account equal to the spec: plan, ask, change, and look again.

    With PLAN.json, a plan that was saved with `plan --out`, only what it has is taken, and of that only what is still
    the same: apply plans again, and believes nothing of the file.

    What cannot be taken back is taken only with an approval that names exactly that step: its token (--approve), an
    entry of a file (--approvals), or words typed at a terminal. Where the policy has approvers, signed entries alone
    count. A step without its approval is held, and the rest is taken.

    With --verify the API's own test event goes to each webhook when all is done, and its delivery is reported.

    Exits 0 if the account is as the spec wants it, 3 if a step is held or you said no, 4 if the account moved
    meanwhile, 5 if something is blocked, 6 if an outcome is unknown, 7 if only a part was done, 8 if another run holds
    the state, 9 if it is not safe to write.
    """
    check_format(form, REPORT_FORMATS)
    order = Order(form=form, saved=saved_of(settings, asked["expect"]), **asked)
    manifest = manifest_of(settings, beside_plan=True)
    return run(settings.terminal, lambda interrupts: applied(settings, manifest, order, interrupts))
