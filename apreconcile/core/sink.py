"""A sink is where a webhook's signing secret is handed to: a line of a file, a program, or a secret of GitHub."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from posixpath import normpath


@dataclass(frozen=True, slots=True)
class Sink:
    """Exactly one of `file` (a path, with the `name` of its line), `command` and `github` (a secret's name) is set."""

    file: str | None = None
    name: str | None = None
    command: tuple[str, ...] = ()
    github: str | None = None

    def __str__(self) -> str:
        if self.file is not None:
            return f"{self.file} as {self.name}"
        return f"`{shlex.join(self.command)}`" if self.command else f"the GitHub secret {self.github}"

    @property
    def filled(self) -> str:
        """What becomes of a secret that it is handed, as the end of a sentence."""
        verb = "is written to" if self.file is not None else "is handed to" if self.command else "becomes"
        return f"{verb} {self}"

    @property
    def meaning(self) -> list[object]:
        """All that tells it from another sink; one file is one, however its path is written."""
        return [self.file and normpath(self.file), self.name, list(self.command), self.github]
