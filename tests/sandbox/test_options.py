from __future__ import annotations

from dataclasses import FrozenInstanceError
from decimal import Decimal

import pytest

from apreconcile.sandbox import Options


def test_the_defaults_are_the_documented_ones():
    options = Options(db="x.db")
    assert (options.profile, options.number_limit, options.balance, options.keys) == ("2026", 10, 100, ())
    assert (options.null_handling, options.shape, options.strict_sub_accounts) == ("clear", "envelope", False)
    assert (options.balance_status, options.held_number, options.omitted) == (402, "move", "reset")
    assert Options(db="x.db", profile="2025").shape == "detail"
    assert Options(db="x.db", profile="2025", error_shape="flat").shape == "flat"


@pytest.mark.parametrize(
    "switch",
    [
        {"profile": "2024"},
        {"null_handling": "maybe"},
        {"error_shape": "xml"},
        {"balance_status": 403},
        {"held_number": "share"},
        {"omitted": "forget"},
        {"number_limit": -1},
        {"balance": float("nan")},
        {"keys": ("",)},
    ],
)
def test_a_value_outside_is_refused(switch):
    with pytest.raises(ValueError, match=r"must|lets nobody"):
        Options(**{"db": "x.db", **switch})


@pytest.mark.parametrize(
    ("balance", "cents"), [(100, 10_000), (5.99, 599), (Decimal("2.995"), 300), (0, 0), (-1, -100)]
)
def test_the_balance_is_kept_in_cents(balance, cents):
    assert Options(db="x.db", balance=balance).balance_cents == cents


def test_options_do_not_change():
    options = Options(db="x.db")
    with pytest.raises(FrozenInstanceError):
        options.db = "y.db"
