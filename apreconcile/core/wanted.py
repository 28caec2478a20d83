"""What the spec wants, after files, variables and references are read: one `Wanted` a resource."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from .address import Address
from .call import Secret, holes
from .place import Place
from .policy import Policy
from .sink import Sink
from .wire import Wire

API_KEYS = ("AGENTPHONE_API_KEY", "AGENTPHONE_TOKEN")
"""Variables that no spec may read: the key is for AgentPhone alone."""

BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/(?!\.{1,2}(/|$))[A-Za-z0-9!_.*'()-]+)*/?")
"""A bucket, and below it a prefix of characters that are safe in object names, with no `.` or `..` for a part."""


def is_store(text: str) -> bool:
    """Whether a text names a store of the state: `local`, `git`, or `s3://BUCKET/PREFIX`."""
    return text in ("local", "git") or bool(BUCKET.fullmatch(text))


_VISIBLE = re.compile(r"[!-~]{1,200}")


def is_visible(text: str) -> bool:
    """Whether a text can be an id: signs that a header can carry, and no space."""
    return _VISIBLE.fullmatch(text) is not None


ENVIRONMENT = re.compile(r"[a-z0-9-]{1,40}")
"""The name of an environment, and of an instance of an ephemeral one."""
DEFAULT = "default"
"""What the environment of a spec without `environments:` is called."""


def named_after(name: str, environment: str) -> str:
    """The name of an agent of an ephemeral environment's instance."""
    return f"{name} ({environment})"


@dataclass(frozen=True, slots=True)
class Access:
    """How the account of an environment is reached: the variable that has its key, its URL, its sub-account.

    None where the spec does not say.
    """

    key_env: str | None = None
    base_url: str | None = None
    sub_account: str | None = None

    @property
    def said(self) -> dict[str, Wire]:
        """What a spec says of it, under `account:`."""
        fields = {"keyEnv": self.key_env, "baseUrl": self.base_url, "subAccount": self.sub_account}
        return {name: value for name, value in fields.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Environment:
    """One of a spec's environments. `name` is what `-e` calls it, `known_as` what state, markers and tokens do.

    `lifetime` is how long the numbers of an ephemeral one live; None for all others.
    """

    name: str = DEFAULT
    known_as: str = DEFAULT
    access: Access = Access()
    lifetime: timedelta | None = None

    @property
    def ephemeral(self) -> bool:
        """Whether it is used as `-e NAME:INSTANCE`, each with a state and markers of its own."""
        return self.lifetime is not None

    @property
    def said(self) -> dict[str, Wire]:
        """What a spec says of it, but for what is otherwise there than in the base."""
        account: dict[str, Wire] = {"account": self.access.said} if self.access.said else {}
        known: dict[str, Wire] = {"as": self.known_as} if self.known_as != self.name else {}
        seconds = self.lifetime.total_seconds() if self.lifetime else 0
        return known | account | ({"ephemeral": {"ttl": f"{seconds:.0f}s"}} if seconds else {})


@dataclass(frozen=True, slots=True)
class Wanted:
    """`fields` has only what the spec names, in the spec's words; a reference is an `IdOf`, a secret a `Secret`.

    `imports` is the text of `import:` (an id, an E.164, or `none`). `parent` is the agent of a webhook's slot.
    `protect` is None where the spec does not say; `sink` is where a webhook's signing secret goes.
    """

    address: Address
    fields: Mapping[str, Wire]
    place: Place
    imports: str | None = None
    parent: Address | None = None
    protect: bool | None = None
    sink: Sink | None = None

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Every secret value in it."""
        return tuple(hole for _, hole in holes(dict(self.fields)) if isinstance(hole, Secret))


@dataclass(frozen=True, slots=True)
class Manifest:
    """A whole spec. `resources` is sorted by (rank of kind, key), so that the order of the YAML never matters.

    `environment` is what state, markers and tokens call the one that was chosen, with its instance; `chosen` is that
    one, and `environments` are all that the spec has. With `destroying` nothing is wanted any more.

    `store` and `remote` are those of `state:` as written, or None where the spec does not say; `home` is the folder of
    the first file. `moved` has for each former address the one that it has in this spec, chains followed; `forget` what
    is to be nobody's.
    """

    project: str
    environment: str
    resources: tuple[Wanted, ...]
    home: str
    store: str | None = None
    remote: str | None = None
    warnings: tuple[str, ...] = ()
    moved: Mapping[Address, Address] = field(default_factory=dict)
    forget: tuple[Address, ...] = ()
    policy: Policy = field(default_factory=Policy)
    chosen: Environment = Environment()
    environments: tuple[Environment, ...] = ()
    destroying: bool = False
    by_address: Mapping[Address, Wanted] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_address", {wanted.address: wanted for wanted in self.resources})

    @property
    def destroyed(self) -> Manifest:
        """The same with nothing in it, so that all that the state has goes; but what is to be forgotten, stays."""
        return replace(self, resources=(), moved={}, destroying=True)

    @property
    def stored_at(self) -> dict[str, Wire]:
        """What another spec says under `state:` to have its state in the same store; empty for a local one."""
        remote: dict[str, Wire] = {"remote": self.remote} if self.remote else {}
        return {"store": self.store, **remote} if self.store not in {None, "local"} else {}

    def marker(self, address: Address) -> str:
        """`apr:PROJECT/ENV/KEY`, by which a number is known again (its `externalId`)."""
        return f"apr:{self.project}/{self.environment}/{address.key}"
