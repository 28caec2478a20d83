"""Two long texts as one: changed lines marked, changed words in `[-old-]{+new+}`, what is the same folded away."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import islice
from typing import NamedTuple

from . import escape
from .layout import count
from .screen import Line, Lines, Style, cells, quiet, say, wrap

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

_STYLES = {" ": Style.PLAIN, "-": Style.BAD, "+": Style.GOOD, "~": Style.CHANGE, "…": Style.QUIET}
_MARKED: dict[str, Callable[[str], Line]] = {
    "-": lambda text: say(f"[-{text}-]", Style.BAD),
    "+": lambda text: say(f"{{+{text}+}}", Style.GOOD),
}

_WORD = re.compile(r"\s+|\w+|[^\w\s]")
_MARKS = re.compile(r"\[-|-\]|\{\+|\+\}")


class Row(NamedTuple):
    """A line of a difference: ` ` the same, `-` removed, `+` added, `~` changed within, `…` what is left out.

    Its parts are harmless texts, each with ` `, `-` or `+` for what became of it; a line that changed has several.
    """

    sign: str
    parts: tuple[tuple[str, str], ...]


class _Op(NamedTuple):
    same: bool
    old: Sequence[str]
    new: Sequence[str]


def difference(before: Sequence[str], after: Sequence[str], *, context: int, most: int) -> tuple[list[Row], int]:
    """Two texts as rows, `context` lines around what changed, and how many lines differ; beyond `most` one more row."""
    ops = list(_ops(before, after, _MOST_LINES))
    return list(islice(_rows(ops, context), most + 1)), sum(len(op.old) + len(op.new) for op in ops if not op.same)


def text_diff(before: Sequence[str], after: Sequence[str], *, width: int, indent: int) -> Lines:
    """The rows for a terminal: changed words in marks, and of long lines only what is beside a change."""
    lines: Lines = []
    rows, differ = difference(before, after, context=_CONTEXT, most=ROWS)
    margin = say(" " * indent)
    for row in rows:
        first = (*margin, *say(f"{row.sign} ", _STYLES[row.sign]))
        lines += wrap(_line(row), width, first=first, hang=indent + 2)
        if len(lines) > ROWS:
            more = quiet(f"… and so on: {count(differ, 'line')} in all; --format json has them")
            return [*lines[:ROWS], (*margin, *more)]
    return lines


def _line(row: Row) -> Line:
    if row.sign != "~":
        return say(row.parts[0][1], _STYLES[row.sign])
    last = len(row.parts) - 1
    return tuple(
        span
        for at, (sign, text) in enumerate(row.parts)
        for span in (_MARKED[sign](text) if sign in _MARKED else _short_run(text, at_start=not at, at_end=at == last))
    )


def _rows(ops: Sequence[_Op], context: int) -> Iterator[Row]:
    for place, op in enumerate(ops):
        if op.same:
            head, tail = (0 if place == 0 else context), (0 if place == len(ops) - 1 else context)
            yield from _folded(op.old, head, tail)
        else:
            yield from _changed(op.old, op.new)


def _folded(same: Sequence[str], head: int, tail: int) -> Iterator[Row]:
    hidden = len(same) - head - tail
    if hidden <= 1:
        yield from (_row(" ", text) for text in same)
        return
    yield from (_row(" ", text) for text in same[:head])
    yield Row("…", ((" ", f"{hidden} lines unchanged"),))
    yield from (_row(" ", text) for text in same[len(same) - tail :])


def _changed(old: Sequence[str], new: Sequence[str]) -> Iterator[Row]:
    """Each old line beside the first new one that is like it; lines without a partner are removed or added."""
    start = 0
    small = (len(old) + sum(map(len, old))) * len(new) <= _MOST_COMPARED
    bags = [Counter(_WORD.findall(text)) for text in new] if small else []
    for text in old:
        found = next(_partners(text, new, bags, start), None)
        if found is None:
            yield _row("-", text)
            continue
        place, parts = found
        yield from (_row("+", text) for text in new[start:place])
        yield Row("~", parts)
        start = place + 1
    yield from (_row("+", text) for text in new[start:])


def _row(sign: str, text: str) -> Row:
    return Row(sign, ((sign, escape.line(text, _LIMIT)),))


def _partners(
    text: str, new: Sequence[str], bags: Sequence[Counter[str]], start: int
) -> Iterator[tuple[int, tuple[tuple[str, str], ...]]]:
    """The lines from `start` on that are like this one. `bags` are their words in no order, which are soon compared."""
    words = Counter(_WORD.findall(text))
    for place in range(start, len(bags)):
        bag = bags[place]
        shared = sum(len(word) * min(words[word], bag[word]) for word in words.keys() & bag.keys())
        parts = _paired(text, new[place]) if _are_alike(shared, text, new[place]) else ()
        if parts:
            yield place, parts


def _paired(old: str, new: str) -> tuple[tuple[str, str], ...]:
    """The parts of one line out of two that are alike; nothing if they are not, or hold marks of ours."""
    if _MARKS.search(old) or _MARKS.search(new):
        return ()
    ops = list(_merged(_ops(_WORD.findall(old), _WORD.findall(new), _MOST_WORDS)))
    same = sum(len("".join(op.old).strip()) for op in ops if op.same)
    if not _are_alike(same, old, new):
        return ()
    parts = [
        (sign, escape.line("".join(words)))
        for op in ops
        for sign, words in ([(" ", op.old)] if op.same else [("-", op.old), ("+", op.new)])
    ]
    return tuple((sign, text if sign == " " else escape.cut(text, _LIMIT)) for sign, text in parts if text)


def _are_alike(same: int, old: str, new: str) -> bool:
    """Whether two lines that have so many characters in common are one that changed."""
    return 2 * same >= _ALIKE * (len(old.strip()) + len(new.strip()))


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
