"""YAML as people mean it: what a text says, where it says it, and what is refused."""

from __future__ import annotations

import tracemalloc

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from apreconcile.core.spec import source
from apreconcile.core.spec.source import Source, read
from apreconcile.core.spec.syntax import syntax_problem
from apreconcile.core.spec.tree import Array, Node, Scalar, Table, find, scalars, spell

LOADERS = pytest.mark.parametrize("loader", [yaml.SafeLoader, source.LOADER], ids=["python", "libyaml"])


def value(node: Node | None) -> object:
    if isinstance(node, Table):
        return {name: value(entry.node) for name, entry in node.entries.items()}
    return [value(item) for item in node.items] if isinstance(node, Array) else node and node.value


def said(found: Source) -> list[str]:
    return [f"{p.line}:{p.column} {p.message} | {p.hint}" for p in found.problems]


@LOADERS
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("on", "on"), ("No", "No"), ("yes", "yes"), ("off", "off"), ("y", "y"),
        ("true", True), ("True", True), ("TRUE", True), ("false", False), ("tRUE", "tRUE"),
        ("null", None), ("Null", None), ("NULL", None), ("~", None), ("", None), ("nil", "nil"),
        ("0", 0), ("-7", -7), ("+14155550100", 14155550100), ("0o17", 15), ("0x1F", 31),
        ("0415", "0415"), ("-012", "-012"), ("1_000", "1_000"), ("0b11", "0b11"), ("9" * 41, "9" * 41),
        ("1.5", 1.5), (".5", 0.5), ("-.5", -0.5), ("1.", 1.0), ("1e3", 1000.0), ("+1.5E-2", 0.015), ("00.5", "00.5"),
        ("e3", "e3"), (".", "."), ("-", [None]), ("+", "+"), ("1.2.3", "1.2.3"),
        ("12:30", "12:30"), ("190:20:30", "190:20:30"), ("2026-01-01", "2026-01-01"), ("2001-12-14t21:59:43Z", "2001-12-14t21:59:43Z"),
        ("'on'", "on"), ('"true"', "true"), ('"415"', "415"), ('"a\\tb\\u00e9"', "a\tbé"), ("'it''s'", "it's"),
        ("=", "="), ("<<", "<<"), ("|\n  a\n  b", "a\nb"), (">-\n  a\n  b", "a b"),
        ("[1, [two], {three: 3}]", [1, ["two"], {"three": 3}]), ("{}", {}), ("[]", []),
    ],
)  # fmt: skip
def test_a_value_means_what_yaml_1_2_says(text, expected, loader):
    found = read("f", f"key: {text}".encode() if text != "-" else b"key:\n-", loader=loader)
    assert not found.problems
    assert value(found.root) == {"key": expected}
    assert type(value(found.root)["key"]) is type(expected)


