"""Applying as a person lives it: the plan is shown, approvals and a yes are asked for, and the report says the rest."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection
from dataclasses import dataclass

from apreconcile.core.address import Address
from apreconcile.core.approval import Approval, Approvals, held, probing, takeable
from apreconcile.core.errors import Error, HeldError, StaleError, UsageError
from apreconcile.core.outcome import Report, Word
from apreconcile.core.plan import Plan
from apreconcile.core.planfile import to_json
from apreconcile.core.wanted import Manifest
from apreconcile.show.error import error_lines
from apreconcile.show.layout import count, warning_lines
from apreconcile.show.report import Again, report_json, report_text
from apreconcile.show.report_markdown import report_markdown
from apreconcile.show.screen import BLANK
from apreconcile.workflow import (
    Account,
    Planned,
    apply,
    check_free,
    load_approvals,
    patiently,
    plan,
    plan_again,
    weighed,
)

from .asking import ask_approvals, confirmed
from .opening import LOOKING, check_state_stays, opened
from .options import Settings
from .progress import Requests, applying
from .reading import Saved
from .running import Interrupts
from .saving import check_target, save
from .showing import (
    apply_command,
    approved_tokens,
    approving_hint,
    files_of_approvals,
    planned_lines,
    run_of,
    signing,
    tell_of_sinks,
)
from .terminal import OutputError, indented, is_terminal, quoted, told_once

Name = tuple[str, str]

FRESH = 300.0
"""Seconds for which a plan that was shown needs no second look before it is applied."""
HALF_DONE = 7
_PLAN_AGAIN = "look again: apreconcile plan"


@dataclass(frozen=True, slots=True)
class Order:
    """What the command line asks of an apply: of a spec, or of a `saved` plan. `expect` is the digest it must have.

    The report is written to `out`, too, if that is named.
    """

    form: str = "text"
    saved: Saved | None = None
    expect: str | None = None
    approve: tuple[str, ...] = ()
    approvals: tuple[str, ...] = ()
    yes: bool = False
    require_all_approved: bool = False
    adopt: bool = False
    only: tuple[Address, ...] = ()
    verify: bool = False
    settle: float = 60.0
    destroy: bool = False
    out: str | None = None

    def __post_init__(self) -> None:
        if self.saved and (self.adopt or self.only):
            hint = "make another plan: apreconcile plan --out FILE, with --only or --adopt"
            raise UsageError(
                "a saved plan says itself what it takes: it goes with neither --only nor --adopt", hint=hint
            )

    def repeated(self, settings: Settings) -> str:
        """The command that asks the same again, but for its answers."""
        if self.saved:
            pinned = ("--expect-digest", self.expect) if self.expect else ()
            again = quoted(
                "apreconcile", "destroy" if self.destroy else "apply", self.saved.path, *settings.flags, *pinned
            )
            return f"{again} --verify" if self.verify else again
        return apply_command(settings, adopt=self.adopt, only=self.only, verify=self.verify, destroy=self.destroy)


async def applied(settings: Settings, manifest: Manifest, order: Order, interrupts: Interrupts) -> int:
    """Apply a spec, and return the exit code. Raises HeldError or StaleError where nothing was sent."""
    check_state_stays(settings, manifest)
    if order.out:
        check_target(order.out)
    given: tuple[str | Approval, ...] = (*order.approve, *load_approvals(order.approvals))
    requests = Requests(settings.terminal, verbose=settings.verbose)
    seen: list[Planned] = []

    async def attempt(account: Account) -> Report:
        if settings.lock_timeout:
            await check_free(account)
        planned = await _looked(settings, account, order, requests)
        looked = time.monotonic()
        approvers = manifest.policy.approvers
        approvals = await weighed(planned.plan, given, approvers, now=account.now(), environ=settings.environ)
        _show_plan(settings, planned, manifest, order, approvals.granted)
        _check_expected(planned, order)
        typed = _agreed(settings, planned.plan, order, approvals)
        if time.monotonic() - looked > FRESH:
            planned = await _still(settings, account, planned, order, requests)
        seen.append(planned)
        return await _taken(settings, account, planned, approvals, typed, interrupts)

    async with opened(settings, manifest, requests, settle=order.settle) as account:
        tell = settings.terminal.remark
        report = await patiently(account, settings.lock_timeout, lambda: attempt(account), tell=tell)
    return _reported(settings, manifest, seen[-1].plan, report, order)


async def _looked(settings: Settings, account: Account, order: Order, requests: Requests) -> Planned:
    tell = told_once(settings.terminal.remark)
    with requests.shown(LOOKING):
        if order.saved:
            saved = order.saved
            return await plan_again(account, saved.document, source=saved.name, wait=tell, verify=order.verify)
        return await plan(account, adopt=order.adopt, only=order.only, wait=tell, verify=order.verify)


def _check_expected(planned: Planned, order: Order) -> None:
    """Raise StaleError if another plan was expected. A saved one was checked when it was read."""
    if order.expect not in (None, planned.digest):
        reason = f"nothing was sent: this is another plan than expected, its digest is {planned.digest}"
        raise StaleError(reason, hint=_PLAN_AGAIN)


async def _still(settings: Settings, account: Account, before: Planned, order: Order, requests: Requests) -> Planned:
    """The same plan from a second look. Raises StaleError if it is another one."""
    now = await _looked(settings, account, order, requests)
    if now.plan.digest != before.plan.digest:
        raise StaleError("the account changed while you were reading; nothing was sent", hint=_PLAN_AGAIN)
    return now


def _show_plan(
    settings: Settings, planned: Planned, manifest: Manifest, order: Order, granted: Collection[Name]
) -> None:
    """Show it on stdout beside a report in text; and on stderr where a person is asked who would not see it."""
    tell_of_sinks(settings, planned.plan)
    terminal, approved = settings.terminal, approved_tokens(planned.plan, granted)
    hint = approving_hint(manifest, order.repeated(settings), files_of_approvals(settings, manifest, order.approvals))
    shown = run_of(planned.found.manifest, hint, approved=approved, only=order.only)
    if order.form == "text":
        terminal.show(planned_lines(planned, shown, terminal.width))
    unseen = order.form != "text" or not is_terminal(sys.stdout)
    if unseen and (terminal.interactive or (order.form != "text" and not terminal.quiet)):
        terminal.talk(planned_lines(planned, shown, terminal.talk_width))


def _agreed(settings: Settings, plan: Plan, order: Order, approvals: Approvals) -> frozenset[Name]:
    """The steps that are approved by typing, once all questions have their answers. Raises HeldError for a no.

    Where signatures are wanted, nothing that is typed is one, and nobody is asked for it.
    """
    terminal, granted = settings.terminal, approvals.granted
    for warning in approvals.warnings:
        terminal.warn(warning)
    if not (plan.steps or plan.probes) or plan.unsafe:
        return frozenset()
    if order.require_all_approved:
        _check_all_approved(plan, approvals)
    asks = terminal.interactive and not approvals.required
    typed = ask_approvals(terminal, plan, granted) if asks else frozenset()
    steps, tests = len(takeable(plan, granted | typed)), len(probing(plan, granted | typed))
    if not (steps or tests) or order.yes:
        return typed
    if not terminal.interactive:
        reason = "nothing was sent: there is no terminal to ask at, and no --yes"
        raise HeldError(reason, hint="add --yes to take the steps that need no approval, and those that have theirs")
    if not confirmed(terminal, steps, tests):
        raise HeldError("nothing was sent: the answer was no", hint=_PLAN_AGAIN)
    return typed


def _check_all_approved(plan: Plan, approvals: Approvals) -> None:
    missing = [str(step.token) for step in held(plan, approvals.granted)]
    if missing:
        reason = f"nothing was sent: {count(len(missing), 'approval')} missing:"
        hint = (
            f"sign each of them: {signing('PLAN')}"
            if approvals.required
            else "repeat it with --approve TOKEN for each of them"
        )
        raise HeldError("\n".join([reason, *missing]), hint=hint)


async def _taken(
    settings: Settings,
    account: Account,
    planned: Planned,
    approvals: Approvals,
    typed: frozenset[Name],
    interrupts: Interrupts,
) -> Report:
    with applying(settings.terminal, planned.plan.steps) as meter:
        interrupts.remark = meter.remark
        agreed = approvals.granted | typed
        interrupts.sending = bool(takeable(planned.plan, agreed) or probing(planned.plan, agreed))
        report = await apply(
            account, planned, voices=approvals.counted, granted=typed, watch=meter, stop=interrupts.stop
        )
        interrupts.sending = False
    return report


def _reported(settings: Settings, manifest: Manifest, plan: Plan, report: Report, order: Order) -> int:
    """Print the report, and save it. If that fails, stderr has it, and the exit code says that not all went well."""
    terminal, files = settings.terminal, files_of_approvals(settings, manifest, order.approvals)
    again = Again(
        command=order.repeated(settings) + (" --yes" if order.yes else ""),
        approvals=[quoted(path) for path in files],
        saved=quoted(order.saved.path) if order.saved else None,
        plan=quoted("apreconcile", "plan", *settings.flags, *(["--destroy"] if order.destroy else [])),
        flagged=terminal.again,
    )
    lines = report_text(report, to_json(plan), again, width=terminal.width)
    try:
        if order.out:
            save(check_target(order.out), indented(report_json(report)))
        if order.form != "text":
            terminal.write(_written(report, plan, order.form, again))
            if report.warnings and not terminal.quiet:
                terminal.talk(warning_lines(report.warnings, width=terminal.talk_width))
        elif report.outcomes or report.exit or report.remaining or report.warnings or report.verified:
            terminal.show([BLANK, *lines])
    except (Error, BrokenPipeError) as problem:
        terminal.talk(lines)
        changed = any(outcome.word is Word.DONE for outcome in report.outcomes)
        code = report.exit or (HALF_DONE if changed else OutputError.exit_code)
        why = problem.message if isinstance(problem, Error) else "nobody reads standard output"
        terminal.talk(error_lines(OutputError(f"{why}; the report stands above (exit {code})")))
        return code
    return report.exit


def _written(report: Report, plan: Plan, form: str, again: Again) -> bytes:
    """A report as data."""
    if form == "markdown":
        return report_markdown(report, to_json(plan), again).encode()
    return indented(report_json(report))
