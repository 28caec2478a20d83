"""A saved plan is read here: a plain file, read once, and what is not as it was made is refused."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from apreconcile.core.errors import PlanFileError, UsageError
from apreconcile.core.planfile import AGAIN, LIMIT, Document, check_intact, load
from apreconcile.show import escape

from .options import Settings


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved plan as its file has it; `path` is how it was named."""

    path: str
    document: Document

    @property
    def name(self) -> str:
        """The path, made harmless."""
        return escape.line(self.path)


def saved_of(settings: Settings, expect: str | None) -> Saved | None:
    """The saved plan that was named, if one was. Raises UsageError for two, PlanFileError for a bad one."""
    if len(settings.plans) > 1:
        reason = f"{' and '.join(settings.plans)} are {len(settings.plans)} plans, and one is applied at a time"
        raise UsageError(reason, hint="apply the first; for what is left make a new one: apreconcile plan --out FILE")
    return next((checked(read_saved(path), expect) for path in settings.plans), None)


def read_saved(path: str) -> Saved:
    """A saved plan that may be shown, intact or not. Raises PlanFileError."""
    return Saved(path, load(_content(path), source=escape.line(path)))


def checked(saved: Saved, expect: str | None) -> Saved:
    """The same, intact, and with the digest that is expected, if one is. Raises PlanFileError."""
    check_intact(saved.document, source=saved.name)
    told = saved.document["digest"]
    if expect not in (None, told):
        reason = f"{saved.name} is another plan than expected: its digest is {told}, not {expect}"
        raise PlanFileError(reason, hint=f"look at it: apreconcile show {saved.name}")
    return saved


def _content(path: str) -> bytes:
    """The bytes of a plain file, links followed: a pipe would be waited for."""
    name = escape.line(path)
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise PlanFileError(f"{name} is no plain file", hint=AGAIN)
            return file.read(LIMIT + 1)
    except OSError as problem:
        hint = "write one: apreconcile plan --out FILE"
        raise PlanFileError(f"{name} could not be read: {problem.strerror}", hint=hint) from problem
