"""Environments: what an overlay means, what is wrong with one and where, and which one is meant."""

from __future__ import annotations

from datetime import timedelta

import pytest

from apreconcile.core.address import Address
from apreconcile.core.call import IdOf, Secret
from apreconcile.core.errors import SpecError, UsageError
from apreconcile.core.sink import Sink
from apreconcile.core.spec.manifest import choose_environment, load_manifest, load_manifests
from apreconcile.core.wanted import Access
from apreconcile.kinds import KINDS

BASE = """\
version: 1
project: acme
variables: {hooks: {default: "https://hooks.acme.dev"}, who: {default: Acme}}
agents:
  support: {name: "${var.who} Support", voiceMode: hosted, systemPrompt: {file: long.md}, customTools: [{name: a, description: x, url: "https://a.dev"}, {name: b, description: x, url: "https://b.dev"}]}
  triage: {name: Triage, description: first}
numbers:
  main: {country: US, agent: support}
webhooks:
  events: {url: "${var.hooks}/events", timeout: 40, secret: {writeTo: {file: .env, name: EVENTS}}}
"""


def load(overlays, environment="staging", base=BASE, **more):
    given = {"variables": {}, "environ": {}} | more
    text = f"{base}environments:\n{overlays}"
    return load_manifest(
        [("agentphone.yaml", text.encode())], kinds=KINDS, read_file=lambda _spec, path: f"text of {path}\n",
        environment=environment, home=".", **given,
    )  # fmt: skip


def problems(overlays, environment="staging", **more):
    with pytest.raises(SpecError) as caught:
        load(overlays, environment, **more)
    return [
        f"{one.line - BASE.count(chr(10)) - 1}:{one.column}: {one.subject}: {one.message} | {one.hint}"
        for one in caught.value.problems
    ]


def fields(manifest, at):
    return dict(manifest.by_address[Address.parse(at)].fields)


def test_maps_merge_by_key_lists_replace_and_null_is_null():
    manifest = load("""\
  staging:
    variables: {hooks: {default: "https://staging.acme.dev"}}
    agents:
      support: {systemPrompt: {file: short.md}, customTools: [{name: c, description: x, url: "https://c.dev"}]}
      triage: {description: null}
      extra: {name: Extra}
    numbers: {main: {import: num_1, agent: extra, protect: true}}
    webhooks: {events: {timeout: 50, secret: {writeTo: {exec: [store]}}}}
""")
    assert (manifest.environment, manifest.chosen.name) == ("staging", "staging")
    assert sorted(map(str, manifest.by_address)) == [
        "agent.extra",
        "agent.support",
        "agent.triage",
        "number.main",
        "webhook.events",
    ]
    support = fields(manifest, "agent.support")
    assert (support["name"], support["systemPrompt"]) == ("Acme Support", "text of short.md")
    assert [tool["name"] for tool in support["customTools"]] == ["c"]
    assert fields(manifest, "agent.triage") == {"name": "Triage", "description": None}
    main = manifest.by_address[Address.parse("number.main")]
    assert (main.fields["agent"], main.imports, main.protect) == (IdOf(Address.parse("agent.extra")), "num_1", True)
    assert fields(manifest, "webhook.events") == {"url": "https://staging.acme.dev/events", "timeout": 50}
    assert manifest.by_address[Address.parse("webhook.events")].sink == Sink(command=("store",))


def test_the_base_is_what_it_is_without_an_overlay_and_another_environment_changes_nothing():
    both = "  prod: {}\n  staging: {agents: {triage: {name: Other}}}\n"
    assert fields(load(both, "prod"), "agent.triage")["name"] == "Triage"
    assert fields(load(both), "agent.triage")["name"] == "Other"
    assert load(both, "prod").resources == load("  prod: {}\n", "prod").resources


def test_what_is_excluded_is_not_there():
    manifest = load("  staging: {exclude: [number.main, agent.support, webhook.events]}\n")
    assert list(map(str, manifest.by_address)) == ["agent.triage"]


def test_a_variable_of_the_command_line_wins():
    overlay = '  staging: {variables: {hooks: {default: "https://staging.acme.dev"}}}\n'
    manifest = load(overlay, variables={"hooks": "https://mine.dev"})
    assert fields(manifest, "webhook.events")["url"] == "https://mine.dev/events"


