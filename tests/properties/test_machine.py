"""Any course of events: the spec is edited, the console used, the network faulty, runs are killed or race each other.

After each event the requests that were sent, the account as it truly is and the stored state are judged.
`APRECONCILE_MACHINE=2000` tries as many courses at random; without it a few are tried, always the same.
"""

from __future__ import annotations

import asyncio
import copy
import json
import os
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from apreconcile import workflow
from apreconcile.core.errors import Error, LockedError, SpecError
from apreconcile.core.outcome import Report, Word

from .conftest import Doors, Moment, Name, Sent, Watched
from .test_accounts import excused

LONG = int(os.environ.get("APRECONCILE_MACHINE", "0"))
COURSES = settings(
    max_examples=LONG or 30,
    stateful_step_count=25 if LONG else 12,
    derandomize=not LONG,
    deadline=None,
    database=None,
    phases=[Phase.generate, Phase.shrink] if LONG else [Phase.generate],
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)


@dataclass(frozen=True)
class How:
    """How a run goes: what a person approves, and which faults it meets, in its writes and in its reads."""

    approvals: str = "all"
    adopt: bool = False
    patient: bool = False
    strikes: Any = ()
    faults: Any = ()

    @property
    def lags(self) -> bool:
        return any(one["do"].startswith("lag") for one in self.faults)


PLURALS = {"agent": "agents", "number": "numbers", "webhook": "webhooks"}
KEYS = {"agent": "abc", "number": "mno", "webhook": "vw"}
CREATIONS = {("POST", "/v1/agents"): "agent", ("POST", "/v1/numbers"): "number"}
WHICH = st.integers(0, 5)
KINDS = st.sampled_from(["agent", "agent", "number", "number", "webhook"])
THINGS = st.fixed_dictionaries(
    {"name": st.sampled_from(["Ada", "Bob"]), "url": st.sampled_from(["https://a.dev/x", "https://b.dev/y"])},
    optional={
        "beginMessage": st.sampled_from(["Hi", "Ho"]),
        "areaCode": st.sampled_from(["415", "212"]),
        "agent": st.sampled_from([None, 0, 1, 2]),
        "contextLimit": st.sampled_from([0, 10]),
        "protect": st.booleans(),
    },
)
EDITS = st.one_of(
    st.tuples(st.just("put"), KINDS, WHICH, THINGS),
    st.tuples(st.just("put"), KINDS, WHICH, THINGS),
    st.tuples(st.just("drop"), KINDS, WHICH, st.booleans()),
    st.tuples(st.just("rename"), KINDS, WHICH, st.tuples(WHICH, st.booleans())),
    st.tuples(st.just("import"), KINDS, WHICH, st.one_of(st.none(), WHICH)),
    st.tuples(st.just("tidy"), KINDS, WHICH, st.none()),
)
DEEDS = st.sampled_from([
    "rename", "reword", "make", "make", "delete", "buy", "attach", "detach", "release", "untag", "tag", "steal", "hook", "unhook"
])  # fmt: skip
ANYWHERE = ("drop", "status:503", "status:429", "garbage")
FIELDS = ("name", "beginMessage", "externalId", "areaCode", "agentId", "url", "contextLimit")
BENT = st.one_of(
    st.sampled_from([*ANYWHERE, "commit-then-drop", "commit-then-drop", "commit-then-status:502"]),
    st.sampled_from([f"ignore-field:{name}" for name in FIELDS]),
)
TIMES = st.sampled_from([1, 1, 2, 5])
STRIKES = st.tuples(WHICH, BENT, TIMES)
"""Which write of the plan is met by which fault, how often."""
LISTS = ("GET /v1/agents", "GET /v1/numbers")
READS = (
    *LISTS,
    "GET /v1/agents/*",
    "GET /v1/numbers/*",
    "GET /v1/agents/*/webhook",
    "GET /v1/webhooks",
    "GET /v1/usage",
)
FAULTS = st.fixed_dictionaries({"nth": st.sampled_from([1, 1, 2, 3]), "times": TIMES}).flatmap(
    lambda counts: st.one_of(
        st.builds(dict, st.just(counts), match=st.sampled_from(READS), do=st.sampled_from(ANYWHERE)),
        st.builds(
            dict, st.just(counts), match=st.sampled_from(LISTS), do=st.sampled_from(["lag:20", "truncate", "repeat"])
        ),
    )
)
NTH = st.sampled_from([1, 1, 2, 2, 3, 4, 5])
MOMENTS = st.builds(Moment, st.sampled_from(["before", "after"]), st.sampled_from(["swap", "write"]), NTH)
HOW = st.builds(
    How,
    approvals=st.sampled_from(["all", "all", "all", "none", "odd", "even"]),
    adopt=st.sampled_from([False, False, True]),
    patient=st.booleans(),
    strikes=st.lists(STRIKES, max_size=2),
    faults=st.lists(FAULTS, max_size=1),
)
WAITS = st.sampled_from([0, 0, 5, 100, 400, 1000])
EVENTS = st.tuples(WAITS, st.lists(st.tuples(DEEDS, WHICH, WHICH), max_size=2), st.lists(EDITS, min_size=1, max_size=4))


