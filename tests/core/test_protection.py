"""Protection: when something is protected, and that it then stays, with words that say how to let it go."""

import pytest

from apreconcile.core.address import Address
from apreconcile.core.change import Delete, Forget, Protect, Update
from apreconcile.core.place import Place
from apreconcile.core.protection import protected, protecting, without_protected
from apreconcile.core.snapshot import Seen
from apreconcile.core.state import Memory, Resource, State
from apreconcile.core.wanted import Manifest, Wanted
from apreconcile.kinds import KINDS

A, B = Address("agent", "a"), Address("agent", "b")
N, W, P = Address("number", "n"), Address("webhook", "w"), Address("webhook", "p")
LIVE = {
    A: Seen("agent", "agt_a", {"id": "agt_a", "name": "Ann"}),
    B: Seen("agent", "agt_b", {"id": "agt_b", "name": "Bob"}),
    N: Seen("number", "num_n", {"id": "num_n", "phoneNumber": "+14155550100", "agentId": "agt_b"}),
    W: Seen("webhook", "whk_w", {"id": "whk_w", "url": "https://w.dev/x"}, "agt_b"),
    P: Seen("webhook", "whk_p", {"id": "whk_p", "url": "https://p.dev/x"}),
}
HELD = {at: Resource(seen.id, "created", parent=seen.parent, protect=True) for at, seen in LIVE.items()}


def wanted(at, protect=None):
    return Wanted(at, {}, Place("f", 1, 1), protect=protect)


def judged(*changes, spec=(), **more):
    """What is left of changes, and what is blocked, where all that the state has is protected unless `more` says."""
    manifest = Manifest("acme", "default", tuple(wanted(at) for at in spec), ".")
    resources = {at: one for at, one in {**HELD, **more.get("held", {})}.items() if one}
    state = State("acme", "default", "h", id="d0c", seed="5eed", resources=resources)
    return without_protected(changes, manifest, state, {kind.name: kind for kind in KINDS}.__getitem__)


def blocked(change, **how):
    """Why a change is blocked, and what the hint says to write."""
    left, (stop,) = judged(change, **how)
    assert (left, stop.address, stop.exit) == ([], change.address, 5)
    head, *lines, then = stop.hint.split("\n")
    assert then == f"and apply that with its approval (unprotect {change.address}); then take it out again"
    return stop.reason, head, "\n".join(lines)


def forgetting(at):
    return Forget(at, LIVE[at], "apr:acme/default/x")


BOUND = Resource("num_n", "created", protect=True)
FREE = Resource("num_n", "created")


@pytest.mark.parametrize(
    ("says", "held", "is_protected", "change"),
    [
        (True, None, True, None),
        (False, None, False, None),
        (None, None, False, None),
        (True, BOUND, True, None),
        (False, BOUND, False, False),
        (None, BOUND, True, None),
        (True, FREE, True, True),
        (False, FREE, False, None),
        (None, FREE, False, None),
    ],
)
def test_it_is_as_the_spec_says_or_else_as_it_was_and_a_change_of_it_is_a_step(says, held, is_protected, change):
    want = wanted(N, says)
    assert protected(want, held) is is_protected
    steps = [] if change is None else [Protect(N, want, LIVE[N], change)]
    assert protecting(want, LIVE[N], held) == steps


REASONS = {
    N: ("+14155550100 (num_n) is protected: it is not released", "to release it, first write into the spec:"),
    A: ("Ann (agt_a) is protected: it is not deleted", "to delete it, first write into the spec:"),
    W: ("a webhook to w.dev (whk_w) is protected: it is not deleted", "to delete it, first write into the spec:"),
}
LINES = {
    N: "numbers:\n  n: {protect: false}",
    A: "agents:\n  a: {import: agt_a, protect: false}",
    P: "webhooks:\n  p: {import: whk_p, protect: false}",
}


@pytest.mark.parametrize("at", REASONS)
def test_what_is_protected_is_not_deleted_and_it_is_said_what_it_is(at):
    assert blocked(Delete(at, LIVE[at]))[:2] == REASONS[at]


@pytest.mark.parametrize("at", [N, A])
def test_nor_is_it_forgotten(at):
    reason, head, lines = blocked(forgetting(at))
    assert reason == REASONS[at][0].rpartition("not ")[0] + "not forgotten"
    assert head == "to forget it, first write into the spec:"
    assert lines == LINES[at]


@pytest.mark.parametrize("at", LINES)
def test_what_to_write_is_the_thing_as_it_is(at):
    assert blocked(Delete(at, LIVE[at]))[2] == LINES[at]


def test_a_webhook_is_written_with_its_agent_which_comes_back_if_the_spec_lacks_it():
    hook = "webhooks:\n  w: {agent: b, import: whk_w, protect: false}"
    assert blocked(Delete(W, LIVE[W], B), spec=[A, B])[2] == hook
    assert blocked(Delete(W, LIVE[W], B), spec=[A])[2] == f"agents:\n  b: {{import: agt_b}}\n{hook}"
    bare = "webhooks:\n  w: {import: whk_w, protect: false}"
    assert blocked(Delete(W, LIVE[W]), held={B: None})[2] == bare, "an agent that is not ours has no key"


def test_a_url_that_was_a_secret_is_not_said():
    secret = Resource("whk_w", "created", parent="agt_b", protect=True, fields={"url": Memory("0", secret=True)})
    assert blocked(Delete(W, LIVE[W]), held={W: secret})[0] == "the webhook (whk_w) is protected: it is not deleted"


def test_nothing_else_is_stopped_and_the_order_stays():
    changed = Update(A, wanted(A), LIVE[A], (), {})
    lifted = Protect(A, wanted(A, protect=False), LIVE[A], protect=False)
    free = {N: FREE, B: Resource("agt_b", "created")}
    rest = [changed, Delete(N, LIVE[N]), lifted, forgetting(B)]
    assert judged(*rest, held=free) == (rest, [])
    left, stops = judged(rest[0], Delete(W, LIVE[W]), *rest[1:], Delete(A, LIVE[A]), held=free)
    assert left == rest
    assert [one.address for one in stops] == [W, A]


def test_the_hint_for_a_key_of_digits_can_be_pasted():
    at = Address("number", "14155550100")
    _, (stop,) = judged(Delete(at, LIVE[N]), held={at: HELD[N]})
    assert '  "14155550100": {protect: false}' in stop.hint.split("\n")
