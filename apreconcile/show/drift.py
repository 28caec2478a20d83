"""Drift as a person reads it, from its document alone: each address, who moved, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import escape
from .fields import field_lines
from .headline import RUN, Run, all_of
from .layout import count, hint_lines, prose, warning_lines
from .screen import BLANK, WIDTH, Lines, Style, quiet, say, strong, wrap
from .text import stop_lines, title_lines, unmanaged_lines

_INDENT = 6
_SIGNS = {
    "gone": ("-", Style.BAD),
    "removed": ("-", Style.BAD),
    "forgotten": ("-", Style.CHANGE),
    "added": ("+", Style.GOOD),
    "found": ("+", Style.TAKE),
}
_CHANGED = ("~", Style.CHANGE)
_SAID = {
    "changed": "changed",
    "gone": "gone from the account",
    "replaced": "replaced in the account",
    "added": "new in the spec",
    "found": "in the account already, and not ours yet",
    "removed": "taken out of the spec",
    "moved": "another key in the spec",
    "forgotten": "not to be managed any more",
}
_BY = {
    "spec": "in the spec",
    "account": "in the account",
    "both": "in the spec and in the account",
    "unknown": "nobody can tell where",
}
_SINCE = {"gone": "spec", "replaced": "spec", "removed": "account", "forgotten": "account"}
"""Where else than that it changed, if both moved."""


def drift_text(document: Mapping[str, Any], run: Run = RUN, *, width: int = WIDTH) -> Lines:
    """The whole screen."""
    lines = title_lines(document, width)
    if any(item["fields"] for item in document["drift"]):
        lines += wrap(quiet("Fields: what is live → what the spec says."), width)
    lines.append(BLANK)
    for item in document["drift"]:
        lines += [*_item(item, width), BLANK]
    lines += stop_lines(document["blocked"], width)
    lines += unmanaged_lines(document["unmanaged"], width)
    lines += warning_lines(document["warnings"], width=width)
    lines += _closing(document, run, width)
    return [*lines, quiet(f"Read with {count(document['requests'], 'request')}; nothing was written.")]


def said_of(item: Mapping[str, Any]) -> str:
    """How an address differs, and who moved, in words."""
    what, who = item["what"], item["who"]
    if what == "changed":
        return "differs, and nobody can tell who moved" if who == "unknown" else f"changed {_BY.get(who, who)}"
    if what == "added" and who == "unknown":
        return "only in the spec"
    since = f", and changed in the {_SINCE[what]} since" if who == "both" and what in _SINCE else ""
    return f"{_SAID.get(what, what)}{since}"


def _counted(document: Mapping[str, Any]) -> str:
    """How many addresses differ, and who moved, as one sentence."""
    told = document["summary"]
    words = {"spec": "in the spec", "account": "in the account", "both": "in both", "unknown": "by nobody knows whom"}
    by = [f"{told[who]:,} {word}" for who, word in words.items() if told[who]]
    beside = [f"{told[word]:,} {word}" for word in ("blocked", "unmanaged") if told[word]]
    drifted = count(len(document["drift"]), "difference")
    return "; ".join([f"Drift: {drifted}" + (f" ({', '.join(by)})" if by else ""), *beside]) + "."


def summed(document: Mapping[str, Any], run: Run) -> str:
    """How much differs, or that nothing does."""
    if document["drift"] or document["blocked"]:
        return _counted(document)
    subject, several = all_of(run)
    return f"No drift: {subject} {'are' if several else 'is'} as the spec says."


def _item(item: Mapping[str, Any], width: int) -> Lines:
    sign, style = _SIGNS.get(item["what"], _CHANGED)
    head = (*strong(escape.line(item["address"])), *say(f": {escape.line(said_of(item))}"))
    lines = wrap(head, width, first=say(f"  {sign} ", style), hang=4)
    for why in item["why"]:
        lines += prose(why, width=width, first=quiet(f"{' ' * _INDENT}· "), hang=_INDENT + 2)
    lines += _fields(item, width)
    return [*lines, *hint_lines(item["hint"], width=width, indent=_INDENT)]


def whose(item: Mapping[str, Any]) -> list[tuple[str, list[Any]]]:
    """Its fields under who moved them, in words; under nothing where that is said of the address already."""
    groups = [(who, [one for one in item["fields"] if one["who"] == who]) for who in _BY]
    found = [(_BY[who], fields) for who, fields in groups if fields]
    alone = len(found) == 1 and (item["what"] != "changed" or found[0][0] == _BY.get(item["who"]))
    return [("", found[0][1])] if alone else found


def _fields(item: Mapping[str, Any], width: int) -> Lines:
    lines: Lines = []
    for title, fields in whose(item):
        lines += wrap(quiet(f"{title}:"), width, first=say(" " * _INDENT)) if title else []
        lines += field_lines(fields, new=False, width=width, indent=_INDENT + 2 * bool(title))
    return lines


def _closing(document: Mapping[str, Any], run: Run, width: int) -> Lines:
    same = not document["drift"] and not document["blocked"]
    return wrap(say(summed(document, run), Style.GOOD if same else Style.STRONG), width)
