"""A clone has what the source says but for what was the source's own: ids, secrets, hosts, numbers."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest

from apreconcile.core.address import Address
from apreconcile.core.cloning import Choices, Cloned, Numbers, Transfers, clone, document, said_by
from apreconcile.core.shelf import Shelf
from apreconcile.core.spec.manifest import load_manifest
from apreconcile.core.wanted import Manifest
from apreconcile.core.writing import spec_text
from apreconcile.kinds import KINDS

PHONE = "+14155550100"
N = Address("number", "n")


def spec(text: str, **environ: str) -> Manifest:
    return load_manifest(
        [("it.yaml", f"version: 1\nproject: acme\n{dedent(text)}".encode())], kinds=KINDS, variables={}, environ=environ,
        read_file=lambda *_: "From a file.", environment="default", home=".",
    )  # fmt: skip


def said(text: str, **environ: str) -> dict[str, Any]:
    return {str(address): dict(entry) for address, entry in said_by(spec(text, **environ), KINDS).items()}


def cloned(
    text: str,
    rewrites: dict[str, str] | None = None,
    numbers: str = "omit",
    transfers: str = "keep",
    live: dict[str, Any] | None = None,
    phones: tuple[str, ...] = (),
    **environ: str,
) -> Cloned:
    choices = Choices(Numbers(numbers), Transfers(transfers), rewrites or {})
    return clone(said_by(spec(text, **environ), KINDS), KINDS, choices, live={N: live or {}}, phones=phones)


def test_what_a_spec_says_is_said_again():
    text = """
    variables: {greeting: {default: Hello}}
    defaults: {agents: {language: en-US}}
    agents: {a: {name: A, systemPrompt: {file: p.md}, beginMessage: "${var.greeting}, $${name}", description: null}}
    numbers: {n: {country: US, agent: a, protect: true}, m: {agent: null}}
    webhooks: {p: {url: https://a.dev/x}, w: {agent: a, url: https://a.dev/y}}
    """
    assert said(text) == {
        "agent.a": {
            "name": "A", "systemPrompt": "From a file.", "beginMessage": "Hello, $${name}", "description": None,
            "language": "en-US",
        },
        "number.m": {"agent": None},
        "number.n": {"country": "US", "agent": "a", "protect": True},
        "webhook.p": {"url": "https://a.dev/x"},
        "webhook.w": {"agent": "a", "url": "https://a.dev/y"},
    }  # fmt: skip


def test_a_secret_is_left_behind_and_its_variable_named():
    text = """
    agents:
      a:
        name: A
        systemPrompt: "Say ${env.WORD} and ${env.WORD}, $${not}, ${env.OTHER}."
        customTools: [{name: look up, description: D, url: "https://a.dev/${env.T}", headers: {X-Key: literal, Y: "${env.T}"}}]
    webhooks: {p: {url: "${env.HOOK}"}}
    """.replace("look up", "look-up")
    assert said(text, WORD="hush", OTHER="hu", T="tt", HOOK="https://b.dev") == {
        "agent.a": {
            "name": "A",
            "systemPrompt": "Say ${env.WORD} and ${env.WORD}, $${not}, ${env.OTHER}.",
            "customTools": [{
                "name": "look-up", "description": "D", "url": "https://a.dev/${env.T}",
                "headers": {"X-Key": "${env.A_LOOK_UP_X_KEY}", "Y": "${env.T}"},
            }],
        },
        "webhook.p": {"url": "${env.HOOK}"},
    }  # fmt: skip
    names = cloned(text, {"a.dev": "s.dev"}, WORD="hush", OTHER="hu", T="tt", HOOK="https://b.dev").names
    assert names == ("WORD", "OTHER", "T", "A_LOOK_UP_X_KEY", "HOOK")


def test_ids_are_left_behind_and_numbers_unless_they_are_asked_for():
    text = "agents: {a: {import: agt, name: A}}\nnumbers: {n: {import: num, agent: a}}"
    assert cloned(text).said == {Address("agent", "a"): {"name": "A"}}


def test_a_number_is_bought_in_the_area_of_the_live_one():
    live = {"areaCode": "628", "type": "sms", "country": "US", "agent": "agt", "imessageType": None}
    text = "numbers: {n: {country: US, areaCode: '415'}}"
    assert cloned(text, numbers="buy", live=live).said == {N: {"country": "US", "areaCode": "628"}}
    dear = live | {"type": "tollfree", "areaCode": None}
    assert cloned(text, numbers="buy", live=dear).said[N] == {"country": "US", "areaCode": "415", "type": "tollfree"}
    assert cloned(text, numbers="buy").said[N] == {"country": "US", "areaCode": "415"}


def test_a_number_that_is_bound_is_named_when_it_is_planned():
    made = cloned("numbers: {n: {country: US, areaCode: '415', import: num}}", numbers="bind")
    assert (made.said, made.bound) == ({N: {"country": "US"}}, {N: "number-n"})


def test_the_variable_of_a_number_that_is_bound_is_not_taken_for_a_number():
    text = 'numbers: {"14155550100": {country: US}}'
    made = cloned(text, {PHONE: "+12125550111"}, numbers="bind", phones=(PHONE,))
    assert (made.bound, made.warnings) == ({Address("number", "14155550100"): "number-14155550100"}, ())


@pytest.mark.parametrize(("transfers", "kept"), [("keep", {"transferNumber": "+12125550111"}), ("drop", {})])
def test_calls_are_transferred_to_the_same_people_or_to_nobody(transfers, kept):
    made = cloned('agents: {a: {name: A, transferNumber: "+12125550111"}}', transfers=transfers)
    assert made.said == {Address("agent", "a"): {"name": "A", **kept}}


SPEAKS = """
agents:
  a:
    name: A
    systemPrompt: "Ask HOOKS.acme.dev, not x.hooks.acme.dev, hooks.acme.device or hooks.acme.dev.uk. hooks.acme.dev."
    customTools: [{name: t, description: D, url: "https://api.acme.dev:8443/v", parameters: {type: object, description: hooks.acme.dev}}]
webhooks: {p: {url: "https://hooks.acme.dev/x?y=https://hooks.acme.dev"}}
"""


def test_a_host_of_the_source_that_is_left_is_told_with_its_places():
    assert cloned(SPEAKS).left == (
        ("api.acme.dev", "agent.a: customTools.0.url"),
        ("hooks.acme.dev", "agent.a: systemPrompt"),
        ("hooks.acme.dev", "agent.a: customTools.0.parameters.description"),
        ("hooks.acme.dev", "webhook.p: url"),
    )


def test_a_host_is_rewritten_wherever_it_is_named_as_a_whole():
    made = cloned(SPEAKS, {"hooks.acme.dev": "hooks.stg.dev", "api.acme.dev": "api.acme.dev"})
    assert (made.left, made.unused) == ((), ())
    a, p = made.said[Address("agent", "a")], made.said[Address("webhook", "p")]
    assert a["systemPrompt"] == (
        "Ask hooks.stg.dev, not x.hooks.acme.dev, hooks.acme.device or hooks.acme.dev.uk. hooks.stg.dev."
    )
    assert a["customTools"][0]["url"] == "https://api.acme.dev:8443/v", "rewritten to itself, it stays"
    assert a["customTools"][0]["parameters"]["description"] == "hooks.stg.dev"
    assert p["url"] == "https://hooks.stg.dev/x?y=https://hooks.stg.dev"


def test_rewriting_is_one_pass():
    made = cloned('webhooks: {p: {url: "https://a.dev/b.dev"}}', {"a.dev": "b.dev", "b.dev": "c.dev"})
    assert made.said == {Address("webhook", "p"): {"url": "https://b.dev/c.dev"}}


def test_what_rewriting_leaves_of_another_host_of_the_source_is_told():
    text = 'webhooks: {p: {url: "https://a.dev"}}\nagents: {a: {name: A, customTools: [{name: t, description: D, url: "https://b.dev"}]}}'
    assert cloned(text, {"a.dev": "b.dev", "b.dev": "c.dev"}).left == (("b.dev", "webhook.p: url"),)


def test_a_rewrite_that_finds_nothing_is_told():
    assert cloned('webhooks: {p: {url: "https://a.dev"}}', {"a.dev": "b.dev", "z.dev": "b.dev"}).unused == ("z.dev",)


@pytest.mark.parametrize(
    "written", [PHONE, "415-555-0100", "(415) 555 0100", "1.415.555.0100", "+1 (415) 555\u20110100"]
)
def test_a_number_of_the_source_is_found_however_it_is_written(written):
    text = f'agents: {{a: {{name: A, systemPrompt: "Call {written}!"}}}}'
    assert cloned(text, phones=(PHONE,)).warnings == (f"agent.a: systemPrompt names {PHONE}, a number of the source",)
    assert cloned(text, {PHONE: PHONE}, phones=(PHONE,)).warnings == ()
    made = cloned(text, {PHONE: "+12125550111"}, phones=(PHONE,))
    assert (made.warnings, made.said[Address("agent", "a")]["systemPrompt"]) == ((), "Call +12125550111!")


@pytest.mark.parametrize("written", ["34155550100", "41555501001", "+44155550100", "415555010"])
def test_another_number_is_not_taken_for_it(written):
    assert cloned(f'agents: {{a: {{name: A, systemPrompt: "Call {written}."}}}}', phones=(PHONE,)).warnings == ()


def test_a_number_of_another_country_wants_its_code():
    text = 'agents: {a: {name: A, systemPrompt: "Call 44 20 7946 0958 or 20 7946 0958."}}'
    assert len(cloned(text, phones=("+442079460958",)).warnings) == 1
    assert cloned(text.replace("44 20", "20"), phones=("+442079460958",)).warnings == ()


def test_a_document_has_one_environment_and_what_is_to_be_given():
    made = cloned("numbers: {n: {}}\nagents: {a: {name: A}}", numbers="bind")
    tree = document(
        made,
        KINDS,
        project="acme",
        environment="stg",
        account={"keyEnv": "K"},
        state={"store": "git"},
        shelf=Shelf(None),
    )
    assert spec_text(tree) == (
        "version: 1\nproject: acme\n\nstate:\n  store: git\n\nvariables:\n  number-n: {}\n\n"
        'environments:\n  stg:\n    account:\n      keyEnv: K\n    numbers:\n      "n":\n'
        '        import: "${var.number-n}"\n\nagents:\n  a:\n    name: A\n\nnumbers:\n  "n": {}\n'
    )
    bare = document(cloned(""), KINDS, project="acme", environment="stg", account={}, state={}, shelf=Shelf(None))
    assert bare == {"version": 1, "project": "acme", "environments": {"stg": {}}}
