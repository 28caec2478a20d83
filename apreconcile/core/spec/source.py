"""One file of a spec is read here: YAML text to a tree with the place of every key and value, or what is wrong.

The tree is built from the parser's events on a stack of our own, so that no text, however deep, long or full of
aliases, costs more than its bounds. Merge keys (`<<`) work; tags, several documents and keys that are not text do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, NoReturn, TypeAlias

import yaml
from yaml.events import (
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)

from apreconcile.core.errors import Problem
from apreconcile.core.place import Place

from .scalar import resolve
from .syntax import syntax_problem
from .text import UNCLEAN, decode, lines
from .tree import Array, Entry, Node, Scalar, Table, scalars, spell

LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MAX_DEPTH = 100
"""A nest of so many maps and lists is refused."""

MAX_VALUES = 500_000
"""So many values may a file have, each alias counted as all that it stands for."""

MAX_TEXT = 10_000_000
"""So many characters may they have together."""

EMPTY = "the file is empty"
"""What is wrong with a file that has nothing but comments."""

Span: TypeAlias = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Source:
    """One file as it was read. `root` is None if it has no tree; then `problems` says why.

    `masked` has the start and the end of every value that may not be quoted, as lines and columns from 1.
    """

    name: str
    lines: tuple[str, ...]
    root: Node | None
    problems: tuple[Problem, ...]
    masked: tuple[Span, ...] = ()


def read(name: str, data: bytes, *, secret_words: frozenset[str] = frozenset(), loader: type[Any] = LOADER) -> Source:
    """The tree of a file. What stands under a key of `secret_words` is listed in `masked`."""
    text = decode(name, data)
    if isinstance(text, Problem):
        return Source(name, lines(data[:100_000].decode("utf-8-sig", "replace")), None, (text,))
    builder = _Builder(name, secret_words)
    try:
        for event in yaml.parse(text, Loader=loader):
            builder.take(event)
        builder.finish()
    except yaml.YAMLError as error:
        builder.problems.append(syntax_problem(name, error, lines(text)))
    except _StopError as stop:
        builder.problems.append(stop.problem)
    root = builder.root if builder.finished else None
    return Source(name, lines(text), root, tuple(builder.problems), tuple(sorted(set(builder.masked))))


class _StopError(Exception):
    """To read on would be pointless or dangerous."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(slots=True)
class _Frame:
    """A map or a list that is still open. `key` is None while the next value is a key, and for an unusable key."""

    place: Place
    anchor: str | None
    is_map: bool
    secret: bool
    before: tuple[int, int]
    depth: int = 1
    entries: dict[str, Entry] = field(default_factory=dict)
    items: list[Node] = field(default_factory=list)
    merges: list[Node] = field(default_factory=list)
    wants_value: bool = False
    merging: bool = False
    key: Scalar | None = None


@dataclass(frozen=True, slots=True)
class _Anchored:
    node: Node
    weight: tuple[int, int]
    depth: int


