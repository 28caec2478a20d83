"""A plan as a drawing: numbers, agents and webhooks in three columns, with what hangs on what, and what changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from . import escape
from .escape import Html
from .layout import count
from .markup import element
from .screen import cells
from .text import SIGNS, UNKNOWN_SIGN

_COLUMNS = {"number": 0, "agent": 1, "webhook": 2}
_TITLES = ("Numbers", "Agents", "Webhooks")
_WIDE, _HIGH, _GAP, _ROW, _TOP, _APART = 208, 44, 72, 54, 30, 14
"""Pixels: a box, the room between two columns, a row, the titles of the columns, the room between two groups."""
_WIDTH = 3 * _WIDE + 2 * _GAP
_KEY, _CAPTION = 20, 26
"""Cells of text that fit into a box."""
_GRAVEST = ("delete", "create", "update", "move", "forget", "adopt")
_TELLING = ("name", "url", "areaCode", "country")


class Box(NamedTuple):
    """A thing: its address, its second line, what becomes of it (an action, `blocked`, or nothing), and its step."""

    address: str
    caption: str
    action: str
    step: int | None
    parent: str | None
    before: str | None

    @property
    def changes(self) -> bool:
        """Whether anything becomes of it."""
        return bool(self.action)


class Drawing(NamedTuple):
    """What changes with what it hangs on, and apart from it the rest, each as SVG or nothing.

    `folded` is how many things the rest has, `actions` what becomes of the others.
    """

    changed: Html
    same: Html
    folded: int
    actions: tuple[str, ...]


def drawing(document: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> Drawing:
    """The drawing of a plan. `steps` in the order of the page, whose boxes link to `#step-1`, `#step-2` and so on."""
    boxes = _boxes(document, steps)
    groups = _groups(boxes)
    moved = {box.before for box in boxes if box.before}
    changed = [group for group in groups if any(box.changes or box.address in moved for box in group)]
    same = [group for group in groups if group not in changed]
    return Drawing(
        _svg(changed, "What changes, and what it hangs on"),
        _svg(same, "What does not change"),
        sum(map(len, same)),
        tuple(dict.fromkeys(box.action for box in boxes if box.action)),
    )


def _boxes(document: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> list[Box]:
    """Everything that the plan is about, agents first; of an older plan, what its steps name."""
    known = {one["address"]: one for one in document.get("resources", ())}
    deeds: dict[str, list[tuple[int, Mapping[str, Any]]]] = {}
    for place, step in enumerate(steps, 1):
        deeds.setdefault(step["address"], []).append((place, step))
    stopped = {stop["address"] for stop in document["blocked"] if stop["address"]}
    names = [name for name in dict.fromkeys([*known, *deeds, *sorted(stopped)]) if _kind(name) in _COLUMNS]
    boxes = [_box(name, known.get(name), deeds.get(name, []), blocked=name in stopped) for name in names]
    there = {box.address for box in boxes if _kind(box.address) == "agent"}
    return [
        box._replace(
            parent=box.parent if box.parent in there else None, before=box.before if box.before in there else None
        )
        for box in boxes
    ]


def _box(
    name: str, known: Mapping[str, Any] | None, deeds: Sequence[tuple[int, Mapping[str, Any]]], *, blocked: bool
) -> Box:
    actions = [step["action"] for _, step in deeds]
    action = next((word for word in _GRAVEST if word in actions), actions[0] if actions else "")
    place = next((at for at, step in deeds if step["action"] == action), None)
    fields = {diff["field"]: diff for _, step in deeds for diff in step["fields"]}
    agent = fields.get("agent", {"before": None, "after": None})
    label = known["label"] if known else ""
    caption = label.removeprefix("a webhook to ") or _told(fields)
    parent = known["parent"] if known else agent["after"]
    before = agent["before"] if agent["before"] != parent else None
    return Box(name, caption, action or ("blocked" if blocked else ""), place, _text(parent), _text(before))


def _told(fields: Mapping[str, Mapping[str, Any]]) -> str:
    """What says most of something new."""
    told = (fields[name]["after"] for name in _TELLING if name in fields and not fields[name].get("secret"))
    return next((text.removeprefix("https://") for text in told if isinstance(text, str)), "")


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _kind(address: str) -> str:
    return address.partition(".")[0]


def _groups(boxes: Sequence[Box]) -> list[list[Box]]:
    """Each agent with what hangs on it; then what hangs on none."""
    groups: dict[str | None, list[Box]] = {box.address: [box] for box in boxes if _kind(box.address) == "agent"}
    for box in boxes:
        if _kind(box.address) != "agent":
            groups.setdefault(box.parent, []).append(box)
    return [groups[name] for name in sorted(groups, key=lambda name: name is None)]


def _svg(groups: Sequence[Sequence[Box]], title: str) -> Html:
    if not groups:
        return Html("")
    places, height = _placed(groups)
    boxes = {box.address: box for group in groups for box in group}
    heads = (
        element("text", escape.html(name), class_="column", x=_left(column), y=14)
        for column, name in enumerate(_TITLES)
    )
    edges = (edge for box in boxes.values() for edge in _edges(box, boxes, places))
    shapes = (_shape(box, places[box.address]) for box in boxes.values())
    return element(
        "svg", *heads, *edges, *shapes,
        viewBox=f"0 0 {_WIDTH} {height}", width=_WIDTH, height=height, role="group",
        aria_label=f"{title}: {count(len(boxes), 'thing')}",
    )  # fmt: skip


def _placed(groups: Sequence[Sequence[Box]]) -> tuple[dict[str, tuple[int, int]], int]:
    """Where the box of each address is, and how high all is; an agent stands in the middle of what hangs on it."""
    places: dict[str, tuple[int, int]] = {}
    top = _TOP
    for group in groups:
        columns = [[box for box in group if _COLUMNS[_kind(box.address)] == at] for at in range(3)]
        rows = max(map(len, columns))
        for at, column in enumerate(columns):
            start = top + (rows - len(column)) * _ROW // 2
            places |= {box.address: (_left(at), start + row * _ROW) for row, box in enumerate(column)}
        top += rows * _ROW + _APART
    return places, top - _APART


def _left(column: int) -> int:
    return column * (_WIDE + _GAP)


def _edges(box: Box, boxes: Mapping[str, Box], places: Mapping[str, tuple[int, int]]) -> Iterator[Html]:
    """The line to what a thing hangs on, and the one that it loses."""
    at = places[box.address]
    if box.before and box.before in boxes:
        yield _edge(places[box.before], at, "gone", f"{box.address} leaves {box.before}")
    if box.parent and box.parent in boxes:
        actions = {box.action, boxes[box.parent].action}
        new = bool(box.before) or "create" in actions
        sort = "gone" if "delete" in actions else "new" if new else "same"
        yield _edge(places[box.parent], at, sort, f"{box.address} hangs on {box.parent}")


def _edge(agent: tuple[int, int], other: tuple[int, int], sort: str, title: str) -> Html:
    (left, top), (right, bottom) = sorted([agent, other])
    start, y, end, bend = left + _WIDE, top + _HIGH // 2, bottom + _HIGH // 2, _GAP // 2
    path = f"M{start} {y}C{start + bend} {y} {right - bend} {end} {right} {end}"
    return element("path", element("title", escape.html(title)), class_=f"edge {sort}", d=path)


def _shape(box: Box, place: tuple[int, int]) -> Html:
    key = box.address.partition(".")[2]
    known = box.action in SIGNS or box.action in ("", "blocked")
    said = escape.line(f"{box.action or 'unchanged'}: {box.address}{f', {box.caption}' if box.caption else ''}", 400)
    caption = element("text", _cut(box.caption, _CAPTION), class_="caption", x=34, y=35)
    inside = element(
        "svg",
        element("rect", x=1, y=1, width=_WIDE - 2, height=_HIGH - 2, rx=9),
        element("text", escape.html(sign(box.action)), class_="sign", x=18, y=27),
        element("text", _cut(key, _KEY), class_="key", x=34, y=19 if box.caption else 27),
        *([caption] if box.caption else []),
        element("title", escape.html(said)),
        x=place[0], y=place[1], width=_WIDE, height=_HIGH,
    )  # fmt: skip
    look = f"box {(box.action or 'same') if known else 'unknown'}"
    if box.step:
        return element("a", inside, class_=look, href=f"#step-{box.step}", aria_label=said)
    return element("g", inside, class_=look, role="img", aria_label=said)


def sign(action: str) -> str:
    """The sign of what becomes of a thing."""
    return "!" if action == "blocked" else SIGNS.get(action, UNKNOWN_SIGN)[0] if action else ""


def _cut(text: str, room: int) -> Html:
    """As much of a text as fits into so many cells."""
    safe, used = escape.line(text, 4 * room), 0
    for at, char in enumerate(safe):
        used += cells(char)
        if used > room and at < len(safe):
            return escape.html(f"{safe[: max(at - 1, 0)]}…")
    return escape.html(safe)
