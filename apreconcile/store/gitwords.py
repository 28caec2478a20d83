"""What git says of a failure becomes a sentence: its own words, cut and harmless, and a hint that is a command."""

from __future__ import annotations

import re
from shlex import quote

from apreconcile.core.errors import StoreError
from apreconcile.core.url import without_password

_LONGEST = 256

_TELLING = re.compile(
    r"(?:fatal|error|remote|ssh|kex_exchange_identification): *(.*\S)|(.*(?:denied|failed|refused).*)"
)
_EMPTY = re.compile(r"failed to push some refs|Could not read from remote repository")
_OWNER = re.compile(r"dubious ownership in repository at '(.*)'")
_HINTS = (
    (r"transport '\w*' not allowed", "use https, ssh or a path: state: {store: git, remote: URL}"),
    (r"uthentication failed|could not read (Username|Password)|ermission denied|returned error: 40[13]|access denied",
     "give git a key or a token for it, then try: git ls-remote {remote}"),
    (r"Host key verification failed", "add the host's key: ssh-keyscan HOST >> ~/.ssh/known_hosts"),
    (r"unknown option .show-scope|unknown switch", "git 2.31 or later is wanted: git --version"),
)  # fmt: skip
_OTHERWISE = "see whether git gets there: git ls-remote {remote}"


def harmless(text: str) -> str:
    """The text without passwords of URLs and without what acts on a terminal."""
    return "".join(char if char.isprintable() else "?" for char in without_password(text)).strip()


def spoken(words: str) -> str:
    """What git or the remote said, on one line."""
    told = [found[1] or found[2] for line in words.splitlines() if (found := _TELLING.match(line.strip()))]
    best = [line for line in told if not _EMPTY.search(line)] or told or words.split("\n")
    safe = harmless("; ".join(dict.fromkeys(" ".join(one.split()) for one in best)))
    return (safe if len(safe) <= _LONGEST else safe[: _LONGEST - 1] + "…") or "git said nothing"


def explained(what: str, words: str, remote: str, *, otherwise: str = _OTHERWISE) -> StoreError:
    """The error of what could not be done, for what git said; `otherwise` is the hint where nothing better is known."""
    owner = _OWNER.search(words)
    if owner:
        hint = f"git config --global --add safe.directory {quote(owner[1])}"
    else:
        known = next((hint for pattern, hint in _HINTS if re.search(pattern, words)), otherwise)
        hint = known.replace("{remote}", quote(harmless(remote)))
    return StoreError(f"{what}: {spoken(words)}", hint=hint)