@LOADERS
@pytest.mark.parametrize(
    ("text", "where", "message", "hint"),
    [
        ("", "0:0", "the file is empty", "version: 1"),
        ("# only a comment\n", "0:0", "the file is empty", "version: 1"),
        ("a: 1\na: 2\n", "2:1", "the key a is given twice, first in line 1", "keep one"),
        ("a: {b: 1, 'b': 2}\n", "1:11", "the key b is given twice", "keep one"),
        ("1: x\n", "1:1", "the key 1 is not text", 'quote it: "1"'),
        ("true: x\n", "1:1", "the key true is not text", 'quote it: "true"'),
        ("? \n: x\n", "1:2", "the key null is not text", 'quote it: "null"'),
        ("? [a]\n: x\n", "1:3", "a key must be text, not a map or a list", "write it as text"),
        ("{{a: b}: c}\n", "1:2", "a key must be text, not a map or a list", "write it as text"),
        ("&x a: 1\n*x : 2\n", "2:1", "a key must be text, not an alias", "write it as text"),
        ("a: !!str 5\n", "1:4", "the tag !!str is not allowed", "take it out"),
        ("a: !!python/object/apply:os.system [x]\n", "1:4", "the tag !!python/object/apply:os.system", "take it out"),
        ("a: !secret {b: 1}\n", "1:4", "the tag !secret is not allowed", "take it out"),
        ("! a: 1\n", "1:1", "the tag ! is not allowed", "take it out"),
        ("a: .inf\n", "1:4", ".inf is not a finite number", 'quote it if it is text: ".inf"'),
        ("a: -.INF\n", "1:4", "-.INF is not a finite number", "quote it"),
        ("a: .NaN\n", "1:4", ".NaN is not a finite number", "quote it"),
        ("a: 1e999\n", "1:4", "1e999 is not a finite number", "quote it"),
        ("a: 1\n---\nb: 2\n", "2:1", "a second document begins here", "a file of its own"),
        ("a: *none\n", "1:4", "no anchor &none stands before this alias", "quote it"),
        ("a: &a {b: *a}\n", "1:11", "the alias *a stands inside of what it names", "write the value out"),
        ("a: &a [*a]\n", "1:8", "the alias *a stands inside of what it names", "write the value out"),
        ("a: {<<: 5}\n", "1:9", "<< takes a map or a list of maps", "alias"),
        ("a: {<<: [{b: 1}, c]}\n", "1:18", "<< takes a map or a list of maps", "alias"),
        ('a: "\\0"\n', "1:4", "the text has the control character U+0000", "take it out"),
        ('"\\e": 1\n', "1:1", "the text has the control character U+001B", "take it out"),
        ("a: b\0c\n", "1:5", "the character U+0000 is not allowed", "delete it"),
        ("é: 1\nb: é\x1b[31m\n", "2:5", "the character U+001B is not allowed", "delete it"),
        ("a: \x85 \x9b\n", "2:2", "the character U+009B is not allowed", "delete it"),
        ("a: \ufffe\n", "1:4", "the character U+FFFE is not allowed", "delete it"),
        ("[" * 200, "1:100", "nested 100 levels deep", "flatter"),
        ("{a: " * 200, "1:397", "nested 100 levels deep", "flatter"),
        ("- " * 200, "1:199", "nested 100 levels deep", "flatter"),
        ("a: &a " + "[" * 60 + "]" * 60 + "\nb: " + "[" * 40 + "*a", "2:44", "nested 100 levels deep", "flatter"),
        ("a: b: c\n", "1:5", "not YAML: a `:` stands where no value can begin", 'quote text that contains ": "'),
        ("a: 1\n  b: 2\n", "2:4", "not YAML: a `:` stands where no value can begin", "indentation"),
        ("a:\n  b: 1\n c: 2\n", "3:2", "not YAML: this does not fit", "indentation"),
        ("a: 'x' y\n", "1:8", "not YAML: this does not fit", "quotes"),
        ("a:\n\t- b\n", "2:1", "not YAML: a tab cannot indent a line", "indent with spaces"),
        ("\ta: 1\n", "1:1", "not YAML: a tab cannot indent a line", "indent with spaces"),
        ("a: @b\n", "1:4", "not YAML: this character cannot begin a value", "quote the value"),
        ("a: `b`\n", "1:4", "not YAML: this character cannot begin a value", "quote the value"),
        ('x: 1\na: "b\nc: d\n', "2:4", "not YAML: this quoted text never ends", "close the quote"),
        ("a: [1, 2\nb: 3\n", "2:2", "not YAML: a `,` or the closing bracket for line 1 is missing", "close the bracket"),
        ("a: [1, 2}\n", "1:9", "not YAML: a `,` or a closing bracket is missing", "close the bracket"),
        ("a: {url: ${var.b}/c}\n", "1:11", "not YAML: a `,` or a closing bracket", 'quote text that has ${…}: "${var.name}"'),
        ("a: 1\nb\nc: 3\n", "3:1", "not YAML: this key has no `:`", "write `key: value`"),
        ("a: - b\n", "1:4", "not YAML: a list cannot begin here", "a line of its own"),
        ("a: |x\n  b\n", "1:5", "not YAML: nothing but a comment may follow | or >", "next line"),
        ("a: & b\n", "1:5", "not YAML: & and * must be followed by a name", "quote"),
        ("a: * b\n", "1:5", "not YAML: & and * must be followed by a name", "quote"),
        ("a: !<\n", "1:6", "not YAML: tags are not allowed", "quote"),
        ("%YAML 3.0\n---\na: 1\n", "1:1", "not YAML: this YAML version is not known", "%YAML"),
        ("%YAML 1.1\n%YAML 1.1\n---\na: 1\n", "2:1", "not YAML: a directive is given twice", "%"),
        ("%TAG ! x\n%TAG ! x\n---\na: 1\n", "2:1", "not YAML: a directive is given twice", "%"),
        ("a: 1\n...\nb: 2\n", "3:1", "not YAML: the text goes on where the document has ended", "indentation"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_at_its_place(text, where, message, hint, loader):
    found = read("f", text.encode(), loader=loader)
    assert any(one.startswith(f"{where} ") and message in one and hint in one for one in said(found)), said(found)


@pytest.mark.parametrize(
    ("data", "where", "message"),
    [
        (b"a: 1\nb: \xc3\xa9\xff\n", "2:5", "the byte 0xff is not UTF-8"),
        (b"\xef\xbb\xbfa: \xe9", "1:4", "the byte 0xe9 is not UTF-8"),
        ("a: 1".encode("utf-16"), "0:0", "the file is UTF-16 or UTF-32"),
        ("a: 1".encode("utf-32"), "0:0", "the file is UTF-16 or UTF-32"),
        (b"a: 1\n" + b"#" * 10_000_000, "0:0", "the file has 10,000,005 bytes"),
    ],
)
def test_bytes_that_are_no_text_are_refused(data, where, message):
    found = read("f", data)
    assert found.root is None
    assert said(found)[0].startswith(f"{where} {message}")


def test_a_wrong_escape_has_its_place_in_the_text():
    found = read("f", b'a: "\\q"\n')
    assert found.problems[0].message == "not YAML: this escape is not known inside double quotes"


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("a: 1\na: 2\n", ""),
        ("agents: {a: {x: 1, x: 2}}\n", "agents.a"),
        ("a: [{b: 1}, {c: !t 5}]\n", "a[1].c"),
        ("a: [1, !t [2]]\n", "a[1]"),
        ("a: {b: [*gone]}\n", "a.b[0]"),
        ("a: {1: {b: !t 2}}\n", "a.1.b"),
        ("a: {[x]: {b: !t 2}}\n", "a.b"),
        ("a: {b: {<<: 5}}\n", "a.b"),
    ],
)
def test_a_problem_says_inside_of_what_it_lies(text, subject):
    assert subject in [problem.subject for problem in read("f", text.encode()).problems]


def test_a_complaint_without_a_place_is_one_about_the_file():
    problem = syntax_problem("f", yaml.YAMLError("nothing helps"), ("",))
    assert (problem.place, problem.message) == ("f", "not YAML: nothing helps")


def test_half_a_character_is_refused_however_it_is_written():
    assert "U+D800" in said(read("f", b'"\\ud800"', loader=yaml.SafeLoader))[0]
    assert "escape" in said(read("f", b'"\\ud800"'))[0]


def test_a_byte_order_mark_does_not_shift_the_columns():
    found = read("f", "\ufeffa: 1\na: 2\n".encode())
    assert (found.problems[0].line, found.problems[0].column) == (2, 1)
    assert found.lines[0] == "a: 1"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r", "\x85", "\u2028"])
def test_places_agree_with_the_lines(newline):
    found = read("f", newline.join(["a: 1", "b: é", "b: 2", ""]).encode())
    assert said(found)[0].startswith("3:1 ")
    assert found.lines[2] == "b: 2"


def test_every_problem_of_a_file_is_told_at_once():
    found = read("f", b"a: 1\na: !x 2\n3: .nan\n")
    assert len(found.problems) == 4
    assert value(found.root) == {"a": 1}


def test_a_merge_key_fills_in_what_the_map_does_not_say():
    text = """
base: &base {a: 1, b: {c: 2}}
more: &more {a: 9, d: 4}
one: {<<: *base, a: 5}
two: {a: 6, <<: [*base, *more]}
three: {"<<": x}
"""
    found = read("f", text.encode())
    assert not found.problems
    said = value(found.root)
    assert said["one"] == {"a": 5, "b": {"c": 2}}
    assert said["two"] == {"a": 6, "b": {"c": 2}, "d": 4}
    assert said["three"] == {"<<": "x"}


def test_an_alias_is_what_it_names():
    found = read("f", b"a: &x [1]\nb: *x\nc: &x 2\nd: *x\n")
    assert value(found.root) == {"a": [1], "b": [1], "c": 2, "d": 2}


@pytest.mark.parametrize("leaf", ["x", "x" * 100_000], ids=["many", "long"])
def test_an_alias_bomb_costs_nothing(leaf):
    lines = [f"a0: &a0 [{leaf}]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    tracemalloc.start()
    found = read("f", "\n".join(lines).encode())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "stands for more than 500,000 values or 10,000,000 characters" in said(found)[0]
    assert found.root is None
    assert peak < 50_000_000


def test_more_values_than_anyone_has_are_refused():
    found = read("f", b"a: [" + b"1," * 600_000 + b"]")
    assert "500,000 values" in said(found)[0]


def test_what_stands_under_a_secret_word_is_masked_by_its_place():
    text = """
shared: &shared {token: plain}
headers:
  Authorization: "Bearer x"   # comment
  Long: |
    two
    lines
  Listed: [a, b]
  Shared: *shared
open: x
"""
    found = read("f", text.encode(), secret_words=frozenset({"headers"}))
    assert found.masked == (
        ((2, 25), (2, 30)),
        ((4, 18), (4, 28)),
        ((5, 9), (8, 1)),
        ((8, 12), (8, 13)),
        ((8, 15), (8, 16)),
    )


def test_a_path_is_spelt_and_followed_as_far_as_it_goes():
    root = read("f", b"a:\n  - {b: {c: 1}}\n").root
    assert isinstance(root, Table)
    assert spell(("a", 0, "b", "c")) == "a[0].b.c"
    key, node = find(root.entries, ("a", 0, "b", "c"))
    assert (key.column, node.place.column) == (10, 13)
    assert find(root.entries, ("a", 0, "b", "nope"))[1].place.column == 9
    assert find(root.entries, ("a", 5))[1].place.line == 2
    assert [one.value for one in scalars(root)] == [1]
    with pytest.raises(KeyError):
        find(root.entries, ("nope",))


FRAGMENTS = st.sampled_from(
    ["a", "b: ", "- ", "? ", "[", "]", "{", "}", ",", ":", "\n", "\n  ", "\t", "&x ", "*x", "<<: ", "!!int ", "!t ", '"', "'",
     "|", ">-", "#", "---\n", "...\n", "%YAML 1.2\n", "415", ".inf", "null", "on", "é", "\u2028", "\0", "${var.x}", "0x1"]
)  # fmt: skip


@LOADERS
@settings(deadline=None)
@given(text=st.lists(FRAGMENTS, max_size=30).map("".join))
def test_any_text_gives_a_tree_or_a_problem_with_a_place(text, loader):
    found = read("f", text.encode(), loader=loader)
    assert found.root is not None or found.problems
    for problem in found.problems:
        assert problem.message
        assert not problem.message.endswith(("!", "."))
        assert problem.line <= len(found.lines)


@settings(deadline=None)
@given(data=st.binary(max_size=200))
def test_any_bytes_give_a_tree_or_a_problem(data):
    found = read("f", data)
    assert found.root is not None or found.problems


@settings(deadline=None)
@given(text=st.lists(FRAGMENTS, max_size=12).map("".join))
def test_both_parsers_build_the_same_tree(text):
    python, libyaml = (read("f", text.encode(), loader=loader) for loader in (yaml.SafeLoader, source.LOADER))
    if python.root is not None and libyaml.root is not None:
        assert value(python.root) == value(libyaml.root)


def test_a_scalar_knows_where_it_ends():
    root = read("f", b"a: 'bc' # d\n").root
    assert isinstance(root, Table)
    node = root.entries["a"].node
    assert isinstance(node, Scalar)
    assert (node.place.column, node.end) == (4, (1, 8))
