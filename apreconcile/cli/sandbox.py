"""`sandbox`: the local AgentPhone, as a server, emptied, and its ledger."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click

from apreconcile.core.errors import Error, UsageError
from apreconcile.sandbox import Options, account_of
from apreconcile.sandbox import ledger as entries_of
from apreconcile.sandbox import reset as empty
from apreconcile.sandbox import serve as serve_until_told

from .command import Group, command
from .loading import bare_manifest_of, home_of
from .options import Settings, pass_settings
from .sandboxing import empty_state, explained, make_home, sandbox_db

sandbox = Group(
    "sandbox",
    help="A local AgentPhone, to try things on: same routes, same rules, no phone line and no bill.",
    table={
        "serve": ("apreconcile.cli.sandbox:serve", "Serve it on loopback until Ctrl-C."),
        "reset": ("apreconcile.cli.sandbox:reset", "Empty the account of --sandbox, and its state."),
        "ledger": ("apreconcile.cli.sandbox:ledger", "What was bought and released there, as JSON."),
    },
    examples=("apreconcile plan --sandbox", "apreconcile sandbox serve --port 8080", "apreconcile sandbox reset"),
)


class _Dollars(click.ParamType[Decimal]):
    name = "DOLLARS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """The amount."""
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            self.fail(f"{value!r} is no amount of dollars", param, ctx)
        if not amount.is_finite():
            self.fail(f"{value!r} is no amount of dollars", param, ctx)
        return amount


@command("apreconcile sandbox serve --port 8080 --key test-key", "apreconcile sandbox serve --db world.db --balance 5")
@click.option("--port", type=click.IntRange(0, 65535), default=0, metavar="PORT", help="0 takes a free one. [0]")
@click.option("--db", type=click.Path(path_type=str), metavar="PATH", help="Its database. [beside the spec]")
@click.option("--profile", type=click.Choice(["2025", "2026"]), default="2026", help="Which year's API. [2026]")
@click.option(
    "--number-limit", type=click.IntRange(0), default=10, metavar="N", help="Numbers an account may hold. [10]"
)
@click.option("--balance", type=_Dollars(), default="100", metavar="DOLLARS", help="What is in its wallet. [100]")
@click.option("--key", "keys", multiple=True, metavar="KEY", help="Let in this key only. Repeat it for several.")
@pass_settings
def serve(settings: Settings, port: int, db: str | None, **switches: Any) -> None:
    """Serve a local AgentPhone on 127.0.0.1 until Ctrl-C; any key is an account of its own.

    The first line says where: `listening on http://127.0.0.1:PORT`.
    """
    place = Path(db) if db else sandbox_db(settings, home_of(settings))
    try:
        options = Options(db=place, **switches)
    except ValueError as problem:
        raise UsageError(str(problem), hint="apreconcile sandbox serve --help") from problem
    with explained(place):
        make_home(place.parent)
        with _port_explained(port):
            serve_until_told(options, port=port, announce=lambda line: settings.terminal.write(f"{line}\n".encode()))


@contextmanager
def _port_explained(port: int) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        if problem.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        raise Error(f"port {port} cannot be used: {problem.strerror}", hint="take a free one: --port 0") from problem


@command("apreconcile sandbox reset", "apreconcile sandbox reset --sandbox-db world.db")
@pass_settings
def reset(settings: Settings) -> None:
    """Empty the account that --sandbox uses, and forget its state. The real account is not touched."""
    place = sandbox_db(settings, home_of(settings))
    name = bare_manifest_of(settings).environment
    with explained(place):
        empty(place, account_of(name))
    empty_state(name, home_of(settings))
    settings.terminal.remark("the sandbox's account and state are empty")


@command("apreconcile sandbox ledger", "apreconcile sandbox ledger --sandbox-db world.db")
@pass_settings
def ledger(settings: Settings) -> None:
    """Print what was bought, released and expired there, as JSON."""
    place = sandbox_db(settings, home_of(settings))
    with explained(place):
        entries = entries_of(place)
    settings.terminal.write(json.dumps({"entries": entries}, indent=2).encode() + b"\n")
