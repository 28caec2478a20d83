"""What of a saved plan is not taken reads at 80 columns, whatever stands in the file."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from apreconcile.core.address import Address
from apreconcile.core.agreement import ALREADY, Agreement
from apreconcile.core.outcome import Outcome, Word
from apreconcile.show.agreement import agreement_lines
from apreconcile.show.screen import plain


@dataclass
class Left:
    """A step that is left for another run."""

    action: str
    address: Address


def outcome(address, action, word, **more):
    return Outcome(Address(*address.split(".")), action, word, **more)


def agreement(*outcomes):
    words = {(str(one.address), one.action): one for one in outcomes}
    return Agreement("ab" * 32, tuple(words), frozenset(), words)


EVERYTHING = agreement(
    outcome("agent.triage", "update", Word.STALE, error='name: planned "Triage" -> "Night", the account now has "Day" and more of it'),
    outcome("number.main", "create", Word.SKIPPED, because="agent.triage"),
    outcome("webhook.w", "create", Word.SKIPPED, because="number.main"),
    outcome("agent.a", "adopt", Word.DONE, because=ALREADY),
    outcome("agent.odd", "approved\x1b[2J\u202e", Word.STALE, error='this version does not know "\x1b]0;x\x07"\napproved'),
)  # fmt: skip
LEFT = [Left("create", Address("agent", f"a{n}")) for n in range(12)]


def test_all_that_is_not_taken_is_said(golden):
    golden("agreement", agreement_lines(EVERYTHING, LEFT, width=80))


def test_where_all_is_taken_there_is_nothing_to_say():
    assert agreement_lines(agreement(), [], width=80) == []


@pytest.mark.parametrize("width", [40, 80, 120])
def test_it_fits_and_does_nothing(width):
    screen = plain(agreement_lines(EVERYTHING, LEFT, width=width))
    assert max(map(len, screen.splitlines())) <= width
    assert not set("\x1b\x07\u202e") & set(screen)
    assert not any(line.startswith("approved") for line in screen.splitlines())
