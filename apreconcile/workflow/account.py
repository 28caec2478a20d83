"""An open account is a spec, a client that speaks for it, and the store that remembers it."""

from __future__ import annotations

import getpass
import hashlib
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from apreconcile.core.errors import UnsafeError
from apreconcile.core.plan import Scope
from apreconcile.core.state import State
from apreconcile.core.wanted import Manifest
from apreconcile.live.client import Client
from apreconcile.live.hosts import check_base_url
from apreconcile.live.limits import Pace
from apreconcile.live.record import Holder
from apreconcile.programs.sinks import Sinks
from apreconcile.store.local import HOME
from apreconcile.store.store import Store, Version

from .delivering import sinks_of
from .stores import copy_command, line_of, name_of, open_store, start_at

DEFAULT_BASE_URL = "https://api.agentphone.ai"
"""Where AgentPhone answers (PY, TS, OAS)."""


def utc_now() -> datetime:
    """This moment."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Account:
    """What every sentence of the workflow works with. `settle` is the settling time in seconds (`--settle`).

    `sinks` is None where no secret leaves, as in a sandbox.
    """

    manifest: Manifest
    client: Client
    store: Store
    scope: Scope
    concurrency: int
    settle: float
    pace: Pace
    now: Callable[[], datetime]
    sinks: Sinks | None = None

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
        if (state.host, state.sub_account) != (self.scope.host, self.scope.sub_account):
            reason = f"the state is about {state.host}, and this run about {self.scope.host}"
            raise UnsafeError(reason, hint="check AGENTPHONE_BASE_URL and --base-url, or use another `project:`")

    def blank(self) -> State:
        """The state before the first write."""
        manifest, scope = self.manifest, self.scope
        return State(manifest.project, manifest.environment, scope.host, scope.sub_account)


@asynccontextmanager
async def connect(
    manifest: Manifest,
    *,
    key: str,
    base_url: str = DEFAULT_BASE_URL,
    home: Path | None = None,
    concurrency: int = 8,
    settle: float = 60.0,
    on_request: Callable[[str], None] | None = None,
    pace: Pace | None = None,
    now: Callable[[], datetime] = utc_now,
    environ: Mapping[str, str] | None = None,
    hand_on: bool = True,
) -> AsyncIterator[Account]:
    """Open the account that a key speaks for; nothing is sent yet.

    `home` is the folder of the state documents; if left out, the spec's `state:` says where they are. `on_request` is
    told one line about each request. `environ` names a bucket's server and credentials, and is handed to the programs
    that take webhook secrets, without the key; the process' own if left out. Without `hand_on` no secret leaves.
    Raises HostError, CredentialsError or StoreError before a byte is sent.
    """
    base = check_base_url(base_url)
    secrets = [hole for wanted in manifest.resources for hole in wanted.secrets]
    masks = {text for hole in secrets for text in (hole.text, *hole.inner)}
    pace = pace or Pace()
    given = os.environ if environ is None else environ
    store = open_store(manifest, home=home, environ=given)
    own = home or Path(manifest.home) / HOME
    sinks = sinks_of(manifest, given, home=own, masks={key, *masks}) if hand_on else None
    client = Client(base, key, concurrency=concurrency, masks=masks, on_request=on_request, pace=pace)
    scope = Scope(base.host, account=hashlib.sha256(f"apreconcile {key.strip()}".encode()).hexdigest()[:16])
    async with client:
        yield Account(manifest, client, store, scope, concurrency, settle, pace, now, sinks)


def holder() -> Holder:
    """Who this run is: a random id, the user, the machine."""
    who = "unknown"
    with suppress(KeyError, OSError, ImportError):
        who = getpass.getuser()
    return Holder(secrets.token_hex(8), who, socket.gethostname())
