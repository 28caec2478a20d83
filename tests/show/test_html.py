"""The page of a plan: whole, quiet, and nothing from outside acts in it."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from plans import CASES, HEX, a_document, a_step, case, documents

from apreconcile.show import escape
from apreconcile.show.headline import Run
from apreconcile.show.html import plan_html
from apreconcile.show.stylesheet import CSS, POLICY

ALONE = {"meta", "link"}
TAGS = {
    "html", "meta", "link", "title", "style", "a", "header", "main", "footer", "section", "h1", "h2", "h3", "p", "i", "b",
    "strong", "span", "code", "pre", "ul", "li", "dl", "div", "dt", "dd", "figure", "figcaption", "details", "summary",
    "table", "thead", "tbody", "tr", "th", "td", "ins", "del", "svg", "g", "text", "path", "rect",
}  # fmt: skip
ATTRIBUTES = {
    "lang", "charset", "http-equiv", "content", "name", "rel", "href", "class", "id", "open", "tabindex", "role",
    "aria-label", "scope", "data-head", "data-sign", "viewbox", "width", "height", "x", "y", "rx", "d",
}  # fmt: skip


class Reader(HTMLParser):
    """A page as a browser takes it apart: every element closed in its order, and where links lead."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.words, self.ids, self.links, self.boxes, self.open = [], [], [], [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert tag in TAGS
        self.tags.append(tag)
        self.open += [] if tag in ALONE else [tag]
        told = dict(attrs)
        assert len(told) == len(attrs)
        assert set(told) <= ATTRIBUTES
        assert "\x1b" not in str(attrs)
        self.ids += [told["id"]] if "id" in told else []
        self.links += [told["href"]] if "href" in told else []
        self.boxes += [told["aria-label"]] if "box" in (told.get("class") or "").split() else []

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_comment(self, data):
        raise AssertionError(data)

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)


def read(page):
    told = Reader(page)
    assert len(told.ids) == len(set(told.ids))
    assert {link[1:] for link in told.links if link != "data:,"} <= {"steps", *told.ids}
    assert told.tags.count("style") == told.tags.count("main") == told.tags.count("h1") == 1
    for words in told.words:
        assert escape.line(words.replace("\n", "")) == words.replace("\n", "")
    return told


@pytest.mark.parametrize("name", CASES)
def test_every_page_is_whole_and_tame(name):
    read(plan_html(case(name)))


@pytest.mark.parametrize("name", ["everything", "hostile", "later-version", "no-changes", "whole-account"])
def test_a_plan_looks_as_it_should(name, golden):
    page = plan_html(case(name))
    golden(f"{name}.html", page.replace(CSS, "…").replace(escape.html(POLICY), "…").replace("><", ">\n<"))


def test_what_stops_all_stands_first_and_asks_for_no_approval_and_what_is_blocked_stands_last():
    page = plan_html(case("not-safe"))
    titles = re.findall("<h2>(.*?)</h2>", page)
    assert titles[:2] == [
        "Not safe: apply writes nothing until this is settled",
        "Outcome unknown: nothing is bought until it is settled",
    ]
    assert titles.index("Steps") < titles.index("Blocked")
    assert 'aria-label="blocked: number.second"' in page
    assert (
        "2 new numbers may be it: num_1, num_2"
        '<span class="hint">hint: <code>apreconcile resolve number.second --bind num_1</code>, or if it was not made: '
        "<code>apreconcile resolve number.second --not-created</code></span></li>"
    ) in page
    assert '<a href="#steps">1 step wants an approval of its own</a>' in page
    assert "--approve" not in page


def test_a_plan_that_destroys_says_so():
    document = case("destroy")
    page = plan_html(document)
    assert "apreconcile plan --destroy" in page
    assert "<strong>All that the state has is to go.</strong>" in page
    nothing = {**document, "steps": [], "summary": dict.fromkeys(document["summary"], 0)}
    assert "Nothing to destroy: the state has nothing." in plan_html(nothing)


def test_it_may_load_nothing_and_run_nothing():
    page = plan_html(a_document([]))
    assert re.search(r'<meta http-equiv="Content-Security-Policy" content="default-src &#x27;none&#x27;;', page)
    assert "script" not in page.replace(CSS, "")
    assert not re.search(r"url\(|@import|https?:", CSS)
    assert not re.search(r"""(src|href)="(?!#|data:,)""", page)


