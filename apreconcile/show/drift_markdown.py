"""Drift as Markdown, for an issue or a pipeline's summary: who moved what, folded differences, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import escape, headline
from .drift import said_of, summed, whose
from .headline import RUN, Run
from .layout import count
from .markdown import beside_blocks, field_blocks, marker, stops_block
from .tables import LIMIT, Block, fitted, folded, sentence, table_head, table_row
from .values import value

_REST = "All of it is what `--format json` says."
_NAME = 200


def drift_markdown(document: Mapping[str, Any], run: Run = RUN, *, limit: int = LIMIT) -> str:
    """The whole note, of at most `limit` bytes."""
    items = document["drift"]
    changed = [item for item in items if item["fields"]]
    stopped = headline.in_the_way(document["blocked"])
    blocks = [
        Block((_head(document, run),)),
        *(stops_block(title, stops, 1) for title, stops in stopped if title != headline.BLOCKED),
        Block(
            tuple(map(_row, items)),
            "### What differs", table_head("Address", "What", "What to do"), "row of what differs", 2, 0.4,
        ),
        Block(tuple(map(_details, changed)), noun="table of fields", rank=9, joined="\n\n"),
        *(stops_block(title, stops, 5) for title, stops in stopped if title == headline.BLOCKED),
        *beside_blocks(document),
        Block((_foot(document),)),
    ]  # fmt: skip
    return fitted(blocks, limit, _REST)


def _head(document: Mapping[str, Any], run: Run) -> str:
    name, place = escape.code(headline.name(document), _NAME), escape.markdown(headline.place(document), _NAME)
    return f"{marker(document, 'drift')}\n## {name}: {escape.markdown(summed(document, run))}\n\n{place}"


def _foot(document: Mapping[str, Any]) -> str:
    read = f"Read with {count(document['requests'], 'request')} by {document['tool']}; nothing was written."
    return escape.markdown(read, _NAME)


def _row(item: Mapping[str, Any]) -> str:
    said = [f"**{escape.markdown(said_of(item), _NAME)}**", *map(sentence, item["why"])]
    hints = [sentence(part) for part in item["hint"].split("\n") if part] or ["see what is blocked"]
    return table_row(escape.code(item["address"], _NAME), "<br>".join(said), "<br>".join(hints))


def _details(item: Mapping[str, Any]) -> str:
    """The fields of an address, folded, under who moved them where that is not the same for all."""
    body: list[str] = []
    for title, fields in whose(item):
        body += [f"**{escape.markdown(title)}**"] if title else []
        body += field_blocks([value(diff, new=False) for diff in fields], new=False)
    name = escape.html(item["address"], _NAME)
    return folded(f"<code>{name}</code> {count(len(item['fields']), 'field')}: live → spec", body)
