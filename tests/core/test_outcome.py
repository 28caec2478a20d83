"""The exit code is the first of 6 7 8 9 1 5 4 3 130 that holds."""

import inspect
import itertools

import pytest

from apreconcile.core.address import Address
from apreconcile.core.change import Blocked
from apreconcile.core.outcome import Arrival, Outcome, Verified, Word, exit_code
from apreconcile.core.plan import Plan, Scope

A = Address("agent", "a")
ORDER = [6, 7, 8, 9, 1, 5, 4, 3, 130]


def plan(*, blocked=(), unsafe=(), unsettled=()):
    return Plan(
        "acme", "default", Scope("h"), (), blocked, (), (), None, "0", 1, "", 0, unsafe=unsafe, unsettled=unsettled
    )


def end(words=(), *, stops=(), **more):
    outcomes = [Outcome(A, "create", word, changed=word is Word.DONE) for word in words]
    made = plan(
        blocked=tuple(Blocked(A, "r", "h", code) for code in stops if code != 6),
        unsettled=tuple(Blocked(A, "r", "h", code) for code in stops if code == 6),
        unsafe=more.pop("unsafe", ()),
    )
    known = {name: value for name, value in more.items() if name in inspect.signature(exit_code).parameters}
    return exit_code(made, outcomes, **known)


ALONE = {
    "nothing to do": (0, {}),
    "all done": (0, {"words": [Word.DONE], "converged": True}),
    "skipped for a person": (130, {"words": [Word.SKIPPED], "stopped": True}),
    "unknown": (6, {"words": [Word.UNKNOWN]}),
    "an open intent": (6, {"stops": [6]}),
    "done and failed": (7, {"words": [Word.DONE, Word.FAILED]}),
    "done and not converged": (7, {"words": [Word.DONE], "converged": False}),
    "done and not saved": (7, {"words": [Word.DONE], "unsaved": True}),
    "failed": (1, {"words": [Word.FAILED]}),
    "a test event that failed": (1, {"verified": [Verified(A, Arrival.FAILED)]}),
    "a test event of which nothing is known": (1, {"verified": [Verified(A, Arrival.UNKNOWN)]}),
    "a test event that arrived": (0, {"verified": [Verified(A, Arrival.DELIVERED)]}),
    "conflict": (8, {"words": [Word.FAILED], "conflict": True}),
    "unsafe": (9, {"unsafe": (Blocked(None, "r", "h", 9),)}),
    "an unsafe address": (9, {"stops": [9]}),
    "blocked": (5, {"stops": [5]}),
    "stale": (4, {"words": [Word.STALE]}),
    "held": (3, {"words": [Word.HELD]}),
    "done and held": (3, {"words": [Word.DONE, Word.HELD], "converged": True}),
    "done and blocked": (5, {"words": [Word.DONE], "stops": [5], "converged": True}),
}


@pytest.mark.parametrize("case", ALONE)
def test_each_ending_has_its_code(case):
    code, how = ALONE[case]
    assert end(**how) == code


def merged(one, other):
    """Two endings at once."""
    return {
        "words": [*one.get("words", []), *other.get("words", [])],
        "stops": [*one.get("stops", []), *other.get("stops", [])],
        "verified": [*one.get("verified", []), *other.get("verified", [])],
        "unsafe": (*one.get("unsafe", ()), *other.get("unsafe", ())),
        "stopped": one.get("stopped", False) or other.get("stopped", False),
        "conflict": one.get("conflict", False) or other.get("conflict", False),
        "unsaved": one.get("unsaved", False) or other.get("unsaved", False),
        "converged": False if False in {one.get("converged"), other.get("converged")} else None,
    }


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(ALONE, 2)))
def test_of_two_endings_the_first_in_the_order_counts(one, other):
    (first, how), (second, too) = ALONE[one], ALONE[other]
    whole = merged(how, too)
    words = set(whole["words"])
    codes = {first, second} - {0}
    untested = any(event.arrival is not Arrival.DELIVERED for event in whole["verified"])
    if Word.DONE in words and (Word.FAILED in words or untested or whole["unsaved"] or whole["converged"] is False):
        codes.add(7)
    assert end(**whole) == next((code for code in ORDER if code in codes), 0)
