"""To govern: read the policy, and the files that it names, from a commit that the change at hand cannot write.

A spec is known in the commit by its path as it was given. Links of the work tree are not followed on the way: whoever
writes there must not be able to say, by a link or by another repository, which policy counts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from shlex import quote

from apreconcile.core.errors import BlockedError, Error, SpecError, UnsafeError
from apreconcile.core.governing import strange_hosts
from apreconcile.core.policy import Policy
from apreconcile.core.spec.policy import ReadBytes, load_policy
from apreconcile.core.wanted import Manifest
from apreconcile.kinds import KINDS

from .loading import DEFAULT_SPEC, LARGEST, SUFFIXES

_CONFIG = (("safe.bareRepository", "explicit"), ("core.warnAmbiguousRefs", "true"))
"""A folder of the work tree that looks like a repository is none, and git says where a name has two meanings."""
_ALWAYS = ("--no-replace-objects", "--literal-pathspecs")
_LINK, _FOLDER, _FILES = "120000", "040000", ("100644", "100755")
_SHORT, _LONGEST = 7, 256


def check_hosts(manifest: Manifest) -> None:
    """Raise BlockedError, which names all of them, if events would go to hosts that the policy does not allow."""
    strange = strange_hosts(manifest, {kind.name: kind for kind in KINDS}.__getitem__)
    if strange:
        reasons = "\n".join(f"{one.address}: {one.reason}" for one in strange)
        raise BlockedError(reasons, hint="\n".join(dict.fromkeys(one.hint for one in strange)))


async def govern(manifest: Manifest, paths: Sequence[str], ref: str) -> Manifest:
    """The spec in these files and folders with the policy of a commit, which counts instead of its own.

    Raises UnsafeError if that policy cannot be had, whole and without a doubt which it is.
    """
    try:
        tree = await _find(paths or (DEFAULT_SPEC,), ref)
        sources = [source for path in tree.paths for source in await tree.specs(path)]
        policy = await _policy(tree, dict(sources), manifest.chosen.name)
    except UnsafeError:
        raise
    except SpecError as problem:
        told = [f"{one.place}: {one.subject or 'spec'}: {one.message}" for one in problem.problems]
        raise UnsafeError("\n".join([f"the policy of {ref} cannot be used:", *told]), hint="mend it there") from problem
    except Error as problem:
        raise UnsafeError(f"the policy of {ref} cannot be read: {problem.message}", hint=problem.hint) from problem
    whole = len(ref) >= _SHORT and tree.commit.startswith(ref)
    source = ref if whole else f"{ref} ({tree.commit[:_SHORT]})"
    if policy is not None:
        return replace(manifest, policy=replace(policy, source=source))
    warning = (
        f"{source} has no policy for this spec: nothing is limited, and the policy of the work tree does not count"
    )
    return replace(manifest, policy=Policy(source=source), warnings=(*manifest.warnings, warning))


async def _policy(tree: _Tree, sources: dict[str, bytes], environment: str) -> Policy | None:
    """The policy in these files, read twice: what it names is known, and can be fetched, only after the first time."""
    named: dict[tuple[str, str], bytes | Error] = {}

    def note(spec: str, name: str) -> bytes:
        named[spec, name] = b""
        return b"read later"

    def noted(spec: str, name: str) -> bytes:
        found = named[spec, name]
        if isinstance(found, Error):
            raise found
        return found

    async def read(contents: ReadBytes) -> Policy | None:
        return load_policy(list(sources.items()), environment=environment, read_bytes=contents)

    await read(note)
    for spec, name in named:
        try:
            named[spec, name] = await tree.beside(spec, name)
        except Error as problem:
            named[spec, name] = problem
    return await read(noted)


@dataclass(frozen=True, slots=True)
class _Tree:
    """The files of a commit, by their paths from its top. `paths` are the specs."""

    top: Path
    paths: tuple[str, ...]
    ref: str
    commit: str

    async def specs(self, path: str) -> list[tuple[str, bytes]]:
        """The files of a spec, by `REF:PATH`: itself, or a folder's own YAML files in the order of their names."""
        mode = _FOLDER if not path else (await self._listed(path)).get(path, ("", ""))[0]
        if mode != _FOLDER:
            return [(f"{self.ref}:{path}", await self._file(path))]
        inside = await self._listed(f"{path}/" if path else "")
        files = [name for name, (mode, _) in inside.items() if name.endswith(SUFFIXES) and mode in (*_FILES, _LINK)]
        if not files:
            raise UnsafeError(f"{self.ref} has no *.yaml in {path or 'its top folder'}", hint=_fetch(self.ref))
        return [(f"{self.ref}:{name}", await self._file(name)) for name in sorted(files)]

    async def beside(self, spec: str, name: str) -> bytes:
        """A file that a policy names, in the folder of its spec."""
        inside = PurePosixPath(name)
        if inside.is_absolute() or ".." in inside.parts:
            raise Error(f"{name} lies outside the folder of the spec", hint="copy it beside the spec")
        data = await self._file(str(PurePosixPath(spec.removeprefix(f"{self.ref}:")).parent / inside))
        if len(data) > LARGEST:
            raise Error(f"{name} is larger than {LARGEST:,} bytes", hint="name a shorter one")
        return data

    async def _file(self, path: str) -> bytes:
        mode, blob = (await self._listed(path)).get(path, ("", ""))
        if not mode:
            raise UnsafeError(f"{self.ref} has no file {path}", hint=f"git ls-tree -r {quote(self.ref)}")
        if mode not in _FILES:
            what = "a link" if mode == _LINK else "no file"
            raise UnsafeError(f"{path} is {what} in {self.ref}", hint="put the file itself there")
        return await _git(["cat-file", "blob", blob], self.top, self.ref)

    async def _listed(self, path: str) -> dict[str, tuple[str, str]]:
        """What there is at a path, or in a folder that ends with a slash: mode and object by whole path."""
        there = ["--", path] if path else []
        out = await _git(["ls-tree", "-z", "--full-tree", self.commit, *there], self.top, self.ref)
        rows = [row.partition("\t") for row in os.fsdecode(out).split("\0") if row]
        return {name: (words.split(" ")[0], words.split(" ")[2]) for words, _, name in rows}


