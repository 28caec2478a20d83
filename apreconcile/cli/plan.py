"""`plan`: look, compare, show. Nothing is written but the file of `--out`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from apreconcile.core.approval import Approval
from apreconcile.core.outcome import exit_code
from apreconcile.core.plan import Plan
from apreconcile.core.planfile import dump, to_json
from apreconcile.core.wanted import Manifest
from apreconcile.workflow import LOST, WRITE_STORE, load_approvals, utc_now, weighed

from .command import command
from .loading import manifest_of
from .opening import look, state_is_lost
from .options import (
    ADOPT,
    APPROVALS,
    ONLY,
    PLAN_FORMAT,
    PLAN_FORMATS,
    POLICY_FROM,
    SPEC,
    VERIFY,
    Settings,
    check_format,
    is_plan,
    pass_settings,
)
from .running import run
from .saving import check_target, save
from .showing import (
    apply_command,
    approved_tokens,
    approving_hint,
    files_of_approvals,
    run_of,
    show_plan,
    tell_of_sinks,
)

PENDING = 2


@command(
    "apreconcile plan",
    "apreconcile plan prod.yaml --out plan.json --detailed-exitcode",
    "apreconcile plan --format html > plan.html",
    "apreconcile plan --sandbox --only number.support-main",
)
@SPEC
@click.option("--out", metavar="FILE", help="Write the plan there, as JSON.")
@PLAN_FORMAT
@ADOPT
@ONLY
@VERIFY
@APPROVALS
@POLICY_FROM
@click.option("--destroy", is_flag=True, help="Show what `destroy` would delete: all that the state has.")
@click.option("--detailed-exitcode", "detailed", is_flag=True, help="Exit 2 if changes are pending.")
@pass_settings
def plan(
    settings: Settings, out: str | None, form: str, approvals: tuple[str, ...], detailed: bool, destroy: bool,
    **asked: Any,
) -> int:  # fmt: skip
    """Look at the account and show what would change.

    Exits 0 if a plan was made, 2 with --detailed-exitcode if changes are pending, 5 if something is blocked, 6 if the
    outcome of an earlier run is open, 9 if it is not safe to write.
    """
    check_format(form, PLAN_FORMATS)
    target, terminal = check_target(out) if out else None, settings.terminal
    manifest = _asked(manifest_of(settings), destroy=destroy)
    if state_is_lost(settings, manifest):
        terminal.warn(f"apply would refuse: {LOST}; {WRITE_STORE}")
    given = load_approvals(approvals)
    planned = run(terminal, lambda _: look(settings, manifest, **asked))
    tell_of_sinks(settings, planned.plan)
    approved = _approved(settings, manifest, planned.plan, given) if given else ()
    repeat, files = apply_command(settings, destroy=destroy, **asked), files_of_approvals(settings, manifest, approvals)
    shown = run_of(
        planned.found.manifest, approving_hint(manifest, repeat, files, out), approved=approved, only=asked["only"]
    )
    show_plan(terminal, form, to_json(planned.plan), shown)
    if target:
        save(target, dump(planned.plan))
        terminal.remark(f"saved to {out}; show it: apreconcile show {out}; {_then(str(out), planned.plan)}")
    return _code(planned.plan, detailed=detailed)


def _asked(manifest: Manifest, *, destroy: bool) -> Manifest:
    return manifest.destroyed if destroy else manifest


def _then(out: str, plan: Plan) -> str:
    """What a saved plan is for."""
    verb = "destroy" if plan.destroys else "apply"
    return f"{verb} it: apreconcile {verb} {out}" if is_plan(out) else f"to {verb} it, let its name end with .json"


def _approved(settings: Settings, manifest: Manifest, plan: Plan, given: Sequence[Approval]) -> tuple[str, ...]:
    """The tokens that these approve now; of the rest it is said why they do not count."""
    terminal, approvers = settings.terminal, manifest.policy.approvers
    weights = weighed(plan, given, approvers, now=utc_now(), environ=settings.environ)
    approvals = run(terminal, lambda _: weights)
    for warning in approvals.warnings:
        terminal.warn(warning)
    return approved_tokens(plan, approvals.granted)


def _code(plan: Plan, *, detailed: bool) -> int:
    """The first of 6 9 5 2 that holds, else 0."""
    code = exit_code(plan)
    return code or (PENDING if detailed and plan.steps else 0)
