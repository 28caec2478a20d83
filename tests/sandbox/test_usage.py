from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest


def ago(days):
    return (datetime.now(UTC) - timedelta(days=days)).isoformat()


@pytest.fixture
def busy(seed):
    seed(
        agents=[{"id": "a", "name": "A"}, {"id": "b", "name": "B"}],
        numbers=[{"id": "n", "agentId": "a"}, {"id": "m"}, {"id": "gone", "status": "released"}],
        calls=[{"numberId": "n", "startedAt": ago(days), "durationSeconds": 90} for days in (0.1, 3, 20, 40)],
        messages=[{"numberId": number, "receivedAt": ago(days)} for number, days in (("n", 0.1), ("m", 3), ("n", 100))],
    )


def test_usage_has_the_keys_of_every_sdk(api, busy):
    usage = api.get("/v1/usage").json()
    assert usage["numbers"] == {"used": 2, "limit": 10, "remaining": 8}
    assert usage["plan"]["limits"]["numbers"] == 10
    assert usage["stats"] == {
        "totalMessages": 3,
        "messagesLast24h": 1,
        "messagesLast7d": 2,
        "messagesLast30d": 2,
        "totalCalls": 4,
        "callsLast24h": 1,
        "callsLast7d": 2,
        "callsLast30d": 3,
        "totalWebhookDeliveries": 0,
        "successfulWebhookDeliveries": 0,
        "failedWebhookDeliveries": 0,
        "smsSegmentsLast30d": 2,
    }
    assert usage["periodStart"] < usage["reportGeneratedAt"] < usage["periodEnd"]


def test_a_seeded_limit_and_balance_take_the_place_of_the_options(api, seed):
    assert seed(numberLimit=3, balance=2.5) == {
        "agents": [],
        "numbers": [],
        "webhooks": [],
        "calls": [],
        "messages": [],
        "numberLimit": 3,
        "balance": 2.5,
    }
    assert api.get("/v1/usage").json()["numbers"] == {"used": 0, "limit": 3, "remaining": 3}
    assert api.post("/v1/numbers", json={}).status_code == 402
    seed(balance=6)
    assert [api.post("/v1/numbers", json={}).status_code for _ in range(3)] == [200, 200, 402]


def test_usage_by_day_and_by_month(api, busy):
    daily = api.get("/v1/usage/daily?days=7").json()
    assert (daily["days"], len(daily["data"])) == (7, 7)
    assert sum(point["calls"] for point in daily["data"]) == 2
    assert [point["date"] for point in daily["data"]] == sorted(point["date"] for point in daily["data"])
    monthly = api.get("/v1/usage/monthly?months=24").json()
    assert len(monthly["data"]) == 24
    assert sum(point["messages"] for point in monthly["data"]) == 3
    assert set(monthly["data"][0]) == {"month", "messages", "calls", "webhooks"}


@pytest.mark.parametrize("query", ["daily?days=0", "daily?days=366", "monthly?months=25", "by-agent?period=day"])
def test_a_span_out_of_range_is_422(api, query):
    assert api.get(f"/v1/usage/{query}").status_code == 422


def test_usage_by_number_and_by_agent(api, busy):
    numbers = api.get("/v1/usage/by-number").json()["data"]
    assert [(item["numberId"], item["agentName"], item["calls"], item["messages"]) for item in numbers] == [
        ("n", "A", 4, 2),
        ("m", None, 0, 1),
        ("gone", None, 0, 0),
    ]
    agents = api.get("/v1/usage/by-agent?period=week").json()
    assert agents["period"] == "week"
    assert [(item["agentId"], item["calls"], item["messages"], item["totalSeconds"]) for item in agents["data"]] == [
        ("a", 2, 1, 180),
        ("b", 0, 0, 0),
        (None, 0, 1, 0),
    ]
