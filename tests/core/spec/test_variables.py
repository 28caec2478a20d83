"""`${var.NAME}` and `${env.NAME}`: what they become, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apreconcile.core.call import Secret
from apreconcile.core.place import Place
from apreconcile.core.spec import variables
from apreconcile.core.spec.findings import Findings
from apreconcile.core.spec.source import read
from apreconcile.core.spec.tree import Table
from apreconcile.core.spec.variables import Scope, meant, scope

HERE = Place("f", 1, 1)
ENVIRON = {
    "TOKEN": "s3cret",
    "OTHER": "0ther",
    "EMPTY": "",
    "BAD": "a\udcffb",
    "AGENTPHONE_API_KEY": "sk",
    "AGENTPHONE_TOKEN": "sk",
}


def declared(text: str) -> tuple[dict, Findings]:
    root = read("f", text.encode()).root
    assert isinstance(root, Table)
    return dict(root.entries), Findings("f")


def fill(text: str, declaration: str = "{}", given: dict[str, str] | None = None, **flags):
    entries, findings = declared(declaration)
    filled = scope(entries, given or {}, ENVIRON, findings, **flags).fill(text, HERE, "here")
    return filled, [f"{p.place} {p.subject}: {p.message} | {p.hint}" for p in sorted(findings.problems)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain $ {x} $5 $var.x", "plain $ {x} $5 $var.x"),
        ("${var.a}", "A"),
        ("<${var.a}${var.b-c}>", "<AB>"),
        ("$${var.a}", "${var.a}"),
        ("$$${var.a}", "$${var.a}"),
        ("${var.empty}", ""),
        ("${env.TOKEN}", Secret("s3cret", ("TOKEN",))),
        ("Bearer ${env.TOKEN} ${var.a} ${env.OTHER} ${env.TOKEN}", Secret("Bearer s3cret A 0ther s3cret", ("TOKEN", "OTHER"))),
        ("x${var.hidden}", Secret("xs3cret!", ("TOKEN",))),
        ("${var.given}", "from --var ${env.TOKEN}"),
    ],
)  # fmt: skip
def test_a_string_is_filled(text, expected):
    declaration = """
