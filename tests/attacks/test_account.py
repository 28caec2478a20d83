"""Whoever can edit the spec, or is in the account meanwhile: what is protected, moved, or goes elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from apreconcile.core.planfile import digest_of, encode
from tests.attacks.conftest import Desk
from tests.conftest import Front, Receiver

AGENTS = "agents: {a: {name: A}, b: {name: B}}\n"
PROTECTED = AGENTS + "numbers: {n: {agent: a, protect: true}}\n"
LIFTED = AGENTS + "numbers: {n: {agent: a, protect: false}}\n"
GONE = AGENTS + "numbers: {}\n"


def apply(desk: Desk, *words: str) -> Any:
    """Apply with every approval that the plan asks for."""
    return desk("apply", "--yes", *desk.approving(), *words)


@pytest.fixture
def guarded(desk: Desk) -> Desk:
    """An account with a protected number."""
    desk.spec(PROTECTED).settled()
    return desk


def legitimate(desk: Desk) -> None:
    """Two plans, each approved, release what is protected."""
    phone = desk.state["resources"]["number.n"]["phoneNumber"]
    assert desk.spec(LIFTED)("apply", "--yes").code == 3
    assert apply(desk).code == 0
    assert desk.released() == []
    assert desk.spec(GONE)("apply", "--yes").code == 3
    assert apply(desk).code == 0
    assert desk.released() == [phone]


def test_the_block_of_a_protected_number_is_removed(guarded):
    told = apply(guarded.spec(GONE))
    assert (told.code, "is protected: it is not released" in told.said) == (5, True)
    token = "release:number.n@" + "0" * 32
    assert guarded("apply", "--yes", "--approve", token).code == 5
    assert guarded.released() == []
    legitimate(guarded)


TRICKS = {
    "a default": "defaults: {numbers: {protect: false}}\nnumbers: {}\n",
    "another key that imports it": "numbers: {o: {import: ID, protect: false}}\n",
    "another key for the same wish": "numbers: {o: {agent: a, protect: false}}\n",
    "a move to a key that the spec lacks": "moved: [{from: number.n, to: number.o}]\nnumbers: {}\n",
    "a move and a release": "moved: [{from: number.n, to: number.o}]\nnumbers: {o: {protect: false}}\nforget: [number.o]\n",
    "a move that lifts, and no key": "moved: [{from: number.n, to: number.o}, {from: number.o, to: number.n}]\nnumbers: {}\n",
    "forgetting it": "forget: [number.n]\nnumbers: {}\n",
    "forgetting it, and importing it anew": "forget: [number.n]\nnumbers: {o: {import: ID, protect: false}}\n",
    "a detached number": "numbers: {n: {agent: null, protect: false}}\nforget: [number.n]\n",
}  # fmt: skip


@pytest.mark.parametrize("trick", TRICKS)
def test_a_protection_is_lifted_and_used_in_one_plan(guarded, trick):
    ident = guarded.ids()["number.n"]
    guarded.spec(AGENTS + TRICKS[trick].replace("ID", ident))
    told = guarded("plan", "--format", "json")
    document = json.loads(told.out) if told.out else {"steps": []}
    tokens = [word for step in document["steps"] if step["token"] for word in ("--approve", step["token"])]
    assert guarded("apply", "--yes", "--adopt", *tokens).code in {1, 5}
    assert guarded.released() == []
    assert [held["protect"] for held in guarded.state["resources"].values() if held["id"] == ident] == [True]
    legitimate(guarded)


def test_a_lifting_and_a_release_in_one_plan_file(guarded, desks: Callable[..., Desk]):
    """Each of them copied from a true plan: of the release only where nothing was protected."""
    other = desks()
    other.spec(AGENTS + "numbers: {n: {agent: a}}\n").settled()
    assert other.spec(GONE)("plan", "--out", "plan.json").code == 0
    (release,) = json.loads((other.folder / "plan.json").read_text())["steps"]
    ours, theirs = guarded.ids()["number.n"], other.ids()["number.n"]
    phones = [one.state["resources"]["number.n"]["phoneNumber"] for one in (guarded, other)]
    release = json.loads(json.dumps(release).replace(theirs, ours).replace(phones[1], phones[0]))
    guarded.spec(LIFTED)
    tokens = guarded.approving()
    document = guarded.document()
    document = document | {
        "steps": [*document["steps"], release], "summary": document["summary"] | {"update": 1, "delete": 1},
    }  # fmt: skip
    (guarded.folder / "plan.json").write_bytes(encode(document | {"digest": digest_of(document)}))
    words = ("apply", "plan.json", "--yes", "--approve", release["token"])
    assert guarded(*words, *tokens).code == 0, "the protection is lifted, and the release is not wanted"
    assert guarded.released() == []
    assert guarded.spec(GONE)(*words).code == 3
    assert guarded.released() == []
    assert apply(guarded).code == 0
    assert guarded.released() == phones[:1]


def test_the_state_is_told_to_forget_what_is_protected(guarded):
    told = guarded("state", "forget", "number.n")
    assert (told.code, "number.n is protected: it is not forgotten" in told.said) == (5, True)
    assert guarded.spec(LIFTED)("apply", "--yes", *guarded.approving()).code == 0
    assert guarded("state", "forget", "number.n").code == 0


# The account moves


MOVED: dict[str, tuple[str, Callable[[Desk], None]]] = {
    "number.n": (
        AGENTS.replace("name: A", "name: Ann") + 'webhooks: {w: {url: "https://a.dev/x"}, v: {agent: b, url: "https://a.dev/x"}}\n',
        lambda desk: desk.send("POST", f"/v1/agents/{desk.ids()['agent.b']}/numbers", {"numberId": desk.ids()["number.n"]}),
    ),
    "webhook.w": (
        AGENTS.replace("name: A", "name: Ann") + 'numbers: {n: {agent: a}}\nwebhooks: {v: {agent: b, url: "https://a.dev/x"}}\n',
        lambda desk: desk.send("POST", "/v1/webhooks", {"url": "https://b.dev/x", "contextLimit": 1, "timeout": 30}),
    ),
    "agent.b": (
        'agents: {a: {name: Ann}}\nnumbers: {n: {agent: a}}\nwebhooks: {w: {url: "https://a.dev/x"}}\n',
        lambda desk: desk.send("POST", f"/v1/agents/{desk.ids()['agent.b']}/numbers", {"numberId": desk.ids()["number.n"]}),
    ),
}  # fmt: skip
ALL = (
    AGENTS
    + """\
