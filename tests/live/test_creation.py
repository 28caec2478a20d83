"""One creation: what is sent, what is remembered of it, and its word, for every way in which it can end."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from apreconcile.core.address import Address
from apreconcile.core.call import After, Call, IdOf, Reply
from apreconcile.core.change import Create, Delete
from apreconcile.core.diff import memories
from apreconcile.core.errors import StoreError
from apreconcile.core.outcome import Outcome, Word
from apreconcile.core.place import Place
from apreconcile.core.plan import Step
from apreconcile.core.risk import Risk
from apreconcile.core.snapshot import Seen
from apreconcile.core.state import Intent, Purchase, Resource, State, Tombstone
from apreconcile.core.wanted import Wanted
from apreconcile.live.applying import Stop, Work
from apreconcile.live.creation import create, known_ids, unsent
from apreconcile.live.listing import list_all
from apreconcile.live.record import SPACING, URGENT, Holder, Record
from tests.live.conftest import hang, reply

pytestmark = pytest.mark.anyio

A, N, M = Address("agent", "a"), Address("number", "n"), Address("number", "m")
MARKER, PHONE = "apr:acme/default/n", "+14155550100"
NOW, SECOND = datetime(2026, 7, 30, 12, 0, 7, 5, tzinfo=UTC), "2026-07-30T12:00:07Z"
STATE = State("acme", "default", "loopback", id="d0c", seed="5eed")


def wanted(at, **fields):
    return Wanted(at, fields, Place("agentphone.yaml", 1, 1))


MAKE = Step(
    Create(A, wanted(A, name="A"), (), ""),
    (Call("POST", ("v1", "agents"), {"name": "A"}, names=A),),
    frozenset(),
    1,
    token="make:agent.a@0",
)
BUY = Step(
    Create(N, wanted(N, agent=IdOf(A)), (), MARKER),
    (Call("POST", ("v1", "numbers"), {"agentId": IdOf(A), "externalId": MARKER}, names=N),),
    frozenset({Risk.SPENDS}),
    2,
    token="buy:number.n@0",
)


@dataclass
class Told:
    """Writes down what a watch is told."""

    lines: list[tuple[str, str]] = field(default_factory=list)

    def began(self, step):
        self.lines.append(("began", str(step.address)))

    def ended(self, step, outcome):
        self.lines.append(("ended", outcome.word.value))


@dataclass
class Kept:
    """A home of the state: every document with the moment at which it was stored, until it refuses."""

    time: object
    documents: list[tuple[float, State]] = field(default_factory=list)
    refuses: bool = False

    async def __call__(self, state: State) -> State:
        if self.refuses:
            raise StoreError("the disk is full")
        self.documents.append((self.time.now, state))
        return state


@pytest.fixture
def kept(time):
    return Kept(time)


@pytest.fixture
def work(client, time, kept):
    async def relist(name):
        bodies = await list_all(client.send, ("v1", f"{name}s"), pause=time.pause)
        return tuple(Seen(name, body["id"], body) for body in bodies)

    record = Record(STATE, kept, Holder("run", "me", "here"), pace=time.pace, now=lambda: NOW)
    return Work(
        send=client.send, ready=client.ready, record=record, pace=time.pace, stop=Stop(), watch=Told(), relist=relist,
        marker=lambda seen: seen.body.get("externalId"), concurrency=1, seen={}, ids={A: "agt"},
    )  # fmt: skip


def opened(work, *steps, expires=None):
    """The steps' intents are open, as `apply` opens them."""
    for step in steps:
        intent = Intent(
            step.address, "create", "0", "2026-07-30T12:00:30.000000Z", "run", "2026-07-30T12:00:00Z", token=step.token,
            expires=expires,
        )  # fmt: skip
        work.record.state = work.record.state.open(intent, price="3.00" if step.spends else None)


async def took(work, step, *, send_by=2000.0, expires=None):
    """Take a step whose intent is open. Returns its outcome, and the state at the end; no outcome: not sent."""
    opened(work, step, expires=expires)
    sent = await create(work, step, send_by)
    await work.record.close()
    outcome = work.words.get(step.name)
    assert sent is (outcome is not None)
    return outcome, work.record.state


