"""What is written as YAML reads back as the same, in this program and in any other reader."""

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from apreconcile.core.spec.source import read
from apreconcile.core.writing import Variables, spec_text

TRICKY = [
    "", " ", "no", "on", "Yes", "null", "~", "1", "1.5", "0415", "1e3", ".5", "0x1F", "0o7", "1_000", "12:30:45", "2026-01-01", "=", "<<", "!", "&a", "*a",
    "@x", "`x`", "%x", "a: b", "a #b", "#a", "- a", "-", "?", "? a", ": a", "[a]", "{a}", "'", '"', "\\", "a\\nb", "a\nb", "a\n", "\na", "a\n\n", "\n",
    " a\nb", "a \nb", "a\n b", "\ta\nb", "a\tb", "a\r\nb", "a\rb", "\x00", "\x07", "\x1b[31m", "\x7f", "\x85", "\u2028", "\u2029", "\ufeff", "\ufffe",
    "\u202e", "\U0001f642", "\U0001f642\nb", "ü", "a\u00a0b", "---", "---\na", "...", "a\n---\nb", "${x}", "$${x}", "|", ">", "x" * 300, "x " * 300 + "\ny",
    "true", "True", "y", "N", "off", "NaN", ".nan", ".inf", "key: |\n  x", "a:", "a: ", "\u3000", "\u3000\nb", "tab\t\nx", "\x0b", "\xad",
]  # fmt: skip


def back(text):
    return yaml.safe_load(spec_text({"text": text}))["text"]


@pytest.mark.parametrize("text", TRICKY)
def test_every_text_reads_back_as_itself(text):
    assert back(text) == text


@pytest.mark.parametrize("text", [one for one in TRICKY if "\x00" not in one])
def test_our_own_reader_reads_it_so_too(text):
    root = read("it.yaml", spec_text({"text": text}).encode())
    assert "text" in repr(root)


TURNING = [*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))]


@pytest.mark.parametrize("sign", TURNING, ids=lambda sign: hex(ord(sign)))
def test_what_turns_a_line_is_written_as_an_escape(sign):
    for text in (f"a{sign}b", f"first\n{sign}b\\", f"\\{sign}"):
        written = spec_text({text: text, "list": [text]})
        assert written.count(f"\\u{ord(sign):04x}") == 3
        assert sign not in written
        assert yaml.safe_load(written) == {text: text, "list": [text]}


@settings(max_examples=200, derandomize=True, database=None, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
@example("\x85\n\u2028")
def test_any_text_reads_back_as_itself(text):
    assert back(text) == text


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc-_ :#", max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, derandomize=True, database=None, deadline=None)
@given(st.dictionaries(st.sampled_from(["version", "project", "agents", "numbers"]), VALUES, min_size=1))
def test_any_document_reads_back_as_itself(document):
    assert yaml.safe_load(spec_text(document)) == document


def test_no_line_is_folded_and_nothing_is_an_alias():
    shared = {"a": "word " * 100}
    text = spec_text({"agents": {"one": shared, "two": shared}})
    assert "&" not in text
    assert "*" not in text
    assert len([line for line in text.splitlines() if "word word" in line]) == 2


def test_parts_are_parted_by_an_empty_line_and_small_ones_come_first():
    text = spec_text(
        {"version": 1, "project": "acme", "agents": {"a": {"name": "A"}}, "numbers": {"main": {"country": "US"}}}
    )
    assert text == "version: 1\nproject: acme\n\nagents:\n  a:\n    name: A\n\nnumbers:\n  main:\n    country: US\n"


def test_a_text_of_several_lines_is_a_block():
    assert spec_text({"agents": {"a": {"systemPrompt": "Be kind.\nBe brief.\n"}}}).count("Be brief.\n") == 1
    assert "|" in spec_text({"agents": {"a": {"systemPrompt": "Be kind.\nBe brief.\n"}}})


@pytest.mark.parametrize(("words", "name"), [
    (("github", "api", "Token"), "_GITHUB_API_TOKEN"), (("agentphone", "base", "url"), "AGENTPHONE_BASE_URL_2"),
    (("agentphone", "sub", "account"), "AGENTPHONE_SUB_ACCOUNT_2"), (("githubber", "x"), "GITHUBBER_X"),
    (("24-7", "x"), "_24_7_X"),
])  # fmt: skip
def test_no_variable_is_one_of_the_program_or_one_that_github_refuses(words, name):
    assert Variables([]).variable(*words) == f"${{env.{name}}}"
