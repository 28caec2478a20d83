"""To examine: look at all that a run stands on, and say of each how it is and what to do; nothing is written.

Each check stands for itself, so that one that fails hides no other: without a spec, a key or a network, the rest is
told.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from apreconcile.core.call import Call
from apreconcile.core.diagnosis import Check, Health, failed
from apreconcile.core.errors import ApiError, CredentialsError, Error, NetworkError, SpecError, UnsafeError
from apreconcile.core.plan import Scope
from apreconcile.core.state import State, to_second
from apreconcile.core.wanted import API_KEYS, Manifest
from apreconcile.kinds import KINDS
from apreconcile.live.client import Client
from apreconcile.live.hosts import BaseUrl, check_base_url
from apreconcile.live.scoped import ScopedClient
from apreconcile.live.together import together
from apreconcile.programs.versions import Version, gh_version, git_version, ssh_version
from apreconcile.store.local import LocalStore
from apreconcile.store.store import Store

from .account import of_another, utc_now
from .reaching import Named
from .stores import open_store

SANDBOX = "--sandbox"
"""The option that stands for host and key."""
PATIENCE = 10.0
"""Seconds that one request may take, and it is sent once."""
DRIFTS, WRONG = 30.0, 300.0
"""Seconds by which two clocks may differ, and from which on locks and expiry dates mean something else."""
_UNASKED = "the API could not be asked"


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined. `spec` is the manifest, the error that it ended in, or None where there is none.

    `key` is None if no variable has one, `url` where the API is. `home` is the folder of the state if that is not the
    usual one; `lost` says why the state of this run would not outlive it, if it would not.
    """

    spec: Manifest | Error | None
    key: Named | None = field(repr=False)
    url: Named
    environ: Mapping[str, str] = field(repr=False)
    sub_account: str | None = None
    home: Path | None = None
    lost: str = ""
    now: Callable[[], datetime] = utc_now

    @property
    def variable(self) -> str:
        """The variable that is to have the key."""
        return (self.manifest.chosen.access.key_env if self.manifest else None) or API_KEYS[0]

    @property
    def manifest(self) -> Manifest | None:
        """The spec, if there is one without problems."""
        return self.spec if isinstance(self.spec, Manifest) else None


async def examine(patient: Patient, *, on_request: Callable[[str], None] | None = None) -> tuple[Check, ...]:
    """Every check, in the order in which a run would meet them."""
    account, store, *programs = await together(
        [_account(patient, on_request), _store(patient), *(_program(each, patient) for each in _PROGRAMS)]
    )
    scope = [check for check in account if check.name == "scope"] or [_scope(patient, account)]
    rest = [check for check in account if check.name != "scope"]
    return (_spec(patient), *scope, *rest, *store, *(check for each in programs for check in each))


def _remedy(patient: Patient) -> str:
    return f"export {patient.variable}=…, a key of this account (dashboard, Settings, API Keys)"


def _spec(patient: Patient) -> Check:
    spec = patient.spec
    if spec is None:
        return Check("spec", Health.UNKNOWN, "there is no spec here", "write the account down as one: apreconcile init")
    if isinstance(spec, SpecError):
        return Check("spec", Health.FAILED, spec.message, "apreconcile validate")
    if isinstance(spec, Error):
        return failed("spec", spec)
    return Check("spec", Health.OK, f"project {spec.project}, environment {spec.environment}")


def _scope(patient: Patient, account: Sequence[Check]) -> Check:
    """Whose account it is, by what came of asking it."""
    inside = patient.sub_account
    if inside is None:
        return Check("scope", Health.OK, "the account itself, no sub-account")
    if any(check.name == "key" and check.health in {Health.OK, Health.WARNING} for check in account):
        return Check(
            "scope", Health.OK, f"the sub-account {inside}, which is there, and shows nothing of the account's own"
        )
    return Check("scope", Health.UNKNOWN, f"the sub-account {inside}: {_UNASKED}")


async def _account(patient: Patient, on_request: Callable[[str], None] | None) -> tuple[Check, ...]:
    """Host, key, scope, clock, and what the API knows."""
    try:
        base = check_base_url(patient.url.text)
    except Error as problem:
        host = replace(failed("host", problem), said=f"{problem.message} ({patient.url.source})")
        return (host, _unasked_key(patient), *_unasked())
    if patient.key is None:
        hint = f"{_remedy(patient)}; without one, try: apreconcile plan --sandbox"
        key = Check("key", Health.FAILED, f"there is no API key: {patient.variable} is not set", hint)
        return (Check("host", Health.UNKNOWN, f"{_named(patient, base)}: not asked without a key"), key, *_unasked())
    try:
        client = (ScopedClient if patient.sub_account else Client)(
            base, patient.key.text, sub_account=patient.sub_account, timeout=PATIENCE, on_request=on_request
        )
    except Error as problem:
        host = Check("host", Health.UNKNOWN, f"{_named(patient, base)}: not asked")
        return (host, failed("key", problem), *_unasked())
    async with client:
        return await _asked(patient, base, client)