def without_trace(state):
    """Whether nothing was done, and the token and its price are given back."""
    return (state.intents, state.resources, state.turn(N), state.turn(A), state.ledger) == ({}, {}, 0, 0, ())


async def test_what_was_made_is_ours_at_once(server, work):
    server.script = [reply(201, {"id": "num", "phoneNumber": PHONE})]
    work.record.state = STATE.bind(N, Resource("num_0", "created"))
    outcome, state = await took(work, BUY)
    assert outcome == Outcome(N, "create", Word.DONE, id="num", phone_number=PHONE, changed=True, verb="buy")
    assert [(heard.method, heard.target, json.loads(heard.body)) for heard in server.heard] == [
        ("POST", "/v1/numbers", {"agentId": "agt", "externalId": MARKER})
    ]
    fields = memories(BUY.change.wanted, STATE.salt, None)
    assert state.resources == {N: Resource("num", "created", PHONE, fields=fields)}
    assert state.ledger == (Purchase(N, "2026-07-30T12:00:00Z", "3.00", "bought", "num", PHONE),)
    assert state.tombstones == (Tombstone(N, "num_0", "2026-07-30T12:00:07.000005Z", "lost"),)
    assert (state.intents, state.turn(N), work.ids[N]) == ({}, 1, "num")
    assert work.watch.lines == [("began", "number.n"), ("ended", "done")]


@pytest.mark.parametrize(
    ("says", "before", "after"), [(None, True, True), (None, False, False), (True, False, True), (False, True, False)]
)
async def test_what_was_made_is_protected_as_the_spec_says_or_else_as_it_was(server, work, says, before, after):
    server.script = [reply(201, {"id": "num"})]
    work.record.state = STATE.bind(N, Resource("num_0", "created", protect=before))
    wants = replace(BUY.change, wanted=replace(BUY.change.wanted, protect=says))
    _, state = await took(work, replace(BUY, change=wants))
    assert (state.resources[N].id, state.resources[N].protect) == ("num", after)


END = "2026-08-02T12:00:00Z"
ENDS = replace(
    BUY,
    change=replace(BUY.change, lifetime=timedelta(hours=72)),
    calls=(replace(BUY.calls[0], body={**BUY.calls[0].body, "expiresAt": After(timedelta(hours=72))}),),
)
"""A purchase for a preview: the number releases itself."""


async def test_what_is_bought_with_an_end_is_sent_with_that_of_its_intent_and_remembered_with_it(server, work):
    server.script = [reply(201, {"id": "num", "phoneNumber": PHONE})]
    outcome, state = await took(work, ENDS, expires=END)
    assert outcome.word is Word.DONE
    assert [json.loads(heard.body) for heard in server.heard] == [
        {"agentId": "agt", "externalId": MARKER, "expiresAt": END}
    ]
    assert state.resources[N].expires == END


async def test_what_a_rate_limit_hid_has_its_end_too(server, work):
    server.script = [reply(429, retry_after="1"), listed({"id": "num", "externalId": MARKER})]
    _, state = await took(work, ENDS, expires=END)
    assert (state.resources[N].id, state.resources[N].expires) == ("num", END)


async def test_without_an_intent_nothing_is_sent(server, work):
    with pytest.raises(KeyError):
        await create(work, ENDS, 2000.0)
    assert server.heard == []


async def test_a_phone_number_that_is_no_text_is_not_remembered(server, work):
    server.script = [reply(201, {"id": "num", "phoneNumber": 14155550100})]
    _, state = await took(work, BUY)
    assert state.resources[N].phone_number is None


async def test_nothing_is_begun_once_somebody_asked_to_stop(server, work):
    work.stop.ask()
    outcome, state = await took(work, BUY)
    assert (outcome.word, outcome.because) == (Word.SKIPPED, "interrupted")
    assert without_trace(state)
    assert (server.heard, work.watch.lines) == ([], [("ended", "skipped")])


