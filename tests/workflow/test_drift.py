"""Drift names who moved since spec and account agreed, for whatever the console, the spec or both did; it writes nothing."""

from __future__ import annotations

import json

import pytest

from apreconcile import workflow
from apreconcile.core.address import Address
from apreconcile.core.drift import to_json
from apreconcile.core.errors import Error

SPEC = """\
agents:
  a: {name: A, voiceMode: hosted, systemPrompt: Be kind., transferNumber: "+14155550123", voice: luna}
  b: {name: B}
numbers:
  n: {areaCode: "415", agent: a}
webhooks:
  events: {url: "https://a.dev/x"}
  own: {agent: a, url: "https://a.dev/own"}
"""


def look(trial, *only):
    chosen = [Address.parse(one) for one in only]
    return trial.run(lambda account: workflow.drift(account, only=chosen))


def told(drift):
    """Each address with how it differs, who moved, and who moved each field."""
    return {
        str(one.address): (one.what.value, one.who.value, {diff.field: who.value for diff, who in one.fields})
        for one in drift.items
    }


def agent_of(trial, key):
    return f"/v1/agents/{trial.ids()[f'agent.{key}']}"


@pytest.fixture
def there(trial):
    return trial.spec(SPEC).settled()


def edit(trial, *changes):
    text = SPEC
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    trial.spec(text)


def rename(trial):
    trial.send("PATCH", agent_of(trial, "a"), {"name": "Zed"})


def move(trial):
    number = trial.ids()["number.n"]
    trial.send("DELETE", f"{agent_of(trial, 'a')}/numbers/{number}")
    trial.send("POST", f"{agent_of(trial, 'b')}/numbers", {"numberId": number})


def detach(trial):
    trial.send("DELETE", f"{agent_of(trial, 'a')}/numbers/{trial.ids()['number.n']}")


def test_where_nothing_moved_nothing_is_told_and_nothing_is_written(there):
    before, writes = there.state_file.read_bytes(), there.writes()
    drift = look(there)
    assert (drift.items, drift.warnings, drift.plan.empty) == ((), (), True)
    rename(there)
    writes = there.writes()
    assert told(look(there))
    assert (there.state_file.read_bytes(), there.writes()) == (before, writes)


