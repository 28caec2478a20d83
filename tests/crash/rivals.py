"""Several runs share a store: at the same instant, or one that was stopped wakes up when another has taken over."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from .cases import LOCKED, Case, Result
from .runs import Ended, Moment, Running, stop
from .scenes import SCENES
from .stage import OVER, Stage
from .world import Profile, world

READS = ("GET", "HEAD")
WOKEN = (0, 1, 6, 7, 8)
"""How a run may end that was woken: well only if nothing was left to do for anybody."""


@dataclass(frozen=True, slots=True)
class Together:
    """So many runs plan, wait for each other, and then apply: one wins, and the others send nothing."""

    store: str
    profile: Profile
    scene: str
    count: int

    def play(self) -> Iterator[Result]:
        """One case."""
        with Stage(world(self.profile), self.store, SCENES[self.scene]) as stage:
            case = Case(stage, self.store, f"{self.count} runs at once", None, [], [])
            stage.begin()
            barrier = os.pipe()
            runs = [Running(stage.order(barrier=barrier)) for _ in range(self.count)]
            os.close(barrier[1])
            ended = [case.tell("one of them", one.ended()) for one in runs]
            os.close(barrier[0])
            winners = [one for one in ended if one.exit == 0]
            losers = [one for one in ended if one.exit == LOCKED and " done" not in str(one)]
            if (len(winners), len(losers)) != (1, self.count - 1):
                case.wrong.append(f"{len(winners)} won, and {len(losers)} found the state taken")
            case.recover(ended[0])
            yield case.judged()


@dataclass(frozen=True, slots=True)
class Paused:
    """A run is stopped at every boundary, until another has taken its state over; woken, it sends nothing any more.

    It sends one call at a time: another that has just looked at the clock for the last time would leave all the same.
    """

    store: str
    profile: Profile
    scene: str

    def play(self) -> Iterator[Result]:
        """A case for each moment."""
        yield from (self.case(moment) for moment in self.counted()[1])

    def counted(self) -> tuple[None, list[Moment]]:
        """Every moment at which to be stopped matters; reads change nothing."""
        with Stage(world(self.profile), self.store, SCENES[self.scene]) as stage:
            stage.begin()
            moments = stage.apply(concurrency=1).moments()
        return None, [moment for moment in moments if not moment.boundary.endswith(" a read")]

    def case(self, moment: Moment) -> Result:
        """One case."""
        with Stage(world(self.profile), self.store, SCENES[self.scene]) as stage:
            case = Case(stage, self.store, f"paused while {self.scene}", moment, [], [])
            stage.begin()
            paused = Running(stage.order(moment=moment, act=stop, concurrency=1))
            case.reached = paused.stopped()
            stage.world.skip(OVER)
            case.recover(Ended(0))
            before = _writes(stage)
            paused.wake()
            woken = case.tell("woken", paused.ended())
            sent = _writes(stage)[len(before) :]
            case.wrong += [f"it was woken and sent {one}" for one in sent]
            if woken.exit not in WOKEN:
                case.wrong.append("it was woken and ended in another way than it should")
            case.recover(woken)
            return case.judged()


def _writes(stage: Stage) -> list[str]:
    return [f"{one['method']} {one['path']}" for one in stage.requests() if one["method"] not in READS]