@dataclass
class Run:
    """One apply: what was there before, what was planned and approved, what was sent, how it ended (None: killed)."""

    doors: Doors
    before: dict[Name, dict[str, Any]]
    state: dict[str, Any]
    stored: bytes | None
    how: How
    planned: Any = None
    approved: tuple[str, ...] = ()
    ended: Report | Error | None = None

    @property
    def steps(self) -> list[Any]:
        return list(self.planned.plan.steps) if self.planned else []

    def granted(self, verb: str) -> list[Any]:
        """The steps that were approved by a token with this verb."""
        return [step for step in self.steps if step.token in self.approved and step.token.startswith(f"{verb}:")]

    def held(self) -> dict[str, str]:
        """The ids of what was ours when the plan was made, by address."""
        if self.planned:
            return {str(at): one.id for at, one in self.planned.found.state.resources.items()}
        return {at: one["id"] for at, one in self.state.get("resources", {}).items()}

    def ours(self) -> set[Name]:
        """What it may change: what the state holds, what it adopts, and what it made."""
        held = {(at.split(".")[0], ident) for at, ident in self.held().items()}
        adopted = {(step.address.kind, step.live.id) for step in self.steps if step.action == "adopt"}
        return held | adopted | {one.made for one in self.doors.sent if one.made}


