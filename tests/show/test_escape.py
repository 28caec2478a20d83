import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apreconcile.show import escape

anything = st.text(st.characters(exclude_categories=()))
ACTING = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("outside", "shown"),
    [
        ("Support Bot", "Support Bot"),
        ("Café für Ωμέγα 東京 שלום 👍", "Café für Ωμέγα 東京 שלום 👍"),
        ("日本語\u3000空白", "日本語\u3000空白"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x1b]8;;https://evil.example\x07text", r"\x1b]8;;https://evil.example\x07text"),
        ("\x9b2J", r"\x9b2J"),
        ("a\r\nb\tc\x00\x7f", r"a\r\nb\tc\x00\x7f"),
        ("gpj.\u202eexe", r"gpj.\u202eexe"),
        ("\u2066a\u2069\u200f", r"\u2066a\u2069\u200f"),
        ("zero\u200bwidth\u200djoin\u2060", r"zero\u200bwidth\u200djoin\u2060"),
        ("\ufeffBOM", r"\ufeffBOM"),
        ("line\u2028para\u2029", r"line\u2028para\u2029"),
        ("\x85next", r"\x85next"),
        ("\ud800 alone", r"\ud800 alone"),
        ("no\xa0break", r"no\xa0break"),
        ("\u3164\u115f\u2800\ufe00", r"\u3164\u115f\u2800\ufe00"),
        ("tag \U000e0041 and \U000e0100", r"tag \U000e0041 and \U000e0100"),
        ("private \ue000", r"private \ue000"),
        ("red heart ❤\ufe0f", "red heart ❤\ufe0f"),
        ("", ""),
    ],
)
def test_what_could_act_is_shown_as_what_it_is(outside, shown):
    assert escape.line(outside) == shown


@pytest.mark.parametrize(("limit", "shown"), [(None, "abcdef"), (7, "abcdef"), (6, "abcdef"), (5, "abcd…"), (1, "…")])
def test_a_limit_cuts_and_says_so(limit, shown):
    assert escape.line("abcdef", limit) == shown


def test_a_limit_counts_what_is_shown():
    assert escape.line("\x1b\x1b\x1b", 8) == r"\x1b\x1…"


@given(anything)
def test_nothing_that_acts_gets_through(text):
    shown = escape.line(text)
    assert not {unicodedata.category(char) for char in shown} & ACTING
    assert not re.search("[\u00a0\u2000-\u200a\u202f\u205f\u2800\u3164\u115f\u1160\uffa0]", shown)


@given(st.text(st.characters(exclude_categories=["C", "Z"])) | st.from_regex(r"[ -~]*", fullmatch=True))
def test_what_is_printable_stays(text):
    expected = "".join(char for char in text if escape.line(char) == char)
    assert escape.line(expected) == expected
    assert re.fullmatch(
        "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0d\uffa0\U000e0100-\U000e01ef]*",
        "".join(char for char in text if escape.line(char) != char),
    )


@given(anything)
def test_escaping_twice_is_escaping_once(text):
    assert escape.line(escape.line(text)) == escape.line(text)


@given(anything, st.integers(1, 20))
def test_a_limit_holds(text, limit):
    assert len(escape.line(text, limit)) <= limit
