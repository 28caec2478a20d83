"""Golden cases: given state, account and spec, the calls, risks, order and words of the plan.

A case says what is there (`live`), what is remembered (`state`) and what is wanted (`spec`), and under `expect` all that
the plan has: its steps in order, what is blocked, unsafe, unsettled or unmanaged, and its warnings. In calls `<agent.a>`
is a hole for an id and `<secret>` one for a secret. Of sentences a fragment is enough.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from apreconcile.core.address import Address
from apreconcile.core.approval import fits
from apreconcile.core.call import Call, Reply, Secret, replace_holes
from apreconcile.core.diff import digest, digest_of_sink
from apreconcile.core.errors import ApiError, Error, NotFoundError
from apreconcile.core.plan import Plan, Scope
from apreconcile.core.planfile import dump, load
from apreconcile.core.planning import find_changes, make_plan, questions
from apreconcile.core.settlement import settle
from apreconcile.core.sink import Sink
from apreconcile.core.spec.manifest import load_manifest
from apreconcile.core.state import Intent, Memory, Resource, State, Tombstone
from apreconcile.kinds import KINDS
from apreconcile.live.observe import read_lists, read_slots

ACTIONS = ("create", "update", "delete", "adopt", "move", "forget")
CASES = Path(__file__).parent / "cases"
NAMES = sorted(str(path.relative_to(CASES).with_suffix("")) for path in CASES.rglob("*.yaml"))
NOW = datetime(2026, 7, 30, 12, 0, tzinfo=UTC)
SCOPE = Scope("api.agentphone.ai")
USAGE = {"numbers": {"used": 2, "limit": 10, "remaining": 8}}
AGENT = {
    "description": None, "voiceMode": "webhook", "systemPrompt": None, "beginMessage": None, "voice": "v1",
    "modelTier": "balanced", "transferNumber": None, "voicemailMessage": None, "callScreeningIdentity": None,
    "callScreeningPurpose": None, "enableMessaging": True, "sttMode": "fast", "ambientSound": "none",
    "denoisingMode": "noise-cancellation", "maxSilenceMs": 600_000, "voiceSpeed": 1.0, "interruptionSensitivity": 0.8,
    "enableBackchannel": True, "language": "en-US", "customTools": None, "createdAt": "2026-01-01T00:00:00Z",
}  # fmt: skip
NUMBER = {
    "country": "US", "status": "active", "type": "sms", "agentId": None, "externalId": None, "expiresAt": None,
    "createdAt": "2026-01-01T00:00:00Z",
}  # fmt: skip
WEBHOOK = {
    "status": "active",
    "contextLimit": 10,
    "timeout": 30,
    "secret": "whsec_live",
    "createdAt": "2026-01-01T00:00:00Z",
}
"""What the API fills in (fact sheet §2.2, §3.3, §4.2)."""


def shown(usual: Mapping[str, Any], one: Mapping[str, Any]) -> dict[str, Any]:
    """A live thing with what the API fills in; `<absent>` is a field that this API does not know."""
    return {name: value for name, value in {**usual, **one}.items() if value != "<absent>"}


class Account:
    """The live account of a case, read as the API is read."""

    def __init__(self, live: Mapping[str, Any], answers: Mapping[str, Any]) -> None:
        self.numbers = {one["id"]: shown(NUMBER, one) for one in live.get("numbers", [])}
        held = [one for one in self.numbers.values() if one["agentId"]]
        self.agents = {
            one["id"]: {
                **shown(AGENT, one),
                "numbers": [{"id": number["id"]} for number in held if number["agentId"] == one["id"]],
            }
            for one in live.get("agents", [])
        }  # fmt: skip
        self.webhooks = {one.get("agent"): shown(WEBHOOK, one) for one in live.get("webhooks", [])}
        self.answers = {"usage": USAGE, **answers}
        self.asked: list[str] = []

    async def send(self, call: Call) -> Reply:
        self.asked.append("/".join(map(str, call.path)))
        match call.path[1:]:
            case ("agents",):
                return self._page(self.agents.values())
            case ("numbers",):
                return self._page([one for one in self.numbers.values() if one["status"] != "released"])
            case ("webhooks",):
                return Reply(200, self.webhooks.get(None))
            case ("agents", ident, "webhook") if ident in self.agents:
                return Reply(200, self.webhooks.get(ident))
            case ("agents", "voices") if "voices" in self.answers:
                return Reply(200, {"data": self.answers["voices"]})
            case ("usage",) if self.answers["usage"] is not None:
                return Reply(200, self.answers["usage"])
            case ("numbers", ident, topic) if ident in self.answers.get(topic, {}):
                return Reply(200, self.answers[topic][ident])
            case ("numbers" | "agents" as kind, ident) if ident in getattr(self, kind):
                return Reply(200, getattr(self, kind)[ident])
        raise NotFoundError("GET answered 404", status=404)

    def _page(self, found: Any) -> Reply:
        data = [dict(one) for one in found]
        return Reply(200, {"data": data, "total": len(data)})


def remembered(state: Mapping[str, Any] | None) -> State:
    """The state of a case; `sent` and `shown` are values, kept as their hashes."""
    empty = State("acme", "default", SCOPE.host)
    if state is None:
        return empty
    known = State("acme", "default", SCOPE.host, id=state.get("id", "d0c"), seed="5eed", serial=3)
    for text, held in state.get("resources", {}).items():
        sent, shown = held.get("sent", {}), held.get("shown", {})
        fields = {
            name: Memory(
                digest(value, known.salt), digest(shown[name], known.salt) if name in shown else None,
                name in held.get("secret", []), tuple(held.get("parts", {}).get(name, ())),
            )
            for name, value in sent.items()
        }  # fmt: skip
        sink = held.get("delivered")
        given = digest_of_sink(Sink(**sink), known.salt) if sink else None
        made = Resource(held["id"], "created", held.get("phoneNumber"), held.get("parent"), fields=fields)
        known = known.bind(Address.parse(text), replace(made, protect=held.get("protect", False), delivered=given))
    for text, intent in state.get("intents", {}).items():
        sent = {name: Memory(digest(value, known.salt)) for name, value in intent.get("sent", {}).items()}
        when = intent.get("opened", "2026-07-30T11:00:00Z")
        known = known.open(
            Intent(
                Address.parse(text), intent["action"], repr(sorted(sent.items())), when, intent.get("run", "r"), when,
                seen=tuple(intent.get("seen", [])), token=intent.get("token"), fields=sent, parent=intent.get("parent"),
            ),
            price="3.00" if text.startswith("number.") else None,
        )  # fmt: skip
    stones = tuple(
        Tombstone(Address.parse(at), ident, "2026-07-01T00:00:00Z", "forgotten")
        for at, ident in state.get("forgotten", {}).items()
    )
    changes = {"ignored": tuple(state.get("ignored", [])), "tombstones": stones}
    return State(**{name: getattr(known, name) for name in State.__slots__ if not name.startswith("_")} | changes)


def plan_of(case: Mapping[str, Any]) -> tuple[Plan, Account]:
    """The plan of a case, made as the workflow makes it."""
    files = case.get("files", {})
    spec = {"version": 1, "project": "acme", **case["spec"]}
    manifest = load_manifest(
        [("agentphone.yaml", yaml.safe_dump(spec, allow_unicode=True).encode())],
        kinds=KINDS,
        variables={},
        environ=case.get("environ", {}),
        read_file=lambda _, name: files[name],
        environment="default",
        home=".",
    )
    account = Account(case.get("live", {}), case.get("answers", {}))

    async def made() -> Plan:
        state = remembered(case.get("state"))
        first = await read_lists(account.send, state, KINDS)
        settled = settle(manifest, first, state, KINDS, now=NOW, patience=timedelta(seconds=60))
        snapshot = await read_slots(account.send, manifest, first, settled.state, KINDS)
        adopt = case.get("adopt", False)
        found = find_changes(manifest, snapshot, settled.state, KINDS, adopt=adopt, unsettled=settled.open)
        answers = {}
        for question in questions(found, NOW):
            try:
                answers[question] = await account.send(question.call)
            except ApiError:
                answers[question] = Reply(0)
        made = make_plan(found, answers, scope=SCOPE, now=NOW, requests=len(account.asked))[0]
        return replace(made, warnings=(*settled.said, *made.warnings))

    return asyncio.run(made()), account


def written(value: Any) -> Any:
    """A value with its holes as a case writes them."""
    return replace_holes(value, lambda hole: "<secret>" if isinstance(hole, Secret) else f"<{hole.address}>")


def calls(step: Any) -> list[str]:
    """The calls of a step as a case writes them: method, path, and the body as YAML in one line."""
    lines = []
    for call in step.calls:
        path = "/" + "/".join(map(str, written(list(call.path))))
        body = (
            ""
            if call.body is None
            else " "
            + yaml.safe_dump(written(call.body), default_flow_style=True, width=10_000, allow_unicode=True).strip()
        )
        lines.append(f"{call.method} {path}{body}")
    return lines


def as_written(call: str) -> str:
    """The same line however its body's keys are ordered."""
    method, path, *body = call.split(" ", 2)
    shown = (
        yaml.safe_dump(yaml.safe_load(body[0]), default_flow_style=True, width=10_000, allow_unicode=True).strip()
        if body
        else ""
    )
    return f"{method} {path} {shown}".strip()


