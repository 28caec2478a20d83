"""A screen is lines of styled spans; styles only colour what the words already say, so it reads the same without."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, TypeAlias


class Style(StrEnum):
    """What a span is, for whoever paints it. A closed set."""

    PLAIN = "plain"
    STRONG = "strong"
    QUIET = "quiet"
    GOOD = "good"
    CHANGE = "change"
    BAD = "bad"
    TAKE = "take"
    RISK = "risk"
    HINT = "hint"
    COPY = "copy"
    """Meant to be copied: never broken over lines, however long."""


class Span(NamedTuple):
    """A piece of one line. Its text is already harmless."""

    style: Style
    text: str


Line: TypeAlias = tuple[Span, ...]
Lines: TypeAlias = list[Line]

WIDTH = 80
BLANK: Line = ()

_ATOM = re.compile(r"\S+|\s+")
_GAP = 40
_NARROW = 8


def say(text: str, style: Style = Style.PLAIN) -> Line:
    """A line, or a part of one, in one style."""
    return (Span(style, text),)


def strong(text: str) -> Line:
    """A part of a line that stands out."""
    return say(text, Style.STRONG)


def quiet(text: str) -> Line:
    """A part of a line that stands back."""
    return say(text, Style.QUIET)


def plain(lines: Iterable[Line]) -> str:
    """The screen without styles, each line ended by a newline."""
    return "".join("".join(span.text for span in line) + "\n" for line in lines)


def cells(text: str) -> int:
    """The columns that a text takes on a terminal: East Asian wide characters two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(map(_cell, text))


@lru_cache(maxsize=4096)
def _cell(char: str) -> int:
    if unicodedata.category(char) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def pad(text: str, width: int) -> str:
    """The text filled with spaces to a width."""
    return text + " " * (width - cells(text))


def wrap(spans: Iterable[Span], width: int, *, first: Line = (), hang: int = 0) -> Lines:
    """The spans after `first`, broken at spaces to fit the width; further lines are indented by `hang`.

    A word that is wider than a line is cut; a span to be copied never is, and goes over the edge instead.
    """
    lines, used = [list(first)], _size(first)
    fresh = used <= hang
    for gap, word in _words(spans, max(width - hang, _NARROW)):
        between = gap
        if used + _size(gap) + _size(word) > width:
            between = []
            if not fresh:
                lines.append(list(say(" " * hang)))
                used = hang
        lines[-1] += [*between, *word]
        used += _size(between) + _size(word)
        fresh = False
    return [_trimmed(line) for line in lines]


def _size(spans: Iterable[Span]) -> int:
    return sum(cells(span.text) for span in spans)


def _words(spans: Iterable[Span], room: int) -> Iterator[tuple[list[Span], list[Span]]]:
    """Each word with the gap before it. A word is spans without a space between; a very long gap counts as one."""
    gap: list[Span] = []
    word: list[Span] = []
    for style, text in spans:
        for atom in ([text] if text else []) if style is Style.COPY else _ATOM.findall(text):
            if not atom.isspace() or len(atom) > _GAP:
                word.append(Span(style, atom))
                continue
            if word:
                yield from _cut(gap, word, room)
                gap, word = [], []
            gap.append(Span(style, atom))
    if word:
        yield from _cut(gap, word, room)


def _cut(gap: list[Span], word: list[Span], room: int) -> Iterator[tuple[list[Span], list[Span]]]:
    if _size(word) <= room or any(span.style is Style.COPY for span in word):
        yield gap, word
        return
    before = gap
    for style, text in word:
        for part in _parts(text, room):
            yield before, [Span(style, part)]
            before = []


def _parts(text: str, room: int) -> Iterator[str]:
    start = used = 0
    for at, char in enumerate(text):
        size = cells(char)
        if used + size > room:
            yield text[start:at]
            start, used = at, 0
        used += size
    yield text[start:]


def _trimmed(line: list[Span]) -> Line:
    while line and not line[-1].text.rstrip():
        line.pop()
    return (*line[:-1], Span(line[-1].style, line[-1].text.rstrip())) if line else ()
