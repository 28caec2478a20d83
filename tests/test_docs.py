"""The docs say what the code does: what can be run is run, what can be compared is compared."""

from __future__ import annotations

import asyncio
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

import apreconcile
from apreconcile.cli.program import program
from apreconcile.core import errors
from apreconcile.core.kind import ClearsWith, Default, Kind
from apreconcile.core.outcome import Word
from apreconcile.core.risk import Risk
from apreconcile.core.wanted import API_KEYS
from apreconcile.kinds import KINDS
from apreconcile.kinds.agent import CustomTool
from apreconcile.sandbox import Options, running

ROOT = Path(__file__).parents[1]
DOCS = {path.name: path.read_text(encoding="utf-8") for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"))}
REFERENCE, CODES, README = DOCS["reference.md"], DOCS["exit-codes.md"], DOCS["README.md"]


def _commands(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        if isinstance(found, click.Group):
            yield from _commands(found, f"{before}{name} ")
        else:
            yield f"{before}{name}", found


COMMANDS = dict(_commands(program))


def _section(title: str) -> str:
    """The text under a heading of the reference, to the next heading of its level."""
    found = re.search(rf"(?ms)^(#+) [^\n]*{re.escape(title)}[^\n]*\n(.*?)(?=^#{{1,3}} |\Z)", REFERENCE)
    assert found, title
    return found[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_its_options_are_in_the_reference(name: str) -> None:
    assert re.search(rf"`(apreconcile )?{name}\b", REFERENCE)
    section = _section(
        "`apreconcile sandbox`" if name.startswith("sandbox") else f"apreconcile {name.partition(' ')[0]}"
    )
    shared = _section("Commands")
    for param in COMMANDS[name].params:
        for option in (*param.opts, *param.secondary_opts) if isinstance(param, click.Option) else ():
            assert option in section or f"`{option}" in shared, option


def test_no_option_is_documented_that_does_not_exist() -> None:
    known = {option for command in COMMANDS.values() for param in command.params for option in param.opts}
    known |= {"--help", "--version"}
    for name, text in DOCS.items():
        if name not in {"CHANGELOG.md", "CONTRIBUTING.md", "architecture.md"}:
            assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) <= known, name


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_field_of_a_kind_is_in_the_reference(kind: Kind) -> None:
    section = _section(f"`{kind.name}.KEY`")
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)] for row in re.findall(r"(?m)^\| `.*$", section)]
    rows = {row[1].strip("`"): row for row in cells if len(row) == 6}
    assert set(rows) == set(kind.marks)
    tool = {row[1].strip("`") for row in cells if len(row) == 4}
    assert tool == (set(CustomTool.model_fields) if kind.name == "agent" else set())
    for name, info in kind.spec.model_fields.items():
        row = rows[name]
        limits = [getattr(mark, side) for mark in _bounds(info) for side in ("ge", "le") if hasattr(mark, side)]
        assert all(re.search(rf"\b{re.escape(str(limit))}\b", row[2]) for limit in limits), name
        default = kind.mark(name, Default)
        shown = default.value if default else None
        shown = str(shown).lower() if isinstance(shown, bool) else shown
        assert row[3].strip("`") == ("" if shown is None else str(shown)), name
        assert bool(row[4]) == bool(kind.mark(name, ClearsWith)), name
    assert all(f"`{verb}:`" in section for verb in kind.verb.values())


def _bounds(info: Any) -> list[Any]:
    """The bounds of a field, also those inside of `T | None`."""
    inner = [mark for part in getattr(info.annotation, "__args__", ()) for mark in getattr(part, "__metadata__", ())]
    return [*info.metadata, *inner]


def test_every_choice_of_a_field_is_in_the_reference() -> None:
    for kind in KINDS:
        section = _section(f"`{kind.name}.KEY`")
        for name, info in kind.spec.model_fields.items():
            choices = re.findall(r"'([^']+)'", str(info.annotation)) if "Literal" in str(info.annotation) else []
            if len(choices) < 10:
                assert all(f"`{choice}`" in section for choice in choices), name
            else:
                assert f"{len(choices)} language tags" in section


def _errors(error: type[errors.Error]) -> Iterator[type[errors.Error]]:
    yield error
    for child in error.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _errors(child)


def test_every_error_stands_beside_its_exit_code() -> None:
    rows = {int(row[0]): row[1] for row in re.findall(r"(?m)^\| (\d+) \|.*\|([^|]*)\|$", CODES)}
    listed = {name: code for code, names in rows.items() for name in re.findall(r"`(\w+)`", names)}
    assert listed == {error.__name__: error.exit_code for error in _errors(errors.Error)}
    assert sorted(rows) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 64, 130]
    assert all(f"`{word}`" in CODES for word in Word)


def test_every_risk_and_every_name_of_the_library_is_in_the_reference() -> None:
    assert all(f"`{risk}`" in REFERENCE for risk in Risk)
    library = _section("The library")
    assert all(re.search(rf"`(await )?{re.escape(name)}\b", library) for name in apreconcile.__all__)


def test_every_environment_variable_that_is_read_is_in_the_reference() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "apreconcile/cli").glob("*.py"))
    named = {*re.findall(r'"((?:AGENTPHONE_[A-Z_]+|NO_COLOR|CI))"', code), *API_KEYS}
    assert named >= {"AGENTPHONE_API_KEY", "CI"}
    assert all(f"| `{name}` |" in REFERENCE for name in named)


def test_the_core_that_is_described_is_the_core_that_is() -> None:
    described = DOCS["architecture.md"].partition("## The core")[2].partition("| type |")[0]
    there = {path.stem for path in (ROOT / "apreconcile/core").rglob("*.py") if path.stem[0] != "_"}
    assert there <= set(re.findall(r"`(\w+)`", described))


