"""What the runs are about: two scenes, the calls that they make, and the faults that strike these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Spec = Mapping[str, Any]

HOLD = "0.15"
"""Seconds of real time for which the sandbox holds a request back before it acts on it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What the sandbox does to the `nth` call that matches, and to `times - 1` after it; `do` is empty for nothing.

    `gives_up`: the run stops waiting for the reply while the request is held back, as after a timeout.
    """

    do: str = ""
    match: str = ""
    nth: int = 1
    times: int = 1
    gives_up: bool = False

    @property
    def name(self) -> str:
        """The fault as the tables have it."""
        word = self.do.partition(":")[0] if self.held or self.lagging else self.do
        return f"{word} beyond the timeout" if self.gives_up else word or "none"

    @property
    def held(self) -> bool:
        """Whether the sandbox acts on the call later."""
        return self.do.startswith("delay:")

    @property
    def lagging(self) -> bool:
        """Whether lists show later what was written."""
        return self.do.startswith("lag:")

    def __str__(self) -> str:
        return f"{self.name} at {self.match} {self.nth}" if self.do else "none"


@dataclass(frozen=True, slots=True)
class Scene:
    """From one spec to another. `leaving` are the addresses that the second lacks, `fresh` the numbers that it buys."""

    name: str
    before: Spec | None
    after: Spec
    fresh: int
    leaving: frozenset[str]
    writes: tuple[tuple[str, int], ...]
    ignored: tuple[tuple[str, str], ...] = ()

    def faults(self) -> Iterator[Fault]:
        """Every fault of the sandbox, wherever it matters."""
        yield Fault()
        for match, nth in self.writes:
            for do in ("drop", "commit-then-drop", "status:503", "commit-then-status:502", "status:429", "garbage"):
                yield Fault(do, match, nth)
            if nth == 1:
                yield Fault(f"delay:{HOLD}", match)
                yield Fault(f"delay:{HOLD}", match, gives_up=True)
        for match, field in self.ignored:
            yield Fault(f"ignore-field:{field}", match)
        for match in ("GET /v1/agents", "GET /v1/numbers"):
            for do in ("drop", "status:503", "status:429", "garbage", f"delay:{HOLD}"):
                yield Fault(do, match)
            for do in ("truncate", "repeat"):
                yield Fault(do, match, times=2)
            yield Fault("lag:30", match, times=1000)


CREATING = Scene(
    "creating",
    before=None,
    after={
        "agents": {"a": {"name": "A"}},
        "numbers": {"m": {"agent": "a"}, "n": {}},
        "webhooks": {
            "p": {"url": "https://a.dev/p", "contextLimit": 20},
            "w": {"agent": "a", "url": "https://a.dev/w"},
        },
    },
    fresh=2,
    leaving=frozenset(),
    writes=(
        ("POST /v1/agents", 1),
        ("POST /v1/numbers", 1),
        ("POST /v1/numbers", 2),
        ("POST /v1/webhooks", 1),
        ("POST /v1/agents/*/webhook", 1),
    ),
    ignored=(
        ("POST /v1/numbers", "externalId"),
        ("POST /v1/numbers", "agentId"),
        ("POST /v1/webhooks", "contextLimit"),
    ),
)
CHANGING = Scene(
    "changing",
    before={
        "agents": {"a": {"name": "A"}, "b": {"name": "B"}, "c": {"name": "C"}},
        "numbers": {"m": {"agent": "a"}, "n": {"agent": "b"}, "r": {"country": "CA"}},
        "webhooks": {"p": {"url": "https://a.dev/p"}, "w": {"agent": "c", "url": "https://a.dev/w"}},
    },
    after={
        "agents": {"a": {"name": "A", "systemPrompt": "Be kind."}, "b": {"name": "B"}},
        "numbers": {"m": {"agent": "b"}, "n": {"agent": "b"}, "x": {}},
        "webhooks": {"p": {"url": "https://b.dev/p"}},
    },
    fresh=1,
    leaving=frozenset({"agent.c", "number.r", "webhook.w"}),
    writes=(
        ("PATCH /v1/agents/*", 1),
        ("DELETE /v1/agents/*/numbers/*", 1),
        ("POST /v1/agents/*/numbers", 1),
        ("POST /v1/numbers", 1),
        ("POST /v1/webhooks", 1),
        ("DELETE /v1/agents/*/webhook", 1),
        ("DELETE /v1/numbers/*", 1),
        ("DELETE /v1/agents/*", 1),
    ),
    ignored=(("PATCH /v1/agents/*", "systemPrompt"), ("POST /v1/numbers", "externalId")),
)
SCENES = {scene.name: scene for scene in (CREATING, CHANGING)}
