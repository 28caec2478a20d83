"""Every path that the API has, literals before variables, with how `X-Sub-Account-Id` and the profiles treat it.

The table is fact sheet 2.1, 3.1, 4.1, 5 and 6; "listed" are the calls for which OAS lists the sub-account header.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from apreconcile.sandbox import agents, deliveries, numbers, sub_accounts, traffic, usage, webhooks
from apreconcile.sandbox.errors import no_route, wrong_method
from apreconcile.sandbox.options import Profile
from apreconcile.sandbox.visit import Handler

Header = Literal["listed", "unlisted", "never"]


@dataclass(frozen=True, slots=True)
class Route:
    """One call. `since` is the first profile that has it; `segments` has None for each variable part."""

    method: str
    segments: tuple[str | None, ...]
    handler: Handler
    header: Header
    since: Profile


def _route(method: str, path: str, handler: Handler, header: Header = "unlisted", since: Profile = "2025") -> Route:
    parts = path.split("/")[1:]
    return Route(method, tuple(None if part == "*" else part for part in parts), handler, header, since)


ROUTES = (
    _route("GET", "/v1/agents", agents.list_agents, "listed"),
    _route("POST", "/v1/agents", agents.create_agent, "listed"),
    _route("GET", "/v1/agents/voices", agents.list_voices),
    _route("GET", "/v1/agents/*", agents.get_agent, "listed"),
    _route("PATCH", "/v1/agents/*", agents.update_agent, "listed"),
    _route("DELETE", "/v1/agents/*", agents.delete_agent, "listed"),
    _route("POST", "/v1/agents/*/numbers", agents.attach_number),
    _route("DELETE", "/v1/agents/*/numbers/*", agents.detach_number),
    _route("GET", "/v1/agents/*/conversations", traffic.list_agent_conversations),
    _route("GET", "/v1/agents/*/calls", traffic.list_agent_calls),
    _route("GET", "/v1/agents/*/webhook", webhooks.get_webhook),
    _route("POST", "/v1/agents/*/webhook", webhooks.set_webhook),
    _route("DELETE", "/v1/agents/*/webhook", webhooks.delete_webhook),
    _route("POST", "/v1/agents/*/webhook/test", deliveries.test_agent),
    _route("GET", "/v1/agents/*/webhook/deliveries", deliveries.list_agent_deliveries, since="2026"),
    _route("GET", "/v1/numbers", numbers.list_numbers, "listed"),
    _route("POST", "/v1/numbers", numbers.buy_number, "listed"),
    _route("GET", "/v1/numbers/available", numbers.list_available, since="2026"),
    _route("GET", "/v1/numbers/lookup", numbers.look_up, since="2026"),
    _route("GET", "/v1/numbers/*", numbers.get_number),
    _route("PATCH", "/v1/numbers/*", numbers.update_number, since="2026"),
    _route("DELETE", "/v1/numbers/*", numbers.release_number, "listed"),
    _route("GET", "/v1/numbers/*/messages", traffic.list_number_messages),
    _route("GET", "/v1/numbers/*/calls", traffic.list_number_calls),
    _route("GET", "/v1/numbers/*/contact-card", numbers.get_card, since="2026"),
    _route("PUT", "/v1/numbers/*/contact-card", numbers.put_card, since="2026"),
    _route("DELETE", "/v1/numbers/*/contact-card", numbers.delete_card, since="2026"),
    _route("GET", "/v1/webhooks", webhooks.get_webhook, "listed"),
    _route("POST", "/v1/webhooks", webhooks.set_webhook, "listed"),
    _route("DELETE", "/v1/webhooks", webhooks.delete_webhook),
    _route("POST", "/v1/webhooks/test", deliveries.test_project),
    _route("GET", "/v1/webhooks/deliveries", deliveries.list_deliveries),
    _route("GET", "/v1/webhooks/deliveries/stats", deliveries.delivery_stats),
    _route("GET", "/v1/webhooks/deliveries/all-time", deliveries.all_time, since="2026"),
    _route("GET", "/v1/usage", usage.get_usage),
    _route("GET", "/v1/usage/daily", usage.get_daily),
    _route("GET", "/v1/usage/monthly", usage.get_monthly),
    _route("GET", "/v1/usage/by-number", usage.get_by_number, since="2026"),
    _route("GET", "/v1/usage/by-agent", usage.get_by_agent, since="2026"),
    _route("GET", "/v1/calls", traffic.list_calls, "listed"),
    _route("GET", "/v1/calls/*", traffic.get_call),
    _route("GET", "/v1/calls/*/transcript", traffic.get_transcript),
    _route("GET", "/v1/conversations", traffic.list_conversations, "listed"),
    _route("GET", "/v1/conversations/*", traffic.get_conversation),
    _route("PATCH", "/v1/conversations/*", traffic.update_conversation),
    _route("GET", "/v1/conversations/*/messages", traffic.list_conversation_messages, since="2026"),
    _route("GET", "/v1/sub-accounts", sub_accounts.list_sub_accounts, "never", "2026"),
    _route("POST", "/v1/sub-accounts", sub_accounts.create_sub_account, "never", "2026"),
    _route("PATCH", "/v1/sub-accounts/*", sub_accounts.update_sub_account, "never", "2026"),
    _route("DELETE", "/v1/sub-accounts/*", sub_accounts.delete_sub_account, "never", "2026"),
)

Table = dict[int, tuple[Route, ...]]
"""Routes by how many segments their path has."""


def table(profile: Profile) -> Table:
    """Return the routes that a profile has."""
    known = [route for route in ROUTES if profile == "2026" or route.since == "2025"]
    lengths = {len(route.segments) for route in known}
    return {length: tuple(route for route in known if len(route.segments) == length) for length in lengths}


def split(raw_path: bytes) -> tuple[str, ...]:
    """Return a path's segments, decoded one by one: an encoded slash stays inside its segment."""
    return tuple(unquote(part) for part in raw_path.decode("latin-1").split("/")[1:])


def find(routes: Table, method: str, parts: Sequence[str]) -> tuple[Route, tuple[str, ...]]:
    """Return the route of a request and its path's variable parts; raises the 404 or 405 that FastAPI would send."""
    methods: list[str] = []
    for route in routes.get(len(parts), ()):
        if all(segment is None or segment == part for segment, part in zip(route.segments, parts, strict=True)):
            if route.method == method:
                return route, tuple(
                    part for segment, part in zip(route.segments, parts, strict=True) if segment is None
                )
            methods.append(route.method)
    if methods:
        raise wrong_method(tuple(dict.fromkeys(methods)))
    raise no_route()
