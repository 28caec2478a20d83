from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from apreconcile.sandbox.courier import is_loopback


@pytest.fixture
def receiver():
    """A webhook's receiver on loopback: `.got` is what came, `.status` what it answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.got.append((self.path, dict(self.headers), body))
            time.sleep(server.pause)
            self.send_response(server.status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"done")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.status, server.pause = [], 200, 0
    server.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_test_event_is_delivered_and_signed(api, seed, receiver):
    seed(agents=[{"id": "a", "name": "A"}], numbers=[{"id": "n", "agentId": "a", "phoneNumber": "+14155550123"}])
    secret = api.post("/v1/webhooks", json={"url": receiver.url}).json()["secret"]
    answer = api.post("/v1/webhooks/test", json={})
    assert answer.json() == {"success": True, "httpStatus": 200, "errorMessage": None}
    ((path, headers, body),) = receiver.got
    signed = hmac.new(secret.encode(), f"{headers['X-Webhook-Timestamp']}.".encode() + body, hashlib.sha256)
    assert headers["X-Webhook-Signature"] == f"sha256={signed.hexdigest()}"
    assert abs(int(headers["X-Webhook-Timestamp"]) - time.time()) < 60
    assert headers["X-Webhook-ID"]
    assert path == "/hook"
    event = json.loads(body)
    assert (event["event"], event["channel"], event["agentId"], event["test"]) == ("agent.message", "sms", "a", True)
    assert (event["data"]["to"], event["data"]["numberId"]) == ("+14155550123", "n")


def test_the_body_and_the_query_choose_what_is_in_the_event(api, seed, receiver):
    seed(agents=[{"id": "a", "name": "A"}, {"id": "b", "name": "B"}])
    api.post("/v1/webhooks", json={"url": receiver.url})
    said = {"from": "+1555", "to": "+1666", "message": "hello", "channel": "whatsapp"}
    api.post("/v1/webhooks/test?agentId=b", json=said)
    event = json.loads(receiver.got[0][2])
    assert (event["agentId"], event["channel"]) == ("b", "whatsapp")
    assert {name: event["data"][name] for name in ("from", "to", "message")} == {
        "from": "+1555",
        "to": "+1666",
        "message": "hello",
    }
    assert api.post("/v1/webhooks/test?agentId=nobody").status_code == 404
    assert api.post("/v1/webhooks/test", json={"channel": "fax"}).status_code == 422


def test_an_agents_event_goes_to_its_own_webhook(api, seed, receiver):
    seed(agents=[{"id": "a", "name": "A"}])
    assert api.post("/v1/agents/a/webhook/test").status_code == 404
    api.post("/v1/webhooks", json={"url": "https://elsewhere.example"})
    api.post("/v1/agents/a/webhook", json={"url": receiver.url + "/own"})
    assert api.post("/v1/agents/a/webhook/test").json()["success"] is True
    assert [path for path, _, _ in receiver.got] == ["/hook/own"]
    (delivery,) = api.get("/v1/agents/a/webhook/deliveries").json()
    assert delivery["status"] == "success"


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_refused_event_is_a_failed_delivery_and_no_redirect_is_followed(api, receiver, status):
    receiver.status = status
    api.post("/v1/webhooks", json={"url": receiver.url})
    assert api.post("/v1/webhooks/test").json() == {
        "success": False,
        "httpStatus": status,
        "errorMessage": f"HTTP {status}",
    }
    assert len(receiver.got) == 1


def test_a_receiver_that_is_not_there_is_a_failed_delivery(api):
    api.post("/v1/webhooks", json={"url": "http://127.0.0.1:1/hook"})
    answer = api.post("/v1/webhooks/test").json()
    assert (answer["success"], answer["httpStatus"]) == (False, None)
    assert answer["errorMessage"].startswith("ConnectError")


def test_nothing_leaves_this_machine(api):
    api.post("/v1/webhooks", json={"url": "https://hooks.example/x"})
    answer = api.post("/v1/webhooks/test").json()
    message = "not delivered: the sandbox delivers to loopback addresses only"
    assert answer == {"success": False, "httpStatus": None, "errorMessage": message}
    (delivery,) = api.get("/v1/webhooks/deliveries").json()["items"]
    assert (delivery["status"], delivery["errorMessage"]) == ("failed", message)


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:80/x", True),
        ("http://127.8.9.1", True),
        ("http://[::1]:5/x", True),
        ("https://localhost/x", True),
        ("http://hooks.localhost/x", True),
        ("http://localhost.example/x", False),
        ("http://127.0.0.1.example/x", False),
        ("http://127.0.0.1@hooks.example/x", False),
        ("http://0.0.0.0/x", False),
        ("http://10.0.0.1/x", False),
        ("http://[::ffff:8.8.8.8]/x", False),
        ("http://[bad/x", False),
    ],
)
def test_loopback_is_told_by_the_name(url, here):
    assert is_loopback(url) is here


def test_deliveries_are_listed_and_counted(api, seed, receiver):
    seed(agents=[{"id": "a", "name": "A"}])
    api.post("/v1/webhooks", json={"url": receiver.url})
    assert api.get("/v1/webhooks/deliveries").json() == {"items": [], "total": 0, "offset": 0, "limit": 50}
    assert api.get("/v1/webhooks/deliveries/stats").json() == {
        "total": 0,
        "success": 0,
        "failed": 0,
        "pending": 0,
        "successRate": 0,
        "byEventType": {},
        "byHour": [],
    }
    api.post("/v1/webhooks/test")
    api.post("/_sandbox/clock", json={"advance": 7200})
    receiver.status = 500
    api.post("/v1/webhooks/test")
    page = api.get("/v1/webhooks/deliveries?limit=1&offset=1").json()
    assert {**page, "items": None} == {"items": None, "total": 2, "offset": 1, "limit": 1}
    assert set(page["items"][0]) == {
        "id",
        "messageId",
        "eventType",
        "channel",
        "status",
        "httpStatus",
        "errorMessage",
        "responseBody",
        "attemptCount",
        "lastAttemptAt",
        "nextRetryAt",
        "createdAt",
    }
    assert page["items"][0]["responseBody"] == "done"
    assert api.get("/v1/webhooks/deliveries?hours=1").json()["total"] == 1
    stats = api.get("/v1/webhooks/deliveries/stats").json()
    assert (stats["total"], stats["success"], stats["failed"], stats["successRate"]) == (2, 1, 1, 50.0)
    assert stats["byEventType"] == {"agent.message": {"total": 2, "success": 1, "failed": 1, "pending": 0}}
    assert [hour["success"] for hour in stats["byHour"]] == [1, 0]
    assert api.get("/v1/webhooks/deliveries/all-time").json() == {
        "total": 2,
        "success": 1,
        "failed": 1,
        "successRate": 50.0,
    }
    assert api.get("/v1/usage").json()["stats"]["failedWebhookDeliveries"] == 1


@pytest.mark.parametrize("query", ["hours=0", "hours=169", "hours=x", "limit=101"])
def test_a_span_out_of_range_is_422(api, query):
    assert api.get(f"/v1/webhooks/deliveries?{query}").status_code == 422


def test_without_a_webhook_there_is_nothing_to_test(api):
    assert api.post("/v1/webhooks/test").status_code == 404
