"""Every shape of error body that the fact sheet knows, and those that nobody should send."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apreconcile.core.call import Call, Reply
from apreconcile.core.errors import ApiError, CredentialsError, Error, NotFoundError
from apreconcile.core.masking import Masking
from apreconcile.live.answer import Answer, read, retry_after

CALL = Call("POST", ("v1", "agents"))
PREFIX = "POST /v1/agents was refused with "
NONE = Masking(())


def error(body, status=422, kind="application/json", masking=NONE) -> Error:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    ended = read(CALL, Answer(status, {"content-type": kind}, content), masking)
    assert isinstance(ended, Error)
    return ended


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"detail": "Not here"}, "422: Not here"),
        ({"message": "Not here"}, "422: Not here"),
        ({"error": "Not here"}, "422: Not here"),
        ({"error": {"message": "Not here"}}, "422: Not here"),
        ({"error": {"message": "Not here", "code": "X_Y", "type": "z"}}, "422 X_Y: Not here"),
        ({"message": "Not here", "code": "X_Y", "details": None}, "422 X_Y: Not here"),
        (
            {
                "error": {
                    "message": "Bad",
                    "code": "VALIDATION_ERROR",
                    "details": [{"field": "name", "message": "empty"}],
                }
            },
            "422 VALIDATION_ERROR: Bad: name: empty",
        ),
        (
            {"detail": [{"loc": ["body", "name"], "msg": "field required", "type": "x", "input": "secret"}]},
            "422: body.name: field required",
        ),
        (
            {"detail": [{"loc": ["body", "tools", 0, "url"], "msg": "not https"}, {"loc": ["body"], "msg": "odd"}]},
            "422: body.tools.0.url: not https; body: odd",
        ),
        ({"detail": []}, "422"),
        ({"detail": [None, 7, {}]}, "422: ; "[:3]),
        ({"detail": {"x": "y"}}, "422"),
        ({"message": 7, "code": 8, "details": "x"}, "422"),
        ({"code": "has space"}, "422"),
        ({"code": "a" * 65}, "422"),
        ([], "422"),
        (None, "422"),
        ("plain", "422: plain"),
        (b"", "422"),
        (b"<html>very long page</html>", "422"),
        (b"[" * 100_000, "422"),
        ({"detail": "a\nb\x1b[31m\u202ec"}, "422: a b [31m c"),
    ],
)
def test_every_shape_becomes_a_sentence(body, said):
    assert str(error(body)).rstrip(":; ") == PREFIX + said


def test_plain_text_is_said_and_pages_are_not():
    assert str(error(b"upstream is gone", 400, "text/plain; charset=utf-8")) == PREFIX + "400: upstream is gone"
    assert str(error(b"<h1>upstream</h1>", 400, "text/html")) == PREFIX + "400"


def test_a_packed_error_is_read():
    packed = Answer(400, {"content-encoding": "gzip"}, gzip.compress(b'{"detail": "no"}'))
    assert str(read(CALL, packed, NONE)) == PREFIX + "400: no"


def test_a_long_text_is_cut():
    assert len(str(error({"detail": "x" * 10_000}))) == len(PREFIX + "422: ") + 256


@pytest.mark.parametrize(
    ("status", "body", "sort", "word"),
    [
        (401, {}, CredentialsError, "AGENTPHONE_API_KEY"),
        (401, {"code": "CARRIER_ERROR"}, ApiError, "carrier"),
        (402, {}, ApiError, "balance"),
        (400, {"error": {"code": "INSUFFICIENT_BALANCE"}}, ApiError, "balance"),
        (403, {}, ApiError, "permissions"),
        (404, {}, NotFoundError, "missing"),
        (400, {"error": {"code": "VALIDATION_ERROR_NUMBER_LIMIT"}}, ApiError, "release one"),
        (409, {"code": "VALIDATION_ERROR_NUMBER_LIMIT"}, ApiError, "release one"),
        (422, {}, ApiError, "spec"),
        (429, {}, ApiError, "--concurrency"),
        (502, {"code": "CARRIER_ERROR"}, ApiError, "plan"),
        (502, {"code": "TWILIO_ERROR"}, ApiError, "plan"),
    ],
)
def test_each_case_has_its_hint(status, body, sort, word):
    ended = error(body, status)
    assert type(ended) is sort
    assert word in ended.hint


@pytest.mark.parametrize(
    "location",
    ["", "/v1/agents/", "//[", "https://user:hunter22@evil.example/hunter22", "javascript:alert(1)", "http://[::"],
)
def test_a_redirect_names_a_host_and_nothing_else(location):
    ended = read(CALL, Answer(302, {"location": location}, b"hunter22"), NONE)
    assert "redirects are not followed" in str(ended)
    assert "hunter22" not in str(ended)


SECRETS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters="*…"), min_size=4, max_size=30)


@given(SECRETS, st.text(max_size=300), st.text(max_size=300), st.sampled_from([400, 401, 422, 500]))
def test_no_secret_survives_an_error(secret, before, after, status):
    masking = Masking([secret])
    for body in ({"detail": before + secret + after}, {"code": secret, "message": secret}, [secret], secret):
        for kind in ("application/json", "text/plain"):
            assert secret not in str(error(body, status, kind, masking))


def test_a_code_that_is_a_secret_is_no_code():
    ended = error({"code": "hunter22", "message": "hunter22"}, 400, masking=Masking(["hunter22"]))
    assert (ended.code, str(ended)) == ("", PREFIX + "400: ***")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("key sk_live_abc-DEF_1.2 end", "key *** end"),
        ('{"secret":"whsec_abc"}', '{"secret":"***"}'),
        ("whsec_", "whsec_"),
        ("hunter22 and hunter222", "*** and ***"),
        ('say \\"hi\\" \\u00fc', "***"),
        ("x=say%20%22hi%22%20%C3%BC", "x=***"),
        ("abc", "abc"),
    ],
)
def test_masking(text, masked):
    assert Masking(["hunter22", "hunter222", "abc", "", 'say "hi" ü'])(text) == masked


def test_masking_does_not_show_what_it_masks():
    assert "hunter22" not in repr(Masking(["hunter22"]))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "5"}, 5.0),
        ({"retry-after": " 5 "}, 5.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "1e9"}, None),
        ({"retry-after": "\u0665"}, None),
        ({"retry-after": "9" * 40}, None),
        ({"retry-after": "Thu, 01 May 2031 00:00:30 GMT"}, 30.0),
        ({"retry-after": "Thu, 01 May 2031 00:00:30 GMT", "date": "Thu, 01 May 2031 00:00:10 GMT"}, 20.0),
        ({"retry-after": "Thu, 01 May 2031 00:00:30 GMT", "date": "yesterday"}, 30.0),
        ({"retry-after": "Wed, 30 Apr 2031 00:00:00 GMT"}, 0.0),
        ({"retry-after": "Thu, 99 May 2031 00:00:30 GMT"}, None),
        ({"retry-after": "Thu, 01 May 2031 00:00:30 -0000"}, 30.0),
    ],
)
def test_how_long_the_server_asks_to_wait(headers, seconds):
    assert retry_after(Answer(429, headers, b""), datetime(2031, 5, 1, tzinfo=UTC)) == seconds


@given(st.integers(100, 599), st.binary(max_size=60), st.sampled_from(["GET", "POST", "PATCH", "DELETE"]))
def test_whatever_comes_is_a_reply_or_an_error(status, content, method):
    for encoding in ("", "gzip", "br"):
        ended = read(Call(method, ("v1", "x")), Answer(status, {"content-encoding": encoding}, content), NONE)
        assert isinstance(ended, Error) or (isinstance(ended, Reply) and 200 <= ended.status < 300)
