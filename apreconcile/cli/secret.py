"""`secret show`: a webhook's signing secret, read from the API when it is asked for, and kept nowhere."""

from __future__ import annotations

import click

from apreconcile.core.address import Address
from apreconcile.workflow import read_secret

from .command import Group, command
from .opening import within
from .options import Settings, pass_settings
from .values import ADDRESS

secret = Group(
    "secret",
    help="A webhook's signing secret.",
    table={"show": ("apreconcile.cli.secret:show", "Print it.")},
    examples=("apreconcile secret show webhook.events",),
)


@command("apreconcile secret show webhook.events", "apreconcile secret show webhook.events > secret.txt")
@click.argument("address", type=ADDRESS)
@pass_settings
def show(settings: Settings, address: Address) -> None:
    """Print a webhook's signing secret, read from the API now. Nothing else prints one."""
    text = within(settings, lambda account: read_secret(account, address))
    settings.terminal.write(text.encode("utf-8", "backslashreplace") + b"\n")
