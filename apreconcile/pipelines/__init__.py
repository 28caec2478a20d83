"""Pipelines to be copied: those that `init` writes, for GitHub and GitLab, and `previews`, which one adds by hand.

The files fit a repository with one spec at its top, and are linted as they are. For a spec in a folder they are said
otherwise where they name it: GitHub reads workflows at the top alone, so those of several specs lie there together.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from importlib import resources

HOMES = {"github": ".github/workflows", "gitlab": "."}
"""Where the files of each lie, from the top of a repository."""
PREFIXES = {"github": "apreconcile-", "gitlab": ""}
SPEC, APPROVALS = "agentphone.yaml", "approvals.yaml"


def files(
    pipeline: str, *, folder: str = "", project: str = "", branch: str | None = None, names: Sequence[str] = ()
) -> dict[str, str]:
    """The text of each file of a pipeline, by its path from the top of a repository; none for `none`.

    `folder` is where the spec lies, from the top: then GitHub's files are named for the project. `branch` is the one
    that is applied, main if nobody knows. `names` are the variables of the environment that the spec reads.
    """
    if pipeline not in HOMES:
        return {}
    packed = resources.files(__name__) / pipeline
    texts = {one.name: one.read_text(encoding="utf-8") for one in packed.iterdir() if one.name.endswith(".yml")}
    home, prefix = HOMES[pipeline], PREFIXES[pipeline]
    if pipeline == "gitlab":
        texts = {name: _template(text, folder, names) for name, text in texts.items()}
    else:
        prefix += f"{project}-" if folder else ""
        texts = {name: _workflow(text, folder, project, branch, names) for name, text in texts.items()}
    return {f"{home}/{prefix}{name}".removeprefix("./"): text for name, text in sorted(texts.items())}


def can_name(folder: str) -> bool:
    """Whether a pipeline can name a folder: `$` means something to those who read it, and a line is one path."""
    return folder.isprintable() and "$" not in folder and folder == folder.strip()


def _template(text: str, folder: str, names: Sequence[str]) -> str:
    """The template for a spec in this folder. GitLab hands on the project's variables by itself, but none to a fork."""
    for name, file in (("SPEC", SPEC), ("APPROVALS", APPROVALS)) if folder else ():
        text = _said(text, rf"^(  APRECONCILE_{name}: ){re.escape(file)}(?=\s)", _in(folder, file))
    return _said(text, r"^(  APRECONCILE_READS: )\"\"", f'"{" ".join(names)}"')


def _workflow(text: str, folder: str, project: str, branch: str | None, names: Sequence[str]) -> str:
    """A workflow for a spec in this folder, on this branch, with these secrets."""
    if branch:
        text = text.replace("branches: [main]", f"branches: [{json.dumps(branch)}]")
        text = text.replace("looked at main", f"looked at {branch}")
    if folder:
        text = _said(text, r"^((?:    )?name: .+)$", f" {project}")
        text = _said(text, r"^(  group: apreconcile-)", f"{project}-")
        inputs = f"\n          spec: {_in(folder, SPEC)}"
        approved = f"\n          approvals: {_in(folder, APPROVALS)}" if "command: drift" not in text else ""
        text = _said(text, r"^(          command: \w+)$", inputs + approved)
    if names:
        # A fork is handed no secret, and its change is validated all the same: with a stand-in, as nothing is sent.
        other = " || 'none'" if "  pull_request:\n" in text else ""
        text += "        env:\n" + "".join(f"          {name}: ${{{{ secrets.{name}{other} }}}}\n" for name in names)
    return text


def _said(text: str, pattern: str, words: str) -> str:
    """The text with these words after the pattern's group. Raises LookupError if it has none."""
    changed, times = re.subn(pattern, lambda found: found[1] + words, text, flags=re.MULTILINE)
    if not times:
        raise LookupError(pattern)
    return changed


def _in(folder: str, name: str) -> str:
    """A path as YAML."""
    return json.dumps(f"{folder}/{name}", ensure_ascii=False)
