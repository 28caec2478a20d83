"""From YAML to a manifest: what a spec means, and every way in which it can be wrong."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Annotated, Literal, Self

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, model_validator

from apreconcile.core.address import Address
from apreconcile.core.call import IdOf, Secret
from apreconcile.core.errors import Error, SpecError
from apreconcile.core.kind import ClearsWith, Kind, Spec
from apreconcile.core.spec.manifest import load_manifest
from apreconcile.kinds import KINDS

HEAD = "version: 1\nproject: p\n"
N, N2 = HEAD + "numbers: {n: {}}\n", HEAD + "numbers: {n: {}, m: {}}\n"
ENVIRON = {"TOKEN": "s3cret-value"}
FILES = {"prompt.md": "Be kind.\n", "two.md": "a\n\n", "dos.md": "a\r\n", "agent.txt": "support"}


def read_file(spec, path):
    if path not in FILES:
        raise Error(f"there is no file {path}", hint=f"looked beside {spec}")
    return FILES[path]


def load(*texts, kinds=KINDS, variables=None, names=("agentphone.yaml", "b.yaml", "c.yaml")):
    return load_manifest(
        [(name, text if isinstance(text, bytes) else text.encode()) for name, text in zip(names, texts, strict=False)],
        kinds=kinds,
        variables=variables or {},
        environ=ENVIRON,
        read_file=read_file,
        environment="default",
        home="home",
    )


def problems(*texts, **more):
    with pytest.raises(SpecError) as caught:
        load(*texts, **more)
    found = caught.value.problems
    assert list(found) == sorted(found, key=lambda one: (one.file, one.line, one.column, one.message))
    for one in found:
        assert "s3cret" not in f"{one}"
        assert not one.message.endswith(("!", "."))
    return [f"{p.place}: {p.subject}: {p.message} | {p.hint}" for p in found]


EXAMPLE = """
version: 1
project: acme-support
variables:
  hooks: {default: "https://hooks.acme.dev"}
defaults:
  agents: {language: en-US}
webhooks:
  triage: {agent: triage, url: "${var.hooks}/triage"}
  events: {url: "${var.hooks}/events", contextLimit: 10, timeout: 30}
numbers:
  support-main: {country: US, areaCode: "415", agent: support}
agents:
  triage: {name: Triage, voiceMode: webhook, language: es-ES}
  support:
    name: Support Bot
    voiceMode: hosted
    systemPrompt: {file: prompt.md}
    beginMessage: "Hi there! How can I help you today?"
"""


def test_the_example_is_what_it_says():
    manifest = load(EXAMPLE)
    assert (manifest.project, manifest.environment, manifest.home, manifest.store) == (
        "acme-support",
        "default",
        "home",
        None,
    )
    assert [(str(w.address), w.fields, w.imports, w.parent) for w in manifest.resources] == [
        ("agent.support", {"language": "en-US", "name": "Support Bot", "voiceMode": "hosted", "systemPrompt": "Be kind.", "beginMessage": "Hi there! How can I help you today?"}, None, None),
        ("agent.triage", {"name": "Triage", "voiceMode": "webhook", "language": "es-ES"}, None, None),
        ("number.support-main", {"country": "US", "areaCode": "415", "agent": IdOf(Address("agent", "support"))}, None, None),
        ("webhook.events", {"url": "https://hooks.acme.dev/events", "contextLimit": 10, "timeout": 30}, None, None),
        ("webhook.triage", {"url": "https://hooks.acme.dev/triage"}, None, Address("agent", "triage")),
    ]  # fmt: skip
    assert str(manifest.resources[0].place) == "agentphone.yaml:15:3"
    assert manifest.by_address[Address("webhook", "triage")].parent == Address("agent", "triage")


def one(text, **more):
    """The fields of the one resource of a spec."""
    (wanted,) = load(HEAD + text, **more).resources
    return dict(wanted.fields)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("agents: {a: {name: A, description: null, customTools: null}}", {"name": "A", "description": None, "customTools": None}),
        ("agents: {a: {name: A, systemPrompt: ~}}", {"name": "A", "systemPrompt": None}),
        ("agents: {a: {name: A, voiceSpeed: 1, interruptionSensitivity: 0.5}}", {"name": "A", "voiceSpeed": 1, "interruptionSensitivity": 0.5}),
        ("agents: {a: {name: A, transferNumber: '+1 (415) 555-0100'}}", {"name": "A", "transferNumber": "+14155550100"}),
        ("agents: {a: {name: on, description: '$${x}'}}", {"name": "on", "description": "${x}"}),
        ("agents: {a: {name: A, beginMessage: {file: two.md}}}", {"name": "A", "beginMessage": "a\n"}),
        ("agents: {a: {name: A, beginMessage: {file: dos.md}}}", {"name": "A", "beginMessage": "a"}),
        ("defaults: {agents: {description: d, language: en-US}}\nagents: {a: {name: A, description: null}}", {"name": "A", "description": None, "language": "en-US"}),
        ("agents: {a: {import: agt_1}}", {}),
        ("agents: {a: {import: agt_1, voiceMode: hosted}}", {"voiceMode": "hosted"}),
        ("agents: {a: {import: none, name: A}}", {"name": "A"}),
        ("numbers: {n: {}}", {}),
        ("numbers: {n: {agent: null}}", {"agent": None}),
        ("numbers: {n: {import: '+1 415-555-0100'}}", {}),
        ("webhooks: {w: {import: wh_1}}", {}),
        ("defaults: {webhooks: {timeout: 5}}\nwebhooks: {w: {url: 'https://x'}}", {"timeout": 5, "url": "https://x"}),
        ("webhooks: {w: {url: 'http://127.0.0.1:8080/x'}}", {"url": "http://127.0.0.1:8080/x"}),
        ("webhooks: {w: {url: 'https://x/${env.TOKEN}'}}", {"url": Secret("https://x/s3cret-value", ("TOKEN",))}),
        ("x-and-y: &x\n", None),
    ],
)  # fmt: skip
def test_fields_are_those_that_are_declared(text, expected):
    if expected is None:
        assert problems(HEAD + text)
        return
    found = one(text)
    assert found == expected
    assert {name: type(value) for name, value in found.items()} == {
        name: type(value) for name, value in expected.items()
    }


def test_header_values_are_secrets_and_json_stays_as_it_is():
    tools = one("""