class Machine(RuleBasedStateMachine):
    """`bought` and `made` know for which address each thing of ours was made, by its id."""

    def __init__(self, watched: Watched) -> None:
        super().__init__()
        self.watched, self.trial, self.world = watched, watched.trial, watched.world
        self.tagged = watched.profile == "2026"
        self.spec: dict[str, Any] = {"agents": {}, "numbers": {}, "webhooks": {}, "moved": [], "forget": []}
        self.bought: dict[str, str] = {}
        self.made: dict[str, tuple[str, ...]] = {}
        self.write()

    # what happens

    @initialize(
        wide=st.booleans(),
        edits=st.lists(st.tuples(KINDS, WHICH, THINGS), min_size=2, max_size=6),
        deeds=st.lists(DEEDS, max_size=2),
    )
    def begin(self, wide: bool, edits: Any, deeds: Any) -> None:
        self.trial.concurrency = 4 if wide and LONG else 1  # what is sent at once has no certain order
        for deed in deeds:
            self.console(deed, 1, 0)
        for kind, which, thing in sorted(edits, key=lambda one: list(KEYS).index(one[0])):
            self.edit(("put", kind, which, thing))
        if self.world.of("number"):
            self.set_aside()
        self.go(How())

    def edit(self, edit: Any) -> None:
        """Change the spec, if it is valid afterwards."""
        what, kind, which, how = edit
        before, self.spec = self.spec, copy.deepcopy(self.spec)
        entries, key = self.spec[PLURALS[kind]], _pick(KEYS[kind], which)
        if what == "put":
            entries[key] = {**{n: v for n, v in entries.get(key, {}).items() if n == "import"}, **self.entry(kind, how)}
        elif what == "tidy":
            self.spec |= {"moved": [], "forget": []}
        elif key in entries and what == "drop":
            del entries[key]
            self.spec["forget"] += [f"{kind}.{key}"] if how else []
            self.unlink(kind, key, None)
        elif key in entries and what == "rename" and (new := _pick(KEYS[kind], how[0])) not in entries:
            entries[new] = entries.pop(key)
            self.spec["moved"] += [{"from": f"{kind}.{key}", "to": f"{kind}.{new}"}] if how[1] else []
            self.unlink(kind, key, new)
        elif key in entries and what == "import":
            spare = [
                ident
                for (name, ident) in self.world.things()
                if name == kind and ident not in self.trial.ids().values()
            ]
            entries[key] |= {"import": _pick(spare, how) if spare and how is not None else "none"}
        try:
            self.write()
        except SpecError:
            self.spec = before
            self.write()

    def entry(self, kind: str, thing: dict[str, Any]) -> dict[str, Any]:
        names = {
            "agent": ("name", "beginMessage", "protect"),
            "number": ("areaCode", "agent", "protect"),
            "webhook": ("url", "contextLimit", "agent", "protect"),
        }
        chosen = {name: thing[name] for name in names[kind] if name in thing}
        if isinstance(chosen.get("agent"), int):
            chosen["agent"] = KEYS["agent"][chosen["agent"]]
            if chosen["agent"] not in self.spec["agents"]:
                del chosen["agent"]
        return chosen if kind == "number" else {name: value for name, value in chosen.items() if value is not None}

    def unlink(self, kind: str, old: str, new: str | None) -> None:
        """Let nothing refer to an agent's old key; an agent's webhook goes with it."""
        for plural in ("numbers", "webhooks") if kind == "agent" else ():
            for key, one in list(self.spec[plural].items()):
                if one.get("agent") == old and new is None and plural == "webhooks":
                    del self.spec[plural][key]
                elif one.get("agent") == old:
                    one["agent"] = new

    def write(self) -> None:
        """Write the spec down. Raises SpecError if it is none."""
        present = {f"{kind}.{key}" for kind in KEYS for key in self.spec[PLURALS[kind]]}
        sources = [one["from"] for one in self.spec["moved"]]
        moved = [one for one in self.spec["moved"] if one["from"] not in present and sources.count(one["from"]) == 1]
        moved = [one for one in moved if one["to"] in present | {other["from"] for other in moved}]
        gone = [at for at in dict.fromkeys(self.spec["forget"]) if at not in present | {one["from"] for one in moved}]
        self.spec |= {"moved": moved, "forget": gone}
        self.trial.spec(self.spec).load()

    def console(self, deed: str, which: int, other: int) -> None:
        """Somebody uses the console, without a fault."""
        order = self.about_agents(deed, which, other) or self.about_numbers(deed, which, other)
        if order:
            self.trial.send(*order)

    def about_agents(self, deed: str, which: int, other: int) -> tuple[Any, ...] | None:
        agents = list(self.world.of("agent"))
        agent, slot = _pick(agents, which), _pick([None, *agents], which)
        hook = f"/v1/agents/{slot}/webhook" if slot else "/v1/webhooks"
        if deed == "make":
            return "POST", "/v1/agents", {"name": _pick(["Ada", "Bob"], which)}
        if deed == "hook":
            return "POST", hook, {"url": _pick(["https://a.dev/x", "https://b.dev/y"], other)}
        if deed == "unhook" and self.world.slot(slot):
            return "DELETE", hook
        if deed in {"rename", "reword"} and agent:
            change = {"name": _pick(["Ada", "Bob"], other)} if deed == "rename" else {"beginMessage": "Console"}
            return "PATCH", f"/v1/agents/{agent}", change
        return ("DELETE", f"/v1/agents/{agent}") if deed == "delete" and agent else None

    def about_numbers(self, deed: str, which: int, other: int) -> tuple[Any, ...] | None:
        owner, number = _pick([None, *self.world.of("agent")], other), _pick(list(self.world.of("number")), which)
        tags = {"untag": None, "tag": "theirs", "steal": f"apr:acme/default/{_pick(KEYS['number'], other)}"}
        if deed == "buy":
            return "POST", "/v1/numbers", {"agentId": owner} if owner else {}
        if number is None:
            return None
        if deed == "attach" and owner:
            return "POST", f"/v1/agents/{owner}/numbers", {"numberId": number}
        if deed == "detach" and (held := self.world.of("number")[number]["agent_id"]):
            return "DELETE", f"/v1/agents/{held}/numbers/{number}"
        if deed == "release":
            return "DELETE", f"/v1/numbers/{number}"
        if deed == "steal" and number in self.trial.ids().values():
            return None  # see test_a_number_of_ours_may_carry_the_marker_of_another
        tagged = deed in tags and self.tagged
        return ("PATCH", f"/v1/numbers/{number}", {"externalId": tags[deed]}) if tagged else None

    @rule(seconds=WAITS, how=HOW)
    def apply(self, seconds: int, how: How) -> None:
        """Time passes, and what there is is applied."""
        self.trial.clock.skip(seconds)
        self.go(how)

    @rule(events=EVENTS, how=HOW)
    def change(self, events: Any, how: How) -> None:
        """Things happen, and then they are applied."""
        self.happen(events)
        self.go(how)

    @rule(events=EVENTS, how=HOW, moment=MOMENTS)
    def kill(self, events: Any, how: How, moment: Moment) -> None:
        """The same, but not to its end."""
        self.happen(events)
        self.go(how, moment)

    @rule(events=EVENTS, how=HOW, together=st.booleans())
    def race(self, events: Any, how: How, together: bool) -> None:
        """Two runs plan, and then both apply: only one of them writes."""
        self.happen(events)
        runs = [self.ready(how) for _ in range(2)]

        async def both(*accounts: Any) -> None:
            for account, run in zip(accounts, runs, strict=True):
                await self.look(account, run)
            takes = [self.take(account, run) for account, run in zip(accounts, runs, strict=True)]
            if together:
                await asyncio.gather(*takes)
            else:
                for take in takes:
                    await take

        self.armed(how, lambda: self.watched.run(both, *(run.doors for run in runs)))
        wrote = [run for run in runs if run.doors.sent]
        assert len(wrote) <= 1, "two runs wrote"
        for run in runs:
            if wrote and run not in wrote and isinstance(run.ended, Report):
                assert run.ended.exit or not run.steps, run.ended
        for run in wrote or runs[:1]:
            self.judge(run)

    def happen(self, events: Any) -> None:
        seconds, deeds, edits = events
        self.trial.clock.skip(seconds)
        for deed in deeds:
            self.console(*deed)
        for edit in edits:
            self.edit(edit)

    @precondition(lambda self: self.open_creations())
    @rule(seconds=st.sampled_from([0, 200, 1000]))
    def resolve(self, seconds: int) -> None:
        """A person says what became of open creations, as the account truly shows it."""
        self.trial.clock.skip(seconds)
        for at in self.open_creations():
            try:
                self.settle(at)
            except LockedError:
                assert at in self.open_creations()

    @precondition(lambda self: self.trial.state.get("id", "none") == "none" or self.trial.state["unclaimed"])
    @rule()
    def set_aside(self) -> None:
        try:
            self.trial.run(lambda account: workflow.state_init(account, ignore_all=True))
        except LockedError:
            assert self.trial.state["lock"]

    # how a run goes

    def go(self, how: How, moment: Moment | None = None) -> Run:
        run = self.ready(how, moment)

        async def whole(account: Any) -> None:
            await self.look(account, run)
            await self.take(account, run)

        self.armed(how, lambda: self.watched.run(whole, run.doors))
        self.judge(run)
        if isinstance(run.ended, Report) and run.ended.exit == 0 and not how.lags:
            plan = self.trial.plan(adopt=how.adopt).plan
            assert plan.empty, f"applied twice is not nothing: {plan.steps} {plan.blocked} {plan.unsafe}"
        return run

    def ready(self, how: How, moment: Moment | None = None) -> Run:
        return Run(self.watched.doors(moment), self.world.things(), self.trial.state, self.watched.stored(), how)

    async def look(self, account: Any, run: Run) -> None:
        """Plan, which changes nothing, and choose what is approved and which of the writes are struck."""
        try:
            wait = (lambda _: None) if run.how.patient else None
            run.planned = await workflow.plan(account, adopt=run.how.adopt, wait=wait)
        except Error as problem:
            run.ended = problem
        assert (run.doors.sent, self.watched.stored()) == ([], run.stored), "planning wrote"
        tokens = [step.token for step in run.steps if step.token]
        some = {"all": tokens, "none": [], "odd": tokens[::2], "even": tokens[1::2]}
        run.approved = tuple(some[run.how.approvals])
        steps = [step for step in run.steps if not step.token or step.token in run.approved]
        routes = [_route(call) for step in steps for call in step.calls]
        for which, do, times in run.how.strikes if routes else ():
            at = which % len(routes)
            self.trial.fault(routes[at], do, nth=1 + routes[:at].count(routes[at]), times=times)

    async def take(self, account: Any, run: Run) -> None:
        if run.planned:
            try:
                run.ended = await workflow.apply(account, run.planned, approve=run.approved)
            except Error as problem:
                run.ended = problem

    def armed(self, how: How, do: Any) -> None:
        """Do something under faults, which end with it."""
        for one in how.faults:
            self.trial.fault(**one)
        try:
            do()
        finally:
            self.trial.no_faults()

    def open_creations(self) -> dict[str, Any]:
        return {at: one for at, one in self.trial.state.get("intents", {}).items() if one["action"] == "create"}

    def settle(self, at: str) -> None:
        """Bind what was made for this address, and still is there and nobody's; else say that nothing was."""
        intent, kind = self.open_creations()[at], at.partition(".")[0]
        seen = self.trial.state["seen"].get(intent.get("seen"), [])
        held, live = set(self.trial.ids().values()), self.world.of(kind)
        ours = {ident: (to,) for ident, to in self.bought.items()} if kind == "number" else self.made
        fits = [ident for ident, to in ours.items() if at in to and ident in live and ident not in {*held, *seen}]
        if fits and kind == "number" and self.tagged:
            tag = f"apr:acme/default/{at.partition('.')[2]}"
            if str(live[fits[0]]["external_id"]).startswith("apr:"):
                self.trial.send("PATCH", f"/v1/numbers/{fits[0]}", {"externalId": tag})
        if fits and kind == "number" and (owner := live[fits[0]]["agent_id"]) not in {None, intent.get("parent")}:
            self.trial.send("DELETE", f"/v1/agents/{owner}/numbers/{fits[0]}")  # as the refusal's hint says
        if fits:
            self.trial.bind(at, fits[0])
        else:
            self.trial.not_created(at)

    # what is always true

    def judge(self, run: Run) -> None:
        after, ours = self.world.things(), run.ours()
        for name, thing in run.before.items():
            assert name in ours or after.get(name) == thing, f"a stranger was changed: {name}"
        self.judge_adoptions(run)
        self.judge_settlements(run)
        for one in run.doors.sent:
            self.judge_request(run, one, ours)
        self.judge_protection(run, after)
        self.remember(run)
        if isinstance(run.ended, Report):
            note(f"exit {run.ended.exit}: " + ", ".join(f"{o.address} {o.action} {o.word}" for o in run.ended.outcomes))
            self.judge_words(run, run.ended, after)
        self.judge_state()

    def judge_protection(self, run: Run, after: dict[Name, Any]) -> None:
        """What was protected is still there, ours and protected, but for the last if that was approved."""
        now = {one["id"]: one["protect"] for one in self.trial.state.get("resources", {}).values()}
        lifted = {step.live.id for step in run.granted("unprotect")}
        for at, one in run.state.get("resources", {}).items():
            name = (at.split(".")[0], one["id"])
            if one["protect"] and name in run.before:
                assert name in after, f"{name} was protected, and it is gone"
                assert now[one["id"]] or one["id"] in lifted, f"{name} is not protected any more"

    def judge_request(self, run: Run, one: Sent, ours: set[Name]) -> None:
        """Promises 3 and 9: what cannot be undone was approved for exactly this, and nothing else is named."""
        what = f"{one.method} {'/'.join(one.parts)} {one.body}"
        match (one.method, *one.parts):
            case ("DELETE", "numbers", ident):
                assert any(step.live.id == ident for step in run.granted("release")), what
            case ("DELETE", "agents", ident):
                assert any(step.live.id == ident for step in run.granted("delete")), what
            case ("POST", "numbers"):
                buys = [*run.granted("buy"), *run.granted("rebuy")]
                assert any(step.change.marker == one.body["externalId"] for step in buys), what
                self.judge_purchase(run, _slot(one.body))
            case ("PATCH", "agents" | "numbers" as plural, ident):
                assert (plural.removesuffix("s"), ident) in ours, what
            case ("POST", "agents", _, "numbers"):
                assert ("number", one.body["numberId"]) in ours, what
            case ("DELETE", "agents", _, "numbers", ident):
                assert ("number", ident) in ours, what
            case ("POST", "agents"):
                assert any(step.creates and step.address.kind == "agent" for step in run.steps), what
            case ("POST" | "DELETE" as verb, *_, "webhook" | "webhooks"):
                if one.slot:
                    approved = run.granted("rotate" if verb == "POST" else "delete")
                    assert any(step.live.id == one.slot["id"] for step in approved if step.live), what
            case _:
                raise AssertionError(f"nothing of ours sends {what}")

    def judge_purchase(self, run: Run, at: str) -> None:
        """Promise 2: nothing that was bought for this address is still there, and nothing that it holds."""
        held, forgotten = run.held(), self.forgotten()
        moved = {ident: to for to, ident in held.items()}
        live = {ident for kind, ident in run.before if kind == "number"} | set(self.world.of("number"))
        live -= {one.made[1] for one in run.doors.sent if one.made}
        twice = [
            ident for ident, slot in self.bought.items() if moved.get(ident, slot) == at and ident in live - forgotten
        ]
        assert not twice, f"{at} is bought again, and it has {twice}"
        assert held.get(at) not in live, f"{at} is bought, and it is {held.get(at)}"

    def forgotten(self) -> set[str]:
        return {stone["id"] for stone in self.trial.state.get("tombstones", []) if stone["how"] == "forgotten"}

    def remember(self, run: Run) -> None:
        """Keep for which address each thing was made."""
        made = [(one, *one.made) for one in run.doors.sent if one.made]
        self.bought |= {ident: _slot(one.body) for one, kind, ident in made if kind == "number"}
        self.made |= {ident: _makers(run, one.body) for one, kind, ident in made if kind == "agent"}
        slots = Counter(_slot(one.body) for one, kind, _ in made if kind == "number")
        assert all(count == 1 for count in slots.values()), f"bought twice in one run: {slots}"

    def judge_adoptions(self, run: Run) -> None:
        """Promise 9: what is taken was named by the spec, carries our marker, is equal in its slot, or --adopt was given."""
        for step in run.steps:
            if step.action == "adopt" and (step.address.kind, step.live.id) in run.before:
                row = run.before[step.address.kind, step.live.id]
                entry = self.spec[PLURALS[step.address.kind]][step.address.key]
                named = entry.get("import", "") in {step.live.id, row.get("phone_number")}
                alike = step.address.kind == "webhook" and row["url"] == entry["url"]
                keys = [step.address.key, *(one["from"].split(".")[1] for one in self.spec["moved"])]
                marked = row.get("external_id") in {f"apr:acme/default/{key}" for key in keys}
                same = step.address.kind != "number" and run.how.adopt
                assert named or alike or marked or same, step.change

    def judge_settlements(self, run: Run) -> None:
        """Promise 4: what is taken for the outcome of a lost creation is it, or cannot be told from it."""
        settled = run.planned.settlement.state.resources if run.planned else {}
        for at, one in settled.items():
            intent = run.planned.state.intents.get(at)
            if intent is None or not intent.creates or run.planned.state.resources.get(at) == one:
                continue
            row = run.before[at.kind, one.id]
            if one.id in self.bought:
                assert self.bought[one.id] == str(at), f"{at} was settled as {one.id}, bought for {self.bought[one.id]}"
            elif one.id in self.made:
                assert str(at) in self.made[one.id], f"{at} was settled as {one.id}, made for {self.made[one.id]}"
            elif at.kind == "number" and self.tagged:
                assert row["external_id"] == f"apr:acme/default/{at.key}"
            elif at.kind == "number":
                assert row["agent_id"] == intent.parent
                assert str(at) not in {self.bought.get(ident) for kind, ident in run.before if kind == "number"}

    def judge_words(self, run: Run, report: Report, after: dict[Name, Any]) -> None:
        """Promise 4: a creation whose reply was lost is unknown, and the exit code 6; what failed is as it was."""
        words = {one.name: one for one in report.outcomes}
        assert len(words) == len(run.steps)
        for one in run.doors.sent:
            kind = CREATIONS.get((one.method, "/v1/" + "/".join(one.parts)))
            if not kind:
                continue
            makers = _makers(run, one.body) if kind == "agent" else (_slot(one.body),)
            alike = [other for other in run.doors.sent if (other.parts, other.body) == (one.parts, one.body)]
            said = [words[at, "create"].word for at in makers]
            lost, made = sum(other.lost for other in alike), sum(bool(other.made) for other in alike)
            if kind == "agent":
                assert said.count(Word.UNKNOWN) == lost, (one, said)
            elif lost:
                assert said == [Word.UNKNOWN], (one, said)
            assert made <= said.count(Word.UNKNOWN) + said.count(Word.DONE), (one, said)
            assert not lost or report.exit == 6, (one, report.exit)
        for step in run.steps:
            outcome = words[step.name]
            if step.live and not outcome.changed and outcome.word not in {Word.UNKNOWN, Word.DONE}:
                name, others = (
                    (step.address.kind, step.live.id),
                    [o for n, o in words.items() if n[0] == str(step.address)],
                )
                if not any(other.changed or other.word is Word.UNKNOWN for other in others) and name in run.before:
                    assert after.get(name) == run.before[name], f"{step.name} is {outcome.word}, and {name} changed"

    def judge_state(self) -> None:
        """No thing is two addresses', and each number that was bought and is there is known."""
        state = self.trial.state
        held = Counter((at.split(".")[0], one["id"]) for at, one in state.get("resources", {}).items())
        assert all(count == 1 for count in held.values()), held
        known = {ident for _, ident in held} | self.forgotten()
        for ident in set(self.world.of("number")) & set(self.bought) - known:
            assert self.bought[ident] in self.open_creations(), (
                f"nobody knows of {ident}, bought for {self.bought[ident]}"
            )

    # how it ends

    def teardown(self) -> None:
        try:
            self.come_to_rest()
        finally:
            self.world.db.close()

    def come_to_rest(self) -> None:
        """Without faults and with time, a few truthful answers and applies are enough, or the plan says why not."""
        for _ in range(8):
            self.trial.clock.skip(1000)
            for at in self.open_creations():
                self.settle(at)
            run = self.go(How())
            assert isinstance(run.ended, Report), f"it ends with an error for ever: {run.ended}"
            if not run.ended.outcomes or run.ended.exit == 9:
                break
        else:
            raise AssertionError(f"it never comes to rest: {run.ended}")
        plan = self.trial.plan().plan
        stops = (*plan.blocked, *plan.unsafe)
        assert plan.unsafe or excused(plan), (plan.steps, plan.unsettled)
        assert all(one.reason and one.hint for one in stops), stops
        if not stops:
            self.judge_end()

    def judge_end(self) -> None:
        """Everything that the spec wants is there, once."""
        things, ids = self.world.things(), self.trial.ids()
        wanted = {f"{kind}.{key}": entry for kind in KEYS for key, entry in self.spec[PLURALS[kind]].items()}
        assert not [at for at in ids if at not in wanted and (at.split(".")[0], ids[at]) in things], (
            "what is not wanted"
        )
        for at, entry in wanted.items():
            row = things[at.split(".")[0], ids[at]]
            shown = {"name": row.get("name"), "url": row.get("url"), "beginMessage": row.get("beginMessage")}
            shown |= {"contextLimit": row.get("context_limit"), "agent": row.get("agent_id") or None}
            for name, value in entry.items():
                if name == "protect":
                    assert self.trial.state["resources"][at]["protect"] == value, at
                elif name not in {"import", "areaCode"}:
                    assert shown[name] == (ids[f"agent.{value}"] if name == "agent" and value else value), (at, name)
        ledger = self.trial.state.get("ledger", [])
        assert {line["outcome"] for line in ledger} <= {"bought", "denied"}
        assert set(self.bought) & set(self.world.of("number")) <= {line.get("id") for line in ledger}


