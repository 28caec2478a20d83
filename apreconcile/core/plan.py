"""A plan is the calls that make the account equal to the spec, with everything needed to judge and to send them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from .address import Address
from .call import Call, Check
from .change import Blocked, Change, Create, FieldDiff, Protect, Update, action
from .risk import WANTS_APPROVAL, Risk
from .sink import Sink
from .snapshot import Seen
from .wire import Wire

FREE = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Delivery:
    """A secret that is handed on once the calls of a step are done: which field of which read, and to which sink.

    That read must show `same` fields as what was just made, or it is another's.
    """

    sink: Sink
    read: Call
    field: str
    same: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One change as calls, in order. `after` are addresses whose steps must be done before (a failure skips this one).

    Stages are taken one after the other; within a stage only `after` counts. Carries all that the applier needs, so
    that it knows no kind.
    """

    change: Change
    calls: tuple[Call, ...]
    risks: frozenset[Risk]
    stage: int
    after: tuple[Address, ...] = ()
    token: str | None = None
    digest: str | None = None
    """The whole sha256 of which the token has the first digits, where there is one."""
    covers: Mapping[str, Wire] | None = field(default=None, repr=False)
    """What the token covers beside what is shown of the step, where there is one."""
    permit: str | None = None
    """The rule of the policy that approves it without a person, in words with its place, if one does."""
    guards: tuple[Check, ...] = ()
    settle: Check | None = None
    why: tuple[str, ...] = ()
    slot: bool = False
    """A call on a slot (set whole, read again before each try)."""
    delivery: Delivery | None = None
    """What is handed on before it counts as done."""
    price: Decimal | None = FREE
    """What it adds to the monthly bill in US dollars, less than nothing for a release; None where nobody knows."""

    @property
    def address(self) -> Address:
        """What it changes."""
        return self.change.address

    @property
    def action(self) -> str:
        """create, update, delete, adopt, move or forget."""
        return action(self.change)

    @property
    def name(self) -> tuple[str, str]:
        """What tells this step from the others of a plan; protection is a step of its own beside an update."""
        return (str(self.address), "protect" if isinstance(self.change, Protect) else self.action)

    @property
    def fields(self) -> tuple[FieldDiff, ...]:
        """The fields that change."""
        if isinstance(self.change, Protect):
            return (FieldDiff("protect", not self.change.protect, self.change.protect),)
        return self.change.fields if isinstance(self.change, Create | Update) else ()

    @property
    def creates(self) -> bool:
        """Whether it makes something with a new id, which must never be done twice."""
        return any(call.names for call in self.calls)

    @property
    def lifetime(self) -> timedelta | None:
        """How long what it makes lives; None for ever."""
        return self.change.lifetime if isinstance(self.change, Create) else None

    @property
    def spends(self) -> bool:
        """Whether it buys."""
        return Risk.SPENDS in self.risks

    @property
    def rotates(self) -> bool:
        """Whether whoever has its secret has an old one afterwards."""
        return Risk.ROTATES_SECRET in self.risks

    @property
    def wants_approval(self) -> bool:
        """Whether a token is needed: for its risks, or because the policy says so."""
        return bool(self.risks & WANTS_APPROVAL) or self.token is not None

    @property
    def verb(self) -> str:
        """The word before the colon of its token, or its action; of a protection also without a token."""
        if isinstance(self.change, Protect):
            return "protect" if self.change.protect else "unprotect"
        return self.token.partition(":")[0] if self.token else self.action

    @property
    def live(self) -> Seen | None:
        """What it acts on; None for a creation, and for a move of what is lost."""
        return None if isinstance(self.change, Create) else self.change.live


@dataclass(frozen=True, slots=True)
class Cost:
    """Money in US dollars a month, and the quota. None where nobody knows.

    `monthly_delta` sums what is known, `unpriced` are the steps of which nothing is. `as_of` is the day of the prices,
    empty where no step has one.
    """

    monthly_delta: Decimal
    numbers_used: int | None = None
    numbers_limit: int | None = None
    currency: str = "USD"
    unpriced: tuple[Address, ...] = ()
    as_of: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """A test event for something of ours, sent after the steps; and the read that lists what it alone was sent."""

    address: Address
    call: Call
    deliveries: Call | None = None


@dataclass(frozen=True, slots=True)
class Unmanaged:
    """Something live that is neither in the spec nor ours."""

    kind: str
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """Something of the spec or of ours, changed or not: its `label` while it is there, and what it hangs on."""

    address: Address
    label: str = ""
    parent: Address | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """The account a plan is for. `host` has no port; every loopback address is `loopback`.

    `account` is a hash of the key: until there is a state, nothing else tells one account from another.
    """

    host: str
    sub_account: str | None = None
    account: str = field(default="", repr=False, compare=False)

    def __str__(self) -> str:
        return f"the sub-account {self.sub_account} at {self.host}" if self.sub_account else self.host


@dataclass(frozen=True, slots=True)
class Plan:
    """`digest` covers meaning; `expires`, `serial` and `requests` are beside it.

    `unsafe` forbids any write (exit 9), `unsettled` any purchase (exit 6).
    """

    project: str
    environment: str
    scope: Scope
    steps: tuple[Step, ...]
    blocked: tuple[Blocked, ...]
    unmanaged: tuple[Unmanaged, ...]
    warnings: tuple[str, ...]
    cost: Cost
    digest: str
    serial: int
    expires: str
    requests: int
    unsafe: tuple[Blocked, ...] = ()
    unsettled: tuple[Blocked, ...] = ()
    bound: Mapping[Address, Seen] | None = None
    """What each address is now."""
    probes: tuple[Probe, ...] = ()
    """What is sent afterwards, if that was asked for."""
    salt: str = field(default="", repr=False)
    """What the hashes of its secrets are salted with."""
    policy: str = ""
    """The commit that its policy was read from, if it is not the spec's own."""
    signatures: int = 0
    """How many people have to sign an approval, 0 where a token is enough."""
    destroys: bool = False
    """Whether all that the state has is to go, whatever the spec says."""
    members: tuple[Member, ...] = ()
    """Everything that it is about, also where nothing changes."""

    @property
    def empty(self) -> bool:
        """Whether nothing is to be done and nothing stands in the way."""
        return not (self.steps or self.blocked or self.unsafe or self.unsettled)


def monthly(steps: Iterable[Step]) -> Decimal:
    """What steps add to the monthly bill, in US dollars, as far as it is known."""
    return sum((step.price for step in steps if step.price is not None), FREE)


def unpriced(steps: Iterable[Step]) -> tuple[Address, ...]:
    """The addresses of steps of which nobody knows what they add."""
    return tuple(step.address for step in steps if step.price is None)


def summary(plan: Plan) -> dict[str, Wire]:
    """How many steps there are of each action, with what is blocked and what is unmanaged."""
    words = ("create", "update", "delete", "adopt", "move", "forget")
    counts = {word: sum(step.action == word for step in plan.steps) for word in words}
    return {**counts, "blocked": len(blocked(plan)), "unmanaged": len(plan.unmanaged)}


def blocked(plan: Plan) -> tuple[Blocked, ...]:
    """Everything that stands in the way: unsafe surroundings, open intents, and blocked addresses."""
    return (*plan.unsafe, *plan.unsettled, *plan.blocked)
