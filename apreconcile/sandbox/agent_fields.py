"""The agent's writable fields: their checks and the server's defaults (OAS CreateAgentRequest; fact sheet 2.2, 2.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apreconcile.sandbox.errors import Invalid, Problem
from apreconcile.sandbox.options import Profile
from apreconcile.sandbox.validation import (
    Rule,
    Wrong,
    check_fields,
    choice,
    flag,
    integer,
    mapping,
    matching,
    number,
    phone,
    secure_url,
    text,
)

_CODES = """
    af-ZA ar-SA az-AZ bg-BG bs-BA ca-ES cs-CZ cy-GB da-DK de-DE el-GR en-AU en-GB en-IN en-NZ en-US es-419 es-ES fa-IR
    fi-FI fil-PH fr-CA fr-FR gl-ES he-IL hi-IN hr-HR hu-HU hy-AM id-ID is-IS it-IT ja-JP kk-KZ kn-IN ko-KR lt-LT lv-LV
    mk-MK mr-IN ms-MY ne-NP nl-BE nl-NL no-NO pl-PL pt-BR pt-PT ro-RO ru-RU sk-SK sl-SI sr-RS sv-SE sw-KE ta-IN th-TH
    tr-TR uk-UA ur-IN vi-VN yue-CN zh-CN
"""
LANGUAGES = tuple(_CODES.split())
MOST_TOOLS = 20
SKYLAR = "custom_voice_ea22ba5fdfaa18f39c274851c1"
"""The default voice since 2026-04-17 (MCP)."""


def _headers(value: object) -> dict[str, str]:
    found = mapping(value)
    for name, content in found.items():
        if not isinstance(content, str):
            raise Wrong("string_type", "Input should be a valid string", (name,))
        text(name), text(content)
    return found


_TOOL: dict[str, Rule] = {
    "name": Rule(matching(r"[A-Za-z0-9_-]{1,64}"), nullable=False, required=True),
    "description": Rule(text, nullable=False, required=True),
    "url": Rule(secure_url, nullable=False, required=True),
    "method": Rule(choice("GET", "POST"), nullable=False),
    "headers": Rule(_headers),
    "parameters": Rule(mapping),
    "timeoutMs": Rule(integer(1000, 120_000)),
    "speakDuringExecution": Rule(flag),
    "executionMessage": Rule(text),
}


def _tool(item: object, index: int) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise Wrong("model_attributes_type", "Input should be a valid dictionary", (index,))
    try:
        return {"method": "POST"} | check_fields(item, _TOOL)
    except Invalid as bad:
        raise Invalid([Problem((index, *problem.loc), problem.msg, problem.type) for problem in bad.problems]) from bad


def tools(value: object) -> list[dict[str, Any]]:
    """Check for a set of custom tools (TS CustomToolParam); the method's default is filled in, as a server may."""
    if not isinstance(value, list):
        raise Wrong("list_type", "Input should be a valid list")
    if len(value) > MOST_TOOLS:
        raise Wrong("too_long", f"List should have at most {MOST_TOOLS} items after validation, not {len(value)}")
    found: list[dict[str, Any]] = []
    for index, item in enumerate(value):
        tool = _tool(item, index)
        if any(tool["name"] == other["name"] for other in found):
            raise Wrong("value_error", f"Value error, tool names must be unique: {tool['name']}", (index, "name"))
        found.append(tool)
    return found


_FIELDS: dict[str, Rule] = {
    "name": Rule(text, nullable=False, required=True),
    "description": Rule(text),
    "voiceMode": Rule(choice("webhook", "hosted"), nullable=False),
    "enableMessaging": Rule(flag),
    "modelTier": Rule(choice("turbo", "balanced", "max"), nullable=False),
    "systemPrompt": Rule(text),
    "beginMessage": Rule(text),
    "voice": Rule(text),
    "transferNumber": Rule(phone),
    "customTools": Rule(tools),
    "voicemailMessage": Rule(text),
    "callScreeningIdentity": Rule(text),
    "callScreeningPurpose": Rule(text),
    "sttMode": Rule(choice("fast", "accurate"), nullable=False),
    "ambientSound": Rule(choice("none", "office", "coffee-shop", "outdoor"), nullable=False),
    "denoisingMode": Rule(choice("noise-cancellation", "noise-and-background-speech-cancellation"), nullable=False),
    "maxSilenceMs": Rule(integer(10_000, 3_600_000)),
    "voiceSpeed": Rule(number(0.5, 2.0)),
    "interruptionSensitivity": Rule(number(0.0, 1.0)),
    "enableBackchannel": Rule(flag),
    "language": Rule(choice(*LANGUAGES), nullable=False),
}
_OLDER = ("name", "description", "voiceMode", "systemPrompt", "beginMessage", "voice")

CREATE: dict[Profile, dict[str, Rule]] = {"2026": _FIELDS, "2025": {name: _FIELDS[name] for name in _OLDER}}
UPDATE: dict[Profile, dict[str, Rule]] = {profile: fields | {"name": Rule(text)} for profile, fields in CREATE.items()}
"""OAS UpdateAgentRequest: the name may be null, the enumerations may not."""

DEFAULTS: dict[str, Any] = {
    "description": None,
    "voiceMode": "webhook",
    "enableMessaging": True,
    "modelTier": "balanced",
    "systemPrompt": None,
    "beginMessage": None,
    "voice": SKYLAR,
    "transferNumber": None,
    "customTools": None,
    "voicemailMessage": None,
    "callScreeningIdentity": None,
    "callScreeningPurpose": None,
    "sttMode": "fast",
    "ambientSound": "none",
    "denoisingMode": "noise-cancellation",
    "maxSilenceMs": 600_000,
    "voiceSpeed": 1.0,
    "interruptionSensitivity": 0.8,
    "enableBackchannel": True,
    "language": "en-US",
}
CLEARED_BY_EMPTY = ("transferNumber", "voicemailMessage")
"""Fields for which MCP says that an empty string removes the value."""


def defaults(profile: Profile) -> dict[str, Any]:
    """Return what the server fills in for fields that were not sent."""
    return DEFAULTS if profile == "2026" else DEFAULTS | {"voice": "11labs-Brian"}


def shown(profile: Profile, doc: Mapping[str, Any], numbers: list[dict[str, Any]]) -> dict[str, Any]:
    """Return an agent as the API shows it: every field (OAS AgentResponse), or the older ones (S-SKILL)."""
    if profile == "2026":
        return {**doc, "numbers": numbers}
    older = {name: doc[name] for name in ("id", *_OLDER)}
    return {**older, "phoneNumbers": numbers, "createdAt": doc["createdAt"]}
