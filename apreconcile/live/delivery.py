"""A secret is handed on here: read from where it was just made, given to its sink, remembered as given, and let go."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from apreconcile.core.address import Address
from apreconcile.core.call import Reply, Secret
from apreconcile.core.change import Adopt
from apreconcile.core.diff import digest_of_sink
from apreconcile.core.errors import Error, SinkError
from apreconcile.core.plan import Delivery, Step
from apreconcile.core.sink import Sink
from apreconcile.core.state import State
from apreconcile.core.wire import Wire, close

from .applying import Work
from .record import Edit

_MASKS = ("*", "…", "•")


async def hand_on(work: Work, step: Step, delivery: Delivery, reply: Reply | None) -> str:
    """Hand on the secret of a step whose calls are done; `reply` is the last one. Returns why not, if not."""
    note = ""
    try:
        if work.deliver:
            secret = await _secret(work, step, delivery, reply)
            note = await work.deliver(step.address, delivery.sink, secret)
    except Error as problem:
        return _undelivered(step, delivery, problem.whole)
    except asyncio.CancelledError:
        return _undelivered(step, delivery, "interrupted")
    if note:
        work.notes.append(f"{step.address}: {note}")
    work.record.soon(_delivered(step.address, delivery.sink), urgent=True)
    return ""


def _undelivered(step: Step, delivery: Delivery, why: str) -> str:
    done = "it is set, but " if step.calls else "it is ours, but " if isinstance(step.change, Adopt) else ""
    again = "; the next apply hands it on, and makes no other" if step.calls else ""
    return f"{done}its signing secret was not handed on to {delivery.sink}: {why}{again}"


def _delivered(at: Address, sink: Sink) -> Edit:
    def edit(state: State) -> State:
        return state.bind(at, replace(state.resources[at], delivered=digest_of_sink(sink, state.salt)))

    return edit


async def _secret(work: Work, step: Step, delivery: Delivery, reply: Reply | None) -> Secret:
    """The secret as it is now; as the write's own reply had it, where reading masks it. Raises Error.

    No body stands in a variable here: a traceback may show those.
    """
    shown = await work.send(delivery.read.fill(work.ids))
    strange = _strange(work, step, delivery, shown, reply)
    if strange:
        reason = f"somebody changed it meanwhile: its {' and '.join(strange)} is another now"
        raise SinkError(reason, hint="apreconcile plan")
    secret = _whole(shown, delivery.field) or _whole(reply, delivery.field)
    if secret is None:
        raise SinkError("the API does not show it", hint="see it in the dashboard")
    return secret


def _strange(work: Work, step: Step, delivery: Delivery, shown: Reply, reply: Reply | None) -> list[str]:
    """The names of what is not as it was just made."""
    sent = step.calls[-1].fill(work.ids).body if step.calls else step.live and step.live.body
    made = {"id": work.ids[step.address], **_known(delivery, sent), **_known(delivery, reply and reply.body)}
    seen = shown.body if isinstance(shown.body, dict) else {}
    return [name for name, value in made.items() if not close(seen.get(name), value)]


def _known(delivery: Delivery, body: Wire) -> Mapping[str, Wire]:
    return {name: body[name] for name in delivery.same if name in body} if isinstance(body, Mapping) else {}


def _whole(reply: Reply | None, field: str) -> Secret | None:
    """A secret that is all there."""
    text = reply.body.get(field) if reply and isinstance(reply.body, dict) else None
    return Secret(text) if isinstance(text, str) and text and not any(mark in text for mark in _MASKS) else None
