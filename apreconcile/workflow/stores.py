"""The table of stores: which home of the state document a spec's `state:` means."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from apreconcile.core.wanted import Manifest
from apreconcile.store.local import HOME, LocalStore
from apreconcile.store.store import Store


def name_of(store: Store) -> str:
    """Where a store's document is, wherever this is read: a path is absolute."""
    return str(Path(store.place).absolute()) if isinstance(store, LocalStore) else store.place


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
