"""To begin: an account becomes a spec with its prompts and a pipeline, and all that it names is adopted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from apreconcile import pipelines
from apreconcile.core.change import Adopt
from apreconcile.core.errors import BlockedError, Error, UnsafeError, UsageError
from apreconcile.core.export import Exported
from apreconcile.core.outcome import Report
from apreconcile.core.spec.document import PROJECT
from apreconcile.core.wanted import DEFAULT, Manifest
from apreconcile.core.writing import spec_text

from .account import Account
from .applying import apply
from .exporting import export
from .loading import DEFAULT_SPEC
from .planning import Planned, plan
from .stores import state_line
from .surroundings import Surroundings

PROMPTS = "prompts"
PIPELINES = (*pipelines.HOMES, NONE := "none")
STORES = (LOCAL := "local", GIT := "git")
IGNORED = (".apreconcile/", "plan.json", ".env")
"""What git is not to keep: the local state and the sandbox, plans, and what sinks may write."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the spec is to be called, which pipeline there is to be, and where its state lies; empty if nobody said."""

    project: str = ""
    pipeline: str = ""
    store: str = ""

    @property
    def manifest(self) -> Manifest:
        """A spec of that name, here, without anything in it."""
        return Manifest(self.project, DEFAULT, (), home=".", store=self.written_store)

    @property
    def written_store(self) -> str | None:
        """The store as the spec names it; local is not written."""
        return self.store if self.store != LOCAL else None


@dataclass(frozen=True, slots=True)
class Drafts:
    """What is to be written: texts by their paths in the folder, the spec last, and from the top of the repository."""

    here: dict[str, str]
    at_top: dict[str, str]


def completed(given: Choice, around: Surroundings) -> Choice:
    """What was said, and for the rest what the surroundings propose: a pipeline only with a state that outlives it."""
    proposed = around.host if around.origin and given.store != LOCAL else NONE
    pipeline = given.pipeline or proposed
    store = given.store or (GIT if around.origin or pipeline != NONE else LOCAL)
    return Choice(given.project or around.project, pipeline, store)


def check_choice(choice: Choice, around: Surroundings) -> None:
    """Raise UsageError for what does not go together, or not here."""
    if not PROJECT.fullmatch(choice.project):
        raise UsageError(f"{choice.project!r} cannot be a project", hint="use small letters, digits and -, at most 40")
    for name, value, known in (("pipeline", choice.pipeline, PIPELINES), ("store", choice.store, STORES)):
        if value not in known:
            raise UsageError(f"{value!r} cannot be its {name}", hint=f"it is one of {', '.join(known)}")
    if choice.pipeline != NONE and choice.store == LOCAL:
        reason = f"a runner of {choice.pipeline} ends, and a local state with it: what was bought would be forgotten"
        raise UsageError(
            reason, hint="keep the state in the remote: --store git; or write no pipeline: --pipeline none"
        )
    if choice.store == GIT and not around.origin:
        reason = "the state is to lie in the remote `origin` of a repository, and there is none here"
        begin = "" if around.top else "git init, and "
        raise UsageError(reason, hint=f"{begin}git remote add origin URL; or without: --store local --pipeline none")
    if choice.pipeline != NONE and not pipelines.can_name(around.prefix):
        reason = f"no pipeline can name the folder {around.prefix!r}"
        raise UsageError(reason, hint="give it a plainer name, or write no pipeline: --pipeline none")


async def write_down(account: Account) -> Exported:
    """The account as a spec; nothing is written. Raises UnsafeError if something of this name is remembered already."""
    state, _ = await account.recall()
    if state.resources or state.intents:
        project, held = account.manifest.project, len(state.resources)
        things = f"{held:,} resource{'' if held == 1 else 's'}"
        reason = f"the state of {project}/{DEFAULT} is here already, with {things}"
        store = account.manifest.store
        line = f", and add to it: {state_line(store, None)}" if store else ""
        hint = (
            f"write its spec down: apreconcile export --project {project} > {DEFAULT_SPEC}{line}; or take another name"
        )
        raise UnsafeError(reason, hint=hint)
    return await export(account, prompts=PROMPTS)


def drafts(choice: Choice, around: Surroundings, exported: Exported) -> Drafts:
    """The spec, the prompts that it names, and the pipeline. The spec is last: with it, this was begun."""
    document = dict(exported.document)
    head = {name: document.pop(name) for name in ("version", "project")}
    state = {"state": {"store": choice.written_store}} if choice.written_store else {}
    at_top = pipelines.files(
        choice.pipeline, folder=around.prefix, project=choice.project, branch=around.branch, names=exported.names
    )  # fmt: skip
    return Drafts({**exported.files, DEFAULT_SPEC: spec_text({**head, **state, **document})}, at_top)


def with_ignored(held: bytes) -> bytes:
    """The content of a `.gitignore` with the lines that it lacks."""
    missing = [line for line in IGNORED if line.encode() not in held.splitlines()]
    gap = b"" if not missing or not held or held.endswith(b"\n") else b"\n"
    return held + gap + "".join(f"{line}\n" for line in missing).encode()


async def adopt_all(account: Account) -> tuple[Planned, Report]:
    """Adopt what the new spec names. Raises BlockedError, with nothing sent, if the plan does anything else."""
    planned = await plan(account)
    others = [str(step.address) for step in planned.plan.steps if not isinstance(step.change, Adopt)]
    others += [str(one.address) for one in planned.plan.blocked]
    if others:
        reason = f"the account changed meanwhile, and nothing was adopted: {', '.join(others)}"
        raise BlockedError(reason, hint="see what it is: apreconcile plan")
    return planned, await apply(account, planned)


def check_unbegun(folder: Path) -> None:
    """Raise Error where there is a spec already."""
    if (folder / DEFAULT_SPEC).exists():
        hint = "plan it: apreconcile plan; or see what the account has: apreconcile export --project NAME"
        raise Error(f"{DEFAULT_SPEC} is here already", hint=hint)
