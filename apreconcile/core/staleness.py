"""Two documents of one step, the planned and the live one, are compared here: each difference is a sentence.

It names the field, what was planned, and what is live. Secrets are compared by their salted hashes, and never shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import zip_longest

from .call import canonical
from .planfile import Document
from .wire import Wire

_LONG, _BEFORE = 60, 12
"""Characters of a value that are shown, and how many of those stand before the first that differs."""
_JSON = json.JSONEncoder(sort_keys=True, ensure_ascii=False)


def differences(planned: Document, live: Document) -> list[str]:
    """In what a step of a saved plan is not the live one; nothing if both say the same.

    Fields come first, then risks and secrets; targets, and the rest of what is sent, where no field tells it.
    """
    fields = list(_fields(planned["fields"], live["fields"]))
    if not fields and canonical(planned["fields"]) != canonical(live["fields"]):
        fields = ["its fields are listed otherwise now"]
    return [
        *fields,
        *_risks(planned["risks"], live["risks"]),
        *_calls(planned["calls"], live["calls"], told=bool(fields)),
        *_sinks(planned.get("sink"), live.get("sink")),
    ]


def _sinks(planned: str | None, live: str | None) -> list[str]:
    """Another sink for a signing secret than the one that was planned."""
    if planned == live:
        return []
    was, now = shown(planned or "nobody", live or "nobody")
    return [f"its signing secret was to be handed to {was}, and now to {now}"]


def shared_differences(planned: Document, live: Document) -> list[str]:
    """The differences of those fields that two steps of other actions share."""
    names = {diff["field"] for diff in planned["fields"]} & {diff["field"] for diff in live["fields"]}
    was, now = ([diff for diff in step["fields"] if diff["field"] in names] for step in (planned, live))
    return list(_fields(was, now))


def shown(*values: Wire) -> list[str]:
    """Values as JSON on one line; of long ones what stands around the first place in which they differ."""
    texts = [_JSON.encode(value) for value in values]
    if all(len(text) <= _LONG for text in texts):
        return texts
    signs = zip_longest(*(set(texts) - {"null"}))
    start = max(0, next((at for at, several in enumerate(signs) if len(set(several)) > 1), _BEFORE) - _BEFORE)
    return [text if text == "null" else _cut(text, start) for text in texts]


def clean(text: str) -> str:
    """The text without lone surrogates, which no stream takes."""
    return text.encode(errors="backslashreplace").decode()


def _cut(text: str, start: int) -> str:
    rest = text[start:]
    return ("…" if start else "") + (rest if len(rest) <= _LONG else f"{rest[:_LONG]}…")


def _risks(planned: Iterable[str], live: Iterable[str]) -> list[str]:
    more, less = sorted(set(live) - set(planned)), sorted(set(planned) - set(live))
    return [*([f"now also: {', '.join(more)}"] if more else []), *([f"no longer: {', '.join(less)}"] if less else [])]


def _fields(planned: list[Document], live: list[Document]) -> Iterator[str]:
    was, now = ({diff["field"]: diff for diff in diffs} for diffs in (planned, live))
    for name in dict.fromkeys([*was, *now]):
        if canonical(was.get(name)) != canonical(now.get(name)):
            yield f"{name}: {_field(was.get(name), now.get(name))}"


def _field(was: Document | None, now: Document | None) -> str:
    if was is None or now is None:
        diff = was or now or {}
        change = _arrow(*shown(diff["before"], diff["after"]))
        return f"planned {change}, and not to change any more" if was else f"not planned, and now {change}"
    before, after, live, wanted = shown(was["before"], was["after"], now["before"], now["after"])
    live = "nothing" if now["before"] is None else live
    moved = "" if _same(was["before"], now["before"]) else f", the account now has {live}"
    other = "" if _same(was["after"], now["after"]) else f", and now {wanted} is wanted"
    return f"planned {_arrow(before, after)}{moved}{other}"


def _arrow(before: str, after: str) -> str:
    return after if before == "null" else f"{before} -> {after}"


def _calls(planned: list[Document], live: list[Document], *, told: bool) -> list[str]:
    """In what calls differ: their targets, what they send, and if the fields `told` it already, only the secrets."""
    if canonical(planned) == canonical(live):
        return []
    was, now = ([_target(call) for call in calls] for calls in (planned, live))
    if was != now:
        return [] if told else [f"another target: planned {_row(was)}, now {_row(now)}"]
    differ = [words for sent in map(_sent, planned, live) for words in sent]
    secrets = [text for text, secret in differ if secret]
    rest = [text for text, secret in differ if not (secret or told)]
    return [*secrets, *rest] or ([] if told else ["it is sent otherwise now"])


def _row(targets: Iterable[str]) -> str:
    return ", then ".join(targets) or "none"


def _target(call: Document) -> str:
    """Method and path, ids that do not exist yet as addresses."""
    ids = {hole["at"]: hole.get("id") for hole in call["holes"]}
    return "/".join([f"{call['method']} ", *(str(ids.get(f"/path/{n}", part)) for n, part in enumerate(call["path"]))])


def _sent(planned: Document, live: Document) -> Iterator[tuple[str, bool]]:
    """Each place of a body in which two calls differ, in words, and whether a secret stands there."""
    was, now = dict(_places(planned)), dict(_places(live))
    for at in dict.fromkeys([*was, *now]):
        if at in was and at in now and _same(was[at], now[at]):
            continue
        if _is_secret(was.get(at)) or _is_secret(now.get(at)):
            yield f"{at}: another secret than was planned", True
        else:
            one, other = (_place(places[at]) if at in places else "nothing" for places in (was, now))
            yield f"{at}: planned {one}, now {other}", False


def _is_secret(value: Wire) -> bool:
    return isinstance(value, dict) and "sha256" in value


def _places(call: Document) -> Iterator[tuple[str, Wire]]:
    """Every place of what a call sends with its value: scalars, what is empty, and holes as maps."""
    yield from ((at.removeprefix("/") or "body", value) for at, value in _leaves(call["body"]))
    yield "query", call.get("query", [])
    yield from ((hole["at"].removeprefix("/body").removeprefix("/"), hole) for hole in call["holes"])


def _leaves(value: Wire, at: str = "") -> Iterator[tuple[str, Wire]]:
    if value and isinstance(value, dict | list):
        for name, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(item, f"{at}/{name}")
    else:
        yield at, value


def _place(value: Wire) -> str:
    return str(value.get("id")) if isinstance(value, dict) and value else shown(value)[0]


def _same(one: Wire, other: Wire) -> bool:
    return canonical(one) == canonical(other)
