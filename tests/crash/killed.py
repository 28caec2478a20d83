"""One run is killed at every boundary, with every fault queued; then `apply` until it is quiet."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass

from .cases import Case, Result
from .runs import Ended, Moment
from .scenes import SCENES, Fault
from .stage import Stage
from .world import Profile, world

TRIES = 4


@dataclass(frozen=True, slots=True)
class Killed:
    """All cases of one store, API, scene and fault: they share their moments."""

    store: str
    profile: Profile
    scene: str
    fault: Fault

    def play(self) -> Iterator[Result]:
        """First a run that nobody kills, which counts the moments; then one for each of them."""
        first, moments = self.counted()
        yield first
        for moment in moments:
            yield self.case(moment)

    def counted(self) -> tuple[Result, list[Moment]]:
        """The run that nobody kills, and every moment in it at which a kill matters.

        A read changes nothing, neither here nor there, so that to be killed around one is the same as after what came
        before it; to show that, without a fault the moments before reads count, too.
        """
        result, first = self._played(None)
        also = ("under way a read",) if self.fault.do else ("before a read",)
        return result, [one for one in first.moments() if " GET " not in one.event or one.boundary in also]

    def case(self, moment: Moment) -> Result:
        """One case. Where calls are answered in another order a run may have fewer swaps, so it is tried again."""
        result = self._played(moment)[0]
        for _ in range(TRIES - 1):
            if not result.missed:
                break
            result = self._played(moment)[0]
        return result

    def _played(self, moment: Moment | None) -> tuple[Result, Ended]:
        with Stage(world(self.profile), self.store, SCENES[self.scene]) as stage:
            case = Case(stage, self.store, f"killed while {self.scene}", moment, [], [])
            stage.begin()
            stage.strike(self.fault)
            first = case.tell("first", stage.victim(moment))
            case.reached = first.signal == (signal.SIGKILL if moment else 0)
            case.recover(_at_once(case))
            return case.judged(), first


def _at_once(case: Case) -> Ended:
    """Run it again while what was sent may still be on its way.

    Where something is to be released or deleted, this run has no approval, so that it must ask for nothing of that sort.
    """
    stage = case.stage
    cautious, before = bool(stage.scene.leaving), stage.irreversible()
    last = case.tell("at once", stage.apply(approve=not cautious))
    late = stage.fault.held and stage.fault.match.startswith("DELETE ")
    if cautious and not late and stage.irreversible() != before:
        case.wrong.append("something was released or deleted without an approval")
    return last