a: {default: A}
b-c: {default: B}
empty: {default: ""}
hidden: {default: "${env.TOKEN}!"}
given:
"""
    filled, problems = fill(text, declaration, {"given": "from --var ${env.TOKEN}"})
    assert not problems
    assert filled == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("${var.hoks}", "f:1:1 here: there is no variable `hoks` | did you mean `hooks`?"),
        ("${var.z}", "f:1:1 here: there is no variable `z` | declare it: variables: {z: {default: …}}"),
        ("${env.NOPE}", "f:1:1 here: the environment variable `NOPE` is not set | set it: export NOPE=…"),
        ("${env.EMPTY}", "f:1:1 here: the environment variable `EMPTY` is empty | set it: export EMPTY=…"),
        ("${env.BAD}", "f:1:1 here: the environment variable `BAD` has control characters or is not UTF-8 | set it again"),
        ("${env.AGENTPHONE_API_KEY}", "f:1:1 here: `AGENTPHONE_API_KEY` is AgentPhone's own key and goes nowhere else | use another variable"),
        ("${env.AGENTPHONE_TOKEN}", "f:1:1 here: `AGENTPHONE_TOKEN` is AgentPhone's own key and goes nowhere else | use another variable"),
        ("${foo}", "f:1:1 here: `${foo}` is neither `${var.NAME}` nor `${env.NAME}` | write `$${` if it is text"),
        ("${}", "f:1:1 here: `${}` is neither `${var.NAME}` nor `${env.NAME}` | write `$${` if it is text"),
        ("a ${ b", "f:1:1 here: `${` is neither `${var.NAME}` nor `${env.NAME}` | write `$${` if it is text"),
        ("${var.a b}", "f:1:1 here: `${var.a b}` is neither `${var.NAME}` nor `${env.NAME}` | write `$${` if it is text"),
        ("${env.A-B}", "f:1:1 here: `${env.A-B}` is neither `${var.NAME}` nor `${env.NAME}` | write `$${` if it is text"),
        ("${var.${var.hooks}}", "f:1:1 here: `${` is neither `${var.NAME}` nor `${env.NAME}` | write `$${` if it is text"),
    ],
)  # fmt: skip
def test_what_cannot_be_filled_is_told(text, problem):
    filled, problems = fill(text, "hooks: {default: h}")
    assert filled is None
    assert problems == [problem]


@pytest.mark.parametrize(
    ("declaration", "given", "problem"),
    [
        ("a: {}", {}, "f:1:1 variables.a: the variable has no value | give it: --var a=VALUE"),
        ("a:", {}, "f:1:1 variables.a: the variable has no value | give it: --var a=VALUE"),
        ("a: x", {}, "f:1:4 variables.a: must be a map | write a: {default: …}"),
        ("a: [x]", {"a": "1"}, "f:1:4 variables.a: must be a map | write a: {default: …}"),
        ("1a: {default: x}", {}, "f:1:1 variables.1a: this cannot be the name of a variable | use letters, digits, _ and -, beginning with a letter"),
        ("a: {default: 5}", {}, 'f:1:14 variables.a: default: must be text | quote it: default: "5"'),
        ("a: {default: }", {}, "f:1:14 variables.a: default: must be text | write text"),
        ("a: {default: [x]}", {}, "f:1:14 variables.a: default: must be text | write text"),
        ("a: {default: x, type: text}", {}, "f:1:17 variables.a: there is no field `type` | a variable has `default` and nothing else"),
        ('a: {default: "${var.b}"}', {}, "f:1:14 variables.a: default: a default may read the environment, but no other variable | write the text out"),
        ('a: {default: "${env.NOPE}"}', {}, "f:1:14 variables.a: default: the environment variable `NOPE` is not set | set it: export NOPE=…"),
        ("a: {default: x}", {"aa": "1"}, "f --var aa: there is no variable `aa` | did you mean `a`?"),
        ("a: {default: x}", {"z": "1"}, "f --var z: there is no variable `z` | declare it under `variables:`"),
        ("a: {}", {"a": "\x1b"}, "f --var a: the value has control characters or is not UTF-8 | give it as UTF-8 text"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_variable_is_told_once(declaration, given, problem):
    assert fill("${var.a}${var.a}" if declaration.startswith("a") else "", declaration, given)[1] == [problem]


def test_a_default_that_is_not_used_may_lack_its_environment():
    assert fill("${var.a}", 'a: {default: "${env.NOPE}"}', {"a": "x"}) == ("x", [])


def test_a_spec_that_was_not_read_whole_may_have_more_variables():
    assert fill("${var.a}", "{}", {"b": "x"}, complete=False) == (None, [])


def test_all_strings_together_have_a_limit(monkeypatch):
    monkeypatch.setattr(variables, "MAX_TEXT", 10)
    entries, findings = declared("a: {default: '123456'}")
    values = scope(entries, {}, ENVIRON, findings)
    assert values.fill("${var.a}", HERE, "here") == "123456"
    assert values.fill("${var.a}", HERE, "here") is None
    assert [one.message for one in findings.problems] == ["the strings with variables have more than 10 characters"]


def test_a_secret_does_not_show_itself():
    assert "s3cret" not in repr(fill("${env.TOKEN}"))


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [("lanuage", ["name", "language"], "did you mean `language`?"), ("x", ["name"], ""), ("a", map(str, range(1000)), ""), ("x" * 101, ["x" * 101], "")],
)  # fmt: skip
def test_a_near_name_is_offered_where_that_is_cheap(name, known, hint):
    assert meant(name, known) == hint


@settings(deadline=None)
@given(st.text(alphabet="$${}var.env.TOKENa-_ ", max_size=40))
def test_any_string_is_filled_or_told(text):
    findings = Findings("f")
    filled = Scope({"a": "A"}, ENVIRON, findings).fill(text, HERE, "here")
    assert (filled is None) == bool(findings.problems)


@settings(deadline=None)
@given(st.text(max_size=40))
def test_an_escaped_string_is_the_string(text):
    findings = Findings("f")
    escaped = text.replace("${", "$${")
    if "$$${" not in escaped:
        assert Scope({}, {}, findings).fill(escaped, HERE, "here") == text
