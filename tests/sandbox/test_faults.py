from __future__ import annotations

import time

import httpx
import pytest


def held(api):
    return api.get("/v1/numbers").json()["total"]


def test_a_dropped_request_gets_no_byte_and_does_nothing(api, fault):
    fault("POST /v1/numbers", "drop")
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        api.post("/v1/numbers", json={})
    assert held(api) == 0
    assert api.post("/v1/numbers", json={}).status_code == 200


def test_commit_then_drop_does_the_work_durably_and_says_nothing(api, fault):
    fault("POST /v1/numbers", "commit-then-drop")
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        api.post("/v1/numbers", json={"externalId": "x"})
    assert held(api) == 1
    assert [entry["externalId"] for entry in api.get("/_sandbox/ledger").json()["entries"]] == ["x"]


def test_commit_then_502_is_the_carriers_error_for_a_purchase(api, fault):
    fault("POST /v1/numbers", "commit-then-status:502")
    answer = api.post("/v1/numbers", json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "CARRIER_ERROR")
    assert held(api) == 1


@pytest.mark.parametrize("status", [400, 429, 500, 502, 503])
def test_a_status_is_answered_and_nothing_is_done(api, fault, status):
    fault("* /v1/**", f"status:{status}")
    answer = api.post("/v1/agents", json={"name": "x"})
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"message", "code", "type", "details"}
    assert ("retry-after" in answer.headers) == (status == 429)
    assert api.get("/v1/agents").json()["total"] == 0


def test_a_fault_strikes_the_nth_request_from_when_it_was_queued_and_as_often_as_it_says(api, fault):
    api.get("/v1/agents")
    fault("GET /v1/agents", "status:503", nth=2, times=2)
    assert [api.get("/v1/agents").status_code for _ in range(5)] == [200, 503, 503, 200, 200]


@pytest.mark.parametrize(
    ("match", "method", "path", "strikes"),
    [
        ("POST /v1/agents/*/webhook", "POST", "/v1/agents/a/webhook", True),
        ("POST /v1/agents/*/webhook", "GET", "/v1/agents/a/webhook", False),
        ("POST /v1/agents/*/webhook", "POST", "/v1/agents/a/webhook/test", False),
        ("GET /v1/agents/*", "GET", "/v1/agents", False),
        ("GET /v1/agents/*", "GET", "/v1/agents/x%2Fy", True),
        ("* /v1/**", "DELETE", "/v1/agents/a/webhook", True),
        ("* /**", "GET", "/v1/usage", True),
        ("GET /v1/agents/**", "GET", "/v1/agents", True),
        ("GET /v1/agents", "GET", "/v1/agents?limit=5", True),
        ("GET /v1/numbers/*", "GET", "/v1/agents/a", False),
    ],
)
def test_a_match_is_a_method_and_a_path_of_segments(api, fault, match, method, path, strikes):
    fault(match, "status:418")
    assert (api.request(method, path).status_code == 418) is strikes


def test_a_delay_comes_before_the_work_and_adds_up(api, fault):
    fault("GET /v1/agents", "delay:0.1")
    fault("GET /v1/agents", "delay:0.1")
    started = time.monotonic()
    assert api.get("/v1/agents").status_code == 200
    assert time.monotonic() - started >= 0.2


def test_a_delayed_request_does_not_hold_up_the_others(api, as_key, fault):
    fault("POST /v1/agents", "delay:0.4")
    with pytest.raises(httpx.ReadTimeout):
        api.post("/v1/agents", json={"name": "late"}, timeout=0.05)
    other = as_key()
    assert other.get("/v1/agents").json()["total"] == 0
    until = time.monotonic() + 5
    while other.get("/v1/agents").json()["total"] == 0 and time.monotonic() < until:
        time.sleep(0.02)
    assert [agent["name"] for agent in other.get("/v1/agents").json()["data"]] == ["late"]


