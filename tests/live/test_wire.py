"""Did a byte of the request leave? Asked of real sockets in every state that a connection can be in."""

from __future__ import annotations

import asyncio
import gzip
import json
import shutil
import socket
import ssl
import subprocess
import time as real_time

import pytest

from apreconcile.core.address import Address
from apreconcile.core.call import Call
from apreconcile.core.errors import ApiError, CredentialsError, Error, NetworkError
from apreconcile.core.verdict import certainly_not_done
from apreconcile.live.answer import LARGEST
from apreconcile.live.client import Client
from apreconcile.live.hosts import BaseUrl, check_base_url
from apreconcile.live.wire import _Watch
from tests.live.conftest import KEY, Server, drip, hang, reply, reset, say

pytestmark = pytest.mark.anyio

BUY = Call("POST", ("v1", "numbers"), {"country": "US"}, names=Address("number", "main"))
OK = b"HTTP/1.1 200 OK\r\n"
NUMBER = json.dumps({"id": "num_1"}).encode()


async def ended(url: str | BaseUrl, call: Call = BUY, patience: float = 5.0) -> Error:
    base = check_base_url(url) if isinstance(url, str) else url
    async with Client(base, KEY, timeout=patience) as client:
        with pytest.raises(Error) as caught:
            await client.send(call)
    assert KEY not in str(caught.value)
    return caught.value


def unknown(error: Error) -> bool:
    return type(error) is NetworkError and error.sent and not certainly_not_done(error)


def not_sent(error: Error) -> bool:
    return type(error) is NetworkError and not error.sent and certainly_not_done(error)


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(reset, id="reset"),
        pytest.param(say(b""), id="closed before the reply"),
        pytest.param(say(b"HTTP/1.1 20"), id="closed within the first line"),
        pytest.param(say(OK + b"Content-Le"), id="closed within the headers"),
        pytest.param(say(OK + b"Content-Length: 500\r\n\r\n" + NUMBER), id="closed within the body"),
        pytest.param(say(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\n" + NUMBER[:5]), id="closed within a chunk"),
        pytest.param(say(OK + b"Transfer-Encoding: chunked\r\n\r\nxx\r\n"), id="no chunk"),
        pytest.param(say(OK + b"\r\n" + NUMBER[:-1]), id="cut without a length"),
        pytest.param(say(b"SSH-2.0-OpenSSH_9.6\r\n"), id="another protocol"),
        pytest.param(say(b"\x16\x03\x01\x00\xff" * 50), id="garbage"),
        pytest.param(say(OK + b"X: " + b"a" * 200_000), id="endless header"),
        pytest.param(say(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), id="another protocol by 101"),
        pytest.param(reply(200, raw=b""), id="empty"),
        pytest.param(reply(204, raw=b""), id="204"),
        pytest.param(reply(200, raw=b"<html>hello</html>", content_type="text/html"), id="a page"),
        pytest.param(reply(200, raw=b"null"), id="null"),
        pytest.param(reply(200, raw=b"[]"), id="a list"),
        pytest.param(reply(200, raw=b'"num_1"'), id="a string"),
        pytest.param(reply(200, {}), id="no id"),
        pytest.param(reply(200, {"id": None}), id="an empty id"),
        pytest.param(reply(200, {"id": 7}), id="a number for an id"),
        pytest.param(reply(200, {"id": ""}), id="no text for an id"),
        pytest.param(reply(200, {"data": {"id": "num_1"}}), id="an id elsewhere"),
        pytest.param(reply(200, raw=b'{"id": "num_1", "x": NaN}'), id="NaN"),
        pytest.param(reply(200, raw=b"[" * 200_000), id="deep"),
        pytest.param(reply(200, raw=b"\xff\xfe\x00{"), id="no text"),
        pytest.param(reply(200, raw=NUMBER, content_encoding="br"), id="an encoding nobody asked for"),
        pytest.param(reply(200, raw=gzip.compress(gzip.compress(NUMBER)), content_encoding="gzip, gzip"), id="twice"),
        pytest.param(reply(200, raw=NUMBER, content_encoding="gzip"), id="not gzip"),
        pytest.param(reply(200, raw=gzip.compress(NUMBER)[:-9], content_encoding="gzip"), id="cut gzip"),
        pytest.param(reply(200, raw=gzip.compress(NUMBER + b" " * LARGEST), content_encoding="gzip"), id="bomb"),
        pytest.param(reply(200, raw=NUMBER + b" " * LARGEST), id="huge"),
        pytest.param(reply(500), id="500"),
        pytest.param(reply(502, {"error": {"code": "CARRIER_ERROR", "message": "m"}}), id="502"),
        pytest.param(reply(503, retry_after="0"), id="503"),
        pytest.param(reply(408), id="408"),
        pytest.param(reply(410), id="410"),
        pytest.param(reply(400, {"error": {"code": "CARRIER_ERROR", "message": "m"}}), id="carrier behind 400"),
        pytest.param(reply(401, {"code": "TWILIO_ERROR", "message": "m"}), id="carrier behind 401"),
        pytest.param(reply(409, {"error": {"code": "TWILIO_ERROR"}}), id="carrier behind 409"),
    ],
)
async def test_it_may_have_been_bought(server, act):
    server.script = [act]
    error = await ended(server.url)
    assert len(server.heard) == 1
    assert not certainly_not_done(error)
    assert unknown(error) or isinstance(error, ApiError)
    assert error.hint or isinstance(error, ApiError)


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 402, 403, 404, 405, 409, 422, 429])
async def test_it_was_certainly_not_bought(server, status):
    server.script = [reply(status, {"detail": "no"}, location="https://evil.example/x?token=1")]
    error = await ended(server.url)
    assert certainly_not_done(error)
    assert isinstance(error, ApiError)
    assert error.status == status


