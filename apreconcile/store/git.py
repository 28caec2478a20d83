"""State lives in a ref of a git remote, fetched by no clone; a swap is a push with a lease on the commit before.

Each state is a commit whose parent is the state before. So a swap is a fast-forward, which also those servers take that
refuse every other change of a ref, and what was remembered when can be read. Only the newest is ever fetched.

Work tree, index, refs and objects of the user are neither written nor looked at: a bare repository of a moment holds
what is fetched and pushed, without any credentials; a kill may leave it in `TMPDIR`. No hook of the user runs.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from urllib.parse import unquote

from apreconcile.core.errors import ConflictError, Error, StoreError
from apreconcile.core.state import State

from .commit import FILE, Commit, next_commit, repository
from .document import decode, encode, stamped
from .gitwords import explained, harmless, spoken
from .remote import NAME, Git, Route, find_route
from .store import Version

ABSENT: Version = "absent"

_FETCHED = "refs/apreconcile/fetched"
_REFUSED = re.compile(r"(?m)^!\t[^\t]*\t\[([^\]]*)\] ?(?:\((.*)\))?$")
"""A refused ref in what `git push --porcelain` says: who refused it (`rejected` is git here), and why."""
_MAY_NOT = re.compile(r"returned error: 40[13]|ermission .*denied|not allowed to")
"""What is said of a push to a remote that was just read by the same user."""
_RIGHTS = "GitHub: `permissions: {contents: write}`; GitLab: Settings, CI/CD, Job token permissions"
_RACED = re.compile(r"File exists|is at \w+ but expected|incorrect old value|reference already exists")


class GitStore:
    """The document of one project and environment; `remote` is a name in `folder`'s repository, a URL or a path."""

    def __init__(self, folder: Path, project: str, environment: str, *, git: Git, remote: str = "origin") -> None:
        self._folder = folder.absolute()
        self._project = project
        self._environment = environment
        self._git = git
        self._remote = remote
        self._ref = f"refs/apreconcile/{_component(project)}/{_component(environment)}"
        self._route: Route | None = None
        self._newest: Commit | None = None

    def __repr__(self) -> str:
        return f"GitStore({self.place})"

    @property
    def place(self) -> str:
        """The ref and its remote."""
        return f"{self._ref} of {harmless(self._remote)}"

    async def read(self) -> tuple[State | None, Version]:
        """The document, or None if there is none yet, and its version."""
        with self._explained("read"):
            commit = await self._fetch()
        if commit is None:
            return None, ABSENT
        return decode(
            commit.content, source=self.place, project=self._project, environment=self._environment
        ), commit.id

    async def neighbours(self) -> tuple[str, ...]:
        """The other environments of the project that have a ref there."""
        folder = self._ref.rpartition("/")[0] + "/"
        with self._explained("listed"), repository() as directory:
            code, out, words = await self._run(["ls-remote", "--quiet", NAME, f"{folder}*"], directory)
        if code:
            raise explained(f"{folder}* of {harmless(self._remote)} could not be listed", words, self._remote)
        refs = (line.partition("\t")[2] for line in out.decode(errors="replace").splitlines())
        names = {ref.removeprefix(folder) for ref in refs if ref.startswith(folder)}
        return tuple(sorted({unquote(name) for name in names if "/" not in name} - {self._environment}))

    async def swap(self, state: State, version: Version) -> tuple[State, Version]:
        """Replace the document of this version. A push whose end was not heard of is looked for at the remote."""
        with self._explained("written"):
            old = await self._old(version)
            written = stamped(state)
            subject = f"State {written.serial} of {written.project}, environment {written.environment}"
            new = next_commit(encode(written), old, subject=subject, seconds=int(time.time()))
            await self._push(new, old)
        self._newest = new
        return written, new.id

    async def _old(self, version: Version) -> Commit | None:
        """The commit of this version, None for no commit. Raises ConflictError if it is not the newest."""
        if version == ABSENT:
            return None
        if self._newest is None or self._newest.id != version:
            await self._fetch()
        if self._newest is None or self._newest.id != version:
            raise self._conflict()
        return self._newest

    async def _fetch(self) -> Commit | None:
        """The newest commit: id and content are of one moment, whoever pushes meanwhile."""
        names = f"{_FETCHED}^{{commit}}\n{_FETCHED}:{FILE}\n".encode()
        with repository() as directory:
            fetch = ["fetch", "--quiet", "--no-tags", "--depth=1", NAME, f"+{self._ref}:{_FETCHED}"]
            code, _, words = await self._run(fetch, directory)
            if code and re.search(rf"(?m)^fatal: couldn't find remote ref {re.escape(self._ref)}$", words):
                self._newest = None
                return None
            if code:
                raise explained(f"{self.place} could not be read", words, self._remote)
            code, out, words = await self._run(["cat-file", "--batch"], directory, names)
        found = None if code else _commit_in(out)
        if found is None:
            hint = f"restore it from a backup; see git ls-remote {quote(harmless(self._remote))} {self._ref}"
            raise StoreError(f"{self.place} holds no {FILE}: {spoken(words)}", hint=hint)
        self._newest = found
        return found

    async def _push(self, new: Commit, old: Commit | None) -> None:
        lease = f"--force-with-lease={self._ref}:{old.id if old else ''}"
        args = ["push", "--porcelain", "--no-verify", "--no-signed", "--no-follow-tags", "--recurse-submodules=no"]
        commits = (old, new) if old else (new,)
        await self._way()
        with repository(*commits, shallow=old) as directory:
            try:
                code, out, words = await self._run([*args, lease, NAME, f"{new.id}:{self._ref}"], directory)
            except Error as problem:
                code, out, words = -1, b"", problem.whole
        refused = _REFUSED.search(out.decode(errors="replace"))
        if code == 0:
            return
        if refused and refused[1] == "rejected":
            raise self._conflict()
        if refused:
            words += f"\nremote: {refused[2]}"
        await self._settle(new, old, words, refused=refused is not None)

    async def _settle(self, new: Commit, old: Commit | None, words: str, *, refused: bool) -> None:
        """Look what became of a push that did not say that it was done. Raises unless it was done after all."""
        found = await self._look(words)
        if found == new.id:
            return
        if found != (old.id if old else None) or (refused and _RACED.search(words)):
            raise self._conflict()
        if not refused and not _MAY_NOT.search(words):
            raise explained(f"{self.place} could not be written", words, self._remote)
        other = "name another remote: state: {store: git, remote: URL}"
        hint = f"allow this user to push {self._ref} ({_RIGHTS}), or {other}"
        raise StoreError(f"{self.place} was not written, the remote refused: {spoken(words)}", hint=hint)

    async def _look(self, words: str) -> str | None:
        """The id at the remote by now, None if there is none."""
        with repository() as directory:
            try:
                code, out, _ = await self._run(["ls-remote", "--quiet", NAME, self._ref], directory)
            except Error:
                code, out = -1, b""
        if code:
            unknown = f"{self.place} may have been written or not, the remote does not answer"
            see = f"see what it holds: git ls-remote {{remote}} {self._ref}"
            raise explained(unknown, words, self._remote, otherwise=see)
        pairs = (line.partition("\t") for line in out.decode(errors="replace").splitlines())
        return next((ident for ident, _, name in pairs if name == self._ref), None)

    async def _way(self) -> Route:
        if self._route is None:
            self._route = await find_route(self._git, self._folder, self._remote, place=self.place)
        return self._route

    async def _run(self, args: list[str], directory: Path, stdin: bytes = b"") -> tuple[int, bytes, str]:
        way = await self._way()
        return await self._git(
            args, folder=way.folder, directory=directory, config=way.config, transports=way.transports, stdin=stdin
        )

    def _conflict(self) -> ConflictError:
        hint = "another run is at work on it; wait for it, then plan again"
        return ConflictError(f"{self.place} was written by somebody else", hint=hint)

    @contextmanager
    def _explained(self, verb: str) -> Iterator[None]:
        """Whatever keeps git from running, or a disk from holding its moment, as what it means for the document."""
        try:
            yield
        except (StoreError, ConflictError):
            raise
        except OSError as problem:
            why = problem.strerror or type(problem).__name__
            raise StoreError(f"{self.place} could not be {verb}: {why}", hint="see the disk of TMPDIR") from problem
        except Error as problem:
            raise StoreError(f"{self.place} could not be {verb}: {problem.message}", hint=problem.hint) from problem


def _component(name: str) -> str:
    """A name as a part of a ref: what is no small letter, digit or `-` as `%XX`, so that no two names are one."""
    return re.sub("[^a-z0-9-]", lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), name)


def _commit_in(out: bytes) -> Commit | None:
    """The commit and the file that `git cat-file --batch` gave, one after the other."""
    bodies = []
    for kind in (b"commit", b"blob"):
        head, _, rest = out.partition(b"\n")
        found = re.fullmatch(rb"[0-9a-f]+ %b ([0-9]+)" % kind, head)
        if not found:
            return None
        size = int(found[1])
        bodies.append(rest[:size])
        out = rest[size + 1 :]
    return Commit(*bodies)
