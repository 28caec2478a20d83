"""What may stand behind an option: each sort of value is read here, and a wrong one is refused with the right form."""

from __future__ import annotations

import re
from typing import Any

import click

from apreconcile.core.address import Address
from apreconcile.core.wanted import is_visible


class Assignment(click.ParamType[tuple[str, str]]):
    """`NAME=VALUE`."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """The name and the value."""
        name, equals, text = str(value).partition("=")
        if not equals or not name:
            self.fail("it is written --var NAME=VALUE", param, ctx)
        return name, text


class Duration(click.ParamType[float]):
    """`90`, `90s` or `5m`, in seconds, up to a longest."""

    name = "TIME"

    def __init__(self, longest: float) -> None:
        self._longest = longest

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds."""
        found = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)([smh]?)", str(value).strip())
        if not found:
            self.fail(f"{value!r} is no time; write 90, 90s or 5m", param, ctx)
        seconds = float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]
        if seconds > self._longest:
            self.fail(f"{value!r} is too long; {self._longest / 3600:g}h is the most", param, ctx)
        return seconds


class SubAccount(click.ParamType[str]):
    """An id of a sub-account, which a header has to carry."""

    name = "ID"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The id."""
        if not is_visible(str(value)):
            self.fail(f"{value!r} is no id: apreconcile sub-account list", param, ctx)
        return str(value)


class DigestText(click.ParamType[str]):
    """64 hex digits."""

    name = "HEX"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The digest in small letters."""
        if not re.fullmatch(r"[0-9A-Fa-f]{64}", str(value)):
            self.fail(f"{value!r} is no digest: a plan's has 64 hex digits, all of them", param, ctx)
        return str(value).lower()


class _AddressText(click.ParamType[Address]):
    """`agent.support`."""

    name = "ADDRESS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        """The address."""
        found = value if isinstance(value, Address) else Address.parse(str(value))
        if found is None or found.kind not in ("agent", "number", "webhook"):
            self.fail(f"{value!r} is no address; one looks like number.support-main", param, ctx)
        return found


ADDRESS = _AddressText()
