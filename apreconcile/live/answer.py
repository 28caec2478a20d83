"""What came over the wire becomes a reply or an error; nothing that cannot be read is taken for either."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from apreconcile.core.call import Call, Reply
from apreconcile.core.errors import Error, NetworkError
from apreconcile.core.masking import Masking
from apreconcile.core.wire import Wire

from .refusal import one_line, refusal

LARGEST = 32 * 1024 * 1024
"""Bytes: no reply is read beyond it, packed or unpacked."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP response: header names in lower case, content as it came over the wire."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class _UnreadableError(Exception):
    """The content says nothing; the text says why, as the end of a sentence."""


def read(call: Call, answer: Answer, masking: Masking) -> Reply | Error:
    """The reply, or what the answer means as an error. A 2xx that says nothing readable is a NetworkError.

    An empty 2xx is a reply to a write, but not to a read (it would pass for `null`) nor to a creation.
    """
    if not 200 <= answer.status < 300:  # noqa: PLR2004 -- HTTP's success class
        return refusal(call, answer.status, answer.headers.get("location", ""), _any_body(answer), masking)
    try:
        content = _unpacked(answer)
        if not content and call.method != "GET" and call.names is None:
            return Reply(answer.status)
        body = _json(content)
        if call.names is not None:
            _must_have_id(body)
    except _UnreadableError as problem:
        text = one_line(masking(f"{call.where} answered {answer.status}, but {problem}"))
    else:
        return Reply(answer.status, body)
    return NetworkError(text, sent=True, hint="run `apreconcile plan` to see whether it took effect")


def retry_after(answer: Answer, now: datetime) -> float | None:
    """Seconds that the server asks to wait, from seconds or from a date; None if it does not say."""
    said = answer.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", said, re.ASCII):
        return float(said)
    until, its_now = _date(said), _date(answer.headers.get("date", ""))
    return max(0.0, (until - (its_now or now)).total_seconds()) if until else None


def skew(answer: Answer, now: datetime) -> float | None:
    """Seconds by which the server's clock is ahead of this moment; None if it does not say what time it has."""
    moment = _date(answer.headers.get("date", ""))
    return (moment - now).total_seconds() if moment else None


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _any_body(answer: Answer) -> Wire:
    """The JSON of an error, its text if it is plain text, or None: the page of a proxy helps nobody."""
    try:
        content = _unpacked(answer)
        return _json(content)
    except _UnreadableError:
        plain = answer.headers.get("content-type", "").startswith("text/plain")
        return answer.content[:4096].decode("utf-8", "replace") if plain else None


def _unpacked(answer: Answer) -> bytes:
    """The content without its encoding and the white space around it."""
    encoding = answer.headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return answer.content.strip()
    if encoding not in ("gzip", "x-gzip"):
        raise _UnreadableError("its encoding is not one that was asked for")
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        content = unpacker.decompress(answer.content, LARGEST)
    except zlib.error:
        raise _UnreadableError("it could not be unpacked") from None
    if unpacker.unconsumed_tail:
        raise _UnreadableError(f"it is larger than {LARGEST} bytes")
    if not unpacker.eof:
        raise _UnreadableError("it was cut short")
    return content.strip()


def _json(content: bytes) -> Wire:
    if not content:
        raise _UnreadableError("its body is empty")
    try:
        return json.loads(content, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise _UnreadableError("its body is not JSON") from None


def _no_constant(name: str) -> None:
    """NaN and Infinity are Python's, not JSON's."""
    raise ValueError(name)


def _must_have_id(body: Wire) -> None:
    ident = body.get("id") if isinstance(body, dict) else None
    if not isinstance(ident, str) or not ident:
        raise _UnreadableError("its body does not say which id is new")
