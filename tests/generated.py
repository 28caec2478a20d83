"""Specs and accounts of every sort, for the properties that hold for all of them."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

FEW = settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
TEXTS = st.sampled_from(
    ["", " ", "Hello", "Be kind.\nBe brief.\n", "Grüße 🙂", "a: b #c", "'\"`${x}", "\u202eevil", "no", "0415"]
)
NAMES = st.sampled_from(["Support", "Sales", "Night shift", "Ünïcode", "support"])
URLS = st.sampled_from(["https://a.dev/x", "https://b.dev/y?z=1", "https://a.dev/x/"])
PHONES = ["+14155550101", "+14155550102", "+12125550103", "+16045550104"]
AREAS = st.sampled_from(["415", "212", "604"])

TOOL = st.fixed_dictionaries(
    {"name": st.sampled_from(["look", "book"]), "description": TEXTS, "url": st.just("https://t.dev/a")},
    optional={
        "method": st.sampled_from(["GET", "POST"]),
        "headers": st.dictionaries(st.sampled_from(["X-A", "X-B"]), st.sampled_from(["one", "two"]), max_size=2),
        "parameters": st.just({"type": "object", "properties": {"n": {"type": "number", "default": 1.5}}}),
        "timeoutMs": st.integers(1_000, 120_000),
        "speakDuringExecution": st.booleans(),
    },
)
AGENT_FIELDS = {
    "description": TEXTS,
    "beginMessage": TEXTS,
    "modelTier": st.sampled_from(["turbo", "balanced", "max"]),
    "voiceSpeed": st.floats(0.5, 2.0, allow_nan=False),
    "interruptionSensitivity": st.floats(0, 1, allow_nan=False),
    "enableMessaging": st.booleans(),
    "maxSilenceMs": st.integers(10_000, 3_600_000),
    "voicemailMessage": TEXTS,
    "transferNumber": st.sampled_from(PHONES),
    "callScreeningPurpose": TEXTS,
    "language": st.sampled_from(["en-US", "de-DE"]),
    "customTools": st.lists(TOOL, max_size=2, unique_by=lambda tool: tool["name"]),
}
CLEARED = ["description", "beginMessage", "transferNumber", "voicemailMessage", "callScreeningPurpose", "customTools"]


@st.composite
def agents(draw: Any, *, live: bool) -> dict[str, Any]:
    """An agent of a spec, or one that is there."""
    hosted = draw(st.booleans())
    chosen = draw(st.fixed_dictionaries({}, optional=AGENT_FIELDS))
    mode = {"voiceMode": "hosted", "systemPrompt": draw(TEXTS.filter(str.strip))} if hosted else {}
    cleared = {} if live else dict.fromkeys(draw(st.sets(st.sampled_from(CLEARED), max_size=2)))
    return {"name": draw(NAMES), **mode, **chosen, **cleared}


@st.composite
def specs(draw: Any) -> dict[str, Any]:
    """A spec that is valid; references are to its own agents."""
    keys = draw(st.lists(st.sampled_from(["a", "b", "c"]), unique=True, max_size=3))
    spec: dict[str, Any] = {"agents": {key: draw(agents(live=False)) for key in keys}}
    number = st.fixed_dictionaries(
        {},
        optional={"areaCode": AREAS, "country": st.just("US"), "agent": st.sampled_from([None, *keys])},
    )
    spec["numbers"] = {key: draw(number) for key in draw(st.lists(st.sampled_from(["m", "n"]), unique=True))}
    hook = st.fixed_dictionaries(
        {"url": URLS}, optional={"contextLimit": st.integers(0, 50), "timeout": st.integers(5, 120)}
    )
    slots = draw(st.lists(st.sampled_from([None, *keys]), unique=True))
    spec["webhooks"] = {f"w{index}": draw(hook) | ({"agent": slot} if slot else {}) for index, slot in enumerate(slots)}
    for part in spec.values():
        for one in part.values():
            one.update(draw(st.sampled_from([{}, {}, {"protect": True}, {"protect": False}])))
    return written({name: part for name, part in spec.items() if part})


def written(value: Any) -> Any:
    """A value as the spec has to write it: `${` is read unless it is escaped."""
    if isinstance(value, dict):
        return {name: written(item) for name, item in value.items()}
    if isinstance(value, list):
        return [written(item) for item in value]
    return value.replace("${", "$${") if isinstance(value, str) else value


@st.composite
def accounts(draw: Any) -> dict[str, Any]:
    """What is there before us: namesakes, strangers, numbers with and without tags, webhooks."""
    held = [{"id": f"agt_{index}", **draw(agents(live=True))} for index in range(draw(st.integers(0, 3)))]
    ids = [one["id"] for one in held]
    phones = draw(st.lists(st.sampled_from(PHONES), unique=True, max_size=3))
    numbers = [
        {"id": f"num_{index}", "phoneNumber": phone, "country": "CA" if phone.startswith("+1604") else "US"}
        | draw(st.fixed_dictionaries({}, optional={
            "agentId": st.sampled_from([None, *ids]),
            "externalId": st.sampled_from(["theirs", "apr:other/default/x"]),
        }))
        for index, phone in enumerate(phones)
    ]  # fmt: skip
    hooks = [
        {"id": f"wh_{index}", "url": draw(URLS), "contextLimit": draw(st.sampled_from([0, 10]))}
        | ({"agentId": slot} if slot else {})
        for index, slot in enumerate(draw(st.lists(st.sampled_from([None, *ids]), unique=True, max_size=2)))
    ]
    return {"agents": held, "numbers": numbers, "webhooks": hooks}
