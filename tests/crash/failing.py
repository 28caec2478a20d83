"""The store fails in the middle of a run: nothing is forgotten, and the report says where it is written down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .cases import Case, Result
from .runs import Moment
from .scenes import SCENES
from .stage import Stage
from .world import Profile, world


@dataclass(frozen=True, slots=True)
class Failing:
    """The store fails before every swap and after every write, until the run is over."""

    store: str
    profile: Profile
    scene: str

    def play(self) -> Iterator[Result]:
        """A case for each moment."""
        yield from (self.case(moment) for moment in self.counted()[1])

    def counted(self) -> tuple[None, list[Moment]]:
        """Every moment after which something new is to be written down."""
        with Stage(world(self.profile), self.store, SCENES[self.scene]) as stage:
            stage.begin()
            moments = stage.apply().moments()
        return None, [moment for moment in moments if moment.boundary in ("before a swap", "after a write")]

    def case(self, moment: Moment) -> Result:
        """One case."""
        with Stage(world(self.profile), self.store, SCENES[self.scene]) as stage:
            case = Case(stage, self.store, f"store fails while {self.scene}", moment, [], [])
            stage.begin()
            before = {one["numberId"] for one in stage.purchases()}
            first = case.tell("first", stage.victim(moment, act=stage.home.fail))
            stage.home.mend()
            case.reached = first.events.get(moment.event, 0) >= moment.nth
            held = {*before, *stage.ids().values()}
            bought = [one["numberId"] for one in stage.purchases() if one["numberId"] not in held]
            said = "\n".join(first.said)
            case.wrong += [f"nothing says how to keep {one}" for one in bought if f"--bind {one}" not in said]
            if case.reached and first.exit == 0:
                case.wrong.append("it ended well")
            case.recover(first)
            return case.judged()
