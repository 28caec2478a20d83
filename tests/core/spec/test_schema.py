"""The schema that editors use takes what loads, refuses what is plainly wrong, and is always the same."""

from __future__ import annotations

import json
import re

import pytest

from apreconcile.core.errors import SpecError
from apreconcile.core.kind import Spec
from apreconcile.core.spec.manifest import load_manifest
from apreconcile.core.spec.schema import json_schema
from apreconcile.core.spec.shape import allows_null, at, choices, fields, is_text
from apreconcile.core.spec.source import read
from apreconcile.core.spec.tree import Array, Table
from apreconcile.kinds import KINDS

SCHEMA = json_schema(KINDS)
TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}
KNOWN = {
    "$schema", "$ref", "title", "description", "definitions", "type", "anyOf", "allOf", "not", "const", "enum", "pattern", "minLength",
    "maxLength", "minimum", "maximum", "items", "minItems", "maxItems", "properties", "additionalProperties", "propertyNames", "required",
}  # fmt: skip


def fits(value, schema):
    """A small validator for the words of JSON Schema that the schema uses, and a check that it uses no others."""
    if isinstance(schema, bool):
        return schema
    assert schema.keys() <= KNOWN, schema.keys() - KNOWN
    if "$ref" in schema:
        return fits(value, SCHEMA["definitions"][schema["$ref"].removeprefix("#/definitions/")])
    plain = "type" not in schema or (
        isinstance(value, TYPES[schema["type"]]) and not (isinstance(value, bool) and schema["type"] != "boolean")
    )
    rules = [
        plain,
        "const" not in schema or value == schema["const"],
        "enum" not in schema or value in schema["enum"],
        "anyOf" not in schema or any(fits(value, other) for other in schema["anyOf"]),
        all(fits(value, other) for other in schema.get("allOf", ())),
        "not" not in schema or not fits(value, schema["not"]),
    ]
    if isinstance(value, str):
        rules += [
            bool(re.search(schema.get("pattern", ""), value)),
            schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 10**9),
        ]
    if isinstance(value, int | float) and not isinstance(value, bool):
        rules.append(schema.get("minimum", value) <= value <= schema.get("maximum", value))
    if isinstance(value, list):
        rules += [
            schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 10**9),
            *(fits(item, schema.get("items", True)) for item in value),
        ]
    if isinstance(value, dict):
        known = schema.get("properties", {})
        rules += [
            set(schema.get("required", ())) <= value.keys(),
            *(fits(name, schema.get("propertyNames", True)) for name in value),
        ]
        rules += [fits(item, known.get(name, schema.get("additionalProperties", True))) for name, item in value.items()]
    return all(rules)


def tree(text):
    def plain(node):
        if isinstance(node, Table):
            return {name: plain(entry.node) for name, entry in node.entries.items()}
        return [plain(item) for item in node.items] if isinstance(node, Array) else node.value

    return plain(read("f", text.encode()).root)


