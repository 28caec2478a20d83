"""`init`: from an account to a spec of it, with its prompts and its pipeline; then all of it is adopted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from apreconcile import pipelines
from apreconcile.core.change import Adopt
from apreconcile.core.errors import BlockedError, Error, HeldError, UnsafeError, UsageError
from apreconcile.core.export import Exported
from apreconcile.core.outcome import Report
from apreconcile.core.planfile import to_json
from apreconcile.core.spec.document import PROJECT
from apreconcile.core.wanted import DEFAULT, Manifest
from apreconcile.core.writing import spec_text
from apreconcile.show import escape
from apreconcile.show.layout import count
from apreconcile.show.report import report_text
from apreconcile.show.screen import BLANK, say, strong
from apreconcile.workflow import Account, Planned, apply, export, plan
from apreconcile.workflow.surroundings import Surroundings, look_around

from .asking import ask
from .command import command
from .loading import DEFAULT_SPEC, manifest_of
from .opening import opened
from .options import Settings, pass_settings
from .progress import Requests
from .running import run
from .saving import check_files, save_files
from .terminal import Terminal

IGNORED = (".apreconcile/", "plan.json", ".env")
"""What git is not to keep: the local state and the sandbox, plans, and what sinks may write."""
PROMPTS = "prompts"


@dataclass(frozen=True, slots=True)
class Choice:
    """What the spec is to be called, where its state lies, and which pipeline there is to be."""

    project: str
    store: str
    pipeline: str


@command("apreconcile init", "apreconcile init --yes --project acme-support --pipeline github")
@click.option("--project", metavar="NAME", help="The name of the project. [that of the folder]")
@click.option(
    "--store",
    type=click.Choice(["local", "git"]),
    metavar="local|git",
    help="Where the state lies. [git, if origin is there]",
)
@click.option(
    "--pipeline",
    type=click.Choice(["github", "gitlab", "none"]),
    metavar="github|gitlab|none",
    help="The pipeline to write. [that of the remote's host]",
)
@click.option("--yes", is_flag=True, help="Ask nothing: take what is proposed, write the files, and adopt.")
@pass_settings
def init(settings: Settings, project: str | None, store: str | None, pipeline: str | None, yes: bool) -> int:
    """Write down the account as a spec here, with its prompts and a pipeline, and adopt all of it.

    Nothing is bought, changed or deleted in the account: its numbers get the marker by which they are known again.
    No file that is there is replaced; `.gitignore` gets the lines that it lacks.
    """  # fmt: skip
    terminal, folder = settings.terminal, Path()
    if settings.files or settings.plans:
        raise UsageError("init writes ./agentphone.yaml, and takes no spec", hint="go to the folder where it is to be")
    if settings.environment not in {None, DEFAULT} or settings.sub_account:
        reason = "init writes the spec of one account: it takes neither an environment nor a sub-account"
        raise UsageError(reason, hint="begin without, and write `environments:` into the spec afterwards")
    if not yes and not terminal.interactive:
        reason = "nothing was done: there is no terminal to ask at, and no --yes"
        raise HeldError(reason, hint="add --yes to take what is proposed, or say it: apreconcile init --help")
    _check_free(folder)
    around = run(terminal, lambda _: look_around(folder.resolve(), settings.environ))
    choice = _chosen(terminal, around, Choice(project or "", store or "", pipeline or ""), asks=not yes)
    exported = run(terminal, lambda _: _exported(settings, choice))
    files = _files(folder, around, choice, exported)
    _show(terminal, files, exported)
    if not yes and ask(terminal, strong("Write these files, and adopt what they name? [y/N] ")).lower() not in (
        "y",
        "yes",
    ):
        raise HeldError("nothing was written: the answer was no", hint="say it with options: apreconcile init --help")
    save_files(files)
    return _adopted(settings, choice, exported)


def _check_free(folder: Path) -> None:
    """Raise Error where there is a spec already."""
    if (folder / DEFAULT_SPEC).exists():
        hint = "plan it: apreconcile plan; or see what the account has: apreconcile export --project NAME"
        raise Error(f"{DEFAULT_SPEC} is here already", hint=hint)


def _chosen(terminal: Terminal, around: Surroundings, given: Choice, *, asks: bool) -> Choice:
    """What was given, or else what a person answers, or else what is proposed."""
    proposed = {"project": around.project, "store": around.store, "pipeline": around.pipeline}
    allowed = {"store": ("local", "git"), "pipeline": ("github", "gitlab", "none")}
    found: dict[str, str] = {}
    for name, default in proposed.items():
        value: str = getattr(given, name)
        while not value:
            words = f" ({', '.join(allowed[name])})" if name in allowed else ""
            value = (ask(terminal, strong(f"{name}{words} [{default}] ")) if asks else "") or default
            if value not in allowed.get(name, (value,)) or (name == "project" and not PROJECT.fullmatch(value)):
                terminal.talk([say(f"  {escape.line(value)!r} cannot be its {name}")])
                value = ""
        found[name] = value
    if not PROJECT.fullmatch(found["project"]):
        hint = "use small letters, digits and -, at most 40"
        raise UsageError(f"{escape.line(found['project'])!r} cannot be a project", hint=hint)
    return Choice(**found)


async def _exported(settings: Settings, choice: Choice) -> Exported:
    """The account as a spec. Raises UnsafeError where something of this name is remembered already."""
    manifest = Manifest(choice.project, DEFAULT, (), home=".", store=choice.store)
    requests = Requests(settings.terminal, verbose=settings.verbose)
    async with opened(settings, manifest, requests) as account:
        with requests.shown("looking at the account"):
            state, _ = await account.recall()
            if state.resources or state.intents:
                held = count(len(state.resources), "resource")
                reason = f"the state of {choice.project}/{DEFAULT} is here already, with {held}"
                hint = f"write its spec down: apreconcile export --project {choice.project}; or name another"
                raise UnsafeError(reason, hint=hint)
            return await export(account, prompts=PROMPTS)


def _files(folder: Path, around: Surroundings, choice: Choice, exported: Exported) -> dict[Path, bytes]:
    """What is to be written. Raises Error where a file is in the way."""
    document = dict(exported.document)
    tail = {name: document.pop(name) for name in list(document) if name not in ("version", "project")}
    state = {"state": {"store": choice.store}} if choice.store != "local" else {}
    texts = {DEFAULT_SPEC: spec_text({**document, **state, **tail}), **exported.files}
    files = check_files(folder, texts, overwrite=False)
    top = around.top or folder
    workflows = {name: _on(around.branch, text) for name, text in pipelines.files(choice.pipeline).items()}
    files |= check_files(top, workflows, overwrite=False)
    return files | _ignoring(folder)


def _on(branch: str | None, text: str) -> str:
    """A workflow that runs on the branch that is here."""
    return text.replace("branches: [main]", f"branches: [{branch}]") if branch else text


def _ignoring(folder: Path) -> dict[Path, bytes]:
    """`.gitignore` with the lines that it lacks; nothing if it has them."""
    target = folder / ".gitignore"
    check_files(folder, {target.name: ""}, overwrite=True)
    held = target.read_bytes() if target.exists() else b""
    missing = [line for line in IGNORED if line.encode() not in held.splitlines()]
    if not missing:
        return {}
    gap = b"" if not held or held.endswith(b"\n") else b"\n"
    return {target.resolve(): held + gap + "".join(f"{line}\n" for line in missing).encode()}


def _show(terminal: Terminal, files: Mapping[Path, bytes], exported: Exported) -> None:
    """What the account has, and what would be written."""
    many = [count(len(exported.document.get(plural, {})), plural[:-1]) for plural in ("agents", "numbers", "webhooks")]
    terminal.show([say(f"The account has {', '.join(many)}. To be written:")])
    top = Path.cwd()
    for target in files:
        name = str(target.relative_to(top)) if target.is_relative_to(top) else str(target)
        terminal.show([say(f"  {escape.line(name)}")])
    for warning in exported.warnings:
        terminal.warn(warning)


def _adopted(settings: Settings, choice: Choice, exported: Exported) -> int:
    """Adopt what the new spec names, and nothing else; the exit code."""
    terminal = settings.terminal
    unset = [name for name in exported.names if not settings.environ.get(name)]
    if unset:
        terminal.show([BLANK, say("Written. Before it is adopted, set what no API shows, and then plan and apply:")])
        terminal.show([say(f"  export {name}=…") for name in unset])
        terminal.show([say("  apreconcile plan"), say("  apreconcile apply")])
        return 0
    manifest = manifest_of(settings)
    planned, report = run(terminal, lambda _: _taken(settings, manifest))
    if report.outcomes or report.exit:
        terminal.show([BLANK, *report_text(report, to_json(planned.plan), width=terminal.width)])
    if report.exit == 0:
        terminal.show([BLANK, *(say(line) for line in _next(choice))])
    return report.exit


async def _taken(settings: Settings, manifest: Manifest) -> tuple[Planned, Report]:
    requests = Requests(settings.terminal, verbose=settings.verbose)

    async def adopted(account: Account) -> tuple[Planned, Report]:
        with requests.shown("adopting"):
            planned = await plan(account)
            others = [str(step.address) for step in planned.plan.steps if not isinstance(step.change, Adopt)]
            others += [str(one.address) for one in planned.plan.blocked]
            if others:
                reason = (
                    f"the account changed meanwhile: {', '.join(others)}; the files are written, nothing was adopted"
                )
                raise BlockedError(reason, hint="see what it is: apreconcile plan")
            return planned, await apply(account, planned)

    async with opened(settings, manifest, requests) as account:
        return await adopted(account)


def _next(choice: Choice) -> list[str]:
    """What to do now."""
    lines = [
        "Next:",
        "  git add agentphone.yaml prompts .gitignore, and commit them",
        "  edit agentphone.yaml, then: apreconcile plan",
    ]
    if choice.pipeline != "none":
        lines.append(
            "  in the pipeline's files, replace OWNER and the zeros, and give it AGENTPHONE_API_KEY: docs/gitops.md"
        )
    return lines
