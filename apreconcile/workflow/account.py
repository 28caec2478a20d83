"""An open account is a spec, a client that speaks for it, and the store that remembers it."""

from __future__ import annotations

import getpass
import hashlib
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from apreconcile.core.errors import UnsafeError, UsageError
from apreconcile.core.host import in_ci
from apreconcile.core.plan import Scope, Step
from apreconcile.core.scoping import is_listed
from apreconcile.core.state import State
from apreconcile.core.wanted import Environment, Manifest, is_visible
from apreconcile.kinds import KINDS
from apreconcile.live.client import Client
from apreconcile.live.hosts import check_base_url
from apreconcile.live.limits import Pace
from apreconcile.live.record import Holder
from apreconcile.live.scoped import ScopedClient
from apreconcile.programs.sinks import Sinks
from apreconcile.store.local import HOME
from apreconcile.store.store import Store, Version

from .delivering import sinks_of
from .reaching import Reach, reach
from .stores import copy_command, is_lost, line_of, name_of, open_store, start_at


def utc_now() -> datetime:
    """This moment."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Account:
    """What every sentence of the workflow works with. `settle` is the settling time in seconds (`--settle`).

    `way` is how the account is reached. `sinks` is None where no secret leaves, as in a sandbox. `lost` says that the
    state would end with the machine.
    """

    manifest: Manifest
    way: Reach
    client: Client
    store: Store
    scope: Scope
    concurrency: int
    settle: float
    pace: Pace
    now: Callable[[], datetime]
    beside: Callable[[str], Store]
    """The store of another environment's state."""
    sinks: Sinks | None = None
    lost: bool = False

    async def recall(self, *, even_unused: bool = False) -> tuple[State, Version]:
        """What is remembered. Raises UnsafeError if it is about another account, or not in use unless `even_unused`."""
        state, version = await self.store.read()
        if state is None:
            return self.blank(), version
        unused = self.unused(state, self.store)
        if unused and not even_unused:
            raise unused
        self.check_scope(state)
        return state, version

    def unused(self, state: State, store: Store) -> UnsafeError | None:
        """Why a document of a store is not to be worked with, and what to do instead; None if it is in use."""
        here, other = name_of(store), state.copy_of or state.elsewhere
        if other is None:
            return None
        line, folder = line_of(other, self.manifest), Path(other).parent.parent
        if state.copy_of:
            reason = f"{here} is not in use: it is a copy of {other} that was not finished"
            return UnsafeError(reason, hint=f"end it {start_at(other, self.manifest)}: {copy_command(here)}")
        hint = f"write into the spec: {line}; if the copy was cut short, end it first: {copy_command(other)}"
        if line is None:
            hint = f"it is used from {folder}; to have it back, run there: {copy_command(here)}"
        return UnsafeError(f"{here} is not in use: the state was copied to {other}", hint=hint)

    def check_scope(self, state: State) -> None:
        """Raise UnsafeError if a state is about another account than this one."""
        wrong = of_another(state, self.scope)
        if wrong:
            raise wrong

    def doubts(self, step: Step) -> bool:
        """Whether an answer to this step has to be read back: the sub-account's header is not listed for its calls."""
        return self.scope.sub_account is not None and not all(map(is_listed, step.calls))

    def blank(self) -> State:
        """The state before the first write."""
        manifest, scope = self.manifest, self.scope
        return State(manifest.project, manifest.environment, scope.host, scope.sub_account)


def of_another(state: State, scope: Scope) -> UnsafeError | None:
    """That a state is about another account than this one, and what to do about it; None if it is about this one."""
    about = Scope(state.host, state.sub_account)
    if about == scope:
        return None
    hint = "check AGENTPHONE_BASE_URL and --base-url, or use another `project:`"
    if about.host == scope.host:
        hint = "check `subAccount:`, AGENTPHONE_SUB_ACCOUNT and --sub-account, or use another environment"
    return UnsafeError(f"the state is about {about}, and this run about {scope}", hint=hint)


@asynccontextmanager
async def connect(
    manifest: Manifest,
    *,
    key: str | None = None,
    base_url: str | None = None,
    sub_account: str | None = None,
    home: Path | None = None,
    concurrency: int = 8,
    settle: float = 60.0,
    on_request: Callable[[str], None] | None = None,
    pace: Pace | None = None,
    now: Callable[[], datetime] = utc_now,
    environ: Mapping[str, str] | None = None,
    hand_on: bool = True,
) -> AsyncIterator[Account]:
    """Open the account that a key speaks for, or a sub-account of it; nothing is sent yet.

    What is left out of `key`, `base_url` and `sub_account` is as the command line has it: a variable, else the spec of
    the environment; an empty `sub_account` is the account itself.

    `home` is the folder of the state documents; if left out, the spec's `state:` says where they are. `on_request` is
    told one line about each request. `environ` has these variables, names a bucket's server and credentials, and is
    handed to the programs that take webhook secrets, without the key; the process' own if left out. Without `hand_on`
    no secret leaves.
    Raises HostError, CredentialsError, UsageError or StoreError before a byte is sent.
    """
    given = os.environ if environ is None else environ
    way = reach(manifest.chosen.access, given, key=key, base_url=base_url, sub_account=sub_account)
    base, key, sub_account = check_base_url(way.url.text), way.needed_key(in_ci=in_ci(given)), way.sub_account
    manifest = manifest if sub_account else without_shared(manifest)
    if sub_account is not None and not is_visible(sub_account):
        raise UsageError("that cannot be the id of a sub-account", hint="apreconcile sub-account list")
    secrets = [hole for wanted in manifest.resources for hole in wanted.secrets]
    masks = {text for hole in secrets for text in (hole.text, *hole.inner)}
    pace = pace or Pace()
    store = open_store(manifest, home=home, environ=given)
    own = home or Path(manifest.home) / HOME
    sinks = sinks_of(manifest, given, home=own, masks={key, *masks}) if hand_on else None

    def beside(name: str) -> Store:
        return open_store(replace(manifest, environment=name), home=home, environ=given)

    client = (ScopedClient if sub_account else Client)(
        base, key, sub_account=sub_account, concurrency=concurrency, masks=masks, on_request=on_request, pace=pace
    )  # fmt: skip
    account = hashlib.sha256(f"apreconcile {key.strip()}".encode()).hexdigest()[:16]
    scope = Scope(base.host, sub_account, account)
    async with client:
        lost = home is None and is_lost(manifest, given)
        yield Account(manifest, way, client, store, scope, concurrency, settle, pace, now, beside, sinks, lost)


def without_shared(manifest: Manifest) -> Manifest:
    """What an instance of an ephemeral environment may have of an account that others share: no slot of the project."""
    single = {kind.name for kind in KINDS if kind.single}
    shared = [one.address for one in manifest.resources if one.address.kind in single and one.parent is None]
    if not (manifest.chosen.ephemeral and shared):
        return manifest
    resources = tuple(one for one in manifest.resources if one.address not in shared)
    why = "an account has one, which other environments share, and which gets the events of agents without their own"
    said = tuple(f"{at} is left out of {manifest.environment}: {why}" for at in shared)
    return replace(manifest, resources=resources, warnings=(*manifest.warnings, *said))


def check_url(environment: Environment) -> None:
    """Raise HostError if the spec names a URL to which no key may go."""
    if environment.access.base_url is not None:
        check_base_url(environment.access.base_url)


def holder() -> Holder:
    """Who this run is: a random id, the user, the machine."""
    who = "unknown"
    with suppress(KeyError, OSError, ImportError):
        who = getpass.getuser()
    return Holder(secrets.token_hex(8), who, socket.gethostname())
