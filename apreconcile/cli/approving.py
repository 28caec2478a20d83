"""An approval is made here: its steps are shown, it is signed, and written or appended."""

from __future__ import annotations

import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from apreconcile.core.approval import Approval
from apreconcile.core.approvals import FORM, appended, chosen, fault_of, read_approvals
from apreconcile.core.errors import UsageError
from apreconcile.core.planfile import check_current
from apreconcile.core.policy import LIFETIME
from apreconcile.core.wanted import DEFAULT
from apreconcile.show import escape
from apreconcile.show.text import approving_text
from apreconcile.workflow import read_file, signed, utc_now

from .options import Settings
from .reading import Saved
from .running import run
from .saving import save
from .terminal import quoted

MODE = 0o644
"""A file of approvals is for others to read."""
_SPAN = re.compile(r"([0-9]{1,5})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line says of an approval."""

    by: str
    reason: str
    expires: str
    key: str | None
    out: str | None


def approved(settings: Settings, saved: Saved, tokens: Sequence[str], wish: Wish) -> None:
    """Show the steps, and write the approvals of them. Raises UsageError, PlanFileError, or Error if it cannot sign."""
    terminal, now = settings.terminal, utc_now()
    for name in ("by", "reason"):
        fault = fault_of(name, getattr(wish, name))
        if fault:
            raise UsageError(f"--{name} {fault}", hint=FORM[name])
    ends = _end(wish.expires, now)
    check_current(saved.document, now, source=saved.name)
    steps = chosen(saved.document, tokens)
    if wish.out:
        read_approvals(wish.out, _before(Path(wish.out)))
    terminal.talk(approving_text(saved.document, steps, width=terminal.talk_width))
    given, until = _stamp(now), _stamp(ends)
    made = [Approval(step["token"], step["digest"], wish.by, wish.reason, until, given) for step in steps]
    if wish.key:
        key = Path(wish.key)
        made = list(run(terminal, lambda _: signed(made, key, environ=settings.environ)))
    if wish.out:
        target = Path(wish.out).resolve()
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else MODE
        save(target, appended(wish.out, _before(target), made), mode=mode)
        terminal.remark(f"appended to {escape.line(wish.out)}; use it: {_using(settings, saved, wish.out)}")
    else:
        terminal.write(appended("the approval", b"", made))
    if not wish.key:
        terminal.remark("it is not signed: where the policy has approvers, it does not count")
    if ends - now > LIFETIME:
        terminal.remark(f"it counts only where the policy's maxLifetime is more than {LIFETIME.days} days")


def _using(settings: Settings, saved: Saved, out: str) -> str:
    """The command that takes the approvals: of the plan's environment, which this command need not be told."""
    environment, verb = saved.document["environment"], "destroy" if saved.document.get("destroy") else "apply"
    named = [] if settings.environment or environment == DEFAULT else ["-e", environment]
    return quoted("apreconcile", *named, verb, "--approvals", out)


def _before(path: Path) -> bytes:
    """What a file of approvals holds; nothing if it is not there yet."""
    return read_file(str(path)) if path.exists() else b""


def _end(text: str, now: datetime) -> datetime:
    """The moment that `--expires` says, which must be one to come. Raises UsageError."""
    span = _SPAN.fullmatch(text)
    if not span and fault_of("expires", text):
        raise UsageError(f"--expires {text!r} is no time", hint="write 90m, 24h, 7d, or 2027-01-31T12:00:00Z")
    ends = now + timedelta(seconds=int(span[1]) * _SECONDS[span[2]]) if span else datetime.fromisoformat(text)
    if ends <= now:
        raise UsageError(f"--expires {text!r} is not in the future", hint="write 90m, 24h, or 7d")
    return ends


def _stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
