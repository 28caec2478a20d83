"""A webhook: one slot for the project, one for each agent. Every POST makes a new signing secret."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import Field

from apreconcile.core.address import Address
from apreconcile.core.call import Call, Check, IdOf, Secret
from apreconcile.core.change import Adopt, Create, Deed, Delete, Update
from apreconcile.core.facts import Question, Words, World
from apreconcile.core.kind import Default, Kind, Refers, Spec
from apreconcile.core.plan import Delivery, Probe
from apreconcile.core.risk import Risk
from apreconcile.core.snapshot import Seen
from apreconcile.core.wire import Wire

from .events import host, live_host, without_own, without_project

DEFAULTS: Mapping[str, Wire] = {"contextLimit": 10, "timeout": 30}
LOOPBACK = r"http://(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]{1,5})?(/\S*)?"


class WebhookSpec(Spec):
    """Where events are sent. Without an agent it is the project's webhook; the agent cannot be changed."""

    agent: Annotated[str | None, Refers("agent")] = None
    url: Annotated[str, Field(pattern=rf"^(https://[^\s/]\S*|{LOOPBACK})$", max_length=2083), Default(None)]
    contextLimit: Annotated[int | None, Field(ge=0, le=50), Default(10)] = None
    timeout: Annotated[int | None, Field(ge=5, le=120), Default(30)] = None


def shown(seen: Seen) -> Mapping[str, Wire]:
    """The live webhook in the spec's words. What is missing or null there is the default (fact sheet §4.2)."""
    live = {name: seen.body.get(name) for name in ("url", "contextLimit", "timeout")}
    return {name: DEFAULTS.get(name) if value is None else value for name, value in live.items()}


def create(change: Create) -> tuple[Call, ...]:
    """POST with all three fields; the documented defaults stand in only because there is no webhook yet."""
    path = slot(IdOf(change.wanted.parent) if change.wanted.parent else None)
    return (Call("POST", path, {**DEFAULTS, **change.wanted.fields}),)


def update(change: Update) -> tuple[Call, ...]:
    """POST with all three fields; those that the spec leaves out keep their live values."""
    return (Call("POST", slot(change.live.parent), {**shown(change.live), **change.wanted.fields}),)


def delete(change: Delete) -> tuple[Call, ...]:
    """DELETE the slot."""
    return (Call("DELETE", slot(change.live.parent)),)


def risks(change: Deed) -> frozenset[Risk]:
    """A POST over a live webhook rotates its secret; another host reroutes events; a deletion loses the secret."""
    if isinstance(change, Delete):
        return frozenset({Risk.IRREVERSIBLE})
    if not isinstance(change, Update):
        return frozenset()
    url = change.wanted.fields.get("url", change.live.body.get("url"))
    moved = host(url.text if isinstance(url, Secret) else url) != host(change.live.body.get("url"))
    return frozenset({Risk.ROTATES_SECRET} | ({Risk.REROUTES} if moved else set()))


def guards(change: Deed) -> tuple[Check, ...]:
    """Its slot must still show what was seen; for a new one, nothing."""
    if isinstance(change, Create):
        path = slot(IdOf(change.wanted.parent) if change.wanted.parent else None)
        return (Check(Call("GET", path), None, slot=True),)
    if isinstance(change, Adopt):
        return ()
    seen = {name: change.live.body[name] for name in ("url", "contextLimit", "timeout") if name in change.live.body}
    return (Check(Call("GET", slot(change.live.parent)), {"id": change.live.id, **seen}, slot=True),)


def settle(change: Deed) -> Check | None:
    """A lost reply is decided by what the slot shows."""
    if isinstance(change, Adopt):
        return None
    if isinstance(change, Delete):
        return Check(Call("GET", slot(change.live.parent)), None, slot=True)
    call = (create(change) if isinstance(change, Create) else update(change))[0]
    return Check(Call("GET", call.path), call.body, slot=True)


def delivery(change: Deed) -> Delivery | None:
    """GET shows the secret (OAS); that of another webhook, or of a later POST to another place, is not handed on."""
    if isinstance(change, Delete) or change.wanted.sink is None:
        return None
    path = create(change)[0].path if isinstance(change, Create) else slot(change.live.parent)
    return Delivery(change.wanted.sink, Call("GET", path), "secret", same=("url",))


def probe(address: Address, parent: str | IdOf | None) -> Probe:
    """The API's own test event. The deliveries of the project are those of its agents' webhooks, too."""
    path = slot(parent)
    return Probe(address, Call("POST", (*path, "test")), Call("GET", (*path, "deliveries")) if parent else None)


def asks(_change: Deed, _now: datetime) -> tuple[Question, ...]:
    """Nothing: the slot itself was read."""
    return ()


def words(change: Deed, world: World) -> Words:
    """Where events go, and who must learn a new secret."""
    if isinstance(change, Delete):
        gone = f"the webhook to {live_host(change.live, world)} and its signing secret are gone for ever"
        left = without_own(change.live.parent, world) if change.live.parent else without_project(world)
        return Words(why=(gone, *left))
    sink, show = change.wanted.sink, f"`apreconcile secret show {change.address}`"
    if isinstance(change, Adopt):
        follows = any(isinstance(one, Update) and one.address == change.address for one in world.changes)
        return Words(why=(change.how, *((f"its signing secret {sink.filled}",) if sink and not follows else ())))
    if isinstance(change, Create):
        said = f"its new signing secret {sink.filled}" if sink else f"a signing secret is made; read it with {show}"
        return Words(why=(said,))
    if sink and not change.send:
        return Words(why=(f"its signing secret {sink.filled}; it stays the same, and nothing is sent",))
    new = f"its new signing secret {sink.filled}" if sink else f"nobody is handed the new secret; read it with {show}"
    moved, was = Risk.REROUTES in risks(change), live_host(change.live, world)
    now = host(change.wanted.fields.get("url"))
    return Words(why=(*((f"events go to {now}, no longer to {was}",) if moved else ()), new))


def slot(parent: str | IdOf | None) -> tuple[str | IdOf, ...]:
    """The path of the project's slot, or of an agent's (OAS)."""
    return ("v1", "agents", parent, "webhook") if parent else ("v1", "webhooks")


WEBHOOK = Kind(
    name="webhook",
    plural="webhooks",
    spec=WebhookSpec,
    path=lambda parent: tuple(map(str, slot(parent))),
    shown=shown,
    label=lambda seen: f"a webhook to {host(seen.body.get('url'))}",
    create=create,
    update=update,
    delete=delete,
    risks=risks,
    guards=guards,
    settle=settle,
    asks=asks,
    words=words,
    hangs_on=lambda seen: seen.parent,
    delivery=delivery,
    probe=probe,
    sends_to=lambda fields: (fields["url"],) if "url" in fields else (),
    verb={"update": "rotate", "delete": "delete"},
    parent="agent",
    single=True,
    unread=frozenset({"secret"}),
)
