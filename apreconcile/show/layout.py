"""What several screens share: hints with commands to paste, columns, warnings, amounts of money, counts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from apreconcile.core.address import Address

from . import escape
from .screen import BLANK, Line, Lines, Span, Style, cells, pad, quiet, say, wrap

_QUOTED = r"""'[^'`]*'(?:"'"'[^'`]*')*(?![^\s;,`.:])"""
"""A word that the shell is to take as it stands, as `shlex.quote` writes it."""
_COMMAND = re.compile(rf"apreconcile(?: (?:{_QUOTED}|[^\s;,`]*[^\s;,`.:]))+")
_CODE = re.compile(rf"`([^`]+)`|({_COMMAND.pattern})|(https?://[^\s'\"<>`]*[^\s'\"<>`.,;:)])")
_HINT = "hint: "


def prose(text: str, *, width: int, first: Line = (), hang: int = 0) -> Lines:
    """One line of outside text, wrapped; a command of ours in it stays one that can be pasted."""
    lines: Lines = []
    spans: list[Span] = []
    safe, at, lead = escape.line(text), 0, first
    for found in _COMMAND.finditer(safe):
        spans.append(Span(Style.PLAIN, safe[at : found.start()]))
        at = found.end()
        if len(found[0]) <= width - hang:
            spans.append(Span(Style.COPY, found[0]))
            continue
        lines += [*wrap(spans, width, first=lead, hang=hang), *continued(found[0], width=width, indent=hang)]
        spans, lead = [], say(" " * hang)
    tail = safe[at:] if spans or not lines else safe[at:].lstrip(" .,;`")
    rest = [*spans, Span(Style.PLAIN, tail)]
    return (
        [*lines, *wrap(rest, width, first=lead, hang=hang)] if any(span.text for span in rest) or not lines else lines
    )


def retold(text: str, change: Callable[[str], str]) -> str:
    """The text with each command of ours in it changed."""
    return _COMMAND.sub(lambda found: change(found[0]), text)


def pieces(text: str, limit: int | None = None) -> Iterator[tuple[bool, str]]:
    """A harmless sentence in pieces, each with whether it is code: a command, a URL, or what stands in backticks."""
    safe, at = escape.line(text, limit), 0
    for found in _CODE.finditer(safe):
        if found.start() > at:
            yield False, safe[at : found.start()]
        yield True, found[1] or found[0]
        at = found.end()
    if at < len(safe):
        yield False, safe[at:]


def continued(command: str, *, width: int, indent: int) -> Lines:
    """A long command over several lines, each but the last ended by a backslash, so that a shell reads it as one."""
    rows = ["".join(span.text for span in line) for line in wrap(say(command), width - indent - 2, hang=2)]
    whole = [*(f"{row} \\" for row in rows[:-1]), rows[-1]]
    return [(*say(" " * indent), Span(Style.COPY, row)) for row in whole]


def hint_lines(hint: str | None, *, width: int, indent: int = 0) -> Lines:
    """`hint: …`, and further lines of it below."""
    hang = indent + len(_HINT)
    lines: Lines = []
    for part in hint.strip("\n").split("\n") if hint else ():
        first = say(" " * hang) if lines else (*say(" " * indent), *say(_HINT, Style.HINT))
        lines += prose(part, width=width, first=first, hang=hang)
    return lines


def resolve_lines(address: Address, *, indent: int) -> Lines:
    """The two answers to an unknown outcome, as commands."""
    answers = ("--bind ID", "--not-created")
    return [(*say(" " * indent), Span(Style.COPY, f"apreconcile resolve {address} {answer}")) for answer in answers]


def warning_lines(warnings: Sequence[str], *, width: int) -> Lines:
    """`Warnings:` and each of them; nothing if there is none."""
    if not warnings:
        return []
    first = (*say("  "), *say("! ", Style.RISK))
    rows = [line for warning in warnings for line in prose(warning, width=width, first=first, hang=4)]
    return [say("Warnings:", Style.RISK), *rows, BLANK]


def columns(rows: Sequence[Sequence[str]], *, width: int, indent: int) -> Lines:
    """Rows of harmless texts in aligned columns, two spaces apart; only the last column wraps.

    Where the others leave no room for it, or less than half the line to what takes three, each row is a sentence.
    """
    sizes = [max(map(cells, column)) for column in zip(*rows, strict=True)]
    lines: Lines = []
    before = indent + sum(sizes[:-1]) + 2 * (len(sizes) - 1)
    if before + 2 > width * 3 // 4 or (before > width // 2 and sizes[-1] > 2 * (width - before)):
        sizes = [0] * len(sizes)
    for row in rows:
        if not any(sizes):
            lines += wrap(say("  ".join(row)), width, first=say(" " * indent), hang=indent + 2)
            continue
        start = " " * indent + "".join(pad(text, size + 2) for text, size in zip(row[:-1], sizes, strict=False))
        lines += wrap(say(row[-1]), width, first=say(start), hang=min(cells(start), width // 2))
    return lines


def more_lines(hidden: int, *, width: int, word: str = "more") -> Lines:
    """That some were not shown, and where they are; nothing if all were."""
    said = quiet(f"… and {hidden:,} {word}; --format json has them all")
    return wrap(said, width, first=say("  "), hang=4) if hidden > 0 else []


def money(amount: str, currency: str) -> str:
    """A signed amount: `+$3.00`, `-$6.00`, `+3.00 EUR`."""
    sign, digits = ("-", amount[1:]) if amount.startswith("-") else ("+", amount)
    return f"{sign}${digits}" if currency == "USD" else f"{sign}{digits} {escape.line(currency, 12)}"


def priced(amount: str, currency: str, unknown: int) -> str:
    """What changes a month: `+$3.00/month`, with how many prices nobody knows."""
    said = f"{money(amount, currency)}/month"
    return f"{said}, and {count(unknown, 'price')} unknown" if unknown else said


def count(number: int, noun: str) -> str:
    """`1 step`, `2 steps`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