@pytest.mark.parametrize(("overlay", "where", "words"), [
    ("  staging: {agents: {triage: {nam: x}}}", "1:31", "agent.triage: nam: there is no field `nam` | did you mean `name`?"),
    ("  staging: {agents: {triage: {voiceMode: hosted}}}", "1:42", "agent.triage: systemPrompt: `voiceMode: hosted` needs"),
    ("  staging: {agents: {triage: {maxSilenceMs: 5}}}", "1:45", "must be from 10000"),
    ("  staging: {agents: {triage: null}}", "1:30", "environments.staging.agents.triage: must be a map of fields | to leave it out of this environment: exclude: [agent.triage]"),
    ("  staging: {agents: {new: {}}}", "1:22", "agent.new: `name` is missing"),
    ("  staging: {numbers: {main: {country: null}}}", "1:39", "number.main: country: cannot be null"),
    ("  staging: {numbers: {main: {agent: nobody}}}", "1:37", "there is no agent `nobody`"),
    ("  staging: {exclude: [number.mian]}", "1:23", "environments.staging.exclude: the spec has no number.mian | did you mean `number.main`?"),
    ("  staging: {exclude: [main]}", "1:23", "must be an address"),
    ("  staging: {exclude: number.main}", "1:22", "must be a list"),
    ("  staging: {exclude: [number.main, number.main]}", "1:36", "given twice"),
    ("  staging: {exclude: [agent.triage], agents: {triage: {name: x}}}", "1:23", "keep one of the two"),
    ("  staging: {exclude: [agent.triage], agents: {new: {name: x}}, numbers: {n: {agent: triage}}}", "1:85", "this environment leaves out agent.triage, at agentphone.yaml:12:23"),
    ("  staging: {agnts: {}}", "1:13", "there is no key `agnts` | did you mean `agents`?"),
    ("  staging: []", "1:12", "environments.staging: must be a map"),
    ("  Staging: {}\n  staging: {}", "1:3", "is not the name of an environment"),
    ("  staging: {account: {key: x}}", "1:23", "there is no key `key`"),
    ("  staging: {account: {keyEnv: sk_live_1-2}}", "1:31", "is no name of a variable"),
    ("  staging: {account: {keyEnv: sk_live_0123456789abcdef}}", "1:31", "is no name of a variable"),
    ('  staging: {account: {keyEnv: "${env.KEY}"}}', "1:31", "must be text, without variables"),
    ("  staging: {account: {baseUrl: 5}}", "1:32", "must be text"),
    ('  staging: {account: {subAccount: "a b"}}', "1:35", "is no id | apreconcile sub-account list"),
    ("  staging: {as: prod}", "1:17", "only `default` is known"),
    ("  staging: {as: default}\n  prod: {as: default}", "2:3", "the state knows staging as default already"),
    ("  staging: {as: default}\n  default: {}", "2:3", "the state knows staging as default already"),
    ("  staging: {as: default, ephemeral: {ttl: 1h}}", "1:13", "cannot be another one"),
    ("  staging: {ephemeral: {}}", "1:13", "`ttl` is missing"),
    ("  staging: {ephemeral: 5}", "1:24", "environments.staging.ephemeral: must be a map"),
    ("  staging: {ephemeral: {ttl: soon}}", "1:30", "is no length of time"),
    ("  staging: {ephemeral: {ttl: 0}}", "1:30", "must be more than nothing"),
    ("  staging: {ephemeral: {ttl: 72}}", "1:30", "is less than 10m: a number costs a month at once"),
    ("  staging: {ephemeral: {ttl: 599s}}", "1:30", "is less than 10m"),
    ("  staging: {ephemeral: {ttl: 367d}}", "1:30", "at most 366d"),
    ("  staging: {ephemeral: {ttl: 1h}, numbers: {main: {import: num_1}}}", "1:52", "imports nothing"),
])  # fmt: skip
def test_what_is_wrong_is_told_where_the_overlay_says_it(overlay, where, words):
    found = problems(f"{overlay}\n")
    assert [one for one in found if one.startswith(f"{where}: ") and words in one], found


def test_the_hint_for_an_import_of_a_key_of_digits_can_be_pasted():
    base = BASE.replace("numbers:\n", 'numbers:\n  "14155550123": {import: num_9}\n')
    with pytest.raises(SpecError) as caught:
        load("  staging: {}\n", base=base)
    assert '{numbers: {"14155550123": {import: …}}}' in caught.value.problems[0].hint


def test_an_import_in_the_base_belongs_into_an_environment():
    base = BASE.replace("numbers:\n", "numbers:\n  old: {import: num_9}\n")
    with pytest.raises(SpecError) as caught:
        load("  staging: {}\n", base=base)
    (one,) = caught.value.problems
    assert (one.line, one.column, one.subject) == (8, 9, "number.old: import")
    assert (
        one.hint == "move it: environments: {NAME: {numbers: {old: {import: …}}}}; or take it out, once it is adopted"
    )
    assert load_manifest(
        [("a.yaml", base.encode())], kinds=KINDS, variables={}, environ={}, read_file=lambda *_: "x", environment=None, home="."
    ).by_address[Address.parse("number.old")].imports == "num_9", "without environments it stays where it was"  # fmt: skip


