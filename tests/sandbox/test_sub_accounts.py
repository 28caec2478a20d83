from __future__ import annotations

import pytest


@pytest.fixture
def sub(api, as_key):
    """A sub-account's id and a client that is scoped to it."""
    known = api.post("/v1/sub-accounts", json={"name": "Preview"}).json()["id"]
    return known, as_key(**{"X-Sub-Account-Id": known})


def test_sub_accounts_are_made_listed_renamed_and_deleted(api):
    made = api.post("/v1/sub-accounts", json={"name": "One"}).json()
    assert set(made) == {"id", "name", "createdAt"}
    assert api.get("/v1/sub-accounts").json() == {"data": [made], "hasMore": False, "total": 1}
    renamed = api.patch(f"/v1/sub-accounts/{made['id']}", json={"name": "Two"}).json()
    assert renamed == {**made, "name": "Two"}
    assert api.delete(f"/v1/sub-accounts/{made['id']}").json()["success"] is True
    assert api.delete(f"/v1/sub-accounts/{made['id']}").status_code == 404
    assert api.patch(f"/v1/sub-accounts/{made['id']}", json={"name": "x"}).status_code == 404
    assert api.post("/v1/sub-accounts", json={}).status_code == 422


def test_a_scope_has_its_own_agents_numbers_and_webhooks(api, sub):
    _, scoped = sub
    agent = scoped.post("/v1/agents", json={"name": "Inside"}).json()["id"]
    number = scoped.post("/v1/numbers", json={"agentId": agent}).json()["id"]
    scoped.post("/v1/webhooks", json={"url": "https://in.example"})
    scoped.post(f"/v1/agents/{agent}/webhook", json={"url": "https://in.example/a"})
    assert scoped.get("/v1/agents").json()["total"] == 1
    assert scoped.get(f"/v1/numbers/{number}").json()["agentId"] == agent
    assert api.get("/v1/agents").json()["total"] == 0
    assert api.get("/v1/numbers").json()["total"] == 0
    assert api.get("/v1/webhooks").json() is None
    for path in (f"/v1/agents/{agent}", f"/v1/numbers/{number}", f"/v1/agents/{agent}/webhook"):
        assert api.get(path).status_code == 404
        assert scoped.get(path).status_code == 200


def test_the_wallet_is_the_masters_and_the_limit_is_each_scopes(start):
    api = start(balance=6, number_limit=2)
    known = api.post("/v1/sub-accounts", json={"name": "x"}).json()["id"]
    assert api.post("/v1/numbers", json={}).status_code == 200
    inside = {"X-Sub-Account-Id": known}
    assert api.post("/v1/numbers", json={}, headers=inside).status_code == 200
    assert api.get("/v1/usage", headers=inside).json()["numbers"] == {"used": 1, "limit": 2, "remaining": 1}
    assert api.post("/v1/numbers", json={}, headers=inside).status_code == 402
    accounts = {entry["account"] for entry in api.get("/_sandbox/ledger").json()["entries"]}
    assert len(accounts) == 1


def test_an_unknown_sub_account_is_404_everywhere(as_key):
    lost = as_key(**{"X-Sub-Account-Id": "nobody"})
    for path in ("/v1/agents", "/v1/numbers", "/v1/webhooks", "/v1/usage", "/v1/agents/voices"):
        assert lost.get(path).status_code == 404
    assert lost.post("/v1/numbers", json={}).status_code == 404
    assert lost.get("/v1/sub-accounts").status_code == 200


def test_another_keys_sub_account_is_404(sub, as_key):
    assert as_key("key-two", **{"X-Sub-Account-Id": sub[0]}).get("/v1/agents").status_code == 404


def test_a_sub_account_that_holds_something_is_not_deleted(api, sub):
    known, scoped = sub
    scoped.post("/v1/webhooks", json={"url": "https://in.example"})
    assert api.delete(f"/v1/sub-accounts/{known}").status_code == 409
    scoped.delete("/v1/webhooks")
    assert api.delete(f"/v1/sub-accounts/{known}").status_code == 200


def test_strict_mode_overlooks_the_header_where_the_openapi_document_does_not_list_it(start):
    api = start(strict_sub_accounts=True)
    inside = {"X-Sub-Account-Id": api.post("/v1/sub-accounts", json={"name": "x"}).json()["id"]}
    agent = api.post("/v1/agents", json={"name": "in"}, headers=inside).json()["id"]
    number = api.post("/v1/numbers", json={}, headers=inside).json()["id"]
    hook = {"url": "https://in.example"}
    assert api.get(f"/v1/agents/{agent}", headers=inside).status_code == 200
    assert api.get(f"/v1/numbers/{number}", headers=inside).status_code == 404
    assert api.get(f"/v1/agents/{agent}/webhook", headers=inside).status_code == 404
    assert api.post(f"/v1/agents/{agent}/numbers", json={"numberId": number}, headers=inside).status_code == 404
    api.post("/v1/webhooks", json=hook, headers=inside)
    api.post("/v1/webhooks", json={"url": "https://master.example"})
    assert api.delete("/v1/webhooks", headers=inside).status_code == 200
    assert api.get("/v1/webhooks", headers=inside).json()["url"] == hook["url"]
    assert api.get("/v1/webhooks").json() is None


def test_seeding_and_reset_reach_the_sub_account(api, sub):
    known, scoped = sub
    scoped.post("/_sandbox/seed", json={"agents": [{"name": "in"}]})
    assert scoped.get("/v1/agents").json()["total"] == 1
    api.post("/_sandbox/reset")
    assert api.get("/v1/sub-accounts").json()["total"] == 0
    assert scoped.get("/v1/agents").status_code == 404
    assert known
