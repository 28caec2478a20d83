"""What is done, one function a command: apreconcile is run, and what came of it is put into words for people."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keys
import words
from child import Ended, run, show
from event import APPLY, DESTROY, DRIFT, PLAN, PREVIEW, VALIDATE

_PATIENCE = "--lock-timeout=5m"
"""How long an apply waits for one that is under way: as long as a lock lasts."""
_OVER = (0, 130)
"""Exit codes of an apply after which nobody looks what is left."""
_HELD = 3
_COMMIT = "To approve, run the command with the plan of the artifact, or one of your own, and merge the file.\n"


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the workflow asks for. `results` is the folder in which plan and report are written.

    `branch` is the one that is applied, if it is not the default one; `key_env` the variable that `api_key` goes into.
    """

    command: str
    specs: tuple[str, ...]
    environment: str
    approvals: tuple[str, ...]
    variables: tuple[str, ...]
    policy_from: str
    branch: str
    key_env: str
    results: Path

    @property
    def plan(self) -> Path:
        """Where a plan is saved."""
        return self.results / "plan.json"

    @property
    def report(self) -> Path:
        """Where the report of an apply is saved."""
        return self.results / "report.json"

    @property
    def keys(self) -> frozenset[str]:
        """The variables that hold a key."""
        return keys.named(self.specs) | {self.key_env}

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
    """An exit code, and what people read about it: `notes` of Markdown, and lines that were `said` besides.

    `name` is the project and the environment, as `PROJECT/ENVIRONMENT`, once they are known.
    """

    code: int
    notes: tuple[str, ...] = ()
    said: str = ""
    name: str = ""


def validate(inputs: Inputs, policy: str | None) -> Told:
    """Check the spec, offline and without a key."""
    ended = _shown(run(["validate", *inputs.args(policy)], keys=inputs.keys))
    return Told(ended.code, said=ended.out + ended.err)


def plan(inputs: Inputs, policy: str | None) -> Told:
    """Plan, and save the plan."""
    ended = _planned(inputs, [*inputs.args(policy), *inputs.approving(), "--detailed-exitcode"])
    told = _told(ended, words.warned(ended.err))
    waits = any(step["token"] for step in _read(inputs.plan).get("steps", ()))
    return Told(told.code, (*told.notes, *([_COMMIT] if waits and told.notes else [])), told.said, told.name)


def apply(inputs: Inputs, policy: str | None) -> Told:
    """Apply, save the report, and plan what is left, so that it can be approved."""
    told = _done("apply", inputs, [*inputs.args(policy), *inputs.approving()])
    return Told(told.code, (*told.notes, *([_COMMIT] if told.code == _HELD else [])), told.said, told.name)


def preview(inputs: Inputs, policy: str | None) -> Told:
    """Apply what nobody has reviewed: only what wants no approval, since whoever asks could write that as well."""
    return _done("apply", inputs, inputs.args(policy))


def destroy(inputs: Inputs, policy: str | None) -> Told:
    """Delete what a preview has made."""
    return _done("destroy", inputs, inputs.args(policy))


def drift(inputs: Inputs, _policy: str | None) -> Told:
    """Say what differs, and who moved."""
    ended = _shown(run(["drift", *inputs.args(), "--format=markdown"]))
    return _told(ended, words.warned(ended.err))


DEEDS = {VALIDATE: validate, PLAN: plan, APPLY: apply, DRIFT: drift, PREVIEW: preview, DESTROY: destroy}


def _done(verb: str, inputs: Inputs, args: Sequence[str]) -> Told:
    """Apply or destroy, save the report, and plan what is left."""
    ended = run([verb, *args, "--yes", _PATIENCE, "--format=markdown", f"--out={inputs.report}"])
    told = _told(ended)
    if not told.notes or ended.code in _OVER:
        return told
    left = _planned(inputs, [*args, *(["--destroy"] if verb == "destroy" else [])])
    rest = _told(left, words.warned(left.err))
    return Told(told.code, (*told.notes, "What is left:\n", *rest.notes), rest.said, told.name)


def _planned(inputs: Inputs, args: Sequence[str]) -> Ended:
    """Plan, save the plan, and let the log have it as lines."""
    ended = run(["plan", *args, f"--out={inputs.plan}", "--format=markdown"])
    if inputs.plan.exists():
        _shown(run(["show", str(inputs.plan)], keys=inputs.keys))
    return ended


def _shown(ended: Ended) -> Ended:
    """Let the log have what was printed, too."""
    if ended.out:
        show(ended.out)
    return ended


def _told(ended: Ended, said: str = "") -> Told:
    """The note that was printed, and what else was said; if none was, why not."""
    if not ended.out.strip():
        return Told(ended.code, said=keys.advised(ended.err, os.environ))
    note, name = words.unmarked(ended.out)
    return Told(ended.code, (note,), said, name)


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
    return {
        "command": command,
        "exit-code": str(told.code),
        "digest": saved.get("digest", ""),
        "plan": str(inputs.plan) if saved else "",
        "results": str(inputs.results) if saved or inputs.report.exists() else "",
        "artifact": words.file_name("apreconcile", command, *told.name.split("/", 1)),
    }
