"""A faithful local AgentPhone, because the vendor has none; it shares nothing with the reconciler, whose witness it is.

The server's parts are imported when one is started: 150 ms that a program without a sandbox does not pay.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apreconcile.sandbox.identity import account_of
from apreconcile.sandbox.options import Options

__all__ = ["Options", "Running", "account_of", "ledger", "reset", "running", "serve"]


@dataclass(frozen=True, slots=True)
class Running:
    """A server that is up, at this URL (without a path)."""

    url: str


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def serve(options: Options, host: str = "127.0.0.1", port: int = 0, announce: Callable[[str], object] = _say) -> None:
    """Serve until SIGINT or SIGTERM, then return.

    `announce` is called first, once the socket accepts, with `listening on http://127.0.0.1:PORT`. Raises ValueError
    for a host that is not loopback, OSError where the port is taken, sqlite3.DatabaseError for another file.
    """
    from apreconcile.sandbox import server  # noqa: PLC0415 (the start-up gain named above)

    server.serve(options, host, port, announce)


@contextmanager
def running(options: Options) -> Iterator[Running]:
    """Serve on a free loopback port, from a thread, for the length of the block. The same server as `serve`'s."""
    from apreconcile.sandbox import server  # noqa: PLC0415 (the start-up gain named above)

    with server.running(options) as url:
        yield Running(url)


def reset(db: str | Path, account: str | None = None) -> None:
    """Empty an account (named by `account_of`), or the whole world, in a file; no server need run, one may.

    A file that is not there stays so.
    """
    from apreconcile.sandbox import control, database  # noqa: PLC0415 (the start-up gain named above)

    if Path(db).exists():
        with closing(database.connect(db)) as world, database.writing(world):
            control.empty(world, account)


def ledger(db: str | Path, account: str | None = None) -> list[dict[str, Any]]:
    """Return the ledger of an account, or of all, as `GET /_sandbox/ledger` lists it; nothing without a file."""
    from apreconcile.sandbox import database  # noqa: PLC0415 (the start-up gain named above)
    from apreconcile.sandbox.books import entries  # noqa: PLC0415 (the start-up gain named above)

    if not Path(db).exists():
        return []
    with closing(database.connect(db)) as world:
        return entries(world, account)
