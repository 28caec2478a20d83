"""`init`: from an account to a spec of it, with its prompts and its pipeline; then all of it is adopted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click

from apreconcile.core.errors import Error, HeldError, UnsafeError, UsageError
from apreconcile.core.export import Exported
from apreconcile.core.outcome import Report
from apreconcile.core.planfile import to_json
from apreconcile.core.wanted import DEFAULT
from apreconcile.show.beginning import Begun, found_lines, next_lines
from apreconcile.show.layout import hint_lines, prose
from apreconcile.show.report import report_text
from apreconcile.show.screen import BLANK, say, strong
from apreconcile.workflow import LOST, Planned
from apreconcile.workflow.beginning import (
    NONE,
    PIPELINES,
    PROMPTS,
    STORES,
    Choice,
    Drafts,
    adopt_all,
    check_choice,
    check_unbegun,
    completed,
    drafts,
    with_ignored,
    write_down,
)
from apreconcile.workflow.surroundings import Surroundings, look_around

from .asking import ask
from .command import command
from .loading import DEFAULT_SPEC, manifest_of
from .opening import looking, opened, state_is_lost
from .options import Settings, pass_settings
from .progress import Requests
from .running import run
from .saving import check_files, held_in, save_files
from .terminal import Terminal

_IGNORE, _INCLUDES = ".gitignore", ".gitlab-ci.yml"
_AGAIN = "see that there is room and that you may write there, then run init again: it goes on from what is written"
_IN_THE_WAY = "move it away; or, if it is the pipeline's, write none: --pipeline none"


@command("apreconcile init", "apreconcile init --yes --project acme-support --pipeline github")
@click.option("--project", metavar="NAME", help="The name of the project. [that of the folder]")
@click.option(
    "--store", type=click.Choice(STORES), metavar="|".join(STORES),
    help="Where the state lies. [git, if origin is there]",
)  # fmt: skip
@click.option(
    "--pipeline", type=click.Choice(PIPELINES), metavar="|".join(PIPELINES),
    help="The pipeline to write. [that of the remote's host]",
)  # fmt: skip
@click.option("--yes", is_flag=True, help="Ask nothing: take what is proposed, write the files, and adopt.")
@pass_settings
def init(settings: Settings, project: str | None, store: str | None, pipeline: str | None, yes: bool) -> int:
    """Write down the account as a spec here, with its prompts and a pipeline, and adopt all of it.

    Nothing is bought, changed or deleted in the account: its numbers get the marker by which they are known again.
    No file that is there is replaced; `.gitignore` gets the lines that it lacks.
    """
    terminal = settings.terminal
    _check_asked(settings, yes=yes)
    around = run(terminal, lambda _: look_around(Path.cwd(), settings.environ))
    choice = _chosen(terminal, around, Choice(project or "", pipeline or "", store or ""), asks=not yes)
    _check_state_stays(settings, choice)
    exported = run(terminal, lambda _: _exported(settings, choice))
    made = drafts(choice, around, exported)
    files = _files(around, made)
    _show(terminal, choice, files, exported)
    if not yes and not _agreed(terminal):
        raise HeldError("nothing was written: the answer was no", hint="say it with options: apreconcile init --help")
    save_files(files, hint=_AGAIN)
    return _finished(settings, _begun(settings, around, choice, made, exported))


def _check_asked(settings: Settings, *, yes: bool) -> None:
    """Raise Error for what init does not do, where nobody can be asked, and where there is a spec already."""
    if settings.files or settings.plans:
        raise UsageError("init writes ./agentphone.yaml, and takes no spec", hint="go to the folder where it is to be")
    if settings.environment not in {None, DEFAULT} or settings.sub_account:
        reason = "init writes the spec of one account: it takes neither an environment nor a sub-account"
        raise UsageError(reason, hint="begin without, and write `environments:` into the spec afterwards")
    if not yes and not settings.terminal.interactive:
        reason = "nothing was done: there is no terminal to ask at, and no --yes"
        raise HeldError(reason, hint="add --yes to take what is proposed, or say it: apreconcile init --help")
    check_unbegun(Path())


def _chosen(terminal: Terminal, around: Surroundings, given: Choice, *, asks: bool) -> Choice:
    """What was given, or else what a person answers, or else what is proposed. Raises UsageError if it cannot be."""
    check_choice(completed(given, around), around)
    for name, words in (("project", ()), ("pipeline", PIPELINES), ("store", STORES)) if asks else ():
        while not getattr(given, name) and not (name == "store" and given.pipeline != NONE):
            proposed = getattr(completed(given, around), name)
            listed = f" ({', '.join(words)})" if words else ""
            value = ask(terminal, strong(f"{name}{listed} [{proposed}] ")) or proposed
            try:
                check_choice(completed(replace(given, **{name: value}), around), around)
            except UsageError as problem:
                width = terminal.talk_width
                why = prose(problem.message, width=width, first=say("  "), hang=2)
                terminal.talk([*why, *hint_lines(problem.hint, width=width, indent=2)])
            else:
                given = replace(given, **{name: value})
    return completed(given, around)


def _check_state_stays(settings: Settings, choice: Choice) -> None:
    """Raise UnsafeError where the state would end with this run's machine."""
    if state_is_lost(settings, choice.manifest):
        raise UnsafeError(f"nothing was sent: {LOST}", hint="keep it in the remote origin of a clone: --store git")


