from __future__ import annotations

import hashlib
import sqlite3
import time
from contextlib import closing

import pytest

from apreconcile.sandbox import account_of, ledger, reset

NAME = hashlib.sha256(b"key-one").hexdigest()[:12]


def test_an_account_is_named_by_the_hash_of_its_token(api):
    api.post("/v1/numbers", json={})
    assert account_of("key-one") == NAME
    assert [entry["account"] for entry in api.get("/_sandbox/ledger").json()["entries"]] == [NAME]


def test_every_token_is_an_account_of_its_own(api, as_key):
    other = as_key("key-two")
    agent = api.post("/v1/agents", json={"name": "A"}).json()["id"]
    assert other.get("/v1/agents").json()["total"] == 0
    assert other.get(f"/v1/agents/{agent}").status_code == 404
    assert other.delete(f"/v1/agents/{agent}").status_code == 404
    assert other.post("/_sandbox/seed", json={"agents": [{"id": agent, "name": "same id"}]}).status_code == 200
    assert api.get(f"/v1/agents/{agent}").json()["name"] == "A"


def test_the_log_has_every_request_in_order_and_no_key(api, as_key):
    api.post("/v1/agents", json={"name": "A"})
    api.get("/v1/agents?limit=5")
    api.post("/v1/agents", content=b"not json")
    as_key("key-two").get("/v1/nowhere")
    as_key(None).get("/v1/agents")
    log = as_key(None).get("/_sandbox/requests").json()["data"]
    assert [entry["seq"] for entry in log] == [1, 2, 3, 4, 5]
    assert [(entry["method"], entry["path"], entry["body"], entry["status"]) for entry in log] == [
        ("POST", "/v1/agents", {"name": "A"}, 200),
        ("GET", "/v1/agents", None, 200),
        ("POST", "/v1/agents", "not json", 422),
        ("GET", "/v1/nowhere", None, 404),
        ("GET", "/v1/agents", None, 401),
    ]
    assert [entry["account"] for entry in log] == [NAME, NAME, NAME, account_of("key-two"), None]
    assert log[1]["query"] == "limit=5"
    text = as_key(None).get("/_sandbox/requests").text.lower()
    assert "authorization" not in text
    assert "key-" not in text


def test_the_log_and_the_ledger_are_the_bearers_or_one_accounts_or_everybodys(api, as_key):
    for key in ("key-one", "key-two"):
        as_key(key).post("/v1/numbers", json={})
    for path, name in (("/_sandbox/requests", "data"), ("/_sandbox/ledger", "entries")):
        assert len(as_key(None).get(path).json()[name]) == 2
        assert [entry["account"] for entry in api.get(path).json()[name]] == [NAME]
        assert [entry["account"] for entry in as_key(None).get(f"{path}?account={NAME}").json()[name]] == [NAME]


def test_a_cut_request_is_logged_with_status_0(api, fault):
    for action in ("drop", "commit-then-drop"):
        fault("POST /v1/agents", action)
        with pytest.raises(Exception, match="disconnected"):
            api.post("/v1/agents", json={"name": action})
    assert [(entry["body"]["name"], entry["status"]) for entry in api.get("/_sandbox/requests").json()["data"]] == [
        ("drop", 0),
        ("commit-then-drop", 0),
    ]


def test_neither_the_key_nor_the_authorization_header_is_on_the_disk(start, world):
    key = "sk_live_very_secret_key_1234567890"
    api = start(key=key, keys=(key,))
    api.post("/v1/agents", json={"name": "A"})
    api.post("/v1/numbers", json={})
    secret = api.post("/v1/webhooks", json={"url": "https://x.example"}).json()["secret"]
    bytes_on_disk = b"".join(path.read_bytes() for path in world.parent.iterdir())
    assert key.encode() not in bytes_on_disk
    assert secret.encode() in bytes_on_disk
    assert {path.stat().st_mode & 0o077 for path in world.parent.iterdir()} == {0}


