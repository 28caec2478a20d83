"""Complete or an error: lists under every way in which a server or a colleague can upset them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apreconcile.core.call import Call, Reply
from apreconcile.core.errors import ApiError, UnsafeError
from apreconcile.live.client import Client
from apreconcile.live.hosts import check_base_url
from apreconcile.live.listing import READS, list_all
from tests.live.conftest import KEY, Time, reply

pytestmark = pytest.mark.anyio
AGENTS = ("v1", "agents")


class Account:
    """Items in an order that is not theirs by id; `cap` is the longest page it gives, `before` runs before each page."""

    def __init__(self, count, *, total=True, cap=100, before=lambda account: None):
        self.items = [{"id": f"a{(7 * n) % 10007:05}", "n": n} for n in range(count)]
        self.total, self.cap, self.before = total, cap, before
        self.asked: list[tuple[int, int]] = []

    async def __call__(self, call: Call) -> Reply:
        asked = {name: int(value) for name, value in call.query}
        limit, offset = asked.get("limit", 20), asked.get("offset", 0)
        self.asked.append((offset, limit))
        self.before(self)
        page = self.items[offset : offset + min(limit, self.cap)]
        return Reply(200, {"data": page} | ({"total": len(self.items)} if self.total else {}))


@pytest.mark.parametrize(
    ("count", "requests"), [(0, 1), (1, 1), (99, 1), (100, 1), (101, 2), (200, 2), (201, 3), (1000, 10)]
)
async def test_a_list_costs_one_request_a_page(count, requests):
    account = Account(count)
    items = await list_all(account, AGENTS)
    assert [item["id"] for item in items] == sorted(item["id"] for item in account.items)
    assert len(account.asked) == requests
    assert {limit for _, limit in account.asked} == {100}


@pytest.mark.parametrize("count", [0, 1, 19, 20, 21, 40, 45, 100, 130])
async def test_a_server_with_smaller_pages_is_read_to_the_end(count):
    account = Account(count, cap=20)
    assert len(await list_all(account, AGENTS)) == count
    assert len(account.asked) == max(1, -(-count // 20))


@pytest.mark.parametrize("count", [0, 1, 20, 100, 101, 250])
@pytest.mark.parametrize("cap", [20, 100])
async def test_without_a_total_pages_are_read_until_one_is_empty(count, cap):
    account = Account(count, total=False, cap=cap)
    assert len(await list_all(account, AGENTS)) == count
    assert account.asked[-1][0] == count


@given(st.integers(0, 60), st.integers(1, 25), st.integers(1, 25), st.booleans())
async def test_whatever_the_sizes_all_of_it_is_read(count, page, cap, total):
    assert len(await list_all(Account(count, cap=cap, total=total), AGENTS, page=page)) == count


async def test_a_server_that_ignores_the_limit_is_read_once():
    account = Account(250, cap=1000)
    account.cap = 1000

    async def whole(call: Call) -> Reply:
        account.asked.append((0, 0))
        return Reply(200, {"data": account.items, "total": 250})

    assert len(await list_all(whole, AGENTS)) == 250
    assert len(account.asked) == 1


async def test_a_list_that_changes_while_it_is_read_is_read_again(time):
    def grow(account):
        if len(account.asked) == 2:
            account.items.insert(0, {"id": "new"})

    account = Account(250, before=grow)
    items = await list_all(account, AGENTS, pause=time.pause)
    assert len(items) == 251
    assert len(account.asked) == 6
    assert time.waits == [0.5]


@pytest.mark.parametrize("total", [True, False])
async def test_a_list_that_never_agrees_is_not_used(time, total):
    def shift(account):
        if account.asked[-1][0] > 0:
            account.items.insert(0, {"id": f"new{len(account.asked)}"})

    with pytest.raises(UnsafeError) as caught:
        await list_all(Account(150, before=shift, total=total), AGENTS, pause=time.pause)
    assert caught.value.exit_code == 9
    assert str(caught.value).startswith(f"the list of agents changed while it was read, {READS} times: ")
    assert time.waits == [0.5, 1.0, 2.0]


@pytest.mark.parametrize(
    ("pages", "why"),
    [
        ([(["a", "b"], 3)], "total 3, but 2 different ids"),
        ([([], 3)], "total 3, but 0 different ids"),
        ([(["a", "b", "c"], 2)], "total 2, but 3 different ids"),
        ([(["a", "b"], 4), (["b", "c"], 4)], "total 4, but 3 different ids"),
        ([(["a", "b"], 3), (["b", "c"], 3)], "4 items, but 3 different ids"),
        ([(["a", "b"], 3), (["c"], 4)], "total 3, then 4"),
        ([(["a", "b"], 3), (["c"], None)], "total 3, then missing"),
        ([(["a", "a"], 2)], "total 2, but 1 different ids"),
        ([(["a", "b"], None), (["b", "a"], None)], "4 items, but 2 different ids"),
    ],
)
async def test_what_does_not_agree_is_named(time, pages, why):
    async def send(call: Call) -> Reply:
        offset = int(dict(call.query).get("offset", 0))
        ids, total = pages[min(offset // 2, len(pages) - 1)]
        return Reply(200, {"data": [{"id": ident} for ident in ids]} | ({} if total is None else {"total": total}))

    with pytest.raises(UnsafeError) as caught:
        await list_all(send, AGENTS, page=2, pause=time.pause)
    assert str(caught.value) == f"the list of agents changed while it was read, {READS} times: {why}"


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "text",
        7,
        {},
        {"data": None},
        {"data": {"id": "a"}},
        {"items": [], "total": 0},
        {"data": [None]},
        {"data": [["id"]]},
        {"data": [{"name": "x"}]},
        {"data": [{"id": 7}]},
        {"data": [{"id": ""}]},
        {"data": [], "total": "0"},
        {"data": [], "total": True},
        {"data": [], "total": -1},
        {"data": [], "total": 10**9},
        {"data": [], "total": 1.5},
    ],
)
async def test_what_is_no_list_is_said_at_once(body):
    async def send(call: Call) -> Reply:
        return Reply(200, body)

    with pytest.raises(ApiError, match=r"^GET /v1/agents answered 200, but ") as caught:
        await list_all(send, AGENTS)
    assert caught.value.hint


async def test_an_error_on_one_page_is_the_error(server, time):
    server.script = [
        reply(200, {"data": [{"id": str(n)} for n in range(100)], "total": 900}),
        reply(403, {"detail": "no more"}),
    ]
    async with Client(check_base_url(server.url), KEY, pace=time.pace) as client:
        with pytest.raises(ApiError, match="no more") as caught:
            await list_all(client.send, AGENTS)
        assert caught.value.__cause__ is None
    assert len(server.heard) < 12


async def test_pages_are_read_at_once_through_the_client(server):
    account = Account(1000)

    async def act(heard, reader, writer):
        query = tuple(tuple(pair.split("=")) for pair in heard.target.partition("?")[2].split("&"))
        return await reply(200, (await account(Call("GET", AGENTS, query=query))).body)(heard, reader, writer)

    server.script = [act]
    async with Client(check_base_url(server.url), KEY, concurrency=4, pace=Time().pace) as client:
        assert len(await list_all(client.send, AGENTS)) == 1000
        assert client.requests == 10
    assert server.connections == 4
