"""What becomes of a field, where there are tables: a cell, or rows."""

import pytest

from apreconcile.show.diff import Row
from apreconcile.show.values import Value, value


def diff(before, after, **more):
    return {"field": "f", "before": before, "after": after, **more}


@pytest.mark.parametrize(
    ("told", "new", "shown"),
    [
        (diff(None, "hosted"), True, Value("f", None, "hosted")),
        (diff(None, None), True, Value("f", None, "(not set)")),
        (diff(None, "x" * 120), True, Value("f", None, "x" * 120)),
        (diff(None, "a\nb"), True, Value("f", rows=(Row("+", (("+", "a"),)), Row("+", (("+", "b"),))))),
        (diff(None, {"name": "a"}), True, Value("f", rows=(Row("+", (("+", "name: a"),)),))),
        (diff(1.0, 1.25), False, Value("f", "1.0", "1.25")),
        (diff("+14155550100", None), False, Value("f", "+14155550100", "(not set)")),
        (diff("(secret)", "(secret)", secret=True), False, Value("f", "(secret)", "(secret), changes")),
        (diff(None, {"name": "a"}), False, Value("f", rows=(Row("+", (("+", "name: a"),)),))),
        (diff({"name": "a"}, "b"), False, Value("f", rows=(Row("-", (("-", "name: a"),)), Row("+", (("+", "b"),))))),
        (diff("a\nb", ""), False, Value("f", rows=(Row("-", (("-", "a"),)), Row("-", (("-", "b"),))))),
    ],
)  # fmt: skip
def test_short_values_are_cells_and_long_ones_rows(told, new, shown):
    assert value(told, new=new) == shown


def test_what_is_left_out_is_counted():
    long = "\n".join(f"line {n}" for n in range(100))
    born = value(diff(None, long), new=True)
    assert (len(born.rows), born.more) == (60, "… 100 lines, 789 characters in all")
    assert value(diff(None, list(range(100))), new=True).more == "… 100 lines in all"
    changed = value(diff("\n".join(map(str, range(300))), "\n".join("abc" for _ in range(300))), new=False)
    assert (len(changed.rows), changed.more) == (200, "… and so on: 600 lines in all; the JSON has them")