async def _exported(settings: Settings, choice: Choice) -> Exported:
    async with looking(settings, choice.manifest) as account:
        return await write_down(account)


def _files(around: Surroundings, made: Drafts) -> dict[Path, bytes]:
    """What is to be written, the spec last: until then, init can be run again. Raises Error for what is there."""
    here = Path.cwd()
    files = check_files(around.top or here, made.at_top, overwrite=False, hint=_IN_THE_WAY)
    ignore = here / _IGNORE
    check_files(here, {_IGNORE: ""}, overwrite=True)
    held = held_in(ignore) if ignore.exists() else b""
    files |= {ignore: with_ignored(held)} if with_ignored(held) != held else {}
    return files | check_files(here, made.here, overwrite=False, hint=_IN_THE_WAY)


def _show(terminal: Terminal, choice: Choice, files: Mapping[Path, bytes], exported: Exported) -> None:
    names = [os.path.relpath(target) for target in files]
    how = {"project": choice.project, "store": choice.store, "pipeline": choice.pipeline}
    terminal.show(found_lines(exported.document, names, **how, width=terminal.width))
    for warning in exported.warnings:
        terminal.warn(warning)


def _agreed(terminal: Terminal) -> bool:
    terminal.talk([BLANK])
    return ask(terminal, strong("Write these files, and adopt what they name? [y/N] ")).lower() in ("y", "yes")


def _begun(settings: Settings, around: Surroundings, choice: Choice, made: Drafts, exported: Exported) -> Begun:
    """What was written, for whoever says what is next."""
    top = around.top or Path.cwd()
    up = os.path.relpath(top)
    pattern = min(made.at_top).rpartition("apply.yml")[0] + "*.yml" if choice.pipeline == "github" else ""
    piped = [pattern] if pattern else sorted(made.at_top)
    return Begun(
        choice.pipeline,
        choice.store,
        spec=(DEFAULT_SPEC, *([PROMPTS] if exported.files else []), _IGNORE),
        pipeline_files=tuple(os.path.normpath(f"{up}/{name}") for name in piped),
        names=exported.names,
        unset=tuple(name for name in exported.names if not settings.environ.get(name)),
        in_repository=around.top is not None,
        branch=around.branch,
        elsewhere=around.here if around.here != around.branch else None,
        includes=os.path.normpath(f"{up}/{_INCLUDES}"),
        included=(top / _INCLUDES).exists(),
    )


def _finished(settings: Settings, begun: Begun) -> int:
    """Adopt what the new spec names, and nothing else; say what is next. The exit code."""
    terminal, code = settings.terminal, 0
    if not begun.unset:
        try:
            planned, report = run(terminal, lambda _: _adopted(settings))
        except Error:
            terminal.warn("the files are written; once this is mended, adopt what they name: apreconcile apply")
            raise
        shown = report_text(report, to_json(planned.plan), width=terminal.width)
        terminal.show([BLANK, *shown] if report.outcomes or report.exit else [])
        code = report.exit
    if code == 0 and not begun.unset:
        terminal.tell(f"The plan of {DEFAULT_SPEC} is empty: nothing is left to do.")
    if code == 0:
        terminal.show(next_lines(begun, width=terminal.width))
    return code


async def _adopted(settings: Settings) -> tuple[Planned, Report]:
    manifest, requests = manifest_of(settings), Requests(settings.terminal, verbose=settings.verbose)
    async with opened(settings, manifest, requests) as account:
        with requests.shown("adopting"):
            return await adopt_all(account)
