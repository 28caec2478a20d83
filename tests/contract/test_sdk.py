from __future__ import annotations

import inspect
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import agentphone
import pytest
from agentphone import construct_event, verify_webhook

from apreconcile.sandbox import Options, running

RESOURCES = ("numbers", "agents", "conversations", "webhooks", "usage", "sub_accounts")
CALLS = {"calls.list", "calls.get", "calls.get_transcript"}


@pytest.fixture
def receiver():
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            server.got.append((self.headers, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.got, server.url = [], f"http://127.0.0.1:{server.server_port}/hook"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_agents(sdk):
    made = sdk.agents.create(
        name="Support",
        voice_mode="hosted",
        system_prompt="Be kind.",
        begin_message="Hi",
        transfer_number="+14155550123",
        max_silence_ms=20_000,
        voice_speed=1.5,
        language="de-DE",
        enable_backchannel=False,
        description="d",
        model_tier="max",
        voice="nova",
        voicemail_message="bye",
        stt_mode="accurate",
        ambient_sound="office",
        denoising_mode="noise-cancellation",
        enable_messaging=False,
        interruption_sensitivity=0.25,
    )
    assert (made.name, made.voice_mode, made.voice_speed, made.language) == ("Support", "hosted", 1.5, "de-DE")
    assert (made.enable_backchannel, made.interruption_sensitivity, made.numbers) == (False, 0.25, [])
    assert sdk.agents.get(made.id) == made
    changed = sdk.agents.update(made.id, name="Help", transfer_number="")
    assert (changed.name, changed.transfer_number, changed.system_prompt) == ("Help", None, "Be kind.")
    listed = sdk.agents.list(limit=1)
    assert (listed.data, listed.total, listed.has_more) == ([changed], 1, False)
    assert sdk.agents.list(offset=1).data == []
    assert {"voice_id", "voice_name"} <= set(sdk.agents.list_voices()[0])
    assert sdk.agents.delete(made.id) == {"success": True, "id": made.id, "name": "Help"}
    with pytest.raises(agentphone.NotFoundError):
        sdk.agents.get(made.id)


def test_numbers(sdk):
    agent = sdk.agents.create(name="A")
    (offer,) = sdk.numbers.available(area_code="415", limit=1)
    assert (offer.area_code, offer.city) == ("415", "San Francisco")
    number = sdk.numbers.buy(
        area_code="415", agent_id=agent.id, external_id="mine", type="sms", expires_at="2999-01-01T00:00:00Z"
    )
    assert (number.phone_number, number.agent_id, number.status) == (offer.phone_number, agent.id, "active")
    assert (number.external_id, number.expires_at) == ("mine", "2999-01-01T00:00:00.000000Z")
    assert sdk.numbers.update(number.id, external_id="other").external_id == "other"
    assert sdk.numbers.get(number.id).external_id == "other"
    assert [held.id for held in sdk.agents.get(agent.id).numbers] == [number.id]
    listed = sdk.numbers.list()
    assert ([held.id for held in listed.data], listed.has_more, listed.total) == ([number.id], False, 1)
    (line,) = sdk.numbers.lookup([number.phone_number])
    assert (line.phone_number, line.country, line.line_type) == (number.phone_number, "US", "voip")
    assert sdk.agents.detach_number(agent.id, number.id) == {"success": True}
    assert sdk.agents.attach_number(agent.id, number.id)["number"]["id"] == number.id
    sdk.numbers.set_contact_card(number.id, "Ada", "Lovelace", avatar_url="https://x.example/a.png")
    assert sdk.numbers.get_contact_card(number.id)["hasAvatar"] is True
    assert sdk.numbers.delete_contact_card(number.id) == {}
    assert sdk.numbers.release(number.id)["status"] == "released"
    assert sdk.numbers.get(number.id).status == "released"
    assert sdk.numbers.list().data == []
    sdk.agents.delete(agent.id)


def test_webhooks_and_a_delivered_event_that_verifies(sdk, receiver):
    agent = sdk.agents.create(name="A")
    assert sdk.webhooks.get() is None
    assert sdk.agents.get_webhook(agent.id) is None
    first = sdk.webhooks.set(receiver.url, context_limit=0, timeout=5)
    second = sdk.webhooks.set(receiver.url)
    assert (first.id, first.created_at, first.context_limit, first.timeout) == (second.id, second.created_at, 0, 5)
    assert first.secret != second.secret
    assert sdk.webhooks.get() == second
    assert sdk.webhooks.test(from_="+15555550111", message="hello", channel="imessage") == {
        "success": True,
        "httpStatus": 204,
        "errorMessage": None,
    }
    headers, body = receiver.got[0]
    signed = (headers["X-Webhook-Signature"], second.secret, headers["X-Webhook-Timestamp"])
    verify_webhook(body, *signed)
    event = construct_event(body, *signed)
    assert (event.event, event.agent_id, event.test, event.data.message) == ("agent.message", agent.id, True, "hello")
    with pytest.raises(agentphone.WebhookVerificationError):
        verify_webhook(body, signed[0], first.secret, signed[2])
    own = sdk.agents.set_webhook(agent.id, receiver.url, context_limit=5, timeout=60)
    assert sdk.agents.get_webhook(agent.id) == own
    assert sdk.agents.test_webhook(agent.id)["success"] is True
    assert [delivery.status for delivery in sdk.agents.list_webhook_deliveries(agent.id)] == ["success"]
    (newest, oldest) = sdk.webhooks.list_deliveries(hours=1)
    assert (newest.http_status, oldest.channel, oldest.attempt_count) == (204, "imessage", 1)
    assert sdk.webhooks.get_delivery_stats().success_rate == 100.0
    assert sdk.webhooks.get_all_time_stats()["total"] == 2
    sdk.agents.delete_webhook(agent.id)
    sdk.webhooks.delete()
    assert (sdk.webhooks.get(), sdk.agents.get_webhook(agent.id)) == (None, None)


def test_traffic_and_usage(sdk, seed):
    seed(
        agents=[{"id": "a", "name": "A"}],
        numbers=[{"id": "n", "agentId": "a"}],
        calls=[
            {
                "id": "c",
                "numberId": "n",
                "transcripts": [{"id": "t", "transcript": "hi", "createdAt": "2026-01-01T00:00:00Z"}],
            }
        ],
        messages=[{"id": "m", "numberId": "n", "body": "hello", "from": "+15555550111"}],
    )
    call = sdk.calls.get("c")
    assert ([turn.transcript for turn in call.transcripts], call.agent_id) == (["hi"], "a")
    assert sdk.calls.get_transcript("c")["data"][0]["id"] == "t"
    lists = (sdk.calls.list(direction="inbound"), sdk.agents.list_calls("a"), sdk.numbers.list_calls("n"))
    assert [[item.id for item in found.data] for found in lists] == [["c"]] * 3
    (message,) = sdk.numbers.get_messages("n", before="2999-01-01T00:00:00Z").data
    assert (message.from_number, message.body) == ("+15555550111", "hello")
    (thread,) = sdk.conversations.list().data
    assert sdk.agents.list_conversations("a").data[0].id == thread.id
    assert [turn.body for turn in sdk.conversations.get(thread.id).messages] == ["hello"]
    assert sdk.conversations.update(thread.id, metadata={"order": 7}).metadata == {"order": 7}
    assert sdk.conversations.get_messages(thread.id, limit=1).has_more is False
    usage = sdk.usage.get()
    assert (usage.numbers.used, usage.numbers.remaining, usage.stats.total_calls) == (1, 9, 1)
    assert len(sdk.usage.get_daily(days=3).data) == 3
    assert sdk.usage.get_monthly(months=2).data[-1].messages == 1
    assert [item["numberId"] for item in sdk.usage.get_by_number()][-1] == "n"
    assert {item["agentId"]: item["messages"] for item in sdk.usage.get_by_agent(period="week")["data"]}["a"] == 1


def test_sub_accounts(sdk):
    made = sdk.sub_accounts.create("Preview")
    assert sdk.sub_accounts.update(made["id"], "Staging")["name"] == "Staging"
    assert [item["name"] for item in sdk.sub_accounts.list()] == ["Staging"]
    sdk.sub_accounts.delete(made["id"])
    assert sdk.sub_accounts.list() == []


def test_errors_are_the_sdks_own(sdk, connect):
    with pytest.raises(agentphone.NotFoundError, match="PHONE_NUMBER_NOT_FOUND"):
        sdk.numbers.get("nobody")
    with pytest.raises(agentphone.AgentPhoneError, match="422"):
        sdk.agents.create(name="x", voice_speed=9)
    with (
        running(Options(db=":memory:", keys=("another key",))) as server,
        pytest.raises(agentphone.AuthenticationError),
    ):
        connect(server.url).agents.list()


def test_the_older_profile_is_readable_too(connect):
    with running(Options(db=":memory:", profile="2025")) as server:
        sdk = connect(server.url)
        agent = sdk.agents.create(name="A", voice_mode="hosted", system_prompt="p")
        assert sdk.agents.list().data == [agent]
        number = sdk.numbers.buy(agent_id=agent.id, external_id="dropped")
        assert (number.agent_id, number.external_id) == (agent.id, None)
        assert sdk.webhooks.set("https://x.example").timeout is None


def test_every_method_of_these_resources_is_driven(sdk, seed, receiver, called):
    test_agents(sdk)
    test_numbers(sdk)
    test_webhooks_and_a_delivered_event_that_verifies(sdk, receiver)
    test_traffic_and_usage(sdk, seed)
    test_sub_accounts(sdk)
    client = agentphone.AgentPhone(api_key="x")
    methods = {
        f"{name}.{method}"
        for name in RESOURCES
        for method, _ in inspect.getmembers(getattr(client, name), inspect.ismethod)
        if not method.startswith("_")
    }
    client.close()
    not_in_the_sandbox = {
        "conversations.send_typing",
        "conversations.set_background",
        "conversations.delete_background",
    }
    assert called == methods - not_in_the_sandbox | CALLS