agents:
  a:
    name: A
    customTools:
      - name: lookup
        description: {file: prompt.md}
        url: https://x/y
        timeoutMs: 5000
        headers: {Authorization: "Bearer ${env.TOKEN}", X-Plain: literal, X-File: {file: agent.txt}}
        parameters: {type: object, file: x, default: null, properties: {file: {type: string}}, enum: [1, 2.5, true]}
""")["customTools"]
    assert tools == [
        {
            "name": "lookup",
            "description": "Be kind.",
            "url": "https://x/y",
            "timeoutMs": 5000,
            "headers": {
                "Authorization": Secret("Bearer s3cret-value", ("TOKEN",)),
                "X-Plain": Secret("literal"),
                "X-File": Secret("support"),
            },
            "parameters": {
                "type": "object",
                "file": "x",
                "default": None,
                "properties": {"file": {"type": "string"}},
                "enum": [1, 2.5, True],
            },
        }
    ]


def test_imports_are_read_as_text():
    manifest = load(HEAD + "agents: {a: {import: none, name: A}}\nnumbers: {n: {import: '+1 415 555 0100'}}")
    assert [wanted.imports for wanted in manifest.resources] == ["none", "+14155550100"]


def test_protection_is_read_from_the_resource_or_from_its_defaults_and_is_no_field():
    text = "defaults: {agents: {protect: true}}\nagents: {a: {name: A}, b: {name: B, protect: false}}\nnumbers: {n: {}, o: {protect: true}}"
    manifest = load(HEAD + text)
    assert [wanted.protect for wanted in manifest.resources] == [True, False, None, True]
    assert [set(wanted.fields) for wanted in manifest.resources] == [{"name"}, {"name"}, set(), set()]


def test_several_files_join_and_the_order_of_nothing_matters():
    parts = [
        "version: 1\nproject: p\nvariables: {a: {default: A}}\ndefaults: {agents: {language: en-US}}\n",
        "project: p\nversion: 1\nagents: {x: {name: X}}\nstate: {store: local}\ndefaults: {agents: {voice: v}, numbers: {country: US}}\n",
        "state: {store: local}\nagents: {a: {name: '${var.a}'}}\nnumbers: {n: {agent: x}}\n",
    ]
    manifests = [load(*parts), load(*parts[::-1])]
    seen = [[(w.address, dict(w.fields), w.parent) for w in manifest.resources] for manifest in manifests]
    assert seen[0] == seen[1]
    assert seen[0][0] == (Address("agent", "a"), {"language": "en-US", "voice": "v", "name": "A"}, None)
    assert manifests[0].store == "local"


def test_a_file_named_twice_is_read_once():
    assert load(EXAMPLE, EXAMPLE, names=("a.yaml", "a.yaml")).project == "acme-support"


def test_var_wins_over_a_default():
    text = HEAD + "variables: {who: {default: A}, more: {}}\nagents: {a: {name: '${var.who}${var.more}'}}"
    (wanted,) = load(text, variables={"who": "B", "more": "!"}).resources
    assert wanted.fields == {"name": "B!"}


BAD = [
    # the document
    ("", "agentphone.yaml: : the file is empty", "`project: NAME`"),
    ("- a", "agentphone.yaml:1:1: : a spec must be a map", "version: 1"),
    ("agents", "agentphone.yaml:1:1: : a spec must be a map", "version: 1"),
    ("project: p", "agentphone.yaml: : `version` is missing", "begin the spec with `version: 1`"),
    ("version: 1", "agentphone.yaml: : `project` is missing", "add `project: NAME`"),
    ("version: 2\nproject: p", "agentphone.yaml:1:10: version: only 1 is known", "write `version: 1`"),
    ("version: true\nproject: p", "agentphone.yaml:1:10: version: only 1 is known", "write `version: 1`"),
    ("version: [1]\nproject: p", "agentphone.yaml:1:10: version: only 1 is known", "write `version: 1`"),
    ("version: '1'\nproject: p", "agentphone.yaml:1:10: version: must be a number, without quotes", "write `version: 1`"),
    ("version: 1\nproject: Acme", "agentphone.yaml:2:10: project: is not the name of a project", "1 to 40 small letters"),
    ("version: 1\nproject: " + "a" * 41, "2:10: project: is not the name of a project", "1 to 40 small letters"),
    ("version: 1\nproject: 12", "2:10: project: must be text", 'quote it: project: "12"'),
    ("version: 1\nproject: {}", "2:10: project: must be text", "1 to 40 small letters"),
    ("version: 1\nproject: '${env.TOKEN}'", "2:10: project: cannot be a secret", ""),
    ("version: 1\nproject: '${var.x}'", "2:10: project: there is no variable `x`", "declare it"),
    (HEAD + "agnts: {}", "3:1: : there is no key `agnts`", "did you mean `agents`?"),
    (HEAD + "zzz: {}", "3:1: : there is no key `zzz`", "keys are version, project, state, variables, environments, defaults, agents, numbers, webhooks"),
    (HEAD + "environments: []", "3:15: environments: must be a map", "write environments: {KEY: …}"),
    (HEAD + "agents:", "3:8: agents: must be a map", "leave it out, or write {}"),
    (HEAD + "agents: [a]", "3:9: agents: must be a map", "write agents: {KEY: …}"),
    (HEAD + "variables: x", "3:12: variables: must be a map", "write variables: {KEY: …}"),
    (HEAD + "state: local", "3:8: state: must be a map", "write state: {store: local}"),
    (HEAD + "state: {}", "3:8: state: must be a map", "write state: {store: local}"),
    (HEAD + "state: {stor: local}", "3:9: state: there is no field `stor`", "did you mean `store`?"),
    (HEAD + "state: {where: local}", "3:9: state: there is no field `where`", "state has `store`, and `remote` for the store git"),
    (HEAD + "state: {store: redis}", "3:16: state: store: must be `local`, `git`, or `s3://BUCKET/PREFIX`", "{store: local}"),
    (HEAD + "state: {store: 's3://B'}", "3:16: state: store: must be `local`, `git`, or `s3://BUCKET/PREFIX`", "{store: local}"),
    (HEAD + "state: {store: 's3://buck/../x y'}", "3:16: state: store: must be `local`, `git`, or `s3://BUCKET/PREFIX`", "{store: local}"),
    (HEAD + "state: {store: 's3://buck/a/../b'}", "3:16: state: store: must be `local`, `git`, or `s3://BUCKET/PREFIX`", "{store: local}"),
    (HEAD + "state: {store: 5}", "3:16: state: store: must be text, and no secret", "quote it"),
    (HEAD + "state: {store: [local]}", "3:16: state: store: must be text, and no secret", "quote it"),
    (HEAD + "state: {store: '${env.TOKEN}'}", "3:16: state: store: must be text, and no secret", "quote it"),
    (HEAD + "state: {remote: origin}", "3:9: state: remote: only the store git has a remote", "write state: {store: git, remote: …}"),
    (HEAD + "state: {store: git, remote: ''}", "3:29: state: remote: must be text, and no secret", "quote it"),
    (HEAD + "state: {store: '${var.x}'}", "3:16: state: store: there is no variable `x`", "declare it"),
    # defaults
    (HEAD + "defaults: []", "3:11: defaults: must be a map", "write defaults: {KEY: …}"),
    (HEAD + "defaults: {agent: {}}", "3:12: defaults: there is no kind `agent`", "did you mean `agents`?"),
    (HEAD + "defaults: {zzz: {}}", "3:12: defaults: there is no kind `zzz`", "there are agents, numbers, webhooks"),
    (HEAD + "defaults: {agents: x}", "3:20: defaults.agents: must be a map", "write agents: {KEY: …}"),
    (HEAD + "defaults: {agents: {langage: en-US}}", "3:21: defaults.agents: langage: there is no field `langage`", "did you mean `language`?"),
    (HEAD + "defaults: {agents: {language: english}}", "3:31: defaults.agents: language: must be one of 63 words, such as af-ZA", "they are af-ZA, ar-SA"),
    (HEAD + "defaults: {agents: {import: x}}", "3:21: defaults.agents: `import` cannot be a default", "resource that adopts"),
    (HEAD + "defaults: {numbers: {agent: x}}", "3:29: defaults.numbers: agent: there is no agent `x` in the spec", "the spec has no agent"),
    (HEAD + "defaults: {agents: {protect: on}}", "3:30: defaults.agents: protect: must be true or false", "write true or false, without quotes"),
    # resources
    (HEAD + "agents: {Support_Bot: {name: A}}", "3:10: agent.Support_Bot: the key must have small letters", "call it `support-bot`"),
    (HEAD + "agents: {é: {name: A}}", "3:10: agent.é: the key must have small letters", "such as `main`"),
    (HEAD + "agents: {a: }", "3:13: agent.a: must be a map of fields", "write a: {name: …}"),
    (HEAD + "numbers: {n: '+14155550100'}", "3:14: number.n: must be a map of fields", "write n: {country: …}"),
    (HEAD + "agents: {a: {}}", "3:10: agent.a: `name` is missing", "add `name: …`"),
    (HEAD + "agents: {a: {import: none}}", "3:10: agent.a: `name` is missing", "add `name: …`"),
    (HEAD + "webhooks: {w: {}}", "3:12: webhook.w: `url` is missing", "add `url: …`"),
    (HEAD + "agents: {a: {name: }}", "3:20: agent.a: name: has no value", "leave it out"),
    (HEAD + "agents: {a: {name: null}}", "3:20: agent.a: name: cannot be null", "leave it out"),
    (HEAD + "agents: {a: {name: ''}}", "3:20: agent.a: name: must not be empty", ""),
    (HEAD + "agents: {a: {name: 5}}", "3:20: agent.a: name: must be text", 'quote it: name: "5"'),
    (HEAD + "agents: {a: {name: yes, description: true}}", "3:38: agent.a: description: must be text", 'quote it: description: "true"'),
    (HEAD + "agents: {a: {name: [A]}}", "3:20: agent.a: name: must be text", ""),
    (HEAD + "agents: {a: {name: {file: [x]}}}", "3:27: agent.a: name: `file` takes the path of a file", "write {file: PATH}"),
    (HEAD + "agents: {a: {name: {file: ''}}}", "3:27: agent.a: name: `file` takes the path of a file", "write {file: PATH}"),
    (HEAD + "agents: {a: {name: {file: x, more: y}}}", "3:20: agent.a: name: must be text", ""),
    (HEAD + "agents: {a: {name: A, systemPrompt: {file: nope.md}}}", "3:44: agent.a: systemPrompt: there is no file nope.md", "looked beside agentphone.yaml"),
    (HEAD + "agents: {a: {name: A, systemPrompt: {file: '${env.TOKEN}'}}}", "3:44: agent.a: systemPrompt: the path of a file cannot be a secret", "${var.NAME}"),
    (HEAD + "agents: {a: {name: A, systemPrompt: {file: '${var.x}'}}}", "3:44: agent.a: systemPrompt: there is no variable `x`", "declare it"),
    (HEAD + "agents: {a: {name: '${env.TOKEN}'}}", "3:20: agent.a: name: `${env.TOKEN}` makes this a secret, but plans show it", "${var.NAME}"),
    (HEAD + "agents: {a: {name: A, voiceMode: '${env.TOKEN}'}}", "3:34: agent.a: voiceMode: `${env.TOKEN}` makes this a secret", "${var.NAME}"),
    (HEAD + "numbers: {n: {areaCode: '${env.TOKEN}'}}", "3:25: number.n: areaCode: `${env.TOKEN}` makes this a secret", "${var.NAME}"),
    (HEAD + "numbers: {n: {country: '${env.TOKEN}'}}", "3:24: number.n: country: `${env.TOKEN}` makes this a secret", "${var.NAME}"),
    (HEAD + "numbers: {n: {type: '${env.TOKEN}'}}", "3:21: number.n: type: `${env.TOKEN}` makes this a secret", "${var.NAME}"),
    (HEAD + "numbers: {n: {agent: '${env.TOKEN}'}}", "3:22: number.n: agent: `${env.TOKEN}` makes this a secret", "${var.NAME}"),
    (HEAD + "numbers: {n: {import: '${env.TOKEN}'}}", "3:23: number.n: import: cannot be a secret, since plans show it", "${var.NAME}"),
    (HEAD + "agents: {a: {name: A, voiceMode: webhok}}", "3:34: agent.a: voiceMode: must be one of webhook, hosted", "did you mean `webhook`?"),
    (HEAD + "agents: {a: {name: A, voiceMode: Hosted}}", "3:34: agent.a: voiceMode: must be one of webhook, hosted", "did you mean `hosted`?"),
    (HEAD + "agents: {a: {name: A, voiceMode: null}}", "3:34: agent.a: voiceMode: cannot be null", "leave it out"),
    (HEAD + "agents: {a: {name: A, voiceMode: hosted}}", "3:34: agent.a: systemPrompt: `voiceMode: hosted` needs a `systemPrompt`", "add `systemPrompt: …`"),
    (HEAD + "defaults: {agents: {voiceMode: hosted}}\nagents: {a: {name: A}}", "4:10: agent.a: systemPrompt: `voiceMode: hosted` needs a `systemPrompt`", "add"),
    (HEAD + "agents: {a: {name: A, voiceMode: hosted, systemPrompt: null}}", "3:56: agent.a: systemPrompt: cannot be empty with `voiceMode: hosted`", "{file: PATH}"),
    (HEAD + "agents: {a: {import: x, voiceMode: hosted, systemPrompt: ''}}", "3:58: agent.a: systemPrompt: cannot be empty with `voiceMode: hosted`", "{file: PATH}"),
    (HEAD + "agents: {a: {name: A, language: en}}", "3:33: agent.a: language: must be one of 63 words, such as af-ZA", "did you mean `en-AU` or `en-GB` or"),
    (HEAD + "agents: {a: {name: A, language: en-UX}}", "3:33: agent.a: language: must be one of 63 words", "did you mean `en-US`?"),
    (HEAD + "agents: {a: {name: A, language: 5}}", "3:33: agent.a: language: must be text", 'quote it: language: "5"'),
    (HEAD + "agents: {a: {name: A, language: {file: prompt.md}}}", "3:33: agent.a: language: must be text", ""),
    (HEAD + "agents: {a: {name: A, maxSilenceMs: 3}}", "3:37: agent.a: maxSilenceMs: must be from 10000 to 3600000", ""),
    (HEAD + "agents: {a: {name: A, maxSilenceMs: 1.5}}", "3:37: agent.a: maxSilenceMs: must be a whole number", ""),
    (HEAD + "agents: {a: {name: A, maxSilenceMs: '20000'}}", "3:37: agent.a: maxSilenceMs: must be a whole number", "write it without quotes: maxSilenceMs: 20000"),
    (HEAD + "agents: {a: {name: A, maxSilenceMs: 020000}}", "3:37: agent.a: maxSilenceMs: must be a whole number", "maxSilenceMs: 20000"),
    (HEAD + "agents: {a: {name: A, maxSilenceMs: 10s}}", "3:37: agent.a: maxSilenceMs: must be a whole number | ", ""),
    (HEAD + "agents: {a: {name: A, maxSilenceMs: true}}", "3:37: agent.a: maxSilenceMs: must be a whole number", ""),
    (HEAD + "variables: {n: {default: '20000'}}\nagents: {a: {name: A, maxSilenceMs: '${var.n}'}}", "4:37: agent.a: maxSilenceMs: must be a whole number", "a variable gives text"),
    (HEAD + "agents: {a: {name: A, maxSilenceMs: '${env.TOKEN}'}}", "3:37: agent.a: maxSilenceMs: must be a whole number | ", ""),
    (HEAD + "agents: {a: {name: A, voiceSpeed: 9}}", "3:35: agent.a: voiceSpeed: must be from 0.5 to 2.0", ""),
    (HEAD + "agents: {a: {name: A, voiceSpeed: fast}}", "3:35: agent.a: voiceSpeed: must be a number", ""),
    (HEAD + "agents: {a: {name: A, enableMessaging: yes}}", "3:40: agent.a: enableMessaging: must be true or false", "write true or false, without quotes"),
    (HEAD + "agents: {a: {name: A, enableMessaging: 1}}", "3:40: agent.a: enableMessaging: must be true or false", ""),
    (HEAD + "agents: {a: {name: A, transferNumber: '4155550100'}}", "3:39: agent.a: transferNumber: must be a phone number such as +14155550100", 'write "+14155550100"'),
    (HEAD + "agents: {a: {name: A, transferNumber: '(415) 555-0100'}}", "3:39: agent.a: transferNumber: must be a phone number", 'write "+14155550100"'),
    (HEAD + "agents: {a: {name: A, transferNumber: 4155550100}}", "3:39: agent.a: transferNumber: must be text", 'write "+14155550100"'),
    (HEAD + "agents: {a: {name: A, transferNumber: +14155550100}}", "3:39: agent.a: transferNumber: must be text", 'quote it: transferNumber: "+14155550100"'),
    (HEAD + "agents: {a: {name: A, transferNumber: support}}", "3:39: agent.a: transferNumber: must be a phone number", ""),
    (HEAD + "agents: {a: {name: A, transferNumber: '${env.TOKEN}'}}", "3:39: agent.a: transferNumber: must be a phone number", ""),
    (HEAD + "agents: {a: {name: A, system_prompt: x}}", "3:23: agent.a: system_prompt: there is no field `system_prompt`", "did you mean `systemPrompt`?"),
    (HEAD + "agents: {a: {name: A, protect: }}", "3:32: agent.a: protect: must be true or false", "left out, the protection stays as it is"),
    (HEAD + "agents: {a: {name: A, protect: null}}", "3:32: agent.a: protect: must be true or false", "left out, the protection stays as it is"),
    (HEAD + "agents: {a: {name: A, protect: 'false'}}", "3:32: agent.a: protect: must be true or false", "without quotes"),
    (HEAD + "agents: {a: {name: A, protect: [no]}}", "3:32: agent.a: protect: must be true or false", "without quotes"),
    (HEAD + "agents: {a: {name: A, protect: 0}}", "3:32: agent.a: protect: must be true or false", "without quotes"),
    (HEAD + "variables: {p: {default: 'true'}}\nagents: {a: {name: A, protect: '${var.p}'}}", "4:32: agent.a: protect: must be true or false", "a variable gives text"),
    (HEAD + "agents: {a: {name: A, protected: true}}", "3:23: agent.a: protected: there is no field `protected`", "did you mean `protect`?"),
    (HEAD + "agents: {a: {name: A, secret: x}}", "3:23: agent.a: secret: there is no field `secret`", "fields are name, description"),
    (HEAD + "agents: {a: {name: A, imports: x}}", "3:23: agent.a: imports: there is no field `imports`", "did you mean `import`?"),
    (HEAD + "agents: {a: {name: A, beginMessage: '${foo}'}}", "3:37: agent.a: beginMessage: `${foo}` is neither", "`$${`"),
    # numbers
    (HEAD + "numbers: {n: {areaCode: 415}}", "3:25: number.n: areaCode: must be text", 'quote it: areaCode: "415"'),
    (HEAD + "numbers: {n: {areaCode: '15'}}", "3:25: number.n: areaCode: must ", ""),
    (HEAD + "numbers: {n: {areaCode: null}}", "3:25: number.n: areaCode: cannot be null", "leave it out"),
    (HEAD + "numbers: {n: {country: us}}", "3:24: number.n: country: must be one of US, CA", "did you mean `US`?"),
    (HEAD + "numbers: {n: {country: FR}}", "3:24: number.n: country: must be one of US, CA", ""),
    (HEAD + "agents: {support: {name: A}}\nnumbers: {n: {agent: suport}}", "4:22: number.n: agent: there is no agent `suport` in the spec", "did you mean `support`?"),
    (HEAD + "agents: {support: {name: A}}\nnumbers: {n: {agent: agent.support}}", "4:22: number.n: agent: there is no agent `agent.support`", "write the key alone: support"),
    (HEAD + "agents: {b: {name: A}, a: {name: B}}\nnumbers: {n: {agent: zzz}}", "4:22: number.n: agent: there is no agent `zzz`", "there are a, b"),
    (HEAD + "numbers: {n: {agent: a}}", "3:22: number.n: agent: there is no agent `a` in the spec", "the spec has no agent"),
    (HEAD + "numbers: {n: {agent: 5}}", "3:22: number.n: agent: must be text", 'quote it: agent: "5"'),
    (HEAD + "numbers: {n: {import: 4155550100}}", "3:23: number.n: import: must be an id or a phone number", 'quote it: import: "+14155550100"'),
    (HEAD + "numbers: {n: {import: 12}}", "3:23: number.n: import: must be an id or a phone number", 'quote it: import: "12"'),
    (HEAD + "numbers: {n: {import: }}", "3:23: number.n: import: must be an id or a phone number", ""),
    (HEAD + "numbers: {n: {import: [x]}}", "3:23: number.n: import: must be an id or a phone number", ""),
    (HEAD + "numbers: {n: {import: '415-555-0100'}}", "3:23: number.n: import: a phone number is written in international form", 'write "+14155550100"'),
    (HEAD + "numbers: {n: {import: 'num 1'}}", "3:23: number.n: import: is neither an id nor a phone number", "apreconcile plan"),
    (HEAD + "numbers: {n: {import: '+0'}}", "3:23: number.n: import: is neither an id nor a phone number", "apreconcile plan"),
    (HEAD + "numbers: {n: {import: none}}", "3:23: number.n: import: `none` makes no sense for a number", "leave `import` out"),
    (HEAD + "numbers: {n: {import: '${var.x}'}}", "3:23: number.n: import: there is no variable `x`", "declare it"),
    (HEAD + "numbers: {n: {import: num_1}, o: {import: num_1}}", "3:31: number.o: import: number.n at agentphone.yaml:3:11 imports `num_1` already", "keep one"),
    # names
    (HEAD + "moved:", "3:7: moved: must be a list", "write moved: [{from: number.old, to: number.new}], or leave it out"),
    (HEAD + "moved: {from: number.a, to: number.b}", "3:8: moved: must be a list", "write moved: [{"),
    (HEAD + "moved: [number.a]", "3:9: moved: must be a map with `from` and `to`", "write {from: number.old, to: number.new}"),
    (HEAD + "moved: [{}]", "3:9: moved: must be a map with `from` and `to`", "write {from"),
    (N + "moved: [{to: number.n}]", "4:9: moved: `from` is missing", "write {from"),
    (N + "moved: [{from: number.o}]", "4:9: moved: `to` is missing", "write {from"),
    (N + "moved: [{from: number.o, to: number.n, form: x}]", "4:40: moved: there is no field `form`", "did you mean `from`?"),
    (N + "moved: [{from: number.o, to: [number.n]}]", "4:30: moved: to: must be an address", "write KIND.KEY, such as number.main"),
    (N + "moved: [{from: 5, to: number.n}]", "4:16: moved: from: must be an address", "such as number.main"),
    (N + "moved: [{from: o, to: number.n}]", "4:16: moved: from: must be an address", "such as number.main"),
    (N + "moved: [{from: '${var.x}', to: number.n}]", "4:16: moved: from: there is no variable `x`", "declare it"),
    (N + "moved: [{from: '${env.TOKEN}', to: number.n}]", "4:16: moved: from: must be an address", "such as number.main"),
    (N + "moved: [{from: numbers.o, to: number.n}]", "4:16: moved: from: there is no kind `numbers`", "did you mean `number`?"),
    (N + "moved: [{from: zzz.o, to: number.n}]", "4:16: moved: from: there is no kind `zzz`", "kinds are agent, number, webhook"),
    (N + "moved: [{from: agent.o, to: number.n}]", "4:29: moved: to: agent.o cannot become number.n: a move changes the key only", "write agent.n"),
    (HEAD + "moved: [{from: number.o, to: number.o}]", "3:30: moved: to: number.o is moved to itself", "take it out"),
    (N + "moved: [{from: number.o, to: number.m}]", "4:30: moved: to: the spec has no number.m", "did you mean `number.n`?"),
    (HEAD + "moved: [{from: number.o, to: number.zzz}]", "3:30: moved: to: the spec has no number.zzz", "add it, or take the entry out"),
    (N2 + "moved: [{from: number.m, to: number.n}]", "4:16: moved: from: the spec still has number.m", "rename it there"),
    (N + "moved: [{from: number.o, to: number.n}, {from: number.p, to: number.n}]", "4:62: moved: to: number.n is given twice, first at agentphone.yaml:4:30", "keep one"),
    (N2 + "moved: [{from: number.o, to: number.n}, {from: number.o, to: number.m}]", "4:48: moved: from: number.o is given twice, first at agentphone.yaml:4:16", "keep one"),
    (HEAD + "forget: number.o", "3:9: forget: must be a list", "write forget: [number.old], or leave it out"),
    (HEAD + "forget: [{a: b}]", "3:10: forget: must be an address", "such as number.main"),
    (HEAD + "forget: [agnet.o]", "3:10: forget: there is no kind `agnet`", "did you mean `agent`?"),
    (N + "forget: [number.n]", "4:10: forget: the spec still has number.n", "take it out of there"),
    (HEAD + "forget: [number.o, number.o]", "3:20: forget: number.o is given twice, first at agentphone.yaml:3:10", "keep one"),
    (N + "moved: [{from: number.o, to: number.n}]\nforget: [number.o]", "5:10: forget: number.o is named in `moved` too", "one of the two"),
    # webhooks
    (HEAD + "webhooks: {w: {url: 'ftp://x'}}", "3:21: webhook.w: url: must be an https:// URL", ""),
    (HEAD + "webhooks: {w: {url: 'https://${env.TOKEN} x'}}", "3:21: webhook.w: url: must be an https:// URL", ""),
    (HEAD + "webhooks: {w: {url: 'https://x', contextLimit: 51}}", "3:48: webhook.w: contextLimit: must be from 0 to 50", ""),
    (HEAD + "webhooks: {w: {url: 'https://x', timeout: 121}}", "3:43: webhook.w: timeout: must be from 5 to 120", ""),
    (HEAD + "webhooks: {w: {url: 'https://x', agent: null}}", "3:41: webhook.w: agent: cannot be null", "leave it out"),
    (HEAD + "webhooks: {w: {url: 'https://x', agent: b}}", "3:41: webhook.w: agent: there is no agent `b`", "the spec has no agent"),
    (HEAD + "webhooks: {w: {url: 'https://x'}, v: {url: 'https://y'}}", "3:12: webhook.w: the project has one webhook only, and webhook.v at agentphone.yaml:3:35 is it", "keep one"),
    (HEAD + "agents: {a: {name: A}}\nwebhooks: {w: {agent: a, url: 'https://x'}, v: {agent: a, url: 'https://y'}}", "4:12: webhook.w: agent.a has one webhook only, and webhook.v at agentphone.yaml:4:45 is it", "keep one"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "problem", "hint"), BAD)
def test_what_is_wrong_is_told_where_it_is(text, problem, hint):
    found = problems(text)
    assert len(found) == 1, found
    said, _, hinted = found[0].partition(" | ")
    assert problem.partition(" | ")[0] in said
    assert hint in hinted
    assert hint or not hinted


TOOL = HEAD + "agents:\n  a:\n    name: A\n    customTools:\n      - "
GOOD = "{name: t, description: d, url: 'https://x', "


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        ("foo", "7:9: agent.a: customTools[0]: must be a map", ""),
        ("{name: t, description: d}", "7:9: agent.a: customTools[0]: `url` is missing", "add `url: …`"),
        ("{name: a b, description: d, url: 'https://x'}", "7:16: agent.a: customTools[0].name: must ", ""),
        ("{name: '${env.TOKEN}', description: d, url: 'https://x'}", "7:16: agent.a: customTools[0].name: `${env.TOKEN}` makes this a secret", "write it out"),
        ("{name: t, description: d, url: 'http://x'}", "7:40: agent.a: customTools[0].url: must be an https:// URL", ""),
        ("{name: t, description: d, url: {file: nope}}", "7:47: agent.a: customTools[0].url: there is no file nope", "looked beside"),
        (GOOD + "ulr: x}", "7:53: agent.a: customTools[0].ulr: there is no field `ulr`", "did you mean `url`?"),
        (GOOD + "method: get}", "7:61: agent.a: customTools[0].method: must be one of GET, POST", "did you mean `GET`?"),
        (GOOD + "method: '${env.TOKEN}'}", "7:61: agent.a: customTools[0].method: `${env.TOKEN}` makes this a secret", "write it out"),
        (GOOD + "timeoutMs: 5}", "7:64: agent.a: customTools[0].timeoutMs: must be from 1000 to 120000", ""),
        (GOOD + "headers: null}", "7:62: agent.a: customTools[0].headers: cannot be null", "leave it out"),
        (GOOD + "headers: {A: }}", "7:66: agent.a: customTools[0].headers.A: has no value", "leave it out"),
        (GOOD + "headers: [x]}", "7:62: agent.a: customTools[0].headers: must be a map", ""),
        (GOOD + "headers: {A: 77231}}", "7:66: agent.a: customTools[0].headers.A: must be text", "quote it"),
        (GOOD + "headers: {'${var.x}': y}}", "7:63: agent.a: customTools[0].headers: variables are filled into values, not into keys", "write the key out"),
        (GOOD + "parameters: '{}'}", "7:65: agent.a: customTools[0].parameters: must be a map", ""),
        (GOOD + "timeoutMs: 5000}\n      - " + GOOD + "timeoutMs: 6000}", "7:7: agent.a: customTools: the name 't' is given twice", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_inside_of_a_field_is_told_there(text, problem, hint):
    (found,) = problems(TOOL + text)
    said, _, hinted = found.partition(" | ")
    assert f"agentphone.yaml:{problem}" in said
    assert hint in hinted


def test_too_many_items_are_told():
    tools = "\n      - ".join(f"{{name: t{n}, description: d, url: 'https://x'}}" for n in range(21))
    assert problems(TOOL + tools) == ["agentphone.yaml:7:7: agent.a: customTools: must have at most 20 items | "]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([HEAD + "agents: {a: {name: A}}", "agents: {a: {name: B}}"], ["b.yaml:1:10: agents: the key `a` is given twice, first at agentphone.yaml:3:10 | keep one of the two"]),
        ([HEAD, "version: 1\nproject: q"], ["b.yaml:2:10: project: differs from the project at agentphone.yaml:2:10 | say `project` in one file only"]),
        ([HEAD, "version: 2"], ["b.yaml:1:10: version: differs from the version at agentphone.yaml:1:10 | say `version` in one file only"]),
        ([HEAD + "state: {store: local}", "state: {store: {}}"], ["b.yaml:1:8: state: differs from the state at agentphone.yaml:3:8 | say `state` in one file only"]),
        ([HEAD + "state: {store: local}", "state: [local]"], ["b.yaml:1:8: state: differs from the state at agentphone.yaml:3:8 | say `state` in one file only"]),
        ([HEAD + "variables: {a: {default: x}}", "variables: {a: {default: x}}"], ["b.yaml:1:13: variables: the key `a` is given twice, first at agentphone.yaml:3:13 | keep one of the two"]),
        ([HEAD + "defaults: {agents: {voice: x}}", "defaults: {agents: {voice: y}}"], ["b.yaml:1:21: defaults.agents: the key `voice` is given twice, first at agentphone.yaml:3:21 | keep one of the two"]),
        ([HEAD + "numbers: {n: {agent: gone}}\nagents: {a: {name: '${var.gone}'}}", "agents: ["], ["b.yaml:1:10: : not YAML: a `,` or a closing bracket is missing here | close the bracket, or quote the value"]),
        (["agents: [", HEAD + "agents: {a: {name: 5}}"], ["agentphone.yaml:1:10: : not YAML: a `,` or a closing bracket is missing here | close the bracket, or quote the value", 'b.yaml:3:20: agent.a: name: must be text | quote it: name: "5"']),
        ([], ["the spec: : there is no file to read | write the spec into agentphone.yaml"]),
    ],
)  # fmt: skip
def test_files_are_judged_together(texts, expected):
    found = problems(*texts)
    if not texts:
        assert expected[0] in found
    else:
        assert found == expected


def test_all_problems_are_told_at_once():
    text = """