def holds_all(fragments: list[str], sentences: Any, *, what: str) -> None:
    text = "\n".join(sentences)
    for fragment in fragments:
        assert fragment in text, f"{what}: {fragment!r} is not in:\n{text}"


@pytest.mark.parametrize("name", NAMES)
def test_the_plan_is_as_the_case_says(name):
    case = yaml.safe_load((CASES / f"{name}.yaml").read_text())
    plan, account = plan_of(case)
    expect = case["expect"]
    unknown = set(case) - {"says", "spec", "files", "environ", "state", "live", "answers", "adopt", "expect"}
    unknown |= set(expect) - {"steps", "blocked", "unsafe", "unsettled", "unmanaged", "warnings", "cost", "asked"}
    assert not unknown, unknown
    assert case["says"]

    steps = expect.get("steps", [])
    blocked = {str(one.address): one for one in plan.blocked}
    document = load(dump(plan))
    assert [fits(document, step) for step in document["steps"] if step["token"]] == [
        True for step in plan.steps if step.token
    ]
    assert [f"{step.action} {step.address}" for step in plan.steps] == [one["step"] for one in steps], (
        plan.blocked,
        plan.unsafe,
    )
    for step, want in zip(plan.steps, steps, strict=True):
        assert not set(want) - {"step", "calls", "risks", "verb", "after", "why", "fields"}, want
        assert calls(step) == [as_written(call) for call in want.get("calls", [])]
        assert sorted(step.risks) == sorted(want.get("risks", [])), step.address
        assert (step.verb if step.token else None) == want.get("verb"), step.address
        assert [str(at) for at in step.after] == want.get("after", []), step.address
        if "fields" in want:
            shown = {
                diff.field: "secret" if diff.secret else [written(diff.before), written(diff.after)]
                for diff in step.fields
            }
            assert shown == want["fields"]
        holds_all(want.get("why", []), step.why, what=f"why of {step.address}")

    assert sorted(blocked) == sorted(expect.get("blocked", {})), plan.blocked
    for at, fragments in expect.get("blocked", {}).items():
        exits = [item for item in fragments if isinstance(item, int)]
        holds_all(
            [item for item in fragments if isinstance(item, str)], [blocked[at].reason, blocked[at].hint], what=at
        )
        assert [blocked[at].exit] == (exits or [5]), at
        assert blocked[at].hint
    for word in ("unsafe", "unsettled"):
        found = getattr(plan, word)
        assert len(found) == len(expect.get(word, [])), found
        for one, fragments in zip(found, expect.get(word, []), strict=True):
            holds_all(fragments, [str(one.address), one.reason, one.hint], what=word)
            assert one.exit == {"unsafe": 9, "unsettled": 6}[word]
    assert sorted(one.id for one in plan.unmanaged) == sorted(expect.get("unmanaged", [])), plan.unmanaged
    assert len(plan.warnings) == len(expect.get("warnings", [])), plan.warnings
    holds_all(expect.get("warnings", []), plan.warnings, what="warnings")
    if "cost" in expect:
        assert str(plan.cost.monthly_delta) == expect["cost"]
    if "asked" in expect:
        assert sorted(account.asked) == sorted(expect["asked"])


