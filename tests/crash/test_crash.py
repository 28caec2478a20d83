"""A sample of the crash proof, the same every time and with every sort of case in it; `make crash` plays all of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from crash import table
from crash.homes import HOMES
from crash.matrix import BOUNDARIES, CROWDS
from crash.scenes import SCENES
from crash.world import PROFILES

ROOT = Path(__file__).parents[2]
ROUNDS = {"local": 2}
"""How often each sort of case is played; once in stores that cost more."""


def played(proof: str, store: str) -> list[dict[str, Any]]:
    """The results of a sample. It runs as a program of its own, since it forks, and this process may have threads."""
    paths = [str(ROOT), str(ROOT / "tests"), *(path for path in sys.path if path)]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "COV_"))}
    program = [
        sys.executable,
        "-m",
        "crash",
        "--proof",
        proof,
        "--store",
        store,
        "--sample",
        str(ROUNDS.get(store, 1)),
        "--json",
    ]
    ended = subprocess.run(
        program, env={**environ, "PYTHONPATH": os.pathsep.join(paths)}, capture_output=True, text=True, timeout=600, check=False
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    results = [json.loads(line) for line in ended.stdout.splitlines()]
    assert {one["profile"] for one in results} == set(PROFILES)
    assert all(one["verdict"] in {"alone", "person"} and not one["twice"] for one in results)
    return results


@pytest.mark.parametrize("store", HOMES)
def test_no_kill_and_no_fault_leads_to_a_second_purchase(store):
    results = played("killed", store)
    assert {one["fault"].partition(" at ")[0] for one in results} == {
        fault.name for scene in SCENES.values() for fault in scene.faults()
    }
    special = {"none", "before a read", "under way a write", "under way a read"}
    assert {one["boundary"] for one in results} == {*BOUNDARIES, *special}
    assert {one["proof"] for one in results} == {f"killed while {scene}" for scene in SCENES}


@pytest.mark.parametrize("store", HOMES)
def test_of_runs_at_once_one_wins_and_the_others_send_nothing(store):
    results = played("together", store)
    assert {one["proof"] for one in results} == {f"{count} runs at once" for count in CROWDS}


@pytest.mark.parametrize("store", HOMES)
def test_a_stopped_run_sends_nothing_once_another_has_taken_over(store):
    results = played("paused", store)
    assert {one["proof"] for one in results} == {f"paused while {scene}" for scene in SCENES}


@pytest.mark.parametrize("store", HOMES)
def test_a_store_that_fails_forgets_nothing(store):
    results = played("failing", store)
    assert {one["boundary"] for one in results} == {"before a swap", "after a write"}


def test_the_table_in_the_docs_has_every_api_and_fate_of_a_run_and_nothing_was_bought_twice():
    header, line, *rows = table.read(ROOT / "docs" / "safety.md")
    assert (tuple(header), len(line)) == (table.COLUMNS, len(table.COLUMNS))
    stores = {row[0] for row in rows}
    assert "local" in stores
    assert tuple(tuple(row[:3]) for row in rows) == tuple(row for row in table.ROWS if row[0] in stores)
    assert {row[-1] for row in rows} == {"0"}
