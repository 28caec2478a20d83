from __future__ import annotations

import re

import pytest

URL = "https://hooks.example/events"


@pytest.fixture(params=["/v1/webhooks", "/v1/agents/a/webhook"])
def slot(request, seed):
    seed(agents=[{"id": "a", "name": "A"}])
    return request.param


def test_an_empty_slot_is_a_literal_null(api, slot):
    answer = api.get(slot)
    assert (answer.status_code, answer.content) == (200, b"null")


def test_a_webhook_has_every_key_and_the_documented_defaults(api, slot):
    answer = api.post(slot, json={"url": URL})
    assert answer.status_code == 200
    webhook = answer.json()
    assert set(webhook) == {"id", "url", "secret", "status", "contextLimit", "timeout", "createdAt"}
    assert (webhook["url"], webhook["status"], webhook["contextLimit"], webhook["timeout"]) == (URL, "active", 10, 30)
    assert re.fullmatch(r"whsec_[0-9a-f]{48}", webhook["secret"])
    assert api.get(slot).json() == webhook


def test_every_post_rotates_the_secret_and_keeps_the_identity(api, slot):
    first = api.post(slot, json={"url": URL, "contextLimit": 0, "timeout": 120}).json()
    second = api.post(slot, json={"url": URL, "contextLimit": 0, "timeout": 120}).json()
    assert first["secret"] != second["secret"]
    assert {**first, "secret": ""} == {**second, "secret": ""}
    assert api.get(slot).json() == second


@pytest.mark.parametrize(("omitted", "after"), [("reset", (10, 30)), ("keep", (5, 60))])
def test_left_out_settings_are_reset_or_kept(start, omitted, after):
    api = start(omitted=omitted)
    api.post("/v1/webhooks", json={"url": URL, "contextLimit": 5, "timeout": 60})
    changed = api.post("/v1/webhooks", json={"url": URL, "timeout": None}).json()
    assert (changed["contextLimit"], changed["timeout"]) == after


@pytest.mark.parametrize(
    ("body", "name", "kind"),
    [
        ({}, "url", "missing"),
        ({"url": None}, "url", "string_type"),
        ({"url": ""}, "url", "url_scheme"),
        ({"url": "hooks.example"}, "url", "url_scheme"),
        ({"url": "ftp://hooks.example"}, "url", "url_scheme"),
        ({"url": "https://"}, "url", "url_parsing"),
        ({"url": "https://[::1"}, "url", "url_parsing"),
        ({"url": "https://x.example:99999"}, "url", "url_parsing"),
        ({"url": "https://x.example/a b"}, "url", "url_parsing"),
        ({"url": "https://x.example/" + "a" * 2083}, "url", "url_too_long"),
        ({"url": URL, "contextLimit": 51}, "contextLimit", "less_than_equal"),
        ({"url": URL, "contextLimit": -1}, "contextLimit", "greater_than_equal"),
        ({"url": URL, "contextLimit": "5"}, "contextLimit", "int_type"),
        ({"url": URL, "timeout": 4}, "timeout", "greater_than_equal"),
        ({"url": URL, "timeout": 121}, "timeout", "less_than_equal"),
        ({"url": URL, "timeout": True}, "timeout", "int_type"),
    ],
)
def test_a_bad_webhook_is_422_and_changes_nothing(api, body, name, kind):
    before = api.post("/v1/webhooks", json={"url": URL}).json()
    answer = api.post("/v1/webhooks", json=body)
    assert answer.status_code == 422
    assert [(problem["loc"], problem["type"]) for problem in answer.json()["detail"]] == [(["body", name], kind)]
    assert api.get("/v1/webhooks").json() == before


def test_a_deleted_webhook_is_gone_and_the_other_level_stays(api, slot):
    api.post("/v1/webhooks", json={"url": URL})
    api.post("/v1/agents/a/webhook", json={"url": URL})
    assert api.delete(slot).json() == {"success": True}
    assert api.get(slot).json() is None
    assert api.delete(slot).status_code == 404
    other = {"/v1/webhooks": "/v1/agents/a/webhook", "/v1/agents/a/webhook": "/v1/webhooks"}[slot]
    assert api.get(other).json()["url"] == URL


def test_a_webhook_of_nobody_is_404(api):
    for method in ("GET", "POST", "DELETE"):
        assert api.request(method, "/v1/agents/nobody/webhook", json={"url": URL}).status_code == 404
