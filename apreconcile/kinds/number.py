"""A phone number: costs money, is gone for ever once released, and rings on real people's phones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from apreconcile.core.call import After, Call, Check, IdOf
from apreconcile.core.change import Adopt, Create, Deed, Delete, Update
from apreconcile.core.ending import same_moment
from apreconcile.core.facts import Question, Words, World, listed
from apreconcile.core.kind import ClearsWith, Default, Fixed, Kind, Refers, Spec, Wish
from apreconcile.core.marker import adopted, forgotten
from apreconcile.core.risk import Risk
from apreconcile.core.snapshot import Seen
from apreconcile.core.wanted import Wanted
from apreconcile.core.wire import Wire

from . import traffic
from .transfers import dangling


class NumberSpec(Spec):
    """A phone number. areaCode, type and imessageType are wishes at purchase; country is fixed."""

    country: Annotated[Literal["US", "CA"] | None, Fixed(), Default("US")] = None
    areaCode: Annotated[
        str | None, Field(pattern=r"^[2-9][0-9]{2}$", description='three digits such as "415"'), Wish()
    ] = None
    type: Annotated[str | None, Field(min_length=1), Wish()] = None
    imessageType: Annotated[str | None, Field(min_length=1), Wish()] = None
    agent: Annotated[str | None, Refers("agent"), ClearsWith(None), Default(None)] = None


def shown(seen: Seen) -> Mapping[str, Wire]:
    """The live number in the spec's words. The area code is read off a +1 number (fact sheet §3.4)."""
    phone, live = str(seen.body.get("phoneNumber") or ""), {name: seen.body.get(name) for name in ("country", "type")}
    area = phone[2:5] if phone.startswith("+1") else None
    return {**live, "areaCode": area, "imessageType": None, "agent": seen.body.get("agentId")}


def purchase(change: Create) -> tuple[Call, ...]:
    """POST /v1/numbers: charges at once, has no idempotency key; marker and end go along (PY externalId, expiresAt)."""
    fields = {name: value for name, value in change.wanted.fields.items() if value is not None and name != "agent"}
    agent = change.wanted.fields.get("agent")
    ends = {"expiresAt": After(change.lifetime)} if change.lifetime else {}
    body = {**fields, **({"agentId": agent} if agent else {}), "externalId": change.marker, **ends}
    return (Call("POST", ("v1", "numbers"), body, names=change.address),)


def update(change: Update) -> tuple[Call, ...]:
    """Only the agent can change: detach from the old one first (fact sheet §13.4), then attach."""
    held, agent = change.live.body.get("agentId"), change.send.get("agent")
    off = (Call("DELETE", ("v1", "agents", str(held), "numbers", change.live.id)),) if held else ()
    on = (Call("POST", ("v1", "agents", agent, "numbers"), {"numberId": change.live.id}),) if agent else ()
    return (*off, *on)


def delete(change: Delete) -> tuple[Call, ...]:
    """Release: back to the carrier, no refund, not to be had again (TS, S-FAQ)."""
    return (Call("DELETE", _path(change.live)),)


def tariff(fields: Mapping[str, Wire]) -> tuple[str, ...]:
    """`US/imessage`; a number is of the type sms unless something else is said, and that is what a bare `US` means."""
    country, usual = fields.get("country") or "US", "imessage" if fields.get("imessageType") else "sms"
    sort = fields.get("type") or usual
    return (f"{country}/{sort}", country) if sort == "sms" else (f"{country}/{sort}",)


def tagging(seen: Seen, tag: str | None) -> tuple[Call, ...]:
    """PATCH this tag on, if there is any to be set (PY externalId)."""
    return (Call("PATCH", _path(seen), {"externalId": tag}),) if tag else ()


def risks(change: Deed) -> frozenset[Risk]:
    """Buying spends; releasing cannot be taken back; a live number that changes hands is rerouted."""
    if isinstance(change, Create):
        return frozenset({Risk.SPENDS})
    if isinstance(change, Delete):
        return frozenset({Risk.IRREVERSIBLE})
    moved = isinstance(change, Update) and change.live.body.get("agentId")
    return frozenset({Risk.REROUTES}) if moved else frozenset()


def guards(change: Deed) -> tuple[Check, ...]:
    """A number is released, or moved, only if id, E.164, status and agent are still what was shown."""
    if not isinstance(change, Delete | Update):
        return ()
    held = ("id", "phoneNumber", "status", "agentId")
    return (Check(Call("GET", _path(change.live)), {name: change.live.body.get(name) for name in held}),)


def settle(change: Deed) -> Check | None:
    """A lost attach or detach is decided by the number's agent, a lost release by its status."""
    if isinstance(change, Update):
        return Check(Call("GET", _path(change.live)), {"agentId": change.send.get("agent")})
    if isinstance(change, Adopt):
        return Check(Call("GET", _path(change.live)), {"externalId": change.marker})
    return Check(Call("GET", _path(change.live)), None) if isinstance(change, Delete) else None