numbers: {n: {agent: a}}
webhooks: {w: {url: "https://a.dev/x"}, v: {agent: b, url: "https://a.dev/x"}}
"""
)


def gone(desk: Desk, address: str, ident: str) -> bool:
    """Whether the account has it no more."""
    if address.startswith("webhook"):
        return desk.get("/v1/webhooks") is None
    listed = desk.get(f"/v1/{address.partition('.')[0]}s?limit=100")["data"]
    return ident not in {one["id"] for one in listed if one.get("status") != "released"}


@pytest.mark.parametrize("address", MOVED)
def test_it_moves_between_plan_and_apply(desk, address):
    spec, move = MOVED[address]
    ident = desk.spec(ALL).settled().spec(spec).ids()[address]
    assert desk("plan", "--out", "plan.json").code == 0
    tokens = desk.approving()
    move(desk)
    told = desk("apply", "plan.json", "--yes", *tokens)
    assert told.code == (4 if address == "agent.b" else 3), told.said
    assert not gone(desk, address, ident)
    assert desk("apply", "--yes", *desk.approving()).code == 0
    assert gone(desk, address, ident)


@pytest.mark.parametrize("address", MOVED)
@pytest.mark.parametrize("moves", [True, False])
def test_it_moves_between_look_and_call(desk, front: Front, address, moves):
    spec, move = MOVED[address]
    ident = desk.spec(ALL).settled().spec(spec).ids()[address]
    tokens = desk.approving()
    front(desk)
    passed, met = front.pass_on, []

    def meddle(method: str, *rest: Any) -> Any:
        if method == "PATCH" and not met:  # the first write of the run
            met.append(moves and move(desk))
        return passed(method, *rest)

    front.pass_on = meddle
    told = desk("apply", "--yes", *tokens)
    assert met
    assert (told.code, "changed since the plan was made" in told.said) == ((4, True) if moves else (0, False))
    assert gone(desk, address, ident) == (not moves)


# The spec is edited


HEAD = "version: 1\nproject: acme\n"
EMPTIED = {
    "no blocks": (HEAD, 3), "no numbers": (HEAD + AGENTS + "numbers: {}\n", 3), "nulls": (HEAD + "agents:\nnumbers:\n", 1),
    "cut off": (HEAD + AGENTS.rstrip("}\n"), 1), "no bytes": ("", 1), "an empty map": ("{}", 1),
}  # fmt: skip


@pytest.mark.parametrize("case", EMPTIED)
def test_a_spec_empties_itself(desk, case):
    desk.spec(ALL).settled()
    (text, code), before = EMPTIED[case], (desk.writes(), desk.ids())
    (desk.folder / "agentphone.yaml").write_text(text)
    told = desk("apply", "--yes", "--adopt")
    assert (told.code, "Held until approved" in told.said) == (code, code == 3)
    assert (desk.writes(), desk.ids()) == before
    assert desk.spec(AGENTS)("apply", "--yes", *desk.approving("number.n")).code == 3
    assert len(desk.released()) == 1, "what is approved goes, and nothing else"
    assert len([method for method, _ in desk.writes() if method == "DELETE"]) == 1


HOOK = 'webhooks: {w: {url: "https://hooks.acme.dev/x"}}\n'
POLICY = "policy: {allowedWebhookHosts: [hooks.acme.dev, '*.acme.dev']}\n"
EVIL = {
    "another": "https://evil.dev/x", "the name before": "https://hooks.acme.dev.evil.dev/x", "a user": "https://hooks.acme.dev@evil.dev/x",
    "the name in the path": "https://evil.dev/hooks.acme.dev", "in the query": "https://evil.dev?hooks.acme.dev",
    "in the fragment": "https://evil.dev#.acme.dev", "the bare domain": "https://acme.dev/x", "glued on": "https://evilacme.dev/x",
    "a backslash": r"https://evil.dev\\.acme.dev/x", "a final dot": "https://hooks.acme.dev./x", "escaped": "https://hooks%2eacme.dev/x",
    "an odd port": "https://hooks.acme.dev:0443/x", "another script": "https://h\u043eoks.acme.dev/x",
    "a zero": "https://evil.dev%00.acme.dev/x", "a secret": "${env.EVIL}",
}  # fmt: skip


@pytest.mark.parametrize("case", EVIL)
def test_a_webhook_goes_to_a_host_not_allowed(desk, case):
    desk.environ = {"EVIL": "https://evil.dev/x"}
    evil = f'webhooks: {{w: {{url: "{EVIL[case]}"}}}}\n'
    desk.spec(HOOK + POLICY).settled()
    tokens = desk.spec(evil).approving()
    assert tokens, "without the policy it goes there"
    told = desk.spec(evil + POLICY)("apply", "--yes", *tokens)
    assert (told.code, "is not in allowedWebhookHosts" in told.said) == (5, True), told.said
    assert desk("validate").code == 5
    assert desk.get("/v1/webhooks")["url"] == "https://hooks.acme.dev/x"
    assert apply(desk.spec(HOOK.replace("//hooks", "//new") + POLICY)).code == 0
    assert desk.get("/v1/webhooks")["url"] == "https://new.acme.dev/x"


def test_a_test_event_goes_to_a_host_not_allowed(desk, receiver: Receiver):
    hook = f'webhooks: {{w: {{url: "{receiver.url}/x"}}}}\n'
    desk.spec(hook).settled()
    assert desk.spec(hook + POLICY)("apply", "--yes", "--verify").code == 5
    assert receiver.events == []
    assert desk.spec(hook + "policy: {allowedWebhookHosts: [127.0.0.1]}\n")("apply", "--yes", "--verify").code == 0
    assert receiver.paths == ["/x"]


def test_another_project_takes_the_number(desk, desks: Callable[..., Desk]):
    desk.spec(ALL).settled()
    ident, other = desk.ids()["number.n"], desks()
    other.key = desk.key
    project = "version: 1\nproject: beta\n"
    other.spec(f"{project}agents: {{x: {{name: X}}}}\nnumbers: {{n: {{import: {ident}, agent: x}}}}\n")
    told = other("apply", "--yes", "--adopt", *other.approving())
    assert (told.code, "apr:acme/default/n" in told.said) == (5, True)
    assert other.spec(f"{project}agents: {{x: {{name: X}}}}\n")("apply", "--yes").code == 0
    assert desk.released() == []
    free = desk.seed(numbers=[{"country": "US"}])["numbers"][0]
    other.spec(f"{project}agents: {{x: {{name: X}}}}\nnumbers: {{n: {{import: {free['id']}, agent: x}}}}\n")
    assert apply(other).code == 0, "what is nobody's can be taken, and released"
    assert apply(other.spec(f"{project}agents: {{x: {{name: X}}}}\n")).code == 0
    assert desk.released() == [free["phoneNumber"]]
