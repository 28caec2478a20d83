"""A person at a terminal is asked, and only there: nothing piped in, and nothing typed before the question, counts."""

from __future__ import annotations

import select
import sys
import termios
from collections.abc import Collection

from apreconcile.core.approval import held, phrase
from apreconcile.core.change import Protect
from apreconcile.core.plan import Plan, Step
from apreconcile.show import escape
from apreconcile.show.screen import BLANK, Line, Span, Style, say, strong
from apreconcile.show.text import risk_words

from .running import raising
from .terminal import Terminal

Name = tuple[str, str]

_QUIET_FOR = 0.05
"""Seconds without input after which what was pasted ahead has arrived, and is thrown away."""
_PATIENCE = 100


def ask(terminal: Terminal, question: Line) -> str:
    """The answer to a question, as it was typed; empty for the end of input. Ctrl-C raises KeyboardInterrupt."""
    with raising():
        discard_input()
        terminal.prompt(question)
        answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        terminal.talk([()])
    return answer.strip()


def discard_input() -> None:
    """Throw away what was typed or pasted before the question was there to be read."""
    stdin = sys.stdin.fileno()
    termios.tcflush(stdin, termios.TCIFLUSH)
    for _ in range(_PATIENCE):
        if not select.select([stdin], [], [], _QUIET_FOR)[0]:
            return
        termios.tcflush(stdin, termios.TCIFLUSH)


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


def takeable(plan: Plan, granted: Collection[Name]) -> tuple[Step, ...]:
    """The steps that would be taken now: neither held nor waiting for one that is."""
    out = set()
    taken, waiting = [], {step.name for step in held(plan, granted)}
    for step in plan.steps:
        protects = isinstance(step.change, Protect)
        waits = any(str(at) in out for at in step.after if at != step.address) or str(step.address) in out
        if (waits and not protects) or step.name in waiting:
            out |= set() if protects else {str(step.address)}
        else:
            taken.append(step)
    return tuple(taken)


def confirmed(terminal: Terminal, steps: int) -> bool:
    """Whether a person says yes to so many steps."""
    what = "this step" if steps == 1 else f"these {steps:,} steps"
    terminal.talk([BLANK])
    return ask(terminal, strong(f"Apply {what}? [y/N] ")).lower() in ("y", "yes")
