"""How the account of an environment is reached: as a flag says, else a variable, else the spec."""

from __future__ import annotations

from dataclasses import dataclass, field

from apreconcile.core.wanted import API_KEYS, Access
from apreconcile.workflow import DEFAULT_BASE_URL, Named

from .options import Settings


@dataclass(frozen=True, slots=True)
class Reach:
    """The key and the URL, each with what says it, and the sub-account. `key` is None if no variable has one.

    `variable` is the one that is to have it.
    """

    key: Named | None = field(repr=False)
    variable: str
    url: Named
    sub_account: str | None


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