def test_a_lagging_list_shows_the_past_and_a_get_shows_the_present(api, seed, fault):
    seed(agents=[{"id": "a", "name": "Old"}], numbers=[{"id": "n", "agentId": "a"}])
    api.patch("/v1/agents/a", json={"name": "New"})
    api.delete("/v1/agents/a/numbers/n")
    bought = api.post("/v1/numbers", json={}).json()["id"]
    made = api.post("/v1/agents", json={"name": "Fresh"}).json()["id"]
    fault("GET /v1/*", "lag:60", times=2)
    (agent,) = api.get("/v1/agents").json()["data"]
    assert (agent["name"], [number["id"] for number in agent["numbers"]]) == ("Old", ["n"])
    before = api.get("/v1/numbers").json()
    assert ([(number["id"], number["agentId"]) for number in before["data"]], before["total"]) == ([("n", "a")], 1)
    fault("GET /v1/**", "lag:60", times=3)
    assert api.get("/v1/agents/a").json()["name"] == "New"
    assert api.get(f"/v1/numbers/{bought}").status_code == 200
    assert api.get(f"/v1/agents/{made}").status_code == 200
    assert api.get("/v1/numbers").json()["total"] == 2


def test_a_lagging_list_still_shows_what_was_deleted_and_catches_up(api, seed, fault):
    seed(agents=[{"id": "a", "name": "A"}], numbers=[{"id": "n"}])
    api.delete("/v1/agents/a")
    api.delete("/v1/numbers/n")
    fault("GET /v1/*", "lag:60", times=10)
    assert [agent["id"] for agent in api.get("/v1/agents").json()["data"]] == ["a"]
    assert [number["status"] for number in api.get("/v1/numbers").json()["data"]] == ["active"]
    api.post("/_sandbox/clock", json={"advance": 61})
    assert api.get("/v1/agents").json()["total"] == 0
    assert api.get("/v1/numbers").json()["total"] == 0


def test_a_truncated_page_is_short_under_the_true_total(api, seed, fault):
    seed(agents=[{"id": f"a{n}", "name": "x"} for n in range(5)], numbers=[{"id": "n"}])
    fault("GET /v1/*", "truncate", times=2)
    page = api.get("/v1/agents").json()
    assert ([agent["id"] for agent in page["data"]], page["total"]) == (["a0", "a1", "a2", "a3"], 5)
    page = api.get("/v1/numbers").json()
    assert (page["data"], page["total"]) == ([], 1)
    assert len(api.get("/v1/agents").json()["data"]) == 5


@pytest.mark.parametrize("strike", [0, 2, 4])
def test_a_repeated_id_is_on_two_pages(api, seed, fault, strike):
    seed(agents=[{"id": f"a{n}", "name": "x"} for n in range(5)])
    ids = []
    for offset in (0, 2, 4):
        if offset == strike:
            fault("GET /v1/agents", "repeat")
        page = api.get(f"/v1/agents?limit=2&offset={offset}").json()
        assert page["total"] == 5
        ids.append([agent["id"] for agent in page["data"]])
    everything = [known for page in ids for known in page]
    assert len(set(everything)) < len(everything)
    assert any(set(page) & set(other) for page in ids for other in ids if page is not other)


def test_a_repeated_id_on_a_single_page_is_there_twice(api, seed, fault):
    seed(agents=[{"id": "a", "name": "x"}])
    fault("GET /v1/agents", "repeat")
    assert [agent["id"] for agent in api.get("/v1/agents").json()["data"]] == ["a", "a"]
    seed(agents=[{"id": "b", "name": "x"}])
    fault("GET /v1/agents", "repeat")
    assert [agent["id"] for agent in api.get("/v1/agents").json()["data"]] == ["a", "a"]


def test_an_ignored_field_is_overlooked_in_silence(api, fault):
    fault("POST /v1/numbers", "ignore-field:externalId")
    number = api.post("/v1/numbers", json={"externalId": "mine", "areaCode": "415"}).json()
    assert (number["externalId"], number["phoneNumber"][:5]) == (None, "+1415")
    agent = api.post("/v1/agents", json={"name": "A", "description": "old"}).json()
    fault("PATCH /v1/agents/*", "ignore-field:description")
    changed = api.patch(f"/v1/agents/{agent['id']}", json={"description": "new", "beginMessage": "hi"}).json()
    assert (changed["description"], changed["beginMessage"]) == ("old", "hi")
    hook = api.post("/v1/webhooks", json={"url": "https://one.example"}).json()
    fault("POST /v1/webhooks", "ignore-field:url")
    after = api.post("/v1/webhooks", json={"url": "https://two.example"}).json()
    assert (after["url"], after["secret"] == hook["secret"]) == ("https://one.example", False)


