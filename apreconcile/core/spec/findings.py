"""Every problem of a spec is gathered here, so that all of them can be told at once, each with its line of the text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from apreconcile.core.errors import Problem
from apreconcile.core.masking import SHAPES
from apreconcile.core.place import Place

from .source import Source


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
        pages = {source.name: _Page(source, secret_words) for source in sources}
        quoted = (
            replace(problem, source=pages[problem.file].line(problem.line) if problem.line else "")
            for problem in self.problems
        )
        return tuple(sorted(quoted))


class _Page:
    """The lines of a file as they may be shown."""

    def __init__(self, source: Source, secret_words: frozenset[str]) -> None:
        self.lines = source.lines
        self.stars: dict[int, list[tuple[int, int | None]]] = {}
        self.shown = len(source.lines)
        """Lines behind this one may hold secrets that nobody knows of, because the text is no YAML."""
        if source.root is None:
            risky = (number for number, line in enumerate(source.lines) if any(word in line for word in secret_words))
            self.shown = next(risky, self.shown)
        for (first, start), (last, end) in source.masked:
            for number in range(first, last + 1):
                span = (start - 1 if number == first else 0, end - 1 if number == last else None)
                self.stars.setdefault(number, []).append(span)

    def line(self, number: int) -> str:
        """One line, from 1; empty if it may not be shown."""
        if number > self.shown:
            return ""
        line = self.lines[number - 1]
        for start, end in self.stars.get(number, ()):
            stop = len(line) if end is None else end
            line = line[:start] + "*" * (stop - start) + line[stop:]
        return SHAPES.sub(lambda found: "*" * len(found[0]), line)
