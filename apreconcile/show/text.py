"""A plan as a person reads it, from its document alone: `plan`, `apply` and `show` print the same screen."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from apreconcile.core.planfile import name_of, verb_of

from . import escape
from .fields import field_lines
from .layout import columns, count, hint_lines, more_lines, priced, prose, warning_lines
from .screen import BLANK, WIDTH, Lines, Span, Style, quiet, say, strong, wrap
from .stakes import stakes_lines

APPROVE = "apreconcile apply --approve TOKEN"

SIGNS = {
    "adopt": ("=", Style.TAKE),
    "create": ("+", Style.GOOD),
    "update": ("~", Style.CHANGE),
    "delete": ("-", Style.BAD),
    "move": (">", Style.CHANGE),
    "forget": ("x", Style.CHANGE),
}
UNKNOWN_SIGN = ("?", Style.RISK)

_RISKS = {
    "irreversible": "IRREVERSIBLE: this cannot be taken back",
    "spends": "SPENDS MONEY",
    "rotates-secret": "ROTATES THE SIGNING SECRET: the receiver must learn the new one",
    "unprotects": "LIFTS THE PROTECTION: it can be deleted afterwards",
    "reroutes": "REROUTES what is live: calls or events go elsewhere",
}
_UNSAFE = "Not safe: apply writes nothing until this is settled:"
_TITLES = {9: "Not safe to go on with:", 6: "Outcome unknown: nothing is bought until it is settled:"}
_BLOCKED = "Blocked:"
_TOLD = "What stands behind a `·` is said by the file alone; all else is what the tokens mean."
_AGAIN = "A saved plan, made again: only what is the same in both is taken."
_INDENT = 6
_UNMANAGED = 10


def plan_text(
    document: Mapping[str, Any],
    *,
    width: int = WIDTH,
    approvals_hint: str | None = APPROVE,
    resources: int | None = None,
    saved: bool = False,
    approved: Collection[str] = (),
    only: Sequence[str] = (),
    signatures: int = 0,
    beside: Lines | None = None,
) -> Lines:
    """The whole screen. `resources` is how many there are, for an empty plan; `saved` tells when a file expires.

    `approved` are tokens that were given, `only` the addresses that alone were asked for. `signatures` is how many an
    approval takes, 0 where a token is enough. `beside` says what else a saved plan has, of which these are the steps
    that are taken.
    """
    lines = [*_title(document, width), *(wrap(quiet(_AGAIN), width) if beside is not None else []), BLANK]
    asking = [step for step in document["steps"] if step["token"] and not step.get("permit")]
    asking = [step for step in asking if step["token"] not in approved]
    held = {step["address"] for step in asking if not _protects(step)}
    for step in document["steps"]:
        lines += [*step_lines(step, held=held, width=width, approved=approved), BLANK]
    lines += beside or []
    lines += _in_the_way(document["blocked"], width)
    lines += _unmanaged(document["unmanaged"], width)
    lines += warning_lines(document["warnings"], width=width)
    lines += _tests(document.get("tests", ()), width)
    lines += stakes_lines(document["steps"], width=width)
    nothing = _no_changes(resources, only) if beside is None else "Nothing of the saved plan is left to take."
    lines += _closing(document, nothing, width)
    stopped = any(_stop_title(stop) in {_UNSAFE, _TITLES[6]} for stop in document["blocked"])
    lines += _approvals(0 if stopped else len(asking), approvals_hint, signatures, width)
    lines.append(quiet(f"Read with {count(document['requests'], 'request')}."))
    if saved:
        made = f"Saved by {document['tool']}, expires {document['expires']}, digest {document['digest']}"
        lines += wrap(quiet(escape.line(made)), width)
    return lines


def approving_text(document: Mapping[str, Any], steps: Iterable[Mapping[str, Any]], *, width: int = WIDTH) -> Lines:
    """What whoever approves these steps of a plan, whose tokens fit, says yes to."""
    lines = [*_title({**document, "policy": None}, width), BLANK]
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
    token, action = step["token"] or "", escape.line(step["action"], width)
    verb = verb_of(dict(step))
    beside = quiet(f" ({verb})") if verb != step["action"] else ()
    head = (*strong(escape.line(step["address"])), *beside)
    lines = wrap(head, width, first=say(f"  {sign} {action} ", style), hang=_INDENT)
    margin = " " * _INDENT
    for risk in sorted(step["risks"], key=_severity):
        lines += wrap(say(risk_words(risk), Style.RISK), width, first=say(f"{margin}! ", Style.RISK), hang=_INDENT + 2)
    for why in (*step["why"], *_waits(step, held)):
        lines += prose(why, width=width, first=quiet(f"{margin}· "), hang=_INDENT + 2)
    lines += field_lines(step["fields"], new=step["action"] == "create", width=width, indent=_INDENT)
    if step.get("permit"):
        first = quiet(f"{margin}approved by the policy: ")
        return [*lines, *prose(step["permit"], width=width, first=first, hang=_INDENT + 2)]
    said = "approved by:" if token in approved else "approve with:"
    ask = [quiet(f"{margin}{said}"), (*say(margin), Span(Style.COPY, token))]
    return [*lines, *ask] if token else lines


def risk_words(risk: str) -> str:
    """A risk in words; one that this version does not know counts as irreversible."""
    return _RISKS.get(risk) or f"UNKNOWN RISK {escape.line(risk, WIDTH)}: take it as irreversible"


def _protects(step: Mapping[str, Any]) -> bool:
    """Whether it changes a protection, and nothing else waits for it."""
    return name_of(dict(step))[1] == "protect"


def _severity(risk: str) -> tuple[int, str]:
    return (list(_RISKS).index(risk) if risk in _RISKS else -1, risk)


def _waits(step: Mapping[str, Any], held: set[str]) -> list[str]:
    before = [other for other in step["after"] if other in held and other != step["address"]]
    return [f"waits for {other}, which wants an approval" for other in before]


def _title(document: Mapping[str, Any], width: int) -> Lines:
    scope, name = document["scope"], escape.line(f"{document['project']}/{document['environment']}")
    host = "on this machine" if scope["host"] == "loopback" else f"at {escape.line(scope['host'])}"
    inside = f", sub-account {escape.line(scope['sub_account'])}" if scope["sub_account"] else ""
    lines = wrap((*strong(name), *say(f" {host}{inside}")), width)
    source = document.get("policy")
    return [*lines, *wrap(quiet(f"policy from {escape.line(source)}"), width)] if source else lines


def _in_the_way(blocked: Sequence[Mapping[str, Any]], width: int) -> Lines:
    """What stands in the way, the gravest first."""
    lines: Lines = []
    for title in (_UNSAFE, *_TITLES.values(), _BLOCKED):
        stops = [stop for stop in blocked if _stop_title(stop) == title]
        rows = [row for stop in stops for row in _stop(stop, width)]
        lines += [*wrap(say(title, Style.RISK), width), *rows, BLANK] if stops else []
    return lines


def _stop_title(stop: Mapping[str, Any]) -> str:
    title = _TITLES.get(stop.get("exit", 0), _BLOCKED)
    return _UNSAFE if title == _TITLES[9] and stop["address"] is None else title


def _stop(stop: Mapping[str, Any], width: int) -> Lines:
    sign, margin = say("  x ", Style.RISK), say(" " * _INDENT)
    hint = hint_lines(stop["hint"], width=width, indent=_INDENT)
    if stop["address"] is None:
        return [*prose(stop["reason"], width=width, first=sign, hang=_INDENT), *hint]
    head = wrap(strong(escape.line(stop["address"])), width, first=sign, hang=_INDENT)
    return [*head, *prose(stop["reason"], width=width, first=margin, hang=_INDENT), *hint]


def _unmanaged(items: Sequence[Mapping[str, Any]], width: int) -> Lines:
    if not items:
        return []
    rows = [[escape.line(item[part], width // 2) for part in ("kind", "id", "name")] for item in items[:_UNMANAGED]]
    hidden = len(items) - len(rows)
    head = wrap(say("Unmanaged, left as it is (neither in the spec nor ours):"), width)
    return [*head, *columns(rows, width=width, indent=2), *more_lines(hidden, width=width), BLANK]


def _tests(tests: Sequence[Mapping[str, Any]], width: int) -> Lines:
    """What is sent when all is done, and changes nothing."""
    if not tests:
        return []
    calls = [f"{test['method']} /{'/'.join(part or '…' for part in test['path'])}" for test in tests]
    rows = [[escape.line(test["address"]), escape.line(call)] for test, call in zip(tests, calls, strict=True)]
    head = wrap(say("Afterwards a test event is sent to:"), width)
    return [*head, *columns(rows, width=width, indent=2), BLANK]


def _closing(document: Mapping[str, Any], nothing: str, width: int) -> Lines:
    told = document["summary"]
    if not document["steps"] and not document["blocked"]:
        return wrap(say(nothing, Style.GOOD), width)
    steps = [f"{told[word]} to {word}" for word in ("create", "update", "delete", "adopt")]
    steps += [f"{told[word]} to {word}" for word in ("move", "forget") if told[word]]
    beside = [f"{told[word]} {word}" for word in ("blocked", "unmanaged") if told[word]]
    lines = wrap(strong(f"Plan: {'; '.join([', '.join(steps), *beside])}."), width)
    return [*lines, *_cost(document["cost"], width)]


def _no_changes(resources: int | None, only: Sequence[str]) -> str:
    if only:
        names = escape.line(", ".join(only))
        return f"No changes: {names} {'is as the spec wants it' if len(only) == 1 else 'are as the spec wants them'}."
    if resources is None:
        return "No changes: everything is as the spec wants it."
    if resources == 1:
        return "No changes: 1 resource is as the spec wants it."
    return f"No changes: {count(resources, 'resource')} are as the spec wants them."


def _cost(cost: Mapping[str, Any], width: int) -> Lines:
    used, limit, day = cost["numbers_used"], cost["numbers_limit"], cost.get("prices_as_of")
    beside = [] if used is None or limit is None else [f"{used} of {limit} numbers used"]
    beside += [f"prices as of {escape.line(day)}"] if day else []
    if not beside and cost["monthly_delta"] == "0.00":
        return []
    said = say(f"Cost: {priced(cost['monthly_delta'], cost['currency'], len(cost.get('unpriced', ())))}")
    return wrap((*said, *quiet(f" ({'; '.join(beside)})" if beside else ""), *say(".")), width)


def _approvals(number: int, hint: str | None, signatures: int, width: int) -> Lines:
    if not number:
        return []
    wants = "1 step wants an approval of its own" if number == 1 else f"{number:,} steps want an approval of their own"
    wants += f", with {count(signatures, 'signature')}" if signatures else ""
    return prose(f"{wants}: {hint}" if hint else f"{wants}.", width=width)
