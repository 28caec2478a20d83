"""What is remembered of a write: hashes of what was sent and shown, and which parts were secret."""

import pytest

from apreconcile.core.address import Address
from apreconcile.core.call import IdOf, Secret
from apreconcile.core.diff import digest, memories, settled_memories
from apreconcile.core.place import Place
from apreconcile.core.snapshot import Seen
from apreconcile.core.state import Memory, Resource
from apreconcile.core.wanted import Wanted
from apreconcile.kinds import KINDS

AGENT, NUMBER, WEBHOOK = KINDS
SALT = "acme/default/5eed"
PLACE = Place("f", 1, 1)


def wanted(kind=AGENT, **fields):
    return Wanted(Address(kind.name, "a"), fields, PLACE)


def h(value):
    return digest(value, SALT)


def seen(kind=AGENT, **body):
    return Seen(kind.name, "x", {"id": "x", **body})


def test_a_hash_is_of_the_value_and_the_salt_and_not_of_its_spelling():
    assert h(1.0) == h(1)
    assert h("") == h(None) == h([])
    assert h(Secret("a")) == h("a")
    assert h("a") != digest("a", "other")
    assert h(IdOf(Address("agent", "a"))) != h("agent.a")
    assert len(h("a")) == 32


def test_every_field_of_the_spec_is_remembered_and_what_left_the_spec_too():
    before = Resource("x", "created", fields={"name": Memory("old"), "voice": Memory("v", "w")})
    known = memories(wanted(name="N"), SALT, before)
    assert known == {"name": Memory(h("N")), "voice": Memory("v", "w")}


def test_what_was_shown_is_kept_only_for_what_was_sent():
    before = Resource("x", "created", fields={"name": Memory(h("N"), "shown"), "voice": Memory(h("old"), "shown")})
    known = memories(wanted(name="N", voice="new"), SALT, before)
    assert known["name"].shown == "shown"
    assert known["voice"].shown is None


def test_what_was_secret_once_stays_so():
    once = Resource("x", "created", fields=memories(wanted(systemPrompt=Secret("s")), SALT, None))
    assert once.fields["systemPrompt"].secret
    assert memories(wanted(systemPrompt="plain"), SALT, once)["systemPrompt"].secret
    assert memories(wanted(name="N"), SALT, once)["systemPrompt"].secret


def test_secret_parts_of_items_are_remembered_by_name_and_not_by_place():
    tools = [{"name": "b", "url": Secret("u")}, {"name": "a", "headers": {"X": Secret("h")}}]
    known = memories(wanted(customTools=tools), SALT, None)["customTools"]
    assert known.parts == ("a/headers/X", "b/url")
    again = memories(wanted(customTools=tools[::-1]), SALT, None)["customTools"]
    assert again.parts == known.parts


SHOWN = {
    "the server trims": ({"description": " hi "}, {"description": "hi"}, None, True),
    "the server shows what was sent": ({"description": "hi"}, {"description": "hi"}, None, True),
    "the server shows the default": ({"modelTier": "max"}, {"modelTier": "balanced"}, None, False),
    "the old value stayed": ({"modelTier": "max"}, {"modelTier": "turbo"}, {"modelTier": "turbo"}, False),
    "a third value came": ({"modelTier": "max"}, {"modelTier": "huge"}, {"modelTier": "turbo"}, True),
    "a field without a default": ({"voice": "a"}, {"voice": "b"}, None, False),
    "a field that was not sent": ({"name": "x"}, {"description": "y"}, None, False),
}


@pytest.mark.parametrize("case", SHOWN)
def test_what_the_server_shows_is_remembered_only_where_it_took_the_write(case):
    fields, live, before, remembered = SHOWN[case]
    want = wanted(**fields)
    sent = Resource("x", "created", fields=memories(want, SALT, None))
    known = settled_memories(AGENT, want, seen(**live), sent=sent, names=set(fields), before=before, salt=SALT)
    name = next(iter(fields))
    assert (known[name].shown is not None) is remembered
    if remembered:
        assert known[name].shown == h(live[name])


def test_only_what_was_sent_is_settled():
    want = wanted(description="a", beginMessage="b")
    sent = Resource("x", "created", fields=memories(want, SALT, None))
    known = settled_memories(
        AGENT, want, seen(description="A", beginMessage="B"), sent=sent, names={"description"}, before=None, salt=SALT
    )
    assert known["description"].shown == h("A")
    assert known["beginMessage"].shown is None


def test_wishes_and_references_are_never_settled():
    want = wanted(NUMBER, areaCode="415", agent=IdOf(Address("agent", "a")), country="US")
    sent = Resource("x", "created", fields=memories(want, SALT, None))
    live = seen(NUMBER, phoneNumber="+16285550100", agentId="other", country="US")
    known = settled_memories(NUMBER, want, live, sent=sent, names=set(want.fields), before=None, salt=SALT)
    assert {name for name, one in known.items() if one.shown} == {"country"}
