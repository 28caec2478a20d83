"""A step on the page of a plan: what it is, its risks and what it means, its fields and calls, and what approves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import escape, headline
from .diff import Row
from .drawing import sign
from .escape import Html
from .layout import count
from .markup import element, join, listed, sentence
from .values import Value, value

_TAGS = {
    "irreversible": ("irreversible", "grave"), "spends": ("spends money", "money"),
    "rotates-secret": ("new secret", "money"), "unprotects": ("unprotects", "grave"), "reroutes": ("reroutes", "money"),
}  # fmt: skip
_UNKNOWN = ("unknown risk", "grave")
_SORTS = {"+": "ins", "-": "del"}
_NAME = 200


def step_html(
    step: Mapping[str, Any], number: int, *, said: Sequence[str], hint: str, approved: bool, unfolded: bool
) -> Html:
    """The step as `#step-NUMBER`. `said` is what it means beside its own words, `hint` the command that approves it."""
    verb, new = headline.verb(step), step["action"] == "create"
    risks = headline.risks(step)
    values = [value(diff, new=new) for diff in step["fields"]]
    tags = [
        element("span", escape.html(_TAGS.get(risk, _UNKNOWN)[0]), class_=f"tag {_TAGS.get(risk, _UNKNOWN)[1]}")
        for risk in risks
    ]
    tags += [element("span", escape.html(word), class_="tag") for word in _standing(step, approved=approved)]
    name = f"{step['action']} {step['address']}{f' ({verb})' if verb else ''}"
    head = (element("b", escape.html(sign(step["action"]))), escape.html(f" {name}", _NAME))
    summary = element("summary", element("span", *head, class_="name"), *tags)
    body = element(
        "div", *_body(step, said, values, risks, new=new), *_approval(step, hint), class_="body", id=f"step-{number}"
    )
    return element(
        "details",
        summary,
        body,
        class_=f"step {step['action'] if sign(step['action']) != '?' else 'unknown'}",
        open="" if unfolded else None,
    )


def _standing(step: Mapping[str, Any], *, approved: bool) -> list[str]:
    """Whether it waits, or who approves it."""
    if step.get("permit"):
        return ["approved by the policy"]
    return ["approved" if approved else "wants an approval"] if step["token"] else []


def _body(
    step: Mapping[str, Any], said: Sequence[str], values: Sequence[Value], risks: Sequence[str], *, new: bool
) -> list[Html]:
    grave = [
        element("li", escape.html(headline.risk_words(risk)), class_=_TAGS.get(risk, _UNKNOWN)[1]) for risk in risks
    ]
    permit = [sentence(f"approved by the policy: {step['permit']}")] if step.get("permit") else []
    why = [*map(sentence, (*step["why"], *said)), *permit]
    calls = [
        element("code", escape.html(f"{call['method']} /{'/'.join(part or '…' for part in call['path'])}"))
        for call in step["calls"]
    ]
    nothing = [] if grave or why or values else [element("p", Html("Nothing more to tell."), class_="soft")]
    return [
        *([element("ul", *grave, class_="risks")] if grave else []),
        *([listed(why)] if why else []),
        *nothing,
        *_fields(values, new=new),
        *(
            [element("p", escape.html(f"{count(len(calls), 'call')}: "), *_between(calls), class_="calls")]
            if calls
            else []
        ),
    ]


def _between(parts: Sequence[Html]) -> list[Html]:
    return [piece for at, part in enumerate(parts) for piece in ([Html(", "), part] if at else [part])]


def _approval(step: Mapping[str, Any], hint: str) -> list[Html]:
    if not hint:
        return []
    command = escape.html(headline.approving(step, hint))
    return [
        element("h3", Html("Approve it with")),
        element("pre", command, class_="copy", tabindex=0, role="group", aria_label="Command that approves it"),
    ]


def _fields(values: Sequence[Value], *, new: bool) -> list[Html]:
    """Short values as a table, each long one as a difference of its lines."""
    heads = ("Field", "Value") if new else ("Field", "Before", "After")
    head = element("thead", element("tr", *(element("th", Html(name), scope="col") for name in heads)))
    rows = [_field(one, new=new) for one in values if not one.rows]
    table = [element("table", head, element("tbody", *rows))] if rows else []
    return [*table, *(part for one in values if one.rows for part in _difference(one))]


def _field(one: Value, *, new: bool) -> Html:
    name = element("td", element("code", escape.html(one.field)))
    now = element(
        "td",
        element("span", escape.html(one.after), class_=None if new else "now"),
        data_head="Value" if new else "After",
    )
    if new:
        return element("tr", name, now)
    return element(
        "tr", name, element("td", element("span", escape.html(one.before or ""), class_="was"), data_head="Before"), now
    )


def _difference(one: Value) -> list[Html]:
    more = [element("span", escape.html(one.more), class_="note")] if one.more else []
    rows = element("div", *map(_row, one.rows), *more, class_="diff")
    return [element("h3", element("code", escape.html(one.field))), rows]


def _row(row: Row) -> Html:
    text = join(
        element(_SORTS[part], escape.html(text)) if row.sign == "~" and part in _SORTS else escape.html(text)
        for part, text in row.parts
    )
    if row.sign == "…":
        return element("span", text, class_="note", data_sign="…")
    return element(
        _SORTS.get(row.sign, "span"),
        text,
        class_="both" if row.sign == "~" else None,
        data_sign=row.sign.strip() or None,
    )