def test_every_sign_stands_for_its_colour():
    """Whoever sees no colours sees the sign, and whoever sees nothing hears the word."""
    document = case("whole-account")
    told = read(plan_html(document))
    assert "create: number.nights, 628" in told.boxes
    assert "delete: number.old-line, +14155550123" in told.boxes
    assert "blocked: number.sales, +12125550160" in told.boxes
    assert "unchanged: agent.triage, Triage" in told.boxes
    assert len(told.boxes) == len(document["resources"])
    assert {"#step-1", "#step-9"} <= set(told.links)


def test_a_line_says_what_hangs_on_what_and_what_no_longer_does():
    document = case("whole-account")
    words = read(plan_html(document)).words
    assert "number.sales-west leaves agent.sales" in words
    assert "number.sales-west hangs on agent.support" in words
    page = plan_html(document)
    assert page.count('class="edge new"') == 3
    assert page.count('class="edge gone"') == 2


def test_what_does_not_change_is_folded():
    document = case("whole-account")
    assert "3 things that nothing here changes" in plan_html(document)
    page = plan_html({**document, "resources": document["resources"][:1], "steps": [], "blocked": []}, Run(resources=1))
    assert "1 thing that nothing here changes" in page
    assert "No changes: 1 resource is as the spec wants it." in page


def test_an_older_plan_is_drawn_from_its_steps():
    agent = {"field": "agent", "before": "agent.a1", "after": "agent.a2"}
    moved = {**a_step(1), "address": "number.n", "fields": [agent]}
    page = plan_html(a_document([a_step(1), a_step(2), moved]))
    assert "number.n leaves agent.a1" in page
    assert "number.n hangs on agent.a2" in page
    assert "sha" in POLICY


def test_things_of_a_later_version_are_told_and_not_drawn():
    steps = [{**a_step(1), "address": "robot.r", "action": "dance", "risks": ["loud"]}, a_step(2, action="dance")]
    page = plan_html(a_document(steps))
    told = read(page)
    assert told.boxes == ["dance: agent.a2"]
    assert 'class="box unknown"' in page
    assert "UNKNOWN RISK loud: take it as irreversible" in told.words


@pytest.mark.parametrize(("number", "unfolded"), [(1, 1), (20, 20), (21, 0)])
def test_what_waits_stands_open_unless_it_is_much(number, unfolded):
    steps = [a_step(n, token=f"delete:agent.a{n}@{HEX}", risks=["irreversible"]) for n in range(number)]
    page = plan_html(a_document([a_step(999), *steps]))
    assert page.count(' open="">') == unfolded
    assert page.count("apreconcile apply --approve delete:agent.a") == number
    assert ("more</summary>" in page) == (number > 12)


def test_who_approves_is_told():
    steps = [a_step(1, token=f"delete:agent.a1@{HEX}"), a_step(2, token=f"delete:agent.a2@{HEX}", permit="the rule")]
    page = plan_html(a_document(steps), Run(approved=[f"delete:agent.a1@{HEX}"]))
    assert ">approved</span>" in page
    assert ">approved by the policy</span>" in page
    assert "approved by the policy: the rule" in page
    assert "--approve" not in page


def test_a_long_caption_is_cut_to_its_box():
    resources = [
        {"address": f"agent.{'k' * 40}", "label": "東京" * 20, "parent": None},
        {"address": "agent.short", "label": "x" * 26, "parent": None},
    ]
    page = plan_html(a_document([], resources=resources))
    assert f">{'k' * 19}…<" in page
    assert f">{'東京' * 6}…<" in page
    assert f">{'x' * 26}<" in page


def test_a_thousand_steps_make_one_page():
    fields = [{"field": "name", "before": "a", "after": "b"}]
    steps = [a_step(n, fields=fields, why=["a reason"]) for n in range(1000)]
    told = read(plan_html(a_document(steps)))
    assert len(told.boxes) == 1000
    assert told.ids == ["steps", *(f"step-{n}" for n in range(1, 1001))]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(documents())
def test_nothing_from_outside_acts(document):
    read(plan_html(document))
