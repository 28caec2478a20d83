"""The older API, as S-SKILL and S-FAQ show it."""

from __future__ import annotations

import re

import pytest


@pytest.fixture
def api(start):
    return start(profile="2025")


def test_an_agent_has_the_older_fields_and_phone_numbers(api):
    answer = api.post(
        "/v1/agents", json={"name": "Sales", "voiceMode": "hosted", "language": "no such", "maxSilenceMs": 1}
    )
    assert answer.status_code == 201
    agent = answer.json()
    assert list(agent) == [
        "id",
        "name",
        "description",
        "voiceMode",
        "systemPrompt",
        "beginMessage",
        "voice",
        "phoneNumbers",
        "createdAt",
    ]
    assert (agent["voice"], agent["phoneNumbers"]) == ("11labs-Brian", [])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", agent["createdAt"])
    assert api.get("/v1/agents").json() == {"data": [agent], "total": 1}
    changed = api.patch(f"/v1/agents/{agent['id']}", json={"voice": "nova"}).json()
    assert changed == {**agent, "voice": "nova"}


def test_a_number_has_six_fields_and_no_tag(api):
    agent = api.post("/v1/agents", json={"name": "A"}).json()["id"]
    answer = api.post(
        "/v1/numbers", json={"areaCode": "415", "agentId": agent, "externalId": "apr:x", "expiresAt": "never"}
    )
    assert answer.status_code == 201
    number = answer.json()
    assert list(number) == ["id", "phoneNumber", "country", "status", "agentId", "createdAt"]
    assert api.get("/v1/numbers").json() == {"data": [number], "total": 1}
    assert api.get(f"/v1/numbers/{number['id']}").json() == number
    assert [held["id"] for held in api.get(f"/v1/agents/{agent}").json()["phoneNumbers"]] == [number["id"]]
    assert api.get("/_sandbox/ledger").json()["entries"][0]["externalId"] is None
    assert api.delete(f"/v1/agents/{agent}").json() == {
        "success": True,
        "message": "Agent deleted",
        "unassignedNumbers": [number["id"]],
    }
    assert api.delete(f"/v1/numbers/{number['id']}").status_code == 200
    assert api.get(f"/v1/numbers/{number['id']}").json()["status"] == "released"


def test_later_routes_are_not_there(api):
    number = api.post("/v1/numbers", json={}).json()["id"]
    changed = api.patch(f"/v1/numbers/{number}", json={"externalId": "x"})
    assert (changed.status_code, changed.headers["allow"]) == (405, "GET, DELETE")
    for path in (
        "/v1/numbers/available",
        "/v1/numbers/lookup?phoneNumbers=+14155550123",
        f"/v1/numbers/{number}/contact-card",
        "/v1/sub-accounts",
        "/v1/webhooks/deliveries/all-time",
        "/v1/usage/by-agent",
    ):
        assert api.get(path).status_code == 404


def test_errors_are_a_text_under_detail(api):
    assert api.get("/v1/agents/x").json() == {"detail": "Agent not found"}
    bad = api.post("/v1/agents", json={"voiceMode": "robot"})
    assert bad.status_code == 400
    assert bad.json() == {"detail": "body.name: Field required; body.voiceMode: Input should be 'webhook' or 'hosted'"}
    assert api.get("/v1/agents?limit=101").status_code == 400


def test_the_wallet_and_the_limit_say_it_under_detail(start):
    api = start(profile="2025", number_limit=1, balance=3)
    assert api.post("/v1/numbers", json={}).status_code == 201
    assert set(api.post("/v1/numbers", json={}).json()) == {"detail"}
    api.post("/_sandbox/seed", json={"numberLimit": 5})
    assert api.post("/v1/numbers", json={}).status_code == 402


def test_webhooks_show_no_timeout(api):
    webhook = api.post("/v1/webhooks", json={"url": "https://x.example", "timeout": 60}).json()
    assert set(webhook) == {"id", "url", "secret", "status", "contextLimit", "createdAt"}


def test_usage_and_voices_have_the_older_shape(api):
    assert api.get("/v1/usage").json() == {
        "plan": {"name": "free", "numberLimit": 10},
        "numbers": {"used": 0, "limit": 10},
        "stats": {"messagesLast30d": 0, "callsLast30d": 0, "minutesLast30d": 0},
    }
    assert api.get("/v1/agents/voices").json()["data"][0] == {
        "voiceId": "11labs-Brian",
        "name": "Brian",
        "provider": "elevenlabs",
        "gender": "male",
    }


def test_traffic_has_the_older_shape(api):
    number = api.post(
        "/_sandbox/seed", json={"numbers": [{"id": "n"}], "messages": [{"numberId": "n", "body": "hi"}]}
    ).json()
    page = api.get("/v1/numbers/n/messages").json()
    assert page["total"] == 1
    assert set(page["data"][0]) == {"id", "from", "to", "body", "direction", "status", "receivedAt"}
    (conversation,) = api.get("/v1/conversations").json()["data"]
    assert set(conversation) == {
        "id",
        "phoneNumber",
        "participant",
        "messageCount",
        "lastMessageAt",
        "lastMessagePreview",
    }
    whole = api.get(f"/v1/conversations/{conversation['id']}?messageLimit=1").json()
    assert len(whole["messages"]) == 1
    assert number["numbers"][0]["id"] == "n"


def test_the_sub_account_header_is_unknown(api):
    assert api.get("/v1/agents", headers={"X-Sub-Account-Id": "nobody"}).status_code == 200


def test_a_lagging_list_has_the_older_shape_too(api):
    api.post("/_sandbox/seed", json={"agents": [{"id": "a", "name": "A"}], "numbers": [{"id": "n", "agentId": "a"}]})
    api.delete("/v1/agents/a/numbers/n")
    api.post("/_sandbox/faults", json=[{"match": "GET /v1/agents", "do": "lag:60"}])
    assert [held["id"] for held in api.get("/v1/agents").json()["data"][0]["phoneNumbers"]] == ["n"]
