"""State lives in one file beside the spec; whoever reads it sees a whole document, whatever was killed when.

A swap takes a lock, compares, writes a new file, makes it durable and renames it over the old one. The lock is the
kernel's, on a file that stays: it ends with the process that holds it, so a kill leaves nothing behind to clean up.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import stat
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from apreconcile.core.errors import LockedError, StoreError
from apreconcile.core.state import State

from .document import decode, document_name, encode, other_environments, stamped
from .store import Version, conflict

HOME = ".apreconcile"
ABSENT: Version = "absent"

_PATIENCE = 500
_PAUSE = 0.01
"""Seconds between two tries to get the lock, which is held for a few milliseconds; `_PATIENCE` is how many."""

_HINTS = {
    errno.ENOSPC: "the disk is full; make room",
    errno.EDQUOT: "the quota is used up; make room",
    errno.EFBIG: "files may not be so large here; see `ulimit -f`",
    errno.EROFS: "the folder is read-only; put the spec where it can be written",
    errno.EACCES: "this user may not write there; see the folder's permissions",
    errno.EPERM: "this user may not write there; see the folder's permissions",
    errno.EISDIR: "a folder is in its place; move it away",
    errno.ENOTDIR: "a file is in the place of its folder; move it away",
    errno.EEXIST: "a file is in the place of its folder; move it away",
    errno.ELOOP: "a symbolic link is in its place; put the file itself there",
}


class LocalStore:
    """The document of one project and environment in `folder`, which is made when it is first written."""

    def __init__(
        self,
        folder: Path,
        project: str,
        environment: str,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._project = project
        self._environment = environment
        self._pause = pause
        name = document_name(project, environment)
        self._folder = folder
        self._file = folder / f"{name}.json"
        self._lock = folder / f".{name}.lock"

    def __repr__(self) -> str:
        return f"LocalStore({self.place})"

    @property
    def place(self) -> str:
        """The path of the document."""
        return str(self._file)

    async def read(self) -> tuple[State | None, Version]:
        """The document, or None if there is none yet, and its version."""
        with self._explained("read"):
            content = _content(self._file)
        return self._decoded(content), _version(content)

    async def neighbours(self) -> tuple[str, ...]:
        """The other environments of the project that have a document in the folder."""
        return other_environments((file.name for file in self._folder.glob("*.json")), self._project, self._environment)

    async def swap(self, state: State, version: Version) -> tuple[State, Version]:
        """Replace the document of this version. All of it happens between two awaits: a cancel cannot halve it."""
        with self._explained("written"):
            _make_folder(self._folder)
            lock = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
        try:
            await self._locked(lock)
            with self._explained("written"):
                return self._replaced(state, version)
        finally:
            os.close(lock)

    async def _locked(self, lock: int) -> None:
        for _ in range(_PATIENCE):
            with suppress(BlockingIOError), self._explained("locked"):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            await self._pause(_PAUSE)
        raise LockedError(f"{self.place} is being written by another run", hint="wait for it, then try again")

    def _replaced(self, state: State, version: Version) -> tuple[State, Version]:
        current = _content(self._file)
        if _version(current) != version:
            raise conflict(self.place)
        written = stamped(state)
        content = encode(written)
        _write(self._file, content)
        return written, _version(content)

    def _decoded(self, content: bytes | None) -> State | None:
        if content is None:
            return None
        return decode(content, source=self.place, project=self._project, environment=self._environment)

    @contextmanager
    def _explained(self, verb: str) -> Iterator[None]:
        """A disk's error in a sentence. A lock that is held passes: it is no error."""
        try:
            yield
        except BlockingIOError:
            raise
        except OSError as problem:
            why = problem.strerror or type(problem).__name__
            hint = _HINTS.get(problem.errno or 0, f"see {self._folder}")
            raise StoreError(f"{self.place} could not be {verb}: {why}", hint=hint) from problem


def _content(path: Path) -> bytes | None:
    """The bytes of a plain file, None if there is none. A link is not followed, a pipe not waited for."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        mode = os.fstat(opened).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is no plain file")
        with os.fdopen(opened, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(opened)


def _version(content: bytes | None) -> Version:
    return ABSENT if content is None else sha256(content).hexdigest()


def _make_folder(folder: Path) -> None:
    """The folder, for this user only, and a `.gitignore` in the one named like ours, so that no state is committed."""
    home = next((each for each in (folder, *folder.parents) if each.name == HOME), folder)
    for each in (home, folder):
        each.mkdir(mode=0o700, parents=True, exist_ok=True)
    ignore = home / ".gitignore"
    try:
        with ignore.open("x", encoding="utf-8") as file:
            file.write("*\n")
    except FileExistsError:
        pass
    except OSError:
        ignore.unlink(missing_ok=True)
        raise


def _write(path: Path, content: bytes) -> None:
    """The file holds this from now on, also after a power cut; or it still holds what it held.

    Only the holder of the lock comes here, so the new file's name is fixed: what a kill left of one is replaced.
    """
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    opened = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(opened, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(opened)
        new.rename(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
