"""Whatever goes wrong ends here: a sentence on stderr, a hint, and the exit code that agrees with it. No traceback."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import click

from apreconcile.core.errors import Error, InterruptedByUser, UnknownOutcomeError, UsageError
from apreconcile.show.error import error_lines

from .options import flags_of
from .terminal import abandon_stdout, prepare_streams, terminal_of

BUG_HINT = "this is a fault of apreconcile; please report this line and what you ran"
LOOK = "what was sent may have taken effect; look: apreconcile plan"


class CrashedError(Error):
    """Something that should never happen. Only its type and its place are told: its words may hold a secret."""


def guarded(run: Callable[[], Any], given: Mapping[str, Any]) -> int:
    """Run a command and return the exit code. `given` are the shared options that were read until then."""
    try:
        prepare_streams()
        code = run()
        return code if isinstance(code, int) else 0
    except BrokenPipeError:
        abandon_stdout()
        return Error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _told(InterruptedByUser("interrupted; nothing was sent"), given)
    except click.ClickException as problem:
        return _told(_misused(problem), given)
    except Error as problem:
        return _told(problem, given)
    except OSError as problem:
        return _told(_unwritten(problem) or _crashed(problem), given)
    except Exception as problem:  # noqa: BLE001 -- the last net: what falls through here is a fault of ours
        return _told(_crashed(problem), given)


def _told(error: Error, given: Mapping[str, Any]) -> int:
    terminal = terminal_of(
        no_color=bool(given.get("no_color")), quiet=False, flags=flags_of(given), policy_from=given.get("policy_from")
    )  # fmt: skip
    terminal.talk(error_lines(error, width=terminal.talk_width))
    return error.exit_code


def _misused(problem: click.ClickException) -> UsageError:
    """What click did not understand, with the command that explains it."""
    ctx = problem.ctx if isinstance(problem, click.UsageError) else None
    path = ctx.command_path if ctx else "apreconcile"
    if isinstance(problem, click.UsageError) and type(problem).__name__ == "NoArgsIsHelpError" and ctx:
        commands = ", ".join(ctx.command.list_commands(ctx)) if isinstance(ctx.command, click.Group) else ""
        return UsageError(f"a command is missing: {commands}", hint=f"{path} --help")
    message = " ".join(problem.format_message().split()).removesuffix(".")
    return UsageError(message[:1].lower() + message[1:], hint=f"{path} --help")


def _unwritten(problem: OSError) -> Error | None:
    """A help text that stdout did not take: click writes it, so that it does not come by way of the terminal."""
    if problem.errno not in {errno.ENOSPC, errno.EIO, errno.EDQUOT}:
        return None
    abandon_stdout()
    return Error(f"standard output could not be written: {problem.strerror}", hint="make room, or write elsewhere")


def _crashed(problem: Exception) -> Error:
    inner = _innermost(problem)
    place = _place(inner.__traceback__)
    return CrashedError(f"internal error: {type(inner).__name__}{place}", hint=BUG_HINT)


def mid_apply(problem: BaseException) -> UnknownOutcomeError:
    """A run that broke off after it had begun to send: nobody knows what came of it."""
    if isinstance(problem, Error):
        return UnknownOutcomeError(f"the run broke off: {problem.message}", hint=LOOK)
    if isinstance(problem, Exception):
        inner = _innermost(problem)
        what = f"the run broke off: internal error: {type(inner).__name__}{_place(inner.__traceback__)}"
        return UnknownOutcomeError(what, hint=LOOK)
    return UnknownOutcomeError("the run was broken off", hint=LOOK)


def _innermost(problem: BaseException) -> BaseException:
    while isinstance(problem, BaseExceptionGroup):
        problem = problem.exceptions[0]
    return problem


def _place(trace: TracebackType | None) -> str:
    """The innermost line of ours."""
    ours, found = Path(__file__).parents[2], ""
    while trace:
        file = Path(trace.tb_frame.f_code.co_filename)
        if file.is_relative_to(ours / "apreconcile"):
            found = f" at {file.relative_to(ours)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found