def asks(change: Deed, now: datetime) -> tuple[Question, ...]:
    """The quota before a purchase; calls and messages of the last 30 days before a release."""
    if isinstance(change, Create):
        return (Question("usage", Call("GET", ("v1", "usage"))),)
    return traffic.questions(_path(change.live), change.live.id, now) if isinstance(change, Delete) else ()


def words(change: Deed, world: World) -> Words:
    """Money, quota, who rings there, and who is left unanswered."""
    if isinstance(change, Create):
        return _buying(change, world)
    phone = change.live.body.get("phoneNumber")
    if isinstance(change, Delete):
        return _releasing(change, world)
    if isinstance(change, Adopt):
        return Words(why=(f"{phone}: {change.how}",))
    held, to = change.live.body.get("agentId"), change.send.get("agent")
    fate = f"answered by {to.address}" if isinstance(to, IdOf) else "answered by nobody, and still costs money"
    was = f"no longer answered by {world.naming('agent', held)}, but " if held else ""
    return Words(why=(f"{phone} is {was}{fate}",))


def _buying(change: Create, world: World) -> Words:
    usage = (world.answer("usage") or {}).get("numbers")
    quota = f", {usage.get('used')} of {usage.get('limit')} numbers used" if isinstance(usage, dict) else ""
    country = change.wanted.fields.get("country", "US")
    spare = [seen for seen in world.unmanaged if seen.kind == "number" and seen.body.get("country") == country]
    names = listed([f"{seen.body.get('phoneNumber')} ({seen.id})" for seen in spare])
    has = [f"the account has unmanaged {country} numbers: {names}; `import:` takes one"] if spare else []
    cost = world.manifest.policy.charged.said(tariff(change.wanted.fields), "+")
    said = [f"{cost}{quota}", "the first month is charged at once, and nothing is refunded"]
    said += [f"it releases itself {After(change.lifetime).text} after it is bought"] if change.lifetime else []
    return Words(why=(*said, *has, *(_replacing(change, world) if change.again else ())))


def _releasing(change: Delete, world: World) -> Words:
    agent, phone = change.live.body.get("agentId"), str(change.live.body.get("phoneNumber"))
    cost = world.manifest.policy.charged.said(tariff(shown(change.live)), "-")
    who = f"callers of {world.naming('agent', agent)} on it" if agent else "it has no agent: its callers"
    left = (f"{who} are left unanswered", *dangling(phone, world))
    gone = f"{phone} is gone for ever, without a refund ({cost})"
    return Words(why=(gone, traffic.counted(change.live.id, world), *left))


def _replacing(change: Create, world: World) -> list[str]:
    """What is said of a number that comes for a lost one."""
    old = world.state.resources[change.address].phone_number or ""
    said = f"replaces {f'{old} ({change.again})' if old else change.again}, which is lost; another number will come"
    return [said, *(dangling(old, world) if old else ())]


def notices(wanted: Wanted, seen: Seen, marker: str) -> tuple[str, ...]:
    """Another area than wished for, an unknown status, a tag that is not ours or did not stick."""
    said, area = [], wanted.fields.get("areaCode")
    if area and shown(seen)["areaCode"] != area:
        said.append(f"{wanted.address} is {seen.body.get('phoneNumber')}, not from area {area}: the wish was not met")
    if seen.body.get("status") not in {"active", "released"}:
        said.append(f"{wanted.address} has the status {seen.body.get('status')!r}")
    tag = seen.body.get("externalId")
    if tag and tag != marker:
        said.append(f"{wanted.address} carries the foreign externalId {tag!r}: it is known by state only")
    elif "externalId" in seen.body and not tag:
        said.append(f"{wanted.address} carries no marker: it is known by state only")
    return tuple(said)


def alarms(seen: Seen, expires: str | None) -> tuple[tuple[str, str], ...]:
    """An end that we did not set: the number will be gone, and buying another would be no repair."""
    phone, ends = seen.body.get("phoneNumber"), seen.body.get("expiresAt")
    if not ends or (expires and same_moment(str(ends), expires)):
        return ()
    return ((f"{phone} expires at {ends}, which nobody here asked for", "ask who set expiresAt"),)


def _path(seen: Seen) -> tuple[str, ...]:
    return ("v1", "numbers", seen.id)


NUMBER = Kind(
    name="number",
    plural="numbers",
    spec=NumberSpec,
    path=lambda _parent: ("v1", "numbers"),
    shown=shown,
    label=lambda seen: str(seen.body.get("phoneNumber") or seen.id),
    create=purchase,
    update=update,
    delete=delete,
    risks=risks,
    guards=guards,
    settle=settle,
    asks=asks,
    words=words,
    adopt=lambda seen, marker: tagging(seen, adopted(seen.body, marker)),
    forget=lambda seen, marker: tagging(seen, forgotten(seen.body, marker)),
    notices=notices,
    alarms=alarms,
    hangs_on=lambda seen: seen.body.get("agentId") or None,
    tariff=tariff,
    tag="externalId",
    verb={"create": "buy", "again": "rebuy", "delete": "release"},
)
