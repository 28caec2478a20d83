"""How the account of an environment is reached: as a flag says, else a variable, else the spec."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from apreconcile.core.wanted import API_KEYS, Access
from apreconcile.live.hosts import BaseUrl, check_base_url
from apreconcile.workflow import DEFAULT_BASE_URL, Named

from .options import Settings

_NAMED = re.compile(r"https?://(\[[^]]*\]|[^:]*)")


@dataclass(frozen=True, slots=True)
class Reach:
    """The key and the URL, each with what says it, and the sub-account. `key` is None if no variable has one.

    `variable` is the one that is to have it.
    """

    key: Named | None = field(repr=False)
    variable: str
    url: Named
    sub_account: str | None

    def meets(self, other: Reach) -> bool:
        """Whether it leads to the same account, as far as can be told without asking: a key is of one account.

        Where a key is not known, the name of its variable stands for it. A server on this machine is known by its port,
        since this machine has several names; the vendor's hosts are one.
        """
        one, two = (check_base_url(each.url.text) for each in (self, other))
        apart = _place(one) != _place(two)
        return not apart and self.sub_account == other.sub_account and self._whose(other)

    def _whose(self, other: Reach) -> bool:
        """Whether both have the same key."""
        if self.key and other.key:
            return self.key.text.strip() == other.key.text.strip()
        return self.variable == other.variable


def _place(base: BaseUrl) -> str:
    """Whose server it is, and on this machine, which."""
    return f"here{_NAMED.sub('', base.url)}" if base.loopback else "the vendor"


def reach(settings: Settings, access: Access) -> Reach:
    """How an account is reached for which the spec says `access`.

    A key comes from the variable that the environment names, and from no other; from the usual ones, if it names none.
    """
    environ, variable = settings.environ, "AGENTPHONE_BASE_URL"
    names = (access.key_env,) if access.key_env else API_KEYS
    key = next((Named(environ[name], name) for name in names if environ.get(name)), None)
    said = ((settings.base_url, "--base-url"), (environ.get(variable), variable), (access.base_url, "baseUrl"))
    url = next((Named(text, by) for text, by in said if text), Named(DEFAULT_BASE_URL, "by default"))
    inside = settings.sub_account or environ.get("AGENTPHONE_SUB_ACCOUNT") or access.sub_account
    return Reach(key, names[0], url, inside)
