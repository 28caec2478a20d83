"""Events go to an agent's own webhook, else to the project's. What is said of them is true once the plan is done."""

from __future__ import annotations

from urllib.parse import urlsplit

from apreconcile.core.address import Address
from apreconcile.core.call import Secret
from apreconcile.core.change import Create, Delete, Update
from apreconcile.core.facts import World, listed
from apreconcile.core.snapshot import Seen
from apreconcile.core.wire import Wire

_SECRET = "a host that is a secret"  # noqa: S105 -- says that there is one


def host(url: Wire) -> str:
    """Where a URL leads; a secret URL's host is its own secret."""
    return _SECRET if isinstance(url, Secret) else (urlsplit(str(url)).hostname or str(url))


def live_host(seen: Seen, world: World) -> str:
    """Where a live webhook leads, unless its URL was a secret when it was set."""
    owner = world.owners.get(("webhook", seen.id))
    memory = world.state.resources.get(owner) if owner else None
    hidden = memory is not None and "url" in memory.fields and memory.fields["url"].secret
    return _SECRET if hidden else host(seen.body.get("url"))


def is_silent(address: Address, live: Seen | None, wanted: Wire, world: World) -> bool:
    """Whether calls to an agent will fail: in webhook mode, with no webhook at either level (CLAUDE gotcha 3).

    As far as spec, state and account tell; `wanted` is the mode that the spec names.
    """
    mode = wanted or (live.body.get("voiceMode") if live else None) or "webhook"
    own = _own_webhook(address, live, world)
    return mode == "webhook" and not own and not _project_webhook(world)


def without_own(agent: str, world: World) -> list[str]:
    """Where the events of the agent with this id go, which loses its own webhook, and what that means for its calls."""
    whose, project, seen = world.naming("agent", agent), _project_webhook(world), world.snapshot.get("agent", agent)
    if project:
        return [f"events of {whose} fall back to the project's webhook at {project}"]
    fails = "; calls to it will fail" if seen and _stays_in_webhook_mode(seen, world) else ""
    return [f"events of {whose} are sent nowhere: the project has no webhook{fails}"]


def without_project(world: World) -> list[str]:
    """Whose events are sent nowhere once the project has no webhook, and whose calls fail."""
    agents = [seen for seen in world.snapshot.of("agent") if not _goes(seen, world)]
    left = [seen for seen in agents if not _own_webhook(_address(seen, world), seen, world)]
    failing = [world.naming("agent", seen.id) for seen in left if _stays_in_webhook_mode(seen, world)]
    names = [world.naming("agent", seen.id) for seen in left]
    whose = f", as far as is known {listed(names)}: their events are sent nowhere" if names else ""
    said = [f"agents without a webhook of their own are left without one{whose}"]
    return [*said, f"in webhook mode, so that calls to them will fail: {listed(failing)}"] if failing else said


def _project_webhook(world: World) -> str:
    """Where the project's webhook leads; empty if there is none, as far as was looked."""
    for change in world.changes:
        if change.address.kind == "webhook" and isinstance(change, Create | Update) and change.wanted.parent is None:
            if isinstance(change, Update) and "url" not in change.wanted.fields:
                return live_host(change.live, world)
            return host(change.wanted.fields["url"])
    live = world.snapshot.slot("webhook", None)
    return live_host(live, world) if live and not _goes(live, world) else ""


def _own_webhook(address: Address | None, live: Seen | None, world: World) -> bool:
    """Whether an agent has a webhook of its own, as far as that was read, or is in the spec."""
    wanted = (one for one in world.manifest.resources if one.address.kind == "webhook")
    if address and any(one.parent == address for one in wanted):
        return True
    slot = world.snapshot.slot("webhook", live.id) if live else None
    return slot is not None and not _goes(slot, world)


def _goes(seen: Seen, world: World) -> bool:
    """Whether this plan deletes something."""
    return any(isinstance(one, Delete) and one.live == seen for one in world.changes)


def _address(seen: Seen, world: World) -> Address | None:
    return world.owners.get((seen.kind, seen.id))


def _stays_in_webhook_mode(seen: Seen, world: World) -> bool:
    address = _address(seen, world)
    wanted = world.manifest.by_address.get(address) if address else None
    mode = (wanted.fields.get("voiceMode") if wanted else None) or seen.body.get("voiceMode") or "webhook"
    return mode == "webhook" and not _goes(seen, world)
