"""Where `init` is run: what the folder is called, and what git says of it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from apreconcile.core.errors import Error
from apreconcile.programs.git import git

NAMELESS = "agentphone"
ORIGIN = "origin"
"""The remote that the checkout of a pipeline has, so that the state of a pipeline can lie there."""
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a folder is called, and what git says of it; `top` is of the repository, None if there is none.

    `prefix` is the folder from the top, with `/` between its parts. `origin` says whether there is that remote, `host`
    names the pipeline of its host, `none` if it is of neither. `branch` is its usual one, and `here` the one that is
    checked out, None where nobody knows.
    """

    project: str
    top: Path | None = None
    prefix: str = ""
    origin: bool = False
    host: str = "none"
    branch: str | None = None
    here: str | None = None


async def look_around(folder: Path, environ: Mapping[str, str]) -> Surroundings:
    """What the folder, its repository and its remote say. Nothing is sent."""
    project, top = _slug(folder.name), await _said(folder, environ, "rev-parse", "--show-toplevel")
    if not top:
        return Surroundings(project)
    prefix = (await _said(folder, environ, "rev-parse", "--show-prefix") or "").rstrip("/")
    if ORIGIN not in (await _said(folder, environ, "remote") or "").split():
        return Surroundings(project, Path(top), prefix)
    url = await _said(folder, environ, "remote", "get-url", ORIGIN) or ""
    host = re.sub(r"^[a-z+]+://", "", url.lower()).rpartition("@")[2]
    named = next((name for name in ("github", "gitlab") if re.match(rf"([\w-]+\.)*{name}\.", host)), "none")
    here = await _said(folder, environ, "symbolic-ref", "--short", "HEAD")
    branch = await _usual(folder, environ, here)
    usual = branch if branch and _BRANCH.fullmatch(branch) else None
    return Surroundings(project, Path(top), prefix, origin=True, host=named, branch=usual, here=here)


async def _usual(folder: Path, environ: Mapping[str, str], here: str | None) -> str | None:
    """The default branch of the remote, if it is known here; else the only branch that there is."""
    known = await _said(folder, environ, "symbolic-ref", "--short", f"refs/remotes/{ORIGIN}/HEAD")
    if known:
        return known.removeprefix(f"{ORIGIN}/")
    others = await _said(folder, environ, "for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/remotes")
    return here if here and set((others or "").split()) <= {here, f"{ORIGIN}/{here}"} else None


async def _said(folder: Path, environ: Mapping[str, str], *words: str) -> str | None:
    """What git says, without its line's end; None where it says no, or is not there."""
    try:
        ended = await git(words, folder=folder, environ=environ)
    except Error:
        return None
    return ended.out.decode(errors="surrogateescape").rstrip("\n") if ended.code == 0 else None


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or NAMELESS
