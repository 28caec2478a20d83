"""How a command is made: the options that all share, examples in its help, and one way for it to end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NoReturn, TypeAlias

import click

from .failing import guarded
from .options import Shared, remember_version, shared_options

Body: TypeAlias = Callable[..., int | None]


class _Helpful(click.Command):
    """Help with the shared options in a section of their own, and examples at its end."""

    examples: tuple[str, ...] = ()

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options, then those that all commands share."""
        own, shared = list[tuple[str, str]](), list[tuple[str, str]]()
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record and not isinstance(param, click.Argument):
                (shared if isinstance(param, Shared) else own).append(record)
        for title, records in (("Options", own), ("Options before or after any command", shared)):
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def format_epilog(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        with formatter.section("Example" if len(self.examples) == 1 else "Examples"):
            formatter.write("".join(f"{'':{formatter.current_indent}}{example}\n" for example in self.examples))


class Command(_Helpful):
    """One command. What its body returns is the exit code; None is 0."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.examples = tuple(examples)
        self.params += shared_options()


class Group(_Helpful, click.Group):
    """Commands by name, loaded from their modules when they are called.

    `table` has each command's place (`module:attribute`) and the line about it.
    """

    def __init__(
        self,
        name: str,
        *,
        table: Mapping[str, tuple[str, str]],
        examples: Sequence[str],
        version: str | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(name, **settings)
        self.table = table
        self.examples = tuple(examples)
        self.params += [*([remember_version(version)] if version else []), *shared_options()]

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Every name, in the order of the table."""
        return list(self.table)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, or None."""
        if cmd_name not in self.table:
            return None
        module, _, attribute = self.table[cmd_name][0].partition(":")
        found: click.Command = getattr(import_module(module), attribute)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments name; for any other word, those that it may have meant."""
        name = args[0]
        if name not in self.table and not name.startswith("-") and not ctx.resilient_parsing:
            near = get_close_matches(name, self.table, n=2)
            meant = f" Did you mean {' or '.join(near)}?" if near else ""
            raise click.UsageError(f"There is no command {name!r}.{meant}", ctx)
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, then the options."""
        self.format_commands(ctx, formatter)
        super().format_options(ctx, formatter)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table, without loading what it names."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in self.table.items()])

    def main(self, args: Sequence[str] | None = None, *_: Any, **__: Any) -> NoReturn:
        """Run, and exit; whatever goes wrong ends in a sentence and a code."""
        given: dict[str, Any] = {}
        run = super().main
        sys.exit(guarded(lambda: run(args, "apreconcile", standalone_mode=False, obj=given), given))


def command(*examples: str) -> Callable[[Body], Command]:
    """Make a function a command, named like the function (`show_` is `show`); its docstring is the help."""

    def made(body: Body) -> Command:
        name = body.__name__.strip("_").replace("_", "-")
        return click.command(name, cls=Command, examples=examples)(body)

    return made
