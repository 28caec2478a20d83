"""The state document as a person reads it: what is ours, what is open, who holds it; it has no secrets to hide."""

from __future__ import annotations

from collections.abc import Sequence

from apreconcile.core.address import Address
from apreconcile.core.policy import UNKNOWN
from apreconcile.core.state import Intent, Lock, Purchase, Resource, State, Tombstone, to_second

from . import escape
from .layout import columns, count, money, more_lines, resolve_lines
from .screen import BLANK, WIDTH, Line, Lines, Span, Style, quiet, say, strong, wrap

_ROWS = 20


def state_list(state: State, *, width: int = WIDTH) -> Lines:
    """One line for each thing that is ours: address, id, phone number, how it came to us, and what else is known.

    That is whether it is protected, and how many tokens were spent there.
    """
    rows = [
        [str(at), escape.line(held.id), escape.line(held.phone_number or "-"), held.origin, _beside(state, at)]
        for at, held in sorted(state.resources.items())
    ]
    return columns(rows, width=width, indent=0) if rows else [say("Nothing is ours yet.")]


def state_text(state: State, *, width: int = WIDTH) -> Lines:
    """The whole document but for its hashes."""
    lines = [*_head(state, width), BLANK]
    lines += _section(f"Ours ({count(len(state.resources), 'resource')}):", state_list(state, width=width - 2))
    signing = [[str(at), _handed(held)] for at, held in sorted(state.resources.items()) if at.kind == "webhook"]
    lines += _section("Signing secrets:", columns(signing, width=width - 2, indent=0)) if signing else []
    if state.intents:
        lines += _section("Open: steps begun whose outcome is not written down:", _intents(state, width))
    lines += _section("Purchases (times in UTC):", _purchases(state.ledger, width)) if state.ledger else []
    lines += (
        _section("No longer ours (times in UTC):", _tombstones(state.tombstones, width)) if state.tombstones else []
    )
    aside = [say(escape.line(ident)) for ident in sorted(state.ignored)]
    lines += _section("Set aside, never touched:", aside) if aside else []
    return [*lines, *_lock(state.lock, width)]


def _head(state: State, width: int) -> Lines:
    inside = f", sub-account {escape.line(state.sub_account)}" if state.sub_account else ""
    name = strong(escape.line(f"{state.project}/{state.environment}"))
    title = wrap((*name, *say(f" at {escape.line(state.host)}{inside}")), width)
    if state.id == "none":
        return [*title, say("Nothing was written yet.")]
    written = f", written by run {escape.line(state.write)}" if state.write else ""
    return [*title, *wrap(quiet(f"Document {escape.line(state.id)}, serial {state.serial}{written}."), width)]


def _section(title: str, rows: Lines) -> Lines:
    return [say(title), *((*say("  "), *row) for row in rows), BLANK]


def _handed(held: Resource) -> str:
    return "delivered: yes, to its sink" if held.delivered else "delivered: no"


def _intents(state: State, width: int) -> Lines:
    lines: Lines = []
    for _, intent in sorted(state.intents.items()):
        lines += _intent(intent, width)
    return lines


def _intent(intent: Intent, width: int) -> Lines:
    head = (*say("? ", Style.RISK), *strong(f"{escape.line(intent.action)} {intent.address}"))
    said = f"begun at {to_second(intent.opened)} by run {intent.run}"
    lines: Lines = [head, *wrap(say(escape.line(said)), width - 2, first=say("    "), hang=4)]
    lines.append(say("    The next apply looks, and settles it if it can."))
    if not intent.creates:
        return lines
    return [*lines, *resolve_lines(intent.address, indent=4)]


def _purchases(ledger: Sequence[Purchase], width: int) -> Lines:
    rows = [
        [
            _when(line.at),
            str(line.address),
            "price unknown" if line.amount == UNKNOWN else money(line.amount, "USD"),
            escape.line(line.outcome),
            escape.line("  ".join(part for part in (line.phone_number, line.id) if part)),
        ]
        for line in ledger[-_ROWS:]
    ]
    return [*_older(len(ledger), width), *columns(rows, width=width - 2, indent=0)]


def _tombstones(stones: Sequence[Tombstone], width: int) -> Lines:
    rows = [
        [
            _when(stone.at),
            str(stone.address),
            escape.line(stone.how),
            escape.line("  ".join(part for part in (stone.phone_number, stone.id) if part)),
        ]
        for stone in stones[-_ROWS:]
    ]
    return [*_older(len(stones), width), *columns(rows, width=width - 2, indent=0)]


def _when(stamp: str) -> str:
    """A time in ISO 8601, to the minute."""
    return escape.line(stamp[:16].replace("T", " "))


def _older(number: int, width: int) -> Lines:
    return more_lines(number - _ROWS, width=width - 2, word="older")


def _lock(lock: Lock | None, width: int) -> Lines:
    if lock is None:
        return [say("Nobody holds it.")]
    since, until = to_second(lock.since), to_second(lock.until)
    said = f"Held by {lock.who} on {lock.where} (run {lock.run}) since {since}, until {until}."
    free: Line = (*say("  If that run is surely gone: "), Span(Style.COPY, "apreconcile state unlock"))
    return [*wrap(say(escape.line(said), Style.RISK), width), free]


def _beside(state: State, at: Address) -> str:
    spent = state.turn(at)
    said = ["protected"] if state.resources[at].protect else []
    return ", ".join([*said, f"{count(spent, 'token')} spent"] if spent else said)
