"""What became of creations without an answer: told by looking alone, and what looking cannot tell stays open."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from apreconcile.core.address import Address
from apreconcile.core.call import IdOf
from apreconcile.core.change import Blocked
from apreconcile.core.diff import memories
from apreconcile.core.elsewhere import Begun, Elsewhere
from apreconcile.core.place import Place
from apreconcile.core.settlement import Settlement, free, settle
from apreconcile.core.snapshot import Seen, Snapshot
from apreconcile.core.state import Intent, Purchase, Resource, State, Tombstone, to_second
from apreconcile.core.wanted import Manifest, Wanted
from apreconcile.kinds import KINDS

A, B, N, M = Address("agent", "a"), Address("agent", "b"), Address("number", "n"), Address("number", "m")
BEGUN, SEND_BY = "2026-07-30T12:00:00.123456Z", "2026-07-30T12:00:30.000000Z"
PATIENCE = timedelta(seconds=60)
EARLY = datetime(2026, 7, 30, 12, 1, 0, tzinfo=UTC)
END = datetime(2026, 7, 30, 12, 2, 0, tzinfo=UTC)
"""The moment at which a creation that nothing shows is over: half a minute to answer after SEND_BY, and PATIENCE."""
LATE = END + timedelta(minutes=3, microseconds=7)
STATE = State("acme", "default", "loopback", id="d0c", seed="5eed")


def spec(*resources):
    return Manifest("acme", "default", resources, ".")


def wanted(at, imports=None, **fields):
    return Wanted(at, fields, Place("agentphone.yaml", 1, 1), imports)


def agent(ident, name="A", **body):
    return Seen("agent", ident, {"id": ident, "name": name, **body})


def number(ident, phone="+14155550100", **body):
    return Seen("number", ident, {"id": ident, "phoneNumber": phone, "country": "US", **body})


def begun(one, **more):
    """The intent of a creation as `apply` opens it."""
    fields = memories(one, STATE.salt, None)
    intent = Intent(one.address, "create", str(one.fields), SEND_BY, "run", BEGUN, fields=fields)
    return replace(intent, **more)


def opened(*intents, state=STATE):
    for intent in intents:
        state = state.open(intent, price="3.00" if intent.address.kind == "number" else None)
    return state


def judged(manifest, state, *live, now=EARLY, **more):
    return settle(manifest, Snapshot(live), state, KINDS, now=now, patience=PATIENCE, **more)


def bound(settlement):
    return {at: one.id for at, one in settlement.state.resources.items()}


BUY, OTHER = wanted(N, country="US", agent=IdOf(A)), wanted(M, country="US")
MAKE = wanted(A, name="A", beginMessage="Hi")
MARKED = {"externalId": "apr:acme/default/n"}
NOTHING = "the account shows nothing new"


# What is settled at all


def test_with_nothing_open_there_is_nothing_to_say():
    assert judged(spec(BUY), STATE, number("num")) == Settlement(STATE)


def test_in_another_account_nothing_is_settled():
    """Also a change that was under way keeps its intent: this account cannot tell what became of it."""
    known = STATE.bind(N, Resource("num_1", "created"))
    state = opened(begun(BUY, action="delete"), begun(MAKE, seen=("agt_old",)), state=known)
    assert judged(spec(BUY), state, number("num_2")) == Settlement(state)


def test_a_change_of_what_exists_needs_no_settling_and_its_token_stays_spent():
    held = STATE.bind(N, Resource("num", "created")).bind(M, Resource("num_m", "created"))
    changes = [begun(one, action=action, token="t") for one, action in ((BUY, "delete"), (OTHER, "update"))]
    told = judged(spec(BUY), opened(*changes, state=held), number("num"), number("num_m"))
    assert (told.state.intents, told.state.resources) == ({}, held.resources)
    assert (told.state.turn(N), told.state.turn(M)) == (1, 1)
    assert (told.said, told.open, told.until) == ((), (), None)
    assert told.closed == tuple(changes)


BOUGHT = "2026-07-30T12:01:00Z"
"""The end of a number: EARLY."""


def ending():
    """A state with a number that ends at EARLY, and one that is there, so that the account is the one it knows."""
    ends = Resource("num", "created", "+14155550100", expires=BOUGHT)
    return STATE.bind(N, ends).bind(M, Resource("num_m", "created"))


@pytest.mark.parametrize(
    ("now", "singles", "over"),
    [
        (EARLY, {}, True),
        (EARLY - timedelta(seconds=1), {}, False),
        (EARLY - timedelta(seconds=1), {("number", "num"): number("num", status="released")}, True),
        (EARLY - timedelta(seconds=1), {("number", "num"): None}, False),
    ],
    ids=["its time is over", "its time is not over", "it is released", "it is gone before its time"],
)
def test_a_number_that_has_come_to_its_end_is_said_and_is_not_lost(now, singles, over):
    snapshot = Snapshot((number("num_m"),), singles=singles)
    told = settle(spec(BUY, OTHER), snapshot, ending(), KINDS, now=now, patience=PATIENCE)
    said = f"number.n: +14155550100 has released itself, as it was bought to ({BOUGHT})"
    assert (set(told.state.resources), told.said) == (({M}, (said,)) if over else ({N, M}, ()))
    at = to_second(now.isoformat())
    stone = Tombstone(N, "num", at, "expired", "+14155550100")
    assert told.state.tombstones == ((stone,) if over else ())


def test_a_number_that_is_there_after_its_end_is_still_held():
    told = judged(spec(BUY, OTHER), ending(), number("num"), number("num_m"), now=LATE)
    assert told == Settlement(ending())


def test_a_creation_is_free_after_the_time_to_answer_and_to_show():
    assert free(begun(BUY), PATIENCE) == END


# Numbers


def test_a_number_is_known_by_its_marker():
    told = judged(spec(BUY), opened(begun(BUY)), number("num_x"), number("num_y", "+14155550101", **MARKED))
    assert told.state.resources == {
        N: Resource("num_y", "created", "+14155550101", fields=memories(BUY, STATE.salt, None))
    }
    assert told.said == (
        "number.n: what was begun at 2026-07-30T12:00:00Z made +14155550101 (num_y): it carries the marker apr:acme/default/n",
    )
    assert told.state.ledger == (Purchase(N, BEGUN, "3.00", "bought", "num_y", "+14155550101"),)
    assert (told.state.intents, told.open, told.until) == ({}, (), None)


def test_what_is_bought_again_leaves_what_was_lost_as_a_tombstone_of_this_moment():
    lost = STATE.bind(N, Resource("num_0", "created", "+14155550109"))
    told = judged(spec(BUY), opened(begun(BUY), state=lost), number("num", **MARKED), number("num_0"), now=LATE)
    assert told.state.tombstones == (Tombstone(N, "num_0", "2026-07-30T12:05:00Z", "lost", "+14155550109"),)


@pytest.mark.parametrize("protect", [True, False])
def test_what_was_made_is_protected_as_it_was_meant_to_be_when_it_was_begun(protect):
    told = judged(spec(BUY), opened(begun(BUY, protect=protect)), number("num", **MARKED))
    assert told.state.resources[N].protect is protect


@pytest.mark.parametrize("expires", ["2026-08-02T12:00:00Z", None])
def test_what_was_made_has_the_end_that_it_was_begun_with(expires):
    told = judged(spec(BUY), opened(begun(BUY, expires=expires)), number("num", **MARKED))
    assert told.state.resources[N].expires == expires


@pytest.mark.parametrize("made", [MAKE, OTHER], ids=["an agent by its content", "a number by its agent"])
def test_an_end_is_kept_however_it_was_known_again(made):
    intent = begun(made, expires="2026-08-02T12:00:00Z", **PARENT)
    told = judged(spec(made), opened(intent), agent("agt", beginMessage="Hi"), number("num", **ON_IT))
    assert told.state.resources[made.address].expires == "2026-08-02T12:00:00Z"


def test_a_phone_number_that_is_no_text_is_not_remembered():
    told = judged(spec(BUY), opened(begun(BUY)), number("num", 14155550100, **MARKED))
    assert told.state.resources[N].phone_number is None


def test_two_numbers_with_the_marker_are_nobodys_yet():
    told = judged(spec(BUY), opened(begun(BUY)), number("num_x", **MARKED), number("num_y", **MARKED))
    assert bound(told) == {}
    assert [stop.address for stop in told.open] == [N]


def test_what_another_address_holds_is_not_it():
    held = STATE.bind(M, Resource("num", "created"))
    told = judged(spec(BUY, OTHER), opened(begun(BUY), state=held), number("num", **MARKED))
    assert bound(told) == {M: "num"}


PARENT = {"parent": "agt"}
ON_IT = {"agentId": "agt"}


def test_where_there_are_no_markers_it_is_the_one_new_number_on_the_agent():
    intent = begun(BUY, seen=("num_old",), **PARENT)
    told = judged(spec(BUY), opened(intent), number("num_old", **ON_IT), number("num", **ON_IT), number("num_else"))
    assert bound(told) == {N: "num"}
    assert told.said == (
        "number.n: what was begun at 2026-07-30T12:00:00Z made +14155550100 (num): it is the one new number on agt",
    )


@pytest.mark.parametrize(
    "live",
    [
        (),
        (number("num", agentId="agt_2"),),
        (number("num", **ON_IT), number("num_2", **ON_IT)),
        (number("num", externalId=None, **ON_IT),),
        (number("num", externalId="apr:acme/default/m", **ON_IT),),
        (number("num", country="CA", agentId="agt"),),
        (Seen("agent", "agt_9", {"id": "agt_9", **ON_IT}),),
    ],
    ids=[
        "nothing",
        "on another agent",
        "two of them",
        "without the marker that this API knows",
        "with another's marker",
        "in another country",
        "no number",
    ],
)
def test_what_may_be_another_number_is_not_taken_for_it(live):
    told = judged(spec(BUY), opened(begun(BUY, **PARENT)), *live)
    assert bound(told) == {}
    assert (told.state.opened, [stop.address for stop in told.open]) == ({N}, [N])


@pytest.mark.parametrize(("country", "taken"), [("US", {N: "num"}), (None, {N: "num"}), ("CA", {})])
def test_a_country_that_nobody_asked_for_is_the_usual_one(country, taken):
    plain = wanted(N, areaCode="415")
    live = Seen("number", "num", {"phoneNumber": "+12125550100", "country": country, **ON_IT})
    assert bound(judged(spec(plain), opened(begun(plain, **PARENT)), live)) == taken


@pytest.mark.parametrize("text", ["num", "+14155550100"])
def test_what_the_spec_imports_elsewhere_is_not_what_was_bought(text):
    manifest = spec(wanted(M, text), BUY)
    assert bound(judged(manifest, opened(begun(BUY, **PARENT)), number("num", **ON_IT))) == {}


def test_what_is_set_aside_is_not_what_was_bought():
    state = replace(opened(begun(BUY, **PARENT)), ignored=("num",))
    assert bound(judged(spec(BUY), state, number("num", **ON_IT))) == {}


def test_of_two_purchases_for_one_agent_nothing_tells_which_number_is_whose():
    two = opened(begun(BUY, **PARENT), begun(OTHER, **PARENT))
    told = judged(spec(BUY, OTHER), two, number("num", **ON_IT))
    assert bound(told) == {}
    assert [stop.address for stop in told.open] == [M, N]


def test_purchases_for_two_agents_are_told_apart():
    two = opened(begun(BUY, **PARENT), begun(OTHER, parent="agt_2"))
    told = judged(spec(BUY, OTHER), two, number("num", **ON_IT), number("num_2", agentId="agt_2"))
    assert bound(told) == {N: "num", M: "num_2"}


def test_a_purchase_for_no_agent_is_known_by_a_marker_alone():
    assert bound(judged(spec(OTHER), opened(begun(OTHER)), number("num"))) == {}


def test_a_purchase_that_nothing_shows_is_never_taken_for_not_done():
    told = judged(spec(BUY), opened(begun(BUY)), now=LATE)
    assert told.state.opened == {N}
    assert told.until is None


# Agents


def test_an_agent_is_known_by_its_content_among_what_is_new():
    intent = begun(MAKE, seen=("agt_old",))
    told = judged(
        spec(MAKE),
        opened(intent),
        agent("agt_old", beginMessage="Hi"),
        agent("agt", beginMessage="Hi", voiceMode="webhook", voice="any", description=None),
        agent("agt_b", "B", beginMessage="Hi"),
    )
    assert told.state.resources == {A: Resource("agt", "created", fields=intent.fields)}
    assert told.said == (
        "agent.a: what was begun at 2026-07-30T12:00:00Z made A (agt): it is new since then, and has the same content",
    )


def test_every_agent_finds_its_own():
    other = wanted(B, name="B")
    told = judged(
        spec(MAKE, other), opened(begun(MAKE), begun(other)), agent("agt_b", "B"), agent("agt", beginMessage="Hi")
    )
    assert bound(told) == {A: "agt", B: "agt_b"}


def test_equal_agents_are_taken_in_the_order_in_which_they_were_begun():
    twin, third = replace(MAKE, address=B), replace(MAKE, address=Address("agent", "c"))
    three = opened(begun(MAKE, opened="2026-07-30T12:00:02Z"), begun(third), begun(twin))
    told = judged(spec(MAKE, twin, third), three, agent("agt_1", beginMessage="Hi"), agent("agt_2", beginMessage="Hi"))
    assert bound(told) == {B: "agt_1", third.address: "agt_2"}
    assert told.state.opened == {A}


def test_more_agents_than_were_begun_are_nobodys_yet():
    told = judged(spec(MAKE), opened(begun(MAKE)), agent("agt_1", beginMessage="Hi"), agent("agt_2", beginMessage="Hi"))
    assert bound(told) == {}
    assert told.state.opened == {A}


@pytest.mark.parametrize(
    "body",
    [
        {"beginMessage": "Hello"},
        {},
        {"beginMessage": "Hi", "voiceMode": "hosted"},
        {"beginMessage": "Hi", "description": "made in the console"},
    ],
    ids=["another value", "a value lacks", "another than the default", "a value more"],
)
def test_an_agent_with_other_content_is_another(body):
    assert bound(judged(spec(MAKE), opened(begun(MAKE)), agent("agt", **body))) == {}


def test_an_intent_that_remembers_no_content_fits_nothing():
    assert bound(judged(spec(MAKE), opened(begun(MAKE, fields={})), agent("agt"))) == {}


TRANSFER = wanted(A, name="A", transferNumber="+14155550123")
SPELLED = agent("agt", transferNumber="+1 (415) 555-0123")


def test_what_means_the_same_is_the_same_content():
    assert bound(judged(spec(TRANSFER), opened(begun(TRANSFER)), SPELLED)) == {A: "agt"}


@pytest.mark.parametrize(
    "now", [wanted(A, name="A"), wanted(A, name="A", transferNumber="+14155550199")], ids=["left out", "changed"]
)
def test_of_a_spec_that_changed_since_only_the_very_value_is_known(now):
    sent = opened(begun(TRANSFER))
    assert bound(judged(spec(now), sent, SPELLED)) == {}
    assert bound(judged(spec(now), sent, agent("agt", transferNumber="+14155550199"))) == {}
    assert bound(judged(spec(now), sent, agent("agt", transferNumber="+14155550123"))) == {A: "agt"}
    assert bound(judged(spec(), sent, agent("agt", transferNumber="+14155550123"))) == {A: "agt"}


def test_an_agent_that_nothing_shows_in_time_was_not_made_and_its_token_is_given_back():
    state = opened(begun(MAKE, token="make:agent.a@0"))
    told = judged(spec(MAKE), state, agent("agt_b", "B"), now=END)
    assert (told.state.intents, told.state.turn(A)) == ({}, 0)
    assert told.said == ("agent.a: what was begun at 2026-07-30T12:00:00Z was not done",)
    assert (told.open, told.until) == ((), None)


@pytest.mark.parametrize(
    ("now", "live"),
    [(END - timedelta(microseconds=1), ()), (END, (agent("agt", description="mine"),))],
    ids=["in time", "a namesake"],
)
def test_an_agent_that_may_still_show_or_has_a_new_namesake_stays_open(now, live):
    told = judged(spec(MAKE), opened(begun(MAKE)), *live, now=now)
    assert told.state.opened == {A}
    assert told.said == ()


def test_what_is_not_over_does_not_keep_another_from_being_over():
    later = wanted(B, name="B")
    two = opened(begun(MAKE), begun(later, send_by="2026-07-30T13:00:00Z"))
    told = judged(spec(MAKE, later), two, now=END)
    assert told.state.opened == {B}


# What stays open


def test_what_a_run_is_making_is_not_judged():
    told = judged(spec(BUY), opened(begun(BUY)), number("num"), busy=True)
    reason = "is being made since 2026-07-30T12:00:00Z, by a run that holds the state"
    hint = "plan again when that run is done, or has lost its lock"
    assert told.open == (Blocked(N, reason, hint, exit=6),)


def doubt(shown, *hints, at=N):
    reason = (
        f"nobody knows whether it was made: begun at 2026-07-30T12:00:00Z, and since then the account shows {shown}"
    )
    return Blocked(at, reason, "\n".join(hints), exit=6)


WAIT = "it may still show until 2026-07-30T12:02:00Z; apply looks again by itself"
NOT_MADE = "if it was not: apreconcile resolve number.n --not-created"


def bind(ident, at=N):
    return f"if it was made: apreconcile resolve {at} --bind {ident}"


def test_what_may_still_show_says_until_when():
    told = judged(spec(BUY), opened(begun(BUY)))
    assert told.open == (doubt("nothing new", WAIT, bind("ID"), NOT_MADE),)
    assert told.until == END


def test_once_its_time_is_over_looking_is_no_way_out_any_more():
    told = judged(spec(BUY), opened(begun(BUY)), now=END)
    assert told.open == (doubt("nothing new", bind("ID"), NOT_MADE),)
    assert told.until is None


def test_the_last_of_several_ends_the_waiting():
    three = opened(
        begun(BUY), begun(OTHER, send_by="2026-07-30T12:00:40Z"), begun(MAKE, send_by="2026-07-30T12:00:35Z")
    )
    told = judged(spec(BUY, OTHER, MAKE), three)
    assert told.until == END + timedelta(seconds=10)
    assert [stop.address for stop in told.open] == [A, M, N]


def test_what_was_begun_first_is_said_first():
    two = opened(begun(OTHER, opened="2026-07-30T12:00:09Z"), begun(BUY))
    assert [stop.address for stop in judged(spec(BUY, OTHER), two).open] == [N, M]


SURE = [
    ([number("num")], "num (+14155550100)", "num"),
    ([number("num", **ON_IT)], "num (+14155550100)", "num"),
    ([number("num", agentId="agt_2")], "num (+14155550100)", "ID"),
    ([number("num_1", "+1"), number("num_2", "+2")], "num_1 (+1), num_2 (+2)", "ID"),
    ([number("num_1", "+1"), number("num_2", "+2", agentId="agt_2")], "num_1 (+1), num_2 (+2)", "num_1"),
    ([number("num_1", "+1", **MARKED), number("num_2", "+2", **MARKED)], "num_1 (+1), num_2 (+2)", "ID"),
    ([number("num", externalId="crm-7")], "num (+14155550100)", "ID"),
    ([number("num", externalId="apr:other/default/n")], "nothing new", "ID"),
    ([number("num", externalId="apr-forgotten:other/default/n")], "nothing new", "ID"),
    (
        [number(f"num_{index}", f"+{index}") for index in range(6)],
        "num_0 (+0), num_1 (+1), num_2 (+2), num_3 (+3), num_4 (+4)",
        "ID",
    ),
]


@pytest.mark.parametrize(("live", "shown", "ident"), SURE)
def test_what_is_new_is_shown_and_named_in_the_command_if_it_can_only_be_that(live, shown, ident):
    two = opened(begun(BUY, **PARENT), begun(OTHER, parent="agt"))
    told = judged(spec(BUY, OTHER), two, *live, now=LATE)
    assert told.open[1] == doubt(shown, bind(ident), NOT_MADE)


def test_of_new_agents_only_a_namesake_is_shown_where_there_is_one():
    live = [agent("agt_1", "B"), agent("agt_2", beginMessage="Hello")]
    told = judged(spec(MAKE), opened(begun(MAKE)), *live, now=END)
    not_made = "if it was not: apreconcile resolve agent.a --not-created"
    assert told.open == (doubt("agt_2 (A)", bind("agt_2", A), not_made, at=A),)
    gone = judged(spec(), opened(begun(MAKE)), *live)
    assert gone.open == (doubt("agt_1 (B), agt_2 (A)", WAIT, bind("ID", A), not_made, at=A),)


# What may be another environment's

THERE = "agent.b of the environment prod"
MAKING = Elsewhere(begun=(Begun("prod", B, frozenset({"a0"}), SEND_BY),))
UNREAD = Elsewhere(unread=("prod",))


@pytest.mark.parametrize(("there", "now", "ident", "why"), [
    (MAKING, END - timedelta(microseconds=1), "a1", f"a1 may be {THERE}, which is being made"),
    (MAKING, END, "a1", None),
    (MAKING, EARLY, "a0", None),
    (UNREAD, LATE, "a1", "whether a1 is of the environment prod is not known: its state cannot be read"),
    (Elsewhere(), EARLY, "a1", None),
])  # fmt: skip
def test_what_may_be_another_environments_is_not_what_was_made(there, now, ident, why):
    """Both make an agent of one name; a run of theirs that is over has nothing that it could still write down."""
    settlement = judged(spec(MAKE), opened(begun(MAKE)), agent(ident, beginMessage="Hi"), now=now, elsewhere=there)
    if why is None:
        assert (bound(settlement), settlement.open) == ({A: ident}, ())
        return
    (stop,) = settlement.open
    assert (bound(settlement), stop.exit, stop.reason.endswith(f"; {why}")) == ({}, 6, True), stop
