"""An export is a spec that adopts what there is: any live value is written so that it reads back as itself."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from apreconcile.core.address import Address
from apreconcile.core.export import export
from apreconcile.core.snapshot import Seen, Snapshot
from apreconcile.core.spec.manifest import load_manifest
from apreconcile.core.state import Memory, Resource
from apreconcile.kinds import KINDS


def agent(ident: str, name: str = "A", **body: Any) -> Seen:
    return Seen("agent", ident, {"id": ident, "name": name, "voiceMode": "webhook", "language": "en-US", **body})


def number(ident: str, phone: str = "+14155550100", **body: Any) -> Seen:
    return Seen("number", ident, {"id": ident, "phoneNumber": phone, "country": "US", "type": "sms", **body})


def webhook(ident: str, parent: str | None = None, **body: Any) -> Seen:
    return Seen(
        "webhook", ident, {"id": ident, "url": "https://a.dev/x", "contextLimit": 10, "timeout": 30, **body}, parent
    )


def of(*things: Seen, **how: Any) -> Any:
    return export(Snapshot(things), KINDS, project="acme", **how)


def loaded(exported: Any, **environ: str) -> Any:
    values = dict.fromkeys(exported.names, "hush") | environ
    return load_manifest(
        [("it.yaml", exported.text.encode())], kinds=KINDS, variables={}, environ=values,
        read_file=lambda *_: "", environment="default", home=".",
    )  # fmt: skip


def test_an_empty_account_is_a_spec_without_resources():
    assert of().text == "version: 1\nproject: acme\n"
    assert loaded(of()).resources == ()


def test_defaults_are_left_out_and_the_country_is_not():
    exported = of(agent("agt", modelTier="balanced", voiceSpeed=1.0, description=None), number("num"), webhook("wh"))
    assert exported.document == {
        "version": 1,
        "project": "acme",
        "agents": {"a": {"import": "agt", "name": "A"}},
        "numbers": {"14155550100": {"import": "num", "country": "US"}},
        "webhooks": {"project": {"import": "wh", "url": "https://a.dev/x"}},
    }


def test_references_are_keys_and_webhooks_are_named_for_their_agents():
    exported = of(agent("agt", "Night Shift"), number("num", agentId="agt"), webhook("wh", "agt", timeout=60))
    assert exported.document["numbers"]["14155550100"]["agent"] == "night-shift"
    assert exported.document["webhooks"] == {
        "night-shift": {"import": "wh", "agent": "night-shift", "url": "https://a.dev/x", "timeout": 60}
    }


KEYS = {
    "Support Bot": "support-bot", "Ünïcode Söze": "unicode-soze", "客服": "unnamed", "": "agt", "--": "unnamed",
    "x" * 60: "x" * 40, "After hours: nights & weekends (DO NOT DELETE)": "after-hours-nights-weekends-do-not", "a/b\nc": "a-b-c", "9 lives": "9-lives", "-a-": "a", "🙂": "unnamed",
}  # fmt: skip


@pytest.mark.parametrize("name", KEYS)
def test_a_key_is_made_of_the_name(name):
    assert list(of(agent("agt", name)).document["agents"]) == [KEYS[name]]
    loaded(of(agent("agt", name)))


def test_one_name_twice_makes_two_keys_in_the_order_of_the_ids():
    document = of(agent("2"), agent("1"), agent("3", "A 2")).document["agents"]
    assert {key: one["import"] for key, one in document.items()} == {"a": "1", "a-2": "2", "a-2-2": "3"}


def test_our_own_marker_names_the_key():
    assert list(of(number("num", externalId="apr:acme/default/main")).document["numbers"]) == ["main"]
    assert of(number("num", externalId="crm-7")).document["numbers"]["14155550100"]["import"] == "num"


def test_what_belongs_to_another_project_is_left_out_with_what_holds_it_and_said():
    things = (
        agent("agt"),
        number("num", agentId="agt", externalId="apr:other/default/x"),
        webhook("wh", "agt"),
        number("mine", "+14155550101"),
    )
    exported = of(*things)
    assert exported.document == {
        "version": 1,
        "project": "acme",
        "numbers": {"14155550101": {"import": "mine", "country": "US"}},
    }
    assert len(exported.warnings) == 2
    assert any("apr:other/default/x" in one for one in exported.warnings)
    assert any("agent agt is left out" in one for one in exported.warnings)
    assert of(number("num", externalId="apr:acme/staging/x")).warnings


TEXTS = [
    "${x}",
    "$${x}",
    "$$${x}",
    "$",
    "$$",
    "${",
    "a ${var.x} b",
    "${env.HOME}",
    "no",
    "0415",
    " x ",
    "a\nb\n",
    "a\nb",
    "\u202e",
    "'\"",
    "{file: x}",
    "# x",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("field", ["name", "description", "systemPrompt"])
def test_any_text_reads_back_as_itself(field, text):
    exported = of(agent("agt", **{field: text}))
    assert exported.names == ()
    assert loaded(exported).resources[0].fields[field] == text


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_inside_a_tool_reads_back_as_itself(text):
    tool = {
        "name": "t",
        "description": text,
        "url": "https://t.dev",
        "parameters": {"type": "object", "x": [text, 1, None, True]},
    }
    exported = of(agent("agt", customTools=[tool]))
    assert loaded(exported).resources[0].fields["customTools"] == [tool]


def test_header_values_are_variables_each_with_a_name_of_its_own():
    tools = [
        {
            "name": "look",
            "description": "d",
            "url": "https://t.dev",
            "headers": {"X-A": "1", "x_a": "2", "X-Empty": ""},
        },
        {"name": "look-x", "description": "d", "url": "https://t.dev", "headers": {"A": "3"}},
    ]
    exported = of(agent("agt", customTools=tools), agent("agu", "9", customTools=tools))
    assert len(set(exported.names)) == len(exported.names) == 6
    assert all(name.isidentifier() and name == name.upper() for name in exported.names)
    texts = {"1", "2", "3"}
    headers = [
        value
        for one in yaml.safe_load(exported.text)["agents"].values()
        for tool in one["customTools"]
        for value in tool["headers"].values()
    ]
    assert not texts & set(headers)
    assert len(loaded(exported).resources) == 2


def test_no_variable_is_the_one_of_the_key():
    """The loader refuses it, so that an export must not ask for it."""
    tools = [{"name": "api", "description": "d", "url": "https://t.dev", "headers": {"key": "1"}}]
    exported = of(agent("agt", "agentphone", customTools=tools))
    assert "AGENTPHONE_API_KEY" not in exported.names
    loaded(exported)
    token = [{"name": "token", "description": "d", "url": "https://t.dev", "headers": {"X": "1"}}]
    loaded(of(agent("agt", "agentphone", customTools=token)))


def test_what_was_secret_in_the_state_is_a_variable():
    known = {
        ("agent", "agt"): (
            Address("agent", "a"),
            Resource("agt", "created", fields={"systemPrompt": Memory("s", secret=True)}),
        )
    }
    exported = of(agent("agt", systemPrompt="hush", description="plain"), known=known)
    assert "hush" not in exported.text
    assert exported.document["agents"]["a"]["systemPrompt"] == f"${{env.{exported.names[0]}}}"
    assert exported.document["agents"]["a"]["description"] == "plain"


def test_what_was_secret_inside_a_tool_is_a_variable():
    known = {
        ("agent", "agt"): (
            Address("agent", "a"),
            Resource("agt", "created", fields={"customTools": Memory("s", parts=("t/url", "t/parameters/deep"))}),
        )
    }
    tool = {
        "name": "t",
        "description": "plain",
        "url": "https://hush.dev",
        "parameters": {"deep": "hush", "wide": "plain"},
    }
    exported = of(agent("agt", customTools=[tool]), known=known)
    assert "hush" not in exported.text
    assert exported.text.count("plain") == 2
    assert len(exported.names) == 2


UNSAYABLE = {
    "a new language": {"language": "tlh-QO"},
    "a new mode": {"voiceMode": "dream"},
    "a number out of range": {"voiceSpeed": 9.0},
    "a tool's new key": {"customTools": [{"name": "t", "description": "d", "url": "https://t.dev", "color": "blue"}]},
    "a tool without https": {"customTools": [{"name": "t", "description": "d", "url": "http://t.dev"}]},
    "a tool that is a word": {"customTools": ["t"]},
    "tools that are a map": {"customTools": {"t": 1}},
    "a name that is a number": {"name": 7},
    "a prompt that is a list": {"systemPrompt": ["a"]},
    "a transfer number of ten digits": {"transferNumber": "4155550100"},
}


@pytest.mark.parametrize("case", UNSAYABLE)
def test_what_no_spec_can_say_is_left_out_and_said(case):
    exported = of(agent("agt", **UNSAYABLE[case]))
    name = next(iter(UNSAYABLE[case]))
    assert any(name in warning for warning in exported.warnings)
    assert loaded(exported).resources[0].imports == "agt"


def test_exporting_twice_or_in_another_order_is_the_same():
    things = [
        agent("1"),
        agent("2"),
        number("n", agentId="2"),
        number("m", "+12125550100"),
        webhook("w", "1"),
        webhook("p"),
    ]
    assert of(*things).text == of(*things[::-1]).text


def test_an_account_like_it_reads_the_same_whatever_its_ids():
    """As a clone does: other ids, the same keys by their markers or by state."""

    def account(*ids: str) -> Any:
        agents = [agent(ids[0], "B"), agent(ids[1]), agent(ids[2])]
        tools = [{"name": "look", "description": "d", "url": "https://a.dev", "headers": {"X-Key": "v"}}]
        known = {
            ("agent", one): (Address("agent", key), Resource(one, "created"))
            for one, key in zip(ids, ("z", "a-2", "a"), strict=True)
        }
        things = [Seen("agent", one.id, {**one.body, "customTools": tools}) for one in agents]
        exported = of(*things, *(webhook(f"w{one}", one) for one in ids), known=known)
        entries = {plural: exported.document[plural] for plural in ("agents", "webhooks")}
        return {plural: list(said) for plural, said in entries.items()}, exported.names

    keys, names = account("1", "2", "3")
    assert keys == {"agents": ["a", "a-2", "z"], "webhooks": ["a", "a-2", "z"]}
    assert names == ("A_LOOK_X_KEY", "A_2_LOOK_X_KEY", "Z_LOOK_X_KEY")
    assert account("3", "2", "1") == account("2", "3", "1") == (keys, names)


def test_what_state_knows_keeps_its_key():
    known = {("agent", "agt"): (Address("agent", "front-desk"), Resource("agt", "created"))}
    assert list(of(agent("agt", "Support Bot"), known=known).document["agents"]) == ["front-desk"]