async def test_an_unknown_purchase_stops_purchases_and_nothing_else(server, work):
    server.script = [reply(201, {"id": "agt_1"})]
    work.unknown_purchase = True
    outcome, state = await took(work, BUY)
    assert (outcome.word, outcome.because) == (Word.SKIPPED, "unknown-purchase")
    assert without_trace(state)
    assert server.heard == []
    outcome, state = await took(work, MAKE)
    assert (outcome.word, state.resources[A].id) == (Word.DONE, "agt_1")


async def test_nothing_is_sent_that_could_not_be_recorded(server, work, kept):
    opened(work, BUY)
    kept.refuses = True
    assert await create(work, BUY, 2000.0)
    assert work.words[BUY.name].word is Word.FAILED
    assert work.words[BUY.name].error == "nothing was sent: the disk is full"
    assert server.heard == []
    kept.refuses = False
    await work.record.close()
    assert without_trace(work.record.state)


async def test_a_refusal_is_certain_and_says_what_to_do(server, work):
    server.script = [reply(422, {"detail": "no such area"})]
    outcome, state = await took(work, BUY)
    said = "POST /v1/numbers was refused with 422: no such area; the API refused a value; correct it in the spec"
    assert (outcome.word, outcome.error) == (Word.FAILED, said)
    assert without_trace(state)
    assert not work.unknown_purchase


async def test_what_was_never_sent_is_certain_too(work):
    odd = replace(BUY, calls=(replace(BUY.calls[0], path=("v1", "..")),))
    outcome, state = await took(work, odd)
    assert (outcome.word, outcome.error) == (
        Word.FAILED,
        "'..' cannot be part of a path; correct the id in the spec or in the state",
    )
    assert without_trace(state)


UNKNOWN = {
    "a failure of the server": (reply(500, {"detail": "oops"}), "POST /v1/numbers failed with 500: oops"),
    "no id": (reply(201, {}), "POST /v1/numbers answered 201, but its body does not say which id is new"),
}


@pytest.mark.parametrize("case", UNKNOWN)
async def test_anything_but_a_certain_answer_is_unknown_and_stays_open(server, work, case):
    act, words = UNKNOWN[case]
    server.script = [act]
    outcome, state = await took(work, BUY)
    assert outcome == Outcome(N, "create", Word.UNKNOWN, error=f"sent at {SECOND}: {words}", verb="buy")
    assert work.unknown_purchase
    assert (state.opened, state.turn(N), state.resources) == ({N}, 1, {})
    assert [line.outcome for line in state.ledger] == ["unknown"]
    assert state.intents[N].send_by == "2026-07-30T12:00:07.000005Z", "nothing of it leaves any more"
    assert len(server.heard) == 1


@pytest.mark.parametrize("body", [{}, {"id": ""}, {"id": 7}, {"id": None}, [{"id": "num"}], None], ids=repr)
async def test_who_sends_may_bring_an_answer_that_names_no_id(work, body):
    async def send(call, *, send_by=None, once=False):
        return Reply(201, body)

    outcome, state = await took(replace(work, send=send), BUY)
    assert (outcome.word, outcome.error) == (Word.UNKNOWN, f"sent at {SECOND}: the answer names no id")
    assert (state.opened, state.resources) == ({N}, {})


async def test_a_cut_connection_is_unknown(server, work):
    server.script = [lose]
    outcome, state = await took(work, BUY)
    assert outcome.word is Word.UNKNOWN
    assert outcome.error.startswith(f"sent at {SECOND}: 127.0.0.1:")
    assert outcome.error.endswith(
        " gave no readable answer: the connection was closed early, or it does not speak HTTP"
    )
    assert state.opened == {N}


async def lose(heard, reader, writer):
    return False


async def test_an_unknown_creation_that_cost_nothing_stops_no_purchase(server, work):
    server.script = [reply(500)]
    outcome, state = await took(work, MAKE)
    assert (outcome.word, state.opened, work.unknown_purchase) == (Word.UNKNOWN, {A}, False)
    work.unknown_purchase = True
    await took(work, replace(MAKE, change=replace(MAKE.change, address=Address("agent", "b"))))
    assert work.unknown_purchase


