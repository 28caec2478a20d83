"""What is said of a clone before anything else: what it will cost, and what it wants to be given."""

from __future__ import annotations

from collections.abc import Sequence

from apreconcile.core.cloning import Bill

from .layout import count, priced


def head(source: str, to: str, bill: Bill, *, given: Sequence[str], read: Sequence[str]) -> list[str]:
    """The lines at the head of a clone, the bill first. `given` are its variables, `read` those of the environment."""
    said = "It buys no number."
    if bill.numbers:
        cost = priced(str(bill.monthly), "USD", bill.unknown)
        said = f"It buys {count(bill.numbers, 'number')}: {cost} (prices as of {bill.as_of}), the first month at once."
    return [
        f"A clone of {source} for {to}. {said}",
        *([f"Give when it is planned: {' '.join(f'--var {name}=+1…' for name in given)}"] if given else []),
        *([f"Set in the environment before: {', '.join(read)}"] if read else []),
    ]
