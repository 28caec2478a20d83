"""Every store there is, for runs that are ended in the middle. A new store adds one function to `HOMES`."""

from __future__ import annotations

import logging
import os
import resource
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx

from tests.store.s3 import BUCKET, environ, serve

from .world import served


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


def git(folder: Path) -> Home:
    """A ref of a bare repository. It fails by a hook that refuses every push."""
    bare = folder / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(bare)], check=True)
    hook = bare / "hooks" / "pre-receive"
    tempfile.tempdir = str(folder)  # a killed run leaves the repository that it works in

    def fail() -> None:
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\nexit 1\n")
        hook.chmod(0o700)

    return Home({"store": "git", "remote": str(bare)}, fail, lambda: hook.unlink(missing_ok=True))


def s3(folder: Path) -> Home:
    """An object in a bucket. It fails by refusing the credentials."""
    denied = _bucket()
    denied.unlink(missing_ok=True)
    return Home(
        {"store": f"s3://{BUCKET}/{folder.name}"}, denied.touch, lambda: denied.unlink(missing_ok=True), apart=True
    )


@cache
def _bucket() -> Path:
    """The file whose presence makes the S3 server of this process deny all; started, and in the environment, by then."""
    denied = Path(tempfile.mkdtemp(prefix="crash-s3-")) / "denied"

    def work(announce: Callable[[str], object]) -> None:
        logging.disable()  # it has a line for each request
        serve(lambda port: announce(f"http://127.0.0.1:{port}"), denied.exists)

    url = served(work)
    httpx.put(f"{url}/{BUCKET}", trust_env=False).raise_for_status()
    os.environ.update(environ(url))
    return denied


HOMES: Mapping[str, Callable[[Path], Home]] = {"local": local, "git": git, "s3": s3}
"""Each is given the folder of the spec, which is empty but for it."""
