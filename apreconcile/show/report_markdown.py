"""What an apply did as Markdown, for a pipeline's summary: every step in one word, then what is left to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from apreconcile.core.outcome import Outcome, Report, Word
from apreconcile.core.planfile import name_of

from . import escape, headline
from .layout import count
from .markdown import marker, title, token_list
from .report import AGAIN, Again, approving, ending, result, sort_of, sums, untold
from .tables import LIMIT, Block, fitted, sentence, table_head, table_row

_REST = "The whole report is what `--format json` says."
_WAYS = ("--bind ID", "--not-created")


def report_markdown(report: Report, document: Mapping[str, Any], again: Again = AGAIN, *, limit: int = LIMIT) -> str:
    """The whole note, of at most `limit` bytes. `document` is the plan that was applied."""
    outcomes = report.outcomes
    unknown = [one.address for one in outcomes if one.word is Word.UNKNOWN and one.action == "create"]
    said, secrets = untold(outcomes, {name_of(step): step for step in document["steps"]})
    shown = [step["token"] for step in document["steps"]]
    tokens, approve = approving(report, again, shown)
    given = [f"{one.address}: {one.delivered}" for one in outcomes if one.delivered]
    tests = [f"{one.arrival}: {one.address}{f', {one.error}' if one.error else ''}" for one in report.verified]
    left = [f"{one.action} {one.address}{sort_of(one)}" for one in report.remaining]
    blocks = [
        Block((_head(report, document),)),
        Block(
            tuple(_row(one, report.signatures, again.flagged) for one in outcomes),
            "### Steps", table_head("Outcome", "Step", "Result"), "step row", 2, 0.4,
        ),
        _commands("Unknown", [again.flagged(f"apreconcile resolve {at} {way}") for at in unknown for way in _WAYS]),
        _held(tokens, approve),
        _commands(said, map(again.flagged, secrets)),
        _listed("Signing secrets handed on", given),
        _listed("Test events", tests),
        _listed("Left for another run", left),
        _listed("What became of an earlier run", map(again.flagged, report.settled)),
        _listed("Warnings", map(again.flagged, report.warnings)),
    ]  # fmt: skip
    return fitted(blocks, limit, _REST)


def _head(report: Report, document: Mapping[str, Any]) -> str:
    name = escape.code(headline.name(document), 200)
    said = " ".join(map(escape.markdown, sums(report)))
    mark = marker(document, "destroy" if document.get("destroy") else "apply")
    return f"{mark}\n## {name}: {escape.markdown(ending(report))}\n\n{said}"


def _row(outcome: Outcome, signatures: int, flagged: Callable[[str], str]) -> str:
    came = sentence(result(outcome, signatures).replace("  ", " "))
    told = [part for part in (came, sentence(flagged(outcome.error or ""))) if part]
    step = title({"action": outcome.action, "address": str(outcome.address)})
    verb = f" ({escape.markdown(outcome.verb)})" if outcome.verb not in {"", outcome.action} else ""
    return table_row(f"**{outcome.word}**", f"{step}{verb}", "<br>".join(told))


def _held(tokens: Sequence[str], approve: Iterable[str]) -> Block:
    """The commands that approve what waits; where not all fits, its tokens."""
    head = f"Held until approved: {count(len(tokens), 'step')}"
    return replace(_commands(head, approve if tokens else []), short=token_list(tokens, f"### {head}"))


def _commands(head: str, rows: Iterable[str]) -> Block:
    rows = list(rows)
    block = (escape.fenced(rows, "sh"),) if rows else ()
    return Block(block, f"### {head.removesuffix(':')}", noun="command list", rank=1, share=0.3)


def _listed(head: str, rows: Iterable[str]) -> Block:
    return Block(tuple(f"- {sentence(row)}" for row in rows), f"### {head}", noun="row", rank=3, share=0.1)
