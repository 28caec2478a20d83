"""Mutation testing: a change of the program that no test notices is explained in mutants.toml, or this fails.

mutmut changes one thing at a time in the modules that `[tool.mutmut]` of pyproject.toml names, and runs the tests that
come there. What they let pass is either the same program, or wants a test. Its numbers shift with the code: an
explanation is known by the function and its changed lines.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXPLAINED = Path(__file__).with_name("mutants.toml")
MUTMUT = Path(sys.executable).with_name("mutmut")
NAME = re.compile(r"apreconcile\.(?P<module>.+)\.x(?:_|ǁ(?P<owner>[^ǁ]+)ǁ)(?P<function>.+)__mutmut_\d+")


@dataclass(frozen=True, slots=True, order=True)
class Mutant:
    """A change: the function it is of, and the lines that it takes away (`- `) and puts there (`+ `)."""

    of: str
    change: tuple[str, ...]

    def __str__(self) -> str:
        return "\n    ".join((self.of, *self.change))


def main(workers: str) -> int:
    """Run mutmut from scratch, since it keeps what it knew when only tests changed, and judge what is left."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    mutmut = project["tool"]["mutmut"]
    nameless = renamed([str(ROOT / path) for path in mutmut["pytest_add_cli_args_test_selection"]])
    if nameless:
        sys.stdout.write("\n".join([*nameless, ""]))
        return 1
    shutil.rmtree(ROOT / "mutants", ignore_errors=True)
    subprocess.run([MUTMUT, "run", "--max-children", workers], cwd=ROOT, check=True)
    words = dict(verdicts(_said("results", "--all", "true")))
    found = [mutant(name, _said("show", name)) for name, word in words.items() if word != "killed"]
    wrong = [*unseen(mutmut["only_mutate"], words), *judged(found, explained(EXPLAINED))]
    sys.stdout.write("\n".join([*wrong, f"{len(words)} mutants, {len(found)} not killed, {len(wrong)} faults", ""]))
    return 1 if wrong else 0


def _said(*words: str) -> str:
    return subprocess.run([MUTMUT, *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout


@dataclass(slots=True)
class _Names:
    """A plugin of pytest that keeps what the tests are called."""

    known: list[str] = field(default_factory=list)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        self.known = [item.nodeid for item in items]


def renamed(tests: Sequence[str]) -> list[str]:
    """The tests that pytest calls otherwise when one process collects them again, as mutmut does.

    Then mutmut cannot run them, and takes that for a failure: every mutant that they come to would count as noticed.
    """
    first, again = _Names(), _Names()
    for names in (first, again):
        with redirect_stdout(io.StringIO()):
            pytest.main(["--collect-only", "-q", *tests], plugins=[names])
    left = set(again.known)
    return [f"its name is not the same twice: {name}" for name in first.known if name not in left]


def verdicts(text: str) -> Iterator[tuple[str, str]]:
    """Each mutant's name and word, from what `mutmut results` says."""
    for line in text.splitlines():
        name, _, word = line.strip().partition(": ")
        yield name, word


def mutant(name: str, text: str) -> Mutant:
    """The mutant of this name, from what `mutmut show` says of it."""
    found = NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"{name!r} is no name of a mutant")
    of = ".".join(part for part in found.groups() if part)
    diff = text.partition("@@")[2].splitlines()[1:]
    return Mutant(of, lines(line for line in diff if line[:1] in ("-", "+")))


def lines(text: Iterable[str]) -> tuple[str, ...]:
    """The lines of a change, however they are indented."""
    return tuple(f"{line[0]} {line[1:].strip()}" for line in text if line.strip())


def explained(path: Path) -> list[Mutant]:
    """The mutants for which a file gives a reason."""
    listed = tomllib.loads(path.read_text(encoding="utf-8")).get("mutant", [])
    without = [one["of"] for one in listed if not one.get("why", "").strip()]
    if without:
        raise ValueError(f"{path.name} gives no reason for a mutant of {without[0]}")
    return [Mutant(one["of"], lines(one["change"].splitlines())) for one in listed]


def unseen(modules: Sequence[str], words: Mapping[str, str]) -> list[str]:
    """The modules of which nothing was changed at all: nobody would miss their mutants."""
    known = {name.partition(".x")[0].replace(".", "/") + ".py" for name in words}
    return [f"{module} has no mutants: is it still there?" for module in modules if module not in known]


def judged(found: Iterable[Mutant], known: Iterable[Mutant]) -> list[str]:
    """What is wrong: mutants that nothing explains, and explanations of mutants that are not there any more."""
    left, reasons = Counter(found), Counter(known)
    return [
        *(f"no test notices, and nothing explains: {one}" for one in sorted((left - reasons).elements())),
        *(f"explained, and not there any more: {one}" for one in sorted((reasons - left).elements())),
    ]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
