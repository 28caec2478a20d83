"""One line of an env file is replaced here, and nothing else: the file holds the old line or the new one, never a part.

Values are written so that a shell and every common reader of such files read the same.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import re
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from apreconcile.core.call import Secret
from apreconcile.core.errors import SinkError

LARGEST = 1_000_000
"""Bytes that an env file may have."""
MODE = 0o600
ROOM = 1024
"""Bytes that a new line may want beside what is there."""

_BEGIN = rb"(?:\xef\xbb\xbf)?\s*(?:export\s+)?"
"""What may stand before a name."""
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,=-]+")
_PATIENCE, _PAUSE = 500, 0.01
"""How often, and with how many seconds between, the folder's lock is asked for: it is held for milliseconds."""

_HINTS = {
    errno.ENOSPC: "the disk is full; make room",
    errno.EDQUOT: "the quota is used up; make room",
    errno.EROFS: "that is read-only; name a file that can be written",
    errno.EACCES: "this user may not write there; see the folder's permissions",
    errno.EPERM: "this user may not write there; see the folder's permissions",
    errno.EFBIG: "files may not be so large here; see `ulimit -f`",
}


@dataclass(frozen=True, slots=True)
class _Page:
    """An env file as it is: its lines with their ends, and what the system says of it (None if it is not there)."""

    target: Path
    lines: tuple[bytes, ...]
    status: os.stat_result | None


async def check_line(path: Path, name: str, *, theirs: str = "") -> Path:
    """The file that a secret would be written to, links followed. Raises SinkError where it could not be.

    `theirs` says who else was handed to a line of that name: where it has a value, that may be theirs.
    """
    with _explained(path):
        target = _target(path)
        async with _locked(target.parent):
            page = _read(target)
            number = _place_of(page, name)
            if theirs and number is not None and page.lines[number].partition(b"=")[2].strip():
                hint = f"use another name; or, if it is not theirs, take {name} out of {target}"
                raise SinkError(f"{target} has {name} already, and {theirs}", hint=hint)
            new = _temporary(target)
            try:
                _write(new, b"\0" * (sum(map(len, page.lines)) + ROOM), page.status)
            finally:
                new.unlink(missing_ok=True)
    return target


async def write_line(path: Path, name: str, secret: Secret) -> str:
    """Write `NAME=secret`; what a person should know of it. Raises SinkError, and then nothing has changed."""
    with _explained(path):
        target = _target(path)
        async with _locked(target.parent):
            page = _read(target)
            _replace(page, _place_of(page, name), name, secret)
    mode = stat.S_IMODE(page.status.st_mode) if page.status else MODE
    wide = f"{path} could be used by others (mode {mode:04o}), and now by its owner alone (mode {MODE:04o})"
    return wide if mode & ~MODE else ""


def quoted(secret: Secret) -> str | None:
    """A value as every reader of env files reads it; None if they differ about it."""
    if _PLAIN.fullmatch(secret.text):
        return secret.text
    if not secret.text.isprintable() or "\\" in secret.text or "${" in secret.text:
        return None
    if "'" not in secret.text:
        return f"'{secret.text}'"
    return None if re.search('["$`!]', secret.text) else f'"{secret.text}"'


def _target(path: Path) -> Path:
    """Where the links of a path lead, which may be a file that is not there yet, in a folder that is."""
    try:
        target = path.resolve()
    except RuntimeError:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
    if not target.parent.is_dir():
        raise SinkError(f"there is no folder {target.parent}", hint=f"make it: mkdir -p {target.parent}")
    return target


def _read(target: Path) -> _Page:
    """The file, if it is a plain one with text. A pipe is not waited for."""
    try:
        opened = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return _Page(target, (), None)
    try:
        status = os.fstat(opened)
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "no plain file"
            raise SinkError(f"{target} is {what}", hint="name an env file, such as .env")
        if status.st_nlink > 1:
            raise SinkError(f"{target} has other names (hard links) that would keep the old line", hint="copy it first")
        if os.geteuid() not in {0, status.st_uid}:
            raise SinkError(f"{target} belongs to another user, and would no longer", hint=f"see: ls -l {target}")
        with os.fdopen(opened, "rb", closefd=False) as file:
            content = file.read(LARGEST + 1)
    finally:
        os.close(opened)
    return _Page(target, _lines(target, content), status)


