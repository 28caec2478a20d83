import pytest

from apreconcile.show.fields import field_lines
from apreconcile.show.screen import plain


def rows(*fields, new=False):
    listed = [{"field": name, "before": before, "after": after, **more} for name, before, after, more in fields]
    return plain(field_lines(listed, new=new, width=60, indent=2)).splitlines()


def born(value, **more):
    return rows(("field", None, value, more), new=True)


def changed(before, after, **more):
    return rows(("field", before, after, more))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Support Bot", "Support Bot"),
        ("agent.support", "agent.support"),
        ("+14155550100", "+14155550100"),
        ("https://hooks.acme.dev/events?x=1", "https://hooks.acme.dev/events?x=1"),
        ("Hi there! How can I help?", "Hi there! How can I help?"),
        ("東京サポート", "東京サポート"),
        ("415", '"415"'),
        ("true", '"true"'),
        ("No", '"No"'),
        ("null", '"null"'),
        ("-1.5e3", '"-1.5e3"'),
        ("", '""'),
        (" edge ", '" edge "'),
        ("(secret)", '"(secret)"'),
        ("(not set)", '"(not set)"'),
        ("a → b", '"a → b"'),
        ('say "hi"', r'"say \"hi\""'),
        ("back\\slash", r'"back\\slash"'),
        ("\x1b[0m", r'"\x1b[0m"'),
        (True, "true"),
        (10, "10"),
        (1.25, "1.25"),
        (None, "(not set)"),
        ([], "[]"),
        ({}, "{}"),
    ],
)
def test_a_value_is_written_as_in_yaml_and_never_mistaken(value, shown):
    assert born(value) == [f"  field  {shown}"]


def test_names_are_aligned():
    assert rows(("name", None, "A", {}), ("voiceMode", None, "hosted", {}), new=True) == [
        "  name       A",
        "  voiceMode  hosted",
    ]


def test_a_long_name_stands_above_its_value():
    name = "customTools[lookup].parameters.properties.x"
    assert rows((name, 1, 2, {}), ("voice", "a", "b", {})) == [f"  {name}", "      1 → 2", "  voice  a → b"]
    assert rows((name, "x" * 30, "y" * 30, {})) == [f"  {name}", f"      {'x' * 30}", f"    → {'y' * 30}"]


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("Polly.Amy", "Polly.Joanna", "Polly.Amy → Polly.Joanna"),
        (None, "x", "(not set) → x"),
        ("x", None, "x → (not set)"),
        ("1", 1, '"1" → 1'),
        (True, False, "true → false"),
        ("", None, '"" → (not set)'),
    ],
)
def test_a_short_change_is_an_arrow(before, after, shown):
    assert changed(before, after) == [f"  field  {shown}"]


def test_a_secret_is_said_to_change_and_not_shown():
    assert changed("(secret)", "(secret)", secret=True) == ["  field  (secret), changes"]
    assert changed(None, "(secret)", secret=True) == ["  field  (not set) → (secret)"]
    assert born("(secret)", secret=True) == ["  field  (secret)"]


def test_what_only_says_that_it_is_secret_is_a_text():
    assert changed("(secret)", "(secret)") == ['  field  "(secret)" → "(secret)"']


def test_long_values_without_words_stand_below_each_other():
    assert changed("https://a.example/" + "a" * 40, "https://b.example/" + "b" * 40) == [
        f"  field  https://a.example/{'a' * 33}",
        f"         {'a' * 7}",
        f"       → https://b.example/{'b' * 33}",
        f"         {'b' * 7}",
    ]


def test_a_long_sentence_is_compared_word_by_word():
    assert changed("Hi there! How can I help you on this day?", "Hi there! How may I help you on this day?") == [
        "  field",
        "    ~ Hi there! How [-can-]{+may+} I help you on this day?",
    ]


def test_a_text_that_comes_or_goes_is_shown_whole():
    assert changed("one\ntwo", None) == ["  field", "    - one", "    - two", "    → (not set)"]
    assert changed("one\ntwo", "") == ["  field", "    - one", "    - two", '    → ""']
    assert changed("", "one\ntwo") == ["  field", "    + one", "    + two"]
    assert changed(7, "one\ntwo") == ["  field", "    - 7", "    + one", "    + two"]


def test_a_new_text_shows_its_beginning():
    assert born("one\ntwo") == ["  field", "    one", "    two"]
    assert born("\n".join("abcdef")) == [
        "  field",
        "    a",
        "    b",
        "    c",
        "    d",
        "    … 6 lines, 11 characters in all",
    ]
    assert born("word " * 100) == [
        "  field",
        *["    word word word word word word word word word word word"] * 4,
        "    … 500 characters in all",
    ]


def test_nested_values_are_an_outline():
    tool = {
        "url": "https://x.example",
        "name": "lookup",
        "headers": {"A": "(secret)"},
        "tags": ["a", ["b"]],
        "none": {},
    }
    assert born([tool], secret=True) == [
        "  field",
        "    - name: lookup",
        "      headers:",
        "        A: (secret)",
        "      none: {}",
        "      tags:",
        "        - a",
        "        - - b",
        "      url: https://x.example",
    ]


def test_a_long_outline_is_cut():
    assert len(born(list(range(13)))) == 14
    assert born(list(range(14)))[-2:] == ["    - 11", "    … 14 rows in all"]


def test_a_deep_outline_stays_on_the_screen():
    value = "deep"
    for _ in range(100):
        value = {"a": value}
    for shown in (born(value), changed(None, value)):
        assert max(map(len, shown)) <= 60
    value = "deep"
    for _ in range(100):
        value = [value]
    assert max(map(len, born(value))) <= 60
