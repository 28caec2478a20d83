"""What a spec says about its names: `moved`, which key something had before, and `forget`, what is nobody's from now.

Old entries may stay: what was `a`, then `b`, then `c` is found under `c` whichever of them the state knows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from apreconcile.core.address import Address
from apreconcile.core.call import Secret
from apreconcile.core.kind import Kind
from apreconcile.core.place import Place

from .document import Document
from .tree import Array, Entry, Node, Scalar, Table
from .variables import Scope, meant

SIDES = ("from", "to")
_SHAPES = {"moved": "[{from: number.old, to: number.new}]", "forget": "[number.old]"}

_Named: TypeAlias = tuple[Address, Place]
_Pair: TypeAlias = tuple[_Named, _Named]


def read_names(
    document: Document, kinds: Sequence[Kind], scope: Scope, keys: Collection[Address], *, whole: bool
) -> tuple[dict[Address, Address], tuple[Address, ...]]:
    """For each former address the one it has now, and the addresses to forget.

    `keys` are the addresses that the spec has, in whichever environment; `whole` unless a file is unread.
    """
    reader = _Reader(scope, tuple(kind.name for kind in kinds), keys, whole=whole)
    pairs = [pair for node in reader.items(document, "moved") if (pair := reader.pair(node))]
    moved = {old: (new, place) for (old, place), (new, _) in reversed(pairs)}
    reader.check_moves(pairs, moved)
    forget = [one for node in reader.items(document, "forget") if (one := reader.address(node, "forget"))]
    reader.check_forget(forget, {at for pair in pairs for at, _ in pair})
    ends = {old: end for old in sorted(moved) if (end := _end(old, moved))}
    return ends, tuple(sorted({at for at, _ in forget}))


def _end(old: Address, moved: Mapping[Address, _Named]) -> Address | None:
    """Where a chain of moves leads; None if it leads back to itself."""
    at, passed = old, set[Address]()
    while at in moved:
        if at in passed:
            return None
        passed.add(at)
        at = moved[at][0]
    return at


@dataclass(frozen=True, slots=True)
class _Reader:
    scope: Scope
    kinds: tuple[str, ...]
    keys: Collection[Address]
    whole: bool

    def items(self, document: Document, name: str) -> Iterator[Node]:
        """The items of a list that several files may have."""
        for entry in document.lists[name]:
            if isinstance(entry.node, Array):
                yield from entry.node.items
            else:
                self._tell(entry.node.place, "must be a list", name, f"write {name}: {_SHAPES[name]}, or leave it out")

    def pair(self, node: Node) -> _Pair | None:
        """One entry of `moved`; None if it is none."""
        entries: Mapping[str, Entry] = node.entries if isinstance(node, Table) else {}
        hint = "write {from: number.old, to: number.new}"
        if not entries:
            self._tell(node.place, "must be a map with `from` and `to`", "moved", hint)
            return None
        for name in entries.keys() - set(SIDES):
            self._tell(entries[name].place, f"there is no field `{name}`", "moved", meant(name, SIDES) or hint)
        for name in SIDES:
            if name not in entries:
                self._tell(node.place, f"`{name}` is missing", "moved", hint)
        sides = [self.address(entries[name].node, f"moved: {name}") for name in SIDES if name in entries]
        return (sides[0], sides[1]) if len(sides) == len(SIDES) and sides[0] and sides[1] else None

    def address(self, node: Node, subject: str) -> _Named | None:
        """An address of a kind that there is; None if it is none."""
        hint = "write KIND.KEY, such as number.main"
        text = self.scope.text(node, subject) if isinstance(node, Scalar) and isinstance(node.value, str) else ""
        if text is None:
            return None
        found = None if isinstance(text, Secret) else Address.parse(text)
        if found is None:
            self._tell(node.place, "must be an address", subject, hint)
        elif found.kind not in self.kinds:
            hint = meant(found.kind, self.kinds) or f"kinds are {', '.join(self.kinds)}"
            self._tell(node.place, f"there is no kind `{found.kind}`", subject, hint)
            return None
        return (found, node.place) if found else None

    def check_moves(self, pairs: Sequence[_Pair], moved: Mapping[Address, _Named]) -> None:
        """Tell which moves cannot be."""
        sources, targets = dict[Address, Place](), dict[Address, Place]()
        for (old, place), (new, target) in pairs:
            if old.kind != new.kind:
                hint = f"write {old.kind}.{new.key}, or take it out"
                self._tell(target, f"{old} cannot become {new}: a move changes the key only", "moved: to", hint)
            elif old == new:
                self._tell(target, f"{old} is moved to itself", "moved: to", "take it out")
            elif _end(old, moved) is None:
                hint = "name each key once, the oldest in the first `from`"
                self._tell(place, f"{old} is moved in a circle", "moved: from", hint)
            elif self.whole and new not in self.keys and new not in moved:
                near = meant(str(new), [str(at) for at in self.keys if at.kind == new.kind])
                hint = near or "add it, or take the entry out"
                self._tell(target, f"the spec has no {new}", "moved: to", hint)
            if old in self.keys:
                hint = "rename it there; or take the entry out, if that is another one under the old key"
                self._tell(place, f"the spec still has {old}", "moved: from", hint)
            self._once(sources, old, place, "moved: from")
            self._once(targets, new, target, "moved: to")

    def check_forget(self, forget: Sequence[_Named], moving: Collection[Address]) -> None:
        """Tell what cannot be forgotten."""
        listed: dict[Address, Place] = {}
        for at, place in forget:
            if at in self.keys:
                hint = "take it out of there: what is forgotten is not managed any more; or take it out of `forget`"
                self._tell(place, f"the spec still has {at}", "forget", hint)
            if at in moving:
                self._tell(place, f"{at} is named in `moved` too", "forget", "take it out of one of the two")
            self._once(listed, at, place, "forget")

    def _once(self, listed: dict[Address, Place], at: Address, place: Place, subject: str) -> None:
        first = listed.setdefault(at, place)
        if first != place:
            self._tell(place, f"{at} is given twice, first at {first}", subject, "keep one of the two")

    def _tell(self, place: Place, message: str, subject: str, hint: str) -> None:
        self.scope.findings.add(place, message, subject=subject, hint=hint)
