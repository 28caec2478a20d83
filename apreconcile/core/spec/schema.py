"""The JSON Schema of a spec, for editors, is made of the same models that validate it.

It judges one file: what other files or `defaults` may give (`project`, `name`, `url`) is never required by it, so that
it refuses no spec that loads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from apreconcile.core.address import KEY
from apreconcile.core.kind import ClearsWith, Kind, Phone, Refers
from apreconcile.core.risk import Risk
from apreconcile.core.wanted import BUCKET, DEFAULT, ENVIRONMENT

from .document import PROJECT, VERSION
from .environments import SHORTEST
from .lasting import LASTING
from .names import SIDES
from .policy import LIMITS, PERMITTED, PRICED
from .shape import Shape, shape
from .sinks import NAME as LINE
from .variables import NAME

Json: TypeAlias = dict[str, Any]

_FILE = {"$ref": "#/definitions/file"}
_VARIABLE = {"$ref": "#/definitions/variable"}
_TEXT = {"type": "string", "minLength": 1}
_STORES = [{"enum": ["local", "git"]}, {"type": "string", "pattern": f"^{BUCKET.pattern}$"}]
_PROTECT = {
    "type": "boolean",
    "description": "Never delete or forget it; remembered, also once its block is gone. Lifted by false, approved.",
}
_VARIABLES = {
    "type": "object", "description": "What ${var.NAME} stands for; --var NAME=VALUE wins over the default.",
    "propertyNames": {"pattern": f"^{NAME.pattern}$"},
    "additionalProperties": {"anyOf": [{"$ref": "#/definitions/default"}, {"type": "null"}]},
}  # fmt: skip
_NOISE = frozenset({"title", "default"})


def json_schema(kinds: Sequence[Kind]) -> Json:
    """The schema of a whole document; the same kinds give the same value, in the same order."""
    sections = {kind.plural: _section(kind) for kind in kinds}
    not_here = {"propertyNames": {"not": {"enum": ["import", "secret"]}}}
    defaults = {kind.plural: {"allOf": [{"$ref": f"#/definitions/{kind.name}"}], **not_here} for kind in kinds}
    once = {
        "version": {"const": VERSION, "description": "The version of the spec's format."},
        "project": {
            "description": "Names the state, and marks the numbers.",
            "anyOf": [{"type": "string", "pattern": f"^{PROJECT.pattern}$"}, _VARIABLE],
        },
        "variables": _VARIABLES,
        "defaults": _object(defaults, "Fields that every resource of a kind has, unless it says otherwise."),
        "environments": _environments(sections, kinds),
        "policy": _policy(),
        "state": _object({"store": {"anyOf": [*_STORES, _VARIABLE]}, "remote": _TEXT}, "Where the state is kept."),
    }
    address = {"anyOf": [_address(kinds), _VARIABLE]}
    move = {
        **_object(dict.fromkeys(SIDES, address), "The address that it had, and the one that it has."),
        "required": list(SIDES),
    }
    lists = {
        "moved": {"type": "array", "description": "What has another key now; old entries may stay.", "items": move},
        "forget": {
            "type": "array",
            "description": "What stays in the account and is not managed any more.",
            "items": address,
        },
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "apreconcile spec",
        **_object({**once, **sections, **lists}, "The agents, phone numbers and webhooks of an AgentPhone account."),
        "definitions": _definitions(kinds),
    }


def _definitions(kinds: Sequence[Kind]) -> Json:
    named: Json = {
        "file": {
            **_object({"file": _TEXT}, "The text of this file, in the spec's folder."),
            "required": ["file"],
        },
        "variable": {"type": "string", "pattern": r"\$\{(var|env)\."},
        "default": _object({"default": {"type": "string"}}, "A variable; without a default it needs --var."),
        "secret": {
            **_object({"writeTo": {"anyOf": _sinks()}}, "Where the signing secret goes."),
            "required": ["writeTo"],
        },
    }
    for kind in kinds:
        fields = {name: _field(kind, name, inner) for name, inner in shape(kind.spec)["properties"].items()}
        beside = {"import": _imports(kind), "protect": _PROTECT}
        beside |= {"secret": {"$ref": "#/definitions/secret"}} if kind.delivery else {}
        named[kind.name] = _object({**fields, **beside}, shape(kind.spec).get("description", ""))
        for name, inner in shape(kind.spec).get("$defs", {}).items():
            named[name] = _clean(inner)
    return named


def _sinks() -> list[Json]:
    """The three sorts of sinks, of which one is named."""
    named = {"anyOf": [{"type": "string", "pattern": f"^{LINE.pattern}$"}, _VARIABLE]}
    command = {"type": "array", "minItems": 1, "items": _TEXT}
    return [
        {**_object({"file": _TEXT, "name": named}, "A line NAME=… of an env file."), "required": ["file"]},
        {**_object({"exec": command}, "A program that reads it on standard input."), "required": ["exec"]},
        {**_object({"github": named}, "A secret of the GitHub repository."), "required": ["github"]},
    ]


def _address(kinds: Sequence[Kind]) -> Json:
    names = "|".join(kind.name for kind in kinds)
    return {"type": "string", "pattern": rf"^({names})\.{KEY.pattern}$"}


def _environments(sections: Json, kinds: Sequence[Kind]) -> Json:
    """Overlays: what an environment says, it says otherwise than the base."""
    access = {
        "keyEnv": {"type": "string", "pattern": f"^{LINE.pattern}$", "description": "The variable that has its key."},
        "baseUrl": _TEXT,
        "subAccount": {"type": "string", "pattern": "^[!-~]{1,200}$"},
    }
    said = {
        "account": _object(access, "Whose account it has; written out, without variables."),
        "as": {"const": DEFAULT, "description": "It was there before there were environments."},
        "ephemeral": {
            **_object(
                {"ttl": _lasting(int(SHORTEST.total_seconds()))},
                "Used as -e NAME:INSTANCE; its numbers end after this time.",
            ),
            "required": ["ttl"],
        },
        "exclude": {"type": "array", "description": "What of the base it leaves out.", "items": _address(kinds)},
        "variables": _VARIABLES,
        **sections,
    }
    about = {"description": "By name, what is otherwise there: maps merge by key, all else replaces."}
    return {**about, **_map(_object(said, "One environment."), ENVIRONMENT.pattern)}


def _lasting(least: int = 1) -> Json:
    return {"anyOf": [{"type": "string", "pattern": f"^{LASTING.pattern}$"}, {"type": "integer", "minimum": least}]}


def _policy() -> Json:
    """What the owner allows, written out: no variables."""
    count, amount, text = {"type": "integer", "minimum": 0}, {"type": "number", "minimum": 0}, {"type": "string"}
    limit = _object(dict.fromkeys(LIMITS, count), "The most in one apply, and in any 24 hours.")
    permit = _object({"risk": {"enum": [*map(str, PERMITTED)]}, "upTo": amount}, "A risk that needs no person.")
    money = {
        "type": "object", "required": ["asOf"], "properties": {"asOf": text}, "additionalProperties": amount,
        "propertyNames": {"pattern": f"^(asOf|{PRICED.pattern})$"},
    }  # fmt: skip
    lasting = _lasting()
    approvers = _object(
        {"signers": _TEXT, "required": {"type": "integer", "minimum": 1}, "maxLifetime": lasting, "revoked": _TEXT},
        "Whose signatures count; files in the spec's folder.",
    )
    rules = {
        "maxBuys": limit,
        "maxReleases": limit,
        "maxMonthlyCost": amount,
        "allowedWebhookHosts": {"type": "array", "items": text, "description": "HOST, or *.HOST for all below it."},
        "approve": {"type": "array", "items": {"enum": [*map(str, Risk)]}},
        "autoApprove": _map({"type": "array", "items": {**permit, "required": ["risk"]}}, ENVIRONMENT.pattern),
        "prices": {**money, "description": "US dollars a month, by COUNTRY or COUNTRY/TYPE."},
        "approvers": {**approvers, "required": ["signers"]},
    }
    return _object(rules, "What is allowed, what it may cost, and who approves.")


def _section(kind: Kind) -> Json:
    """The map of all resources of a kind."""
    return _map({"$ref": f"#/definitions/{kind.name}"}, KEY.pattern)


def _field(kind: Kind, name: str, inner: Shape) -> Json:
    """One field of a resource."""
    cleaned = _clean(inner)
    refers = kind.mark(name, Refers)
    if refers:
        cleaned = {"type": "string", "description": f"The key of the {refers.kind}."}
    elif kind.mark(name, Phone):
        about = "A phone number in international form, such as +14155550100."
        cleaned = {"description": about, "anyOf": [{"type": "string", "pattern": r"^\+"}, _VARIABLE, _FILE]}
    if not kind.mark(name, ClearsWith):
        return cleaned
    described = {"description": cleaned.pop("description")} if "description" in cleaned else {}
    return {**described, "anyOf": [*cleaned.pop("anyOf", [cleaned]), {"type": "null"}]}


def _imports(kind: Kind) -> Json:
    about = f"Adopt this {kind.name}: an id, or a phone number in international form."
    anew = " `none` makes a new one although a namesake exists." if "name" in kind.marks else ""
    return {"type": "string", "minLength": 1, "description": about + anew}


def _clean(inner: Shape) -> Json:
    """A schema of pydantic's without null, and with the other ways in which a spec may give text."""
    others = [other for other in inner.get("anyOf", ()) if other.get("type") != "null"]
    if len(others) == 1:
        return _clean({**{name: value for name, value in inner.items() if name != "anyOf"}, **others[0]})
    kept = {name: value for name, value in inner.items() if name not in _NOISE}
    if "$ref" in kept:
        return {**kept, "$ref": str(kept["$ref"]).replace("#/$defs/", "#/definitions/")}
    if kept.get("type") == "string":
        return _text(kept)
    if "properties" in kept:
        kept["properties"] = {name: _clean(below) for name, below in kept["properties"].items()}
    for below in ("items", "additionalProperties"):
        if isinstance(kept.get(below), Mapping):
            kept[below] = _clean(kept[below])
    return kept


def _text(kept: Json) -> Json:
    """Text, its variables, and the file that may hold it."""
    about = {"description": kept.pop("description")} if "description" in kept else {}
    choice = "enum" in kept or "const" in kept
    variable = [_VARIABLE] if kept.keys() - {"type"} else []
    return {**about, "anyOf": [kept, *variable, *([] if choice else [_FILE])]}


def _object(properties: Json, description: str) -> Json:
    about = {"description": description} if description else {}
    return {"type": "object", **about, "properties": properties, "additionalProperties": False}


def _map(values: Json, key: str) -> Json:
    return {"type": "object", "propertyNames": {"pattern": f"^{key}$"}, "additionalProperties": values}
