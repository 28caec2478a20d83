"""Which version of git, OpenSSH and gh is there, as each says itself; they are told nothing and reach nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from apreconcile.core.errors import Error

from .run import found, run

SECONDS = 10.0
"""How long a program may take to say its version: a hang bound."""


class Version(NamedTuple):
    """Major and minor number."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


async def git_version(environ: Mapping[str, str]) -> Version:
    """The version of git. Raises Error if there is none, or if it does not say."""
    return await _version("git", ["--version"], r"git version ([0-9]+)\.([0-9]+)", environ)


async def ssh_version(environ: Mapping[str, str]) -> Version:
    """The version of OpenSSH: ssh-keygen, which has to be there, does not say it, so its ssh does. Raises Error."""
    found("ssh-keygen", environ)
    return await _version("ssh", ["-V"], r"OpenSSH_(?:for_Windows_)?([0-9]+)\.([0-9]+)", environ)


async def gh_version(environ: Mapping[str, str]) -> Version:
    """The version of gh. Raises Error if there is none, or if it does not say."""
    return await _version("gh", ["--version"], r"gh version ([0-9]+)\.([0-9]+)", environ)


async def _version(program: str, args: Sequence[str], pattern: str, environ: Mapping[str, str]) -> Version:
    chosen = {"PATH": environ.get("PATH", os.defpath), "LC_ALL": "C", "GH_NO_UPDATE_NOTIFIER": "1", "HOME": os.devnull}
    ended = await run(program, args, folder=Path("/"), environ=chosen, seconds=SECONDS)
    said = re.search(pattern, ended.out.decode(errors="replace") + ended.err)
    if said is None:
        raise Error(f"{program} does not say its version", hint=f"{program} {' '.join(args)}")
    return Version(int(said[1]), int(said[2]))
