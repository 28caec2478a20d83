from difflib import SequenceMatcher

from hypothesis import given
from hypothesis import strategies as st

from apreconcile.show.diff import ROWS, difference, text_diff
from apreconcile.show.screen import plain


def rows(before, after, *, width=60):
    return plain(text_diff(before.split("\n"), after.split("\n"), width=width, indent=0)).splitlines()


def test_changed_words_are_marked_within_their_line():
    assert rows("Be kind and brief.", "Be kind and very brief!") == ["~ Be kind and {+very +}brief[-.-]{+!+}"]


def test_a_phrase_is_not_torn():
    assert rows("I say red green here now.", "I say blue violet here now.") == [
        "~ I say [-red green-]{+blue violet+} here now."
    ]


def test_lines_that_are_not_alike_are_removed_and_added():
    assert rows("Good morning.", "Press one for sales") == ["- Good morning.", "+ Press one for sales"]


def test_what_is_the_same_is_folded_away_but_for_its_edges():
    same = [f"rule {n}" for n in range(20)]
    assert rows("\n".join([*same, "old thing", *same, "x"]), "\n".join([*same, "new thing", *same, "y"])) == [
        "… 19 lines unchanged",
        "  rule 19",
        "~ [-old-]{+new+} thing",
        "  rule 0",
        "… 18 lines unchanged",
        "  rule 19",
        "- x",
        "+ y",
    ]


def test_a_single_line_is_not_worth_folding():
    assert rows("a\nb\nthe old one", "a\nb\nthe new one") == ["  a", "  b", "~ the [-old-]{+new+} one"]
    assert rows("a\nb\nc\nthe old one", "a\nb\nc\nthe new one") == [
        "… 2 lines unchanged",
        "  c",
        "~ the [-old-]{+new+} one",
    ]


def test_a_new_line_beside_a_changed_one():
    assert rows("the first rule", "something else\nthe first big rule\nmore") == [
        "+ something else",
        "~ the first {+big +}rule",
        "+ more",
    ]


def test_unchanged_words_of_a_long_line_are_folded():
    words = " ".join(f"word{n}" for n in range(30))
    assert rows(f"{words} old {words} a {words}", f"{words} new {words} b {words}", width=200) == [
        "~ … word27 word28 word29 [-old-]{+new+} word0 word1 word2 … word27 word28 word29 [-a-]{+b+} word0 word1 word2 …"
    ]


def test_a_long_run_without_a_space_is_folded_too():
    run = "x" * 80
    assert rows(f"{run} a", f"{run} b", width=200) == [f"~ … {'x' * 23} [-a-]{{+b+}}"]
    assert rows(f"a {run}-{run}", f"b {run}-{run}", width=200) == [f"~ [-a-]{{+b+}} {'x' * 23} …"]


def test_a_text_that_holds_such_marks_is_not_marked():
    assert rows("say [-no-] now", "say [-yes-] now") == ["- say [-no-] now", "+ say [-yes-] now"]


def test_what_looks_alike_and_is_not_shows_as_changed():
    assert rows("here is \\x1b now", "here is \x1b now") == [r"~ here is [-\x1b-]{+\x1b+} now"]


def test_equal_texts_have_no_difference():
    assert rows("a\nb\nc", "a\nb\nc") == ["… 3 lines unchanged"]
    assert text_diff([], [], width=60, indent=0) == []


def test_a_long_difference_stops_and_says_so():
    shown = rows("\n".join(f"old {n} x" for n in range(500)), "\n".join(f"{n} ... y" for n in range(500)))
    assert len(shown) == ROWS + 1
    assert shown[-1] == "… and so on: 1,000 lines in all; --format json has them"


def test_more_lines_than_can_be_compared_are_a_change_as_a_whole():
    old = [f"a{n} rule" for n in range(1500)]
    shown = text_diff(["top", *old, "end"], ["top", *reversed(old), "end"], width=60, indent=0)
    assert plain(shown).startswith("  top\n- a0 rule\n- a1 rule\n")


words = st.lists(st.sampled_from(["one", "two", "three", "-", "  ", "\x1b", "東京"]), max_size=8).map(" ".join)
texts = st.lists(words, max_size=8)


@given(texts, texts)
def test_both_texts_can_be_read_off_their_difference(before, after):
    old, new = [], []
    for row in plain(text_diff(before, after, width=10_000, indent=0)).splitlines():
        sign, said = row[:1], row[2:]
        if sign in {"-", " ", "~", ""}:
            old.append(read(said, "[-", "-]", "{+", "+}"))
        if sign in {"+", " ", "~", ""}:
            new.append(read(said, "{+", "+}", "[-", "-]"))
        if sign == "…":
            return
    assert old == [shown(line) for line in before]
    assert new == [shown(line) for line in after]


def shown(line):
    return line.replace("\x1b", "\\x1b").rstrip()


def read(row, opens, closes, gone_opens, gone_closes):
    while gone_opens in row:
        head, _, rest = row.partition(gone_opens)
        row = head + rest.partition(gone_closes)[2]
    return row.replace(opens, "").replace(closes, "").rstrip()


def test_lines_that_share_few_words_are_not_compared_word_by_word(monkeypatch):
    """A prompt that was written anew costs a look at each pair of lines, and no more: a plan can have a thousand."""
    compared = []

    class Counted(SequenceMatcher):
        def __init__(self, junk, old, new):
            compared.append((old, new))
            super().__init__(junk, old, new)

    monkeypatch.setattr("apreconcile.show.diff.SequenceMatcher", Counted)
    old, new = ([f"{word} {n} of the {word}s" for n in range(40)] for word in ("rule", "chapter"))
    assert len(difference(old, new, context=3, most=200)[0]) == 80
    assert len(compared) == 1, "the two texts, line by line"
    difference([*old[:3], "Be kind and brief."], [*new[:3], "Be kind and very brief!"], context=3, most=200)
    assert len(compared) == 3