@pytest.mark.parametrize("name", NAMES)
def test_the_spec_s_order_is_nothing_to_a_case(name):
    case = yaml.safe_load((CASES / f"{name}.yaml").read_text())

    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: turned(value[key]) for key in reversed(value)}
        return [turned(item) for item in value] if isinstance(value, list) else value

    live = {kind: items[::-1] for kind, items in case.get("live", {}).items()}
    one, _ = plan_of(case)
    other, _ = plan_of({**case, "spec": turned(case["spec"]), "live": live})
    assert one.digest == other.digest
    assert one == other or [step.name for step in one.steps] == [step.name for step in other.steps]


@pytest.mark.parametrize("name", NAMES)
def test_the_first_sentence_says_what_is_gone_or_what_it_costs(name):
    """The end of a plan repeats these, and nothing else of such a step."""
    plan, _ = plan_of(yaml.safe_load((CASES / f"{name}.yaml").read_text()))
    for step in plan.steps:
        assert "irreversible" not in step.risks or "gone for ever" in step.why[0]
        assert not step.spends or "/month" in step.why[0] or "price unknown" in step.why[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_is_about_the_spec_and_what_its_steps_change(name):
    plan, _ = plan_of(yaml.safe_load((CASES / f"{name}.yaml").read_text()))
    told = [member.address for member in plan.members]
    assert {step.address for step in plan.steps} <= set(told)
    assert len(told) == len(set(told))
    assert {member.parent for member in plan.members} <= {None, *told}


def test_what_a_plan_is_about_hangs_together():
    """What the spec says; what it leaves out is as it is; what leaves hangs where it did; a label tells no secret."""
    case = {
        "state": {"resources": {
            "agent.a": {"id": "agt_a"}, "agent.old": {"id": "agt_o"}, "agent.hush": {"id": "agt_h"},
            "number.gone": {"id": "num_g"}, "number.kept": {"id": "num_k"}, "number.loose": {"id": "num_l"},
            "webhook.a": {"id": "wh_a", "parent": "agt_a", "sent": {"url": "https://hidden.dev"}, "secret": ["url"]},
        }},
        "live": {
            "agents": [{"id": "agt_a", "name": "A"}, {"id": "agt_o", "name": "Old"}, {"id": "agt_h", "name": "Hush", "systemPrompt": "hidden.dev"}],
            "numbers": [
                {"id": "num_g", "phoneNumber": "+14155550101", "agentId": "agt_o"},
                {"id": "num_k", "phoneNumber": "+14155550102", "agentId": "agt_a"},
                {"id": "num_l", "phoneNumber": "+14155550103", "agentId": "agt_a"},
            ],
            "webhooks": [{"id": "wh_a", "agent": "agt_a", "url": "https://hidden.dev"}, {"id": "wh_p", "url": "https://p.dev"}],
        },
        "environ": {"PROMPT": "hidden.dev"},
        "spec": {
            "agents": {"a": {"name": "A"}, "hush": {"name": "Hush", "systemPrompt": "${env.PROMPT}"}},
            "numbers": {"kept": {"country": "US"}, "loose": {"agent": None}, "new": {"country": "US", "agent": "a"}},
            "webhooks": {"a": {"agent": "a", "url": "https://hidden.dev"}, "p": {"url": "https://p.dev"}},
        },
    }  # fmt: skip
    plan, _ = plan_of(case)
    assert [(str(one.address), one.label, one.parent and str(one.parent)) for one in plan.members] == [
        ("agent.a", "A", None),
        ("agent.hush", "", None),
        ("agent.old", "Old", None),
        ("number.gone", "+14155550101", "agent.old"),
        ("number.kept", "+14155550102", "agent.a"),
        ("number.loose", "+14155550103", None),
        ("number.new", "", "agent.a"),
        ("webhook.a", "", "agent.a"),
        ("webhook.p", "a webhook to p.dev", None),
    ]


@pytest.mark.parametrize("name", ["webhook/fallback-to-a-secret", "webhook/protected-secret-url"])
def test_no_sentence_tells_where_a_secret_url_leads(name):
    plan, _ = plan_of(yaml.safe_load((CASES / f"{name}.yaml").read_text()))
    assert not re.search(
        r"(hush|hidden)\.dev",
        str([(step.why, step.fields) for step in plan.steps]) + str(plan.blocked) + str(plan.members),
    )


def test_every_kind_has_cases():
    assert {name.split("/")[0] for name in NAMES} == {kind.name for kind in KINDS}


def test_every_action_and_every_risk_of_every_kind_is_in_a_case():
    """What a plan can hold: per kind its actions, and every risk that a kind can give."""
    seen, risks = set(), set()
    for name in NAMES:
        try:
            plan, _ = plan_of(yaml.safe_load((CASES / f"{name}.yaml").read_text()))
        except Error:
            continue
        seen |= {(step.address.kind, step.action) for step in plan.steps}
        risks |= {(step.address.kind, str(risk)) for step in plan.steps for risk in step.risks}
    assert seen == {(kind.name, action) for kind in KINDS for action in ACTIONS}
    assert risks == {
        *((kind.name, "unprotects") for kind in KINDS), ("agent", "irreversible"), ("number", "spends"), ("number", "irreversible"), ("number", "reroutes"),
        ("webhook", "irreversible"), ("webhook", "rotates-secret"), ("webhook", "reroutes"),
    }  # fmt: skip