def test_garbage_is_a_success_that_is_not_json(api, fault):
    fault("POST /v1/agents", "garbage")
    answer = api.post("/v1/agents", json={"name": "x"})
    assert answer.status_code == 200
    with pytest.raises(ValueError, match="Expecting value"):
        answer.json()
    assert api.get("/v1/agents").json()["total"] == 1
    fault("POST /v1/agents", "garbage")
    assert api.post("/v1/agents", json={}).status_code == 422


def test_several_faults_strike_one_request_together(api, fault):
    fault("POST /v1/numbers", "ignore-field:externalId")
    fault("POST /v1/numbers", "delay:0.05")
    fault("POST /v1/numbers", "commit-then-status:503")
    assert api.post("/v1/numbers", json={"externalId": "x"}).status_code == 503
    assert [number["externalId"] for number in api.get("/v1/numbers").json()["data"]] == [None]


def test_faults_wait_in_the_world_for_the_next_server(start, world):
    first = start()
    first.post("/_sandbox/faults", json=[{"match": "GET /v1/agents", "nth": 2, "do": "status:503"}])
    assert first.get("/v1/agents").status_code == 200
    assert start().get("/v1/agents").status_code == 503


def test_queued_faults_can_be_seen_and_taken_back(api, fault):
    fault("GET /v1/agents", "drop", nth=3)
    one = {"match": "GET /v1/agents", "nth": 3, "times": 1, "do": "drop"}
    assert api.get("/_sandbox/faults").json() == {"queued": [one]}
    assert api.delete("/_sandbox/faults").json() == {"queued": []}
    assert [api.get("/v1/agents").status_code for _ in range(3)] == [200, 200, 200]


def test_control_routes_are_never_struck(api, fault):
    fault("* /**", "drop", times=100)
    assert api.get("/_sandbox/ledger").status_code == 200


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "list of faults"),
        ([1], "A fault is an object"),
        ([{"match": "GET /v1/agents", "do": "explode"}], "do should be one of drop"),
        ([{"match": "GET /v1/agents", "do": "drop:1"}], "do should be one of"),
        ([{"match": "GET /v1/agents", "do": "status:200"}], "do should be one of"),
        ([{"match": "GET /v1/agents", "do": "status"}], "do should be one of"),
        ([{"match": "GET /v1/agents", "do": "delay:-1"}], "do should be one of"),
        ([{"match": "GET /v1/agents", "do": "delay:nan"}], "do should be one of"),
        ([{"match": "GET /v1/agents", "do": "lag:soon"}], "do should be one of"),
        ([{"match": "GET /v1/agents", "do": "ignore-field:"}], "do should be one of"),
        ([{"match": "GET /v1/agents", "do": 5}], "do should be one of"),
        ([{"match": "GET /v1/agents"}], "do should be one of"),
        ([{"match": "/v1/agents", "do": "drop"}], "METHOD /path"),
        ([{"match": "get /v1/agents", "do": "drop"}], "METHOD /path"),
        ([{"match": "GET v1/agents", "do": "drop"}], "METHOD /path"),
        ([{"match": "GET /v1/agents?limit=1", "do": "drop"}], "METHOD /path"),
        ([{"do": "drop"}], "METHOD /path"),
        ([{"match": "GET /v1/agents", "do": "drop", "nth": 0}], "nth should be a whole number from 1"),
        ([{"match": "GET /v1/agents", "do": "drop", "times": True}], "times should be a whole number from 1"),
        ([{"match": "GET /v1/agents", "do": "drop", "after": 1}], "Unknown key; a fault has match, nth, times, do"),
    ],
)
def test_a_fault_that_makes_no_sense_is_422_with_a_clear_message_and_queues_nothing(api, body, words):
    good = {"match": "GET /v1/agents", "do": "drop"}
    answer = api.post("/_sandbox/faults", json=[good, *body] if isinstance(body, list) else body)
    assert answer.status_code == 422
    assert words in answer.json()["detail"][0]["msg"]
    assert api.get("/_sandbox/faults").json() == {"queued": []}
