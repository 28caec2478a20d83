"""What the API should never answer: the right exit code, a sentence with a hint, and nothing sent afterwards."""

from __future__ import annotations

import pytest

from apreconcile.core.errors import Error
from apreconcile.core.outcome import Word

HTML = b"<!doctype html><title>Bad gateway</title>"
SPEC = """
    agents: {a: {name: A, voice: custom_voice_ea22ba5fdfaa18f39c274851c1}}
    numbers: {n: {agent: a}}
    webhooks: {w: {url: "https://a.dev/x"}}
"""
ONE = {"id": "x", "name": "X", "phoneNumber": "+14155550100", "createdAt": "2026-01-01T00:00:00Z"}
LISTS = {
    "a bare list": (200, [ONE], 1),
    "null": (200, None, 1),
    "a word": (200, "agents", 1),
    "no data": (200, {"total": 0}, 1),
    "data null": (200, {"data": None, "total": 0}, 1),
    "data a map": (200, {"data": {"x": ONE}, "total": 1}, 1),
    "an item without an id": (200, {"data": [{"name": "X"}], "total": 1}, 1),
    "an item that is null": (200, {"data": [None], "total": 1}, 1),
    "an item that is a word": (200, {"data": ["x"], "total": 1}, 1),
    "an id that is a number": (200, {"data": [{**ONE, "id": 7}], "total": 1}, 1),
    "an id that is empty": (200, {"data": [{**ONE, "id": ""}], "total": 1}, 1),
    "a total that is a word": (200, {"data": [], "total": "many"}, 1),
    "a total that is negative": (200, {"data": [], "total": -1}, 1),
    "a total beyond the data": (200, {"data": [ONE], "total": 9}, 9),
    "one id twice": (200, {"data": [ONE, ONE], "total": 2}, 9),
    "HTML": (200, HTML, 1),
    "nothing": (200, b"", 1),
    "half of it": (200, b'{"data": [', 1),
    "not UTF-8": (200, b'{"data": ["\xff"]}', 1),
    "400": (400, {"detail": "no"}, 1),
    "401": (401, {"detail": "Invalid API key"}, 1),
    "403": (403, {"error": {"message": "not yours", "code": "FORBIDDEN"}}, 1),
    "404": (404, {"detail": "Not Found"}, 1),
    "404 in HTML": (404, HTML, 1),
    "500": (500, {"message": "oops", "code": "INTERNAL"}, 1),
    "502 in HTML": (502, HTML, 1),
    "a redirect": (302, b"", 1),
    "422 as FastAPI": (422, {"detail": [{"loc": ["query", "limit"], "msg": "too big", "type": "x"}]}, 1),
}


@pytest.mark.parametrize("case", LISTS)
@pytest.mark.parametrize("path", ["/v1/agents", "/v1/numbers"])
def test_a_list_that_is_none_stops_everything(trial, front, path, case):
    status, body, code = LISTS[case]
    front.answer("GET", path, status, body, times=100)
    with pytest.raises(Error) as refused:
        front(trial).spec(SPEC).apply()
    error = refused.value
    assert error.exit_code == code
    assert path in error.message or path.rpartition("/")[2] in error.message or status != 200 or body in {HTML, b""}
    assert error.hint
    assert trial.writes() == []
    assert not trial.state_file.exists()


SLOTS = {
    "a list": (200, [], 1),
    "a word": (200, "none", 1),
    "no id": (200, {"url": "https://a.dev/x"}, 1),
    "an id that is null": (200, {"id": None, "url": "https://a.dev/x"}, 1),
    "an empty map": (200, {}, 1),
    "HTML": (200, HTML, 1),
    "nothing": (200, b"", 1),
    "401": (401, {"detail": "x"}, 1),
    "403": (403, {"detail": "x"}, 1),
    "500": (500, HTML, 1),
}


@pytest.mark.parametrize("case", SLOTS)
def test_a_slot_that_cannot_be_read_stops_everything(trial, front, case):
    status, body, code = SLOTS[case]
    front.answer("GET", "/v1/webhooks", status, body, times=100)
    with pytest.raises(Error) as refused:
        front(trial).spec(SPEC).apply()
    assert refused.value.exit_code == code
    assert trial.writes() == []


ANSWERS = {
    "null": (200, None),
    "a list": (200, []),
    "a word": (200, "x"),
    "an empty map": (200, {}),
    "HTML": (200, HTML),
    "data null": (200, {"data": None}),
    "data a number": (200, {"data": 7, "numbers": 7, "total": "many"}),
    "odd items": (200, {"data": [None, 7, "x", {}], "numbers": {"used": "three", "limit": "ten"}, "total": None}),
    "odd counts": (200, {"data": [], "numbers": {"used": [], "limit": 10}, "total": True}),
    "odd limit": (200, {"numbers": {"used": {"x": 1}, "limit": 10.5}}),
    "403": (403, {"detail": "x"}),
    "404": (404, {"detail": "x"}),
    "500": (500, HTML),
}


