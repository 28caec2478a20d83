"""Every problem of a spec is gathered here, so that all of them can be told at once, each with its line of the text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from .errors import Problem
from .source import Source
from .wanted import Place


class Findings:
    """The problems found so far. What is added twice counts once."""

    def __init__(self, first: str) -> None:
        self.first = first
        self.problems: set[Problem] = set()

    def add(self, place: Place, message: str, *, subject: str = "", hint: str = "") -> None:
        """A problem at a place."""
        self.problems.add(Problem(place.file, place.line, place.column, message, subject, hint=hint))

    def add_whole(self, message: str, *, subject: str = "", hint: str = "") -> None:
        """A problem of the spec as a whole."""
        self.problems.add(Problem(self.first, 0, 0, message, subject, hint=hint))

    def quoted(self, sources: Iterable[Source], secret_words: frozenset[str]) -> tuple[Problem, ...]:
        """All problems in the order of the text, each with its line, in which every masked value is starred."""
        by_name = {source.name: source for source in sources}
        return tuple(
            sorted(
                replace(problem, source=_line(by_name[problem.file], problem.line, secret_words))
                for problem in self.problems
            )
        )


def _line(source: Source, number: int, secret_words: frozenset[str]) -> str:
    """A line as it may be shown. A text that is no YAML has no known values, so what may hold a secret is not shown."""
    if not 0 < number <= len(source.lines):
        return ""
    if source.root is None and any(word in line for line in source.lines[:number] for word in secret_words):
        return ""
    line = source.lines[number - 1]
    for start, end in source.masked:
        if start[0] <= number <= end[0]:
            first = start[1] - 1 if start[0] == number else 0
            last = end[1] - 1 if end[0] == number else len(line)
            line = line[:first] + "*" * (last - first) + line[last:]
    return line
