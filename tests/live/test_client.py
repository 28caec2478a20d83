"""What goes out, how often, and how it ends."""

from __future__ import annotations

import asyncio
import json
import traceback
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from apreconcile.core.address import Address
from apreconcile.core.call import Call, IdOf, Secret
from apreconcile.core.errors import (
    ApiError,
    CredentialsError,
    Error,
    NetworkError,
    NotFoundError,
    TooLateError,
    UnsafeError,
)
from apreconcile.core.verdict import certainly_not_done
from apreconcile.live.client import Client
from apreconcile.live.hosts import check_base_url
from apreconcile.version import __version__
from tests.live.conftest import KEY, Time, hang, reply, reset, say

pytestmark = pytest.mark.anyio

AGENTS = ("v1", "agents")
READ = Call("GET", AGENTS)
BUY = Call("POST", ("v1", "numbers"), {"country": "US"}, names=Address("number", "main"))


async def failure(client, call, **by) -> Error:
    with pytest.raises(Error) as caught:
        await client.send(call, **by)
    return caught.value


async def test_a_read_carries_the_key_and_no_content_type(server, client):
    server.script = [reply(200, {"id": "a1"})]
    assert (await client.send(Call("GET", (*AGENTS, "a1"), query=(("limit", "1"),)))).body == {"id": "a1"}
    heard = server.heard[0]
    assert (heard.method, heard.target, heard.body) == ("GET", "/v1/agents/a1?limit=1", b"")
    assert heard.headers["authorization"] == f"Bearer {KEY}"
    assert heard.headers["user-agent"] == f"apreconcile/{__version__}"
    assert "content-type" not in heard.headers


async def test_a_write_carries_json(server, client):
    body = {"name": "Zoë \ud83d", "tags": [], "speed": 1.5, "none": None}
    await client.send(Call("PATCH", (*AGENTS, "a1"), body))
    heard = server.heard[0]
    assert json.loads(heard.body) == body
    assert heard.headers["content-type"] == "application/json"


async def test_a_call_can_have_an_empty_body(server, client):
    await client.send(Call("POST", ("v1", "sip-trunks"), {}))
    assert server.heard[0].body == b"{}"


@pytest.mark.parametrize(
    ("ident", "quoted"),
    [
        ("a/b", "a%2Fb"),
        ("../x", "..%2Fx"),
        ("%2e%2e", "%252e%252e"),
        ("a%2Fb", "a%252Fb"),
        ("a?b#c", "a%3Fb%23c"),
        ("a b\r\nX: y", "a%20b%0D%0AX%3A%20y"),
        ("é漢", "%C3%A9%E6%BC%A2"),
        ("...", "..."),
        ("a;b=c&d", "a%3Bb%3Dc%26d"),
        ("\\..\\", "%5C..%5C"),
    ],
)
async def test_an_id_stays_one_part_of_the_path(server, client, ident, quoted):
    await client.send(Call("GET", (*AGENTS, ident)))
    assert server.heard[0].target == f"/v1/agents/{quoted}"


@pytest.mark.parametrize("part", ["", ".", "..", "\ud800", IdOf(Address("agent", "x"))])
async def test_an_id_that_leads_elsewhere_is_not_sent(server, client, part):
    await failure_is(client, Call("DELETE", (*AGENTS, part)), UnsafeError)
    assert server.connections == client.requests == 0


@pytest.mark.parametrize("hole", [IdOf(Address("agent", "x")), Secret("hush")])
async def test_a_hole_is_not_sent(server, client, hole):
    await failure_is(client, Call("PATCH", (*AGENTS, "a1"), {"x": [hole]}), UnsafeError)
    assert server.connections == 0


async def failure_is(client, call, sort) -> None:
    assert type(await failure(client, call)) is sort


@pytest.mark.parametrize("key", ["", "  ", "a b", "a\nb", "a\x00b", "ключ", "a\x7fb", "a\u200bb"])
async def test_a_key_that_cannot_be_one_is_refused_unseen(server, key):
    with pytest.raises(CredentialsError) as caught:
        Client(check_base_url(server.url), key)
    assert not key.strip() or key not in str(caught.value)


