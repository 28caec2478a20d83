"""A plan on the screen, as `plan`, `apply` and `show` print it, with commands that can be pasted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from apreconcile.core.address import Address
from apreconcile.core.plan import Plan
from apreconcile.core.planfile import Document, encode, to_json
from apreconcile.core.wanted import Manifest
from apreconcile.show.agreement import agreement_lines
from apreconcile.show.html import plan_html
from apreconcile.show.markdown import plan_markdown
from apreconcile.show.screen import Lines
from apreconcile.show.text import plan_text
from apreconcile.workflow import Planned

from .options import Settings
from .terminal import Terminal, quoted

APPROVALS_FILE = "approvals.yaml"
"""Where approvals are kept, as a pipeline looks for them, unless a file was named."""


def apply_command(
    settings: Settings, *, adopt: bool, only: Iterable[Address], verify: bool = False, destroy: bool = False
) -> str:
    """The apply, or destroy, that does what this run says."""
    wish = [*(["--adopt"] if adopt else []), *(word for at in only for word in ("--only", str(at)))]
    wish += ["--verify"] if verify else []
    wish += ["--policy-from", settings.policy_from] if settings.policy_from else []
    return quoted("apreconcile", "destroy" if destroy else "apply", *settings.flags, *wish)


def signing(plan: str, out: str = "FILE") -> str:
    """The command that signs an approval of a saved plan."""
    words = ("apreconcile", "approve", plan, "TOKEN", "--by", "NAME", "--reason", "TEXT", "--sign", "KEY")
    return quoted(*words, "--out", out)


def files_of_approvals(settings: Settings, manifest: Manifest, given: Sequence[str]) -> tuple[str, ...]:
    """Where approvals are written: the files that were given, or in CI, where nobody types a token, the usual one.

    None where a token on the command line is the way: at a terminal, and for a preview, which is applied unreviewed.
    """
    usual = settings.in_ci and not settings.sandbox and not manifest.chosen.ephemeral
    return tuple(dict.fromkeys(given)) or ((APPROVALS_FILE,) if usual else ())


def tell_of_sinks(settings: Settings, plan: Plan) -> None:
    """Say that the sandbox keeps its secrets, if a step would hand one on."""
    if settings.sandbox and any(step.delivery for step in plan.steps):
        settings.terminal.remark("sandbox: webhook secrets are not handed to their sinks")


def planned_lines(
    planned: Planned,
    manifest: Manifest,
    command: str,
    width: int,
    *,
    approved: Collection[str] = (),
    only: Iterable[Address] = (),
    files: Sequence[str] = (),
) -> Lines:
    """The screen of a plan; `command` is the apply that takes it, `approved` and `only` what was given to it.

    `files` are those that approvals are written into.
    """
    beside = agreement_lines(planned.agreement, planned.left, width=width) if planned.agreement else None
    told = _told(manifest, command, approved, only, files)
    return plan_text(to_json(planned.plan), width=width, beside=beside, **told)


def show_planned(
    terminal: Terminal,
    form: str,
    planned: Planned,
    manifest: Manifest,
    command: str,
    *,
    approved: Collection[str] = (),
    only: Iterable[Address] = (),
    files: Sequence[str] = (),
    saved: str | None = None,
) -> None:
    """A plan on stdout, in any format; the options are those of `planned_lines`, and the file that it is saved to."""
    document, told = to_json(planned.plan), _told(manifest, command, approved, only, files, saved)
    if form == "text":
        terminal.show(plan_text(document, width=terminal.width, **told))
    else:
        terminal.write(encode(document) if form == "json" else rendered(form, terminal.again_in(document), **told))


def rendered(form: str, document: Document, **told: Any) -> bytes:
    """A plan's document as Markdown or HTML."""
    text = plan_markdown(document, **told) if form == "markdown" else plan_html(document, **told)
    return text.encode()


def _told(
    manifest: Manifest,
    command: str,
    approved: Collection[str],
    only: Iterable[Address],
    files: Sequence[str],
    saved: str | None = None,
) -> dict[str, Any]:
    """What every format is told beside the plan."""
    approvers = manifest.policy.approvers
    hint = signing(saved or "PLAN") if approvers else f"{command} --approve TOKEN"
    if files:
        sign = " --sign KEY" if approvers else ""
        hint = f"apreconcile approve plan.json TOKEN --by NAME --reason TEXT{sign} --out {quoted(files[0])}"
    return {
        "approvals_hint": hint,
        "resources": len(manifest.resources),
        "approved": approved,
        "only": tuple(dict.fromkeys(map(str, only))),
        "signatures": manifest.policy.signatures,
    }


def approved_tokens(plan: Plan, granted: Collection[tuple[str, str]]) -> tuple[str, ...]:
    """The tokens of the steps that may go."""
    return tuple(step.token for step in plan.steps if step.token and step.name in granted)
