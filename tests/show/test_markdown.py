"""Markdown for a pull request: readable raw, of GitHub's size, and nothing from outside acts in it."""

import re
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from plans import ACTING, CASES, HEX, a_document, a_step, case, documents, texts

from apreconcile.show import escape
from apreconcile.show.headline import Run
from apreconcile.show.markdown import marker, plan_markdown
from apreconcile.show.tables import LIMIT, Block, fitted, sentence

GITHUB = 65_536
TAGS = {
    "h2", "h3", "p", "ul", "li", "strong", "code", "pre", "table", "thead", "tbody", "tr", "th", "td", "br",
    "details", "summary",
}  # fmt: skip


def rendered(text):
    """As GitHub renders it: tables, strikethrough, links that nobody marked, and HTML as it is."""
    reader = MarkdownIt("gfm-like", {"html": True})
    reader.linkify.set({"fuzzy_link": False})
    return reader.render(text)


class Reader(HTMLParser):
    """What acts in rendered Markdown: its tags, its comments, and its words outside of code."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.comments, self.words, self.heads, self._open = set(), [], [], [], []
        self.feed(rendered(text))
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        assert set(attrs) <= {("class", "language-diff"), ("class", "language-sh")}
        self._open += [] if tag == "br" else [tag]
        self.heads += [""] if tag in {"h2", "h3", "summary"} else []

    def handle_endtag(self, tag):
        assert tag == "br" or self._open.pop() == tag

    def handle_comment(self, data):
        self.comments.append(data)

    def handle_data(self, data):
        if not {"code", "pre"} & set(self._open):
            self.words.append(data)


def check_tame(text, marks=1):
    read = Reader(text)
    assert read.tags <= TAGS
    assert len(read.comments) == marks
    for words in read.words:
        assert not re.search(r"@\w|#\w|https?://|www\.|GH-\d", words), words
        assert escape.line(words.replace("\u200b", "").replace("\n", "")) == words.replace("\u200b", "").replace(
            "\n", ""
        )
    return read


@pytest.mark.parametrize("name", CASES)
def test_a_plan_reads_as_it_should(name, golden):
    told = plan_markdown(case(name))
    golden(f"{name}.md", told)
    check_tame(told)


def test_the_first_lines_are_the_marker_and_what_it_does():
    document = case("everything")
    first, second, *_ = plan_markdown(document).splitlines()
    assert first == marker(document) == "<!-- apreconcile: acme-support/default -->"
    assert second.startswith("## `acme-support/default`: 2 to create, 2 to update")
    assert second.endswith("**+$0.00/month**")
    assert marker({**document, "environment": "preview:pr-12"}) == "<!-- apreconcile: acme-support/preview:pr-12 -->"
    assert marker(document, "drift") == "<!-- apreconcile drift: acme-support/default -->"


def test_a_plan_that_destroys_says_so_and_is_never_written_over_one_that_applies():
    document = case("destroy")
    told = plan_markdown(document)
    assert told.startswith("<!-- apreconcile destroy-plan: acme-support/default -->\n## ")
    assert "**All that the state has is to go.**" in told
    nothing = {**document, "steps": [], "summary": dict.fromkeys(document["summary"], 0)}
    assert "Nothing to destroy: the state has nothing." in plan_markdown(nothing)


def test_every_token_stands_in_a_command_to_copy():
    document = case("everything")
    told = plan_markdown(document, Run("apreconcile apply -f a.yaml --approve TOKEN"))
    for step in document["steps"]:
        if step["token"]:
            assert f"```sh\napreconcile apply -f a.yaml --approve {step['token']}\n```" in told
    assert "apply TOKEN.json --approve buy:" in plan_markdown(document, Run("apply TOKEN.json --approve TOKEN"))
    given = plan_markdown(document, Run(approved=[step["token"] for step in document["steps"]], signatures=2))
    assert "--approve" not in given
    assert "<br>approved |" in given
    assert "2 signatures" in plan_markdown(document, Run(signatures=2))


def test_what_waits_comes_first_then_what_is_risky():
    steps = [
        a_step(1),
        a_step(2, risks=["reroutes"]),
        a_step(3, token=f"delete:agent.a3@{HEX}", risks=["irreversible"]),
    ]
    steps.append(a_step(4, token=f"delete:agent.a4@{HEX}", permit="the policy, agentphone.yaml:9:5"))
    rows = [line for line in plan_markdown(a_document(steps)).splitlines() if line.startswith("| `")]
    assert [re.search(r"agent\.a\d", row)[0] for row in rows] == ["agent.a3", "agent.a2", "agent.a1", "agent.a4"]
    assert "approved by the policy: the policy, agentphone.yaml:9:5" in rows[3]


def test_nothing_can_be_approved_while_it_is_not_safe():
    steps = [a_step(1, token=f"delete:agent.a1@{HEX}", risks=["irreversible"])]
    stops = [{"address": None, "reason": "no state", "hint": "look: apreconcile state init", "exit": 9}]
    told = plan_markdown(a_document(steps, blocked=stops))
    assert "--approve" not in told
    assert told.index("### Not safe") < told.index("### Cannot be taken back")
    assert "- no state  \n  hint: look: `apreconcile state init`" in told


def test_long_reasons_do_not_fill_the_table():
    told = plan_markdown(a_document([a_step(1, why=["because " * 60, "also " * 200])]))
    assert max(len(line) for line in told.splitlines()) < 500


def test_a_plan_of_nothing_says_so():
    told = plan_markdown(a_document([]), Run(resources=3))
    assert "No changes: 3 resources are as the spec wants them." in told
    assert "No changes: agent.a is as the spec wants it." in plan_markdown(a_document([]), Run(only=("agent.a",)))


def test_tokens_take_the_room_that_others_leave():
    """Not only their share: of 300 steps that each want an approval, none is without its token."""
    names = [f"number.{'k' * 50}{n}" for n in range(300)]
    steps = [
        a_step(0, address=name, token=f"release:{name}@{HEX}", risks=["irreversible"], why=["gone " * 40])
        for name in names
    ]
    told = plan_markdown(a_document(steps))
    assert len(told.encode()) <= LIMIT
    assert all(step["token"] in told for step in steps)
    assert "step rows" in told


def many(number):
    old = "\n".join(f"Rule {n}: answer the question from page {n} of the handbook." for n in range(60))
    fields = [{"field": "systemPrompt", "before": old, "after": old.replace("page 30", "page thirty")}]
    steps = [
        a_step(
            n, fields=fields, token=f"delete:agent.a{n}@{HEX}", risks=["irreversible"], why=["東京 is gone for ever"]
        )
        for n in range(number)
    ]
    stops = [{"address": f"number.n{n}", "reason": "a wish", "hint": "keep it"} for n in range(number)]
    strangers = [{"kind": "agent", "id": f"agt_{n}", "name": "y" * 300} for n in range(number)]
    return a_document(
        steps, blocked=stops, unmanaged=strangers, warnings=[f"warning {n} {'x' * 3000}" for n in range(number)]
    )


@pytest.mark.parametrize("number", [1, 10, 60, 1000])
def test_it_is_never_longer_than_a_comment_may_be(number):
    told = plan_markdown(many(number))
    assert len(told.encode()) <= LIMIT < GITHUB
    check_tame(told)
    if number >= 60:
        assert len(told.encode()) > LIMIT * 0.8
        said = told.splitlines()[5]
        assert said.startswith("**Left out, since it is too long: ")
        assert said.endswith("The whole plan is in its JSON, which a pipeline keeps as an artifact.")
        for title in ("Cannot be taken back", "Steps", "steps want an approval", "Blocked", "Warnings", "Unmanaged"):
            assert title in told
        assert "Digest `abab" in told


def test_every_token_survives_the_cut_as_long_as_tokens_alone_fit():
    """Ten numbers are what an account may have; here are 200, each with a prompt's worth of words."""

    def held(number):
        token = f"buy:number.n{number}@{HEX}"
        why, address = ["it costs +$3.00/month " * 30], f"number.n{number}"
        return a_step(number, address=address, action="create", risks=["spends"], token=token, why=why)

    told = plan_markdown(a_document([held(number) for number in range(200)]), Run("approve p TOKEN --by NAME"))
    assert len(told.encode()) <= LIMIT
    assert "200 steps want an approval of their own" in told
    assert "\n```sh\napprove p TOKEN --by NAME\n```\n" in told
    assert all(f"- `buy:number.n{number}@{HEX}`\n" in told for number in range(200))
    check_tame(told)


