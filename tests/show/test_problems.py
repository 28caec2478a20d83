"""A problem on the screen: its place, its line, a caret that points, a hint, and nothing that acts on a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apreconcile.core.errors import Problem
from apreconcile.show.problems import problem_lines
from apreconcile.show.screen import Span, Style, cells, plain

WIDE = "x" * 300


def screen(source, column, **more):
    return plain(
        problem_lines(Problem("agentphone.yaml", 12, column, "must be text", "number.n: areaCode", source, **more))
    )


def test_a_problem_is_told_whole():
    assert screen("  n: {areaCode: 415}", 17, hint='quote it: areaCode: "415"') == (
        "agentphone.yaml:12:17: number.n: areaCode: must be text\n"
        "    n: {areaCode: 415}\n"
        "                  ^\n"
        '    hint: quote it: areaCode: "415"\n'
    )


def test_a_problem_of_a_whole_file_has_no_line():
    assert plain(problem_lines(Problem("a.yaml", 0, 0, "the file is empty"))) == "a.yaml: the file is empty\n"


def test_a_line_that_may_not_be_shown_is_left_out():
    assert screen("", 5) == "agentphone.yaml:12:5: number.n: areaCode: must be text\n"


def test_the_place_and_the_caret_stand_out():
    lines = problem_lines(Problem("a.yaml", 1, 2, "no", "", " x"))
    assert lines[0][0] == Span(Style.STRONG, "a.yaml:1:2: ")
    assert lines[2][-1] == Span(Style.BAD, "^")


@pytest.mark.parametrize(
    ("source", "column", "shown", "under"),
    [
        ("a: b", 4, "a: b", "b"),
        ("    a: b", 8, "a: b", "b"),
        ("    a: b", 3, "  a: b", " "),
        ("\ta: b", 1, r"\ta: b", "\\"),
        ("\ta: b", 5, r"\ta: b", "b"),
        ("日本: x", 5, "日本: x", "x"),
        ("e\u0301\u0301: x", 6, "e\u0301\u0301: x", "x"),
        ("a: \x1b[31mb", 9, r"a: \x1b[31mb", "b"),
        ("\u202ea: b", 5, r"\u202ea: b", "b"),
        ("a:", 3, "a:", None),
        ("a:", 99, "a:", None),
        (f"{WIDE}y{WIDE}", 301, "…" + "x" * 37 + "y" + "x" * 36 + "…", "y"),
        (f"y{WIDE}", 1, "y" + "x" * 74 + "…", "y"),
        (f"{WIDE}y", 301, "…" + "x" * 74 + "y", "y"),
        (f"{WIDE}yz", 301, "…" + "x" * 73 + "yz", "y"),
        (f"{'日' * 300}y{'本' * 300}", 301, "…" + "日" * 18 + "y" + "本" * 18 + "…", "y"),
        (f"{'x' * 50}y{'z' * 50}", 51, "…" + "x" * 37 + "y" + "z" * 36 + "…", "y"),
        (f"{'x' * 70}yz", 71, "x" * 70 + "yz", "y"),
    ],
)
def test_the_caret_points_at_the_place(source, column, shown, under):
    _, line, caret = screen(source, column).splitlines()
    assert line.removeprefix("    ") == shown
    at = cells(caret) - 1
    assert caret.strip() == "^"
    pointed = [char for index, char in enumerate(line) if cells(line[:index]) == at and cells(char)]
    assert pointed[:1] == ([under] if under else [])


def test_what_comes_from_outside_is_harmless_everywhere():
    text = plain(problem_lines(Problem("a\x1b.yaml", 1, 1, "m\u202em", "s\x07s", "x\x1b]0;x", hint="h\x1bh\nnext")))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\u202e" not in text
    assert r"hint: h\x1bh\nnext" in text


def test_a_message_that_quotes_half_the_file_is_cut():
    assert len(plain(problem_lines(Problem("a.yaml", 1, 1, f"there is no field `{'x' * 10_000}`")))) < 500


@settings(deadline=None)
@given(st.text(max_size=120), st.integers(1, 140), st.integers(1, 100))
def test_no_line_is_wider_than_the_screen(source, column, width):
    source = source.replace("\n", "")
    lines = plain(problem_lines(Problem("a", 1, column, "m", source=source), width=width)).split("\n")
    assert lines[0] == f"a:1:{column}: m"
    for line in lines[1:]:
        assert cells(line) <= max(width, 8)
