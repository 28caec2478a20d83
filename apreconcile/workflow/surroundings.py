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
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is proposed: the name of the project, the store of its state, and the pipeline; `top` is of the repository.

    `branch` is the usual one of the remote, None where nobody knows, or there is no repository.
    """

    project: str
    store: str
    pipeline: str
    top: Path | None = None
    branch: str | None = None


async def look_around(folder: Path, environ: Mapping[str, str]) -> Surroundings:
    """What the folder, its repository and its remote propose. Nothing is sent."""
    project, top = _slug(folder.name), await _said(folder, environ, "rev-parse", "--show-toplevel")
    remotes = (await _said(folder, environ, "remote") or "").split() if top else []
    if top is None or not remotes:
        return Surroundings(project, "local", "none", Path(top) if top else None)
    remote = "origin" if "origin" in remotes else remotes[0]
    url = await _said(folder, environ, "remote", "get-url", remote) or ""
    host = re.sub(r"^[a-z+]+://", "", url.lower()).rpartition("@")[2]
    pipeline = next((name for name in ("github", "gitlab") if re.match(rf"([\w-]+\.)*{name}\.", host)), "none")
    branch = await _usual(folder, environ, remote)
    usual = branch if branch and _BRANCH.fullmatch(branch) else None
    return Surroundings(project, "git" if remote == "origin" else "local", pipeline, Path(top), usual)


async def _usual(folder: Path, environ: Mapping[str, str], remote: str) -> str | None:
    """The default branch of a remote, if it is known here; else the only branch that there is."""
    known = await _said(folder, environ, "symbolic-ref", "--short", f"refs/remotes/{remote}/HEAD")
    if known:
        return known.removeprefix(f"{remote}/")
    here = await _said(folder, environ, "symbolic-ref", "--short", "HEAD")
    others = await _said(folder, environ, "for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/remotes")
    return here if here and set((others or "").split()) <= {here, f"{remote}/{here}"} else None


async def _said(folder: Path, environ: Mapping[str, str], *words: str) -> str | None:
    """What git says, without its line's end; None where it says no, or is not there."""
    try:
        ended = await git(words, folder=folder, environ=environ)
    except Error:
        return None
    return ended.out.decode(errors="replace").rstrip("\n") if ended.code == 0 else None


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or NAMELESS