@pytest.mark.parametrize("case", ANSWERS)
@pytest.mark.parametrize("path", ["/v1/usage", "/v1/agents/voices"])
def test_an_answer_that_cannot_be_had_leaves_a_sentence_out_and_no_more(trial, front, path, case):
    status, body = ANSWERS[case]
    front.answer("GET", path, status, body, times=100)
    planned = front(trial).spec(SPEC).plan()
    assert [(str(step.address), step.action) for step in planned.plan.steps] == [
        ("agent.a", "create"), ("number.n", "create"), ("webhook.w", "create"),
    ]  # fmt: skip


@pytest.mark.parametrize("case", ANSWERS)
@pytest.mark.parametrize("what", ["calls", "messages"])
def test_traffic_that_cannot_be_had_leaves_a_sentence_out_and_no_more(trial, front, what, case):
    status, body = ANSWERS[case]
    trial.spec("agents: {a: {name: A}}\nnumbers: {n: {}}").settled().spec("agents: {a: {name: A}}")
    front.answer("GET", f"/v1/numbers/*/{what}", status, body, times=100)
    planned = front(trial).plan()
    assert [step.action for step in planned.plan.steps] == ["delete"]
    assert planned.plan.steps[0].why


def test_a_key_that_is_refused_while_asking_is_an_error(trial, front):
    front.answer("GET", "/v1/usage", 401, {"detail": "expired"}, times=9)
    with pytest.raises(Error, match="401") as refused:
        front(trial).spec(SPEC).plan()
    assert "AGENTPHONE_API_KEY" in refused.value.hint


MADE = {
    "null": (200, None),
    "a list": (200, []),
    "an empty map": (200, {}),
    "an id that is a number": (200, {"id": 7}),
    "an id that is empty": (200, {"id": ""}),
    "an id that is null": (200, {"id": None, "name": "A"}),
    "a word": (200, "made"),
    "HTML": (200, HTML),
    "nothing": (204, b""),
    "half of it": (201, b'{"id": "x'),
    "CARRIER_ERROR in a 400": (400, {"error": {"message": "x", "code": "CARRIER_ERROR"}}),
    "TWILIO_ERROR in a 409": (409, {"code": "TWILIO_ERROR", "message": "x"}),
    "408": (408, {"detail": "x"}),
    "418": (418, {"detail": "x"}),
    "500": (500, {"detail": "x"}),
    "504 in HTML": (504, HTML),
    "101": (299, b"?"),
}


@pytest.mark.parametrize("case", MADE)
@pytest.mark.parametrize("path", ["/v1/agents", "/v1/numbers"])
def test_a_creation_whose_reply_says_nothing_sure_is_unknown(trial, front, path, case):
    status, body = MADE[case]
    front.answer("POST", path, status, body, commit=True)
    spec = "agents: {a: {name: A}}" if path == "/v1/agents" else "numbers: {n: {}, o: {}}"
    report = front(trial).spec(spec).apply()
    assert report.outcomes[0].word is Word.UNKNOWN
    assert report.outcomes[0].error
    assert report.exit == 6
    assert len(trial.writes()) == 1
    assert len(trial.state["intents"]) == 1


