"""Governing is what a policy says of a plan: limits, money, hosts, and which steps need no person.

A broken limit means that something is wrong: then no step of that sort is taken, so that nothing is done half-way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from .address import Address
from .call import Secret
from .change import Adopt, Blocked, Change, Create, Delete, Update
from .ending import PERMIT, is_its_own, taken_over
from .findings import Findings
from .kind import Kind
from .plan import FREE, Step
from .policy import Limit, Permit, Policy
from .risk import WANTS_APPROVAL, Risk
from .snapshot import Seen
from .state import Purchase
from .url import plain_host
from .wanted import Manifest
from .wire import Wire

DAY = timedelta(hours=24)
"""What a day is to a policy: the last 24 hours, not a date."""
NEVER = frozenset({Risk.IRREVERSIBLE, Risk.UNPROTECTS})
"""The risks that no policy approves."""
RELEASE = "release"
"""The verb of a token that releases a number."""

Rule: TypeAlias = tuple[str, str]
"""A broken rule, as a reason and a hint."""


def wanting(policy: Policy) -> frozenset[Risk]:
    """The risks that want an approval under a policy."""
    return WANTS_APPROVAL | policy.approve


def price(kind: Kind, change: Change, policy: Policy) -> Decimal | None:
    """What a change adds to the monthly bill in US dollars, less than nothing for a release; None if nobody knows."""
    if isinstance(change, Create):
        return monthly_price(kind, change.wanted.fields, policy)
    known = monthly_price(kind, kind.shown(change.live), policy) if isinstance(change, Delete) else FREE
    return None if known is None else FREE - known


def monthly_price(kind: Kind, fields: Mapping[str, Wire], policy: Policy) -> Decimal | None:
    """What something with these fields costs a month, in US dollars; None if nobody knows."""
    names = kind.tariff(fields)
    return policy.charged.of(names) if names else FREE


def strange_hosts(
    manifest: Manifest, kind_of: Callable[[str], Kind], bound: Mapping[Address, Seen] | None = None
) -> tuple[Blocked, ...]:
    """The resources of a spec whose events would go to a host that the policy does not allow.

    `bound` is what each address is now: what the spec leaves out is sent as it is there.
    """
    policy, strange = manifest.policy, list[Blocked]()
    for wanted in manifest.resources if policy.hosts is not None else ():
        kind, seen = kind_of(wanted.address.kind), (bound or {}).get(wanted.address)
        for url in kind.sends_to({**(kind.shown(seen) if seen else {}), **wanted.fields}):
            if not _is_allowed(policy.hosts or (), url):
                reason = (
                    f"policy: {_where(url)}, which is not in allowedWebhookHosts{_at(policy, 'allowedWebhookHosts')}"
                )
                hint = f"correct it at {wanted.place}, or {_edit('allow the host', policy, 'allowedWebhookHosts')}"
                strange.append(Blocked(wanted.address, reason, hint))
    return tuple(strange)


def _is_allowed(hosts: Iterable[str], url: Wire) -> bool:
    """Whether a URL leads, for every parser, to one of these hosts, or to one below `*.HOST`."""
    host = plain_host(_text(url))
    return host is not None and any(host.endswith(one[1:]) if one.startswith("*.") else host == one for one in hosts)


def _where(url: Wire) -> str:
    if isinstance(url, Secret):
        return "events would go to a host that is a secret"
    host = plain_host(_text(url))
    return f"events would go to {host}" if host else "its url names no host that every program reads alike"


def _text(url: Wire) -> str:
    return url.text if isinstance(url, Secret) else str(url)


def without_strange(steps: Iterable[Step], strange: Iterable[Blocked]) -> list[Step]:
    """Leave out what would be sent, or taken as ours, where events would go to a host that is not allowed."""
    caught = {one.address for one in strange}
    return [one for one in steps if one.address not in caught or not isinstance(one.change, Create | Update | Adopt)]


def within_limits(found: Findings, steps: Sequence[Step], now: datetime) -> tuple[list[Step], list[Blocked]]:
    """Leave out all purchases if one of their limits is broken, and all releases if one of theirs is."""
    policy, book = found.manifest.policy, _Book(found, now)
    buying = [step for step in steps if step.spends]
    releasing = [step for step in steps if step.verb == RELEASE]
    too_many = _over(policy, "maxBuys", policy.buys, buying, len(book.purchases()))
    broken = (
        (buying, [*too_many, *_too_dear(found, buying)]),
        (releasing, _over(policy, "maxReleases", policy.releases, releasing, book.releases(releasing))),
    )
    stopped = {step.name for several, rules in broken if rules for step in several}
    blocked = [
        Blocked(step.address, "; ".join(reason for reason, _ in rules), "; ".join(hint for _, hint in rules))
        for several, rules in broken
        for step in (several if rules else ())
    ]
    return [step for step in steps if step.name not in stopped], blocked


def _over(policy: Policy, name: str, limit: Limit, several: Sequence[Step], before: int) -> list[Rule]:
    """Which of a pair of limits the steps of a sort break, after so many of that sort in the last 24 hours."""
    if not several:
        return []
    rules, here = list[Rule](), len(several)
    fewer = f"take fewer: apreconcile apply --only {several[0].address}"
    plan = f"this plan {'buys' if several[0].spends else 'releases'} {here}"
    if limit.per_apply is not None and here > limit.per_apply:
        rule = f"{name}.perApply"
        reason = f"policy: {plan}, and {rule} is {limit.per_apply}{_at(policy, rule)}"
        rules.append((reason, _raise(policy, rule, *([fewer] if limit.per_apply else []))))
    if limit.per_day is not None and before + here > limit.per_day:
        rule = f"{name}.perDay"
        reason = (
            f"policy: {plan}, after {before} in the last 24 hours, and {rule} is {limit.per_day}{_at(policy, rule)}"
        )
        ways = [*(["wait"] if before else []), *([fewer] if here > limit.per_day else [])]
        rules.append((reason, _raise(policy, rule, *(ways if limit.per_day else []))))
    return rules


def _raise(policy: Policy, rule: str, *ways: str) -> str:
    """Where a limit can be raised, or else what has to be done, all of it, under the limit as it is."""
    return ", or ".join([_edit("raise it", policy, rule), *([" and ".join(ways)] if ways else [])])


def _too_dear(found: Findings, buying: Sequence[Step]) -> list[Rule]:
    """Whether what is ours, with what is bought, costs more in a month than the policy allows, or nobody knows what."""
    policy, rule = found.manifest.policy, "maxMonthlyCost"
    if policy.monthly is None or not buying:
        return []
    limit = f"{rule} is {money(policy.monthly)}{_at(policy, rule)}"
    ours = ((at, seen, found.kind(at.kind)) for at, seen in {**found.matching.orphans, **found.matching.bound}.items())
    held = {at: monthly_price(kind, kind.shown(seen), policy) for at, seen, kind in ours}
    adds = {step.address: step.price for step in buying}
    before, more = _sum(held.values()), _sum(adds.values())
    if before is None or more is None:
        dark = sorted(at for at, cost in (*held.items(), *adds.items()) if cost is None)
        reason = f"policy: the price of {', '.join(map(str, dark[:3]))} is unknown, and {limit}"
        return [(reason, _edit("write the price of that country and type into `prices`", policy, "prices"))]
    if before + more <= policy.monthly:
        return []
    reason = f"policy: what is ours costs {money(before)} a month, this plan adds {money(more)}, and {limit}"
    return [(reason, _edit("raise it", policy, rule))]


def with_permits(found: Findings, steps: Sequence[Step], now: datetime) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    """The steps, with the words of the policy on those that it approves without a person; and why not, if for money.

    A step is permitted only if each of its risks that wants an approval is. What cannot be taken back, lifts a
    protection, or buys another in place of a lost one never is; nor is any purchase, once all of the last 24 hours and
    of this plan cost more than the permit, or nobody knows what. What an ephemeral environment made, it may delete.
    """
    policy, warnings = found.manifest.policy, list[str]()
    permits = {permit.risk: permit for permit in policy.permits}
    buying, spends = [step.price for step in steps if step.spends], permits.get(Risk.SPENDS)
    if buying and spends:
        before, more = _sum(_amount(line) for line in _Book(found, now).purchases()), _sum(buying)
        if before is None or more is None or before + more > (spends.up_to or FREE):
            del permits[Risk.SPENDS]
            sums = [("the last 24 hours", before), ("this plan", more)]
            spent = " and ".join(
                f"{'an unknown amount' if one is None else money(one)} in {when}" for when, one in sums
            )
            warnings.append(f"policy: the purchases want a person: {spent} go beyond `{_permit_in_words(spends)}`")
    own, claims = _own(found, steps)
    permitted = tuple(
        replace(step, permit=PERMIT if step.name in own else _permit(step, permits, policy)) for step in steps
    )
    return permitted, (*warnings, *claims)


def _own(found: Findings, steps: Iterable[Step]) -> tuple[set[Rule], list[str]]:
    """The steps that delete what an ephemeral environment made; why others want a person, though it made theirs."""
    own, claims = set[Rule](), list[str]()
    for step in steps:
        if not (step.token and step.live and is_its_own(found.manifest, found.state, step.change)):
            continue
        on = found.kind(step.address.kind).hangs_on(step.live)
        claim = taken_over(found.state, step.address, step.live, on)
        if claim:
            claims.append(f"{step.address} was made here, and wants a person: {claim}")
        else:
            own.add(step.name)
    return own, claims


def _permit(step: Step, permits: Mapping[Risk, Permit], policy: Policy) -> str | None:
    risks = sorted(step.risks & wanting(policy))
    again = isinstance(step.change, Create) and step.change.again is not None
    if not risks or again or step.risks & NEVER or not permits.keys() >= set(risks):
        return None
    return "; ".join(_permit_in_words(permits[risk]) for risk in risks)


def _permit_in_words(permit: Permit) -> str:
    bound = "" if permit.up_to is None else f" up to {money(permit.up_to)} a month in 24 hours"
    return f"{permit.risk}{bound}, {permit.place}"


@dataclass(frozen=True, slots=True)
class _Book:
    """What the state knows of the last 24 hours; a time that cannot be read counts as one of them."""

    found: Findings
    now: datetime

    def purchases(self) -> list[Purchase]:
        """The purchases, those of unknown outcome too."""
        ledger = self.found.state.ledger
        return [line for line in ledger if line.outcome != "denied" and self._is_recent(line.at)]

    def releases(self, planned: Collection[Step]) -> int:
        """How many numbers were released, or may have been; what this plan releases itself is not counted."""
        state, here = self.found.state, {step.address for step in planned}
        stones = [stone for stone in state.tombstones if stone.how == "released" and self._is_recent(stone.at)]
        begun = {
            intent.address
            for intent in (*self.found.closed, *state.intents.values())
            if intent.token and intent.token.startswith(f"{RELEASE}:") and self._is_recent(intent.opened)
        }
        return len(stones) + len(begun - here)

    def _is_recent(self, stamp: str) -> bool:
        try:
            moment = datetime.fromisoformat(stamp)
        except ValueError:
            return True
        return moment.replace(tzinfo=moment.tzinfo or UTC) > self.now - DAY


def _amount(line: Purchase) -> Decimal | None:
    try:
        amount = Decimal(line.amount)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount >= 0 else None


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """All of them; None if one is unknown."""
    known = list(amounts)
    return None if None in known else Decimal(sum(one for one in known if one is not None))


def money(amount: Decimal) -> str:
    """`$3.00`."""
    return f"${amount:.2f}"


def _at(policy: Policy, rule: str) -> str:
    return f" ({policy.places[rule]})"


def _edit(what: str, policy: Policy, rule: str) -> str:
    return f"{what} at {policy.places[rule]}" if rule in policy.places else f"{what} in the policy"
