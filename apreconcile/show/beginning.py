"""What `init` says: what it found and would write, and afterwards what a newcomer does next, as commands, in order."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from . import escape
from .layout import count, prose
from .screen import BLANK, Lines, Span, Style, say

_MANY = 5
"""Files of one folder that are named; of more, their number."""
_STORES = {"local": "in .apreconcile/ of this folder", "git": "in the remote origin (git)"}
_SCHEDULED = "Under Build, Pipeline schedules, make one of the default branch: it looks for drift."
_HOSTS = {"none": "it has no pipeline", "github": "its pipeline is GitHub's", "gitlab": "its pipeline is GitLab's"}
_SOURCE = "the repository and the commit of the release of apreconcile that you trust"


@dataclass(frozen=True, slots=True)
class Begun:
    """What was begun. `spec` are the spec and what lies beside it, `pipeline_files` the pipeline's, as paths from here.

    `names` are the variables that the spec reads, `unset` those of them that have no value, so that nothing is adopted
    yet. `branch` is the default one, if it is known, and `elsewhere` the one that is here if it is another. `includes`
    is GitLab's own file, `included` whether it is there.
    """

    pipeline: str
    store: str
    spec: tuple[str, ...]
    pipeline_files: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()
    in_repository: bool = False
    branch: str | None = None
    elsewhere: str | None = None
    includes: str = ""
    included: bool = False


def found_lines(
    document: Mapping[str, Any], files: Sequence[str], *, project: str, store: str, pipeline: str, width: int
) -> Lines:
    """What of the account is written down, what it is going to be, and the files that would be written."""
    many = [count(len(document.get(plural, {})), plural[:-1]) for plural in ("agents", "numbers", "webhooks")]
    said = f"{many[0]}, {many[1]} and {many[2]} of the account become the project {project}: its state lies"
    lines = prose(f"{said} {_STORES[store]}, and {_HOSTS[pipeline]}. To be written:", width=width)
    for folder, group in groupby(files, key=lambda name: name.rpartition("/")[0]):
        names = list(group)
        shown = [f"{folder}/ ({len(names)} files)"] if folder and len(names) > _MANY else names
        lines += [say(f"  {escape.line(name)}") for name in shown]
    return lines


def next_lines(begun: Begun, *, width: int) -> Lines:
    """The next steps, each with its commands, in the order in which they work."""
    steps = [*_adopting(begun), *_keeping(begun), *_piping(begun), *_going_on(begun)]
    lines: Lines = [say("Next:" if len(steps) == 1 else "Next, in this order:")]
    for number, (words, commands) in enumerate(steps, 1):
        mark = f"  {number}. " if len(steps) > 1 else "  "
        lines += prose(words, width=width, first=say(mark), hang=len(mark))
        lines += [(*say(" " * (len(mark) + 2)), Span(Style.COPY, escape.line(command))) for command in commands]
    return [BLANK, *lines]


_Step = tuple[str, Sequence[str]]


def _adopting(begun: Begun) -> Sequence[_Step]:
    if not begun.unset:
        return ()
    values = [f"export {name}=…" for name in begun.unset]
    return (("Nothing is adopted yet: set what no API shows, and adopt.", [*values, "apreconcile apply"]),)


def _keeping(begun: Begun) -> Sequence[_Step]:
    if not begun.in_repository:
        return ()
    commands = [_git("add", *begun.spec), _git("commit", "-m", "Our phones, as they are")]
    if begun.pipeline == "none":
        return (("Keep the spec in git.", commands),)
    where = f"the default branch ({begun.branch})" if begun.branch else "the default branch"
    why = "a pipeline judges each change by the policy that was there before it"
    words = f"Put the spec on {where} first: {why}. Who may approve, and how much may be bought, is `policy:` in it."
    words += f" This is the branch {begun.elsewhere}: merge it before you go on." if begun.elsewhere else ""
    return ((words, [*commands, _git("push", "origin", "HEAD")]),)


def _piping(begun: Begun) -> Sequence[_Step]:
    if begun.pipeline == "none":
        return ()
    files, keys = begun.pipeline_files, ("AGENTPHONE_API_KEY", *begun.names)
    adding = [_git("add", *files), _git("commit", "-m", "Plan changes, apply merges, look for drift")]
    pushing = _git("push", "origin", "HEAD")
    if begun.pipeline == "github":
        main = "" if begun.branch else " If your default branch is not main, put it for main in the one that applies."
        return (
            ("Make these secrets of the repository, by hand (Settings, Secrets and variables, Actions) or so:",
             [f"gh secret set {name}" for name in keys]),
            (f"In the workflows, put {_SOURCE} for OWNER and the zeros.{main} Then add them.", [*adding, pushing]),
        )  # fmt: skip
    include = f"include: [{{local: {files[0].rpartition('/')[2]}}}]"
    line = [] if begun.included else [f"echo {shlex.quote(include)} > {shlex.quote(begun.includes)}"]
    told = f" Add to {begun.includes}, which is here already: `{include}`." if begun.included else ""
    adding[0] = _git("add", *files, begun.includes)
    masked = f"In the project's Settings, CI/CD, make a masked variable of {', '.join(keys)}"
    return (
        (f"{masked}, and let job tokens push (Job token permissions): the state is a ref. {_SCHEDULED}", ()),
        (f"In {files[0]}, put {_SOURCE} for OWNER and the zeros.{told}", [*line, *adding, pushing]),
    )


def _going_on(begun: Begun) -> Sequence[_Step]:
    if begun.pipeline != "none":
        asked = {"github": "pull request: its plan comes as a comment", "gitlab": "merge request: its job has the plan"}
        return ((f"From now on, change {begun.spec[0]} on a branch, and open a {asked[begun.pipeline]}.", ()),)
    kept = " Keep .apreconcile/, too: what is ours is known there alone." if begun.store == "local" else ""
    return ((f"Change {begun.spec[0]}, and see what would come of it.{kept}", ["apreconcile plan"]),)


def _git(*words: str) -> str:
    """A command of git; a path keeps its `*` for the shell."""
    return "git " + " ".join(word if "*" in word else shlex.quote(word) for word in words)