async def _asked(patient: Patient, base: BaseUrl, client: Client) -> tuple[Check, ...]:
    """What the API says: of the key first, and then of what it knows."""
    name, key = _named(patient, base), patient.key.source if patient.key else ""
    host = Check("host", Health.OK, f"{name} answers")
    try:
        agents = _body(await client.send(_list("agents"), once=True))
        numbers = _body(await client.send(_list("numbers"), once=True))
    except CredentialsError as problem:
        refused = replace(failed("key", problem), said=f"{key} is refused: {problem.message}")
        return (host, refused, _clock(client.skew), *_unasked()[1:])
    except NetworkError as problem:
        return (failed("host", problem), _unasked_key(patient), *_unasked())
    except UnsafeError as problem:
        taken = Check("key", Health.OK, f"{key} is taken")
        return (failed("scope", problem), host, taken, _clock(client.skew), *_unasked()[1:])
    except Error as problem:
        wrong = isinstance(problem, ApiError) and 300 <= problem.status < 400  # noqa: PLR2004 -- HTTP's redirects
        said = failed("host" if wrong else "key", problem)
        rest = (said, _unasked_key(patient)) if wrong else (host, said)
        return (*rest, _clock(client.skew), *_unasked()[1:])
    counts = ", ".join(f"{word}: {_count(body)}" for word, body in (("agents", agents), ("numbers", numbers)))
    usual = key in {patient.variable, SANDBOX}
    answer = f"none is needed ({counts})" if key == SANDBOX else f"{key} is taken ({counts})"
    taken = Check("key", Health.OK if usual else Health.WARNING, answer, "" if usual else f"name it {patient.variable}")
    return (host, taken, _clock(client.skew), *_knowledge(numbers, patient.sub_account))


def _named(patient: Patient, base: BaseUrl) -> str:
    """The host, and who named it."""
    return f"{base.url.partition('://')[2]} ({patient.url.source})"


def _list(word: str) -> Call:
    return Call("GET", ("v1", word), query=(("limit", "100"),))


def _body(reply: object) -> dict[str, object]:
    body = getattr(reply, "body", None)
    return body if isinstance(body, dict) else {}


def _count(body: Mapping[str, object]) -> object:
    """How many a list has: its total, or what is on its first page."""
    data = body.get("data")
    return body.get("total", len(data) if isinstance(data, list) else "unknown")


def _unasked_key(patient: Patient) -> Check:
    said = f"{patient.key.source} is set; {_UNASKED}" if patient.key else f"{patient.variable} is not set"
    remedy = "" if patient.key else _remedy(patient)
    return Check("key", Health.UNKNOWN if patient.key else Health.FAILED, said, remedy)


def _unasked() -> tuple[Check, ...]:
    """The clock, and what the API knows, where it could not be asked."""
    names = ("clock", "externalId", "patch-null", "header")
    return tuple(Check(name, Health.UNKNOWN, _UNASKED) for name in names)


def _clock(skew: float | None) -> Check:
    if skew is None:
        return Check("clock", Health.UNKNOWN, "the API does not tell its time")
    said = f"{abs(skew):,.0f} s {'behind' if skew > 0 else 'ahead of'} the API's"
    if abs(skew) < DRIFTS:
        return Check("clock", Health.OK, "within 30 s of the API's")
    remedy = "set it by the network: timedatectl set-ntp true"
    return Check("clock", Health.FAILED if abs(skew) >= WRONG else Health.WARNING, said, remedy)


def _knowledge(numbers: Mapping[str, object], inside: str | None) -> tuple[Check, ...]:
    """What this account's API can do, as far as reading tells."""
    listed = numbers.get("data")
    shown = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    tag = next(kind.tag for kind in KINDS if kind.tag)
    if not shown:
        marker = Check("externalId", Health.UNKNOWN, f"no number is there that could show its {tag}")
    elif any(tag in one for one in shown):
        marker = Check("externalId", Health.OK, f"numbers show their {tag}: they are known again without state")
    else:
        remedy = "keep the state where it outlives the machine: state: {store: git}"
        marker = Check(
            "externalId", Health.WARNING, f"numbers show no {tag}: only the state knows which are ours", remedy
        )
    null = "what null does in a PATCH, only a write tells; apply reads back what it clears"
    header = "which calls heed a sub-account, only a sub-account tells; none is used"
    if inside:
        header = (
            f"lists inside {inside} have nothing of the account's own; of other calls only use tells, and is read back"
        )
    return (marker, Check("patch-null", Health.UNKNOWN, null), Check("header", Health.UNKNOWN, header))


async def _store(patient: Patient) -> tuple[Check, ...]:
    """The store and what is in it: whether it can be read and is in use, and who holds it."""
    manifest = patient.manifest
    if manifest is None:
        return (Check("store", Health.UNKNOWN, "without a spec there is no project whose state could be read"),)
    try:
        store = open_store(manifest, home=patient.home, environ=patient.environ)
        state, _ = await store.read()
    except Error as problem:
        return (failed("store", problem),)
    place = f"{store.place} can be read"
    if patient.lost:
        return (Check("store", Health.FAILED, patient.lost, "write `state: {store: git}` in the spec", 9),)
    if state and not state.in_use:
        return (Check("store", Health.FAILED, f"{store.place} is not in use", "apreconcile state show", 9),)
    here = _here(patient)
    if state and here and (wrong := of_another(state, here)):
        return (failed("store", wrong),)
    if closed := _closed(store):
        return (Check("store", Health.FAILED, f"{closed} cannot be written", "see the folder's permissions"),)
    told = Check(
        "store", Health.OK, f"{place}, resources: {len(state.resources)}" if state else f"{place}, no state yet"
    )
    return (told, *_held(state, patient.now()))


def _here(patient: Patient) -> Scope | None:
    """What this run is about; None where the host is none."""
    try:
        return Scope(check_base_url(patient.url.text).host, patient.sub_account)
    except Error:
        return None


def _closed(store: Store) -> str:
    """The folder that keeps a local state from being written; of another store only a write tells."""
    if not isinstance(store, LocalStore):
        return ""
    folder = Path(store.place).absolute().parent
    there = next(each for each in (folder, *folder.parents) if each.exists())
    return "" if os.access(there, os.W_OK | os.X_OK) else str(there)


def _held(state: State | None, now: datetime) -> tuple[Check, ...]:
    """Who holds the state, and what is open in it; nothing to tell is told as well."""
    if state is None:
        return (Check("lock", Health.OK, "nobody holds the state"),)
    if lock := state.lock:
        until, over = to_second(lock.until), datetime.fromisoformat(lock.until) <= now
        said = f"{lock.who} on {lock.where} {'held' if over else 'holds'} the state until {until}"
        remedy = "apreconcile apply takes it over" if over else "wait; if that run died: apreconcile state unlock"
        return (Check("lock", Health.WARNING, said, remedy),)
    if opened := sorted(state.opened):
        said = f"nobody knows what became of {', '.join(map(str, opened))}"
        return (Check("lock", Health.WARNING, said, "apreconcile plan says what the account shows"),)
    return (Check("lock", Health.OK, "nobody holds the state, and nothing is open"),)


@dataclass(frozen=True, slots=True)
class _Program:
    """A program: how to ask it, the oldest that will do, what it is for, and whether a spec needs it."""

    name: str
    ask: Callable[[Mapping[str, str]], Awaitable[Version]]
    oldest: Version
    purpose: str
    needed: Callable[[Manifest], bool]


_PROGRAMS = (
    _Program(
        "git", git_version, Version(2, 31), "for a state in a git remote, and for --policy-from",
        lambda it: it.store == "git",
    ),
    _Program("ssh-keygen", ssh_version, Version(8, 9), "for signed approvals", lambda it: bool(it.policy.approvers)),
    _Program(
        "gh", gh_version, Version(2, 0), "for signing secrets that go to GitHub",
        lambda it: any(one.sink and one.sink.github for one in it.resources),
    ),
)  # fmt: skip


async def _program(one: _Program, patient: Patient) -> tuple[Check, ...]:
    needed = patient.manifest is not None and one.needed(patient.manifest)
    bad = Health.FAILED if needed else Health.WARNING
    wants = f"{one.purpose}{', as this spec has it' if needed else ''}"
    try:
        version = await one.ask(patient.environ)
    except Error as problem:
        return (Check(one.name, bad, f"{problem.message}; it is {wants}", problem.hint or ""),)
    if version < one.oldest:
        return (Check(one.name, bad, f"{version} is too old; it is {wants}", f"install {one.oldest} or later"),)
    return (Check(one.name, Health.OK, f"{version}, {wants}"),)
