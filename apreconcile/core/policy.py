"""A policy is what the owner of an account allows: limits, prices, hosts, who approves, and what needs no person.

Only values are here. A rule that is left out allows what would be allowed without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from .place import Place
from .risk import Risk

LIFETIME = timedelta(days=7)
"""How long an approval may hold where a policy does not say."""


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
