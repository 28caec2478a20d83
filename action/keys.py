"""What of the job is secret: the variables that hold a key, and all files that are not of the change."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, MutableMapping
from contextlib import suppress
from pathlib import Path

from event import RefusedError

USUAL = "AGENTPHONE_API_KEY"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAMED = re.compile(rb"""keyEnv["']?\s*:\s*["']?([A-Za-z_][A-Za-z0-9_]*)""")
"""Wherever a spec may name one. That a word too many is found does no harm, and a spec that is wrong has names, too."""


def hand_on(environ: MutableMapping[str, str], name: str) -> None:
    """Put the input `api-key` into the variable of this name, or the usual one. Raises RefusedError for no name."""
    if name and not _VARIABLE.fullmatch(name):
        raise RefusedError(f"key-env: {name!r} is no name of a variable", "key-env: PROD_KEY, as the spec's keyEnv", 64)
    if environ.get("INPUT_API_KEY"):
        environ[name or USUAL] = environ["INPUT_API_KEY"]


def advised(said: str, environ: Mapping[str, str]) -> str:
    """What was said; and if the key was given, but not under the name that the spec has for it, what to do."""
    wanted = re.search(r"([A-Za-z_][A-Za-z0-9_]*) is not\s+set,\s+which\s+is\s+its\s+`keyEnv`", said)
    if not wanted or not environ.get("INPUT_API_KEY"):
        return said
    return f"{said}hint: hand it on under that name, in the workflow: key-env: {wanted[1]}\n"


def named(specs: Iterable[str]) -> frozenset[str]:
    """The variables that any environment of these specs names for its key."""
    found = set[str]()
    for path in _files(specs):
        with suppress(OSError):
            found |= {name.decode() for name in _NAMED.findall(path.read_bytes())}
    return frozenset(found)


def check_inside(specs: Iterable[str]) -> None:
    """Raise RefusedError for a spec that leads out of the checkout: a line of it may be quoted in a comment."""
    top = os.path.realpath(".")
    for path in _files(specs):
        if not Path(os.path.realpath(path)).is_relative_to(top):
            raise RefusedError(
                f"{path} leads out of the checkout", "have the file itself in the repository, and no link"
            )


def _files(specs: Iterable[str]) -> Iterable[Path]:
    for path in map(Path, specs):
        yield from sorted(path.glob("*.y*ml")) if path.is_dir() else [path]
