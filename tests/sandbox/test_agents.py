from __future__ import annotations

import json
import re

import pytest

DEFAULTS = {
    "description": None,
    "voiceMode": "webhook",
    "enableMessaging": True,
    "modelTier": "balanced",
    "systemPrompt": None,
    "beginMessage": None,
    "voice": "custom_voice_ea22ba5fdfaa18f39c274851c1",
    "transferNumber": None,
    "customTools": None,
    "voicemailMessage": None,
    "callScreeningIdentity": None,
    "callScreeningPurpose": None,
    "sttMode": "fast",
    "ambientSound": "none",
    "denoisingMode": "noise-cancellation",
    "maxSilenceMs": 600_000,
    "voiceSpeed": 1.0,
    "interruptionSensitivity": 0.8,
    "enableBackchannel": True,
    "language": "en-US",
    "numbers": [],
}
TOOL = {"name": "look_up", "description": "Finds an order", "url": "https://tools.example/look"}


def make(api, **fields):
    answer = api.post("/v1/agents", json={"name": "Support", **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_new_agent_carries_every_documented_default(api):
    agent = make(api)
    made = agent.pop("createdAt")
    assert re.fullmatch(r"c[0-9a-z]{24}", agent.pop("id"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", made)
    assert agent == {"name": "Support", **DEFAULTS}


def test_every_writable_field_is_kept_and_shown(api):
    wanted = {
        "name": "Ö 🎧",
        "description": "d",
        "voiceMode": "hosted",
        "enableMessaging": False,
        "modelTier": "max",
        "systemPrompt": "p" * 50_000,
        "beginMessage": "hi",
        "voice": "a voice that nobody lists",
        "transferNumber": "+14155550123",
        "customTools": [{**TOOL, "method": "GET", "headers": {"X-Key": "s3cret"}, "parameters": {"type": "object"}}],
        "voicemailMessage": "bye",
        "callScreeningIdentity": "us",
        "callScreeningPurpose": "it",
        "sttMode": "accurate",
        "ambientSound": "coffee-shop",
        "denoisingMode": "noise-and-background-speech-cancellation",
        "maxSilenceMs": 10_000,
        "voiceSpeed": 2,
        "interruptionSensitivity": 0,
        "enableBackchannel": False,
        "language": "yue-CN",
    }
    agent = make(api, **wanted)
    assert {name: agent[name] for name in wanted} == wanted
    assert api.get(f"/v1/agents/{agent['id']}").json() == agent
    assert api.get("/v1/agents").json() == {"data": [agent], "total": 1}


def test_a_patch_changes_what_it_names_and_nothing_else(api):
    agent = make(api, description="old", beginMessage="hi")
    changed = api.patch(f"/v1/agents/{agent['id']}", json={"description": "new", "unknown": 1})
    assert changed.status_code == 200
    assert changed.json() == {**agent, "description": "new"}
    assert api.get(f"/v1/agents/{agent['id']}").json() == changed.json()


def test_an_empty_patch_changes_nothing(api):
    agent = make(api)
    assert api.patch(f"/v1/agents/{agent['id']}", json={}).json() == agent


@pytest.mark.parametrize(
    ("mode", "field", "value", "after"),
    [
        ("clear", "description", "x", None),
        ("clear", "maxSilenceMs", 20_000, 600_000),
        ("clear", "voice", "nova", DEFAULTS["voice"]),
        ("clear", "customTools", [TOOL], None),
        ("clear", "name", "Kept", "Kept"),
        ("ignore", "description", "x", "x"),
        ("ignore", "maxSilenceMs", 20_000, 20_000),
    ],
)
def test_null_in_a_patch_does_what_the_switch_says(start, mode, field, value, after):
    api = start(null_handling=mode)
    agent = make(api, **{field: value})
    changed = api.patch(f"/v1/agents/{agent['id']}", json={field: None})
    assert changed.status_code == 200
    assert changed.json()[field] == after


def test_null_in_a_patch_can_be_rejected(start):
    api = start(null_handling="reject")
    agent = make(api, description="x")
    changed = api.patch(f"/v1/agents/{agent['id']}", json={"description": None})
    assert changed.status_code == 422
    assert changed.json()["detail"][0]["loc"] == ["body", "description"]
    assert api.get(f"/v1/agents/{agent['id']}").json() == agent


@pytest.mark.parametrize("mode", ["clear", "ignore", "reject"])
@pytest.mark.parametrize("field", ["voiceMode", "modelTier", "sttMode", "ambientSound", "denoisingMode", "language"])
def test_null_for_an_enumeration_is_422_in_every_mode(start, mode, field):
    api = start(null_handling=mode)
    agent = make(api)
    assert api.patch(f"/v1/agents/{agent['id']}", json={field: None}).status_code == 422


def test_the_empty_string_removes_the_transfer_number_and_the_voicemail_message(api):
    agent = make(api, transferNumber="+14155550123", voicemailMessage="bye", description="d")
    changed = api.patch(
        f"/v1/agents/{agent['id']}", json={"transferNumber": "", "voicemailMessage": "", "description": ""}
    ).json()
    assert (changed["transferNumber"], changed["voicemailMessage"], changed["description"]) == (None, None, "")


def test_custom_tools_are_replaced_whole_and_cleared_by_an_empty_list(api):
    agent = make(api, customTools=[TOOL, {**TOOL, "name": "other"}])
    path = f"/v1/agents/{agent['id']}"
    assert [tool["method"] for tool in agent["customTools"]] == ["POST", "POST"]
    assert [tool["name"] for tool in api.patch(path, json={"customTools": [TOOL]}).json()["customTools"]] == ["look_up"]
    assert api.patch(path, json={"customTools": []}).json()["customTools"] == []


@pytest.mark.parametrize(
    ("field", "value", "loc", "kind"),
    [
        ("name", None, ["name"], "string_type"),
        ("name", 7, ["name"], "string_type"),
        ("name", "\ud800", ["name"], "string_unicode"),
        ("voiceMode", "robot", ["voiceMode"], "enum"),
        ("modelTier", True, ["modelTier"], "enum"),
        ("language", "en-XX", ["language"], "enum"),
        ("transferNumber", "415-555-0123", ["transferNumber"], "value_error"),
        ("maxSilenceMs", 9_999, ["maxSilenceMs"], "greater_than_equal"),
        ("maxSilenceMs", 3_600_001, ["maxSilenceMs"], "less_than_equal"),
        ("maxSilenceMs", 20_000.5, ["maxSilenceMs"], "int_type"),
        ("maxSilenceMs", True, ["maxSilenceMs"], "int_type"),
        ("maxSilenceMs", "20000", ["maxSilenceMs"], "int_type"),
        ("voiceSpeed", 2.01, ["voiceSpeed"], "less_than_equal"),
        ("voiceSpeed", False, ["voiceSpeed"], "float_type"),
        ("interruptionSensitivity", -0.1, ["interruptionSensitivity"], "greater_than_equal"),
        ("enableMessaging", 1, ["enableMessaging"], "bool_type"),
        ("customTools", {}, ["customTools"], "list_type"),
        ("customTools", [1], ["customTools", 0], "model_attributes_type"),
        ("customTools", [{**TOOL, "url": "http://x.example"}], ["customTools", 0, "url"], "url_scheme"),
        ("customTools", [{**TOOL, "name": "no spaces"}], ["customTools", 0, "name"], "string_pattern_mismatch"),
        ("customTools", [{**TOOL, "headers": {"a": 1}}], ["customTools", 0, "headers", "a"], "string_type"),
        ("customTools", [{**TOOL, "timeoutMs": 999}], ["customTools", 0, "timeoutMs"], "greater_than_equal"),
        ("customTools", [{"name": "x", "url": "https://x.example"}], ["customTools", 0, "description"], "missing"),
        ("customTools", [TOOL, TOOL], ["customTools", 1, "name"], "value_error"),
        ("customTools", [{**TOOL, "name": f"t{n}"} for n in range(21)], ["customTools"], "too_long"),
    ],
)
def test_what_does_not_validate_is_a_fastapi_422_with_its_place(api, field, value, loc, kind):
    answer = api.post(
        "/v1/agents", content=json.dumps({"name": "x", field: value}), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    (problem,) = answer.json()["detail"]
    assert problem["loc"] == ["body", *loc]
    assert problem["type"] == kind
    assert set(problem) == {"loc", "msg", "type"}
    assert api.get("/v1/agents").json()["total"] == 0


def test_every_problem_of_a_body_is_named_at_once(api):
    answer = api.post("/v1/agents", json={"voiceMode": 1, "maxSilenceMs": 0})
    assert [problem["loc"][1] for problem in answer.json()["detail"]] == ["name", "voiceMode", "maxSilenceMs"]


def test_names_need_not_be_unique_and_may_be_empty(api):
    assert make(api, name="")["id"] != make(api, name="")["id"]


def test_a_deleted_agent_leaves_its_numbers_and_takes_its_webhook(api, seed):
    seed(
        agents=[{"id": "a", "name": "A"}],
        numbers=[{"id": "n", "agentId": "a"}],
        webhooks=[{"agentId": "a", "url": "https://x.example"}],
        calls=[{"id": "c", "numberId": "n"}],
        messages=[{"id": "m", "numberId": "n"}],
    )
    assert api.delete("/v1/agents/a").json() == {"success": True, "id": "a", "name": "A"}
    assert api.get("/v1/agents/a").status_code == 404
    assert api.delete("/v1/agents/a").status_code == 404
    assert api.get("/v1/agents/a/webhook").status_code == 404
    number = api.get("/v1/numbers/n").json()
    assert (number["agentId"], number["status"]) == (None, "active")
    assert api.get("/v1/calls/c").json()["agentId"] is None
    assert [item["agentId"] for item in api.get("/v1/conversations").json()["data"]] == [None]


def test_the_list_is_paged_in_order_of_creation(api, seed):
    seed(agents=[{"id": f"a{n}", "name": "x"} for n in range(45)])
    ids = []
    while True:
        page = api.get("/v1/agents", params={"offset": len(ids)}).json()
        assert set(page) == {"data", "total"}
        assert page["total"] == 45
        ids += [agent["id"] for agent in page["data"]]
        if not page["data"]:
            break
    assert ids == [f"a{n}" for n in range(45)]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=-1", "limit=x", "limit=1.5", "offset=-1", "limit=", "offset=99999999999999999999"],
)
def test_a_page_out_of_range_is_422(api, query):
    answer = api.get(f"/v1/agents?{query}")
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", query.split("=")[0]]


def test_a_page_behind_the_end_is_empty(api, seed):
    seed(agents=[{"name": "x"}])
    assert api.get("/v1/agents?offset=5").json() == {"data": [], "total": 1}


def test_attaching_keeps_the_order_and_detaching_keeps_the_number(api, seed):
    seed(agents=[{"id": "a", "name": "A"}], numbers=[{"id": "n1"}, {"id": "n2"}])
    second = api.post("/v1/agents/a/numbers", json={"numberId": "n2"})
    phone = api.get("/v1/numbers/n2").json()["phoneNumber"]
    assert second.json() == {
        "agentId": "a",
        "number": {"id": "n2", "phoneNumber": phone, "status": "active", "type": "sms"},
    }
    api.post("/v1/agents/a/numbers", json={"numberId": "n1"})
    api.post("/v1/agents/a/numbers", json={"numberId": "n2"})
    assert [number["id"] for number in api.get("/v1/agents/a").json()["numbers"]] == ["n2", "n1"]
    assert [number["id"] for number in api.get("/v1/agents").json()["data"][0]["numbers"]] == ["n2", "n1"]
    assert api.delete("/v1/agents/a/numbers/n2").json() == {"success": True}
    assert api.get("/v1/numbers/n2").json()["agentId"] is None
    api.post("/v1/agents/a/numbers", json={"numberId": "n2"})
    assert [number["id"] for number in api.get("/v1/agents/a").json()["numbers"]] == ["n1", "n2"]


def test_attaching_a_held_number_moves_it_or_is_refused(start):
    for mode, status, holder in (("move", 200, "b"), ("refuse", 409, "a")):
        api = start(db=":memory:", held_number=mode)
        api.post(
            "/_sandbox/seed",
            json={
                "agents": [{"id": "a", "name": "A"}, {"id": "b", "name": "B"}],
                "numbers": [{"id": "n", "agentId": "a"}],
            },
        )
        assert api.post("/v1/agents/b/numbers", json={"numberId": "n"}).status_code == status
        assert api.get("/v1/numbers/n").json()["agentId"] == holder


def test_attach_and_detach_refuse_what_is_not_there(api, seed):
    seed(agents=[{"id": "a", "name": "A"}], numbers=[{"id": "n"}, {"id": "gone", "status": "released"}])
    assert api.post("/v1/agents/x/numbers", json={"numberId": "n"}).status_code == 404
    assert api.post("/v1/agents/a/numbers", json={"numberId": "gone"}).status_code == 404
    missing = api.post("/v1/agents/a/numbers", json={"numberId": "x"})
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "PHONE_NUMBER_NOT_FOUND")
    assert api.post("/v1/agents/a/numbers", json={}).status_code == 422
    assert api.delete("/v1/agents/a/numbers/n").status_code == 404


def test_voices_are_an_object_with_data(api):
    voices = api.get("/v1/agents/voices").json()["data"]
    assert set(voices[0]) == {"voice_id", "voice_name", "provider", "gender", "accent", "preview_audio_url"}
    assert DEFAULTS["voice"] in {voice["voice_id"] for voice in voices}
