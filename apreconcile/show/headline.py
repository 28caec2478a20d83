"""What is said of a plan as a whole, and of a step in a word: harmless sentences, shown by every format its own way."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apreconcile.core.planfile import name_of

from . import escape
from .layout import count, priced
from .screen import WIDTH

RISKS = {
    "irreversible": "IRREVERSIBLE: this cannot be taken back",
    "spends": "SPENDS MONEY",
    "rotates-secret": "ROTATES THE SIGNING SECRET: the receiver must learn the new one",
    "unprotects": "LIFTS THE PROTECTION: it can be deleted afterwards",
    "reroutes": "REROUTES what is live: calls or events go elsewhere",
}
UNSAFE = "Not safe: apply writes nothing until this is settled:"
_TITLES = {9: "Not safe to go on with:", 6: "Outcome unknown: nothing is bought until it is settled:"}
BLOCKED = "Blocked:"
DESTROYS = "All that the state has is to go."
APPROVE = "apreconcile apply --approve TOKEN"


@dataclass(frozen=True, slots=True)
class Run:
    """What a plan's document does not say of the run that shows it.

    `hint` is the command that approves a step, TOKEN standing for its token; `resources` is how many the spec has;
    `approved` are the tokens that were given, `only` the addresses that alone were asked for. `signatures` is how many
    an approval takes, 0 where a token is enough.
    """

    hint: str = APPROVE
    resources: int | None = None
    approved: Collection[str] = ()
    only: Sequence[str] = ()
    signatures: int = 0


RUN = Run()
"""A run of which nothing is known."""


def name(document: Mapping[str, Any]) -> str:
    """Project and environment: `acme-support/default`."""
    return escape.line(f"{document['project']}/{document['environment']}")


def place(document: Mapping[str, Any]) -> str:
    """The account: `at api.agentphone.ai, sub-account acct_1`."""
    scope = document["scope"]
    host = "on this machine" if scope["host"] == "loopback" else f"at {escape.line(scope['host'])}"
    return f"{host}, sub-account {escape.line(scope['sub_account'])}" if scope["sub_account"] else host


def asking(document: Mapping[str, Any], approved: Collection[str] = ()) -> list[Mapping[str, Any]]:
    """The steps that want an approval which neither the policy nor a given token is."""
    waiting = (step for step in document["steps"] if step["token"] and not step.get("permit"))
    return [step for step in waiting if step["token"] not in approved]


def gravest_first(document: Mapping[str, Any], waiting: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The steps, those that wait for an approval first, then those with a risk."""
    asking = {id(step) for step in waiting}
    return sorted(document["steps"], key=lambda step: (id(step) not in asking, not step["risks"]))


def withholding(steps: Sequence[Mapping[str, Any]]) -> set[str]:
    """The addresses of these steps that what comes after them waits for."""
    return {step["address"] for step in steps if not protects(step)}


def waits(step: Mapping[str, Any], held: Collection[str]) -> list[str]:
    """What a step waits for, a sentence each."""
    before = [other for other in step["after"] if other in held and other != step["address"]]
    return [f"waits for {other}, which wants an approval" for other in before]


def protects(step: Mapping[str, Any]) -> bool:
    """Whether it changes a protection, and nothing else waits for it."""
    return name_of(dict(step))[1] == "protect"


def verb(step: Mapping[str, Any]) -> str:
    """The word of its approval, if that says more than its action: `buy`, `release`, `rotate`, `protect`."""
    said = (step["token"] or "").partition(":")[0] or ("protect" if protects(step) else "")
    return "" if said == step["action"] else escape.line(said)


def risks(step: Mapping[str, Any]) -> list[str]:
    """The risks of a step, the gravest first; what nobody knows before all."""
    return sorted(step["risks"], key=lambda risk: (list(RISKS).index(risk) if risk in RISKS else -1, risk))


