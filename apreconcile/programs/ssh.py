"""ssh-keygen signs approvals with the keys that people have already, and says whose signature one is.

To sign it gets what finds the agent, to verify nothing but its path. It has no terminal, and asks for no passphrase.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from apreconcile.core.errors import Error, UnsafeError

from .run import Ended, run

PROGRAM = "ssh-keygen"
NAMESPACE = "apreconcile"
"""What signatures are for: one over a commit, or over a file, is not an approval."""

PATIENCE = 120.0
"""Seconds for which a key may want to be touched, or an agent ask for a yes."""

_NEEDED = re.compile(
    r"PATH|HOME|USER|LOGNAME|TMPDIR|SSH_\w+|DISPLAY|WAYLAND_DISPLAY|XAUTHORITY|XDG_RUNTIME_DIR|DBUS_\w+"
)
_ARMOR = re.compile(r"-----BEGIN SSH SIGNATURE-----\n[A-Za-z0-9+/=\n]+\n-----END SSH SIGNATURE-----\n")
_GOOD = re.compile(rf'Good "{NAMESPACE}" signature for (\S+) with \S+ key (SHA256:[A-Za-z0-9+/]{{43}})\n')

_CLUES = (
    ("UNPROTECTED", "others may read it", "chmod 600 {key}"),
    ("passphrase", "it has a passphrase, which cannot be asked here", "ssh-add {key}"),
    ("No private key found", "its private half is neither beside it nor in the agent", "ssh-add -L"),
    ("agent refused", "the agent refused to sign with it", "ssh-add -L"),
)
"""Words of ssh-keygen with what they mean and what helps."""


class Verdict(NamedTuple):
    """The fingerprint of the key that a good signature is by; else `doubt` says why it is none."""

    key: str | None
    doubt: str | None = None


async def sign(key: Path, message: bytes, *, environ: Mapping[str, str] | None = None) -> str:
    """The armored signature of a message by a private key, or by a public one whose private half the agent has.

    Raises Error.
    """
    own = os.environ if environ is None else environ
    chosen = {name: value for name, value in own.items() if _NEEDED.fullmatch(name)} | {"LC_ALL": "C"}
    folder, path = _place(key)
    args = ["-Y", "sign", "-f", path, "-n", NAMESPACE]
    ended = await run(PROGRAM, args, folder=folder, environ=chosen, stdin=message, seconds=PATIENCE)
    signature = ended.out.decode(errors="replace")
    if ended.code or not _ARMOR.fullmatch(signature):
        raise _unsigned(key, ended)
    return signature


def _place(key: Path) -> tuple[Path, str]:
    path = key.absolute()
    if not path.is_file():
        raise Error(f"there is no key {key}", hint="name a private key, or a public one that the agent has: --sign KEY")
    return path.parent, str(path)


def _unsigned(key: Path, ended: Ended) -> Error:
    for clue, words, hint in _CLUES:
        if clue in ended.err:
            return Error(f"{key} cannot sign: {words}", hint=hint.format(key=key))
    said = _last_line(ended) or f"{PROGRAM} ended with {ended.code}"
    return Error(f"{key} cannot sign: {said}", hint=f"{PROGRAM} -l -f {key}")


async def verify(
    message: bytes,
    signature: str,
    by: str,
    *,
    signers: bytes,
    revoked: bytes | None,
    now: datetime,
    environ: Mapping[str, str] | None = None,
) -> Verdict:
    """Whether a signature of a message is by this principal, as `allowed_signers` and revoked keys say at this moment.

    Raises UnsafeError where that cannot be found out.
    """
    own = os.environ if environ is None else environ
    chosen = {"PATH": own.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
    files = {"signers": signers, "signature": signature.encode()} | ({} if revoked is None else {"revoked": revoked})
    args = ["-Y", "verify", "-f", "signers", "-I", by, "-n", NAMESPACE, "-s", "signature"]
    args += [f"-Overify-time={now.astimezone(UTC):%Y%m%d%H%M%S}", *([] if revoked is None else ["-r", "revoked"])]
    try:
        with tempfile.TemporaryDirectory(prefix="apreconcile-") as made:
            folder = Path(made)
            for name, content in files.items():
                (folder / name).write_bytes(content)
            ended = await run(PROGRAM, args, folder=folder, environ=chosen, stdin=message)
    except (Error, OSError) as problem:
        why = problem.message if isinstance(problem, Error) else problem.strerror
        hint = f"install OpenSSH 8.9 or later, then try: {PROGRAM} -Y"
        raise UnsafeError(f"nobody can tell who signed: {why}", hint=hint) from problem
    good = _GOOD.fullmatch(ended.out.decode(errors="replace"))
    if ended.code == 0 and good and good[1] == by:
        return Verdict(good[2])
    why = _last_line(ended) or f"no key of {by} in the list of signers made it, or that key is revoked"
    return Verdict(None, f"its signature is not that of {by}: {why}")


def _last_line(ended: Ended) -> str:
    """The last thing that it said, without the names of files that nobody knows."""
    lines = [line.strip() for line in ended.err.splitlines() if line.strip()]
    return lines[-1].removeprefix("signers:")[:200] if lines else ""