def _makers(run: Run, body: Any) -> tuple[str, ...]:
    """The addresses for which a run would make an agent with this body."""
    steps = [step for step in run.steps if step.action == "create" and step.address.kind == "agent"]
    return tuple(str(step.address) for step in steps if json.dumps(step.calls[0].body) == json.dumps(body))


def _route(call: Any) -> str:
    """A call as a fault names it."""
    return f"{call.method} /" + "/".join(part if isinstance(part, str) else "*" for part in call.path)


def _slot(body: Any) -> str:
    """The address for which a number is bought, by the marker that is sent along."""
    return f"number.{body['externalId'].rpartition('/')[2]}"


def _pick(items: Any, which: int) -> Any:
    return items[which % len(items)] if items else None


@pytest.mark.parametrize("watched", ["2026", "2025"], indirect=True)
def test_no_course_of_events_breaks_a_promise(watched):
    run_state_machine_as_test(lambda: Machine(watched()), settings=COURSES)


def test_a_number_of_ours_may_carry_the_marker_of_another(trial):
    trial.spec("numbers: {n: {}}").settled()
    trial.send("PATCH", f"/v1/numbers/{trial.ids()['number.n']}", {"externalId": "apr:acme/default/m"})
    report = trial.spec("numbers: {m: {}, n: {}}").apply()
    assert report.exit or trial.plan().plan.empty
