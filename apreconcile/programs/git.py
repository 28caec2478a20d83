"""git runs with the variables that it and its helpers need, asks nothing, and runs no hook.

Configuration is handed to it by `GIT_CONFIG_COUNT` and its pairs: they are seen neither in a list of processes nor on a
disk, whatever password is in them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from .run import TIMEOUT, Ended, run

NEEDED = re.compile(
    r"PATH|HOME|USER|LOGNAME|TMPDIR|XDG_(CONFIG_HOME|RUNTIME_DIR)|DBUS_SESSION_BUS_ADDRESS"
    r"|SSH_\w+|GIT_(SSH|SSH_COMMAND|SSH_VARIANT|ASKPASS|PROXY_COMMAND|SSL_\w+|HTTP_\w+)"
    r"|GIT_CONFIG_(GLOBAL|SYSTEM|NOSYSTEM)"
    r"|(?i:(https?|all|no)_proxy)|SSL_CERT_(FILE|DIR)|CURL_CA_BUNDLE"
    r"|(GH|GITHUB)(_ENTERPRISE)?_TOKEN|GH_(HOST|CONFIG_DIR)"  # what gh reads where it is the credential helper
)
"""Nothing else goes to git: no key of AgentPhone, and no `GIT_DIR` of a hook that we may run in."""

_ALWAYS = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GCM_INTERACTIVE": "never"}

_CONFIG = (
    ("core.hooksPath", os.devnull),
    ("color.ui", "false"),
    ("color.remote", "false"),
    ("color.transport", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("push.negotiate", "false"),
    ("push.pushOption", ""),
)


async def git(
    args: Sequence[str],
    *,
    folder: Path,
    directory: Path | None = None,
    config: Sequence[tuple[str, str]] = (),
    transports: Sequence[str] = (),
    stdin: bytes = b"",
    environ: Mapping[str, str] | None = None,
    seconds: float = TIMEOUT,
) -> Ended:
    """Run git in a folder, with these pairs of configuration, on the repository `directory` or that of the folder.

    Only `transports` may be used, whatever the user's configuration allows. Raises Error as `run` does. `environ` is
    what may be handed on, the process' own if left out.
    """
    chosen = _environ(os.environ if environ is None else environ, config)
    chosen["GIT_ALLOW_PROTOCOL"] = ":".join(transports)
    if directory is not None:
        chosen["GIT_DIR"] = str(directory)
    return await run("git", args, folder=folder, environ=chosen, stdin=stdin, seconds=seconds)


def _environ(own: Mapping[str, str], config: Sequence[tuple[str, str]]) -> dict[str, str]:
    """What git gets: the needed variables, and as configuration these pairs, the user's own, and what always holds."""
    chosen = {name: value for name, value in own.items() if NEEDED.fullmatch(name)} | _ALWAYS
    pairs = (*config, *_given(own), *_CONFIG)
    for number, (name, value) in enumerate(pairs):
        chosen |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return {**chosen, "GIT_CONFIG_COUNT": str(len(pairs))}


def _given(own: Mapping[str, str]) -> list[tuple[str, str]]:
    """Configuration by which a CI runner hands out credentials."""
    count = own.get("GIT_CONFIG_COUNT", "")
    names = [(f"GIT_CONFIG_KEY_{n}", f"GIT_CONFIG_VALUE_{n}") for n in range(int(count) if count.isdecimal() else 0)]
    return [(own[key], own[value]) for key, value in names if key in own and value in own]
