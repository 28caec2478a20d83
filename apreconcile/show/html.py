"""A plan as one page that needs nothing from elsewhere: risks first, a drawing of what changes, each step whole."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from . import escape, headline
from .drawing import drawing, sign
from .escape import Html
from .headline import RUN, Run
from .layout import count
from .markup import element, join, listed, sentence
from .stakes import CHARGED, losses, stakes
from .step_html import step_html
from .stylesheet import CSS, POLICY

_ACTIONS = ("create", "update", "delete", "adopt", "move", "forget")
_BECOMES = {
    "create": "new", "update": "changes", "delete": "goes", "adopt": "taken over", "move": "gets another key",
    "forget": "left alone from now on", "blocked": "blocked",
}  # fmt: skip
_OPEN = 20
"""So many steps that wait for an approval stand open; where there are more, all are folded."""
_ROWS = 10
"""So many rows of a list stand open."""
_NAME = 200


def plan_html(document: Mapping[str, Any], run: Run = RUN) -> str:
    """The whole page."""
    waiting = headline.asking(document, run.approved)
    steps = headline.gravest_first(document, waiting)
    stopped = headline.in_the_way(document["blocked"])
    hint = "" if headline.stops_all(document) else run.hint
    main = element(
        "main",
        *(_stops(title, stops) for title, stops in stopped if title != headline.BLOCKED),
        *_stakes(document["steps"]),
        _picture(document, steps),
        _steps(steps, waiting, run.approved, hint),
        *(_stops(title, stops) for title, stops in stopped if title == headline.BLOCKED),
        *_beside(document),
    )
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            element("meta", charset="utf-8"),
            element("meta", http_equiv="Content-Security-Policy", content=POLICY),
            element("meta", name_="viewport", content="width=device-width, initial-scale=1"),
            element("meta", name_="referrer", content="no-referrer"),
            element("link", rel="icon", href="data:,"),
            element("title", Html("Plan of "), escape.html(headline.name(document), _NAME)),
            f"<style>{CSS}</style>",
            element("a", Html("To the steps"), class_="skip", href="#steps"),
            _top(document, run, waiting),
            main,
            element(
                "footer",
                escape.html(f"Read with {count(document['requests'], 'request')}. {headline.made_by(document)}."),
            ),
            "</html>\n",
        ]
    )


def _top(document: Mapping[str, Any], run: Run, waiting: Sequence[Any]) -> Html:
    """Whose plan it is, how much it does, what it costs, and how much of it waits."""
    told, (cost, beside) = document["summary"], headline.cost(document)
    numbers = [(word, f"to {word}") for word in _ACTIONS] + [(word, word) for word in ("blocked", "unmanaged")]
    chips = [
        element("li", element("b", escape.html(f"{told[name]:,}")), escape.html(f" {word}"), class_=name)
        for name, word in numbers
        if told[name]
    ]
    wants = headline.wanting(len(waiting), run.signatures)
    facts = [("Cost", join([escape.html(cost), _soft(f" {beside}")]))] if cost else []
    facts += [("Approvals", element("a", escape.html(wants), href="#steps"))] if waiting else []
    facts += [("Policy from", escape.html(document["policy"], _NAME))] if document.get("policy") else []
    rows = [element("div", element("dt", escape.html(name)), element("dd", fact)) for name, fact in facts]
    title = (
        escape.html(document["project"], _NAME),
        element("i", Html("/")),
        escape.html(document["environment"], _NAME),
    )
    destroys, empty = document.get("destroy"), headline.changes_nothing(document)
    said = [headline.no_changes(document, run)] if empty else [headline.DESTROYS] if destroys else []
    return element(
        "header",
        element("p", Html(f"apreconcile plan{' --destroy' if destroys else ''}"), class_="eyebrow"),
        element("h1", *title),
        element("p", escape.html(headline.place(document), _NAME), class_="soft"),
        *(element("p", element("strong", escape.html(sentence))) for sentence in said),
        *([element("ul", *chips, class_="counts")] if chips else []),
        *([element("dl", *rows, class_="facts")] if rows else []),
    )


def _soft(text: str) -> Html:
    return element("span", escape.html(text), class_="soft")


def _panel(title: str, rows: Iterable[Html], sort: str | None) -> Html:
    """Rows under a title; of many, the first ones, and the rest folded."""
    told = list(rows)
    many = len(told) > _ROWS + 2
    shown, rest = (told[:_ROWS], told[_ROWS:]) if many else (told, [])
    more = element("details", element("summary", escape.html(f"and {len(rest):,} more")), listed(rest))
    head = element("h2", escape.html(title.removesuffix(":")))
    look = f"panel {sort}" if sort else "panel"
    return element("section", head, listed(shown), *([more] if many else []), class_=look)


def _stops(title: str, stops: Sequence[Mapping[str, Any]]) -> Html:
    """What is in the way, each with what to do about it."""
    return _panel(title, map(_stop, stops), "grave")


def _stop(stop: Mapping[str, Any]) -> Html:
    name = [element("code", escape.html(stop["address"], _NAME)), Html(" ")] if stop["address"] else []
    hints = (
        element("span", Html("hint: "), sentence(hint), class_="hint") for hint in stop["hint"].split("\n") if hint
    )
    return join([*name, sentence(stop["reason"]), *hints])


def _stakes(steps: Sequence[Mapping[str, Any]]) -> list[Html]:
    """What cannot be taken back, what is charged, whose secrets and protections go."""
    told = [
        _panel(title, (_stake(*row) for row in rows), "money" if title == CHARGED else "grave")
        for title, rows in stakes(steps)
    ]
    lost = [
        _panel(title, (element("code", escape.html(name)) for name in names), "money") for title, names in losses(steps)
    ]
    return [*told, *lost]


def _stake(verb: str, name: str, why: str) -> Html:
    return join([escape.html(f"{verb} "), element("code", escape.html(name)), Html(": "), sentence(why)])


def _picture(document: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> Html:
    """The drawing, with what its signs mean; what does not change is folded."""
    drawn = drawing(document, steps)
    legend = [
        element("span", element("b", escape.html(sign(action))), escape.html(_BECOMES[action]), class_=action)
        for action in _BECOMES
        if action in drawn.actions
    ]
    shown = [_scroll(drawn.changed, "The drawing of what changes"), element("figcaption", *legend)]
    rest = element(
        "details",
        element("summary", escape.html(f"{count(drawn.folded, 'thing')} that nothing here changes")),
        _scroll(drawn.same, "The drawing of what does not change"),
        class_="fold",
    )
    parts = [*([element("figure", *shown)] if drawn.changed else []), *([rest] if drawn.same else [])]
    return element("section", element("h2", Html("What changes")), *parts) if parts else Html("")


def _scroll(inner: Html, title: str) -> Html:
    """What may be larger than the page, and is scrolled with the keyboard, too."""
    return element("div", inner, class_="scroll", role="region", aria_label=title, tabindex=0)


def _steps(
    steps: Sequence[Mapping[str, Any]], waiting: Sequence[Mapping[str, Any]], approved: Collection[str], hint: str
) -> Html:
    asking, held = {id(step) for step in waiting}, headline.withholding(waiting)
    shown = (
        step_html(
            step, number, said=headline.waits(step, held), hint=hint if id(step) in asking else "",
            approved=step["token"] in approved, unfolded=id(step) in asking and len(waiting) <= _OPEN,
        )
        for number, step in enumerate(steps, 1)
    )  # fmt: skip
    return element("section", element("h2", Html("Steps")), *shown, id="steps") if steps else Html("")


def _beside(document: Mapping[str, Any]) -> list[Html]:
    """Warnings, test events, and what is nobody's."""
    tests = [
        join([element("code", escape.html(name)), escape.html(f" {call}")])
        for name, call in headline.test_calls(document)
    ]
    strangers = [
        join(
            [
                escape.html(f"{item['kind']} ", _NAME),
                element("code", escape.html(item["id"], _NAME)),
                escape.html(f" {item['name']}", _NAME),
            ]
        )
        for item in document["unmanaged"]
    ]
    told = [_panel("Warnings", map(sentence, document["warnings"]), "money")] if document["warnings"] else []
    told += [_panel("Afterwards a test event is sent to", tests, None)] if tests else []
    if strangers:
        title = element("summary", escape.html(f"Unmanaged, left as it is: {len(strangers):,}"))
        told.append(element("details", title, listed(strangers), class_="fold"))
    return told