async def test_a_bad_key_is_an_error_of_its_own(server):
    server.script = [reply(401, {"detail": "bad key"})]
    error = await ended(server.url)
    assert type(error) is CredentialsError
    assert certainly_not_done(error)
    assert "AGENTPHONE_API_KEY" in error.hint


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed_and_only_their_host_is_named(server, status):
    server.script = [reply(status, location=f"https://evil.example:8/{KEY}?a=b")]
    error = await ended(server.url, Call("GET", ("v1", "agents")))
    assert str(error) == f"GET /v1/agents answered {status}, a redirect to evil.example; redirects are not followed"
    assert len(server.heard) == 1


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("act", [reply(200, raw=b""), reply(204, raw=b"")])
async def test_a_write_that_reveals_nothing_may_be_answered_with_nothing(server, method, act):
    server.script = [act]
    async with Client(check_base_url(server.url), KEY) as client:
        assert (await client.send(Call(method, ("v1", "agents", "a")))).body is None


@pytest.mark.parametrize("act", [reply(200, raw=b""), reply(204, raw=b""), reply(200, raw=b"  \n")])
async def test_nothing_is_not_null_to_a_read(server, act, client, time):
    server.script = [act]
    with pytest.raises(NetworkError, match="its body is empty"):
        await client.send(Call("GET", ("v1", "webhooks")))
    server.script = [reply(200, raw=b"null")]
    assert (await client.send(Call("GET", ("v1", "webhooks")))).body is None


