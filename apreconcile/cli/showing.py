"""A plan on the screen, as `plan`, `apply` and `show` print it, with commands that can be pasted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from apreconcile.core.address import Address
from apreconcile.core.plan import Plan
from apreconcile.core.planfile import Document, encode, to_json
from apreconcile.core.wanted import Manifest
from apreconcile.show.agreement import agreement_lines
from apreconcile.show.headline import Run
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


def approving_hint(manifest: Manifest, command: str, files: Sequence[str], saved: str | None = None) -> str:
    """The command that approves a step of a plan: an entry of `files`, a signature of the `saved` plan, or a token."""
    approvers = manifest.policy.approvers
    if files:
        sign = " --sign KEY" if approvers else ""
        return f"apreconcile approve plan.json TOKEN --by NAME --reason TEXT{sign} --out {quoted(files[0])}"
    return signing(saved or "PLAN") if approvers else f"{command} --approve TOKEN"


def run_of(manifest: Manifest, hint: str, *, approved: Collection[str], only: Iterable[Address]) -> Run:
    """What every format is told beside a plan."""
    asked = tuple(dict.fromkeys(map(str, only)))
    return Run(hint, len(manifest.resources), approved, asked, manifest.policy.signatures)


def planned_lines(planned: Planned, run: Run, width: int) -> Lines:
    """The screen of a plan that is about to be taken."""
    beside = agreement_lines(planned.agreement, planned.left, width=width) if planned.agreement else None
    return plan_text(to_json(planned.plan), run, width=width, beside=beside)


def show_plan(terminal: Terminal, form: str, document: Document, run: Run, *, saved: bool = False) -> None:
    """A plan on stdout, in any format; `saved` if it comes from a file."""
    if form == "text":
        terminal.show(plan_text(document, run, width=terminal.width, saved=saved))
    elif form == "json":
        terminal.write(encode(document))
    else:
        written = plan_markdown if form == "markdown" else plan_html
        terminal.write(written(terminal.again_in(document), run).encode())


def approved_tokens(plan: Plan, granted: Collection[tuple[str, str]]) -> tuple[str, ...]:
    """The tokens of the steps that may go."""
    return tuple(step.token for step in plan.steps if step.token and step.name in granted)
