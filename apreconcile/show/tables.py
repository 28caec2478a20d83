"""Markdown's blocks, for every screen that has them: sentences, lists, tables, what is folded, and a text that fits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from . import escape
from .diff import Row
from .layout import count, pieces

LIMIT = 60_000
"""Bytes in UTF-8. A comment at GitHub has 65,536 characters; the rest is for what a pipeline writes around this."""

_LONGEST = 2_000
"""Characters of one sentence."""


@dataclass(frozen=True, slots=True)
class Block:
    """Items under a heading, that may be left out one by one. `share` of the whole is theirs where not all fits.

    `rank` says who is served first; items are counted as `noun`s. They are `joined` by a newline, the rows of a table
    also to its head, or else by an empty line. Where not all fits, `short` stands for it, if there is one.
    """

    items: tuple[str, ...]
    head: str = ""
    table: str = ""
    noun: str = "item"
    rank: int = 0
    share: float = 1.0
    joined: str = "\n"
    foot: str = ""
    short: Block | None = None

    def __str__(self) -> str:
        body = self.joined.join(self.items)
        body = f"{self.table}\n{body}" if self.table else body
        return "\n\n".join(part for part in (self.head, body, self.foot) if part) if self.items else ""

    @property
    def size(self) -> int:
        """Its bytes, with what parts it from the next block."""
        return _size(str(self)) + 2


def fitted(blocks: Sequence[Block], limit: int, rest: str) -> str:
    """The blocks as one text of at most `limit` bytes; what is left out is said behind the first, and then `rest`."""
    if sum(block.size for block in blocks) <= limit:
        return _joined(map(str, blocks))
    blocks = [block.short or block for block in blocks]
    room = limit - _size(rest) - 60 * len(blocks)
    kept = {place: replace(block, items=()) for place, block in enumerate(blocks)}
    room -= sum(block.size for block in kept.values())
    for of_all in (False, True):  # each its share, and then whoever comes first what the others left
        for place in sorted(range(len(blocks)), key=lambda at: blocks[at].rank):
            room += kept[place].size
            kept[place] = _cut(blocks[place], room if of_all else min(room, int(limit * blocks[place].share)))
            room -= kept[place].size
    lost = [(len(block.items) - len(kept[place].items), block.noun) for place, block in enumerate(blocks)]
    said = ", ".join(count(number, noun) for number, noun in lost if number)
    first, *others = (str(kept[place]) for place in range(len(blocks)))
    return _joined([first, f"**Left out, since it is too long: {said}.** {rest}", *others])


def _cut(block: Block, room: int) -> Block:
    items: list[str] = []
    left = room - replace(block, items=("",)).size
    for item in block.items:
        size = _size(item) + len(block.joined)
        if size <= left:
            items.append(item)
            left -= size
    return replace(block, items=tuple(items))


def _size(text: str) -> int:
    return len(text.encode())


def _joined(parts: Iterable[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


def sentence(text: str) -> str:
    """A sentence from outside; commands and URLs in it are code."""
    told = pieces(text, _LONGEST)
    return "".join(escape.code(piece) if is_code else _between(piece) for is_code, piece in told)


def _between(piece: str) -> str:
    """Words between code, with the spaces around them."""
    bare = piece.strip(" ")
    before, after = piece[: len(piece) - len(piece.lstrip(" "))], piece[len(piece.rstrip(" ")) :]
    return f"{before[:1]}{escape.markdown(bare)}{after[:1]}" if bare else piece[:1]


def table_head(*titles: str) -> str:
    """The first two rows of a table."""
    return f"{table_row(*titles)}\n{table_row(*['---'] * len(titles))}"


def table_row(*cells: str) -> str:
    """A row of a table; the cells are Markdown."""
    return f"| {' | '.join(cells)} |"


def folded(summary: str, body: Iterable[str]) -> str:
    """What is shown once its summary is clicked: the summary is HTML, the body blocks of Markdown."""
    return "\n\n".join([f"<details>\n<summary>{summary}</summary>", *body, "</details>"])


def diff_block(rows: Iterable[Row]) -> str:
    """A difference as a block of code, in which a line that changed stands twice."""
    return escape.fenced((text for row in rows for text in _unified(row)), "diff")


def _unified(row: Row) -> Iterator[str]:
    if row.sign == "…":
        yield f"@@ {row.parts[0][1]} @@"
    elif row.sign == "~":
        yield from (sign + "".join(text for part, text in row.parts if part in (" ", sign)) for sign in "-+")
    else:
        yield row.sign + row.parts[0][1]