async def test_replies_before_the_reply_are_passed_over(server):
    server.script = [
        say(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
            + OK
            + b"Content-Length: %d\r\n\r\n" % len(NUMBER)
            + NUMBER
        )
    ]
    async with Client(check_base_url(server.url), KEY) as client:
        assert (await client.send(BUY)).body == {"id": "num_1"}


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP"])
async def test_gzip_is_read(server, encoding):
    server.script = [reply(200, raw=gzip.compress(NUMBER), content_encoding=encoding)]
    async with Client(check_base_url(server.url), KEY) as client:
        assert (await client.send(BUY)).body == {"id": "num_1"}
    assert server.heard[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("act", [hang, drip(OK + b"X: "), drip(OK + b"Content-Length: 1000000\r\n\r\n")])
async def test_a_server_that_never_ends_is_left_in_time(server, act):
    server.script = [act]
    started = real_time.monotonic()
    error = await ended(server.url, patience=0.6)
    assert unknown(error)
    assert real_time.monotonic() - started < 5
    assert "it took too long" in str(error)


async def test_endless_early_replies_are_left_in_time(server):
    async def early(heard, reader, writer):
        while not reader.at_eof():
            writer.write(b"HTTP/1.1 102 Processing\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.001)
        return False

    server.script = [early]
    assert unknown(await ended(server.url, patience=0.6))


async def test_a_refused_connection_sent_nothing_and_is_not_tried_again(time):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        error = await ended(url)
        async with Client(check_base_url(url), KEY, pace=time.pace) as client:
            with pytest.raises(NetworkError):
                await client.send(Call("GET", ("v1", "agents")))
            assert client.requests == 1
    assert not_sent(error)
    assert "could not be reached: the connection was refused" in str(error)
    assert "sandbox serve" in error.hint


async def test_a_connection_that_nobody_takes_sent_nothing():
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        error = await ended(f"http://127.0.0.1:{full.getsockname()[1]}", patience=0.6)
        for each in waiting:
            each.close()
    assert not_sent(error)
    assert "it took too long" in str(error)


async def test_a_name_that_is_not_found_sent_nothing(monkeypatch):
    def unknown_name(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown_name)
    error = await ended(BaseUrl("http://nowhere.invalid", "loopback"))
    assert not_sent(error)
    assert "its name was not found" in str(error)


@pytest.mark.parametrize("speaks", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
async def test_a_server_that_speaks_no_tls_was_sent_nothing(speaks):
    heard = bytearray()

    async def plain(reader, writer):
        heard.extend(await reader.read(4096))
        writer.write(speaks)
        heard.extend(await reader.read())
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as listening:
        error = await ended(
            f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}", patience=15 if speaks else 0.6
        )
    assert not_sent(error)
    assert str(error).endswith("the TLS handshake failed" if speaks else "it took too long")
    assert b"Bearer" not in heard


@pytest.fixture
def untrusted(tmp_path):
    openssl = shutil.which("openssl")
    assert openssl, "this test wants openssl"
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", *subject]
    subprocess.run([openssl, *new, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    return tls


@pytest.mark.tools
async def test_a_certificate_that_is_not_trusted_was_sent_nothing(untrusted):
    it = Server([reply(200, {"id": "num_1"})])
    async with await asyncio.start_server(it.serve, "127.0.0.1", 0, ssl=untrusted) as listening:
        error = await ended(f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}")
    assert not_sent(error)
    assert "its certificate is not trusted" in str(error)
    assert it.heard == []


def test_what_was_not_seen_to_fail_early_may_have_been_sent():
    assert _Watch(lambda: 0.0, None).may_have_sent(TimeoutError())


class TestProxies:
    @pytest.fixture(autouse=True)
    def _no_proxies(self, monkeypatch):
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.lower(), raising=False)

    @pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"])
    async def test_no_proxy_sees_what_goes_to_loopback(self, server, monkeypatch, name):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        server.script = [reply(200, {"id": "num_1"})]
        async with Client(check_base_url(server.url), KEY) as client:
            assert (await client.send(BUY)).body == {"id": "num_1"}

    @pytest.mark.parametrize(
        "act",
        [
            pytest.param(reply(403), id="refused"),
            pytest.param(reply(407), id="wants a password"),
            pytest.param(reset, id="reset"),
            pytest.param(say(b""), id="closed"),
            pytest.param(hang, id="silent"),
            pytest.param(say(b"HTTP/1.1 200 OK\r\n\r\n"), id="closed before TLS"),
            pytest.param(say(b"HTTP/1.1 200 OK\r\n\r\nnot TLS"), id="no TLS"),
        ],
    )
    async def test_a_proxy_that_fails_saw_neither_key_nor_request(self, server, monkeypatch, act):
        monkeypatch.setenv("HTTPS_PROXY", server.url.replace("//", "//me:hunter22@"))
        server.script = [act]
        error = await ended("https://api.agentphone.ai", patience=0.6 if act is hang else 15)
        assert not_sent(error)
        assert "hunter22" not in str(error)
        assert {(heard.method, heard.target) for heard in server.heard} == {("CONNECT", "api.agentphone.ai:443")}
        assert all("authorization" not in heard.headers and KEY not in repr(heard) for heard in server.heard)

    @pytest.mark.parametrize(("method", "tries"), [("GET", 4), ("PATCH", 4), ("DELETE", 4), ("POST", 1)])
    async def test_a_network_that_fails_is_tried_again_unless_it_is_a_post(
        self, server, monkeypatch, time, method, tries
    ):
        monkeypatch.setenv("HTTPS_PROXY", server.url)
        server.script = [say(b"")]
        async with Client(check_base_url("https://api.agentphone.to"), KEY, pace=time.pace) as client:
            with pytest.raises(NetworkError):
                await client.send(Call(method, ("v1", "agents", "a")))
            assert client.requests == len(server.heard) == tries

    @pytest.mark.parametrize("proxy", ["nonsense://me:hunter22@x", "socks5://me:hunter22@x", "http://[me:hunter22"])
    async def test_a_proxy_that_cannot_be_is_said_without_its_password(self, monkeypatch, proxy):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        error = None
        try:
            async with Client(check_base_url("https://api.agentphone.ai"), KEY, timeout=0.1) as client:
                await client.send(BUY)
        except Error as caught:
            error = caught
        assert not_sent(error)
        assert error.__context__ is None
        assert "hunter22" not in f"{error}{error.hint}"

    async def test_a_netrc_does_not_replace_the_key(self, server, monkeypatch, tmp_path):
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login x password hunter22\ndefault login x password hunter22\n")
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.setenv("HOME", str(tmp_path))
        server.script = [reply(200, {"id": "num_1"})]
        for base in (check_base_url(server.url), BaseUrl(server.url, "api.agentphone.ai")):
            async with Client(base, KEY) as client:
                await client.send(BUY)
        assert {heard.headers["authorization"] for heard in server.heard} == {f"Bearer {KEY}"}