class _Builder:
    """Takes one event after the other; `root` is the tree once it has finished."""

    def __init__(self, name: str, secret_words: frozenset[str]) -> None:
        self.name = name
        self.secret_words = secret_words
        self.root: Node | None = None
        self.finished = False
        self.problems: list[Problem] = []
        self.masked: list[Span] = []
        self.stack: list[_Frame] = []
        self.anchors: dict[str, _Anchored] = {}
        self.weight = (0, 0)

    def take(self, event: Event) -> None:
        """Add one event of the parser to the tree."""
        if isinstance(event, NodeEvent):
            place = Place(self.name, *_position(event.start_mark))
            tag = getattr(event, "tag", None)
            if tag is not None:
                shown = tag.replace("tag:yaml.org,2002:", "!!")
                self.problem(place, f"the tag {shown} is not allowed", "take it out, and quote the value if it is text")
            if isinstance(event, ScalarEvent):
                self.scalar(event, place)
            elif isinstance(event, CollectionStartEvent):
                self.open(event, place)
            else:
                self.alias(event, place)
        elif isinstance(event, CollectionEndEvent):
            self.close()
        elif isinstance(event, DocumentStartEvent) and self.root is not None:
            place = Place(self.name, *_position(event.start_mark))
            self.stop(place, "a second document begins here", "put it into a file of its own")

    def finish(self) -> None:
        """The text is at its end."""
        if self.root is None:
            hint = "a spec begins with `version: 1` and `project: NAME`"
            raise _StopError(Problem(self.name, 0, 0, EMPTY, hint=hint))
        self.finished = True

    def scalar(self, event: ScalarEvent, place: Place) -> None:
        """A single value, or a key. What is quoted is text."""
        text, plain = str(event.value), bool(event.implicit[0])
        value = resolve(text) if plain else text
        if isinstance(value, float) and not isfinite(value):
            self.problem(place, f"{text} is not a finite number", f'quote it if it is text: "{text}"')
        unclean = UNCLEAN.search(text) if event.style == '"' else None
        if unclean:
            self.problem(place, f"the text has the control character U+{ord(unclean.group()):04X}", "take it out")
        node = Scalar(value, place, text, _position(event.end_mark))
        self.count(place, (1, len(text)))
        if event.anchor:
            self.anchors[event.anchor] = _Anchored(node, (1, len(text)), 0)
        if self.at_key():
            self.key(node, merges=plain and text == "<<")
        else:
            self.add(node, 0)

    def key(self, node: Scalar, *, merges: bool) -> None:
        """The key of the next value."""
        frame = self.stack[-1]
        if isinstance(node.value, str):
            first = frame.entries.get(node.value)
            if first and not merges:
                message = f"the key {node.text} is given twice, first in line {first.place.line}"
                self.problem(node.place, message, "keep one of the two")
        else:
            written = node.text or "null"
            self.problem(node.place, f"the key {written} is not text", f'quote it: "{written}"')
        frame.key, frame.merging, frame.wants_value = node, merges, True

    def alias(self, event: NodeEvent, place: Place) -> None:
        """A value that stands elsewhere, counted as if it stood here."""
        if any(frame.anchor == event.anchor for frame in self.stack):
            self.stop(place, f"the alias *{event.anchor} stands inside of what it names", "write the value out")
        anchored = self.anchors.get(str(event.anchor))
        if anchored is None:
            self.stop(place, f"no anchor &{event.anchor} stands before this alias", "quote it if it is text")
        if len(self.stack) + anchored.depth >= MAX_DEPTH:
            self.too_deep(place)
        if self.at_key():
            self.stop(place, "a key must be text, not an alias", "write it as text")
        self.count(place, anchored.weight)
        self.add(anchored.node, anchored.depth)

    def open(self, event: CollectionStartEvent, place: Place) -> None:
        """A map or a list begins."""
        if len(self.stack) + 1 >= MAX_DEPTH:
            self.too_deep(place)
        before = self.weight
        self.count(place, (1, 0))
        is_map = isinstance(event, MappingStartEvent)
        self.stack.append(_Frame(place, event.anchor, is_map, secret=self.in_secret(), before=before))

    def close(self) -> None:
        """A map or a list ends."""
        frame = self.stack.pop()
        node = Table(frame.entries, frame.place) if frame.is_map else Array(tuple(frame.items), frame.place)
        for name, entry in self.merged(frame):
            frame.entries.setdefault(name, entry)
        if frame.anchor:
            weight = (self.weight[0] - frame.before[0], self.weight[1] - frame.before[1])
            self.anchors[frame.anchor] = _Anchored(node, weight, frame.depth)
        self.add(node, frame.depth)

    def add(self, node: Node, depth: int) -> None:
        """A whole value goes to where it belongs."""
        if not self.stack:
            self.root = node
            return
        frame = self.stack[-1]
        frame.depth = max(frame.depth, depth + 1)
        if not frame.is_map:
            self.mask(node)
            frame.items.append(node)
        elif not frame.wants_value:
            self.problem(node.place, "a key must be text, not a map or a list", "write it as text")
            frame.key, frame.merging, frame.wants_value = None, False, True
        else:
            self.mask(node)
            key, frame.wants_value = frame.key, False
            if frame.merging:
                frame.merges.append(node)
            elif key and isinstance(key.value, str):
                frame.entries.setdefault(key.value, Entry(key.place, node))

    def merged(self, frame: _Frame) -> Iterator[tuple[str, Entry]]:
        """What merge keys bring into a map; its own keys win, and earlier merges over later ones."""
        for node in frame.merges:
            for table in node.items if isinstance(node, Array) else (node,):
                if isinstance(table, Table):
                    yield from table.entries.items()
                else:
                    self.problem(
                        table.place, "<< takes a map or a list of maps", "give it the alias of a map: <<: *name"
                    )

    def at_key(self) -> bool:
        """Whether the next value is a key."""
        return bool(self.stack) and self.stack[-1].is_map and not self.stack[-1].wants_value

    def in_secret(self) -> bool:
        """Whether the next value may not be quoted."""
        frame = self.stack[-1] if self.stack else None
        return frame is not None and (frame.secret or (frame.key is not None and frame.key.text in self.secret_words))

    def mask(self, node: Node) -> None:
        """Remember where the values stand that may not be quoted."""
        if self.in_secret():
            self.masked += (((at.place.line, at.place.column), at.end) for at in scalars(node))

    def count(self, place: Place, weight: tuple[int, int]) -> None:
        """Stop once the file stands for more than its bounds."""
        self.weight = (self.weight[0] + weight[0], self.weight[1] + weight[1])
        if self.weight[0] > MAX_VALUES or self.weight[1] > MAX_TEXT:
            message = f"the file stands for more than {MAX_VALUES:,} values or {MAX_TEXT:,} characters"
            self.stop(place, message, "use fewer aliases, or split the spec into several files")

    def too_deep(self, place: Place) -> NoReturn:
        """Refuse a nest."""
        self.stop(place, f"maps and lists are nested {MAX_DEPTH} levels deep", "write the spec flatter")

    def stop(self, place: Place, message: str, hint: str) -> NoReturn:
        """Refuse the rest of the file."""
        raise _StopError(Problem(place.file, place.line, place.column, message, self.where(), hint=hint))

    def problem(self, place: Place, message: str, hint: str) -> None:
        """Refuse something and read on."""
        self.problems.append(Problem(place.file, place.line, place.column, message, self.where(), hint=hint))

    def where(self) -> str:
        """The way to what is being read: `agents.support.customTools[0]`."""
        inside: list[str | int] = []
        for frame in self.stack:
            if not frame.is_map:
                inside.append(len(frame.items))
            elif frame.wants_value and frame.key:
                inside.append(frame.key.text)
        return spell(tuple(inside))


def _position(mark: Any) -> tuple[int, int]:
    """Line and column of a parser's mark, from 1."""
    return mark.line + 1, mark.column + 1
