"""An agent: who answers. Fields, ranges and defaults are those of the fact sheet §2.2; names are not unique."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from apreconcile.core.call import Call, Check
from apreconcile.core.change import Adopt, Create, Deed, Delete, Update
from apreconcile.core.facts import Question, Words, World
from apreconcile.core.kind import ClearsWith, Default, Items, Kind, Phone, Spec
from apreconcile.core.risk import Risk
from apreconcile.core.snapshot import Seen
from apreconcile.core.wire import Wire

from .events import is_silent
from .transfers import target

E164 = r"^\+[1-9][0-9]{1,14}$"

Language = Literal[
    "af-ZA", "ar-SA", "az-AZ", "bg-BG", "bs-BA", "ca-ES", "cs-CZ", "cy-GB", "da-DK", "de-DE", "el-GR", "en-AU", "en-GB",
    "en-IN", "en-NZ", "en-US", "es-419", "es-ES", "fa-IR", "fi-FI", "fil-PH", "fr-CA", "fr-FR", "gl-ES", "he-IL",
    "hi-IN", "hr-HR", "hu-HU", "hy-AM", "id-ID", "is-IS", "it-IT", "ja-JP", "kk-KZ", "kn-IN", "ko-KR", "lt-LT", "lv-LV",
    "mk-MK", "mr-IN", "ms-MY", "ne-NP", "nl-BE", "nl-NL", "no-NO", "pl-PL", "pt-BR", "pt-PT", "ro-RO", "ru-RU", "sk-SK",
    "sl-SI", "sr-RS", "sv-SE", "sw-KE", "ta-IN", "th-TH", "tr-TR", "uk-UA", "ur-IN", "vi-VN", "yue-CN", "zh-CN",
]  # fmt: skip

_SILENT = "in webhook mode, and as far as spec and state tell no webhook answers for it: its calls will fail"

Text = Annotated[str | None, ClearsWith(""), Default(None)]


class CustomTool(Spec):
    """A tool that a hosted agent may call over HTTPS (TS CustomToolParam). Header values are secrets."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="1 to 64 letters, digits, _ and -")
    description: str
    url: str = Field(pattern=r"^https://\S+$", max_length=2083, description="an https:// URL without spaces")
    method: Literal["GET", "POST"] | None = None
    headers: dict[str, str] | None = None
    parameters: dict[str, Any] | None = None
    timeoutMs: int | None = Field(None, ge=1_000, le=120_000)
    speakDuringExecution: bool | None = None
    executionMessage: str | None = None


class AgentSpec(Spec):
    """An AI phone agent. `voiceMode: hosted` requires a systemPrompt."""

    name: Annotated[str | None, Field(min_length=1), Default(None)] = None
    description: Text = None
    voiceMode: Annotated[Literal["webhook", "hosted"] | None, Default("webhook")] = None
    systemPrompt: Text = None
    beginMessage: Text = None
    voice: str | None = Field(None, min_length=1)
    modelTier: Annotated[Literal["turbo", "balanced", "max"] | None, Default("balanced")] = None
    transferNumber: Annotated[
        str | None,
        Field(pattern=E164, description="a number in international form such as +14155550123"),
        Phone(),
        ClearsWith(""),
        Default(None),
    ] = None
    voicemailMessage: Text = None
    callScreeningIdentity: Text = None
    callScreeningPurpose: Text = None
    enableMessaging: Annotated[bool | None, Default(True)] = None
    sttMode: Annotated[Literal["fast", "accurate"] | None, Default("fast")] = None
    ambientSound: Annotated[Literal["none", "office", "coffee-shop", "outdoor"] | None, Default("none")] = None
    denoisingMode: Annotated[
        Literal["noise-cancellation", "noise-and-background-speech-cancellation"] | None, Default("noise-cancellation")
    ] = None
    maxSilenceMs: Annotated[int | None, Field(ge=10_000, le=3_600_000), Default(600_000)] = None
    voiceSpeed: Annotated[float | None, Field(ge=0.5, le=2.0, allow_inf_nan=False), Default(1.0)] = None
    interruptionSensitivity: Annotated[float | None, Field(ge=0, le=1, allow_inf_nan=False), Default(0.8)] = None
    enableBackchannel: Annotated[bool | None, Default(True)] = None
    language: Annotated[Language | None, Default("en-US")] = None
    customTools: Annotated[
        list[CustomTool] | None,
        Field(max_length=20),
        Items(key="name", masked="headers"),
        ClearsWith([]),
        Default(None),
    ] = None

    @model_validator(mode="after")
    def tool_names_are_unique(self) -> Self:
        """Two tools of one name could not be told apart (TS CustomToolParam: unique)."""
        names = [tool.name for tool in self.customTools or ()]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"customTools: the name {twice[0]!r} is given twice")
        return self