REFUSED = {
    "400": (400, {"detail": "bad"}),
    "401": (401, {"detail": "Invalid API key"}),
    "402": (402, {"error": {"message": "no money", "code": "INSUFFICIENT_BALANCE"}}),
    "403": (403, {"detail": "no"}),
    "404": (404, {"detail": "Agent not found"}),
    "405": (405, b""),
    "409": (409, {"message": "taken", "code": "X"}),
    "422": (422, {"detail": [{"loc": ["body", "name"], "msg": "bad", "type": "t"}]}),
    "the limit": (400, {"error": {"message": "limit", "code": "VALIDATION_ERROR_NUMBER_LIMIT"}}),
    "a redirect": (307, b""),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("path", ["/v1/agents", "/v1/numbers"])
def test_a_creation_that_was_refused_is_failed_and_gives_its_token_back(trial, front, path, case):
    status, body = REFUSED[case]
    front.answer("POST", path, status, body)
    spec = "agents: {a: {name: A}}" if path == "/v1/agents" else "numbers: {n: {}}"
    report = front(trial).spec(spec).apply()
    assert [one.word for one in report.outcomes] == [Word.FAILED]
    assert report.exit == 1
    assert str(status) in report.outcomes[0].error
    assert trial.state["intents"] == trial.state["turns"] == {}
    assert trial.state["ledger"] == []
    assert trial.purchases() == []


CHANGED = {
    "null": (200, None),
    "a list": (200, []),
    "an empty map": (200, {}),
    "another thing": (200, {"id": "other", "url": "https://other.dev"}),
    "nothing": (204, b""),
    "HTML": (200, HTML),
}


@pytest.mark.parametrize("case", CHANGED)
@pytest.mark.parametrize(
    ("before", "after", "call"),
    [
        ("", 'webhooks: {w: {url: "https://a.dev/x"}}', ("POST", "/v1/webhooks")),
        (
            'webhooks: {w: {url: "https://a.dev/x"}}',
            'webhooks: {w: {url: "https://b.dev/x"}}',
            ("POST", "/v1/webhooks"),
        ),
        ("agents: {a: {name: A}}", "agents: {a: {name: B}}", ("PATCH", "/v1/agents/*")),
        ("numbers: {n: {}}\nagents: {a: {name: A}}", "agents: {a: {name: A}}", ("DELETE", "/v1/numbers/*")),
        ("agents: {a: {name: A}, b: {name: B}}", "agents: {a: {name: A}}", ("DELETE", "/v1/agents/*")),
    ],
    ids=["a new webhook", "a changed webhook", "an agent", "a release", "a deletion"],
)
def test_a_change_whose_reply_says_nothing_is_decided_by_looking(trial, front, before, after, call, case):
    status, body = CHANGED[case]
    if before:
        trial.spec(before).settled()
    front.answer(*call, status, body, times=9, commit=True)
    report = front(trial).spec(after).apply()
    assert [one.word for one in report.outcomes] == [Word.DONE]
    assert report.exit == 0, report.warnings
    assert trial.plan().plan.empty
    assert "" not in trial.ids().values()


GUARDS = {
    "a list": (200, []),
    "a word": (200, "gone"),
    "a map without an id": (200, {}),
    "HTML": (200, HTML),
    "500": (500, HTML),
    "403": (403, {"detail": "no"}),
}


@pytest.mark.parametrize("case", GUARDS)
def test_a_slot_that_cannot_be_read_just_before_is_not_written_over(trial, front, case):
    status, body = GUARDS[case]
    front.answer("GET", "/v1/webhooks", status, body, nth=2, times=90)
    report = front(trial).spec('webhooks: {w: {url: "https://a.dev/x"}}').apply()
    assert report.outcomes[0].word in {Word.FAILED, Word.STALE}
    assert trial.writes() == []


@pytest.mark.parametrize("case", GUARDS)
@pytest.mark.parametrize("path", ["/v1/numbers/*", "/v1/agents/*"])
def test_what_cannot_be_read_just_before_is_not_destroyed(trial, front, path, case):
    status, body = GUARDS[case]
    kept = "agents: {a: {name: A}}\nnumbers: {k: {areaCode: '415'}}"
    trial.spec("agents: {a: {name: A}, b: {name: B}}\nnumbers: {k: {areaCode: '415'}, n: {areaCode: '212'}}").settled()
    front.answer("GET", path, status, body, times=90)
    report = front(trial).spec(kept).apply()
    kind = path.split("/")[2].removesuffix("s")
    words = {one.address.kind: one.word for one in report.outcomes}
    assert words[kind] in {Word.FAILED, Word.STALE}
    assert not [one for one in trial.writes() if one[0] == "DELETE" and one[1].startswith(path.removesuffix("*"))]


@pytest.mark.parametrize("case", GUARDS)
@pytest.mark.parametrize(
    ("before", "after", "delete", "read"),
    [
        ("numbers: {n: {}}\nagents: {a: {name: A}}", "agents: {a: {name: A}}", "/v1/numbers/*", "/v1/numbers/*"),
        ("agents: {a: {name: A}, b: {name: B}}", "agents: {a: {name: A}}", "/v1/agents/*", "/v1/agents/*"),
        ('agents: {a: {name: A}}\nwebhooks: {w: {url: "https://a.dev/x"}}', "agents: {a: {name: A}}", "/v1/webhooks", "/v1/webhooks"),
    ],
    ids=["a release", "a deletion", "a webhook"],
)  # fmt: skip
def test_a_deletion_is_not_believed_to_be_done_because_looking_shows_rubbish(
    trial, front, before, after, delete, read, case
):
    """Plan and guard see the truth; the DELETE's replies are lost; the read that should decide shows rubbish."""
    status, body = GUARDS[case]
    trial.spec(before).settled()
    reads = 2 if "webhooks" in read else 1
    front.answer("DELETE", delete, 503, HTML, times=90)
    front.answer("GET", read, status, body, nth=reads + 1, times=90)
    report = front(trial).spec(after).apply()
    assert report.outcomes[0].word in {Word.UNKNOWN, Word.FAILED}, report.outcomes
    assert report.outcomes[0].word is Word.UNKNOWN, "nobody knows: the account could not be looked at"
    assert report.exit == 6


def test_a_refused_key_in_the_middle_sends_nothing_more_that_needs_it(trial, front):
    front.answer("POST", "/v1/agents", 401, {"detail": "expired"}, times=99)
    report = front(trial).spec("agents: {a: {name: A}}\nnumbers: {n: {agent: a}}").apply()
    assert [one.word for one in report.outcomes] == [Word.FAILED, Word.SKIPPED]
    assert report.exit == 1
    assert trial.writes() == []
