"""A file is saved here: it holds the new content whole, or what it held before."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from apreconcile.core.errors import Error
from apreconcile.show import escape


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


def save(target: Path, data: bytes, *, mode: int | None = None) -> None:
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
        raise Error(
            f"{escape.line(str(target))} could not be written: {why}", hint="name another: --out FILE"
        ) from problem


def _mode() -> int:
    """What any new file of this user gets; the plan holds no secrets."""
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask
