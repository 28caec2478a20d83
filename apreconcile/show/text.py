"""A plan as a person reads it, from its document alone: `plan`, `apply` and `show` print the same screen."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from . import escape, headline
from .fields import field_lines
from .headline import RUN, Run
from .layout import columns, count, hint_lines, more_lines, prose, warning_lines
from .screen import BLANK, WIDTH, Lines, Span, Style, quiet, say, strong, wrap
from .stakes import stakes_lines

SIGNS = {
    "adopt": ("=", Style.TAKE),
    "create": ("+", Style.GOOD),
    "update": ("~", Style.CHANGE),
    "delete": ("-", Style.BAD),
    "move": (">", Style.CHANGE),
    "forget": ("x", Style.CHANGE),
}
UNKNOWN_SIGN = ("?", Style.RISK)

_TOLD = "What stands behind a `·` is said by the file alone; all else is what the tokens mean."
_AGAIN = "A saved plan, made again: only what is the same in both is taken."
_INDENT = 6
_UNMANAGED = 10


def plan_text(
    document: Mapping[str, Any],
    run: Run = RUN,
    *,
    width: int = WIDTH,
    saved: bool = False,
    beside: Lines | None = None,
) -> Lines:
    """The whole screen. `saved` tells when a file expires.

    `beside` says what else a saved plan has, of which these are the steps that are taken.
    """
    lines = [*title_lines(document, width), *(wrap(quiet(_AGAIN), width) if beside is not None else []), BLANK]
    waiting = headline.asking(document, run.approved)
    held = headline.withholding(waiting)
    for step in document["steps"]:
        lines += [*step_lines(step, held=held, width=width, approved=run.approved), BLANK]
    lines += beside or []
    lines += stop_lines(document["blocked"], width)
    lines += unmanaged_lines(document["unmanaged"], width)
    lines += warning_lines(document["warnings"], width=width)
    lines += _tests(headline.test_calls(document), width)
    lines += stakes_lines(document["steps"], width=width)
    nothing = headline.no_changes(document, run)
    nothing = nothing if beside is None else "Nothing of the saved plan is left to take."
    lines += _closing(document, nothing, width)
    waits = 0 if headline.stops_all(document) else len(waiting)
    lines += prose(f"{headline.wanting(waits, run.signatures)}: {run.hint}", width=width) if waits else []
    lines.append(quiet(f"Read with {count(document['requests'], 'request')}."))
    if saved:
        lines += wrap(quiet(headline.made_by(document)), width)
    return lines


def approving_text(document: Mapping[str, Any], steps: Iterable[Mapping[str, Any]], *, width: int = WIDTH) -> Lines:
    """What whoever approves these steps of a plan, whose tokens fit, says yes to."""
    lines = [*title_lines({**document, "policy": None}, width), BLANK]
    for step in steps:
        lines += [*step_lines({**step, "permit": None}, held=set(), width=width), *_covered(step, width), BLANK]
    return [*lines, *wrap(quiet(_TOLD), width)]


def _covered(step: Mapping[str, Any], width: int) -> Lines:
    """What a step acts on, and who is handed its secret, as its token has it: the sentences may have been edited."""
    target = step["covers"].get("target", {})
    phone, lost = target.get("phoneNumber"), target.get("lost")
    told = {
        "acts on": " ".join(part for part in (phone, target.get("id")) if part),
        "instead of": f"{lost}, which is lost" if lost else "",
        "secret to": step.get("sink", ""),
    }
    margin = " " * _INDENT
    rows = [
        prose(text, width=width, first=quiet(f"{margin}{name}: "), hang=_INDENT + 2)
        for name, text in told.items()
        if text
    ]
    return [line for row in rows for line in row]


def step_lines(step: Mapping[str, Any], *, held: set[str], width: int = WIDTH, approved: Collection[str] = ()) -> Lines:
    """One step: what, its risks, what it means in words, its fields, and the token that it waits for.

    `held` are the addresses whose steps want an approval, without which what comes after them is skipped.
    """
    sign, style = SIGNS.get(step["action"], UNKNOWN_SIGN)
    token, action, verb = step["token"] or "", escape.line(step["action"], width), headline.verb(step)
    beside = quiet(f" ({verb})") if verb else ()
    head = (*strong(escape.line(step["address"])), *beside)
    lines = wrap(head, width, first=say(f"  {sign} {action} ", style), hang=_INDENT)
    margin = " " * _INDENT
    for risk in headline.risks(step):
        lines += wrap(
            say(headline.risk_words(risk), Style.RISK), width, first=say(f"{margin}! ", Style.RISK), hang=_INDENT + 2
        )
    for why in (*step["why"], *headline.waits(step, held)):
        lines += prose(why, width=width, first=quiet(f"{margin}· "), hang=_INDENT + 2)
    lines += field_lines(step["fields"], new=step["action"] == "create", width=width, indent=_INDENT)
    if step.get("permit"):
        first = quiet(f"{margin}approved by the policy: ")
        return [*lines, *prose(step["permit"], width=width, first=first, hang=_INDENT + 2)]
    said = "approved by:" if token in approved else "approve with:"
    ask = [quiet(f"{margin}{said}"), (*say(margin), Span(Style.COPY, token))]
    return [*lines, *ask] if token else lines


def title_lines(document: Mapping[str, Any], width: int) -> Lines:
    """What a document is about, and which policy counted."""
    lines = wrap((*strong(headline.name(document)), *say(f" {headline.place(document)}")), width)
    lines += wrap(strong(headline.DESTROYS), width) if document.get("destroy") else []
    source = document.get("policy")
    return [*lines, *wrap(quiet(f"policy from {escape.line(source)}"), width)] if source else lines


def stop_lines(blocked: Sequence[Mapping[str, Any]], width: int) -> Lines:
    """What stands in the way, the gravest first."""
    lines: Lines = []
    for title, stops in headline.in_the_way(blocked):
        rows = [row for stop in stops for row in _stop(stop, width)]
        lines += [*wrap(say(title, Style.RISK), width), *rows, BLANK]
    return lines


def _stop(stop: Mapping[str, Any], width: int) -> Lines:
    sign, margin = say("  x ", Style.RISK), say(" " * _INDENT)
    hint = hint_lines(stop["hint"], width=width, indent=_INDENT)
    if stop["address"] is None:
        return [*prose(stop["reason"], width=width, first=sign, hang=_INDENT), *hint]
    head = wrap(strong(escape.line(stop["address"])), width, first=sign, hang=_INDENT)
    return [*head, *prose(stop["reason"], width=width, first=margin, hang=_INDENT), *hint]


def unmanaged_lines(items: Sequence[Mapping[str, Any]], width: int) -> Lines:
    """What is nobody's; nothing if nothing is."""
    if not items:
        return []
    rows = [[escape.line(item[part], width // 2) for part in ("kind", "id", "name")] for item in items[:_UNMANAGED]]
    hidden = len(items) - len(rows)
    head = wrap(say("Unmanaged, left as it is (neither in the spec nor ours):"), width)
    return [*head, *columns(rows, width=width, indent=2), *more_lines(hidden, width=width), BLANK]


def _tests(tests: Sequence[tuple[str, str]], width: int) -> Lines:
    """What is sent when all is done, and changes nothing."""
    if not tests:
        return []
    head = wrap(say("Afterwards a test event is sent to:"), width)
    return [*head, *columns(tests, width=width, indent=2), BLANK]


def _closing(document: Mapping[str, Any], nothing: str, width: int) -> Lines:
    if headline.changes_nothing(document):
        return wrap(say(nothing, Style.GOOD), width)
    lines = wrap(strong(f"Plan: {headline.counts(document)}."), width)
    said, beside = headline.cost(document)
    told = (*say(f"Cost: {said}"), *quiet(f" ({beside})" if beside else ""), *say("."))
    return [*lines, *(wrap(told, width) if said else [])]
