"""`state`: what is remembered of an account, honestly, and how to put it right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import click

from apreconcile.core.address import Address
from apreconcile.core.errors import Error, UsageError
from apreconcile.core.state import State, to_json
from apreconcile.show.layout import prose
from apreconcile.show.screen import BLANK, Lines
from apreconcile.show.state import state_list, state_text
from apreconcile.workflow import (
    Account,
    kind_of,
    open_store,
    state_copy,
    state_forget,
    state_init,
    state_line,
    state_move,
    state_unlock,
)  # fmt: skip

from .command import Group, command
from .opening import within
from .options import FORMAT, SETTLE, Settings, check_format, check_store, pass_settings
from .terminal import indented
from .values import ADDRESS

state = Group(
    "state",
    help="What is remembered of an account: which id is which address, what is open, what was bought.",
    table={
        "list": ("apreconcile.cli.state:list_", "What is ours, a line each."),
        "show": ("apreconcile.cli.state:show", "The whole document."),
        "init": ("apreconcile.cli.state:init", "Start it, setting numbers aside that are not ours."),
        "forget": ("apreconcile.cli.state:forget", "Forget what an address is; it stays in the account."),
        "copy": ("apreconcile.cli.state:copy", "Copy it to another store, which is used from then on."),
        "move": ("apreconcile.cli.state:move", "Give what an address is another key."),
        "unlock": ("apreconcile.cli.state:unlock", "Take away the lock of a run that died."),
    },
    examples=("apreconcile state list", "apreconcile state init --ignore num_123"),
)


@command("apreconcile state list", "apreconcile state list --format json")
@FORMAT
@pass_settings
def list_(settings: Settings, form: str) -> None:
    """List what is ours: address, id, phone number, and how it came to us. Offline."""
    _told(settings, form, state_list)


@command("apreconcile state show", "apreconcile state show --format json")
@FORMAT
@pass_settings
def show(settings: Settings, form: str) -> None:
    """Show the whole document: what is ours, what is open, what was bought, who holds it. Offline."""
    _told(settings, form, state_text)


def _told(settings: Settings, form: str, screen: Callable[..., Lines]) -> None:
    as_json, terminal = check_format(form) == "json", settings.terminal

    async def recalled(account: Account) -> tuple[State, Error | None]:
        document, _ = await account.recall(even_unused=True)
        return document, account.unused(document, account.store)

    document, unused = within(settings, recalled, offline=True)
    if as_json:
        terminal.write(indented(to_json(document)))
        return
    first = [*prose(f"{unused.message}.", width=terminal.width), BLANK] if unused else []
    terminal.show([*first, *screen(document, width=terminal.width)])


@command("apreconcile state init", "apreconcile state init --ignore num_123 --ignore num_456")
@click.option("--ignore", multiple=True, metavar="ID", help="Set this number aside: never touched. Repeatable.")
@click.option("--ignore-all", is_flag=True, help="Set every number aside that the spec does not import.")
@SETTLE
@pass_settings
def init(settings: Settings, ignore: tuple[str, ...], ignore_all: bool, settle: float) -> None:
    """Start the state of an account. Numbers that were there before must be imported or set aside."""
    if ignore and ignore_all:
        raise UsageError("--ignore and --ignore-all exclude each other", hint="apreconcile state init --help")
    settings.terminal.tell(
        within(
            settings, lambda account: state_init(account, ignore=ignore, ignore_all=ignore_all), settle=settle
        )
    )  # fmt: skip


@command("apreconcile state forget number.support-main")
@click.argument("address", type=ADDRESS)
@pass_settings
def forget(settings: Settings, address: Address) -> None:
    """Forget what an address is. It stays in the account, and is nobody's from then on. Offline.

    A number keeps its marker; `forget:` in the spec changes that too.
    """
    settings.terminal.tell(within(settings, lambda account: state_forget(account, address), offline=True))


@command("apreconcile state copy --to git", "apreconcile state copy --to s3://acme-state/agentphone")
@click.option("--to", required=True, metavar="STORE", help="local, git or s3://BUCKET/PREFIX.")
@click.option("--remote", metavar="REMOTE", help="The remote of the store git. [origin]")
@SETTLE
@pass_settings
def copy(settings: Settings, to: str, remote: str | None, settle: float) -> None:
    """Copy the document to another store, which is used from then on; the old one says so. Offline for the account.

    Killed in between, nothing is lost and nothing is there twice: repeat the command.
    """
    check_store(to, remote)
    if settings.sandbox:
        raise UsageError("the state of the sandbox stays beside it", hint="leave --sandbox out")

    async def copied(account: Account) -> str:
        target = open_store(replace(account.manifest, store=to, remote=remote), environ=settings.environ)
        return await state_copy(account, target)

    settings.terminal.tell(within(settings, copied, settle=settle, offline=True))
    settings.terminal.remark(f"write this into the spec: {state_line(to, remote)}")


@command("apreconcile state move number.old number.new")
@click.argument("old", metavar="FROM", type=ADDRESS)
@click.argument("new", metavar="TO", type=ADDRESS)
@pass_settings
def move(settings: Settings, old: Address, new: Address) -> None:
    """Give what an address is another key, in the state and on a number's marker. Offline but for numbers.

    `moved:` in the spec does the same with the next apply, for everybody who has the spec.
    """
    offline = not kind_of(old).marked
    said, warnings = within(settings, lambda account: state_move(account, old, new), offline=offline)
    settings.terminal.tell(said)
    for warning in warnings:
        settings.terminal.warn(warning)


@command("apreconcile state unlock")
@SETTLE
@pass_settings
def unlock(settings: Settings, settle: float) -> None:
    """Take away the lock of a run that died. Refused while that run may still be writing. Offline."""
    settings.terminal.tell(within(settings, state_unlock, settle=settle, offline=True))