def test_the_key_of_no_environment_is_read_into_the_spec():
    overlays = (
        '  staging: {agents: {triage: {description: "${env.PROD_KEY}"}}}\n  prod: {account: {keyEnv: PROD_KEY}}\n'
    )
    (one,) = problems(overlays, environ={"PROD_KEY": "sk"})
    assert "`PROD_KEY` is AgentPhone's own key" in one
    overlays = '  staging: {agents: {triage: {description: "${env.OTHER}"}}}\n  prod: {account: {keyEnv: PROD_KEY}}\n'
    assert fields(load(overlays, environ={"OTHER": "x"}), "agent.triage")["description"] == Secret("x", ("OTHER",))


def test_an_account_says_whose_key_url_and_sub_account():
    overlays = (
        '  prod: {as: default}\n  staging: {account: {keyEnv: K, baseUrl: "http://127.0.0.1:1", subAccount: sub_1}}\n'
    )
    manifest = load(overlays)
    assert manifest.chosen.access == Access("K", "http://127.0.0.1:1", "sub_1")
    prod = load(overlays, "prod")
    assert (prod.environment, prod.chosen.name, prod.chosen.access) == ("default", "prod", Access())
    assert [one.name for one in prod.environments] == ["prod", "staging"]


PREVIEW = "  preview: {ephemeral: {ttl: 72h}}\n  prod: {}\n"


@pytest.mark.parametrize(("given", "words", "hint"), [
    (None, "none was named", "-e preview:INSTANCE, -e prod"),
    ("prdo", "no environment 'prdo'", "did you mean `prod`?"),
    ("default", "no environment 'default'", "there are: -e preview:INSTANCE, -e prod"),
    ("prod:x", "is not ephemeral", "write -e prod"),
    ("preview", "used as an instance", "preview:pr-12"),
    ("preview:", "used as an instance", "preview:pr-12"),
    ("preview:PR 12", "used as an instance", "preview:pr-12"),
])  # fmt: skip
def test_an_environment_is_named_and_there(given, words, hint):
    with pytest.raises(UsageError) as caught:
        load(PREVIEW, given)
    assert words in caught.value.message
    assert hint in str(caught.value.hint)


def test_without_environments_there_is_default_alone():
    sources = [("a.yaml", b"version: 1\nproject: p\n")]
    assert [choose_environment(sources, kinds=KINDS, environment=name)[1] for name in (None, "default")] == [
        "default",
        "default",
    ]
    with pytest.raises(UsageError, match="the spec has no `environments:`"):
        choose_environment(sources, kinds=KINDS, environment="staging")
    with pytest.raises(SpecError):
        choose_environment([("a.yaml", b"a: b: c")], kinds=KINDS, environment="staging")


def test_an_instance_has_a_state_and_markers_of_its_own():
    manifest = load(PREVIEW, "preview:pr-12")
    assert (manifest.environment, manifest.chosen.lifetime) == ("preview:pr-12", timedelta(hours=72))
    assert manifest.marker(Address.parse("number.main")) == "apr:acme/preview:pr-12/main"


def everything(overlays):
    return load_manifests(
        [("agentphone.yaml", f"{BASE}environments:\n{overlays}".encode())], kinds=KINDS, variables={}, environ={},
        read_file=lambda _spec, path: f"text of {path}\n", home=".",
    )  # fmt: skip


def test_all_environments_are_checked_at_once_and_a_problem_says_whose_it_is():
    assert [one.environment for one in everything(PREVIEW)] == ["preview:any", "prod"]
    overlays = "  a: {agents: {triage: {nam: x}}}\n  b: {exclude: [agent.support]}\n  c: {exclude: [agent.support]}\n"
    with pytest.raises(SpecError) as caught:
        everything(overlays)
    assert {one.subject for one in caught.value.problems} == {
        "a: agent.triage: nam",
        "b: number.main: agent",
        "c: number.main: agent",
    }
    with pytest.raises(SpecError) as caught:
        everything("  a: {}\n  b: {}\nagnts: {}\n")
    assert [one.subject for one in caught.value.problems] == [""], "what is wrong in all of them is told once"


def test_names_that_were_moved_are_those_of_all_environments():
    more = "moved: [{from: number.old, to: number.new}]\n"
    overlays = f"  staging: {{numbers: {{new: {{}}}}}}\n  prod: {{}}\n{more}"
    assert [str(at) for at in load(overlays).moved] == ["number.old"]
    assert load(overlays, "prod").moved == {}, "what is moved to nothing here stays what it was"
