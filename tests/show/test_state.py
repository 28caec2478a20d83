import dataclasses

import pytest

from apreconcile.core.address import Address
from apreconcile.core.state import Intent, Lock, Memory, Purchase, Resource, State, Tombstone
from apreconcile.show.screen import plain
from apreconcile.show.state import state_list, state_text

SUPPORT, MAIN, EVENTS = Address("agent", "support"), Address("number", "support-main"), Address("webhook", "events")
OTHER = Address("webhook", "other")
SECOND, OLD = Address("number", "second"), Address("number", "old")
NEW = State("acme-support", "default", "api.agentphone.ai")
WHOLE = State(
    "acme-support",
    "default",
    "api.agentphone.ai",
    "sub_7",
    id="4f1c9a2b",
    serial=7,
    write="run_1",
    resources={
        SUPPORT: Resource("agt_77", "created", fields={"name": Memory("ab" * 16)}),
        MAIN: Resource("num_9", "created", "+14155550177"),
        EVENTS: Resource("wh_1", "adopted", delivered="5a17"),
        OTHER: Resource("wh_2", "created"),
    },
    turns={MAIN: 1, EVENTS: 2},
    intents={
        SECOND: Intent(SECOND, "create", "x", "2026-01-01T00:00:30Z", "run_1", "2026-01-01T00:00:00Z"),
        EVENTS: Intent(EVENTS, "update", "x", "2026-01-01T00:00:30Z", "run_1", "2026-01-01T00:00:00Z"),
    },
    ledger=(
        Purchase(MAIN, "2026-01-01T00:00:00Z", "3.00", "bought", "num_9", "+14155550177"),
        Purchase(SECOND, "2026-01-01T00:00:00Z", "3.00", "unknown"),
    ),
    ignored=("num_x", "num_a\x1b"),
    tombstones=(Tombstone(OLD, "num_3", "2026-01-01T00:00:00Z", "released", "+14155550123"),),
    lock=Lock("run_2", "ci@runner", "runner-7", "2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z"),
)  # fmt: skip


@pytest.mark.parametrize(("name", "state"), [("whole", WHOLE), ("new", NEW)])
def test_a_state_reads_as_it_should(name, state, golden):
    golden(f"state-{name}", state_text(state))


def test_a_list_is_a_line_for_each_thing():
    assert plain(state_list(WHOLE)).splitlines() == [
        "agent.support        agt_77  -             created",
        "number.support-main  num_9   +14155550177  created  1 token spent",
        "webhook.events       wh_1    -             adopted  2 tokens spent",
        "webhook.other        wh_2    -             created",
    ]
    assert plain(state_list(NEW)) == "Nothing is ours yet.\n"


def test_a_purchase_of_unknown_price_says_so():
    dark = dataclasses.replace(WHOLE, ledger=(dataclasses.replace(WHOLE.ledger[0], amount="unknown"),))
    assert "number.support-main  price unknown  bought" in plain(state_text(dark))


def test_a_list_says_what_is_protected():
    held = {at: dataclasses.replace(one, protect=at != EVENTS) for at, one in WHOLE.resources.items()}
    assert plain(state_list(dataclasses.replace(WHOLE, resources=held))).splitlines() == [
        "agent.support        agt_77  -             created  protected",
        "number.support-main  num_9   +14155550177  created  protected, 1 token spent",
        "webhook.events       wh_1    -             adopted  2 tokens spent",
        "webhook.other        wh_2    -             created  protected",
    ]


def test_old_lines_of_the_ledger_are_counted():
    line = WHOLE.ledger[1]
    long = dataclasses.replace(WHOLE, ledger=(line,) * 24, tombstones=WHOLE.tombstones * 21)
    told = plain(state_text(long))
    assert "Purchases (times in UTC):\n    … and 4 older; --format json has them all\n" in told
    assert "No longer ours (times in UTC):\n    … and 1 older; --format json has them all\n" in told


def test_a_written_state_without_a_run_says_only_its_serial():
    assert "Document x, serial 3.\n" in plain(state_text(dataclasses.replace(NEW, id="x", serial=3)))


def test_the_screen_has_eighty_columns():
    assert max(map(len, plain(state_text(WHOLE)).splitlines())) <= 80


def test_rows_that_are_too_wide_become_sentences():
    wide = dataclasses.replace(NEW, resources={Address("agent", "a" * 70): Resource("agt_" + "b" * 40, "created")})
    assert max(map(len, plain(state_list(wide)).splitlines())) <= 80
