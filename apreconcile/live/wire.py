"""Bytes go out and come back here, once per exchange; what httpx knows of the key does not leave this module."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

import httpx

from apreconcile.core.call import Secret
from apreconcile.core.errors import Error, NetworkError, TooLateError
from apreconcile.version import __version__

from .answer import LARGEST, Answer
from .failure import NEVER_LEFT, no_answer
from .hosts import BaseUrl

_CONNECT_TIMEOUT = 10.0
"""Seconds for TCP, and again for TLS; at most a third of the whole, since httpcore forgets to close a handshake that is
cancelled from outside."""

_KEPT_FOR = 5.0
"""Seconds that an idle connection is kept; servers commonly keep theirs no shorter."""


class Wire:
    """The connections to one host. `timeout` bounds a whole exchange, from connecting to the last byte, in seconds.

    A POST has a connection of its own: on a kept one the server may just be closing, and a POST lost in that way cannot
    be told from one that took effect. All else shares connections, since what is lost there is sent again.
    """

    def __init__(
        self,
        base: BaseUrl,
        key: Secret,
        *,
        timeout: float,
        kept: int,
        clock: Callable[[], float],
        sub_account: str | None = None,
    ) -> None:
        self._base = base
        self._timeout = timeout
        self._clock = clock
        self._inside = {"X-Sub-Account-Id": sub_account} if sub_account else {}
        trust = _trust(base)
        self._kept = _http(base, key, trust, timeout, kept)
        self._fresh = _http(base, key, trust, timeout, 0)

    async def close(self) -> None:
        """Close every connection."""
        await self._kept.aclose()
        await self._fresh.aclose()

    async def exchange(
        self, method: str, target: str, content: bytes | None, send_by: float | None, *, inside: bool = True
    ) -> Answer | NetworkError:
        """One request; `inside` the sub-account, if there is one, by its header (fact sheet §5).

        Errors are returned, not raised: so none remembers one of httpx's, which knows the key.
        """
        http = self._fresh if method == "POST" else self._kept
        watch = _Watch(self._clock, send_by)
        headers = dict(self._inside) if inside else {}
        headers |= {"Content-Type": "application/json"} if content is not None else {}
        try:
            request = http.build_request(method, self._base.url + target, content=content, headers=headers)
            request.extensions["trace"] = watch.trace
            async with asyncio.timeout(self._timeout):
                response = await http.send(request, stream=True)
                try:
                    received = await _received(response)
                finally:
                    await response.aclose()
        except _TooLateError:
            return too_late()
        except Exception as problem:  # noqa: BLE001 -- whatever it is, the request may have taken effect
            return no_answer(self._base, problem, sent=watch.may_have_sent(problem))
        return Answer(response.status_code, dict(response.headers), received)


def too_late() -> TooLateError:
    """The error of a call whose moment passed before a byte of it had left."""
    hint = "the API or the network was slow; apply again"
    return TooLateError("the call was not sent, because its time was over", sent=False, hint=hint)


class _TooLateError(Exception):
    """The moment after which no byte may leave has come."""


class _TooLargeError(Exception):
    """A reply goes on and on."""


class _Watch:
    """Knows of one request whether its first byte may have left, and lets none leave after `send_by`."""

    def __init__(self, clock: Callable[[], float], send_by: float | None) -> None:
        self._clock = clock
        self._send_by = send_by
        self._connecting = False
        self._sending = False

    async def trace(self, event: str, info: dict[str, Any]) -> None:
        """What httpcore calls before each thing it does. A proxy's CONNECT is not yet the request."""
        if not event.endswith("send_request_headers.started"):
            self._connecting = True
        elif info["request"].method != b"CONNECT":
            if self._send_by is not None and self._clock() > self._send_by:
                raise _TooLateError
            self._sending = True

    def may_have_sent(self, problem: Exception) -> bool:
        """False only if the request was seen to fail before its first byte."""
        return self._sending or not (self._connecting or isinstance(problem, NEVER_LEFT))


async def _received(response: httpx.Response) -> bytes:
    received = bytearray()
    async for chunk in response.aiter_raw():
        received += chunk
        if len(received) > LARGEST:
            raise _TooLargeError
    return bytes(received)


def _trust(base: BaseUrl) -> ssl.SSLContext:
    """The certificates to trust; none where TLS is not spoken, since reading them takes longer than a short command."""
    if base.url.startswith("https:"):
        try:
            return httpx.create_ssl_context(trust_env=True)
        except (OSError, ssl.SSLError) as problem:
            why = getattr(problem, "strerror", None) or type(problem).__name__
            hint = "correct or unset SSL_CERT_FILE and SSL_CERT_DIR"
            raise Error(f"the certificates to trust could not be read: {why}", hint=hint) from None
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _http(base: BaseUrl, key: Secret, trust: ssl.SSLContext, timeout: float, kept: int) -> httpx.AsyncClient:
    """An HTTP client that follows nothing and asks only for what can be read; proxies count for AgentPhone only."""
    headers = {
        "Authorization": f"Bearer {key.text}",
        "Accept": "application/json",
        "Accept-Encoding": "gzip",
        "User-Agent": f"apreconcile/{__version__}",
    }
    try:
        return httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(timeout, connect=min(_CONNECT_TIMEOUT, timeout / 3)),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=kept, keepalive_expiry=_KEPT_FOR),
            verify=trust,
            trust_env=not base.loopback,
            follow_redirects=False,
        )
    except (ValueError, ImportError, httpx.InvalidURL):
        error = NetworkError("the proxy that the environment names cannot be used", sent=False, hint="see HTTPS_PROXY")
    raise error
