"""The sandbox as an ASGI application: each request is one transaction, with its effect, its faults and its log line.

Handlers run on the event loop: a request is well under a millisecond of SQLite, and one writer is all that SQLite has.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from apreconcile.sandbox import clock, control, faults, journal, numbers, routes
from apreconcile.sandbox.courier import carry
from apreconcile.sandbox.database import connect, writing
from apreconcile.sandbox.errors import Invalid, Refusal, unauthorized
from apreconcile.sandbox.identity import account_of
from apreconcile.sandbox.options import Options
from apreconcile.sandbox.reply import CUT, Reply
from apreconcile.sandbox.sub_accounts import scope_of
from apreconcile.sandbox.visit import Errand, Visit

LARGEST_BODY = 16 << 20
"""Bytes of a request's body; more is 413."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """One request as it came, read to its end. The token is never kept anywhere."""

    method: str
    path: str
    parts: tuple[str, ...]
    query: Mapping[str, str]
    query_text: str
    token: str
    sub_account: str | None
    body: bytes

    @property
    def account(self) -> str | None:
        """The bearer's account, if a token was sent."""
        return account_of(self.token) if self.token else None

    @property
    def is_purchase(self) -> bool:
        """Whether this buys a number."""
        return self.method == "POST" and self.path == "/v1/numbers"


async def _read(scope: Scope, receive: Receive) -> Inquiry:
    """Read a request; Refusal 413 for a body that is too large, ClientDisconnect if it never came whole."""
    request = Request(scope, receive)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > LARGEST_BODY:
            raise Refusal(413, "Request body too large", framework=True)
        chunks.append(chunk)
    raw_path: bytes = scope["raw_path"]
    query_text = scope["query_string"].decode("latin-1")
    headers = dict(scope["headers"])
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    sub_account = headers.get(b"x-sub-account-id", b"").strip().decode("latin-1")
    return Inquiry(
        scope["method"],
        raw_path.decode("latin-1"),
        routes.split(raw_path),
        dict(parse_qsl(query_text, keep_blank_values=True)),
        query_text,
        token.strip().decode("utf-8", "surrogateescape") if scheme.lower() == b"bearer" else "",
        sub_account or None,
        b"".join(chunks),
    )


class Sandbox:
    """One server's application, to be called by an ASGI server; `close` it when the server is down."""

    def __init__(self, options: Options) -> None:
        """Open the world, or make it."""
        self._options = options
        self._routes = routes.table(options.profile)
        self._db = connect(options.db)

    def close(self) -> None:
        """Close the world's file."""
        self._db.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or cut its connection; a server that ends while a request waits cuts it too."""
        try:
            inquiry = await _read(scope, receive)
            reply = self._command(inquiry) if inquiry.parts[0] == "_sandbox" else await self._serve(inquiry)
        except ClientDisconnect:
            return
        except asyncio.CancelledError:
            reply = CUT
        except Refusal as refusal:
            reply = refusal.reply(self._options)
            reply.headers["Connection"] = "close"
        if reply is CUT:
            await _cut(receive, send)
            return
        response = Response(reply.encoded(), reply.status, reply.headers, reply.kind)
        await response(scope, receive, send)

    def _command(self, inquiry: Inquiry) -> Reply:
        """Do what a control request asks; all of it or nothing."""
        order = control.Order(
            self._db, self._options, inquiry.account, inquiry.sub_account, inquiry.query, inquiry.body
        )
        try:
            with writing(self._db):
                return control.obey(inquiry.method, inquiry.parts[1:], order)
        except (Refusal, Invalid) as refused:
            return refused.reply(self._options)

    async def _serve(self, inquiry: Inquiry) -> Reply:
        """Answer an API request as the queued faults will have it."""
        strike = faults.strike(self._db, inquiry.method, inquiry.parts)
        if strike.delay:
            await asyncio.sleep(strike.delay)
        replaced = strike.replaced(self._options, purchase=inquiry.is_purchase)
        if replaced is not None:
            with writing(self._db):
                self._log(inquiry, replaced)
            return replaced
        reply = self._work(inquiry, strike)
        if isinstance(reply, Errand):
            reply = await self._run(inquiry, strike, reply)
        return reply

    def _work(self, inquiry: Inquiry, strike: faults.Strike) -> Reply | Errand:
        """Do the work and log it in one transaction; what is refused leaves nothing but its log line."""
        try:
            with writing(self._db):
                now = clock.now(self._db)
                numbers.expire(self._db, now, milliseconds=self._options.profile == "2025")
                route, ids = routes.find(self._routes, inquiry.method, inquiry.parts)
                visit = self._visit(inquiry, route, ids, strike, now)
                reply = route.handler(visit)
                if isinstance(reply, Errand):
                    return reply
                return self._finished(inquiry, strike, reply)
        except (Refusal, Invalid) as refused:
            with writing(self._db):
                return self._finished(inquiry, strike, refused.reply(self._options))

    async def _run(self, inquiry: Inquiry, strike: faults.Strike, errand: Errand) -> Reply:
        """Run an errand between two transactions."""
        outcome = await carry(errand)
        with writing(self._db):
            visit = Visit(self._db, self._options, clock.now(self._db), errand.account, errand.scope)
            return self._finished(inquiry, strike, errand.settle(visit, outcome))

    def _visit(
        self, inquiry: Inquiry, route: routes.Route, ids: tuple[str, ...], strike: faults.Strike, now: float
    ) -> Visit:
        """Let a request in: 401 without a key that is known, 404 for a sub-account that is not."""
        if not inquiry.token:
            raise unauthorized("Missing API key")
        if self._options.keys and not self._known(inquiry.token):
            raise unauthorized("Invalid API key")
        account = account_of(inquiry.token)
        overlooked = route.header == "never" or (route.header == "unlisted" and self._options.strict_sub_accounts)
        wanted = None if overlooked or self._options.profile == "2025" else inquiry.sub_account
        scope = scope_of(self._db, account, wanted)
        return Visit(self._db, self._options, now, account, scope, ids, inquiry.query, inquiry.body, strike.bend)

    def _known(self, token: str) -> bool:
        given = token.encode("utf-8", "surrogateescape")
        return any(hmac.compare_digest(given, key.encode()) for key in self._options.keys)

    def _finished(self, inquiry: Inquiry, strike: faults.Strike, reply: Reply) -> Reply:
        """Return what is answered for a finished piece of work, and log that."""
        answered = strike.altered(reply, self._options, purchase=inquiry.is_purchase)
        self._log(inquiry, answered)
        return answered

    def _log(self, inquiry: Inquiry, reply: Reply) -> None:
        journal.record(
            self._db,
            account=inquiry.account,
            sub_account=inquiry.sub_account,
            method=inquiry.method,
            path=inquiry.path,
            query=inquiry.query_text,
            body=inquiry.body,
            status=reply.status,
        )


async def _cut(receive: Receive, send: Send) -> None:
    """Close the connection without a byte; uvicorn's `send`, for httptools and h11 alike, belongs to what holds it."""
    transport: asyncio.Transport = getattr(send, "__self__").transport  # noqa: B009 (a bound method, which Send does not say)
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass
