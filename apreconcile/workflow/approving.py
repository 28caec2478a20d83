"""To approve: read files of approvals, find out who signed, and weigh it all against the steps of a plan."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from apreconcile.core.approval import Approval, Approvals, Voice, weigh
from apreconcile.core.approvals import LARGEST, NEW, read_approvals
from apreconcile.core.errors import ApprovalsError, Error, Problem
from apreconcile.core.plan import Plan
from apreconcile.core.policy import Approvers
from apreconcile.live.together import together

AT_ONCE = 4
"""Programs that verify at the same time."""


def load_approvals(paths: Iterable[str]) -> tuple[Approval, ...]:
    """The entries of these files. Raises ApprovalsError with every problem, and Error for a file that is none."""
    found, problems = list[Approval](), list[Problem]()
    for path in dict.fromkeys(map(str, paths)):
        try:
            found += read_approvals(path, read_file(path))
        except ApprovalsError as problem:
            problems += problem.problems
    if problems:
        raise ApprovalsError(tuple(problems), hint="nothing was sent; no approval of a file with a problem counts")
    return tuple(found)


def read_file(path: str, *, limit: int = LARGEST, hint: str = NEW) -> bytes:
    """The content of a plain file, and no more of it than a byte above its limit. Raises Error."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(opened, "rb") as file:
            if not stat.S_ISREG(os.fstat(opened).st_mode):
                raise Error(f"{path} is no plain file", hint="save it in a file, and name that")
            return file.read(limit + 1)
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or "it cannot be the name of a file"
        raise Error(f"{path} could not be read: {why}", hint=hint) from problem


async def weighed(
    plan: Plan,
    given: Iterable[str | Approval | Voice],
    approvers: Approvers | None,
    *,
    now: datetime,
    environ: Mapping[str, str] | None = None,
) -> Approvals:
    """What tokens, entries of files, and voices that were heard before approve of a plan at this moment.

    Where approvers are set, the signature of each entry for this plan is verified. Raises UnsafeError where that cannot
    be done.
    """
    tokens = {step.token for step in plan.steps}
    turns = asyncio.Semaphore(AT_ONCE)

    async def heard(one: str | Approval | Voice) -> Voice:
        if not isinstance(one, Approval):
            return Voice(one) if isinstance(one, str) else one
        voice = Voice(one.approve, one)
        if approvers is None or one.signature is None or one.approve not in tokens:
            return voice
        from apreconcile.programs.ssh import verify  # noqa: PLC0415 -- 8 ms that runs without signatures do not pay

        async with turns:
            key, doubt = await verify(
                one.message, one.signature, one.by,
                signers=approvers.signers, revoked=approvers.revoked, now=now, environ=environ,
            )  # fmt: skip
        return replace(voice, key=key, doubt=doubt)

    voices = await together(heard(one) for one in dict.fromkeys(given))
    return weigh(plan, voices, approvers=approvers, now=now)


async def signed(approvals: Sequence[Approval], key: Path, *, environ: Mapping[str, str]) -> tuple[Approval, ...]:
    """The same approvals, each signed with this key. Raises Error."""
    from apreconcile.programs.ssh import sign  # noqa: PLC0415 -- as above

    return tuple([replace(one, signature=await sign(key, one.message, environ=environ)) for one in approvals])