async def _find(paths: Sequence[str], ref: str) -> _Tree:
    """The commit, in the one repository that all of the spec is in."""
    if not ref:
        raise UnsafeError("--policy-from names no commit: it is empty", hint="name one, such as origin/main")
    places = [_inside(path) for path in paths]
    tops = {top for top, _ in places}
    top = places[0][0]
    if len(tops) > 1:
        raise UnsafeError("the spec lies in several repositories", hint="name files of one repository")
    out = await _git(["rev-parse", "--show-toplevel", "--show-superproject-working-tree"], top, ref)
    shown, *above = os.fsdecode(out).splitlines() or [""]
    if above:
        reason = f"{top} is a submodule, which the repository around it could exchange"
        raise UnsafeError(reason, hint="check the submodule's repository out by itself, and run it there")
    if not _is_same(shown, top):
        reason = f"{top} is not the work tree that git knows ({shown})"
        raise UnsafeError(reason, hint=f"git -C {quote(str(top))} status")
    found = await _git(["rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}"], top, ref)
    commit = found.decode(errors="replace").strip()
    if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", commit):
        raise UnsafeError(f"{ref} is no commit", hint=_fetch(ref))
    return _Tree(top, tuple(path for _, path in places), ref, commit)


def _is_same(shown: str, top: Path) -> bool:
    return bool(shown) and Path(shown).samefile(top)


def _inside(path: str) -> tuple[Path, str]:
    """The top of the work tree that a path is in, and the path from there; what is a link is not looked into."""
    whole = Path(os.path.abspath(path))  # noqa: PTH100 -- resolve() would follow links
    crooked = Path(path).resolve() != whole.resolve()
    for folder in () if crooked else (whole, *whole.parents):
        if not folder.is_symlink() and os.path.lexists(folder / ".git"):
            return folder, "" if folder == whole else whole.relative_to(folder).as_posix()
    reason = f"{path} lies in no git repository, so there is no commit to read its policy from"
    raise UnsafeError(reason, hint="name the spec by its path in a work tree, and that by a path without links")


async def _git(args: Sequence[str], top: Path, ref: str) -> bytes:
    """What git prints. Raises UnsafeError if it fails, or if a name has two meanings."""
    from apreconcile.programs.git import git  # noqa: PLC0415 (8 ms that only --policy-from pays)

    ended = await git([*_ALWAYS, *args], folder=top, config=_CONFIG)
    if ended.code or "is ambiguous" in ended.err:
        words = " ".join("".join(char if char.isprintable() else " " for char in ended.err).split())
        hint = f"name it whole: refs/remotes/{quote(ref)}" if "is ambiguous" in ended.err else _fetch(ref)
        if "dubious ownership" in ended.err:
            hint = f"git config --global --add safe.directory {quote(str(top))}"
        if "single revision" in ended.err:
            words = "there is no such commit here"
        raise UnsafeError(f"the policy of {ref} cannot be read: {words[:_LONGEST] or 'git failed'}", hint=hint)
    return ended.out


def _fetch(ref: str) -> str:
    """The command that may bring what a ref names; a clone of one branch has no others."""
    if ref.startswith("refs/") and not ref.startswith("refs/remotes/"):
        return f"git fetch origin {quote(f'{ref}:{ref}')}"
    remote, slash, branch = ref.removeprefix("refs/remotes/").partition("/")
    return (
        f"git fetch {quote(remote)} {quote(f'{branch}:refs/remotes/{remote}/{branch}')}"
        if slash
        else "git fetch origin"
    )
