"""A plan document has this shape, or it is not shown: a plan file may come from anywhere."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from .address import Address
from .wire import Wire


@dataclass(frozen=True, slots=True)
class _Leaf:
    words: str
    holds: Callable[[Wire], bool]


def _spelled(pattern: str, value: Wire) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _or_null(leaf: _Leaf, value: Wire) -> bool:
    return value is None or leaf.holds(value)


_ANY = _Leaf("a value", lambda _value: True)
_TEXT = _Leaf("a text", lambda value: isinstance(value, str))
_FLAG = _Leaf("true or false", lambda value: isinstance(value, bool))
_COUNT = _Leaf("a whole number", lambda value: type(value) is int and 0 <= value < 2**53)
_ADDRESS = _Leaf("an address", lambda value: isinstance(value, str) and Address.parse(value) is not None)
_TOKEN = _Leaf("a token", partial(_spelled, r"[a-z]+:[A-Za-z]+\.[a-z0-9-]+@[0-9a-f]{32}"))
_DIGEST = _Leaf("a sha256 in 64 hex digits", partial(_spelled, r"[0-9a-f]{64}"))
_TIME = _Leaf(
    "a time such as 2026-01-02T03:04:05Z", partial(_spelled, r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}Z")
)
_MONEY = _Leaf("an amount such as 3.00", partial(_spelled, r"-?[0-9]{1,12}\.[0-9]{2}"))

_TEXT_OR_NULL = _Leaf("a text or null", partial(_or_null, _TEXT))
_COUNT_OR_NULL = _Leaf("a whole number or null", partial(_or_null, _COUNT))
_ADDRESS_OR_NULL = _Leaf("an address or null", partial(_or_null, _ADDRESS))
_TOKEN_OR_NULL = _Leaf("a token or null", partial(_or_null, _TOKEN))

_COUNTED = ("create", "update", "delete", "adopt", "move", "forget")

_HOLE = {"at": _TEXT, "id?": _ADDRESS, "after?": _TEXT, "env?": _TEXT, "masked?": _FLAG, "sha256?": _DIGEST}
_CALL = {"method": _TEXT, "path": [_TEXT_OR_NULL], "body": _ANY, "holes": [_HOLE], "query?": [[_TEXT]]}
_COVERS = {
    "target?": {"id?": _TEXT, "phoneNumber?": _TEXT_OR_NULL, "lost?": _TEXT},
    "still": [[_ANY]],
    "document": _TEXT,
    "turn": _COUNT,
}
_STEP = {
    "address": _ADDRESS,
    "action": _TEXT,
    "risks": [_TEXT],
    "token": _TOKEN_OR_NULL,
    "digest?": _DIGEST,
    "covers?": _COVERS,
    "permit?": _TEXT,
    "after": [_ADDRESS],
    "fields": [{"field": _TEXT, "before": _ANY, "after": _ANY, "secret?": _FLAG}],
    "calls": [_CALL],
    "sink?": _TEXT,
    "why": [_TEXT],
}
_PLAN = {
    "project": _TEXT,
    "environment": _TEXT,
    "scope": {"host": _TEXT, "sub_account": _TEXT_OR_NULL},
    "digest": _DIGEST,
    "expires": _TIME,
    "serial": _COUNT,
    "tool": _TEXT,
    "summary": dict.fromkeys((*_COUNTED, "blocked", "unmanaged"), _COUNT),
    "cost": {
        "monthly_delta": _MONEY,
        "currency": _TEXT,
        "numbers_used": _COUNT_OR_NULL,
        "numbers_limit": _COUNT_OR_NULL,
        "prices_as_of?": _TEXT,
        "unpriced?": [_ADDRESS],
    },
    "steps": [_STEP],
    "blocked": [{"address": _TEXT_OR_NULL, "reason": _TEXT, "hint": _TEXT, "exit?": _COUNT}],
    "resources?": [{"address": _ADDRESS, "label": _TEXT, "parent": _ADDRESS_OR_NULL}],
    "unmanaged": [{"kind": _TEXT, "id": _TEXT, "name": _TEXT}],
    "warnings": [_TEXT],
    "tests?": [{"address": _ADDRESS, "method": _TEXT, "path": [_TEXT_OR_NULL]}],
    "requests": _COUNT,
    "policy?": _TEXT,
    "signatures?": _COUNT,
    "destroy?": _FLAG,
}


def first_fault(document: Any) -> str | None:
    """What is wrong with a document, in a clause with its place; None if it has the shape of a plan."""
    return next(_faults(document, _PLAN), None) or next(_contradictions(document), None)


def _faults(value: Any, shape: Any, at: str = "") -> Iterator[str]:
    """Where a value is not of a shape. A key with `?` may be left out; keys that the shape lacks may be anything."""
    if isinstance(shape, _Leaf):
        if not shape.holds(value):
            yield f"{at} is not {shape.words}"
    elif isinstance(shape, list) and not isinstance(value, list):
        yield f"{at} is not a list"
    elif isinstance(shape, list):
        for index, item in enumerate(value):
            yield from _faults(item, shape[0], f"{at}[{index}]")
    elif not isinstance(value, dict):
        yield f"{at} is not a map"
    else:
        for key, inner in shape.items():
            name = key.removesuffix("?")
            path = f"{at}.{name}" if at else name
            if name in value:
                yield from _faults(value[name], inner, path)
            elif name == key:
                yield f"{path} is missing"


def _contradictions(document: Mapping[str, Any]) -> Iterator[str]:
    """What a reader would be deceived by: a summary of other steps, a token that names another address."""
    counts = Counter(step["action"] for step in document["steps"])
    told = document["summary"]
    for word in _COUNTED:
        if told[word] != counts[word]:
            yield f"its summary says {told[word]} to {word}, its steps say {counts[word]}"
    for name in ("blocked", "unmanaged"):
        if told[name] != len(document[name]):
            yield f"its summary says {told[name]} {name}, its list has {len(document[name])}"
    for index, step in enumerate(document["steps"]):
        token = step["token"]
        if token and re.split("[:@]", token)[1] != step["address"]:
            yield f"steps[{index}].token does not name {step['address']}"
