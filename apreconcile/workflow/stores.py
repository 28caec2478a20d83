"""The table of stores: which home of the state document a spec's `state:` means."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from apreconcile.core.host import in_ci
from apreconcile.core.wanted import Manifest
from apreconcile.store.local import HOME, LocalStore
from apreconcile.store.store import Store

LOST = "in CI the state would be lost with the runner, and with it what was bought"
WRITE_STORE = "write `state: {store: git}` in the spec, or `{store: local}` if the folder outlives the runner"


def is_lost(manifest: Manifest, environ: Mapping[str, str]) -> bool:
    """Whether a run's state would end with the runner: in CI, with no store written in the spec."""
    return in_ci(environ) and manifest.store is None


def name_of(store: Store) -> str:
    """Where a store's document is, wherever this is read: a path is absolute."""
    return str(Path(store.place).absolute()) if isinstance(store, LocalStore) else store.place


def state_line(store: str, remote: str | None) -> str:
    """The line of a spec that names a store."""
    plain = [json.dumps(text) if ":" in text else text for text in (store, remote or "")]
    return f"state: {{store: {plain[0]}, remote: {plain[1]}}}" if remote else f"state: {{store: {plain[0]}}}"


def line_of(place: str, manifest: Manifest) -> str | None:
    """The line by which this spec would name the place of a document; None for a folder that is not the spec's."""
    store, remote = _named(place)
    local = LocalStore(Path(manifest.home) / HOME, manifest.project, manifest.environment)
    return None if store == "local" and place != name_of(local) else state_line(store, remote)


def start_at(place: str, manifest: Manifest) -> str:
    """How to run a command on the document of a place, in words."""
    line = line_of(place, manifest)
    return f"with `{line}` in the spec" if line else f"in {Path(place).parent.parent}"


def copy_command(place: str) -> str:
    """The command that copies the state to the place of a document, or ends such a copy."""
    store, remote = _named(place)
    return f"apreconcile state copy --to {shlex.quote(store)}" + (f" --remote {shlex.quote(remote)}" if remote else "")


def _named(place: str) -> tuple[str, str | None]:
    """The `store` and the `remote`, if it is not the usual one, that a place tells of."""
    if place.startswith("s3://"):
        return place.rpartition("/")[0], None
    found = re.fullmatch(r"refs/\S+ of (.+)", place)
    return ("git", None if found[1] == "origin" else found[1]) if found else ("local", None)


def open_store(manifest: Manifest, *, home: Path | None = None, environ: Mapping[str, str]) -> Store:
    """The store of a spec's `state:`, local if it does not say; `home` is a folder that goes before both.

    `environ` names a bucket's server and credentials. Raises HostError or StoreError; nothing is sent yet.
    """
    if home is None and manifest.store == "git":
        return _git_store(manifest)
    if home is None and manifest.store and manifest.store.startswith("s3://"):
        from apreconcile.store.objects import ObjectStore  # noqa: PLC0415 -- 5 ms that only a bucket's users pay

        return ObjectStore(manifest.store, manifest.project, manifest.environment, environ=environ)
    folder = home or Path(manifest.home) / HOME
    return LocalStore(folder, manifest.project, manifest.environment)


def _git_store(manifest: Manifest) -> Store:
    from apreconcile.programs.git import git  # noqa: PLC0415 (8 ms, with the next line, that other stores do not pay)
    from apreconcile.store.git import GitStore  # noqa: PLC0415 (the gain named above)

    folder = Path(manifest.home)
    return GitStore(folder, manifest.project, manifest.environment, git=git, remote=manifest.remote or "origin")