async def test_white_space_around_a_key_is_nothing(server):
    async with Client(check_base_url(server.url), f"  {KEY}\n") as client:
        await client.send(READ)
        assert KEY not in repr(client)
    assert server.heard[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH"])
@pytest.mark.parametrize("trouble", [reply(500), reply(502), reply(503), reply(504), reply(429), reset, say(b"")])
async def test_what_can_be_repeated_is(server, client, method, trouble):
    server.script = [trouble, trouble, reply(200, {"id": "a1"})]
    assert (await client.send(Call(method, (*AGENTS, "a1")))).body == {"id": "a1"}
    assert client.requests == len(server.heard) == 3


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_post_is_never_repeated_whatever_the_status(server, client, status):
    server.script = [reply(status, retry_after="0"), reply(200, {"id": "num_1"})]
    assert (await failure(client, BUY)).status == status
    assert client.requests == len(server.heard) == 1


@pytest.mark.parametrize(
    "trouble", [reset, say(b""), say(b"HTTP/1.1 200"), say(b"garbage\r\n\r\n"), reply(200, raw=b"<html>")]
)
async def test_a_post_is_never_repeated_whatever_the_wire_does(server, client, trouble):
    server.script = [trouble, reply(200, {"id": "num_1"})]
    error = await failure(client, BUY)
    assert type(error) is NetworkError
    assert error.sent
    assert len(server.heard) == 1


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 409, 410, 422, 301])
async def test_a_refusal_is_not_repeated(server, client, status):
    server.script = [reply(status)]
    await failure(client, READ)
    assert len(server.heard) == 1


async def test_repeating_ends_and_waits_twice_as_long_each_time(server, client, time):
    server.script = [reply(503, {"detail": "tired"})]
    error = await failure(client, READ)
    assert (error.status, len(server.heard)) == (503, 4)
    assert time.waits == [0.5, 1.0, 2.0]
    assert str(error) == "GET /v1/agents failed with 503: tired"


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("said", "waits"), [("7", [7.0]), ("0", [0.0]), ("1.5", [1.5]), ("86400", [60.0]), ("soon", [0.5]), ("-3", [0.5])]
)
async def test_the_wait_that_is_asked_for_is_kept(server, client, time, status, said, waits):
    server.script = [reply(status, retry_after=said), reply()]
    await client.send(READ)
    assert time.waits == (waits if status == 503 or waits != [0.0] else [])


async def test_a_wait_can_be_a_date_of_the_servers_own_clock(server, client, time):
    its_now = datetime(2031, 5, 1, tzinfo=UTC)
    until = format_datetime(its_now + timedelta(seconds=9), usegmt=True)
    server.script = [reply(503, retry_after=until, date=format_datetime(its_now, usegmt=True)), reply()]
    await client.send(READ)
    assert time.waits == [9.0]


async def test_no_call_waits_for_more_than_a_minute(server, client, time):
    server.script = [reply(503, retry_after="40")]
    await failure(client, READ)
    assert time.waits == [40.0]
    assert len(server.heard) == 2


async def test_when_one_is_told_to_wait_all_do(server, client, time):
    server.script = [reply(429, retry_after="9"), reply()]
    await failure(client, BUY)
    assert time.waits == []
    await asyncio.gather(*(client.send(READ) for _ in range(5)))
    assert time.waits == [9.0]


@pytest.mark.parametrize(("concurrency", "a_second"), [(8, 5), (8, 2), (64, 5), (1, 1), (8, 30)])
async def test_a_slow_limit_starves_nobody(server, time, concurrency, a_second):
    window = {}

    async def limited(heard, reader, writer):
        second = int(time.now)
        window[second] = window.get(second, 0) + 1
        act = reply(200) if window[second] <= a_second else reply(429, retry_after="1")
        return await act(heard, reader, writer)

    server.script = [limited]
    async with Client(check_base_url(server.url), KEY, concurrency=concurrency, pace=time.pace) as client:
        await asyncio.gather(*(client.send(READ) for _ in range(200)))
    assert len(window) <= 220 / a_second + 10


