"""An account of its own with a spec in a folder of its own: what runs on it, what a person does, and what it holds."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Self

from apreconcile.core.address import Address
from apreconcile.core.state import Intent, State, from_json

from .homes import HOMES
from .runs import Ended, Moment, Order, Running, run
from .scenes import CREATING, Fault, Scene, Spec
from .world import World

MEMORY = Path("/dev/shm")  # noqa: S108 -- a kill of a process loses nothing of what it wrote there
GROUND = MEMORY if MEMORY.is_dir() else Path(tempfile.gettempdir())
"""A folder in memory, where there is one: no case waits for a disk."""
OVER = 300.0 + 30.0 + 30.0 + 60.0 + 5.0
"""Seconds after which a dead run's lock, its time to send, its timeout and the settling time are over."""
PROJECT = {"version": 1, "project": "acme"}
MARK = "apr:acme/default/"
IRREVERSIBLE = ("DELETE /v1/numbers/", "DELETE /v1/agents/")


class Stage:
    """Where one case is played. `close` takes everything away again."""

    def __init__(self, world: World, store: str, scene: Scene) -> None:
        self.world = world
        world.carried = False
        self.scene = scene
        self.folder = Path(tempfile.mkdtemp(prefix="crash-", dir=GROUND))
        self.spec = self.folder / "agentphone.yaml"
        self.home = HOMES[store](self.folder)
        if self.home.apart:
            _warm(world)
        self.key = f"sk_live_{secrets.token_hex(12)}"
        self.bought_before = 0
        self.ids_before: dict[str, str] = {}
        self.fault = Fault()
        self._matching_before = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.world.ask("DELETE", "/_sandbox/faults")
        self.world.ask("POST", "/_sandbox/reset", key=self.key)
        shutil.rmtree(self.folder, ignore_errors=True)
        tempfile.tempdir = None  # which a home may have put into that folder

    def begin(self) -> None:
        """Bring the account to where the scene begins, and write the spec of where it ends."""
        if self.scene.before:
            self.write(self.scene.before)
            ended = self.apply()
            if ended.exit != 0:
                raise AssertionError(f"the scene could not be set: {ended}")
            self.bought_before = len(self.purchases())
            self.ids_before = self.ids()
        self.write(self.scene.after)

    def write(self, spec: Spec) -> None:
        """Write the spec."""
        self.spec.write_text(json.dumps({**PROJECT, "state": self.home.state, **spec}))

    def strike(self, fault: Fault) -> None:
        """Queue a fault."""
        self.fault = fault
        self.world.carried = fault.lagging
        self._matching_before = self._matching()
        if fault.do:
            queued = {"match": fault.match, "nth": fault.nth, "times": fault.times, "do": fault.do}
            self.world.ask("POST", "/_sandbox/faults", [queued])

    def order(self, **how: Any) -> Order:
        """An order for a run here."""
        return Order(self.world, self.spec, self.key, fault=self.fault, late=self.wait_for_held, **how)

    def apply(self, **how: Any) -> Ended:
        """One whole run that nobody ends."""
        return run(self.order(**how), apart=self.home.apart)

    def victim(self, moment: Moment | None, **how: Any) -> Ended:
        """One run to which something happens at a moment, in a process of its own."""
        return Running(self.order(moment=moment, **how)).ended() if moment else self.apply()

    def wait_for_held(self) -> None:
        """Wait until the sandbox has acted on what it holds back, if it does."""
        if not self.fault.held or self.world.queued():
            return
        while self._matching() == self._matching_before:
            pass

    def _matching(self) -> int:
        """How many requests were acted on that the fault is about."""
        method, _, pattern = self.fault.match.partition(" ")
        return sum(one["method"] == method and _fits(pattern, one["path"]) for one in self.requests())

    def requests(self) -> list[dict[str, Any]]:
        """Every request of the account since the last `forget_requests`."""
        found: list[dict[str, Any]] = self.world.ask("GET", "/_sandbox/requests", key=self.key)["data"]
        return found

    def irreversible(self) -> list[str]:
        """Every release, and every deletion of an agent, that was asked for."""
        asked = [f"{one['method']} {one['path']}" for one in self.requests()]
        return [
            one for one in asked if one.startswith(IRREVERSIBLE) and one.count("/") == IRREVERSIBLE[0].count("/") + 1
        ]

    def live(self, kind: str) -> list[dict[str, Any]]:
        """What the account itself shows of a kind."""
        found: list[dict[str, Any]] = self.world.ask("GET", f"/v1/{kind}s?limit=100", key=self.key)["data"]
        return found

    def ledger(self) -> list[dict[str, Any]]:
        """What was bought and released here."""
        entries: list[dict[str, Any]] = self.world.ask("GET", "/_sandbox/ledger", key=self.key)["entries"]
        return entries

    def purchases(self) -> list[dict[str, Any]]:
        """Every purchase there ever was, the scene's beginning included."""
        return [entry for entry in self.ledger() if entry["type"] == "purchase"]

    def twice(self) -> list[str]:
        """Each slot that was bought more than once, and the account if it has more purchases than slots.

        A purchase is of the slot whose marker it carries. Where the API keeps none, it is told by whether it was made
        for an agent, since no scene buys two of the same sort.
        """
        fresh = self.purchases()[self.bought_before :]
        slots = Counter(one["externalId"] or ("of an agent" if one["agentId"] else "of no agent") for one in fresh)
        blurred = self.fault.do == "ignore-field:agentId"
        found = [f"{slot} bought {count} times" for slot, count in slots.items() if count > 1 and not blurred]
        if len(fresh) > self.scene.fresh:
            found.append(f"{len(fresh)} purchases for {self.scene.fresh} slots")
        return found

    def state(self) -> State | None:
        """What the store holds."""
        said = self.apply(read=True).said
        return from_json(json.loads(said[0]), source="the store") if said else None

    def ids(self) -> dict[str, str]:
        """The ids that the store holds, by address."""
        state = self.state()
        return {str(at): held.id for at, held in state.resources.items()} if state else {}

    def resolve(self, told: Sequence[str]) -> list[str]:
        """Do about each open creation what a person does who was told this: bind what was made, or say that nothing was."""
        did = []
        for at, intent in sorted(self._open().items()):
            ident = self._made(at, intent, told)
            ended = self.apply(resolve=(str(at), ident))
            did.append(f"resolve {at} --{f'bind {ident}' if ident else 'not-created'}: {ended}")
        return did

    def _open(self) -> Mapping[Address, Intent]:
        state = self.state()
        return {at: one for at, one in state.intents.items() if one.action == "create"} if state else {}

    def _made(self, at: Address, intent: Intent, told: Sequence[str]) -> str:
        """The id that a person would say a creation made: what looks like it, else what the report names; or nothing."""
        known = {*intent.seen, *self.ids().values()}
        wanted = self.scene.after[f"{at.kind}s"].get(at.key, {})
        fresh = {one["id"]: one for one in self.live(at.kind) if one["id"] not in known}
        alike = [ident for ident, one in fresh.items() if _alike(at, wanted, one)]
        named = re.findall(rf"resolve {re.escape(str(at))} --bind (\S+)", "\n".join(told))
        return next((ident for ident in (*alike, *named) if ident in fresh), "")


def _alike(at: Address, wanted: Mapping[str, Any], one: Mapping[str, Any]) -> bool:
    """Whether something new looks like what was wanted: by name, by marker, or by having an agent."""
    if at.kind == "agent":
        return bool(one["name"] == wanted.get("name"))
    if one.get("externalId"):
        return bool(one["externalId"] == f"{MARK}{at.key}")
    return bool(one.get("agentId")) == bool(wanted.get("agent"))


@cache
def _warm(world: World) -> None:
    """Apply once in this process, in a store without threads: what is imported late is then there for every fork."""
    with Stage(world, "local", CREATING) as stage:
        stage.begin()
        stage.apply()


def _fits(pattern: str, path: str) -> bool:
    wanted, parts = pattern.split("/"), path.split("/")
    return len(wanted) == len(parts) and all(name in {"*", part} for name, part in zip(wanted, parts, strict=True))
