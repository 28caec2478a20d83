"""All cases of a proof, or a sample of them that has every sort; played by several worker processes."""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Protocol, TypeAlias

from .cases import Result
from .failing import Failing
from .killed import Killed
from .rivals import Paused, Together
from .scenes import SCENES
from .world import PROFILES

CROWDS = (2, 10)
BOUNDARIES = ("before a swap", "answered a write", "after a swap", "before a write", "after a write")
"""Every run has these. Only some have `under way a write`, `under way a read` and `before a read`."""

Counted: TypeAlias = Killed | Paused | Failing


class Setting(Protocol):
    """Cases that belong together, played one after the other."""

    def play(self) -> Iterator[Result]:
        """Every case's result."""
        ...


def together(store: str) -> list[Setting]:
    """Runs that begin at the same instant."""
    return [Together(store, api, scene, count) for api in PROFILES for scene in SCENES for count in CROWDS]


def killed(store: str) -> list[Killed]:
    """Runs that are killed."""
    return [Killed(store, api, scene.name, fault) for api in PROFILES for scene in SCENES.values() for fault in scene.faults()]  # fmt: skip


def paused(store: str) -> list[Paused]:
    """Runs that are stopped and woken."""
    return [Paused(store, api, scene) for api in PROFILES for scene in SCENES]


def failing(store: str) -> list[Failing]:
    """Runs whose store fails."""
    return [Failing(store, api, scene) for api in PROFILES for scene in SCENES]


PROOFS: Mapping[str, Callable[[str], Sequence[Setting]]] = {
    "killed": killed,
    "paused": paused,
    "failing": failing,
    "together": together,
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """A few cases of a setting: the run that nobody ends, and a moment of each of these boundaries that it has."""

    setting: Counted
    boundaries: tuple[str, ...]
    seed: float

    def play(self) -> Iterator[Result]:
        """Count the moments, choose, and play those."""
        chance = random.Random(self.seed)  # noqa: S311 -- a sample, not a secret
        first, moments = self.setting.counted()
        if first:
            yield first
        for boundary in self.boundaries:
            fitting = [moment for moment in moments if moment.boundary == boundary]
            if fitting:
                yield self.setting.case(chance.choice(fitting))


def sample(proof: str, store: str, rounds: int) -> list[Setting]:
    """A few cases of a proof, the same ones every time; every fault and every boundary are among them, and both APIs."""
    chance = random.Random(f"{proof} {store}")  # noqa: S311 -- a sample, not a secret
    turn = cycle(BOUNDARIES)
    if proof == "together":
        return together(store)
    if proof == "failing":
        return [Chosen(one, ("before a swap", "after a write"), chance.random()) for one in failing(store)]
    if proof == "paused":
        return [Chosen(one, tuple(next(turn) for _ in range(rounds)), chance.random()) for one in paused(store)]
    sorts: dict[tuple[str, bool], list[Killed]] = {}
    for one in killed(store):
        sorts.setdefault((one.fault.name, one.fault.held and one.fault.match.startswith("GET ")), []).append(one)
    chosen: list[Setting] = []
    for index, fitting in enumerate(sorts.values()):
        for at in range(rounds):
            api = PROFILES[(index + at) % len(PROFILES)]
            setting = chance.choice([one for one in fitting if one.profile == api])
            special = ("under way a write", "under way a read") if setting.fault.do else ("before a read",)
            chosen.append(Chosen(setting, (next(turn), next(turn), *special), chance.random()))
    return chosen


def _played(setting: Setting) -> list[Result]:
    return list(setting.play())


def play(settings: Sequence[Setting], workers: int) -> Iterator[list[Result]]:
    """The results, setting by setting as they come; each worker process has sandboxes of its own."""
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        yield from pool.imap_unordered(_played, settings)