@pytest.mark.parametrize("concurrency", [1, 3, 8])
async def test_no_more_at_a_time_than_allowed(server, concurrency):
    async def slow(heard, reader, writer):
        await asyncio.sleep(0.005)
        return await reply()(heard, reader, writer)

    server.script = [slow]
    async with Client(check_base_url(server.url), KEY, concurrency=concurrency) as client:
        await asyncio.gather(*(client.send(READ) for _ in range(30)))
    assert server.busiest == concurrency
    assert server.connections == concurrency


async def test_each_post_has_a_connection_of_its_own(server, client):
    for _ in range(3):
        await client.send(READ)
    assert server.connections == 1
    for _ in range(3):
        await client.send(Call("POST", AGENTS, {}))
    assert server.connections == 4
    await client.send(READ)
    assert server.connections == 4


async def test_a_kept_connection_that_the_server_closed_costs_nothing(server, client, time):
    async def answer_and_close(heard, reader, writer):
        await reply(200, {"id": "x"})(heard, reader, writer)
        return False

    server.script = [answer_and_close]
    for call in (READ, BUY, READ, BUY, READ):
        assert (await client.send(call)).body == {"id": "x"}
    assert len(server.heard) == client.requests == 5


async def test_nothing_leaves_after_its_time(server, client, time):
    error = await failure(client, BUY, send_by=time.now - 0.001)
    assert (type(error), error.sent) == (TooLateError, False)
    assert server.heard == []
    await client.send(READ, send_by=time.now)
    assert len(server.heard) == 1


async def test_a_call_whose_time_ends_before_the_wait_is_not_sent_and_does_not_wait(server, client, time):
    server.script = [reply(429, retry_after="30"), reply()]
    await failure(client, BUY)
    error = await failure(client, BUY, send_by=time.now + 29)
    assert (error.sent, time.waits, len(server.heard)) == (False, [], 1)


@pytest.mark.parametrize("asked", ["5", "0", "3.9"])
async def test_a_repeat_is_not_sent_after_its_time_either_and_the_first_is_in_doubt(server, client, time, asked):
    server.script = [reply(503, retry_after=asked)]
    error = await failure(client, Call("PATCH", (*AGENTS, "a1"), {}), send_by=time.now + 4)
    assert len(server.heard) == (1 if asked == "5" else 2 if asked == "3.9" else 4)
    assert not certainly_not_done(error)


async def test_a_repeat_that_the_limit_puts_off_too_long_leaves_the_first_in_doubt(server, client, time):
    server.script = [reply(503, retry_after="1"), reply(429, retry_after="30")]
    error = await failure(client, Call("PATCH", (*AGENTS, "a1"), {}), send_by=time.now + 10)
    assert len(server.heard) == 2
    assert not certainly_not_done(error)


@pytest.mark.parametrize("first", [reply(503), reset, say(b""), reply(200, raw=b"<html>")])
@pytest.mark.parametrize("then", [reply(404), reply(422), reply(401), reply(302), reply(429)])
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_a_refusal_after_a_try_that_may_have_been_done_is_in_doubt(server, client, method, first, then):
    server.script = [first, then]
    error = await failure(client, Call(method, (*AGENTS, "a1")))
    assert type(error) is NetworkError
    assert not certainly_not_done(error)
    assert str(error).startswith("an earlier try may have been done; then: ")


async def test_a_refusal_after_a_wait_is_certain(server, client):
    server.script = [reply(429), reply(404)]
    assert certainly_not_done(await failure(client, Call("DELETE", (*AGENTS, "a1"))))


async def test_a_read_is_never_in_doubt(server, client):
    server.script = [reply(503), reply(404)]
    assert type(await failure(client, READ)) is NotFoundError


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_what_is_to_be_sent_once_is(server, client, method):
    server.script = [reply(503), reply()]
    await failure(client, Call(method, (*AGENTS, "a1")), once=True)
    assert len(server.heard) == 1


async def test_one_can_wait_for_the_limit_without_sending(server, client, time):
    server.script = [reply(429, retry_after="9"), reply()]
    await failure(client, BUY)
    await client.ready()
    assert (time.waits, len(server.heard)) == ([9.0], 1)


