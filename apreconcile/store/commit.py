"""A state as a git commit: one file, the state before as its parent, and a repository of a moment to hold both.

The three objects are written here and not by git, since that is three processes less for each swap.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from tempfile import TemporaryDirectory

FILE = "state.json"
"""The one file of a commit."""

_WHO = "apreconcile <apreconcile@apreconcile.invalid>"
"""Nobody's address: `.invalid` is reserved for that (RFC 2606)."""

_CONFIG = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"


@dataclass(frozen=True, slots=True)
class Commit:
    """One state in git: the commit's own bytes, and the document."""

    raw: bytes
    content: bytes

    @property
    def id(self) -> str:
        """What git calls it."""
        return _id("commit", self.raw)

    @property
    def objects(self) -> tuple[tuple[str, bytes], ...]:
        """All that it is made of."""
        return ("blob", self.content), ("tree", _tree(self.content)), ("commit", self.raw)


def next_commit(content: bytes, parent: Commit | None, *, subject: str, seconds: int) -> Commit:
    """The commit of a document after another; `seconds` is the time, since 1970."""
    stamp = f"{_WHO} {seconds} +0000"
    lines = [
        f"tree {_id('tree', _tree(content))}",
        *([f"parent {parent.id}"] if parent else []),
        f"author {stamp}",
        f"committer {stamp}",
    ]
    return Commit("\n".join([*lines, "", subject, ""]).encode(), content)


@contextmanager
def repository(*commits: Commit, shallow: Commit | None = None) -> Iterator[Path]:
    """A bare repository of a moment that holds these commits; the parents of `shallow` are not there."""
    with TemporaryDirectory(prefix="apreconcile-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        for path in ("objects", "refs"):
            (folder / path).mkdir()
        (folder / "HEAD").write_text("ref: refs/heads/none\n")
        (folder / "config").write_text(_CONFIG)
        if shallow:
            (folder / "shallow").write_text(f"{shallow.id}\n")
        for commit in commits:
            for kind, body in commit.objects:
                _put(folder / "objects", kind, body)
        yield folder


def _tree(content: bytes) -> bytes:
    return f"100644 {FILE}\0".encode() + bytes.fromhex(_id("blob", content))


def _whole(kind: str, body: bytes) -> bytes:
    return f"{kind} {len(body)}\0".encode() + body


def _id(kind: str, body: bytes) -> str:
    return sha1(_whole(kind, body), usedforsecurity=False).hexdigest()


def _put(objects: Path, kind: str, body: bytes) -> None:
    name = _id(kind, body)
    path = objects / name[:2] / name[2:]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(zlib.compress(_whole(kind, body), 1))
