"""A sink is where a webhook's signing secret is handed to: a line of a file, a program, or a secret of GitHub."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sink:
    """Exactly one of `file` (a path, with the `name` of its line), `command` and `github` (a secret's name) is set."""

    file: str | None = None
    name: str | None = None
    command: tuple[str, ...] = ()
    github: str | None = None