def test_every_attack_that_is_told_is_a_test_and_every_attack_is_told() -> None:
    """A table belongs to the files that the line before it names."""
    section = DOCS["safety.md"].partition("## What was tried\n")[2].partition("\n## ")[0]
    told, rows = set[tuple[str, str]](), 0
    tests: dict[str, str] = {}
    for line in section.splitlines():
        if found := re.findall(r"`(tests/[\w/]+\.py)`", line):
            tests = {test: file for file in found for test in _tests(ROOT / file)}
        elif named := re.fullmatch(r"\| .* \| `(test_\w+)` \|", line):
            assert named[1] in tests, named[1]
            told.add((tests[named[1]], named[1]))
            rows += 1
        else:
            assert not re.match(r"\|(?!---)(?!.* the test \|$)", line), line
    files = [path.relative_to(ROOT).as_posix() for path in (ROOT / "tests/attacks").glob("test_*.py")]
    assert {(file, test) for file in files for test in _tests(ROOT / file)} <= told
    assert rows == len(told) >= 25


def _tests(path: Path) -> list[str]:
    return re.findall(r"(?m)^(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", DOCS)
def test_every_link_leads_somewhere(name: str) -> None:
    home = ROOT / ("docs" if (ROOT / "docs" / name).exists() else ".")
    for target in re.findall(r"\]\(([^)#][^)]*)\)", DOCS[name]):
        if not target.startswith("https://"):
            assert (home / target.partition("#")[0]).exists(), target
    anchors = {
        re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"(?m)^#+ (.*)$", DOCS[name])
    }
    assert {target[1:] for target in re.findall(r"\]\((#[^)]*)\)", DOCS[name])} <= anchors


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the examples, in a folder with a space in its name, and an environment without our variables."""
    folder = tmp_path / "a desk"
    shutil.copytree(ROOT / "examples", folder / "examples")
    for name in [name for name in os.environ if name.startswith("AGENTPHONE_")] + ["CI", "NO_COLOR"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(folder)
    return folder


def _run(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, timeout=60, check=False)


def _sessions() -> list[list[str]]:
    """The README's blocks of `console`, each as its lines."""
    return [block.splitlines() for block in re.findall(r"(?ms)^```console\n(.*?)^```", README)]


def test_the_sessions_of_the_readme_are_what_happens(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = ""
    for session in _sessions():
        commands = [index for index, line in enumerate(session) if line.startswith("$ ")]
        for index, following in zip(commands, [*commands[1:], len(session)], strict=True):
            words = shlex.split(re.sub(r"(?<=--approve )\S+", token, session[index][2:]))
            if words[0] == "cd":
                monkeypatch.chdir(words[1])
            elif words[:2] == ["sed", "-i"]:
                edited = subprocess.run(["sed", *words[2:]], capture_output=True, check=True).stdout
                Path(words[-1]).write_bytes(edited)
            elif words[0] == "apreconcile":
                ran = _run(words)
                token = next(iter(re.findall(r"(?m)^ +(\w+:\S+@[0-9a-f]{32})$", ran.stdout)), token)
                assert ran.returncode == (3 if "held" in "".join(session[index + 1 : following]) else 0), ran.stderr
                _compare([line for line in session[index + 1 : following] if line.strip()], ran.stdout)
    assert (desk / "examples/.apreconcile/sandbox.db").exists()


def _compare(expected: list[str], shown: str) -> None:
    """Every line that the README shows is printed, in this order; ids, tokens and phone numbers differ. … stands for more."""
    lines = iter([_plain(line) for line in shown.splitlines()])
    for line in expected:
        if line.strip() != "…":
            assert any(_plain(line) == each for each in lines), f"{line!r} in\n{shown}"


def _plain(line: str) -> str:
    line = re.sub(r"@[0-9a-f]{32}", "@TOKEN", line)
    line = re.sub(r"\+1415\d{7}", "PHONE", line)
    return " ".join(re.sub(r"\b[a-z0-9]{25}\b", "ID", line).split())


def test_the_library_in_ten_lines_does_what_the_readme_says(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = next(block for block in re.findall(r"(?ms)^```python\n(.*?)^```", README) if "apreconcile.apply" in block)
    assert len([line for line in code.splitlines() if line.strip() and "import" not in line.split()[0]]) <= 10
    (desk / "ten.py").write_text(code, encoding="utf-8")
    with running(Options(db=":memory:")) as server:
        monkeypatch.setenv("AGENTPHONE_BASE_URL", server.url)
        monkeypatch.setenv("AGENTPHONE_API_KEY", "any")
        monkeypatch.delenv("CI", raising=False)
        runpy.run_path("ten.py", run_name="__main__")
        assert capsys.readouterr().out.split() == ["0", "True"]
        assert asyncio.run(_empty_now(server.url))


async def _empty_now(url: str) -> bool:
    manifest = apreconcile.load(["examples/agentphone.yaml"])
    async with apreconcile.connect(manifest, key="any", base_url=url) as account:
        return (await apreconcile.plan(account)).plan.empty


def test_the_spec_in_the_readme_is_the_example() -> None:
    shown = re.findall(r"(?ms)^```yaml\n(.*?)^```", README)[0]
    example = (ROOT / "examples/agentphone.yaml").read_text(encoding="utf-8")
    assert shown in example


def test_the_demo_asserts_every_command_that_it_shows() -> None:
    script = (ROOT / "examples/demo.sh").read_text(encoding="utf-8")
    shown = [line for line in script.splitlines() if line.startswith("run ")]
    assert len(shown) >= 8
    assert all(re.match(r"run \d+ apreconcile ", line) for line in shown)
