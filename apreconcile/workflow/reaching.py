"""How the account of an environment is reached: as whoever runs it says, else a variable, else the spec."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from apreconcile.core.errors import CredentialsError
from apreconcile.core.wanted import API_KEYS, Access
from apreconcile.live.hosts import BaseUrl, check_base_url

DEFAULT_BASE_URL = "https://api.agentphone.ai"
"""Where AgentPhone answers (PY, TS, OAS)."""
_NAMED = re.compile(r"https?://(\[[^]]*\]|[^:]*)")


class Named(NamedTuple):
    """A value with the variable or option that it came from."""

    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Reach:
    """The key and the URL, each with what says it, and the sub-account. `key` is None if no variable has one.

    `variable` is the one that is to have it.
    """

    key: Named | None = field(repr=False)
    variable: str
    url: Named
    sub_account: str | None

    def needed_key(self, *, in_ci: bool) -> str:
        """The key. Raises CredentialsError if there is none."""
        if self.key is not None:
            return self.key.text
        where = "a key of this account (dashboard, Settings, API Keys)"
        hint = f"export {self.variable}=…, {where}; without one, try: --sandbox"
        if in_ci:
            hint = f"hand {self.variable} to this job, from a secret of the pipeline: {where}"
        whose = ", which is its `keyEnv`" if self.variable not in API_KEYS else ""
        raise CredentialsError(f"there is no API key: {self.variable} is not set{whose}", hint=hint)

    def meets(self, other: Reach) -> bool:
        """Whether it leads to the same account, as far as can be told without asking: a key is of one account.

        Where a key is not known, the name of its variable stands for it. A server on this machine is known by its port,
        since this machine has several names; the vendor's hosts are one.
        """
        return self.is_beside(other) and self._whose(other)

    def is_beside(self, other: Reach) -> bool:
        """Whether it leads to the same server, and to the same sub-account if the account is the same."""
        one, two = (check_base_url(each.url.text) for each in (self, other))
        return _place(one) == _place(two) and self.sub_account == other.sub_account

    def _whose(self, other: Reach) -> bool:
        """Whether both have the same key."""
        if self.key and other.key:
            return self.key.text.strip() == other.key.text.strip()
        return self.variable == other.variable


def _place(base: BaseUrl) -> str:
    """Whose server it is, and on this machine, which."""
    return f"here{_NAMED.sub('', base.url)}" if base.loopback else "the vendor"


def reach(
    access: Access,
    environ: Mapping[str, str],
    *,
    key: str | None = None,
    base_url: str | None = None,
    sub_account: str | None = None,
) -> Reach:
    """How an account is reached for which the spec says `access`; what is given goes before variables and spec.

    A key comes from the variable that the environment names, and from no other; from the usual ones, if it names none.
    An empty `sub_account` is the account itself, whatever the rest says.
    """
    variable = "AGENTPHONE_BASE_URL"
    names = (access.key_env,) if access.key_env else API_KEYS
    found = next((Named(environ[name], name) for name in names if environ.get(name)), None)
    said = ((base_url, "--base-url"), (environ.get(variable), variable), (access.base_url, "baseUrl"))
    url = next((Named(text, by) for text, by in said if text), Named(DEFAULT_BASE_URL, "by default"))
    inside = environ.get("AGENTPHONE_SUB_ACCOUNT") or access.sub_account if sub_account is None else sub_account or None
    return Reach(found if key is None else Named(key, names[0]), names[0], url, inside)
