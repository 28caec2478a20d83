"""`completion`: the script that makes a shell complete our commands."""

from __future__ import annotations

import click
from click.shell_completion import ShellComplete, get_completion_class

from .command import command
from .options import Settings, pass_settings


@command(
    'eval "$(apreconcile completion bash)"',
    'eval "$(apreconcile completion zsh)"',
    "apreconcile completion fish > ~/.config/fish/completions/apreconcile.fish",
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
@pass_settings
def completion(settings: Settings, ctx: click.Context, shell: str) -> None:
    """Print a completion script. It asks this program for the words when TAB is pressed."""
    made = get_completion_class(shell)
    if made:
        # The base class' own `source`: that of bash first runs a bash, to ask it for its version.
        script = ShellComplete.source(made(ctx.find_root().command, {}, "apreconcile", "_APRECONCILE_COMPLETE"))
        settings.terminal.write(script.encode())
