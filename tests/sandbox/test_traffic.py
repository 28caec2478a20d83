from __future__ import annotations

import pytest

CALLS = [
    {
        "id": f"c{n}",
        "numberId": "n",
        "startedAt": f"2026-01-0{n}T10:00:00Z",
        "durationSeconds": 60 * n,
        "fromNumber": f"+1555555010{n}",
    }
    for n in range(1, 4)
]
MESSAGES = [
    {
        "id": f"m{n}",
        "numberId": "n",
        "receivedAt": f"2026-01-0{n}T10:00:00Z",
        "body": f"text {n}",
        "from": "+15555550100",
    }
    for n in range(1, 5)
]


@pytest.fixture(autouse=True)
def history(seed):
    calls = [
        CALLS[0],
        {**CALLS[1], "direction": "outbound", "status": "failed"},
        {**CALLS[2], "transcripts": [{"id": "t"}]},
    ]
    seed(
        agents=[{"id": "a", "name": "A"}, {"id": "b", "name": "B"}],
        numbers=[{"id": "n", "agentId": "a", "phoneNumber": "+14155550123"}, {"id": "quiet"}],
        calls=calls,
        messages=[
            *MESSAGES,
            {"id": "other", "numberId": "n", "from": "+15555550199", "receivedAt": "2026-02-01T00:00:00Z"},
        ],
    )


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["data"]]


def test_calls_are_listed_newest_first_and_filtered(api):
    assert ids(api.get("/v1/calls")) == ["c3", "c2", "c1"]
    assert ids(api.get("/v1/calls?status=failed")) == ["c2"]
    assert ids(api.get("/v1/calls?direction=inbound&limit=1&offset=1")) == ["c1"]
    assert ids(api.get("/v1/calls", params={"search": "5550102"})) == ["c2"]
    assert ids(api.get("/v1/calls?type=web")) == []
    assert ids(api.get("/v1/agents/a/calls")) == ["c3", "c2", "c1"]
    assert ids(api.get("/v1/agents/b/calls")) == []
    assert ids(api.get("/v1/numbers/n/calls?limit=2")) == ["c3", "c2"]
    page = api.get("/v1/numbers/n/calls?limit=2").json()
    assert (page["hasMore"], page["total"]) == (True, 3)
    assert ids(api.get("/v1/numbers/quiet/calls")) == []


def test_a_call_is_read_with_its_transcript(api):
    call = api.get("/v1/calls/c3").json()
    assert call["transcripts"] == [{"id": "t"}]
    assert "transcripts" not in api.get("/v1/calls").json()["data"][0]
    assert (call["agentName"], call["phoneNumberId"], call["toNumber"], call["durationSeconds"]) == (
        "A",
        "n",
        "+14155550123",
        180,
    )
    assert call["endedAt"] == "2026-01-03T10:03:00.000000Z"
    assert api.get("/v1/calls/c3/transcript").json() == {"data": [{"id": "t"}]}
    assert api.get("/v1/calls/nobody").status_code == 404


def test_a_call_cannot_be_deleted(api):
    answer = api.delete("/v1/calls/c1")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


def test_a_numbers_messages_are_read_by_time(api):
    path = "/v1/numbers/n/messages"
    assert ids(api.get(path, params={"limit": 2})) == ["other", "m4"]
    assert api.get(path, params={"limit": 2}).json()["hasMore"] is True
    assert ids(api.get(path, params={"before": "2026-01-03T10:00:00Z"})) == ["m2", "m1"]
    assert ids(api.get(path, params={"after": "2026-01-03T10:00:00Z"})) == ["other", "m4"]
    assert set(api.get(path).json()) == {"data", "hasMore"}
    message = api.get(path).json()["data"][-1]
    assert (message["from_"], message["to"], message["body"], message["direction"]) == (
        "+15555550100",
        "+14155550123",
        "text 1",
        "inbound",
    )
    assert api.get(path, params={"before": "soon"}).status_code == 422
    assert api.get(path, params={"limit": 201}).status_code == 422
    assert api.get("/v1/numbers/nobody/messages").status_code == 404


def test_conversations_are_threads_of_a_number_and_somebody(api):
    first, second = api.get("/v1/conversations").json()["data"]
    assert (first["participant"], first["messageCount"]) == ("+15555550199", 1)
    assert (second["participant"], second["messageCount"], second["lastMessagePreview"]) == (
        "+15555550100",
        4,
        "text 4",
    )
    assert second["lastMessageAt"] == "2026-01-04T10:00:00.000000Z"
    assert api.get("/v1/agents/a/conversations").json()["total"] == 2
    assert api.get("/v1/agents/b/conversations").json()["total"] == 0
    whole = api.get(f"/v1/conversations/{second['id']}", params={"message_limit": 2}).json()
    assert [message["body"] for message in whole["messages"]] == ["text 3", "text 4"]
    assert ids(api.get(f"/v1/conversations/{second['id']}/messages", params={"limit": 1})) == ["m4"]
    assert api.get("/v1/conversations/nobody").status_code == 404


def test_a_conversations_metadata_is_replaced_whole_and_cleared_by_null(api):
    path = f"/v1/conversations/{api.get('/v1/conversations').json()['data'][0]['id']}"
    assert api.patch(path, json={"metadata": {"a": 1, "b": 2}}).json()["metadata"] == {"a": 1, "b": 2}
    assert api.patch(path, json={"metadata": {"c": 3}}).json()["metadata"] == {"c": 3}
    assert api.patch(path, json={}).json()["metadata"] == {"c": 3}
    assert api.patch(path, json={"metadata": None}).json()["metadata"] is None
    assert api.patch(path, json={"metadata": [1]}).status_code == 422
