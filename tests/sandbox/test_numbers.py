from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from apreconcile.sandbox.supply import AREAS


def buy(api, **fields):
    answer = api.post("/v1/numbers", json=fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def in_hours(hours):
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


def ledger(api):
    return api.get("/_sandbox/ledger").json()["entries"]


def test_a_bought_number_carries_every_key_of_the_newest_model(api):
    number = buy(api, country="US", areaCode="415", externalId="mine")
    made = number["createdAt"]
    assert re.fullmatch(r"\+1415[2-9]\d{6}", number["phoneNumber"])
    assert {**number, "id": "", "phoneNumber": ""} == {
        "id": "",
        "phoneNumber": "",
        "country": "US",
        "status": "active",
        "agentId": None,
        "createdAt": made,
        "type": "sms",
        "outboundSms": "registration_required",
        "inboundCallsEnabled": True,
        "readReceiptsEnabled": False,
        "whatsappEnabled": False,
        "dailyNewContacts": {"used": 0, "limit": 50},
        "purchasedAt": made,
        "externalId": "mine",
        "expiresAt": None,
        "rcsFallbackForAlias": None,
    }
    assert api.get(f"/v1/numbers/{number['id']}").json() == number
    assert api.get("/v1/numbers").json() == {"data": [number], "hasMore": False, "total": 1}


def test_a_purchase_is_charged_once_and_written_into_the_ledger(api):
    agent = api.post("/v1/agents", json={"name": "A"}).json()["id"]
    number = buy(api, agentId=agent, externalId="mine")
    (entry,) = ledger(api)
    assert entry == {
        "type": "purchase",
        "numberId": number["id"],
        "phoneNumber": number["phoneNumber"],
        "externalId": "mine",
        "agentId": agent,
        "account": entry["account"],
        "amount": 3.0,
        "at": number["createdAt"],
    }
    assert number["agentId"] == agent
    assert [held["id"] for held in api.get(f"/v1/agents/{agent}").json()["numbers"]] == [number["id"]]


@pytest.mark.parametrize(("country", "code"), [("US", "212"), ("US", "206"), ("CA", "416"), ("CA", "604")])
def test_an_area_code_in_stock_is_honoured(api, country, code):
    assert buy(api, country=country, areaCode=code)["phoneNumber"].startswith(f"+1{code}")


@pytest.mark.parametrize(
    ("country", "code"), [("US", "907"), ("CA", "867"), ("US", "416"), ("CA", "415"), ("US", "000")]
)
def test_an_area_code_out_of_stock_gets_another_number_of_the_country(api, country, code):
    number = buy(api, country=country, areaCode=code)
    assert number["country"] == country
    assert number["phoneNumber"][2:5] != code
    assert AREAS[number["phoneNumber"][2:5]].country == country


def test_numbers_are_unique_and_the_same_in_every_fresh_sandbox(start):
    first = start(db=":memory:", number_limit=60, balance=1000)
    bought = [buy(first, areaCode="415")["phoneNumber"] for _ in range(50)]
    assert len(set(bought)) == 50
    assert buy(start(db=":memory:"), areaCode="415")["phoneNumber"] == bought[0]


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({"country": "us"}, ["body", "country"]),
        ({"country": None}, ["body", "country"]),
        ({"areaCode": "41"}, ["body", "areaCode"]),
        ({"areaCode": 415}, ["body", "areaCode"]),
        ({"expiresAt": "soon"}, ["body", "expiresAt"]),
        ({"expiresAt": "9999-12-31T23:59:59-12:00"}, ["body", "expiresAt"]),
        ({"expiresAt": "0001-01-01T00:00:00+14:00"}, ["body", "expiresAt"]),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, ["body", "expiresAt"]),
        ({"externalId": 5}, ["body", "externalId"]),
    ],
)
def test_a_bad_purchase_is_422_and_buys_nothing(api, body, loc):
    answer = api.post("/v1/numbers", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == loc
    assert ledger(api) == []


def test_a_purchase_elsewhere_or_for_nobody_buys_nothing(api):
    abroad = api.post("/v1/numbers", json={"country": "GB"})
    assert (abroad.status_code, abroad.json()["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert api.post("/v1/numbers", json={"agentId": "nobody"}).status_code == 404
    assert ledger(api) == []


def test_the_limit_counts_numbers_held(start):
    api = start(number_limit=2)
    first = buy(api)["id"]
    buy(api)
    answer = api.post("/v1/numbers", json={})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "VALIDATION_ERROR_NUMBER_LIMIT"
    assert answer.json()["error"]["type"] == "validation_error"
    api.delete(f"/v1/numbers/{first}")
    buy(api)
    assert [entry["type"] for entry in ledger(api)] == ["purchase", "purchase", "release", "purchase"]


@pytest.mark.parametrize("status", [402, 400])
def test_an_empty_wallet_buys_nothing(start, status):
    api = start(balance=5.99, balance_status=status)
    buy(api)
    answer = api.post("/v1/numbers", json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, "INSUFFICIENT_BALANCE")
    assert len(ledger(api)) == 1


def test_a_release_is_for_good_and_keeps_the_history(api, seed):
    seed(
        agents=[{"id": "a", "name": "A"}],
        numbers=[{"id": "n", "agentId": "a", "externalId": "x"}],
        calls=[{"numberId": "n"}],
        messages=[{"numberId": "n", "body": "hi"}],
    )
    phone = api.get("/v1/numbers/n").json()["phoneNumber"]
    assert api.delete("/v1/numbers/n").json() == {"success": True, "phoneNumber": phone, "status": "released"}
    number = api.get("/v1/numbers/n").json()
    assert (number["status"], number["agentId"], number["externalId"]) == ("released", None, "x")
    assert api.get("/v1/numbers").json() == {"data": [], "hasMore": False, "total": 0}
    assert api.get("/v1/agents/a").json()["numbers"] == []
    assert api.get("/v1/numbers/n/calls").json()["total"] == 1
    assert [message["body"] for message in api.get("/v1/numbers/n/messages").json()["data"]] == ["hi"]
    assert api.delete("/v1/numbers/n").status_code == 404
    assert api.patch("/v1/numbers/n", json={"externalId": "y"}).status_code == 404
    assert [(entry["type"], entry["agentId"], entry["amount"]) for entry in ledger(api)] == [("release", "a", 0)]


def test_external_id_and_expiry_can_be_changed(api):
    number = buy(api)
    path = f"/v1/numbers/{number['id']}"
    assert api.patch(path, json={"externalId": "tag"}).json() == {**number, "externalId": "tag"}
    assert (
        api.patch(path, json={"expiresAt": "2999-01-02T03:04:05+01:00"}).json()["expiresAt"]
        == "2999-01-02T02:04:05.000000Z"
    )
    assert api.patch(path, json={"expiresAt": "1999-01-01"}).status_code == 422
    assert api.patch(path, json={"expiresAt": None, "externalId": None}).json() == number


@pytest.mark.parametrize(
    ("mode", "status", "after"), [("ignore", 200, "tag"), ("reject", 422, "tag"), ("clear", 200, None)]
)
def test_null_for_a_numbers_tag_does_what_the_switch_says(start, mode, status, after):
    api = start(null_handling=mode)
    path = f"/v1/numbers/{buy(api, externalId='tag')['id']}"
    assert api.patch(path, json={"externalId": None}).status_code == status
    assert api.get(path).json()["externalId"] == after


def test_an_expired_number_releases_itself_on_the_sandbox_clock(api):
    agent = api.post("/v1/agents", json={"name": "A"}).json()["id"]
    number = buy(api, expiresAt=in_hours(72), agentId=agent)
    api.post("/_sandbox/clock", json={"advance": 71 * 3600})
    assert api.get("/v1/numbers").json()["total"] == 1
    api.post("/_sandbox/clock", json={"advance": 3601})
    assert api.get("/v1/numbers").json()["total"] == 0
    after = api.get(f"/v1/numbers/{number['id']}").json()
    assert (after["status"], after["agentId"]) == ("released", None)
    assert [entry["type"] for entry in ledger(api)] == ["purchase", "expire"]
    assert ledger(api)[1]["agentId"] == agent
    assert api.delete(f"/v1/numbers/{number['id']}").status_code == 404


def test_what_is_available_can_be_searched_and_is_then_bought(api):
    offers = api.get("/v1/numbers/available", params={"areaCode": "415", "limit": 3}).json()["data"]
    assert [offer["areaCode"] for offer in offers] == ["415"] * 3
    assert offers[0] == {
        "phoneNumber": offers[0]["phoneNumber"],
        "city": "San Francisco",
        "state": "CA",
        "rateCenter": "SAN FRANCISCO",
        "areaCode": "415",
    }
    assert buy(api, areaCode="415")["phoneNumber"] == offers[0]["phoneNumber"]
    assert api.get("/v1/numbers/available", params={"areaCode": "415"}).json()["data"][0] == offers[1]


@pytest.mark.parametrize(
    ("query", "state"),
    [
        ({"city": "toronto", "country": "CA"}, "ON"),
        ({"state": "ny"}, "NY"),
        ({"zip": "94103", "state": "CA"}, "CA"),
    ],
)
def test_a_search_filters_by_place(api, query, state):
    offers = api.get("/v1/numbers/available", params=query).json()["data"]
    assert len(offers) == 20
    assert {offer["state"] for offer in offers} == {state}


@pytest.mark.parametrize(
    "query", [{"areaCode": "907"}, {"country": "GB"}, {"city": "Atlantis"}, {"zip": "10001", "state": "CA"}]
)
def test_a_search_may_find_nothing(api, query):
    assert api.get("/v1/numbers/available", params=query).json() == {"data": []}


def test_lines_are_looked_up(api):
    ours = buy(api)["phoneNumber"]
    data = api.get("/v1/numbers/lookup", params={"phoneNumbers": f"{ours},+14165550100,+4930123"}).json()["data"]
    assert [(line["phoneNumber"], line["lineType"], line["country"]) for line in data] == [
        (ours, "voip", "US"),
        ("+14165550100", "mobile", "CA"),
        ("+4930123", None, None),
    ]


@pytest.mark.parametrize("query", [{}, {"phoneNumbers": ",".join(["+14155550100"] * 26)}])
def test_a_lookup_of_nothing_or_too_much_is_422(api, query):
    assert api.get("/v1/numbers/lookup", params=query).status_code == 422


def test_a_contact_card_is_put_read_and_deleted(api):
    path = f"/v1/numbers/{buy(api)['id']}/contact-card"
    assert api.get(path).status_code == 404
    card = {"firstName": "Ada", "lastName": None, "displayName": None, "hasAvatar": True}
    assert api.put(path, json={"firstName": "Ada", "avatarUrl": "https://x.example/a.png"}).json() == card
    assert api.get(path).json() == card
    deleted = api.delete(path)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert api.get(path).status_code == 404
