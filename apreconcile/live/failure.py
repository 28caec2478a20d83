"""A request without an answer becomes one sentence that names the host and the cause, and never the request."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import httpx

from apreconcile.core.errors import NetworkError

from .hosts import BaseUrl

NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
"""What httpx raises only before a byte of the request has left."""

_ROOTS: tuple[tuple[type[BaseException], str], ...] = (
    (ssl.SSLCertVerificationError, "its certificate is not trusted"),
    (ssl.SSLError, "the TLS handshake failed"),
    (socket.gaierror, "its name was not found"),
    (ConnectionRefusedError, "the connection was refused"),
    (ConnectionError, "the connection was cut"),
)
_NAMES: tuple[tuple[type[BaseException], str], ...] = (
    (httpx.ProxyError, "the proxy refused"),
    (httpx.ConnectError, "no connection"),
    (httpx.RemoteProtocolError, "the connection was closed early, or it does not speak HTTP"),
    (httpx.NetworkError, "the connection was cut"),
)


def no_answer(base: BaseUrl, problem: Exception, *, sent: bool) -> NetworkError:
    """The error for a request that ended in this exception."""
    place = base.url.partition("://")[2]
    if sent:
        hint = "run `apreconcile plan` to see whether it took effect"
        return NetworkError(f"{place} gave no readable answer: {_cause(problem)}", sent=True, hint=hint)
    hint = "check the network and HTTPS_PROXY, then try again"
    if base.loopback:
        named = "--base-url, AGENTPHONE_BASE_URL or `baseUrl`"
        hint = f"is the server there? start it with `apreconcile sandbox serve`, or leave out what names it: {named}"
    return NetworkError(f"{place} could not be reached: {_cause(problem)}", sent=False, hint=hint)


def _cause(problem: Exception) -> str:
    """In words: what the system said if it did, else what httpx made of it."""
    if isinstance(problem, TimeoutError | httpx.TimeoutException):
        return "it took too long"
    for sort, words in _ROOTS:
        if any(isinstance(link, sort) for link in _chain(problem)):
            return words
    return next((words for sort, words in _NAMES if isinstance(problem, sort)), type(problem).__name__)


def _chain(problem: BaseException) -> Iterator[BaseException]:
    """The exception, what it came from, and what groups among them hold."""
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [problem]
    while waiting:
        link = waiting.pop()
        if link is None or link in seen:
            continue
        seen.append(link)
        yield link
        waiting += [link.__context__, link.__cause__]
        if isinstance(link, BaseExceptionGroup):
            waiting += link.exceptions
