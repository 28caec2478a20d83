"""This is the only HTTP there is: a call without holes goes out, and a reply or an error with a meaning comes back.

Reads, deletions and PATCHes of full values are repeated after 429, 5xx and resets: a few times, and for a minute at
most. A POST is never repeated here, whatever came back: the API has no idempotency key, so who sends one again has to
look first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlencode

from apreconcile.core.call import Call, Reply, Secret, holes
from apreconcile.core.errors import ApiError, CredentialsError, Error, NetworkError, TooLateError, UnsafeError
from apreconcile.core.masking import Masking
from apreconcile.core.verdict import certainly_not_done

from .answer import Answer, read, retry_after, skew
from .hosts import BaseUrl
from .limits import LONGEST_WAIT, Limits, Pace
from .refusal import shown
from .wire import Wire, too_late

TRIES = 4
_FIRST_WAIT = 0.5
_REPEATED = ("GET", "DELETE", "PATCH")
_RATE_LIMITED, _SERVER_ERRORS = 429, 500


class Client:
    """Sends calls to one account, or to one sub-account of it.

    `requests` counts every request that was started, repeats included. `timeout` bounds a whole request in seconds,
    from the first try to connect to the last byte of the reply. `masks` are the secret texts of the spec: they are
    masked in every error, as is the key. `on_request` is told one line about each request. `doubts` counts answers that
    were not believed, which a client of a whole account has none of.
    """

    def __init__(
        self,
        base: BaseUrl,
        key: str,
        *,
        sub_account: str | None = None,
        concurrency: int = 8,
        timeout: float = 30.0,
        masks: Iterable[str] = (),
        on_request: Callable[[str], None] | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.requests = 0
        self.doubts = 0
        self.skew: float | None = None
        """Seconds by which the server's clock was ahead of ours at its last answer; None if it did not tell."""
        self._sub_account = sub_account
        self._base = base
        self._pace = pace or Pace()
        self.on_request = on_request
        secret = Secret(checked_key(key))
        self._masking = Masking((secret.text, *masks))
        self._limits = Limits(concurrency, self._pace)
        self._wire = Wire(
            base, secret, timeout=timeout, kept=concurrency, clock=self._pace.clock, sub_account=sub_account
        )

    def __repr__(self) -> str:
        return f"Client({self._base.url})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, sort: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._wire.close()

    async def ready(self) -> None:
        """Wait as long as the API asked, so that what is opened next can be sent at once."""
        await self._limits.opening()

    def masked(self, text: str) -> str:
        """What the API said, as it may be shown: without a secret, on one line, and cut."""
        return shown(text, self._masking)

    async def send(self, call: Call, *, send_by: float | None = None, once: bool = False) -> Reply:
        """The reply to a call. After `send_by`, a moment of the pace's clock, no byte of it leaves any more.

        `once` sends it a single time: somebody else could have written in its place before a second.

        Raises ApiError (CredentialsError for a 401), NetworkError, or UnsafeError for a path that no id makes;
        `core.verdict.certainly_not_done` says of each whether the call may have taken effect. A 429 makes every call of
        this client wait as long as the API asked, so the next one may be sent at once.
        """
        target, content = _target(call), _content(call)
        async with self._limits.turn():
            waited, started, tried, doubt = 0.0, self._pace.clock(), 0, False
            while True:
                tried += 1
                if self._limits.too_long(send_by):
                    raise _doubtful(too_late()) if doubt else too_late()
                async with self._limits.sending():
                    outcome, asked = await self._once(call, target, content, send_by)
                if isinstance(outcome, Reply):
                    self._limits.fine()
                    return outcome
                wait = self._wait(tried, asked)
                limited = isinstance(outcome, ApiError) and outcome.status == _RATE_LIMITED
                if limited:
                    await self._limits.hold(wait)
                waited += wait
                late = waited > LONGEST_WAIT or self._pace.clock() - started > LONGEST_WAIT
                if tried == TRIES or late or once or not self._may_help(call, outcome):
                    raise _doubtful(outcome) if doubt else outcome
                doubt = doubt or (call.method != "GET" and not certainly_not_done(outcome))
                if not limited:
                    await self._pace.pause(wait)

    async def _once(
        self, call: Call, target: str, content: bytes | None, send_by: float | None
    ) -> tuple[Reply | Error, float | None]:
        """One request: the reply or the error, and the seconds that the server asked to wait."""
        started = self._pace.clock()
        self.requests += 1
        answer = await self._wire.exchange(call.method, target, content, send_by, inside=not call.outside)
        if self.on_request:
            said = answer.status if isinstance(answer, Answer) else "no answer"
            with suppress(Exception):  # whoever listens must not cost a reply
                self.on_request(f"{call.method} {target} {said} {(self._pace.clock() - started) * 1000:.0f}ms")
        if isinstance(answer, Error):
            return answer, None
        now = datetime.now(UTC)
        self.skew = skew(answer, now)
        return read(call, answer, self._masking), retry_after(answer, now)

    def _may_help(self, call: Call, outcome: Error) -> bool:
        """Whether sending the same again may help, and cannot hurt."""
        if call.method not in _REPEATED or isinstance(outcome, TooLateError):
            return False
        if isinstance(outcome, ApiError):
            return outcome.status == _RATE_LIMITED or outcome.status >= _SERVER_ERRORS
        return isinstance(outcome, NetworkError) and (outcome.sent or not self._base.loopback)

    def _wait(self, tried: int, asked: float | None) -> float:
        """Seconds before the next try: as asked, else twice as long each time, and never the same for two calls."""
        if asked is not None:
            return min(asked, LONGEST_WAIT)
        longest = _FIRST_WAIT * 2 ** (tried - 1)
        return self._pace.between(longest / 2, longest)


def _doubtful(outcome: Error) -> Error:
    """A refusal after a try whose outcome is unknown: that try may have been what was done."""
    if not certainly_not_done(outcome):
        return outcome
    return NetworkError(f"an earlier try may have been done; then: {outcome.message}", sent=True, hint=outcome.hint)


def checked_key(text: str) -> str:
    """The key without white space around it. Raises CredentialsError, which does not repeat it."""
    key = text.strip()
    hint = "set AGENTPHONE_API_KEY (or the spec's `keyEnv`) to a key of this account (dashboard, Settings, API Keys)"
    if not key:
        raise CredentialsError("there is no API key", hint=hint)
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise CredentialsError("the API key holds white space, or characters that no key has", hint=hint)
    return key


def _target(call: Call) -> str:
    """The path and query of a call, quoted. Raises UnsafeError for a part that would lead elsewhere."""
    hint = "correct the id in the spec or in the state"
    for part in call.path:
        if not isinstance(part, str) or part in ("", ".", "..") or not _is_text(part):
            raise UnsafeError(f"{part!r} cannot be part of a path", hint=hint)
    path = "/" + "/".join(quote(str(part), safe="") for part in call.path)
    return path + ("?" + urlencode(call.query, quote_via=quote) if call.query else "")


def _is_text(part: str) -> bool:
    """Whether it can be written as UTF-8; half a surrogate pair cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in part)


def _content(call: Call) -> bytes | None:
    if call.body is None:
        return None
    if any(True for _ in holes(call.body)):
        raise UnsafeError(f"{call.method} still has holes", hint="this is a fault of apreconcile; please report it")
    return json.dumps(call.body, separators=(",", ":"), allow_nan=False).encode()