def test_the_clock_goes_forward_for_everybody(api, as_key):
    first = api.post("/v1/agents", json={"name": "x"}).json()["createdAt"]
    now = as_key(None).post("/_sandbox/clock", json={"advance": 86_400.5}).json()["now"]
    second = as_key("key-two").post("/v1/agents", json={"name": "x"}).json()["createdAt"]
    assert first[:10] < now[:10] <= second[:10]


@pytest.mark.parametrize(
    "body",
    [{}, {"advance": -1}, {"advance": "1"}, {"advance": True}, {"advance": 1e300}, {"advance": 1, "x": 1}, [], None],
)
def test_the_clock_takes_seconds_only(api, body):
    assert api.post("/_sandbox/clock", json=body).status_code == 422


def test_the_clock_never_runs_out(api):
    for _ in range(5):
        assert api.post("/_sandbox/clock", json={"advance": 1_500_000_000}).status_code == 200
    assert api.post("/v1/agents", json={"name": "x"}).json()["createdAt"] < "2200"


def test_reset_empties_the_bearers_account_only(api, as_key):
    other = as_key("key-two")
    for client in (api, other):
        client.post("/v1/agents", json={"name": "x"})
        client.post("/v1/numbers", json={})
    assert api.post("/_sandbox/reset").status_code == 200
    for path in ("/v1/agents", "/v1/numbers"):
        assert api.get(path).json()["total"] == 0
        assert other.get(path).json()["total"] == 1
    assert api.get("/v1/usage").json()["numbers"]["used"] == 0
    assert [entry["account"] for entry in as_key(None).get("/_sandbox/ledger").json()["entries"]] == [
        account_of("key-two")
    ]


def test_reset_without_a_bearer_empties_the_world(api, as_key, fault):
    api.post("/v1/numbers", json={})
    fault("GET /v1/agents", "drop")
    as_key(None).post("/_sandbox/clock", json={"advance": 1_000_000})
    as_key(None).post("/_sandbox/reset")
    assert api.get("/v1/agents").json()["total"] == 0
    assert as_key(None).get("/_sandbox/ledger").json() == {"entries": []}
    assert [entry["path"] for entry in as_key(None).get("/_sandbox/requests").json()["data"]] == ["/v1/agents"]
    made = api.post("/v1/agents", json={"name": "x"}).json()["createdAt"]
    assert made < time.strftime("%Y-%m-%dT%H:%M:59.999999Z", time.gmtime(time.time() + 60))


def test_a_file_is_reset_and_read_without_a_server(start, world):
    api = start()
    api.post("/v1/numbers", json={"externalId": "x"})
    start().post("/v1/numbers", json={}, headers={"Authorization": "Bearer key-two"})
    assert [entry["externalId"] for entry in ledger(world, NAME)] == ["x"]
    assert len(ledger(world)) == 2
    reset(world, NAME)
    assert [entry["account"] for entry in ledger(world)] == [account_of("key-two")]
    assert api.get("/v1/numbers").json()["total"] == 0
    reset(world)
    assert ledger(world) == []


def test_a_file_that_is_not_there_stays_so(tmp_path):
    reset(tmp_path / "none.db")
    assert ledger(tmp_path / "none.db") == []
    assert list(tmp_path.iterdir()) == []


def test_seeding_wants_a_bearer(as_key):
    assert as_key(None).post("/_sandbox/seed", json={}).status_code == 401


def test_a_seed_returns_all_that_it_made_whole(api, seed):
    made = seed(
        agents=[
            {"id": "agent_1", "name": "A", "voiceMode": "hosted", "createdAt": "2026-01-01T00:00:00Z"},
            {"name": "B"},
        ],
        numbers=[
            {
                "id": "num_1",
                "phoneNumber": "+14155550123",
                "agentId": "agent_1",
                "externalId": "apr:x",
                "expiresAt": "2999-01-01T00:00:00Z",
            },
            {"areaCode": "604", "country": "CA"},
        ],
        webhooks=[
            {"url": "https://all.example"},
            {"agentId": "agent_1", "url": "https://one.example", "timeout": 5, "secret": "whsec_given"},
        ],
        calls=[{"numberId": "num_1"}],
        messages=[{"numberId": "num_1", "body": "hi"}],
    )
    assert made["agents"] == [api.get(f"/v1/agents/{agent['id']}").json() for agent in made["agents"]]
    assert made["numbers"] == api.get("/v1/numbers").json()["data"]
    assert made["webhooks"][0] == {"agentId": None, **api.get("/v1/webhooks").json()}
    assert made["webhooks"][1] == {"agentId": "agent_1", **api.get("/v1/agents/agent_1/webhook").json()}
    assert (made["webhooks"][1]["secret"], made["webhooks"][1]["timeout"]) == ("whsec_given", 5)
    assert made["agents"][0]["createdAt"] == "2026-01-01T00:00:00.000000Z"
    assert made["agents"][0]["numbers"][0]["id"] == "num_1"
    assert made["numbers"][1]["phoneNumber"].startswith("+1604")
    assert made["calls"][0]["toNumber"] == "+14155550123"
    assert made["messages"][0]["body"] == "hi"


