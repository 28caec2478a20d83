"""The rules of docs/architecture.md that no linter knows."""

from __future__ import annotations

import ast
import re
import statistics
import tomllib
from pathlib import Path

import pytest

import apreconcile
from apreconcile.core import errors
from apreconcile.kinds import KINDS

ROOT = Path(__file__).parents[1]
HOUSE = ROOT / "apreconcile"
MODULES = sorted(HOUSE.rglob("*.py"))
ACTION = sorted((ROOT / "action").glob("*.py"))
SOURCES = [*MODULES, *ACTION, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "bench").rglob("*.py"))]

MODULE_LINES, MODULE_MEDIAN = 400, 120
FUNCTION_LINES, FUNCTION_P90 = 60, 30
COMMAND_LINES = 20
KIND_LINES = 210
"""A kind whole: its fields with their ranges, its calls, its risks, its words."""

NAMELESS = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc", "types", "constants"}
IMPURE_NAMES = {"open", "print", "input", "exec", "eval"}
IMPURE_METHODS = {"now", "utcnow", "today", "read_text", "read_bytes", "write_text", "uuid4"}


def _named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def _functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or 0) - function.lineno + 1


@pytest.mark.parametrize("path", [*MODULES, *ACTION], ids=_named)
def test_a_module_says_first_what_is_true_of_it_and_ends_in_time(path: Path) -> None:
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    assert re.match(r"(?s)\S.{10,}?[.?:](\s|$)", said), "the docstring's first sentence"
    assert _lines(path) <= MODULE_LINES
    assert path.stem not in NAMELESS, "a module is named for what it holds"
    long = {function.name: _length(function) for function in _functions(path) if _length(function) > FUNCTION_LINES}
    assert not long


