"""A file is saved here: it holds the new content whole, or what it held before."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

from apreconcile.core.errors import Error, UsageError
from apreconcile.show import escape

from .terminal import Terminal


def check_target(path: str) -> Path:
    """The file to write, links followed. Raises Error where no file can be, before anything is looked at."""
    target = Path(path)
    with suppress(OSError, RuntimeError):
        target = target.resolve()
    name = escape.line(path)
    if target.is_dir():
        raise Error(f"{name} is a folder", hint="name a file in it, such as plan.json")
    if target.exists() and (not target.is_file() or _is_open_stream(target)):
        raise Error(f"{name} is no plain file", hint="to print the plan: --format json")
    if target.is_file() and not _is_replaceable(target):
        raise Error(f"{name} is there and is no plan", hint="name another file, or remove that one")
    if not target.parent.is_dir():
        raise Error(f"{name} cannot be written: there is no folder {escape.line(str(target.parent))}", hint="make it")
    return target


def _is_replaceable(target: Path) -> bool:
    """Whether a file is empty or begins like a plan: nothing else is written over, such as the spec itself."""
    try:
        with target.open("rb") as file:
            return file.read(1) in (b"", b"{")
    except OSError:
        return True  # writing it will say why not


def _is_open_stream(target: Path) -> bool:
    """Whether it is what stdout or stderr writes to: `/dev/stdout` may lead to a plain file, not to be lost."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            if os.path.samestat(target.stat(), os.fstat(stream.fileno())):
                return True
    return False


def save(target: Path, data: bytes, *, mode: int | None = None, hint: str = "name another: --out FILE") -> None:
    """Write a file whole and rename it into place, as any new file of this user or with this mode. Raises Error."""
    new = None
    try:
        opened, new = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with os.fdopen(opened, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), _mode() if mode is None else mode)
        Path(new).replace(target)
    except OSError as problem:
        if new:
            Path(new).unlink(missing_ok=True)
        why = problem.strerror or type(problem).__name__
        raise Error(f"{escape.line(str(target))} could not be written: {why}", hint=hint) from problem


def check_folder(name: str) -> str:
    """A folder beside a spec, as a spec names files in it. Raises UsageError for one that is not below it."""
    folder = PurePosixPath(name)
    if folder.is_absolute() or ".." in folder.parts or not folder.parts or not name.isprintable():
        reason = f"{escape.line(name)!r} is no folder beside the spec"
        raise UsageError(reason, hint="name one below the spec's own, such as: --prompts prompts")
    return str(folder)


REPLACE = "move it away, name another folder, or replace it: --overwrite"
ELSEWHERE = "name another folder: --prompts DIR"


def check_files(home: Path, files: Mapping[str, str], *, overwrite: bool, hint: str = REPLACE) -> dict[Path, bytes]:
    """What is to be written where, of texts by their path below a folder; what is there already is left out.

    Raises Error before anything is written: for what would lead outside of the folder, for what is no plain file, and,
    unless `overwrite`, for a file that is there with another content, with this hint.
    """
    top, wanted = home.resolve(), dict[Path, bytes]()
    others: list[str] = []
    for name, text in files.items():
        target, content = top / name, text.encode()
        if not _resolved(target).is_relative_to(top) or target.is_symlink():
            raise Error(f"{escape.line(name)} leads elsewhere", hint="remove that link, or name another folder")
        if target.exists() and not target.is_file():
            raise Error(f"{escape.line(name)} is no plain file", hint="move it away, or name another folder")
        if not target.exists() or held_in(target) != content:
            wanted[target] = content
            others += [escape.line(name)] if target.exists() else []
    if others and not overwrite:
        raise Error(
            f"nothing was written: {', '.join(others)} would become another text",
            hint=hint,
        )
    return wanted


def held_in(target: Path) -> bytes:
    """What a file holds. Raises Error if it cannot be read."""
    try:
        return target.read_bytes()
    except OSError as problem:
        reason = f"{escape.line(str(target))} could not be read: {problem.strerror}"
        raise Error(reason, hint="see its permissions: ls -l") from problem


def _resolved(target: Path) -> Path:
    try:
        return target.resolve()
    except (OSError, RuntimeError):
        return Path("/")  # links that lead in a circle


def save_files(files: Mapping[Path, bytes], *, hint: str = ELSEWHERE) -> None:
    """Write each of these files whole, in this order, and the folders that they lie in. Raises Error."""
    for target, content in files.items():
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            reason = f"{escape.line(str(target.parent))} could not be made: {problem.strerror}"
            raise Error(reason, hint=hint) from problem
        save(target, content, hint=hint)


def save_beside(terminal: Terminal, home: str, files: Mapping[str, str], *, overwrite: bool = False) -> None:
    """Write the files that a spec names, beside it, and say so. Raises Error as `check_files` does."""
    wanted = check_files(Path(home), files, overwrite=overwrite)
    replaced = {target for target in wanted if target.exists()}
    save_files(wanted)
    for target in wanted:
        name = escape.line(os.path.relpath(target))
        if target in replaced:
            terminal.warn(f"replaced {name}, which held another text")
        else:
            terminal.remark(f"wrote {name}, which the spec names")


def _mode() -> int:
    """What any new file of this user gets; the plan holds no secrets."""
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask
