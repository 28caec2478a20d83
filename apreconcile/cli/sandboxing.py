"""The one switch behind `--sandbox`: a local AgentPhone beside the spec, and the state of what was done there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from apreconcile.core.errors import Error
from apreconcile.sandbox import Options, running
from apreconcile.show import escape

from .options import Settings

HOME = ".apreconcile"
_HINT = "is it a sandbox's database, and may it be written? name another: --sandbox-db PATH"


@contextmanager
def started(settings: Settings, home: str) -> Iterator[tuple[str, Path]]:
    """Serve a sandbox for the length of the block: its URL, and the folder of its state."""
    place = sandbox_db(settings, home)
    with ExitStack() as stack:
        with explained(place):
            make_home(place.parent)
            server = stack.enter_context(running(Options(db=place)))
        yield server.url, sandbox_home(home)


def sandbox_home(home: str) -> Path:
    """The folder of the state of what was done in the sandbox."""
    return Path(home) / HOME / "sandbox"


def sandbox_db(settings: Settings, home: str) -> Path:
    """The sandbox's database: as named, else beside the spec."""
    return Path(settings.sandbox_db) if settings.sandbox_db else Path(home) / HOME / "sandbox.db"


@contextmanager
def explained(place: Path) -> Iterator[None]:
    """A database that cannot be used, in a sentence."""
    from sqlite3 import Error as DatabaseError  # noqa: PLC0415 -- 5 ms that a command without a sandbox does not pay

    try:
        yield
    except (DatabaseError, OSError) as problem:
        name = escape.line(str(place))
        raise Error(f"the sandbox's database {name} cannot be used: {type(problem).__name__}", hint=_HINT) from problem


def make_home(folder: Path) -> None:
    """The folder of a sandbox's database; one named like ours keeps itself out of Git."""
    folder.mkdir(parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    if folder.name == HOME and not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")


def empty_state(environment: str, home: str) -> None:
    """Remove the sandbox's state documents of this environment; their lock files stay, for whoever waits."""
    for document in sandbox_home(home).glob(f"*.{environment}.json"):
        document.unlink(missing_ok=True)
