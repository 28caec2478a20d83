"""A policy is what the owner of an account allows: limits, prices, hosts, who approves, and what needs no person.

Only values are here. A rule that is left out allows what would be allowed without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from .place import Place
from .risk import Risk

LIFETIME = timedelta(days=7)
"""How long an approval may hold where a policy does not say."""

UNKNOWN = "unknown"
"""What the ledger has for the amount of a purchase whose price nobody knew."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How many may be taken in one apply, and in any 24 hours; None where there is no limit."""

    per_apply: int | None = None
    per_day: int | None = None


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars a month for one number, by `COUNTRY` or `COUNTRY/TYPE`; `as_of` is the day they were read."""

    table: Mapping[str, Decimal]
    as_of: str

    def of(self, names: Iterable[str]) -> Decimal | None:
        """The price of the first of these names that has one; None if none has."""
        return next((self.table[name] for name in names if name in self.table), None)

    def said(self, names: Iterable[str], sign: str = "") -> str:
        """The price in words: `+$3.00/month`, or `price unknown`."""
        known = self.of(names)
        return "price unknown" if known is None else f"{sign}${known}/month"


PRICES = Prices({"US": Decimal("3.00"), "CA": Decimal("3.00")}, as_of="2026-07-17")
"""What AgentPhone charges for an ordinary number, at purchase and every 30 days (DOCS usage-billing)."""


@dataclass(frozen=True, slots=True)
class Permit:
    """A risk that needs no person in one environment; `up_to` is in US dollars a month, for what is bought."""

    risk: Risk
    place: Place
    up_to: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Approvers:
    """Whose signatures count. `signers` is the text of an `allowed_signers` file of OpenSSH, `revoked` that of a KRL.

    `required` distinct principals, with distinct keys, have to sign the same step.
    """

    signers: bytes = field(repr=False)
    required: int = 1
    lifetime: timedelta = LIFETIME
    revoked: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Policy:
    """`permits` are those of the environment that is planned. `places` says by its name where each rule stands.

    `source` names the commit it was read from, if it is not the spec's own.
    """

    buys: Limit = Limit()
    releases: Limit = Limit()
    monthly: Decimal | None = None
    hosts: tuple[str, ...] | None = None
    approve: frozenset[Risk] = frozenset()
    permits: tuple[Permit, ...] = ()
    prices: Prices | None = None
    approvers: Approvers | None = None
    places: Mapping[str, Place] = field(default_factory=dict)
    source: str = ""

    @property
    def charged(self) -> Prices:
        """The prices that count: its own table, whole, or else the one that is built in."""
        return self.prices or PRICES

    @property
    def signatures(self) -> int:
        """How many people have to sign an approval, 0 where a token is enough."""
        return self.approvers.required if self.approvers else 0
