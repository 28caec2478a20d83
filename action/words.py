"""What people read on GitHub, as Markdown. What came from elsewhere stands in code, where it means nothing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

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
_MARK = re.compile(r"<!-- apreconcile(?: [a-z-]+)?: (\S+) -->\n")
_FENCE = 100
"""Bytes enough for a fence, and for what is said of lines that were left out."""
_WHOLE = "the whole of it is in the log, and in the artifact"


def short(commit: str) -> str:
    """A commit in as many digits as people read; any other name whole, as far as it is one."""
    return commit[:7] if re.fullmatch(r"[0-9a-f]{40,64}", commit) else re.sub(r"[^0-9A-Za-z./-]", "_", commit)


def marker(specs: Sequence[str], environment: str, what: str = "") -> str:
    """The first line of our comment about a spec and an environment, of apreconcile's form: it is known without a plan.

    Nobody sees it, and it stays the same. A name that cannot be written so is told apart by a hash.
    """
    name = " ".join([*specs, environment]).strip()
    plain = re.sub(r"[^0-9A-Za-z_/:.-]", "_", name)[:200]
    known = hashlib.sha256("\0".join([*specs, environment]).encode()).hexdigest()[:16]
    return f"<!-- apreconcile{f' {what}' if what else ''}: {plain if plain == name else f'{plain}_{known}'} -->"


def unmarked(note: str) -> tuple[str, str]:
    """A note of apreconcile without the mark that it begins with, and what that names: `PROJECT/ENVIRONMENT`."""
    found = _MARK.match(note)
    return (note[found.end() :], found[1]) if found else (note, "")


def heading(command: str, code: int, commit: str, policy: str | None, address: str) -> str:
    """What was done and how it ended, of which commit, by whose policy, and where the whole of it is."""
    told = _SAID.get((command, code)) or _ENDINGS.get(code, "ended")
    ending = f"{told} (exit {code})" if code else told
    source = f" · policy of {short(policy)}" if policy else ""
    return f"## apreconcile {command}: {ending}\n\n{short(commit)}{source} · [log and files]({address})\n"


def fenced(text: str, room: int) -> str:
    """Lines as they are, in a fence that none of them closes; as many as have room, in bytes, and how many have not."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    if longest > room // 4:
        return f"It cannot be shown here: {_WHOLE}.\n"
    left, shown, lines = room - _FENCE - 2 * longest, list[str](), text.strip("\n").split("\n")
    for line in lines:
        left -= len(line.encode()) + 1
        if left < 0:
            break
        shown.append(line)
    hidden = len(lines) - len(shown)
    more = f"\n{hidden:,} more lines: {_WHOLE}.\n" if hidden else ""
    fence = "`" * max(3, 1 + longest)
    return "\n".join([f"{fence}text", *shown, fence, more])


def warned(said: str) -> str:
    """The warnings among what was said on the way, with the lines that belong to each."""
    return "\n".join(re.findall(r"(?m)^warning: .*(?:\n[ ]+\S.*)*", said))


def file_name(*parts: str) -> str:
    """A name for an artifact."""
    return "-".join(re.sub(r"[^A-Za-z0-9._-]+", "-", part) for part in parts if part)


def within(limit: int, title: str, notes: Sequence[str], said: str) -> str:
    """A title, notes, and lines that were said, in so many bytes: lines go first, then whole notes, the last first."""
    parts, left_out = [title], f"\nMore does not fit here: {_WHOLE}.\n"
    room = limit - _size(title) - _size(left_out)
    for note in notes:
        if _size(note) > room:
            parts.append(left_out)
            break
        parts.append(note)
        room -= _size(note)
    else:
        parts += [fenced(said, room)] if said.strip() else []
    return "\n".join(parts)


def _size(text: str) -> int:
    return len(text.encode()) + 1