def shown(seen: Seen) -> Mapping[str, Wire]:
    """The live agent in the spec's words: they are the API's own."""
    return {name: seen.body.get(name) for name in AgentSpec.model_fields}


def create(change: Create) -> tuple[Call, ...]:
    """POST /v1/agents with what the spec says and no more: a null needs no clearing on something new."""
    body = {name: value for name, value in change.wanted.fields.items() if value is not None}
    return (Call("POST", ("v1", "agents"), body, names=change.address),)


def update(change: Update) -> tuple[Call, ...]:
    """PATCH with the full values of the changed fields; the rest stays (S-SKILL, MCP)."""
    return (Call("PATCH", _path(change.live), dict(change.send)),)


def delete(change: Delete) -> tuple[Call, ...]:
    """DELETE; its numbers and conversations stay, without an agent (OAS)."""
    return (Call("DELETE", _path(change.live)),)


def risks(change: Deed) -> frozenset[Risk]:
    """Only deleting an agent cannot be taken back."""
    return frozenset({Risk.IRREVERSIBLE}) if isinstance(change, Delete) else frozenset()


def guards(change: Deed) -> tuple[Check, ...]:
    """An agent is deleted only if it is still the one that was shown, and holds no number and no webhook."""
    if not isinstance(change, Delete):
        return ()
    expect = {"id": change.live.id, "name": change.live.body.get("name"), "numbers": None, "phoneNumbers": None}
    slot = Check(Call("GET", (*_path(change.live), "webhook")), None, slot=True)
    return (Check(Call("GET", _path(change.live)), expect), slot)


def settle(change: Deed) -> Check | None:
    """A lost PATCH is decided by the values that it sent; a lost DELETE by the agent being gone."""
    if isinstance(change, Update):
        return Check(Call("GET", _path(change.live)), change.send)
    return Check(Call("GET", _path(change.live)), None) if isinstance(change, Delete) else None


def asks(change: Deed, _now: datetime) -> tuple[Question, ...]:
    """The list of voices, only where a voice changes."""
    voice = any(diff.field == "voice" for diff in getattr(change, "fields", ()))
    return (Question("voices", Call("GET", ("v1", "agents", "voices"))),) if voice else ()


def words(change: Deed, world: World) -> Words:
    """What the change means for the people who call."""
    if isinstance(change, Delete):
        kept = "its calls, messages and conversations stay in the account, without an agent"
        return Words(why=(f"{change.live.body.get('name')!r} is gone for ever; {kept}",))
    if isinstance(change, Adopt):
        return Words(why=(change.how,))
    live = change.live if isinstance(change, Update) else None
    silent = is_silent(change.address, live, change.wanted.fields.get("voiceMode"), world)
    number = next((diff.after for diff in change.fields if diff.field == "transferNumber"), None)
    why = [*((_SILENT,) if silent else ()), *(target(str(number), world) if number else ())]
    return Words(tuple(why), tuple(_voices(change, world)))


def _voices(change: Create | Update, world: World) -> list[str]:
    voice, listed = change.wanted.fields.get("voice"), (world.answer("voices") or {}).get("data")
    asked = any(diff.field == "voice" for diff in change.fields)
    if not asked or not isinstance(listed, list) or not isinstance(voice, str):
        return []
    known = {item.get("voice_id", item.get("voiceId")) for item in listed if isinstance(item, dict)}
    return [] if voice in known else [f"{change.address}: the account's voices do not have {voice!r}"]


def _path(seen: Seen) -> tuple[str, ...]:
    return ("v1", "agents", seen.id)


AGENT = Kind(
    name="agent",
    plural="agents",
    spec=AgentSpec,
    path=lambda _parent: ("v1", "agents"),
    shown=shown,
    label=lambda seen: str(seen.body.get("name") or seen.id),
    create=create,
    update=update,
    delete=delete,
    risks=risks,
    guards=guards,
    settle=settle,
    asks=asks,
    words=words,
    namesake=lambda wanted, seen: (
        bool(wanted.fields.get("name")) and wanted.fields.get("name") == seen.body.get("name")
    ),
    verb={"delete": "delete"},
    prose="systemPrompt",
)
