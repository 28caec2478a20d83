"""What a machine has around the program: SSH keys, lists of signers, and a disk that takes no more."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OURS = 'namespaces="apreconcile"'
"""What an approval is signed for."""


def make_key(path: Path, *, sort: str = "ed25519", phrase: str = "") -> Path:
    """A new pair of keys, named after its file; the path of the private half."""
    argv = ["ssh-keygen", "-q", "-t", sort, "-N", phrase, "-C", path.name, "-f", str(path)]
    subprocess.run(argv, check=True)
    return path


def signer(name: str, key: Path, options: str = OURS) -> str:
    """The line of a list of signers that says whose a key is."""
    return f"{name} {options} {key.with_suffix('.pub').read_text()}"


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