def test_most_modules_and_functions_are_short() -> None:
    assert statistics.median(map(_lines, MODULES)) <= MODULE_MEDIAN
    lengths = sorted(_length(function) for path in MODULES for function in _functions(path))
    assert lengths[len(lengths) * 9 // 10] <= FUNCTION_P90


@pytest.mark.parametrize("path", [path for path in (HOUSE / "kinds").glob("*.py") if path.stem[0] != "_"], ids=_named)
def test_a_kind_fits_a_file_that_can_be_read_at_once(path: Path) -> None:
    assert _lines(path) <= KIND_LINES


@pytest.mark.parametrize("path", sorted((HOUSE / "cli").glob("*.py")), ids=_named)
def test_the_body_of_a_command_is_short(path: Path) -> None:
    for function in _functions(path):
        called = [node.func for node in function.decorator_list if isinstance(node, ast.Call)]
        if any(isinstance(name, ast.Name) and name.id == "command" for name in called):
            first = function.body[1] if len(function.body) > 1 else function.body[0]
            assert (function.end_lineno or 0) - first.lineno + 1 <= COMMAND_LINES, function.name


@pytest.mark.parametrize("path", SOURCES, ids=_named)
def test_every_exception_to_a_rule_has_a_reason(path: Path) -> None:
    if path == Path(__file__):
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        if "# noqa" in line or "# type: ignore" in line or "# pragma" in line:
            mark = r"# (noqa: [A-Z0-9, ]+|type: ignore\[[a-z-]+\]|pragma: no (cover|branch))"
            assert re.search(rf"{mark}( -- | \().+", line), line


@pytest.mark.parametrize("path", MODULES, ids=_named)
def test_no_import_is_hidden_from_the_running_program(path: Path) -> None:
    assert "TYPE_CHECKING" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "path", [path for wing in ("core", "kinds", "show") for path in (HOUSE / wing).rglob("*.py")], ids=_named
)
def test_core_kinds_and_show_are_handed_what_they_need(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            assert getattr(node.func, "id", "") not in IMPURE_NAMES, f"line {node.lineno}"
            assert getattr(node.func, "attr", "") not in IMPURE_METHODS, f"line {node.lineno}"
        assert not isinstance(node, ast.AsyncFunctionDef | ast.Await), "plain functions"


@pytest.mark.parametrize("path", [path for path in MODULES if "programs" not in path.parts], ids=_named)
def test_only_programs_starts_a_program(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            starts = re.match(r"(create_)?subprocess|popen|posix_spawn|exec[lv]|spawn[lv]|fork", node.attr)
            assert not starts, f"line {node.lineno}"
            assert (getattr(node.value, "id", ""), node.attr) != ("os", "system"), f"line {node.lineno}"


def test_a_wing_is_forgotten_by_no_contract() -> None:
    """A list of what is forbidden says nothing of a wing that it does not name."""
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    contracts = {rule["id"]: rule for rule in rules}
    parts = {
        f"apreconcile.{path.stem}"
        for path in HOUSE.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    parts -= {"apreconcile.__init__", "apreconcile.__main__", "apreconcile.sandbox"}
    assert set(contracts["sandbox-imports-nothing-of-ours"]["forbidden_modules"]) == parts
    assert set(contracts["one-http"]["source_modules"]) == parts - {
        "apreconcile.cli",
        "apreconcile.live",
        "apreconcile.version",
    }


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    drawn = {
        name: (len(branch) // 4, int(code) if code else None)
        for branch, name, code in re.findall(
            r"^((?:[│ ]   )*(?:[├└]── )?)(\w+):?(?: .*?(\d+))?$", str(errors.__doc__).partition("\n\n")[2], re.MULTILINE
        )
    }
    found = {}

    def walk(error: type[errors.Error], depth: int) -> None:
        found[error.__name__] = (depth, error.exit_code if depth else None)
        for child in error.__subclasses__():
            if child.__module__ == errors.__name__:
                walk(child, depth + 1)

    walk(errors.Error, 0)
    assert {name: at for name, (at, _) in drawn.items()} == {name: at for name, (at, _) in found.items()}
    assert {name: code for name, (_, code) in drawn.items() if code} == {n: c for n, (_, c) in found.items() if c}


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_every_kind_has_golden_cases_a_sandbox_and_a_page(kind: str) -> None:
    assert list((ROOT / "tests/kinds/cases" / kind).glob("*.yaml"))
    routes = (HOUSE / "sandbox/routes.py").read_text(encoding="utf-8")
    assert f'"{kind}s"' in routes or f"/{kind}s" in routes
    reference = (ROOT / "docs/reference.md").read_text(encoding="utf-8")
    assert re.search(rf"(?m)^### .*`{kind}\.", reference)


def test_the_face_is_a_dozen_names_and_the_stub_says_the_same() -> None:
    stub = ast.parse((HOUSE / "__init__.pyi").read_text(encoding="utf-8"))
    imported = {alias.name for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert imported == set(apreconcile.__all__)
    assert set(dir(apreconcile)) == imported
    assert len(imported - {"__version__"}) <= 14
    homes = {
        node.module: [alias.name for alias in node.names] for node in stub.body if isinstance(node, ast.ImportFrom)
    }
    for module, names in homes.items():
        for name in names:
            found = getattr(apreconcile, name)
            assert getattr(found, "__module__", f"apreconcile.{module}") == f"apreconcile.{module}"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = apreconcile.nothing


def test_every_pin_is_exact_and_names_no_address() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line) for line in lines)
    pinned = {re.sub(r"[-_.]+", "-", line.partition("==")[0]).lower() for line in lines}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["dev"]]
    names = {
        re.sub(r"[-_.]+", "-", re.split(r"[<>=; ]", one)[0]).lower() for one in (*wanted, "hatchling", "editables")
    }
    assert names <= pinned


def test_every_rule_of_ruff_that_is_off_says_why() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = re.findall(r'(?m)^ +"[A-Z]+\d*"(?:, "[A-Z]+\d*")*,(.*)$', text[text.index("[tool.ruff.lint]") :])
    assert listed
    assert all(re.search(r"# \S+", comment) for comment in listed)