@pytest.mark.parametrize(("step", "spacing"), [(BUY, URGENT), (MAKE, SPACING)], ids=["a purchase", "an agent"])
async def test_what_may_have_been_bought_is_written_without_waiting_for_company(server, work, kept, step, spacing):
    server.script = [reply(500)]
    opened(work, step)
    await work.record.now(lambda state: state)
    await create(work, step, 2000.0)
    await work.record._task
    await work.record.close()
    (first, _), (second, written) = kept.documents[:2]
    assert second - first == pytest.approx(spacing)
    assert written.intents[step.address].send_by == "2026-07-30T12:00:07.000005Z"


async def test_who_gives_up_waiting_leaves_it_open(server, work):
    server.script = [hang]
    opened(work, BUY)
    waiting = asyncio.ensure_future(create(work, BUY, 2000.0))
    await server.heard_as_many_as(1)
    waiting.cancel()
    assert await waiting
    await work.record.close()
    assert work.words[BUY.name].error == f"sent at {SECOND}: interrupted before an answer came"
    assert work.record.state.opened == {N}
    assert work.unknown_purchase


async def test_what_could_not_be_sent_in_time_waits_for_another_intent(server, work, time):
    outcome, state = await took(work, BUY, send_by=time.now - 1)
    assert (outcome, server.heard) == (None, [])
    assert (state.opened, state.turn(N)) == ({N}, 1)


async def test_an_agent_that_was_refused_for_the_rate_limit_is_sent_again_without_looking(server, work):
    server.script = [reply(429, retry_after="1")]
    outcome, state = await took(work, MAKE)
    assert outcome is None
    assert state.opened == {A}
    assert [heard.method for heard in server.heard] == ["POST"]


def listed(*numbers):
    return reply(200, {"data": list(numbers), "total": len(numbers)})


async def test_before_a_purchase_is_sent_again_the_list_is_read(server, work):
    server.script = [reply(429, retry_after="1"), listed({"id": "num_x", "externalId": "apr:acme/default/m"})]
    outcome, state = await took(work, BUY)
    assert outcome is None
    assert (state.opened, state.turn(N)) == ({N}, 1)
    assert [heard.method for heard in server.heard] == ["POST", "GET"]
    assert server.heard[1].target.startswith("/v1/numbers")


async def test_a_purchase_that_a_rate_limit_hid_is_found_by_its_marker(server, work):
    there = {"id": "num", "phoneNumber": PHONE, "externalId": MARKER}
    server.script = [reply(429, retry_after="1"), listed({"id": "num_x", "externalId": None}, there)]
    outcome, state = await took(work, BUY)
    assert (outcome.word, outcome.id, outcome.phone_number) == (Word.DONE, "num", PHONE)
    assert (state.resources[N].id, state.intents) == ("num", {})


async def test_a_purchase_that_cannot_be_looked_for_has_failed(server, work):
    server.script = [reply(429, retry_after="1"), reply(403, {"detail": "no"})]
    outcome, state = await took(work, BUY)
    said = "rate limited, and then: GET /v1/numbers was refused with 403: no"
    assert (outcome.word, outcome.error) == (Word.FAILED, said)
    assert without_trace(state)


async def test_nothing_but_a_creation_makes_something(server, work):
    server.script = [reply(201, {"id": "num"})]
    opened(work, BUY)
    with pytest.raises(TypeError, match=r"^number\.n: only a creation makes something$"):
        await create(work, replace(BUY, change=Delete(N, Seen("number", "num", {}))), 2000.0)


async def test_what_is_there_before_a_creation_is_what_was_seen_and_what_this_run_made(work):
    work.seen = {"number": ("num_2", "num_1"), "agent": ("agt_9",)}
    work.ids |= {N: "num_0", M: "num_1"}
    assert known_ids(work, "number") == ("num_0", "num_1", "num_2")
    assert known_ids(work, "agent") == ("agt", "agt_9")
    assert known_ids(work, "webhook") == ()


async def test_what_was_never_sent_gives_its_tokens_back(work):
    opened(work, BUY, MAKE, replace(BUY, change=replace(BUY.change, address=M)))
    state = unsent([N, A])(work.record.state)
    assert (state.opened, state.turn(N), state.turn(A), state.turn(M)) == ({M}, 0, 0, 1)
