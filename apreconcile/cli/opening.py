"""An account is opened here: its spec found, its key taken from the environment, or a sandbox started beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from apreconcile.core.address import Address
from apreconcile.core.errors import UnsafeError
from apreconcile.core.wanted import Manifest
from apreconcile.workflow import LOST, WRITE_STORE, Account, Planned, Reach, connect, is_lost, patiently, plan

from .loading import manifest_of
from .options import Settings
from .progress import Requests
from .reaching import reach
from .running import run
from .sandboxing import sandbox_home, started

T = TypeVar("T")

LOOKING = "looking at the account"
"""What is said while it takes long."""
NOWHERE, NO_KEY = "http://127.0.0.1:9", "none"
"""A loopback URL at which nobody answers, and no key: for commands that send nothing."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where an account is: its key, its URL, its sub-account, and the folder of its state if not the usual one."""

    key: str
    url: str
    sub_account: str | None = None
    home: Path | None = None


@asynccontextmanager
async def opened(
    settings: Settings, manifest: Manifest, requests: Requests, *, settle: float = 60.0, offline: bool = False,
    outside: bool = False,
) -> AsyncIterator[Account]:  # fmt: skip
    """The account of a spec, real or sandbox; `offline` if nothing will be sent, which needs no key and no server.

    `outside` of any sub-account.

    Raises CredentialsError, HostError or UsageError before anything is sent.
    """
    with door_to(settings, manifest, offline=offline) as door:
        async with connect(
            manifest, key=door.key, base_url=door.url, home=door.home,
            sub_account="" if outside else door.sub_account or "",
            concurrency=settings.concurrency, settle=settle, on_request=requests, environ=settings.environ,
            hand_on=not settings.sandbox,
        ) as account:  # fmt: skip
            yield account


@contextmanager
def door_to(settings: Settings, manifest: Manifest, *, offline: bool = False) -> Iterator[Door]:
    """Where the account of a spec's environment is.

    A sandbox has an account for each environment, of the same name; of sub-accounts it knows what a flag says.
    """
    if settings.sandbox and offline:
        yield Door(manifest.environment, NOWHERE, settings.sub_account, sandbox_home(manifest.home))
    elif settings.sandbox:
        with started(settings, manifest.home) as (url, home):
            yield Door(manifest.environment, url, settings.sub_account, home)
    else:
        way = reach(settings, manifest.chosen.access)
        yield Door(NO_KEY if offline else _key(settings, way), way.url.text, way.sub_account)


def _key(settings: Settings, way: Reach) -> str:
    """The key. Raises CredentialsError if there is none."""
    key = way.needed_key(in_ci=settings.in_ci)
    if way.key and way.key.source != way.variable:
        settings.terminal.warn(f"using {way.key.source}, since {way.variable} is not set")
    return key


def state_is_lost(settings: Settings, manifest: Manifest) -> bool:
    """Whether this run's state would end with the runner: in CI, with no store written in the spec."""
    return is_lost(manifest, settings.environ) and not settings.sandbox


def check_state_stays(settings: Settings, manifest: Manifest) -> None:
    """Raise UnsafeError where the state of this run would be lost."""
    if state_is_lost(settings, manifest):
        raise UnsafeError(f"nothing was sent: {LOST}", hint=WRITE_STORE)


@asynccontextmanager
async def looking(settings: Settings, manifest: Manifest) -> AsyncIterator[Account]:
    """The account of a spec, open to be looked at, while it is told how long that takes. Raises as `opened` does."""
    requests = Requests(settings.terminal, verbose=settings.verbose)
    async with opened(settings, manifest, requests) as account:
        with requests.shown(LOOKING):
            yield account


async def look(
    settings: Settings, manifest: Manifest, *, adopt: bool = False, only: Sequence[Address] = (), verify: bool = False
) -> Planned:
    """Open the account, plan it, and close it."""
    async with looking(settings, manifest) as account:
        return await plan(account, adopt=adopt, only=only, verify=verify)


def within(
    settings: Settings, work: Callable[[Account], Awaitable[T]], *, settle: float = 60.0, offline: bool = False
) -> T:
    """Open the account of the spec, do one thing there, close it, and return what came of it."""
    manifest = manifest_of(settings)
    requests = Requests(settings.terminal, verbose=settings.verbose)

    async def done() -> T:
        async with opened(settings, manifest, requests, settle=settle, offline=offline) as account:
            tell = settings.terminal.remark
            return await patiently(account, settings.lock_timeout, lambda: work(account), tell=tell)

    return run(settings.terminal, lambda _: done())