def _lines(target: Path, content: bytes) -> tuple[bytes, ...]:
    hint = "name an env file, such as .env"
    if len(content) > LARGEST:
        raise SinkError(f"{target} is larger than {LARGEST:,} bytes", hint=hint)
    try:
        content.decode()
    except UnicodeDecodeError:
        raise SinkError(f"{target} is not UTF-8 text", hint=hint) from None
    if b"\0" in content:
        raise SinkError(f"{target} is no text", hint=hint)
    return tuple(re.findall(rb"[^\n]*\n|[^\n]+", content))


def _place_of(page: _Page, name: str) -> int | None:
    """Which line has the name; None if none has. Raises SinkError if that cannot be told."""
    begins = re.compile(_BEGIN + name.encode() + rb"\s*=\s*(.*)", re.DOTALL)
    found = [(number, match) for number, line in enumerate(page.lines) if (match := begins.fullmatch(line))]
    if len(found) > 1:
        numbers = ", ".join(str(number + 1) for number, _ in found)
        raise SinkError(f"{page.target} has {name} more than once: lines {numbers}", hint="keep one of them")
    if not found:
        return None
    number, match = found[0]
    quote = match[1][:1]
    if quote in (b"'", b'"') and quote not in match[1][1:]:
        raise SinkError(f"{page.target} has a value of several lines in {name}", hint="take these lines out")
    return number


def _replace(page: _Page, number: int | None, name: str, secret: Secret) -> None:
    value = quoted(secret)
    if value is None:
        hint = "use another sink: exec, or github"
        raise SinkError("it has signs that readers of env files understand differently", hint=hint)
    lines, line = list(page.lines), f"{name}={value}".encode()
    if number is not None:
        begin, end = re.match(_BEGIN, lines[number]), re.search(rb"\r?\n?\Z", lines[number])
        lines[number] = (begin[0] if begin else b"") + line + (end[0] if end else b"")
    else:
        end_of_line = b"\r\n" if lines and lines[0].endswith(b"\r\n") else b"\n"
        whole = not lines or lines[-1].endswith(b"\n")
        lines.append(line + end_of_line if whole else end_of_line + line)
    new = _temporary(page.target)
    try:
        _write(new, b"".join(lines), page.status)
        new.rename(page.target)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    _sync_folder(page.target.parent)


def _temporary(target: Path) -> Path:
    """The new file, beside the old one. Its name is fixed: what a killed run left of one is replaced."""
    return target.with_name(f"{target.name}.apreconcile")


def _write(new: Path, content: bytes, before: os.stat_result | None) -> None:
    """Write a file durably, for its owner alone, who is that of the file before it."""
    new.unlink(missing_ok=True)
    opened = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
    with os.fdopen(opened, "wb") as file:
        if before and (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
            with suppress(PermissionError):  # a group that this user is not in: nobody of it could read the file
                os.fchown(opened, before.st_uid, before.st_gid)
        os.fchmod(opened, MODE)
        file.write(content)
        file.flush()
        os.fsync(opened)


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@asynccontextmanager
async def _locked(folder: Path) -> AsyncIterator[None]:
    """Hold the folder, so that two runs that write one file do not lose each other's lines."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for _ in range(_PATIENCE):
            try:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                await asyncio.sleep(_PAUSE)
            except OSError:
                break  # a network's file system that locks no folder
            else:
                break
        else:
            raise SinkError(f"{folder} is held by another program", hint="wait for it, then try again")
        yield
    finally:
        os.close(opened)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """A disk's error in a sentence."""
    try:
        yield
    except OSError as problem:
        why, hint = problem.strerror or type(problem).__name__, _HINTS.get(problem.errno or 0, "see its folder")
    else:
        return
    raise SinkError(f"{path} could not be written: {why}", hint=hint)
