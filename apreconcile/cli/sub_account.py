"""`sub-account`: the accounts inside of an account, made and listed with its key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import click

from apreconcile.core.errors import UsageError
from apreconcile.core.wanted import ENVIRONMENT, Manifest
from apreconcile.show import escape
from apreconcile.show.layout import columns
from apreconcile.show.screen import say
from apreconcile.workflow import Account, create_sub_account, list_sub_accounts

from .command import Group, command
from .loading import whose_account
from .opening import opened
from .options import FORMAT, Settings, check_format, pass_settings
from .progress import Requests
from .running import run
from .terminal import indented

T = TypeVar("T")

LONGEST = 200

sub_account = Group(
    "sub-account",
    help="Accounts inside of an account: agents, numbers and webhooks of their own, one key and one bill.",
    table={
        "create": ("apreconcile.cli.sub_account:create", "Make one, and print its id."),
        "list": ("apreconcile.cli.sub_account:list_", "List them."),
    },
    examples=("apreconcile sub-account create staging", "apreconcile sub-account list -e prod"),
)


@command("apreconcile sub-account create staging", "apreconcile sub-account create staging -e prod")
@click.argument("name")
@pass_settings
def create(settings: Settings, name: str) -> None:
    """Make a sub-account of the account whose key is used, and print its id. One of that name is not made twice."""
    if not name.strip() or not name.isprintable() or len(name) > LONGEST:
        raise UsageError("a sub-account wants a name that can be read", hint="apreconcile sub-account create staging")
    manifest = whose_account(settings)
    made = _outside(settings, manifest, lambda account: create_sub_account(account, name))
    settings.terminal.write(f"{made.id}\n".encode(errors="backslashreplace"))
    access = replace(manifest.chosen.access, sub_account=made.id).said
    known = name if ENVIRONMENT.fullmatch(name) else "NAME"
    fields = ", ".join(f"{field}: {value}" for field, value in access.items())
    where = f"environments: {{{known}: {{account: {{{fields}}}}}}}"
    settings.terminal.remark(f"write it into the spec: {where}; or name it: --sub-account {made.id}")


@command("apreconcile sub-account list", "apreconcile sub-account list --format json")
@FORMAT
@pass_settings
def list_(settings: Settings, form: str) -> None:
    """List the sub-accounts of the account whose key is used: id and name, a line each."""
    as_json, terminal = check_format(form) == "json", settings.terminal
    found = _outside(settings, whose_account(settings), list_sub_accounts)
    if as_json:
        listed = [{"id": one.id, "name": one.name} for one in found]
        terminal.write(indented(listed))
        return
    rows = [[escape.line(one.id), escape.line(one.name)] for one in found]
    terminal.show(columns(rows, width=terminal.width, indent=0) if found else [say("There are no sub-accounts.")])


def _outside(settings: Settings, manifest: Manifest, work: Callable[[Account], Awaitable[T]]) -> T:
    """Do something with the account itself, whichever sub-account its environment names."""
    requests = Requests(settings.terminal, verbose=settings.verbose)

    async def done() -> T:
        async with opened(settings, manifest, requests, outside=True) as account:
            return await work(account)

    return run(settings.terminal, lambda _: done())