def risk_words(risk: str) -> str:
    """A risk in words; one that this version does not know counts as irreversible."""
    return RISKS.get(risk) or f"UNKNOWN RISK {escape.line(risk, WIDTH)}: take it as irreversible"


def in_the_way(blocked: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """What stands in the way under its titles, the gravest first."""
    titles = (UNSAFE, *_TITLES.values(), BLOCKED)
    found = [(title, [stop for stop in blocked if _stop_title(stop) == title]) for title in titles]
    return [(title, stops) for title, stops in found if stops]


def stops_all(document: Mapping[str, Any]) -> bool:
    """Whether something in the way makes every approval useless for now."""
    return any(_stop_title(stop) in {UNSAFE, _TITLES[6]} for stop in document["blocked"])


def _stop_title(stop: Mapping[str, Any]) -> str:
    title = _TITLES.get(stop.get("exit", 0), BLOCKED)
    return UNSAFE if title == _TITLES[9] and stop["address"] is None else title


def test_calls(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is sent when all is done, and changes nothing: an address and its call."""
    tests = document.get("tests", ())
    calls = [f"{test['method']} /{'/'.join(part or '…' for part in test['path'])}" for test in tests]
    return [(escape.line(test["address"]), escape.line(call)) for test, call in zip(tests, calls, strict=True)]


def counts(document: Mapping[str, Any]) -> str:
    """`2 to create, 0 to update, …; 1 blocked; 2 unmanaged`."""
    told = document["summary"]
    steps = [f"{told[word]} to {word}" for word in ("create", "update", "delete", "adopt")]
    steps += [f"{told[word]} to {word}" for word in ("move", "forget") if told[word]]
    return "; ".join([", ".join(steps), *(f"{told[word]} {word}" for word in ("blocked", "unmanaged") if told[word])])


def changes_nothing(document: Mapping[str, Any]) -> bool:
    """Whether there is nothing to do, and nothing in the way."""
    return not document["steps"] and not document["blocked"]


def no_changes(document: Mapping[str, Any], run: Run) -> str:
    """What an empty plan says, of what was asked for or of all that the spec has."""
    if document.get("destroy") and not run.only:
        return "Nothing to destroy: the state has nothing."
    subject, several = all_of(run)
    return f"No changes: {subject} {'are as the spec wants them' if several else 'is as the spec wants it'}."


def all_of(run: Run) -> tuple[str, bool]:
    """What a run is about, as a sentence begins with it, and whether it is several."""
    if run.only:
        return escape.line(", ".join(run.only)), len(run.only) > 1
    if run.resources is None:
        return "everything", False
    return count(run.resources, "resource"), run.resources != 1


def cost(document: Mapping[str, Any]) -> tuple[str, str]:
    """What changes a month, and what is known beside it; nothing where there is nothing to tell."""
    told = document["cost"]
    used, limit, day = told["numbers_used"], told["numbers_limit"], told.get("prices_as_of")
    beside = [] if used is None or limit is None else [f"{used} of {limit} numbers used"]
    beside += [f"prices as of {escape.line(day)}"] if day else []
    if not beside and told["monthly_delta"] == "0.00":
        return "", ""
    return priced(told["monthly_delta"], told["currency"], len(told.get("unpriced", ()))), "; ".join(beside)


def wanting(number: int, signatures: int = 0) -> str:
    """`2 steps want an approval of their own, with 1 signature`."""
    wants = "1 step wants an approval of its own" if number == 1 else f"{number:,} steps want an approval of their own"
    return wants + (f", with {count(signatures, 'signature')}" if signatures else "")


def approving(step: Mapping[str, Any], hint: str) -> str:
    """The command that approves a step: a hint such as `apreconcile apply --approve TOKEN`, with its token."""
    before, _, after = hint.rpartition("TOKEN")
    return f"{before}{step['token']}{after}"


def made_by(document: Mapping[str, Any]) -> str:
    """Who saved a plan, until when it holds, and its digest."""
    return escape.line(f"Saved by {document['tool']}, expires {document['expires']}, digest {document['digest']}")