GOOD = [
    "version: 1\nproject: acme",
    "project: '${var.name}'\nversion: 1\nvariables: {name: {default: p}, more: {default: ''}}\nstate: {store: local}",
    """
version: 1
project: p
variables: {hooks: {default: "https://hooks.acme.dev"}, lang: {default: en-US}, kind: {default: number}}
defaults: {agents: {language: en-US, description: null}, numbers: {country: CA}, webhooks: {timeout: 10}}
agents:
  support:
    name: Support
    voiceMode: hosted
    systemPrompt: {file: prompt.md}
    transferNumber: +1 (415) 555-0100
    language: ${var.lang}
    voiceSpeed: 1
    customTools:
      - name: lookup
        description: {file: prompt.md}
        url: ${var.hooks}/x
        method: GET
        headers: {Authorization: "Bearer ${env.TOKEN}", Other: {file: prompt.md}}
        parameters: {type: object, default: null, properties: {file: {type: string}}}
  taken: {import: agt_1, description: null, customTools: null, transferNumber: null}
  anew: {import: none, name: "${var.lang}"}
numbers:
  main: {country: US, areaCode: "415", agent: support}
  free: {agent: null, import: "+14155550100"}
webhooks:
  events: {url: "${var.hooks}/events", contextLimit: 0}
  support: {agent: support, url: {file: url.txt}, secret: {writeTo: {file: "${var.lang}.env", name: SECRET}}}
  taken: {agent: taken, url: "https://x", secret: {writeTo: {exec: [vault, kv, put, "${var.lang}=-"]}}}
  anew: {agent: anew, url: "https://x", secret: {writeTo: {github: SECRET}}}
moved:
  - {from: number.older, to: number.old}
  - {from: number.old, to: "${var.kind}.main"}
forget: [number.gone, agent.gone, webhook.gone]
policy:
  maxBuys: {perApply: 2, perDay: 5}
  maxReleases: {perDay: 0}
  maxMonthlyCost: 30.00
  allowedWebhookHosts: [hooks.acme.dev, "*.acme.dev"]
  approve: [reroutes]
  autoApprove: {default: [{risk: spends, upTo: 10.00}, {risk: rotates-secret}], staging: []}
  prices: {asOf: 2026-11-01, US: 3, CA: 3.00, "US/sms": 5.00}
  approvers: {signers: signers, required: 2, maxLifetime: 24h, revoked: signers}
""".replace("+1 (415) 555-0100", '"+1 (415) 555-0100"'),
]


@pytest.mark.parametrize("text", GOOD)
def test_what_loads_fits(text):
    files = {"prompt.md": "Be kind.\n", "url.txt": "https://x\n"}
    load_manifest(
        [("f", text.encode())],
        kinds=KINDS,
        variables={},
        environ={"TOKEN": "x"},
        read_file=lambda _, path: files[path],
        read_bytes=lambda _, path: path.encode(),
        environment="default",
        home=".",
    )
    assert fits(tree(text), SCHEMA)


@pytest.mark.parametrize(
    "text",
    [
        "version: 2", "project: Acme", "agnts: {}", "environments: []", "environments: {Prod: {}}", "environments: {a: {agent: {}}}",
            "environments: {a: {as: prod}}", "environments: {a: {ephemeral: {}}}", "environments: {a: {exclude: [x]}}",
            "environments: {a: {account: {key: x}}}", "environments: {a: {agents: {x: null}}}", "agents: []", "state: {store: redis}", "state: {stor: local}", "state: {remote: 5}",
        "variables: {a: x}", "variables: {a: {default: 5}}", "variables: {1a: {}}", "defaults: {agents: {import: x}}", "defaults: {zzz: {}}",
        "agents: {A_b: {name: A}}", "agents: {a: {langage: en-US}}", "agents: {a: {name: 5}}", "agents: {a: {name: ''}}", "agents: {a: {name: null}}",
        "agents: {a: {name: {fil: x}}}", "agents: {a: {name: {file: x, more: y}}}", "agents: {a: {voiceMode: webhok}}", "agents: {a: {voiceMode: {file: x}}}",
        "agents: {a: {voiceSpeed: 9}}", "agents: {a: {maxSilenceMs: '20000'}}", "agents: {a: {enableMessaging: yes}}", "agents: {a: {transferNumber: '4155550100'}}",
        "agents: {a: {customTools: [{name: t, description: d}]}}", "agents: {a: {customTools: [{name: t, description: d, url: 'https://x', headers: null}]}}",
        "agents: {a: {customTools: [{name: t, description: d, url: 'https://x', headers: {A: 5}}]}}", "agents: {a: {customTools: [foo]}}", "agents: {a: {import: 5}}",
        "numbers: {n: {areaCode: 415}}", "numbers: {n: {areaCode: null}}", "numbers: {n: {country: FR}}", "numbers: {n: {agent: 5}}", "numbers: {n: {protect: null}}", "numbers: {n: {protect: yes}}",
        "webhooks: {w: {url: 'ftp://x'}}", "webhooks: {w: {contextLimit: 51}}", "webhooks: {w: {agent: null}}", "webhooks: {w: {secret: {}}}", "defaults: {webhooks: {secret: {writeTo: {file: x}}}}",
        "webhooks: {w: {url: 'https://x', secret: {writeTo: {file: 5}}}}", "webhooks: {w: {url: 'https://x', secret: {writeTo: {exec: []}}}}",
        "webhooks: {w: {url: 'https://x', secret: {writeTo: {github: 1A}}}}", "webhooks: {w: {url: 'https://x', secret: {writeTo: {file: x, github: A}}}}",
        "webhooks: {w: {url: 'https://x', secret: {writeTo: {github: A, name: B}}}}", "agents: {a: {name: A, secret: {writeTo: {file: x}}}}",
        "moved: {}", "moved: [number.a]", "moved: [{from: number.a}]", "moved: [{from: number.a, to: number.b, why: x}]", "moved: [{from: a, to: number.b}]",
        "policy: []", "policy: {maxBuy: {perDay: 1}}", "policy: {maxBuys: {perDay: -1}}", "policy: {maxBuys: {perWeek: 1}}",
        "policy: {maxMonthlyCost: '30.00'}", "policy: {allowedWebhookHosts: hooks.acme.dev}", "policy: {approve: [rerouts]}",
        "policy: {autoApprove: {default: [{risk: irreversible}]}}", "policy: {autoApprove: {default: [{upTo: 5}]}}",
        "policy: {prices: {US: 3.00}}", "policy: {prices: {asOf: 2026-11-01, us: 3.00}}", "policy: {approvers: {required: 1}}",
        "policy: {approvers: {signers: s, required: 0}}", "policy: {approvers: {signers: s, maxLifetime: soon}}",
        "forget: number.a", "forget: [a]", "forget: [5]", "forget: [numbers.a]", "forget: [number.A]",
    ],
)  # fmt: skip
def test_what_an_editor_should_underline_does_not_fit(text):
    assert not fits(tree(text), SCHEMA)
    head = "".join(line for line in ("version: 1\n", "project: p\n") if line[:7] not in text)
    with pytest.raises(SpecError):
        load_manifest(
            [("f", (head + text).encode())],
            kinds=KINDS,
            variables={},
            environ={},
            read_file=lambda _spec, path: path,
            environment="default",
            home=".",
        )


