"""To load: find the files of a spec, and let the core read them; files named inside must lie in the spec's folder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from apreconcile.core.errors import Error
from apreconcile.core.masking import Masking
from apreconcile.core.spec.manifest import choose_environment, load_manifest, load_manifests
from apreconcile.core.spec.text import MAX_BYTES
from apreconcile.core.wanted import Environment, Manifest
from apreconcile.kinds import KINDS

DEFAULT_SPEC = "agentphone.yaml"
SUFFIXES = (".yaml", ".yml")
LARGEST = 1_000_000
"""Bytes that one `{file: PATH}` may have: a prompt is text that a model reads."""


def load(
    paths: Sequence[str] = (),
    *,
    variables: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    environment: str | None = None,
) -> Manifest:
    """The spec in these files and folders, `./agentphone.yaml` if none is named, as it is for one environment.

    `variables` are those of `--var`; `environ` is what `${env.NAME}` reads, the process' own if left out. Raises
    SpecError with every problem of the spec, UsageError for an environment that it does not have, or if it has several
    and none is named, and Error for a file that cannot be read.
    """
    sources, home = _sources(paths)
    return load_manifest(
        sources, kinds=KINDS, variables=variables or {}, environ=os.environ if environ is None else environ,
        read_file=read_named, read_bytes=read_beside, environment=environment, home=home,
    )  # fmt: skip


def load_all(
    paths: Sequence[str] = (), *, variables: Mapping[str, str] | None = None, environ: Mapping[str, str] | None = None
) -> tuple[Manifest, ...]:
    """The spec as it is for each of its environments. Raises SpecError with the problems of all of them, and Error."""
    sources, home = _sources(paths)
    return load_manifests(
        sources, kinds=KINDS, variables=variables or {}, environ=os.environ if environ is None else environ,
        read_file=read_named, read_bytes=read_beside, home=home,
    )  # fmt: skip


def load_environment(paths: Sequence[str], environment: str | None) -> tuple[Environment, str]:
    """The environment that `-e` names, and what the state calls it; of the spec nothing else is looked at.

    Raises as `load` does for an environment, and SpecError where the spec is none, or its environments are wrong.
    """
    sources, _ = _sources(paths)
    return choose_environment(sources, kinds=KINDS, environment=environment)


def _sources(paths: Sequence[str]) -> tuple[list[tuple[str, bytes]], str]:
    """The files of a spec with what is in them, and the folder of the first."""
    files = [file for path in paths or (DEFAULT_SPEC,) for file in _files(Path(path), named=bool(paths))]
    return [(str(file), _read(file)) for file in files], str(files[0].parent)


def _files(path: Path, *, named: bool) -> list[Path]:
    """A file itself, or a folder's own YAML files in the order of their names."""
    if not path.is_dir():
        if not path.exists() and not named:
            hint = "name one, or go to its folder; to begin with what the account has: apreconcile init"
            raise Error(f"there is no {DEFAULT_SPEC} here", hint=hint)
        return [path]
    found = sorted(one for one in path.iterdir() if one.suffix in SUFFIXES and one.is_file())
    if not found:
        raise Error(f"the folder {path} has no *.yaml", hint="name the file, or the folder that has it")
    return found


def _read(file: Path) -> bytes:
    try:
        if file.exists() and not file.is_file():
            raise Error(f"{file} is no plain file", hint="name a YAML file, or a folder of them")
        with file.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except OSError as problem:
        hint = "name a spec that is there" if isinstance(problem, FileNotFoundError) else "see its permissions"
        raise Error(f"{file} could not be read: {problem.strerror}", hint=hint) from problem


def read_named(spec: str, named: str) -> str:
    """The text of `{file: named}` in a spec file: inside the spec's folder, links followed. Raises Error.

    Plans show it and agents say it: so nothing hidden is one, such as `.env` or `.git/config`, nor what has a secret.
    """
    data, folder = read_beside(spec, named), Path(spec).parent.resolve()
    if any(part.startswith(".") for part in (folder / named).resolve().relative_to(folder).parts):
        raise Error(f"{named} is hidden, as files with secrets are", hint="copy the text into a file that is not")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise Error(f"{named} is not UTF-8 text (byte {problem.start})", hint="save it as UTF-8") from problem
    if Masking(())(text) != text:
        raise Error(f"{named} has what looks like a signing secret or a key", hint="take it out: plans show this text")
    return text


def read_beside(spec: str, named: str) -> bytes:
    """What is in a file that a spec file names: inside the spec's folder, links followed. Raises Error."""
    folder = Path(spec).parent.resolve()
    try:
        file = (folder / named).resolve()
        if not file.is_relative_to(folder):
            raise Error(f"{named} lies outside the folder of the spec", hint="copy it beside the spec")
        if not file.is_file():
            raise Error(
                f"{named} is no file" if file.exists() else f"there is no file {named}", hint=f"looked in {folder}"
            )
        if file.stat().st_size > LARGEST:
            raise Error(f"{named} is larger than {LARGEST:,} bytes", hint="name a shorter one")
        return file.read_bytes()
    except (OSError, ValueError, RuntimeError) as problem:
        why = getattr(problem, "strerror", None) or "its name or its links lead nowhere"
        raise Error(f"{named} could not be read: {why}", hint="see its name and permissions") from problem