async def test_a_cancelled_call_closes_its_connection(server, client):
    server.script = [hang, reply()]
    call = asyncio.create_task(client.send(BUY))
    await server.heard_as_many_as(1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await client.send(READ)
    assert server.closed == 1


async def test_cancelled_callers_give_their_places_back(server):
    server.script = [hang]
    async with Client(check_base_url(server.url), KEY, concurrency=2) as client:
        calls = [asyncio.create_task(client.send(READ)) for _ in range(6)]
        await server.heard_as_many_as(2)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        server.script = [reply()]
        await asyncio.gather(*(client.send(READ) for _ in range(4)))


@pytest.mark.parametrize("act", [reply(200, {"id": "num_1"}), reply(401), reset])
async def test_no_log_shows_the_key_or_a_body(server, client, caplog, act):
    caplog.set_level(0)
    server.script = [act]
    with suppress(Error):
        await client.send(Call("POST", AGENTS, {"password": "hunter22"}))
    assert "send_request_headers" in caplog.text
    assert KEY not in caplog.text
    assert "hunter22" not in caplog.text


async def test_each_request_is_told_in_one_line_without_a_secret(server, time):
    lines = []
    server.script = [reply(503), reply(200), reset]
    async with Client(check_base_url(server.url), KEY, pace=time.pace, on_request=lines.append) as client:
        await client.send(Call("GET", (*AGENTS, "a\nb"), query=(("limit", "100"),)))
        await failure(client, Call("POST", AGENTS, {"password": "hunter22"}))
    assert lines[:2] == ["GET /v1/agents/a%0Ab?limit=100 503 0ms", "GET /v1/agents/a%0Ab?limit=100 200 0ms"]
    assert lines[2] == "POST /v1/agents no answer 0ms"


async def test_a_listener_that_fails_costs_no_reply(server):
    def broken(line: str) -> None:
        raise BrokenPipeError(line)

    server.script = [reply(200, {"id": "num_1"})]
    async with Client(check_base_url(server.url), KEY, on_request=broken) as client:
        assert (await client.send(BUY)).body == {"id": "num_1"}


@pytest.mark.parametrize(
    "trouble",
    [
        reset,
        say(b""),
        reply(401, {"detail": f"bad key {KEY}"}),
        reply(500),
        reply(200, raw=b"x"),
        reply(302, location="http://elsewhere/"),
    ],
)
async def test_no_traceback_shows_the_key(server, client, trouble):
    server.script = [trouble]
    error = await failure(client, BUY)
    shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert KEY not in shown
    assert error.__cause__ is None
    assert error.__context__ is None


async def test_a_refusal_is_an_error_with_status_and_code(server, client):
    body = {"error": {"code": "INSUFFICIENT_BALANCE", "message": "Need $3.00", "type": "validation_error"}}
    server.script = [reply(402, body)]
    error = await failure(client, BUY)
    assert (type(error), error.status, error.code) == (ApiError, 402, "INSUFFICIENT_BALANCE")
    assert str(error) == "POST /v1/numbers was refused with 402 INSUFFICIENT_BALANCE: Need $3.00"
    assert "balance" in error.hint


async def test_the_secrets_of_the_spec_are_masked_in_what_the_server_echoes(server, time):
    echo = {"detail": f'refused "hunter22-ü" for {KEY} and whsec_abc123, sk_live_other. ü-pass'}
    server.script = [reply(422, echo)]
    async with Client(check_base_url(server.url), KEY, masks=["hunter22-ü", "ü-pass"], pace=time.pace) as client:
        error = await failure(client, BUY)
    assert str(error).endswith('422: refused "***" for *** and ***, *** ***')


async def test_a_key_of_any_shape_is_masked(server):
    server.script = [reply(401, {"detail": "unknown key an-odd-key"})]
    async with Client(check_base_url(server.url), "an-odd-key") as client:
        assert str(await failure(client, READ)).endswith("unknown key ***")


async def test_time_passes_for_a_client_that_is_given_none(server):
    server.script = [reply(429, retry_after="0.01"), reply()]
    async with Client(check_base_url(server.url), KEY) as client:
        await client.send(READ, send_by=Time().now * 10**9)
    assert len(server.heard) == 2
