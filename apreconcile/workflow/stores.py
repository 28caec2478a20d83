"""The table of stores: which home of the state document a spec's `state:` means."""

from __future__ import annotations

from pathlib import Path

from apreconcile.core.wanted import Manifest
from apreconcile.store.local import HOME, LocalStore
from apreconcile.store.store import Store


def name_of(store: Store) -> str:
    """Where a store's document is, wherever this is read: a path is absolute."""
    return str(Path(store.place).absolute()) if isinstance(store, LocalStore) else store.place


def open_store(manifest: Manifest, *, home: Path | None = None) -> Store:
    """The store of a spec's `state:`, local if it does not say; `home` is a folder that goes before both."""
    folder = home or Path(manifest.home) / HOME
    return LocalStore(folder, manifest.project, manifest.environment)
