"""Where a git remote is, and what lets one in there, is taken from the user's repository; nothing else of it is.

It is asked for by `git config`, so that every include counts, as those do by which CI runners hand out credentials.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Protocol
from urllib.parse import unquote

from apreconcile.core.errors import StoreError

from .gitwords import explained, harmless

NAME = "apreconcile-state"
"""What a remote is called while we speak to it, so that no text of a spec is ever an argument of git."""

Config = tuple[tuple[str, str], ...]

TRANSPORTS = ("file", "ssh", "https")
"""`ext::` runs commands; `git:` and `http:` let anybody on the way write. `http:` may go to this machine itself."""

_LOOPBACK = re.compile(r"http://([^/?#\\]*@)?(localhost|127\.0\.0\.1|\[::1\])(:\d+)?(/.*)?")
_OF_REMOTE = ("proxy", "proxyauthmethod", "uploadpack", "receivepack")
_KEPT = re.compile(r"(?s)(url|http|credential)\..*|core\.(sshcommand|askpass|gitproxy)|ssh\.variant|protocol\.version")
_NO_WORK_TREE = re.compile("not a git repository|must be run in a work tree")


class Git(Protocol):
    """Runs git, and gives its exit code, stdout, and stderr as text. Raises Error where it cannot, or it hangs."""

    def __call__(
        self,
        args: Sequence[str],
        *,
        folder: Path,
        directory: Path | None = None,
        config: Config = (),
        transports: Sequence[str] = (),
        stdin: bytes = b"",
    ) -> Awaitable[tuple[int, bytes, str]]:
        """`directory` is the repository, or else that of the folder; `config` goes before all other configuration."""
        ...


@dataclass(frozen=True, slots=True)
class Route:
    """The way to a remote: where git runs (what relative paths start from), with which configuration and transports."""

    folder: Path
    config: Config
    transports: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Route({self.folder})"


async def find_route(git: Git, folder: Path, remote: str, *, place: str) -> Route:
    """The way to a remote that is a name in the repository of this folder, a URL, or a path. Raises StoreError."""
    lost = f"{place} could not be found"
    code, out, words = await git(["rev-parse", "--show-toplevel"], folder=folder)
    if code and not _NO_WORK_TREE.search(words):
        raise explained(lost, words, remote)
    in_repository = "not a git repository" not in words
    top = None if code else Path(out.decode(errors="surrogateescape").removesuffix("\n"))
    code, out, words = await git(["config", "--list", "--show-scope", "-z"], folder=folder)
    if code:
        raise explained(lost, words, remote)
    listed = _listed(out)
    url = _url_of_name(listed, remote) or _url_of_spec(remote, folder, top)
    if url is None:
        raise _unknown(remote, folder, place, in_repository=in_repository)
    prefix = f"remote.{remote}."
    known = {f"{prefix}{key}": f"remote.{NAME}.{key}" for key in _OF_REMOTE}
    own = [(key, value) for scope, key, value in listed if scope in ("local", "worktree") and _KEPT.fullmatch(key)]
    of_remote = [(known[key], value) for _, key, value in listed if key in known]
    config = ((f"remote.{NAME}.url", url), *of_remote, *own)
    return Route(top or folder, config, (*TRANSPORTS, "http") if _LOOPBACK.fullmatch(url) else TRANSPORTS)


def _listed(out: bytes) -> list[tuple[str, str, str]]:
    """Scope, key and value of each entry, in git's order: the later goes before."""
    parts = out.decode(errors="surrogateescape").split("\0")
    pairs = zip(parts[::2], (part.partition("\n") for part in parts[1::2]), strict=False)
    return [(scope, key, value if stands else "true") for scope, (key, stands, value) in pairs]


def _url_of_name(listed: list[tuple[str, str, str]], remote: str) -> str | None:
    """Where pushes to it go, so that what is read is what was written; the first place, if there are several."""
    for wanted in ("pushurl", "url"):
        for _, key, value in listed:
            if key == f"remote.{remote}.{wanted}" and value:
                return value
    return None


def _url_of_spec(remote: str, folder: Path, top: Path | None) -> str | None:
    """What a spec says itself, if it is a URL or a path."""
    if remote.startswith("-") or not re.search("[/:]", remote):
        return None
    path = _path_of(remote)
    if path is None:
        return remote
    if top and (folder / path).resolve().is_relative_to(top.resolve()):
        reason = f"the remote {harmless(path)} lies in the repository of the spec, whose hooks would run"
        raise StoreError(reason, hint="name a remote, a URL, or a path outside: state: {store: git, remote: …}")
    return str(folder / path)


def _path_of(remote: str) -> str | None:
    if remote.startswith("file://"):
        return unquote(remote.removeprefix("file://"))
    return None if ":" in remote.partition("/")[0] else remote


def _unknown(remote: str, folder: Path, place: str, *, in_repository: bool) -> StoreError:
    name = harmless(remote)
    if in_repository:
        hint = f"git remote add {quote(name)} URL, or name another: state: {{store: git, remote: URL}}"
        return StoreError(f"{place} has no home: there is no remote {name} in {folder}", hint=hint)
    hint = "run in a clone, or name the remote by its URL: state: {store: git, remote: URL}"
    return StoreError(f"{place} has no home: {folder} is in no git repository", hint=hint)
