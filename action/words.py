"""What people read on GitHub, as Markdown. What came from elsewhere stands in code, where it means nothing."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

LONGEST_COMMENT, LONGEST_SUMMARY = 65_536, 1_000_000
"""GitHub counts a comment in characters, of which there are never more than bytes."""

_ENDINGS = {
    0: "done",
    1: "an error",
    2: "changes are pending",
    3: "held for approvals",
    4: "not as it was",
    5: "blocked",
    6: "an outcome is unknown",
    7: "only a part was done",
    8: "another run holds the state",
    9: "not safe",
    64: "wrong inputs",
    130: "interrupted",
}
_SAID = {
    ("validate", 0): "valid",
    ("plan", 0): "nothing to do",
    ("drift", 0): "none",
    ("drift", 2): "spec and account differ",
}


def short(commit: str) -> str:
    """A commit in as many digits as people read; any other name whole."""
    return commit[:7] if re.fullmatch(r"[0-9a-f]{40,64}", commit) else commit


def marker(specs: Sequence[str], environment: str) -> str:
    """The first line of the comment about a spec and an environment: nobody sees it, and it stays the same."""
    known = json.dumps([list(specs), environment]).encode()
    return f"<!-- apreconcile-action {hashlib.sha256(known).hexdigest()[:16]} -->"


def heading(command: str, code: int, commit: str, policy: str | None, address: str) -> str:
    """What was done and how it ended, of which commit, by whose policy, and where the whole of it is."""
    told = _SAID.get((command, code)) or _ENDINGS.get(code, "ended")
    ending = f"{told} (exit {code})" if code else told
    source = f" · policy of {short(policy)}" if policy else ""
    return f"## apreconcile {command}: {ending}\n\n{short(commit)}{source} · [log and files]({address})\n"


def fenced(text: str) -> str:
    """Lines as they are, in a fence that none of them closes."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    shown = text.strip("\n")
    return f"{fence}text\n{shown}\n{fence}\n"


def warned(said: str) -> str:
    """The warnings among what was said on the way, with the lines that belong to each."""
    found = re.findall(r"(?m)^warning: .*(?:\n[ ]+\S.*)*", said)
    return f"\n{fenced(chr(10).join(found))}" if found else ""


def code(text: str) -> str:
    """A text as code, on one line, in a table."""
    plain = " ".join(text.split()).replace("|", "\\|")
    fence = "`" * (1 + max(map(len, re.findall("`+", plain)), default=0))
    return f"{fence} {plain} {fence}" if "`" in plain else f"{fence}{plain}{fence}" if plain else ""


def report(document: Mapping[str, Any]) -> str:
    """What an apply did: a row a step, what was settled, and what it warned of."""
    rows = [(step["outcome"], f"{step['verb']} {step['address']}", _result(step)) for step in document.get("steps", ())]
    lines = ["| | step | |", "|---|---|---|"] if rows else [] if document["exit"] else ["No step was wanted."]
    lines += [f"| {word} | {code(step)} | {result} |" for word, step, result in rows]
    lines += [f"\n- {code(text)}" for text in (*document.get("settled", ()), *document.get("warnings", ()))]
    return "\n".join(lines) + "\n"


def _result(step: Mapping[str, Any]) -> str:
    because = step.get("because")
    known = [step.get("phoneNumber"), step.get("id"), because and f"because: {because}", step.get("error")]
    return ", ".join(code(str(one)) for one in known if one)


def approving(tokens: Sequence[str], files: Sequence[str]) -> str:
    """How to approve these; nothing if there are none."""
    if not tokens:
        return ""
    out = f"--by NAME --reason TEXT --sign KEY --out {shlex.quote(files[0] if files else 'approvals.yaml')}"
    command = fenced(" \\\n  ".join(["apreconcile approve plan.json", *tokens, out]))
    return f"\nTo approve, with the plan of the artifact or one of your own, and then commit the file:\n\n{command}"


def file_name(*parts: str) -> str:
    """A name for an artifact."""
    return "-".join(re.sub(r"[^A-Za-z0-9._-]+", "-", part) for part in parts if part)


def within(limit: int, title: str, text: str, instead: str) -> str:
    """Title and text; where they are longer than that, `instead` stands for the text."""
    whole = f"{title}\n{text}"
    return whole if len(whole.encode()) <= limit else f"{title}\n{instead}\n"
