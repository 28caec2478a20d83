"""How one sandbox behaves: every switch it has, checked when it is made."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Literal, get_args

Profile = Literal["2025", "2026"]
NullHandling = Literal["clear", "ignore", "reject"]
ErrorShape = Literal["envelope", "detail", "flat"]
BalanceStatus = Literal[402, 400]
HeldNumber = Literal["move", "refuse"]
Omitted = Literal["reset", "keep"]


@dataclass(frozen=True, slots=True)
class Options:
    """The switches of one sandbox. What the API's sources leave open is a switch here, with its default chosen.

    - db: the SQLite file, made when absent; `":memory:"` lives as long as the server.
    - profile: "2026" follows the newest sources (PY 0.20.3, OAS 2026-07-17), "2025" the older ones (S-SKILL, S-FAQ).
    - number_limit: numbers that an account, and each sub-account, may hold, unless seeded with its own `numberLimit`.
    - balance: US dollars in an account's wallet at the start, unless it was seeded with its own `balance`.
    - keys: the bearer tokens let in; empty lets in every non-empty one.
    - null_handling: what an explicit `null` for a nullable field does in a PATCH. No source says.
    - error_shape: the body of the service's own errors; None takes the profile's (2026 "envelope", 2025 "detail").
    - strict_sub_accounts: ignore `X-Sub-Account-Id` on the calls for which OAS does not list it.
    - balance_status: the status of INSUFFICIENT_BALANCE.
    - held_number: attaching a number that another agent holds moves it, or is refused with 409. No source says.
    - omitted: a webhook POST without contextLimit or timeout resets them to the defaults, or keeps them. Unstated.

    Raises ValueError for a value outside these.
    """

    db: str | Path
    profile: Profile = "2026"
    number_limit: int = 10
    balance: Decimal | float = 100
    keys: tuple[str, ...] = ()
    null_handling: NullHandling = "clear"
    error_shape: ErrorShape | None = None
    strict_sub_accounts: bool = False
    balance_status: BalanceStatus = 402
    held_number: HeldNumber = "move"
    omitted: Omitted = "reset"

    def __post_init__(self) -> None:
        """Refuse a value that no sandbox could act on."""
        chosen = (
            ("profile", self.profile, get_args(Profile)),
            ("null_handling", self.null_handling, get_args(NullHandling)),
            ("error_shape", self.error_shape, (None, *get_args(ErrorShape))),
            ("balance_status", self.balance_status, get_args(BalanceStatus)),
            ("held_number", self.held_number, get_args(HeldNumber)),
            ("omitted", self.omitted, get_args(Omitted)),
        )
        for name, value, choices in chosen:
            if value not in choices:
                message = f"{name} must be one of {', '.join(map(str, choices))}, not {value!r}"
                raise ValueError(message)
        if self.number_limit < 0:
            message = f"number_limit must not be negative: {self.number_limit}"
            raise ValueError(message)
        if not Decimal(str(self.balance)).is_finite():
            message = f"balance must be a finite amount: {self.balance}"
            raise ValueError(message)
        if not all(self.keys):
            message = "an empty key lets nobody in"
            raise ValueError(message)

    @property
    def shape(self) -> ErrorShape:
        """The error shape in force."""
        if self.error_shape is not None:
            return self.error_shape
        return "envelope" if self.profile == "2026" else "detail"

    @property
    def balance_cents(self) -> int:
        """The starting balance in US cents."""
        return cents(self.balance)


def cents(dollars: Decimal | float) -> int:
    """Return an amount of US dollars as whole cents, rounded to the nearest."""
    return int((Decimal(str(dollars)) * 100).to_integral_value())
