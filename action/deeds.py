"""What is done, one function a command: apreconcile is run, and what came of it is put into words for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import words
from child import Ended, run, show
from event import APPLY, DRIFT, PLAN, VALIDATE

_PATIENCE = "--lock-timeout=5m"
"""How long an apply waits for one that is under way: as long as a lock lasts."""
_OVER = (0, 130)
"""Exit codes of an apply after which nobody looks what is left."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the workflow asks for. `results` is the folder in which plan and report are written."""

    command: str
    specs: tuple[str, ...]
    environment: str
    approvals: tuple[str, ...]
    variables: tuple[str, ...]
    policy_from: str
    results: Path

    @property
    def plan(self) -> Path:
        """Where a plan is saved."""
        return self.results / "plan.json"

    @property
    def report(self) -> Path:
        """Where the report of an apply is saved."""
        return self.results / "report.json"

    def args(self, policy: str | None = None) -> list[str]:
        """The arguments that say what it is about, and whose policy counts."""
        environment = [f"--env={self.environment}"] if self.environment else []
        variables = [f"--var={one}" for one in self.variables]
        source = [f"--policy-from={policy}"] if policy else []
        return [*(f"--file={path}" for path in self.specs), *environment, *variables, *source]

    def approving(self) -> list[str]:
        """The files of approvals that are there, as arguments; a missing one is said, and approves nothing."""
        for path in self.approvals:
            if not Path(path).exists():
                show(f"There is no file of approvals {path}: nothing is approved there.")
        return [f"--approvals={path}" for path in self.approvals if Path(path).exists()]


@dataclass(frozen=True, slots=True)
class Told:
    """An exit code, and what people read about it, as Markdown."""

    code: int
    text: str


def validate(inputs: Inputs, policy: str | None) -> Told:
    """Check the spec, offline and without a key."""
    ended = _shown(run(["validate", *inputs.args(policy)], key=False))
    return Told(ended.code, words.fenced(ended.out + ended.err))


def plan(inputs: Inputs, policy: str | None) -> Told:
    """Plan, and save the plan."""
    ended = _planned(inputs, [*inputs.args(policy), *inputs.approving(), "--detailed-exitcode"])
    tokens = ["TOKEN"] if any(step["token"] for step in _read(inputs.plan).get("steps", ())) else []
    return Told(ended.code, _looked(ended) + words.approving(tokens, inputs.approvals))


def apply(inputs: Inputs, policy: str | None) -> Told:
    """Apply, save the report, and plan what is left, so that it can be approved."""
    args = [*inputs.args(policy), *inputs.approving()]
    ended = run(["apply", *args, "--yes", _PATIENCE, "--format=json"])
    if ended.out.strip():
        inputs.report.write_text(ended.out, encoding="utf-8")
    report = _read(inputs.report)
    text = words.report(report) if report else words.fenced(ended.err)
    if report and ended.code not in _OVER:
        left = _planned(inputs, args)
        held = [step["token"] for step in report["steps"] if step["token"]]
        text += f"\nWhat is left:\n\n{_looked(left)}{words.approving(held, inputs.approvals)}"
    return Told(ended.code, text)


def drift(inputs: Inputs, _policy: str | None) -> Told:
    """Say what differs, and who moved."""
    ended = _shown(run(["drift", *inputs.args()]))
    return Told(ended.code, words.fenced(ended.out if ended.out.strip() else ended.err))


DEEDS = {VALIDATE: validate, PLAN: plan, APPLY: apply, DRIFT: drift}


def _planned(inputs: Inputs, args: Sequence[str]) -> Ended:
    """Plan, save the plan, and let the log have it as lines."""
    ended = run(["plan", *args, f"--out={inputs.plan}", "--format=markdown"])
    if inputs.plan.exists():
        _shown(run(["show", str(inputs.plan)], key=False))
    return ended


def _shown(ended: Ended) -> Ended:
    """Let the log have what was printed, too."""
    if ended.out:
        show(ended.out)
    return ended


def _looked(ended: Ended) -> str:
    """What a look at the account printed, and what it warned of; if it printed nothing, why not."""
    return ended.out + words.warned(ended.err) if ended.out.strip() else words.fenced(ended.err)


def _read(path: Path) -> Mapping[str, Any]:
    """A file that apreconcile wrote, or nothing."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def outputs(inputs: Inputs, command: str, told: Told) -> dict[str, str]:
    """What the steps that follow may want to know."""
    saved = _read(inputs.plan)
    named: Sequence[str] = [saved.get("project", ""), saved.get("environment", "")] if saved else []
    return {
        "command": command,
        "exit-code": str(told.code),
        "digest": saved.get("digest", ""),
        "plan": str(inputs.plan) if saved else "",
        "results": str(inputs.results) if saved or inputs.report.exists() else "",
        "artifact": words.file_name("apreconcile", command, *named),
    }
