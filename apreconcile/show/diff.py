"""Two long texts as one: changed lines marked, changed words in `[-old-]{+new+}`, what is the same folded away."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from . import escape
from .layout import count
from .screen import Line, Lines, Span, Style, cells, quiet, say, wrap

ROWS = 60
"""Rows of one difference that are shown at most."""

_CONTEXT = 1
_MOST_LINES = 1_000
_MOST_WORDS = 1_000
_MOST_COMPARED = 400_000
_LIMIT = 4_000
_ALIKE = 0.5
_LONG_RUN = 64
_EDGE = 24

_WORD = re.compile(r"\s+|\w+|[^\w\s]")
_MARKS = re.compile(r"\[-|-\]|\{\+|\+\}")


class _Row(NamedTuple):
    sign: str
    style: Style
    spans: Line


class _Op(NamedTuple):
    same: bool
    old: Sequence[str]
    new: Sequence[str]


def text_diff(before: Sequence[str], after: Sequence[str], *, width: int, indent: int) -> Lines:
    """The lines of two texts: `- ` removed, `+ ` added, `~ ` changed within, and how many in between are unchanged."""
    lines: Lines = []
    margin, ops = say(" " * indent), list(_ops(before, after, _MOST_LINES))
    for row in _rows(ops):
        lines += wrap(row.spans, width, first=(*margin, *say(f"{row.sign} ", row.style)), hang=indent + 2)
        if len(lines) > ROWS:
            differ = sum(len(op.old) + len(op.new) for op in ops if not op.same)
            more = quiet(f"… and so on: {count(differ, 'line')} in all; --format json has them")
            return [*lines[:ROWS], (*margin, *more)]
    return lines


def _rows(ops: Sequence[_Op]) -> Iterator[_Row]:
    for place, op in enumerate(ops):
        if op.same:
            yield from _folded(op.old, at_start=place == 0, at_end=place == len(ops) - 1)
        else:
            yield from _changed(op.old, op.new)


def _folded(same: Sequence[str], *, at_start: bool, at_end: bool) -> Iterator[_Row]:
    head, tail = (0 if at_start else _CONTEXT), (0 if at_end else _CONTEXT)
    hidden = len(same) - head - tail
    if hidden <= 1:
        yield from (_Row(" ", Style.PLAIN, _shown(text)) for text in same)
        return
    yield from (_Row(" ", Style.PLAIN, _shown(text)) for text in same[:head])
    yield _Row("…", Style.QUIET, quiet(f"{hidden} lines unchanged"))
    yield from (_Row(" ", Style.PLAIN, _shown(text)) for text in same[len(same) - tail :])


def _changed(old: Sequence[str], new: Sequence[str]) -> Iterator[_Row]:
    """Each old line beside the first new one that is like it; lines without a partner are removed or added."""
    start = 0
    small = (len(old) + sum(map(len, old))) * len(new) <= _MOST_COMPARED
    for text in old:
        found = next(_partners(text, new, start), None) if small else None
        if found is None:
            yield _Row("-", Style.BAD, say(escape.line(text, _LIMIT), Style.BAD))
            continue
        place, spans = found
        yield from _added(new[start:place])
        yield _Row("~", Style.CHANGE, spans)
        start = place + 1
    yield from _added(new[start:])


def _added(texts: Iterable[str]) -> Iterator[_Row]:
    return (_Row("+", Style.GOOD, say(escape.line(text, _LIMIT), Style.GOOD)) for text in texts)


def _partners(text: str, new: Sequence[str], start: int) -> Iterator[tuple[int, Line]]:
    for place in range(start, len(new)):
        spans = _marked(text, new[place])
        if spans:
            yield place, spans


def _marked(old: str, new: str) -> Line:
    """One line out of two that are alike, the changed words in marks; nothing if they are not, or hold such marks."""
    if _MARKS.search(old) or _MARKS.search(new):
        return ()
    ops = list(_merged(_ops(_WORD.findall(old), _WORD.findall(new), _MOST_WORDS)))
    same = sum(len("".join(op.old).strip()) for op in ops if op.same)
    if 2 * same < _ALIKE * (len(old.strip()) + len(new.strip())):
        return ()
    last = len(ops) - 1
    return tuple(span for at, op in enumerate(ops) for span in _spans(op, at_start=at == 0, at_end=at == last))


def _spans(op: _Op, *, at_start: bool, at_end: bool) -> Iterator[Span]:
    old, new = escape.line("".join(op.old)), escape.line("".join(op.new))
    if op.same:
        yield from _short_run(old, at_start=at_start, at_end=at_end)
        return
    if old:
        yield Span(Style.BAD, f"[-{escape.cut(old, _LIMIT)}-]")
    if new:
        yield Span(Style.GOOD, f"{{+{escape.cut(new, _LIMIT)}+}}")


def _short_run(same: str, *, at_start: bool, at_end: bool) -> Line:
    """Unchanged words of a long line: those beside a change, the rest as `…`."""
    if cells(same) <= _LONG_RUN:
        return say(same)
    head = "" if at_start else same[:_EDGE].rpartition(" ")[0] or same[:_EDGE]
    tail = "" if at_end else same[-_EDGE:].partition(" ")[2] or same[-_EDGE:]
    return (*say(head), *quiet(f"{' ' if head else ''}…{' ' if tail else ''}"), *say(tail))


def _merged(ops: Iterable[_Op]) -> Iterator[_Op]:
    """Changes with nothing but a space between them as one, so that a phrase is not torn."""
    held: _Op | None = None
    gap: _Op | None = None
    for op in ops:
        if op.same and held and not gap and not "".join(op.old).strip():
            gap = op
        elif op.same or held is None:
            yield from (each for each in (held, gap) if each)
            held, gap = (None, None) if op.same else (op, None)
            if op.same:
                yield op
        else:
            between = gap.old if gap else ()
            held = _Op(same=False, old=[*held.old, *between, *op.old], new=[*held.new, *between, *op.new])
            gap = None
    yield from (each for each in (held, gap) if each)


def _ops(old: Sequence[str], new: Sequence[str], most: int) -> Iterator[_Op]:
    """What is the same and what is not, in order. Beyond `most` pieces the middle counts as changed whole."""
    shorter = min(len(old), len(new))
    head = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    tail = next((at for at in range(shorter - head) if old[-1 - at] != new[-1 - at]), shorter - head)
    mid_old, mid_new = old[head : len(old) - tail], new[head : len(new) - tail]
    if head:
        yield _Op(same=True, old=old[:head], new=new[:head])
    if max(len(mid_old), len(mid_new)) > most:
        yield _Op(same=False, old=mid_old, new=mid_new)
    else:
        for tag, i, j, k, m in SequenceMatcher(None, mid_old, mid_new).get_opcodes():
            yield _Op(tag == "equal", mid_old[i:j], mid_new[k:m])
    if tail:
        yield _Op(same=True, old=old[len(old) - tail :], new=new[len(new) - tail :])


def _shown(text: str) -> Line:
    return say(escape.line(text, _LIMIT))
