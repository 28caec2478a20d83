"""An error of the API, in any of its shapes, becomes one masked sentence with the vendor's code and a hint."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from apreconcile.core.call import Call
from apreconcile.core.errors import ApiError, CredentialsError, Error, NotFoundError
from apreconcile.core.masking import Masking
from apreconcile.core.verdict import CARRIER_CODES
from apreconcile.core.wire import Wire

_LONGEST_TEXT = 256
_UNAUTHORIZED, _NOT_FOUND, _SERVER_ERRORS = 401, 404, 500

_TOP_UP = "top up the account's balance in the AgentPhone dashboard, then apply again"
_CARRIER = "the carrier behind AgentPhone failed; run `apreconcile plan` to see whether it took effect"
_LATER = "AgentPhone failed, not you; try again later"
_HINTS_BY_CODE = {
    "INSUFFICIENT_BALANCE": _TOP_UP,
    "VALIDATION_ERROR_NUMBER_LIMIT": "the account holds as many numbers as it may; release one, or ask for more",
    "CARRIER_ERROR": _CARRIER,
    "TWILIO_ERROR": _CARRIER,
}
_HINTS_BY_STATUS = {
    400: "the API refused a value; correct it in the spec",
    401: "set AGENTPHONE_API_KEY (or the spec's `keyEnv`) to a key of this account (dashboard, Settings, API Keys)",
    402: _TOP_UP,
    403: "this key may not do that; see its permissions in the AgentPhone dashboard",
    404: "it is missing, or this key may not see it; run `apreconcile plan`",
    409: "something in the account is in its way; run `apreconcile plan`",
    422: "the API refused a value; correct it in the spec",
    429: "the API asks for fewer calls; try again later, or with a lower --concurrency",
}


def refusal(call: Call, status: int, location: str, body: Wire, masking: Masking) -> Error:
    """The error that an answer other than 2xx means. `location` is where a redirect leads; only its host is named."""
    if 300 <= status < 400:  # noqa: PLR2004 -- HTTP's redirects
        text = f"{call.where} answered {status}, a redirect to {_host(location)}; redirects are not followed"
        return ApiError(shown(text, masking), status=status, hint="check --base-url and AGENTPHONE_BASE_URL")
    said, code = _said(body)
    if masking(code) != code:
        code = ""
    verb = "failed" if status >= _SERVER_ERRORS else "was refused"
    text = shown(f"{call.where} {verb} with {f'{status} {code}'.strip()}", masking)
    if said:
        text += ": " + shown(said, masking)
    hint = _HINTS_BY_CODE.get(code) or _HINTS_BY_STATUS.get(status, _LATER if status >= _SERVER_ERRORS else None)
    if status == _UNAUTHORIZED and code not in CARRIER_CODES:
        return CredentialsError(text, hint=hint)
    sort = NotFoundError if status == _NOT_FOUND else ApiError
    return sort(text, status=status, code=code, hint=hint)


def one_line(text: str) -> str:
    """The text on one line, without anything that does not print."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def shown(text: str, masking: Masking) -> str:
    """Masked first: a secret that was cut or wrapped would not be known again."""
    line = one_line(masking(text))
    return line if len(line) <= _LONGEST_TEXT else line[: _LONGEST_TEXT - 1] + "…"


def _said(body: Wire) -> tuple[str, str]:
    """The message with the fields it is about, and the vendor's code, out of any of the shapes of fact sheet §7.1."""
    if isinstance(body, str):
        return body, ""
    if not isinstance(body, dict):
        return "", ""
    inner = body["error"] if isinstance(body.get("error"), dict) else body
    texts = (inner.get("message"), inner.get("detail"), body.get("error"))
    message = next((text for text in texts if isinstance(text, str) and text), "")
    details = next((found for name in ("details", "detail") if isinstance(found := inner.get(name), list)), [])
    code = inner.get("code")
    known = isinstance(code, str) and re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", code, re.ASCII)
    return ": ".join(part for part in (message, "; ".join(_fields(details))) if part), str(code) if known else ""


def _fields(details: list[Any]) -> Iterator[str]:
    """`body.name: field required` for each field that is named."""
    for detail in details:
        if isinstance(detail, dict):
            loc = detail.get("loc")
            field = ".".join(map(str, loc)) if isinstance(loc, list) else str(detail.get("field") or "")
            message = str(detail.get("msg") or detail.get("message") or "")
            yield ": ".join(part for part in (field, message) if part)


def _host(location: str) -> str:
    try:
        return urlsplit(location).hostname or "the same host"
    except ValueError:
        return "a host without a name"
