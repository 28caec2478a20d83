"""The two streams: data on stdout, talk on stderr; painted on a terminal, plain anywhere else."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import groupby
from typing import IO, Any, TextIO, cast

from apreconcile.core.errors import Error
from apreconcile.show import escape
from apreconcile.show.layout import prose, retold
from apreconcile.show.screen import WIDTH, Line, Lines, Span, Style, plain, say

from .commands import COMMANDS

_NARROWEST, _WIDEST = 40, 120
_GOVERNED = ("validate", "plan", "apply", "destroy")
"""The commands that read a policy."""
_ITEMS, _TOLD = {"steps", "blocked", "drift"}, {"why", "reason", "hint"}
"""Where a document tells something in sentences of ours."""

_PAINT: Mapping[Style, str] = {
    Style.PLAIN: "",
    Style.STRONG: "bold",
    Style.QUIET: "dim",
    Style.GOOD: "green",
    Style.CHANGE: "yellow",
    Style.BAD: "red",
    Style.TAKE: "cyan",
    Style.RISK: "bold red",
    Style.HINT: "cyan",
    Style.COPY: "bold",
}


class OutputError(Error):
    """What was asked for could not be written to stdout."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where a command speaks. `quiet` leaves the remarks out; `flags` is what commands to paste have to repeat.

    Those that read a policy repeat `policy_from`, too: without it, they would read another.
    """

    colour: bool = True
    quiet: bool = False
    flags: tuple[str, ...] = ()
    policy_from: str | None = None

    @property
    def width(self) -> int:
        """The columns of stdout."""
        return width_of(sys.stdout)

    @property
    def talk_width(self) -> int:
        """The columns of stderr."""
        return width_of(sys.stderr)

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked: stdin and stderr are terminals."""
        return is_terminal(sys.stdin) and is_terminal(sys.stderr)

    def show(self, lines: Lines) -> None:
        """Data for a person, on stdout. Raises OutputError, or BrokenPipeError if nobody reads on."""
        with _Written():
            _paint(self._repeating(lines), sys.stdout, colour=self.colour)

    def write(self, data: bytes) -> None:
        """Data as it is, on stdout. Raises as `show` does."""
        with _Written():
            sys.stdout.flush()
            sys.stdout.buffer.write(data)

    def tell(self, sentence: str) -> None:
        """One sentence about what was done, on stdout."""
        self.show(prose(sentence, width=self.width))

    def talk(self, lines: Lines) -> None:
        """Errors and questions, on stderr; what cannot be said there is lost."""
        with suppress(OSError, AttributeError, ValueError):
            _paint(self._repeating(lines), sys.stderr, colour=self.colour)
            sys.stderr.flush()

    def remark(self, text: str) -> None:
        """One harmless sentence on stderr, unless the user wants quiet."""
        if not self.quiet:
            self.talk(prose(text, width=self.talk_width))

    def warn(self, text: str) -> None:
        """`warning: …` on stderr, also when quiet."""
        self.talk(prose(text, width=self.talk_width, first=say("warning: ", Style.RISK), hang=9))

    def prompt(self, question: Line) -> None:
        """A question on stderr, the cursor waiting behind it."""
        _paint([question], sys.stderr, colour=self.colour, end="")
        sys.stderr.flush()

    def again(self, text: str) -> str:
        """A text in which every command to paste has the flags of this run."""
        return retold(text, lambda command: self._repeated(Span(Style.COPY, command)).text)

    def again_in(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """What is told of a plan, or of drift, with such commands; fields stay as they are."""
        items = {
            part: [{**one, **{name: self._again(one[name]) for name in _TOLD & one.keys()}} for one in document[part]]
            for part in _ITEMS & document.keys()
        }
        return {**document, **items, "warnings": self._again(document["warnings"])}

    def _again(self, told: Any) -> Any:
        return [*map(self.again, told)] if isinstance(told, list) else self.again(told)

    def _repeating(self, lines: Lines) -> Lines:
        """The lines in which every command to paste has the flags of this run."""
        if not self.flags and self.policy_from is None:
            return lines
        return [tuple(self._repeated(span) for span in line) for line in lines]

    def _repeated(self, span: Span) -> Span:
        program, _, rest = span.text.partition(" ")
        command, _, tail = rest.partition(" ")
        ours = program == "apreconcile" and (command in COMMANDS or command.startswith("-"))
        bare = rest.startswith(("show ", "approve ", "sandbox ")) or rest.endswith("--help")
        if span.style is not Style.COPY or not ours or bare:
            return span
        given = rest.split()
        flags = [quoted(*self.flags)] if self.flags and self.flags[0] not in given else []
        governed = command in _GOVERNED and self.policy_from is not None and "--policy-from" not in given
        source = [quoted("--policy-from", self.policy_from or "")] if governed else []
        return Span(span.style, " ".join(part for part in (program, *flags, command, *source, tail) if part))

    @property
    def paints_talk(self) -> bool:
        """Whether something may move on stderr: a terminal that can, and not the log of a CI."""
        return is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")


def indented(value: object) -> bytes:
    """A value as JSON that people may read; half a character of a broken text stands there as an escape."""
    return json.dumps(value, ensure_ascii=False, indent=2).encode(errors="backslashreplace") + b"\n"


def told_once(tell: Callable[[str], None]) -> Callable[[str], None]:
    """The same, but a text that was just told is not told again."""
    last: list[str] = []

    def told(text: str) -> None:
        if last != [text]:
            last[:] = [text]
            tell(text)

    return told


def quoted(*words: str) -> str:
    """A command that a shell reads as these words; a value left out (`…`) stays as it is."""
    return escape.line(" ".join(word if word.endswith("=…") else shlex.quote(word) for word in words))


def terminal_of(
    *, no_color: bool, quiet: bool, flags: tuple[str, ...] = (), policy_from: str | None = None
) -> Terminal:
    """The terminal that the options and the environment (NO_COLOR, TERM=dumb) ask for."""
    barred = no_color or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return Terminal(not barred, quiet, flags, policy_from)


def prepare_streams() -> None:
    """Make both streams write whatever they are given. Raises OutputError if there is no stdout."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError, OSError):
            cast("TextIOWrapper", stream).reconfigure(errors="backslashreplace")
    if sys.stdout is None:
        raise OutputError("standard output is closed", hint="send it somewhere, such as: > /dev/null")


def abandon_stdout() -> None:
    """Nobody reads stdout any more: what is still in its buffer goes nowhere, also when the program ends."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def is_terminal(stream: IO[Any] | None) -> bool:
    """Whether a stream is open and a terminal."""
    with suppress(ValueError, AttributeError):
        return stream is not None and stream.isatty()
    return False


def width_of(stream: TextIO | None) -> int:
    """The columns of a terminal, 80 for anything else."""
    with suppress(OSError, ValueError, AttributeError):
        if stream is not None and is_terminal(stream):
            columns = os.get_terminal_size(stream.fileno()).columns or WIDTH
            return max(_NARROWEST, min(columns, _WIDEST))
    return WIDTH


class _Written:
    """Writing to stdout, to its last byte: a full disk is told now, and not when the program ends."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, sort: type[BaseException] | None, problem: BaseException | None, _: object) -> None:
        try:
            if problem is None:
                sys.stdout.flush()
        except OSError as late:
            problem = late
        if isinstance(problem, BrokenPipeError):
            raise problem
        if isinstance(problem, OSError):
            abandon_stdout()
            raise OutputError(f"standard output could not be written: {problem.strerror}") from problem


def _paint(lines: Iterable[Line], stream: TextIO, *, colour: bool, end: str = "\n") -> None:
    """Lines of spans on a stream. rich is loaded only for a terminal: 50 ms that a pipe does not pay."""
    if not (colour and is_terminal(stream)):
        stream.write(plain(lines).removesuffix("\n") + end)
        return
    from rich.console import Console  # noqa: PLC0415 -- the start-up gain named above
    from rich.text import Text  # noqa: PLC0415 -- the start-up gain named above

    console = Console(file=stream, force_terminal=True, highlight=False, markup=False, emoji=False)
    for line in lines:
        runs = groupby(line, key=lambda span: span.style)
        text = Text.assemble(*(("".join(span.text for span in run), _PAINT[style]) for style, run in runs))
        text.no_wrap = True
        console.print(text, soft_wrap=True, end=end)
