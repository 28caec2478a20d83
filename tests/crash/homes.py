"""Every store there is, for runs that are ended in the middle. A new store adds one function to `HOMES`."""

from __future__ import annotations

import resource
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Home:
    """One document's home: what the spec says of it, and how it fails from now on, until it is mended.

    `fail` is called in the process that is to meet the failure, `mend` in another one. `apart` says that its client has
    threads, which a fork does not take along: then every single run is a process of its own.
    """

    state: Mapping[str, str]
    fail: Callable[[], object]
    mend: Callable[[], object]
    apart: bool = False


def local(_folder: Path) -> Home:
    """A file beside the spec. It fails by the size that a file may have, which binds every user, root too."""

    def fail() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    return Home({"store": "local"}, fail, lambda: None)


HOMES: Mapping[str, Callable[[Path], Home]] = {"local": local}
"""Each is given the folder of the spec, which is empty but for it."""
