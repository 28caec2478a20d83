import pytest
from hypothesis import given
from hypothesis import strategies as st

from apreconcile.show.layout import columns
from apreconcile.show.screen import Span, Style, cells, pad, plain, quiet, say, strong, wrap


def rows(lines):
    return plain(lines).splitlines()


@pytest.mark.parametrize(("text", "wide"), [("", 0), ("abc", 3), ("é", 1), ("e\u0301", 1), ("東京", 4), ("👍", 2)])
def test_a_text_is_as_wide_as_it_is_drawn(text, wide):
    assert cells(text) == wide
    assert cells(pad(text, 6)) == 6


def test_lines_break_at_spaces_and_hang():
    lines = wrap(say("one two three four five"), 12, first=say("- "), hang=2)
    assert rows(lines) == ["- one two", "  three four", "  five"]


def test_what_fits_stays_on_its_line():
    assert rows(wrap(say("one two"), 7)) == ["one two"]


def test_a_word_that_is_too_wide_is_cut():
    assert rows(wrap(say("abcdefghijklmnopqrst"), 12, first=say("> "), hang=2)) == ["> abcdefghij", "  klmnopqrst"]
    assert rows(wrap(say("東京東京東"), 8)) == ["東京東京", "東"]


def test_the_first_word_goes_below_a_first_part_that_leaves_no_room():
    assert rows(wrap(say("abcdefgh"), 12, first=say("a longer "), hang=2)) == ["a longer", "  abcdefgh"]


def test_what_is_to_be_copied_is_never_broken():
    command = Span(Style.COPY, "apreconcile apply --approve TOKEN")
    assert rows(wrap((*say("run "), command, *say(" now")), 20, hang=2)) == [
        "run",
        "  apreconcile apply --approve TOKEN",
        "  now",
    ]


def test_a_word_of_several_styles_stays_together():
    line = (*say("plain "), *strong("bo"), *quiet("ld"))
    assert wrap(line, 8) == [say("plain"), (*say(""), *strong("bo"), *quiet("ld"))]


def test_an_empty_span_to_be_copied_lets_no_line_become_too_wide():
    wide = [*say("a東東aaaaa東"), Span(Style.COPY, "")]
    assert max(cells(row) for row in rows(wrap(wide, 12, first=say(">"), hang=1))) <= 12


def test_leading_spaces_stay_and_trailing_ones_go():
    assert rows(wrap(say("   code  "), 20)) == ["   code"]
    assert rows(wrap(say(" "), 20, first=say("  "))) == [""]
    assert wrap((), 20) == [()]


def test_a_gap_that_no_line_has_room_for_is_cut_like_a_word():
    assert rows(wrap(say("a" + " " * 100 + "b"), 60))[-1].endswith("b")


spans = st.lists(
    st.tuples(st.sampled_from([Style.PLAIN, Style.BAD, Style.COPY]), st.text("ab 東é", max_size=70)).map(
        lambda pair: Span(*pair)
    )
)


@given(spans, st.integers(12, 60), st.integers(0, 4), st.text("> ", max_size=4))
def test_no_line_is_too_wide_and_no_word_is_lost(line, width, hang, first):
    lines = wrap(line, width, first=say(first), hang=hang)
    assert "".join(plain(lines).split()) == "".join((first + "".join(span.text for span in line)).split())
    for made in lines:
        assert cells("".join(span.text for span in made)) <= width or any(span.style is Style.COPY for span in made)


def test_columns_that_leave_little_room_become_sentences():
    told = [["delete", "agent." + "a" * 39, "'Night' is gone for ever; its calls, messages and conversations stay"]]
    first, *others = rows(columns(told, width=80, indent=2))
    assert first.startswith(f"  delete  agent.{'a' * 39}  'Night' is gone")
    assert [line[:5] for line in others] == ["    e"]
    short = rows(columns([[*told[0][:2], "held"], ["buy", "number.n", "held"]], width=80, indent=2))
    assert len({line.index("held") for line in short}) == 1