def test_seeded_numbers_cost_nothing_and_pass_every_limit(api, seed):
    seed(numbers=[{} for _ in range(15)])
    assert api.get("/v1/usage").json()["numbers"] == {"used": 15, "limit": 10, "remaining": 0}
    assert api.get("/_sandbox/ledger").json() == {"entries": []}


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ([], ["body"]),
        ({"agent": []}, ["body", "agent"]),
        ({"agents": {}}, ["body", "agents"]),
        ({"agents": [{"name": "A"}, {}]}, ["body", "agents", 1, "name"]),
        ({"agents": [{"name": "A", "nmae": "B"}]}, ["body", "agents", 0, "nmae"]),
        ({"agents": [{"name": "A", "id": "a b"}]}, ["body", "agents", 0, "id"]),
        ({"agents": [{"name": "A", "id": "a"}, {"name": "A", "id": "a"}]}, ["body", "agents", 1, "id"]),
        ({"numbers": [{"agentId": "nobody"}]}, ["body", "numbers", 0, "agentId"]),
        (
            {"numbers": [{"phoneNumber": "+14155550123"}, {"phoneNumber": "+14155550123"}]},
            ["body", "numbers", 1, "phoneNumber"],
        ),
        ({"webhooks": [{"url": "x"}]}, ["body", "webhooks", 0, "url"]),
        ({"calls": [{"numberId": "nobody"}]}, ["body", "calls", 0, "numberId"]),
        ({"calls": [{"numberId": "n", "transcripts": {}}]}, ["body", "calls", 0, "transcripts"]),
        ({"numberLimit": -1}, ["body", "numberLimit"]),
        ({"balance": "much"}, ["body", "balance"]),
    ],
)
def test_a_bad_seed_is_422_with_its_place_and_plants_nothing(api, body, loc):
    first = {"agents": [{"name": "first"}], **body} if isinstance(body, dict) else body
    answer = api.post("/_sandbox/seed", json=first)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == loc
    assert api.get("/v1/agents").json()["total"] == 0


def test_ten_thousand_of_each_are_held(api, seed, world):
    many = range(10_000)
    seed(
        agents=[{"id": f"a{n}", "name": f"Agent {n}"} for n in many],
        numbers=[{"id": f"n{n}", "agentId": f"a{n}"} for n in many],
        webhooks=[{"agentId": f"a{n}", "url": f"https://hooks.example/{n}"} for n in many],
        numberLimit=20_000,
    )
    page = api.get("/v1/agents?limit=100&offset=9950").json()
    assert (page["total"], [agent["id"] for agent in page["data"]]) == (10_000, [f"a{n}" for n in range(9950, 10_000)])
    assert page["data"][0]["numbers"][0]["id"] == "n9950"
    with closing(sqlite3.connect(world)) as db:
        phones = db.execute("SELECT count(DISTINCT phone_number) FROM numbers").fetchone()
    assert phones == (10_000,)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/_sandbox/seed", 405),
        ("GET", "/_sandbox", 404),
        ("GET", "/_sandbox/x/y", 404),
        ("DELETE", "/_sandbox/ledger", 405),
    ],
)
def test_control_has_no_other_routes(api, method, path, status):
    assert api.request(method, path).status_code == status