def test_what_is_left_out_is_counted():
    blocks = [
        Block(("head",)),
        Block(tuple("abc"), "## letters", noun="letter", rank=1),
        Block(("x" * 50,), noun="word", rank=2),
    ]
    assert fitted(blocks, 500, "More.") == "head\n\n## letters\n\na\nb\nc\n\n" + "x" * 50 + "\n"
    assert fitted([*blocks, Block(("x" * 500,), noun="word", rank=3)], 500, "More.") == (
        "head\n\n**Left out, since it is too long: 1 word.** More.\n\n## letters\n\na\nb\nc\n\n" + "x" * 50 + "\n"
    )


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("limit", [2_000, 3_000, 5_000])
def test_a_cut_plan_is_still_tame(name, limit):
    told = plan_markdown(case(name), limit=limit)
    assert len(told.encode()) <= limit
    check_tame(told)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(documents())
def test_nothing_from_outside_acts(document):
    read = check_tame(plan_markdown(document))
    assert sum(tag == "h2" for tag in read.tags) == 1


@given(texts | ACTING)
def test_a_sentence_is_words_and_code(text):
    read = Reader(f"- {sentence(text)}\n")
    assert read.tags <= {"ul", "li", "code"}
    check_tame(f"Before {sentence(text)}\n", marks=0)


@given(texts | ACTING)
def test_code_is_code_in_a_table_and_says_what_it_is(text):
    html = rendered(f"| a | b |\n|---|---|\n| {escape.code(text)} | b |\n")
    cells = re.findall(r"<td>(.*?)</td>", html, re.DOTALL)
    shown = escape.line(text)
    assert [unescape(cell) for cell in cells] == [f"<code>{shown}</code>", "b"]


@given(st.lists(texts | ACTING))
def test_nothing_ends_a_block_of_code(rows):
    html = rendered(escape.fenced(rows, "diff") + "\n\nafter\n")
    assert html.count("<pre>") == 1
    assert html.endswith("</code></pre>\n<p>after</p>\n")


@pytest.mark.parametrize(
    ("outside", "shown"),
    [
        ("Support Bot", "Support Bot"),
        ("num_8f2 and a_b", "num_8f2 and a_b"),
        ("+$3.00/month", "+$3.00/month"),
        ("costs $x$", "costs &#36;x&#36;"),
        ("@octocat", "@&#8203;octocat"),
        ("fixes #12", "fixes #&#8203;12"),
        ("<b>", "&#60;b&#62;"),
        ("- item", r"\- item"),
        ("1. item", r"1\. item"),
        ("/close", r"\/close"),
        ("a **b** _c_", r"a \*\*b\*\* \_c\_"),
        ("\x1b[31m", r"\x1b\[31m"),
    ],
)
def test_words_stay_readable_as_they_are(outside, shown):
    assert escape.markdown(outside) == shown
