from __future__ import annotations

import socket

import pytest

from apreconcile.sandbox.routes import ROUTES


def raw(api, content: bytes) -> bytes:
    """Send bytes as they are and return what comes back until the connection is idle or closed."""
    with socket.create_connection((api.base_url.host, api.base_url.port), timeout=5) as line:
        line.sendall(content)
        return line.recv(65_536)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic a2V5", "key-one"])
def test_without_a_key_every_call_is_401_in_fastapis_shape(start, header):
    api = start(key=None)
    headers = {} if header is None else {"Authorization": header}
    for route in ROUTES:
        path = "/" + "/".join(segment or "x" for segment in route.segments)
        answer = api.request(route.method, path, headers=headers)
        assert answer.status_code == 401
        assert answer.json() == {"detail": "Missing API key"}
        assert answer.headers["www-authenticate"] == "Bearer"


def test_with_keys_only_those_are_let_in(start):
    api = start(key="key-two", keys=("key-one", "key-ñ"))
    assert api.get("/v1/agents").status_code == 401
    for key in (b"Bearer key-one", b"bearer key-one", "Bearer key-ñ".encode()):
        assert api.get("/v1/agents", headers={"Authorization": key}).status_code == 200
    assert api.get("/v1/agents", headers={"Authorization": "Bearer key-on"}).status_code == 401


def test_an_unknown_path_is_404_and_a_wrong_method_405_with_what_is_allowed(api):
    for path in ("/", "/v1", "/v1/nothing", "/v2/agents", "/v1/agents/a/b/c/d", "//v1/agents", "/v1//agents"):
        answer = api.get(path)
        assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})
    for method, path, allowed in (
        ("PUT", "/v1/agents", "GET, POST"),
        ("POST", "/v1/agents/a", "GET, PATCH, DELETE"),
        ("DELETE", "/v1/calls/c", "GET"),
        ("PATCH", "/v1/webhooks", "GET, POST, DELETE"),
        ("HEAD", "/v1/agents", "GET, POST"),
        ("OPTIONS", "/v1/agents", "GET, POST"),
    ):
        answer = api.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


def test_literal_paths_come_before_ids(api, seed):
    seed(agents=[{"id": "voices", "name": "Trap"}], numbers=[{"id": "available"}, {"id": "lookup"}])
    assert "data" in api.get("/v1/agents/voices").json()
    assert "data" in api.get("/v1/numbers/available").json()
    assert api.get("/v1/numbers/lookup").status_code == 422
    assert api.delete("/v1/agents/voices").json()["name"] == "Trap"


@pytest.mark.parametrize(
    ("shape", "body"),
    [
        (
            "envelope",
            {
                "error": {
                    "message": "Phone number not found",
                    "code": "PHONE_NUMBER_NOT_FOUND",
                    "type": "not_found",
                    "details": [],
                }
            },
        ),
        (
            "flat",
            {"message": "Phone number not found", "code": "PHONE_NUMBER_NOT_FOUND", "type": "not_found", "details": []},
        ),
        ("detail", {"detail": "Phone number not found"}),
    ],
)
def test_the_services_errors_have_the_chosen_shape(start, shape, body):
    answer = start(error_shape=shape).get("/v1/numbers/x")
    assert (answer.status_code, answer.json()) == (404, body)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "missing"),
        (b"   ", "missing"),
        (b"{", "json_invalid"),
        (b'{"name": NaN}', "json_invalid"),
        (b'{"name": Infinity}', "json_invalid"),
        (b"\xff\xfe", "json_invalid"),
        (b'{"name": "\xff"}', "json_invalid"),
        (b"9" * 5000, "json_invalid"),
        (b"[" * 100_000, "json_invalid"),
        (b'{"name":' * 100_000, "json_invalid"),
        (b"null", "model_attributes_type"),
        (b"[]", "model_attributes_type"),
        (b'"name"', "model_attributes_type"),
        (b"1e400", "json_invalid"),
        (b"1", "model_attributes_type"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/agents", "/v1/webhooks", "/v1/numbers"])
def test_a_body_that_is_no_object_is_422(api, path, content, kind):
    answer = api.post(path, content=content)
    assert answer.status_code == 422
    (problem,) = answer.json()["detail"]
    assert (problem["loc"][0], problem["type"]) == ("body", kind)


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        (b'{"x": 1e400}', 422),
        (b'{"x": "\\ud800"}', 200),
        (b'{"x":' * 150 + b"1" + b"}" * 150, 200),
        (b'{"x":' * 250 + b"1" + b"}" * 250, 422),
        (b'{"x":' * 990 + b"1" + b"}" * 990, 422),
        (b'{"x":' * 5_000 + b"1" + b"}" * 5_000, 422),
    ],
)
def test_deep_and_strange_schemas_are_kept_or_refused_but_never_break_a_list(api, parameters, status):
    tool = b'{"name": "t", "description": "d", "url": "https://x.example", "parameters": ' + parameters + b"}"
    answer = api.post("/v1/agents", content=b'{"name": "x", "customTools": [' + tool + b"]}")
    assert answer.status_code == status
    assert api.get("/v1/agents").json()["total"] == (answer.status_code == 200)
    assert api.get("/_sandbox/requests").status_code == 200


def test_a_body_that_is_too_large_is_413(api):
    assert api.post("/v1/agents", content=b"x" * (17 << 20)).status_code == 413
    assert api.get("/v1/agents").status_code == 200


def test_a_large_prompt_is_kept(api):
    prompt = "prompt " * 200_000
    agent = api.post("/v1/agents", json={"name": "x", "systemPrompt": prompt}).json()
    assert api.get(f"/v1/agents/{agent['id']}").json()["systemPrompt"] == prompt


@pytest.mark.parametrize(
    "known", ["a%2Fb", "%00", "%F0%9F%8E%A7", "..", "%2e%2e", "x'; DROP TABLE agents; --", "%ff", "a?b", "*"]
)
def test_a_strange_id_is_just_not_there(api, known):
    path = known.replace(" ", "%20").replace("?", "%3F")
    for tail in ("", "/webhook", "/numbers/x"):
        assert api.delete(f"/v1/agents/{path}{tail}").status_code in {404, 405}
    assert api.get("/v1/agents").status_code == 200


def test_an_encoded_slash_stays_inside_its_segment(api, seed):
    seed(agents=[{"id": "a", "name": "A"}])
    answer = raw(api, b"DELETE /v1/agents/a%2Fwebhook HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key-one\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"Agent not found" in answer


def test_bytes_that_are_no_http_break_nothing(api):
    for content in (
        b"\x16\x03\x01 hello\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST /v1/agents HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    ):
        assert raw(api, content).startswith((b"HTTP/1.1 400", b""))
    assert api.get("/v1/agents").status_code == 200


def test_a_request_that_never_comes_whole_does_nothing(api):
    head = b"POST /v1/agents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key-one\r\nContent-Length: 100\r\n\r\n"
    with socket.create_connection((api.base_url.host, api.base_url.port), timeout=5) as line:
        line.sendall(head + b'{"name": "half"')
    assert api.get("/v1/agents").json()["total"] == 0


def test_a_chunked_body_is_read(api):
    answer = api.post("/v1/agents", content=iter([b'{"na', b'me": "x"}']))
    assert (answer.status_code, answer.json()["name"]) == (200, "x")