CONSOLE = {
    "an agent is renamed": (rename, "agent.a", {"name": "account"}),
    "a prompt is edited": (
        lambda it: it.send("PATCH", agent_of(it, "a"), {"systemPrompt": "Be terse."}),
        "agent.a",
        {"systemPrompt": "account"},
    ),
    "a voice is chosen": (
        lambda it: it.send("PATCH", agent_of(it, "a"), {"voice": "sol"}), "agent.a", {"voice": "account"},
    ),
    "a number is moved": (move, "number.n", {"agent": "account"}),
    "a number is detached": (detach, "number.n", {"agent": "account"}),
    "a webhook is set over": (
        lambda it: it.send("POST", "/v1/webhooks", {"url": "https://b.dev/x"}), "webhook.events", {"url": "account"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CONSOLE)
def test_what_the_console_did_is_the_accounts(there, what):
    do, at, fields = CONSOLE[what]
    do(there)
    assert told(look(there)) == {at: ("changed", "account", fields)}


SPECS = {
    "name": (("name: A,", "name: Zed,"), "agent.a", "name"),
    "voice": (("voice: luna", "voice: sol"), "agent.a", "voice"),
    "agent": (("agent: a}\nweb", "agent: b}\nweb"), "number.n", "agent"),
    "detached": (("agent: a}\nweb", "agent: null}\nweb"), "number.n", "agent"),
    "url": (("https://a.dev/x", "https://b.dev/x"), "webhook.events", "url"),
    "a field that it left alone": (("name: B", "name: B, description: Night"), "agent.b", "description"),
    "a wish": (('"415"', '"212"'), "number.n", "areaCode"),
    "what is fixed": (('areaCode: "415"', 'areaCode: "415", country: CA'), "number.n", "country"),
}


@pytest.mark.parametrize("what", SPECS)
def test_what_the_spec_says_anew_is_the_specs(there, what):
    change, at, field = SPECS[what]
    edit(there, change)
    assert told(look(there)) == {at: ("changed", "spec", {field: "spec"})}


def test_both_to_the_same_is_no_drift_and_to_different_values_is_of_both(there):
    rename(there)
    edit(there, ("name: A,", "name: Zed,"))
    assert told(look(there)) == {}
    edit(there, ("name: A,", "name: Zoe,"), ("Be kind.", "Be terse."))
    assert told(look(there)) == {"agent.a": ("changed", "both", {"name": "both", "systemPrompt": "spec"})}


def test_one_field_of_each_is_both(there):
    rename(there)
    edit(there, ("Be kind.", "Be terse."))
    assert told(look(there)) == {"agent.a": ("changed", "both", {"name": "account", "systemPrompt": "spec"})}


def test_a_released_number_is_gone_and_says_which_it_was(there):
    number = there.ids()["number.n"]
    phone = there.get(f"/v1/numbers/{number}")["phoneNumber"]
    there.send("DELETE", f"/v1/numbers/{number}")
    drift = look(there)
    assert told(drift) == {"number.n": ("gone", "account", {})}
    assert drift.items[0].why == (f"{phone} ({number}) has the status released",)
    assert "to buy another one: " in drift.items[0].hint
    edit(there, ('"415"', '"212"'))
    assert told(look(there)) == {"number.n": ("gone", "both", {})}


def test_a_deleted_agent_takes_its_webhook_and_its_numbers_agent_along(there):
    there.send("DELETE", agent_of(there, "a"))
    assert told(look(there)) == {
        "agent.a": ("gone", "account", {}),
        "number.n": ("changed", "account", {"agent": "account"}),
        "webhook.own": ("gone", "account", {}),
    }


def test_a_webhook_that_was_made_anew_is_replaced(there):
    slot = f"{agent_of(there, 'a')}/webhook"
    old = there.ids()["webhook.own"]
    there.send("DELETE", slot)
    there.send("POST", slot, {"url": "https://b.dev/x"})
    drift = look(there)
    assert told(drift) == {"webhook.own": ("replaced", "account", {"url": "account"})}
    assert (drift.items[0].action, drift.items[0].hint) == (None, "")
    assert [stop.address for stop in drift.plan.blocked] == [Address("webhook", "own")]
    assert drift.items[0].why[0] == f"{old} is not there any more"
    there.send("POST", slot, {"url": "https://a.dev/own"})
    drift = look(there)
    assert told(drift) == {"webhook.own": ("replaced", "account", {})}
    assert drift.items[0].action == "adopt"


def test_what_appeared_is_listed_and_is_no_drift(there):
    there.send("POST", "/v1/agents", {"name": "New"})
    drift = look(there)
    assert (drift.items, [one.name for one in drift.plan.unmanaged]) == ((), ["New"])


def test_what_left_or_came_into_the_spec_is_the_specs(there):
    edit(there, ("  b: {name: B}\n", "  c: {name: C}\n"))
    assert told(look(there)) == {"agent.b": ("removed", "spec", {}), "agent.c": ("added", "spec", {})}
    there.send("PATCH", agent_of(there, "b"), {"name": "Night"})
    drift = look(there)
    assert told(drift)["agent.b"] == ("removed", "both", {})
    assert drift.items[0].why == ("changed in the account since: name",)


def test_a_renamed_key_is_blocked_and_still_told(there):
    edit(there, ("  b: {name: B}\n", "  c: {name: B}\n"))
    drift = look(there)
    assert told(drift) == {"agent.b": ("removed", "spec", {}), "agent.c": ("added", "spec", {})}
    assert {one.action for one in drift.items} == {None}


def test_moves_forgettings_and_protection_are_the_specs(there):
    text = SPEC.replace("b: {name: B}", "c: {name: B}").replace("x}", "x, protect: true}")
    there.spec(
        text.replace('"https://a.dev/x"', '"https://a.dev/x", protect: true').replace(
            '  own: {agent: a, url: "https://a.dev/own"}\n', ""
        )
        + "moved: [{from: agent.b, to: agent.c}]\nforget: [webhook.own]\n"
    )
    drift = look(there)
    assert told(drift) == {
        "agent.c": ("moved", "spec", {}),
        "webhook.events": ("changed", "spec", {"protect": "spec"}),
        "webhook.own": ("forgotten", "spec", {}),
    }
    assert [one.action for one in drift.items] == ["move", "update", "forget"]
    there.send("PATCH", agent_of(there, "b"), {"name": "Night"})
    assert told(look(there))["agent.c"] == ("changed", "both", {"name": "account"})


def test_another_sink_is_the_specs(there):
    edit(there, ('own"}', 'own", secret: {writeTo: {file: .env}}}'))
    assert told(look(there)) == {"webhook.own": ("changed", "spec", {"secret": "spec"})}


def test_a_reference_to_a_moved_key_did_not_move(there):
    renamed = SPEC.replace("  a: {name", "  z: {name").replace("agent: a", "agent: z")
    there.spec(renamed + "moved: [{from: agent.a, to: agent.z}]\n").settled()
    assert told(look(there)) == {}
    there.send("DELETE", f"{agent_of(there, 'z')}/numbers/{there.ids()['number.n']}")
    assert told(look(there)) == {"number.n": ("changed", "account", {"agent": "account"})}


def test_a_number_that_hangs_on_something_unmanaged_was_moved_by_the_account(there):
    other = there.send("POST", "/v1/agents", {"name": "New"})["id"]
    detach(there)
    there.send("POST", f"/v1/agents/{other}/numbers", {"numberId": there.ids()["number.n"]})
    drift = look(there)
    assert told(drift) == {"number.n": ("changed", "account", {"agent": "account"})}
    assert drift.items[0].fields[0][0].before == other


def test_what_was_adopted_is_remembered_as_it_was(trial):
    seeded = trial.seed(agents=[{"name": "A", "transferNumber": "+14155550123", "description": "Old"}])
    trial.spec('agents: {a: {import: NAME, name: A, transferNumber: "+14155550123", description: New}}'.replace(
        "NAME", seeded["agents"][0]["id"]
    )).settled()  # fmt: skip
    trial.send("PATCH", agent_of(trial, "a"), {"transferNumber": "+14155550199", "description": "Other"})
    assert told(look(trial)) == {
        "agent.a": ("changed", "account", {"description": "account", "transferNumber": "account"})
    }
    trial.spec('agents: {a: {name: A, transferNumber: "+14155550155", description: New}}')
    assert told(look(trial))["agent.a"] == (
        "changed", "both", {"description": "account", "transferNumber": "both"},
    )  # fmt: skip


def test_what_would_be_adopted_is_found(there):
    ident = there.send("POST", "/v1/agents", {"name": "New"})["id"]
    edit(there, ("  b: {name: B}\n", f"  b: {{name: B}}\n  c: {{import: {ident}, name: Newer}}\n"))
    drift = look(there)
    assert told(drift) == {"agent.c": ("found", "spec", {"name": "unknown"})}
    assert drift.items[0].action == "update"


def test_without_a_state_nobody_is_named(there):
    there.state_file.unlink()
    drift = look(there)
    assert {one.who.value for one in drift.items} == {"unknown"}
    assert drift.warnings == ("there is no state: nobody can tell who moved",)


def test_an_old_state_names_nobody(there):
    old = there.state_file.read_bytes()
    there.spec(SPEC.replace("  n: {", "  m: {}\n  n: {")).settled()
    there.state_file.write_bytes(old)
    rename(there)
    drift = look(there)
    assert told(drift)["agent.a"] == ("changed", "unknown", {"name": "unknown"})
    assert "the state is older than the account: nobody can tell who moved" in drift.warnings


def test_another_account_names_nobody(there):
    there.key = "sk_live_of_somebody_else"
    drift = look(there)
    assert {one.who.value for one in drift.items} == {"unknown"}
    assert drift.plan.unsafe
    assert any(one.startswith("the state is about things") for one in drift.warnings)


def test_what_a_killed_run_had_begun_names_nobody(there):
    document = there.state
    intent = {"address": "agent.a", "action": "update", "payload": "x", "run": "r", "seen": None}
    moments = {"sendBy": "2026-01-01T00:00:00.000000Z", "opened": "2026-01-01T00:00:00.000000Z"}
    document["intents"] = {"agent.a": {**intent, **moments}}
    there.state_file.write_text(json.dumps(document))
    assert told(look(there)) == {}
    rename(there)
    drift = look(there)
    assert told(drift) == {"agent.a": ("changed", "unknown", {"name": "unknown"})}
    assert drift.items[0].why == ("a run that did not end had begun to change it",)


def test_what_was_never_seen_as_it_was_sent_names_nobody(there):
    document = there.state
    document["resources"]["agent.a"]["fields"]["name"]["shown"] = None
    there.state_file.write_text(json.dumps(document))
    assert told(look(there)) == {}
    edit(there, ("name: A,", "name: Zed,"))
    assert told(look(there)) == {"agent.a": ("changed", "spec", {"name": "spec"})}
    there.send("PATCH", agent_of(there, "a"), {"name": "Zoe"})
    assert told(look(there)) == {"agent.a": ("changed", "unknown", {"name": "unknown"})}


def test_an_open_purchase_is_no_drift(there):
    there.spec(SPEC.replace("  n: {", "  m: {}\n  n: {"))
    there.fault("POST /v1/numbers", "drop")
    there.apply()
    drift = look(there)
    assert (told(drift), [str(stop.address) for stop in drift.plan.unsettled]) == ({}, ["number.m"])


def test_what_cannot_move_yet_is_blocked_and_no_drift(there):
    there.spec(SPEC.replace("  n: {", "  m: {}\n  n: {"))
    there.fault("POST /v1/numbers", "drop")
    there.apply()
    there.spec(SPEC.replace("  n: {", "  z: {}\n  n: {") + "moved: [{from: number.m, to: number.z}]\n")
    drift = look(there)
    assert told(drift) == {"number.z": ("added", "spec", {})}
    assert {str(stop.address) for stop in drift.plan.blocked} == {"number.m", "number.z"}


def test_an_end_that_nobody_here_set_is_unsafe_and_no_field(there):
    there.send("PATCH", f"/v1/numbers/{there.ids()['number.n']}", {"expiresAt": "2099-01-01T00:00:00Z"})
    drift = look(there)
    assert (told(drift), [stop.exit for stop in drift.plan.blocked]) == ({}, [9])


def test_a_field_that_the_spec_left_out_before_did_not_move(there):
    edit(there, (", voice: luna", ""))
    assert told(look(there)) == {}
    there.send("DELETE", agent_of(there, "a"))
    assert told(look(there))["agent.a"] == ("gone", "account", {})


def test_only_what_was_asked_for(there):
    rename(there)
    detach(there)
    assert list(told(look(there, "number.n"))) == ["number.n"]
    with pytest.raises(Error, match=r"neither the spec nor the state has number\.x"):
        look(there, "number.x")


TOOLS = """\
agents:
  a:
    name: A
    voiceMode: hosted
    systemPrompt: "Say ${{env.WORD}}"
    customTools:
    - {{name: lookup, description: "{0}", url: "https://a.dev/x", headers: {{X-Key: "${{env.TOKEN}}"}}}}
"""


def test_no_secret_of_either_side_is_told(trials):
    trial = trials(environ={"WORD": "hush-hush", "TOKEN": "tok-123456"})
    trial.spec(TOOLS.format("Finds")).settled()
    live = [{"name": "lookup", "description": "Finds", "url": "https://a.dev/x", "headers": {"X-Key": "their-own-key"}}]
    trial.send("PATCH", agent_of(trial, "a"), {"systemPrompt": "Say leaked", "customTools": live})
    trial.spec(TOOLS.format("Looks up"))
    drift = look(trial)
    assert told(drift) == {
        "agent.a": ("changed", "both", {
            "systemPrompt": "account", "customTools[lookup].description": "both", "customTools[lookup].headers[X-Key]": "both",
        })
    }  # fmt: skip
    text = json.dumps(to_json(drift)) + repr(drift.items)
    assert not any(word in text for word in ("hush", "tok-", "leaked", "their-own"))


def test_the_document_has_a_plans_words(there):
    rename(there)
    there.send("DELETE", f"/v1/numbers/{there.ids()['number.n']}")
    document = to_json(look(there))
    assert document["format"] == "apreconcile.drift/1"
    assert document["summary"] == {"spec": 0, "account": 2, "both": 0, "unknown": 0, "blocked": 0, "unmanaged": 0}
    assert document["drift"][0] == {
        "address": "agent.a", "what": "changed", "who": "account", "action": "update",
        "fields": [{"field": "name", "before": "Zed", "after": "A", "who": "account"}], "why": [],
        "hint": "to put the spec's values back: apreconcile apply --only agent.a\nor write the account's into the spec",
    }  # fmt: skip
    assert set(document) == {
        "format", "project", "environment", "scope", "serial", "tool", "summary", "drift", "blocked", "unmanaged",
        "warnings", "requests",
    }  # fmt: skip