version: 1
project: p
agents:
  a: {name: A, voiceMode: hostd, langage: en-US, !x voice: v}
  b: {voiceSpeed: 7}
numbers:
  n: {areaCode: 415, agent: c}
"""
    assert [one.split(": ")[0] for one in problems(text)] == [f"agentphone.yaml:{at}" for at in ("5:27", "5:34", "5:50", "6:3", "6:19", "8:17", "8:29")]  # fmt: skip


def test_a_default_is_judged_once_however_many_take_it():
    text = (
        HEAD
        + "defaults: {agents: {language: x, voice: null}}\nagents: {a: {name: A}, b: {name: B}, c: {name: C, language: en-US, voice: v}}"
    )
    assert len(problems(text)) == 2


def test_every_problem_has_its_line_and_no_header_value_is_in_it():
    text = """version: 1
project: p
agents:
  a:
    name: A
    customTools:
      - {name: t, ulr: x, headers: {Authorization: Bearer-literal, B: &b "other literal"}}
      - name: 5
        headers: {C: *b, D: 12345, E: |}
    junk: {headers: [very secret]}
    headers: "Bearer literal"
""".replace("|}", "x}")
    with pytest.raises(SpecError) as caught:
        load(text)
    shown = "\n".join(f"{one.source} {one.message} {one.hint}" for one in caught.value.problems)
    assert "ulr: x" in shown
    assert "name: 5" in shown
    for secret in ("literal", "12345", "very", "secret"):
        assert secret not in shown, secret
    for problem in caught.value.problems:
        assert len(problem.source) == len(text.splitlines()[problem.line - 1])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a: [\nb: c\n", "b: c"),
        ('a: "unclosed\nheaders:\n  Authorization: "Bearer literal"\n', ""),
        ("headers:\n  Authorization: 'Bearer literal\n", ""),
        ("a: 1\nheaders: {A: Bearer literal\n", ""),
    ],
)
def test_a_text_that_is_no_yaml_shows_no_line_that_may_hold_a_secret(text, shown):
    with pytest.raises(SpecError) as caught:
        load(text)
    (problem,) = caught.value.problems
    assert problem.source == shown
    assert "literal" not in repr(problem)


class _OddSpec(Spec):
    """A kind whose model says more than ours do."""

    kind: Literal["only"] = "only"
    low: int = Field(0, ge=3)
    code: str = Field("", pattern="^x+$")
    long: str = Field("", max_length=2)
    described: str = Field("", pattern="^a$", description="the letter a")
    free: str = ""
    either: int | str = 0
    pair: Annotated[list[int] | None, ClearsWith([])] = None
    deep: dict[str, list[_Deep]] | None = None

    @model_validator(mode="after")
    def rules(self) -> Self:
        if self.low == 9:
            raise ValueError("low: nine is too much")
        if self.low == 8:
            raise ValueError("eight is too much")
        if self.low == 7:
            raise ValueError(f"{self.free} is too much")
        return self


class _Deep(Spec):
    a: int
    b: int = 0


def odd(**more) -> Kind:
    known = {"name": "odd", "plural": "odds", "spec": _OddSpec, **more}
    needed = {field.name for field in fields(Kind) if field.default is MISSING and field.default_factory is MISSING}
    return Kind(**dict.fromkeys(needed - known.keys(), print), **known)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("odds: {o: {kind: other}}", "3:18: odd.o: kind: must be one of only | "),
        ("odds: {o: {low: 1}}", "3:17: odd.o: low: must be greater than or equal to 3 | "),
        ("odds: {o: {code: y}}", "3:18: odd.o: code: must match ^x+$ | "),
        ("odds: {o: {long: yyy}}", "3:18: odd.o: long: String should have at most 2 characters | "),
        ("odds: {o: {described: b}}", "3:23: odd.o: described: must be the letter a | "),
        ("odds: {o: {either: [1]}}", "3:20: odd.o: either: must be a valid integer | "),
        ("odds: {o: {pair: [1, x]}}", "3:22: odd.o: pair[1]: must be a whole number | "),
        ("odds: {o: {pair: x}}", "3:18: odd.o: pair: must be a list | "),
        ("odds: {o: {deep: {k: [{b: 1}]}}}", "3:23: odd.o: deep.k[0]: `a` is missing | add `a: …`"),
        ("defaults: {odds: {deep: {k: [{b: 1}]}}}\nodds: {o: {}}", "3:30: defaults.odds: deep.k[0]: `a` is missing | add `a: …`"),
        ("odds: {o: {low: 9}}", "3:17: odd.o: low: nine is too much | "),
        ("defaults: {odds: {low: 9}}", "3:24: defaults.odds: low: nine is too much | "),
        ("odds: {o: {low: 8}}", "3:8: odd.o: eight is too much | "),
        ("odds: {o: {low: 8, long: s}}", "3:8: odd.o: eight is too much | "),
    ],
)  # fmt: skip
def test_a_kind_may_say_whatever_pydantic_can(text, expected):
    found = problems(HEAD + text, kinds=(odd(),))
    assert f"agentphone.yaml:{expected}" in found


def test_a_rule_about_a_whole_resource_is_not_asked_of_defaults():
    assert load(HEAD + "defaults: {odds: {low: 8}}\nodds: {o: {low: 5}}", kinds=(odd(),)).resources
    found = problems(HEAD + "defaults: {odds: {low: 8}}\nodds: {o: {}}", kinds=(odd(),))
    assert found == ["agentphone.yaml:4:8: odd.o: eight is too much | "]


def test_a_rule_of_a_model_that_quotes_a_secret_does_not_show_it():
    found = problems(HEAD + "odds: {o: {low: 7, free: '${env.TOKEN}'}}", kinds=(odd(),))
    assert found == ["agentphone.yaml:3:8: odd.o: *** is too much | "]


LINES = st.sampled_from(EXAMPLE.splitlines())
WORDS = st.sampled_from(
    ["version: 1", "project: p", "agents:", "numbers:", "webhooks:", "defaults:", "variables:", "state:", "a:", "name: A", "x: &x", "*x", "<<: *x",
     "voiceMode: hosted", "{file: prompt.md}", "customTools:", "- name: t", "headers: {A: b}", "agent: a", "import: none", "null", "[", "{a: ", "}", "${env.TOKEN}",
     "'${var.a}'", "url: https://x", "415", "\n", "\n  ", "\n    ", " "]
)  # fmt: skip


@settings(deadline=None)
@given(
    st.one_of(
        st.binary(max_size=100), st.lists(LINES, max_size=12).map("\n".join), st.lists(WORDS, max_size=40).map("".join)
    )
)
def test_whatever_comes_in_a_manifest_or_all_problems_come_out(text):
    try:
        manifest = load(text if isinstance(text, bytes) else text.encode())
    except SpecError as error:
        found = error.problems
    else:
        assert manifest.project
        return
    assert found
    for problem in found:
        assert problem.message
        assert "s3cret" not in repr(problem)


@settings(deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_sections_is_nothing(random):
    sections = [
        "version: 1",
        "project: p",
        "agents:\n  b: {name: B}\n  a: {name: A}",
        "numbers:\n  n: {agent: a}",
        "webhooks:\n  w: {url: 'https://x', agent: b}",
    ]
    random.shuffle(sections)
    found = load("\n".join(sections))
    assert [str(wanted.address) for wanted in found.resources] == ["agent.a", "agent.b", "number.n", "webhook.w"]


def test_moves_and_what_is_forgotten_join_and_chains_are_followed():
    manifest = load(
        HEAD + "numbers: {c: {}}\nagents: {z: {name: Z}}\nmoved: [{from: number.a, to: number.b}]\nforget: [webhook.x]",
        "variables: {k: {default: number.c}}\nmoved: [{from: number.b, to: '${var.k}'}, {from: agent.y, to: agent.z}]",
        "forget: [number.w, agent.w]",
    )
    n, a = (lambda key: Address("number", key)), (lambda key: Address("agent", key))
    assert manifest.moved == {a("y"): a("z"), n("a"): n("c"), n("b"): n("c")}
    assert list(manifest.moved) == sorted(manifest.moved)
    assert manifest.forget == (a("w"), n("w"), Address("webhook", "x"))
    assert load(HEAD + "moved: []\nforget: []").moved == {}


def test_a_circle_of_moves_is_told_at_each_of_its_entries():
    text = HEAD + "numbers: {d: {}}\nmoved:\n"
    text += "".join(f"- {{from: number.{old}, to: number.{new}}}\n" for old, new in ("ab", "bc", "ca"))
    assert [one.partition(" | ")[0] for one in problems(text)] == [
        f"agentphone.yaml:{line}:10: moved: from: number.{old} is moved in a circle"
        for line, old in ((5, "a"), (6, "b"), (7, "c"))
    ]


def test_with_a_file_unread_nobody_knows_what_the_spec_lacks():
    found = problems(HEAD + "moved: [{from: number.a, to: number.b}]", "numbers: [")
    assert len(found) == 1
    assert "not YAML" in found[0]
