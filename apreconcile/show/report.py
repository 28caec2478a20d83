"""What an apply did: every step in one word, then what a person has to do next, each command ready to paste."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apreconcile.core.agreement import ALREADY
from apreconcile.core.outcome import Arrival, Outcome, Remaining, Report, Verified, Word
from apreconcile.core.planfile import name_of

from . import escape
from .layout import columns, count, more_lines, priced, prose, resolve_lines, warning_lines
from .screen import BLANK, WIDTH, Lines, Span, Style, cells, pad, quiet, say, strong, wrap
from .text import SIGNS, UNKNOWN_SIGN

FORMAT = "apreconcile.report/1"

_STYLES = {
    Word.DONE: Style.GOOD,
    Word.FAILED: Style.BAD,
    Word.UNKNOWN: Style.RISK,
    Word.HELD: Style.CHANGE,
    Word.STALE: Style.RISK,
    Word.SKIPPED: Style.QUIET,
}
_ARRIVALS = {Arrival.DELIVERED: Style.GOOD, Arrival.FAILED: Style.BAD, Arrival.UNKNOWN: Style.RISK}
_BECAUSE = {
    "interrupted": "the run was interrupted",
    "policy": "it is not safe to write here",
    "unknown-purchase": "the outcome of a purchase is unknown, so nothing more is bought",
}
_ENDS = {
    1: "Nothing was changed: something failed",
    2: "Changes are pending",
    3: "Not finished: what is held waits for its approval",
    4: "Not finished: something is not as it was planned; plan again",
    5: "Not finished: something is blocked",
    6: "Not finished: an outcome is unknown; nobody guesses it",
    7: "Half done: something changed, and something failed or does not show yet",
    8: "Not finished: somebody else holds or wrote the state",
    9: "Not finished: it is not safe to write here",
    130: "Interrupted: nothing more was sent",
}
_REMAINING = 10
_WORD = 12


@dataclass(frozen=True, slots=True)
class Again:
    """What repeats a run, each as a shell reads it: its `command`, and the `plan` that makes such a plan.

    `approvals` are the files that approvals are written into, `saved` the plan that was given. `flagged` gives the
    flags of the run to the commands of a text.
    """

    command: str = "apreconcile apply"
    approvals: Sequence[str] = ()
    saved: str | None = None
    plan: str = "apreconcile plan"
    flagged: Callable[[str], str] = str


AGAIN = Again()
"""How a run without options is repeated."""


def report_json(report: Report) -> dict[str, Any]:
    """The report as `apply --format json` prints it."""
    return {
        "format": FORMAT,
        "exit": report.exit,
        "converged": report.converged,
        "digest": report.digest,
        "steps": [_outcome_json(outcome) for outcome in report.outcomes],
        "remaining": [
            {"address": str(left.address), "action": left.action, "verb": left.verb or left.action}
            for left in report.remaining
        ],
        "requests": report.requests,
        "cost": {
            "monthly_delta": report.monthly,
            "currency": "USD",
            **({"unpriced": [str(address) for address in report.unpriced]} if report.unpriced else {}),
        },
        "blocked": [
            {"address": str(one.address) if one.address else None, "reason": one.reason, "hint": one.hint}
            for one in report.blocked
        ],
        "settled": list(report.settled),
        "warnings": list(report.warnings),
        **({"verified": [_verified_json(one) for one in report.verified]} if report.verified else {}),
    }


def _verified_json(one: Verified) -> dict[str, Any]:
    return {"address": str(one.address), "outcome": str(one.arrival), "status": one.status, "error": one.error}


def _outcome_json(outcome: Outcome) -> dict[str, Any]:
    """`approvedBy` stands there only for what a file of approvals let go."""
    shown = {
        "address": str(outcome.address),
        "action": outcome.action,
        "verb": outcome.verb or outcome.action,
        "outcome": str(outcome.word),
        "because": outcome.because,
        "id": outcome.id,
        "phoneNumber": outcome.phone_number,
        "error": outcome.error,
        "token": outcome.token,
    }
    return shown | ({"approvedBy": list(outcome.approved_by)} if outcome.approved_by else {})


def report_text(report: Report, document: Mapping[str, Any], again: Again = AGAIN, *, width: int = WIDTH) -> Lines:
    """The whole screen. `document` is the plan that was applied."""
    steps = {name_of(step): step for step in document["steps"]}
    lines = _words(report, width)
    lines += _numbers(report.outcomes)
    lines += _secrets(report.outcomes, steps, width)
    lines += _unknown(report.outcomes, width)
    shown = [step["token"] for step in document["steps"]]
    lines += _held(report, approving(report, again, shown), shown, width)
    lines += _verified(report.verified, width)
    lines += _remaining(report, width)
    lines += warning_lines(report.warnings, width=width)
    return [*lines, *_closing(report, width)]


def _words(report: Report, width: int) -> Lines:
    """One line a step: its word, what it was, and what came of it; an error below."""
    outcomes = report.outcomes
    if not outcomes:
        return []
    room = min(max(cells(_name(outcome)) for outcome in outcomes), width // 2)
    lines: Lines = []
    for outcome in outcomes:
        sign, style = SIGNS.get(outcome.action, UNKNOWN_SIGN)
        word = say(f"  {outcome.word:<8}", _STYLES[outcome.word])
        head, text = (
            (*word, *say(f"{sign} ", style)),
            (*say(f"{pad(_name(outcome), room)}  "), *say(result(outcome, report.signatures))),
        )
        lines += wrap(text, width, first=head, hang=min(_WORD + room + 2, width // 2))
        if outcome.error:
            lines += prose(outcome.error, width=width, first=say(" " * _WORD), hang=_WORD)
    return [*lines, BLANK]


def _name(outcome: Outcome) -> str:
    return f"{escape.line(outcome.action)} {outcome.address}{sort_of(outcome)}"


def sort_of(one: Outcome | Remaining) -> str:
    """An update tells by its verb what sort it is, as a protection or a rotation: an address may have two."""
    return f" ({escape.line(one.verb)})" if one.action == "update" and one.verb not in {None, "", "update"} else ""


def result(outcome: Outcome, signatures: int) -> str:
    """What came of a step, harmless: what it waits for, why it was not done, or what it is now."""
    if outcome.word is Word.HELD:
        has = f", has {outcome.signed}" if outcome.signed else ""
        return f"wants {count(signatures, 'signature')}{has}" if signatures else "wants an approval"
    if outcome.word is Word.SKIPPED:
        because = outcome.because or ""
        return _BECAUSE.get(because) or f"needs {escape.line(because)}, which was not done" if because else ""
    if outcome.because == ALREADY:
        return "there was nothing to do any more"
    return "  ".join(escape.line(part) for part in (outcome.phone_number, outcome.id) if part)


def _numbers(outcomes: Sequence[Outcome]) -> Lines:
    """The phone numbers that were not ours before."""
    new = [
        [str(outcome.address), escape.line(outcome.phone_number)]
        for outcome in outcomes
        if outcome.word is Word.DONE and outcome.action == "create" and outcome.phone_number
    ]
    if not new:
        return []
    room = max(len(address) for address, _ in new)
    rows = [(*say(f"  {address:<{room}}  "), Span(Style.COPY, phone)) for address, phone in new]
    return [strong("New phone numbers:" if len(new) > 1 else "New phone number:"), *rows, BLANK]


def _secrets(outcomes: Sequence[Outcome], steps: Mapping[tuple[str, str], Mapping[str, Any]], width: int) -> Lines:
    """Who was handed a signing secret, and whose are new with nobody told; they may be where the outcome is unknown."""
    given = [outcome for outcome in outcomes if outcome.delivered]
    lines: Lines = [strong("Signing secrets handed on:")] if given else []
    for outcome in given:
        lines += prose(outcome.delivered or "", width=width, first=say(f"  {outcome.address}: "), hang=4)
    lines += [BLANK] if given else []
    title, commands = untold(outcomes, steps)
    rows = [(*say("  "), Span(Style.COPY, command)) for command in commands]
    return [*lines, *wrap(strong(title), width), *rows, BLANK] if commands else lines


def untold(outcomes: Sequence[Outcome], steps: Mapping[tuple[str, str], Mapping[str, Any]]) -> tuple[str, list[str]]:
    """The commands that show the signing secrets which are new with nobody told, and what is said of them."""
    sent = [outcome for outcome in outcomes if not outcome.delivered and _signs(outcome, steps)]
    sure = all(outcome.word is not Word.UNKNOWN for outcome in sent)
    title = f"Signing secrets that are {'new' if sure else 'new, or may be'}; the receivers need them:"
    return title, [f"apreconcile secret show {outcome.address}" for outcome in sent]


def _signs(outcome: Outcome, steps: Mapping[tuple[str, str], Mapping[str, Any]]) -> bool:
    """Whether its secret is new, or may be."""
    if outcome.because == ALREADY or not (outcome.changed or outcome.word in {Word.DONE, Word.UNKNOWN}):
        return False
    step = steps.get(outcome.name, {})
    made = outcome.action == "create" and outcome.address.kind == "webhook"
    return made or "rotates-secret" in step.get("risks", ())


def _unknown(outcomes: Sequence[Outcome], width: int) -> Lines:
    unknown = [outcome for outcome in outcomes if outcome.word is Word.UNKNOWN]
    if not unknown:
        return []
    title = "Unknown: the call was sent, and no answer tells whether it took effect."
    lines = wrap(say(title, Style.RISK), width)
    made = [outcome for outcome in unknown if outcome.action == "create"]
    if len(made) < len(unknown):
        lines += prose("apreconcile plan settles a change by looking again.", width=width, first=say("  "), hang=2)
    if made:
        told = "The next apply looks for it first, and settles it if the account shows it. By hand:"
        lines += prose(told, width=width, first=say("  "), hang=2)
    lines += [line for outcome in made for line in resolve_lines(outcome.address, indent=4)]
    return [*lines, BLANK]


def _held(report: Report, told: tuple[list[str], list[str]], shown: Collection[str], width: int) -> Lines:
    """What approves all that waits, as commands with a token a line, so that lines can be left out."""
    tokens, whole = told
    if not tokens:
        return []
    new = not set(tokens) <= set(shown)
    rows = [(*say("  "), Span(Style.COPY, escape.line(word))) for word in whole]
    note = (
        wrap(quiet("What this run wrote gave these steps new tokens: they are not those above."), width) if new else []
    )
    choice = "; leave out what you do not approve" if len(tokens) > 1 else ""
    wants = f"signed by {count(report.signatures, 'person')}" if report.signatures else "approved"
    return [strong(f"Held until {wants} ({count(len(tokens), 'step')}){choice}:"), *rows, *note, BLANK]


def approving(report: Report, again: Again, shown: Collection[str]) -> tuple[list[str], list[str]]:
    """The tokens of all that waits, and the lines of the commands that approve it; `shown` are those of the plan.

    An entry is appended to the first of the files, and by tokens of the saved plan as long as it has them. Where no
    file was given and nobody has to sign, a token is enough.
    """
    tokens = [outcome.token for outcome in report.outcomes if outcome.token]
    new = not set(tokens) <= set(shown)
    commands = [[again.command, *(f"  --approve {token}" for token in tokens)]]
    if report.signatures or again.approvals:
        source, files = "plan.json" if new else again.saved or "plan.json", again.approvals or ("approvals.yaml",)
        sign = "--sign KEY " if report.signatures else ""
        entry = [f"apreconcile approve {source} --by NAME --reason TEXT", f"  {sign}--out {files[0]}"]
        entry += [f"  {token}" for token in tokens]
        made = [] if source == again.saved else [[f"{again.plan} --out plan.json"]]
        commands = [*made, entry, [" ".join([again.command, *(f"--approvals {file}" for file in files)])]]
    return tokens, [row for words in commands for row in (*(f"{word} \\" for word in words[:-1]), words[-1])]


def _verified(verified: Sequence[Verified], width: int) -> Lines:
    """One line a test event: what became of it, where, and what the receiver answered."""
    lines: Lines = [strong("Test events:")] if verified else []
    for one in verified:
        head, status = say(f"  {one.arrival:<9} ", _ARRIVALS[one.arrival]), f"HTTP {one.status}"
        lines += wrap(say(f"{one.address}{'' if one.status is None else f'  {status}'}"), width, first=head)
        if one.error and one.error != status:
            lines += prose(one.error, width=width, first=say(" " * _WORD), hang=_WORD)
    return [*lines, BLANK] if verified else []


def _remaining(report: Report, width: int) -> Lines:
    if not report.remaining:
        return []
    rows = [[escape.line(left.action), f"{left.address}{sort_of(left)}"] for left in report.remaining[:_REMAINING]]
    hidden = len(report.remaining) - len(rows)
    shown = columns(rows, width=width, indent=2)
    return [say("Left for another run:"), *shown, *more_lines(hidden, width=width), BLANK]


def _closing(report: Report, width: int) -> Lines:
    *told, took = sums(report)
    lines = [line for said in told for line in wrap(strong(said) if said.startswith("Steps") else say(said), width)]
    style = Style.RISK if report.exit else Style.GOOD
    return [*lines, quiet(took), *wrap(say(ending(report), style), width)]


def sums(report: Report) -> list[str]:
    """How many steps ended in which word, what they cost a month, and how many requests it took."""
    tally = {word: sum(outcome.word is word for outcome in report.outcomes) for word in Word}
    told = ", ".join(f"{number:,} {word}" for word, number in tally.items() if number)
    said = [f"Steps: {told}."] if told else []
    if report.monthly not in {"0.00", "-0.00"} or report.unpriced:
        said.append(f"Cost: {priced(report.monthly, 'USD', len(report.unpriced))}.")
    return [*said, f"Took {count(report.requests, 'request')}."]


def ending(report: Report) -> str:
    """The last sentence, which agrees with the exit code."""
    if report.exit:
        return f"{_ENDS.get(report.exit, 'Not finished')} (exit {report.exit})."
    if report.destroys and not report.remaining and report.converged is not False:
        return "Done: nothing that the state had is left." if report.outcomes else "Nothing to destroy."
    if not report.outcomes:
        return "Nothing to do: the account is as the spec wants it." if not report.remaining else "Nothing to do here."
    if report.converged is None:
        return "Done; the account was not looked at again."
    if not report.converged:
        return "Done, but not all of it shows yet."
    return f"Done: {'what was asked for' if report.remaining else 'the account'} is as the spec wants it."