def test_the_same_models_give_the_same_bytes():
    assert json.dumps(json_schema(KINDS)) == json.dumps(SCHEMA)
    assert list(SCHEMA["properties"]) == [
        "version",
        "project",
        "variables",
        "defaults",
        "environments",
        "policy",
        "state",
        *(kind.plural for kind in KINDS),
        "moved",
        "forget",
    ]
    assert SCHEMA["additionalProperties"] is False


def test_every_field_of_every_kind_is_in_it():
    for kind in KINDS:
        beside = ["import", "protect", *(["secret"] if kind.delivery else [])]
        assert list(SCHEMA["definitions"][kind.name]["properties"]) == [*kind.spec.model_fields, *beside]


def test_every_reference_leads_somewhere():
    for name in re.findall(r'"#/definitions/([^"]+)"', json.dumps(SCHEMA)):
        assert name in SCHEMA["definitions"]


class _Inner(Spec):
    word: str
    one: str = ""


class _Outer(Spec):
    inner: _Inner
    more: dict[str, _Inner] | None = None
    two: int | str = 0


@pytest.mark.parametrize(
    ("path", "text", "null", "names"),
    [
        (("inner",), False, False, ("word", "one")),
        (("inner", "word"), True, False, ()),
        (("more", "any", "word"), True, False, ()),
        (("more",), False, False, ()),
        (("two",), False, False, ()),
        (("nope",), False, True, ()),
        (("nope", 1, "x"), False, True, ()),
    ],
)
def test_a_shape_is_asked_by_path(path, text, null, names):
    assert (is_text(_Outer, path), allows_null(_Outer, path), fields(_Outer, path)) == (text, null, names)


def test_choices_are_the_words_that_are_allowed():
    agent = KINDS[0].spec
    assert choices(agent, ("voiceMode",)) == ("webhook", "hosted")
    assert choices(agent, ("name",)) == ()
    assert at(agent, ("customTools", 0, "timeoutMs"))["minimum"] == 1000
