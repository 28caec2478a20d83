"""A person at a terminal is asked, and only there: nothing piped in, and nothing typed before the question, counts."""

from __future__ import annotations

import select
import sys
import termios
import time
from collections.abc import Collection

from apreconcile.core.approval import held, phrase
from apreconcile.core.errors import HeldError
from apreconcile.core.plan import Plan, Step
from apreconcile.show import escape
from apreconcile.show.headline import risk_words
from apreconcile.show.screen import BLANK, Line, Span, Style, say, strong

from .running import raising
from .terminal import Terminal

Name = tuple[str, str]

_QUIET_FOR, _PATIENCE = 0.2, 5.0
"""Seconds without input after which what was pasted ahead has arrived, and is thrown away; seconds to wait for that."""
_AWAKE = 0.5
"""Seconds between two looks whether there is an answer."""


def ask(terminal: Terminal, question: Line) -> str:
    """The answer to a question, as it was typed; empty for the end of input. Ctrl-C raises KeyboardInterrupt.

    Raises HeldError where input never ends: that is a program, and it answers whatever is asked.
    """
    with raising():
        discard_input()
        terminal.prompt(question)
        while not select.select([sys.stdin], [], [], _AWAKE)[0]:
            pass  # a signal that comes just before one waits is heard at the next look, and not after the answer
        answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        terminal.talk([()])
    return answer.strip()


def discard_input() -> None:
    """Throw away what was typed or pasted before the question was there to be read. Raises HeldError if it goes on."""
    stdin, end = sys.stdin.fileno(), time.monotonic() + _PATIENCE
    termios.tcflush(stdin, termios.TCIFLUSH)
    while select.select([stdin], [], [], _QUIET_FOR)[0]:
        termios.tcflush(stdin, termios.TCIFLUSH)
        if time.monotonic() > end:
            hint = "let a person type; a pipeline gives --approve TOKEN for each step, and --yes"
            raise HeldError("nothing was sent: somebody types without end, and nobody can be asked", hint=hint)


def ask_approvals(terminal: Terminal, plan: Plan, granted: Collection[Name]) -> frozenset[Name]:
    """The names of the steps that a person approves by typing; anything else leaves a step held."""
    return frozenset(step.name for step in held(plan, granted) if _approved(terminal, step))


def _approved(terminal: Terminal, step: Step) -> bool:
    wanted = phrase(step)
    risks = [(*say("    ! ", Style.RISK), *say(risk_words(risk), Style.RISK)) for risk in sorted(step.risks)]
    live = step.live.body.get("phoneNumber") if step.live else None
    about = say(f"  {escape.line(str(live))}" if live else "")
    words = (*say("    type "), Span(Style.COPY, escape.line(wanted)), *say(" to approve it; Enter holds it"))
    terminal.talk([BLANK, (*say(f"  {step.verb} "), *strong(str(step.address)), *about), *risks, words])
    approved = ask(terminal, say("    > ")) == wanted
    terminal.talk([say(f"    {'approved' if approved else 'held'}", Style.QUIET)])
    return approved


def confirmed(terminal: Terminal, steps: int, tests: int = 0) -> bool:
    """Whether a person says yes to so many steps, and so many test events after them."""
    what = "this step" if steps == 1 else f"these {steps:,} steps"
    events = "a test event" if tests == 1 else f"{tests:,} test events"
    asked = [*([f"apply {what}"] if steps else []), *([f"send {events}"] if tests else [])]
    terminal.talk([BLANK])
    return ask(terminal, strong(f"{' and '.join(asked).capitalize()}? [y/N] ")).lower() in ("y", "yes")
