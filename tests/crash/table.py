"""The table of how all cases came out, as text and as a block of a document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from .cases import Result
from .homes import HOMES
from .matrix import CROWDS
from .scenes import SCENES
from .world import PROFILES

COLUMNS = ("store", "API", "what happens to a run", "cases", "converged alone", "stopped for a person", "bought twice")
WHAT = (
    *(f"killed while {scene}" for scene in SCENES),
    *(f"paused while {scene}" for scene in SCENES),
    *(f"store fails while {scene}" for scene in SCENES),
    *(f"{count} runs at once" for count in CROWDS),
)
ROWS = tuple((store, api, what) for store in HOMES for api in PROFILES for what in WHAT)
BLOCK = re.compile(r"(?s)(<!-- crash: written by `make crash` -->\n).*?(<!-- /crash -->)")


def _key(result: Result) -> tuple[int, int, int]:
    return [*HOMES].index(result.store), PROFILES.index(result.profile), WHAT.index(result.proof)


def lines(results: Iterable[Result]) -> list[Sequence[str]]:
    """A row for each store, API and fate of a run that there are results of."""
    found = []
    for (store, api, what), group in groupby(
        sorted(results, key=_key), lambda one: (one.store, one.profile, one.proof)
    ):
        each = list(group)
        alone, person = (sum(one.verdict == verdict for one in each) for verdict in ("alone", "person"))
        twice = sum(bool(one.twice) for one in each)
        found.append((store, api, what, *(f"{count:,}" for count in (len(each), alone, person, twice))))
    return found


def markdown(results: Iterable[Result]) -> str:
    """The table for a document."""
    rows = [COLUMNS, ("---",) * 3 + ("---:",) * 4, *lines(results)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def text(results: Iterable[Result]) -> str:
    """The table for a terminal."""
    rows = [COLUMNS, *lines(results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def write(path: Path, results: Iterable[Result]) -> None:
    """Write the table into a document, between its marks."""
    before = path.read_text(encoding="utf-8")
    after, count = BLOCK.subn(lambda found: f"{found[1]}{markdown(results)}{found[2]}", before)
    if count != 1:
        raise SystemExit(
            f"{path} has no place for the table: <!-- crash: written by `make crash` --> … <!-- /crash -->"
        )
    path.write_text(after, encoding="utf-8")


def read(path: Path) -> list[list[str]]:
    """The cells of the table in a document."""
    found = BLOCK.search(path.read_text(encoding="utf-8"))
    rows = found[0].splitlines()[1:-1] if found else []
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
