"""How a case comes out: what is bought twice, what is not as the spec wants it, and who had to do what until it was quiet."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from .runs import INTERNAL, Ended, Moment
from .stage import OVER, Stage
from .world import Profile

RUNS = 8
"""Runs after which a case that is not quiet never will be."""
UNKNOWN, LOCKED = 6, 8
BLOCKED = 5
WAITING = (UNKNOWN, LOCKED)
"""Exit codes after which a person waits, and runs it again."""

PERSONAL = (UNKNOWN, BLOCKED)
"""Exit codes that end only when a person does something."""
A_WHILE = 60.0
"""Seconds after which a person runs it again that saw it fail: lists may lag behind by less."""

Verdict = Literal["alone", "person", "failed"]


@dataclass(frozen=True, slots=True)
class Result:
    """How a case came out: it converged `alone`, or once a `person` had decided something, or the claim `failed`.

    `proof` is what it is a case of, `event` and `nth` its moment, `reached` whether that came. `twice` names what was
    bought twice, `wrong` what else is not as it must be.
    """

    store: str
    profile: Profile
    proof: str
    fault: str
    event: str
    nth: int
    reached: bool
    verdict: Verdict
    twice: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    story: tuple[str, ...] = ()

    @property
    def fine(self) -> bool:
        """Whether the claim holds."""
        return self.verdict != "failed"

    @property
    def boundary(self) -> str:
        """The sort of its moment."""
        return Moment(self.event, self.nth).boundary if self.event else "none"

    @property
    def missed(self) -> bool:
        """Whether its moment did not come, and it is none of the cases."""
        return self.fine and not self.reached

    def __str__(self) -> str:
        at = f"{self.store}, {self.profile}, {self.proof}, {self.fault}, {self.event or 'to its end'} {self.nth or ''}"
        return "\n    ".join([f"{at.rstrip()}: {self.verdict}", *self.twice, *self.wrong, *self.story])

    def shown(self) -> dict[str, Any]:
        """The result as JSON; its story only where it matters."""
        return {**asdict(self), "boundary": self.boundary, **({"story": ()} if self.fine else {})}


def read(shown: Mapping[str, Any]) -> Result:
    """A result as it was shown."""
    lists = {name: tuple(shown[name]) for name in ("twice", "wrong", "story")}
    return Result(**{**{name: value for name, value in shown.items() if name != "boundary"}, **lists})


@dataclass(slots=True)
class Case:
    """A case under way on a stage: its story so far, what went wrong, and whether a person had to resolve something."""

    stage: Stage
    store: str
    proof: str
    moment: Moment | None
    story: list[str]
    wrong: list[str]
    reached: bool = True
    resolved: bool = False

    def tell(self, when: str, ended: Ended) -> Ended:
        """Write into the story how a run ended; there are ways in which none may."""
        self.story.append(f"{when}: {ended}")
        if ended.exit == INTERNAL or ended.signal not in (0, signal.SIGKILL):
            self.wrong.append("a run hung, or met an internal error")
        return ended

    def recover(self, last: Ended) -> None:
        """Apply until it is quiet: over the lock and the settling time where a run says to wait, else after a while.

        Every approval is given, the worst case for buying twice. What stops two runs in a row is done as the report
        says: an open creation is resolved, and what stands in a webhook's slot is adopted.
        """
        before, same, adopt = 0, 0, False
        for _ in range(RUNS):
            self.stage.wait_for_held()
            self.stage.world.skip(OVER if last.exit in WAITING else A_WHILE if last.exit else 0)
            last = self.tell("with --adopt" if adopt else "then", self.stage.apply(adopt=adopt))
            if last.quiet:
                return
            same = same + 1 if last.exit in PERSONAL and last.exit == before else 1
            before = last.exit
            if same > 1:
                self.resolved = True
                self.story += self.stage.resolve(last.said) if before == UNKNOWN else []
                adopt = before == BLOCKED
        self.wrong.append("it never became quiet")

    def judged(self) -> Result:
        """The result, by the sandbox's ledger above all."""
        stage = self.stage
        stage.world.ask("DELETE", "/_sandbox/faults")
        wrong = (*self.wrong, *misplaced(stage))
        twice = tuple(stage.twice())
        verdict: Verdict = "failed" if wrong or twice else "person" if self.resolved else "alone"
        event, nth = (self.moment.event, self.moment.nth) if self.moment else ("", 0)
        at = (self.store, stage.world.profile, self.proof, str(stage.fault), event, nth)
        return Result(*at, self.reached, verdict, twice, wrong, tuple(self.story))


def misplaced(stage: Stage) -> list[str]:
    """What is not as the spec wants it, once all is quiet: lost, left behind, there twice, or not remembered."""
    state = stage.state()
    if state is None:
        return ["there is no state"]
    held = {str(at): one.id for at, one in state.resources.items()}
    live = {kind: {one["id"]: one for one in stage.live(kind)} for kind in ("agent", "number")}
    wrong = [f"{at} is still open" for at, intent in state.intents.items() if intent.action == "create"]
    for kind, things in live.items():
        ours = {held.get(f"{kind}.{key}", f"no {kind}.{key}") for key in stage.scene.after[f"{kind}s"]}
        wrong += [f"there are the {kind}s {sorted(things)}, wanted {sorted(ours)}"] if ours != set(things) else []
    for at, ident in stage.ids_before.items():
        wrong += [f"{at} was {ident}, and is {held[at]}"] if at in held and held[at] != ident else []
    for key, wish in stage.scene.after["numbers"].items():
        agent = held.get(f"agent.{wish.get('agent')}")
        shown = live["number"].get(held.get(f"number.{key}", ""), {}).get("agentId")
        wrong += [f"number.{key} is at {shown}, not at {agent}"] if shown != agent else []
    gone = {entry["numberId"] for entry in stage.ledger() if entry["type"] == "release"}
    leaving = {ident for at, ident in stage.ids_before.items() if at in stage.scene.leaving}
    wrong += [f"{ident} was released" for ident in sorted(gone - leaving)]
    bought = sorted(line.id or "" for line in state.ledger if line.outcome != "denied")
    paid = sorted(entry["numberId"] for entry in stage.purchases())
    wrong += [f"the state's ledger has {bought}, the account's {paid}"] if bought != paid else []
    return wrong
