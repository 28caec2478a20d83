"""A file of approvals is a YAML list of entries; one that is wrong in anything is refused whole, with every problem.

So a typo never weakens anything: an entry that is read says what it says, and what is asked for is written in one form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial

from .approval import Approval, alike, fits
from .errors import ApprovalsError, Error, PlanFileError, Problem
from .planfile import AGAIN, Document
from .spec.findings import Findings
from .spec.source import EMPTY, Source, read
from .spec.text import UNCLEAN
from .spec.tree import Array, Entry, Node, Scalar, Table
from .spec.variables import meant
from .writing import list_text

LARGEST = 1_000_000
"""Bytes that a file of approvals may have: a thousand signed ones."""
LONGEST = 1_000
"""Characters of a reason."""

TOKEN = re.compile(r"[a-z]+:[A-Za-z]+\.[a-z0-9][a-z0-9-]*@[0-9a-f]{32}")
ARMOR = re.compile(
    r"-----BEGIN SSH SIGNATURE-----\n([A-Za-z0-9+/]+\n){0,300}[A-Za-z0-9+/]+={0,2}\n-----END SSH SIGNATURE-----\n?"
)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PRINCIPAL = re.compile(r"[\w@.+%:/=~][\w@.+%:/=~-]{0,127}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z")

NEW = "write one: apreconcile approve PLAN TOKEN --by NAME --reason TEXT --out FILE"
FORM = {
    "approve": "copy it whole from the plan: VERB:ADDRESS@ and 32 hex digits",
    "digest": "copy it whole from the plan file: 64 small hex digits",
    "by": "write a name or an address such as alice@example.com",
    "reason": f"say in at most {LONGEST:,} characters why",
    "at": "write it in UTC: 2027-01-31T12:00:00Z",
    "expires": "write it in UTC: 2027-01-31T12:00:00Z",
    "signature": "sign again: apreconcile approve PLAN TOKEN --sign KEY",
}
"""Each field, and how it is written."""
_OPTIONAL = ("at", "signature")


def _is_time(text: str) -> bool:
    try:
        return _TIME.fullmatch(text) is not None and datetime.fromisoformat(text) is not None
    except ValueError:
        return False


_FORMS: Mapping[str, tuple[Callable[[str], object], str]] = {
    "approve": (TOKEN.fullmatch, "is not a whole token"),
    "digest": (_DIGEST.fullmatch, "is not a whole sha256"),
    "by": (_PRINCIPAL.fullmatch, "is no principal: no spaces, commas, quotes, wildcards or control characters"),
    "reason": (
        lambda text: text.strip() and len(text) <= LONGEST and not UNCLEAN.search(text),
        f"must have 1 to {LONGEST:,} characters, and no control characters",
    ),
    "at": (_is_time, "is not a time in UTC"),
    "expires": (_is_time, "is not a time in UTC"),
    "signature": (ARMOR.fullmatch, "is not one armored SSH signature"),
}


def read_approvals(name: str, data: bytes) -> tuple[Approval, ...]:
    """The entries of a file, which may be none. Raises ApprovalsError with every problem that there is."""
    findings = Findings(name)
    if len(data) > LARGEST:
        hint = "take those out that are spent, or use several files"
        findings.add_whole(f"the file has more than {LARGEST:,} bytes", hint=hint)
        raise ApprovalsError(tuple(findings.problems))
    source = read(name, data)
    if [problem.message for problem in source.problems] == [EMPTY]:
        return ()
    findings.problems.update(replace(problem, hint=_of_approvals(problem)) for problem in source.problems)
    approvals = _entries(source, findings)
    if findings.problems:
        raise ApprovalsError(findings.quoted([source], frozenset()))
    return approvals


def _of_approvals(problem: Problem) -> str:
    return NEW if "spec" in problem.hint else problem.hint


def _entries(source: Source, findings: Findings) -> tuple[Approval, ...]:
    if not isinstance(source.root, Array):
        if source.root is not None:
            findings.add(source.root.place, "a file of approvals must be a list", hint=NEW)
        return ()
    found = [_entry(node, findings) for node in source.root.items]
    return tuple(one for one in found if one)


def _entry(node: Node, findings: Findings) -> Approval | None:
    """One entry; None if something is wrong with it."""
    if not isinstance(node, Table):
        findings.add(node.place, "an approval must be a map", hint=NEW)
        return None
    before = len(findings.problems)
    for name in sorted(node.entries.keys() - _FORMS.keys()):
        hint = meant(name, _FORMS) or f"fields are {', '.join(_FORMS)}"
        findings.add(node.entries[name].place, f"there is no field `{name}`", hint=hint)
    for name in _FORMS:
        if name not in node.entries and name not in _OPTIONAL:
            findings.add(node.place, f"`{name}` is missing", hint=FORM[name])
    given = {name: _text(name, node.entries[name], findings) for name in _FORMS if name in node.entries}
    if len(findings.problems) > before:
        return None
    approval = Approval(**given, place=node.place)
    if not approval.approve.endswith(f"@{approval.digest[:32]}"):
        place = node.entries["digest"].node.place
        findings.add(place, "does not begin with the digits of the token", subject="digest", hint=FORM["digest"])
    return approval


def _text(name: str, entry: Entry, findings: Findings) -> str:
    """What a field says; it means nothing if it is not a text in its form."""
    node = entry.node
    text = node.value if isinstance(node, Scalar) else None
    if not isinstance(text, str):
        quoted = f'quote it: {name}: "{node.text}"' if isinstance(node, Scalar) and node.text else FORM[name]
        findings.add(node.place, "must be text", subject=name, hint=quoted)
    elif fault := fault_of(name, text):
        findings.add(node.place, fault, subject=name, hint=FORM[name])
    return str(text)


def fault_of(name: str, text: str) -> str | None:
    """What is wrong with the text of a field; None if nothing is."""
    holds, fault = _FORMS[name]
    return None if holds(text) else fault


def appended(name: str, before: bytes, more: Sequence[Approval]) -> bytes:
    """A file with entries more at its end, and all else in it as it was. Raises ApprovalsError, or Error if it cannot.

    What comes of it is read again: it holds the same entries as before, and these.
    """
    entries = partial(read_approvals, name)
    there = entries(before)
    gap = b"" if not before or before.endswith(b"\n") else b"\n"
    after = before + gap + approvals_text(more).encode()
    with suppress(ApprovalsError):
        if entries(after) == (*there, *more):
            return after
    hint = "write it as a list with `- ` at the start of the lines, or name a new file: --out FILE"
    raise Error(f"nothing can be appended to {name}", hint=hint)


def approvals_text(approvals: Iterable[Approval]) -> str:
    """The entries as YAML."""
    return list_text([approval.to_json() for approval in approvals])


def chosen(document: Document, tokens: Iterable[str]) -> list[Document]:
    """The steps of a plan document that tokens name, whole and exactly.

    Raises PlanFileError for a token that none has, or one that does not fit what the document shows of its step.
    """
    steps = {step["token"]: step for step in document["steps"] if step["token"]}
    found = list[Document]()
    for token in dict.fromkeys(tokens):
        if token not in steps:
            raise PlanFileError(f"the plan has no step with the token {token or '(empty)'}", hint=_near(token, steps))
        if not fits(document, steps[token]):
            raise PlanFileError(f"the step of {token} in the plan file is another than the token says", hint=AGAIN)
        found.append(steps[token])
    return found


def _near(token: str, tokens: Collection[str]) -> str:
    near = alike(tokens, token) or list(tokens)
    return f"give it whole: {near[0]}" if near else "no step of it wants an approval"
