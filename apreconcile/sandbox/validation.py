"""Rules for bodies as small tables: a field's name, and the check that its value must pass, in pydantic's words."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from apreconcile.sandbox import clock
from apreconcile.sandbox.errors import Invalid, Problem, invalid

LONGEST_URL = 2083
"""Characters of a webhook URL (OAS)."""

_E164 = re.compile(r"\+[1-9]\d{1,14}", re.ASCII)


@dataclass(slots=True)
class Wrong(Exception):  # noqa: N818 (a finding about a value, not a failure of ours)
    """A value that does not pass: pydantic's name for it, what it should be, and where inside the value."""

    type: str
    msg: str
    at: tuple[str | int, ...] = ()


Check = Callable[[object], Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """One field: its check, whether `null` may be sent for it, whether it must be sent."""

    check: Check
    nullable: bool = True
    required: bool = False


def text(value: object) -> str:
    """Check for a string that is Unicode."""
    if not isinstance(value, str):
        raise Wrong("string_type", "Input should be a valid string")
    try:
        value.encode()
    except UnicodeEncodeError as bad:
        raise Wrong("string_unicode", "Input should be a valid string without lone surrogates") from bad
    return value


def flag(value: object) -> bool:
    """Check for true or false."""
    if not isinstance(value, bool):
        raise Wrong("bool_type", "Input should be a valid boolean")
    return value


def choice(*names: str) -> Check:
    """Make the check for one of these strings."""
    quoted = [f"'{name}'" for name in names]
    listed = f"{', '.join(quoted[:-1])} or {quoted[-1]}" if len(quoted) > 1 else quoted[0]

    def check(value: object) -> str:
        if not isinstance(value, str) or value not in names:
            raise Wrong("enum", f"Input should be {listed}")
        return value

    return check


def _in_range(value: float, low: float, high: float | None) -> None:
    if value < low:
        raise Wrong("greater_than_equal", f"Input should be greater than or equal to {low}")
    if high is not None and value > high:
        raise Wrong("less_than_equal", f"Input should be less than or equal to {high}")


def integer(low: int, high: int | None) -> Callable[[object], int]:
    """Make the check for a whole number in this range, both ends allowed."""

    def check(value: object) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise Wrong("int_type", "Input should be a valid integer")
        _in_range(value, low, high)
        return value

    return check


def number(low: float, high: float | None) -> Callable[[object], float]:
    """Make the check for a finite number in this range, both ends allowed."""

    def check(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Wrong("float_type", "Input should be a valid number")
        if isinstance(value, float) and not math.isfinite(value):
            raise Wrong("finite_number", "Input should be a finite number")
        _in_range(value, low, high)
        return float(value)

    return check


def matching(pattern: str) -> Check:
    """Make the check for a string that this pattern matches whole."""
    shape = re.compile(pattern, re.ASCII)

    def check(value: object) -> str:
        found = text(value)
        if not shape.fullmatch(found):
            raise Wrong("string_pattern_mismatch", f"String should match pattern '^{pattern}$'")
        return found

    return check


def phone(value: object) -> str:
    """Check for an E.164 number; the empty string passes, for it clears (MCP)."""
    found = text(value)
    if found and not _E164.fullmatch(found):
        raise Wrong("value_error", "Value error, phone number must be in E.164 format, for example +14155551234")
    return found


def url(value: object) -> str:
    """Check for an http or https URL with a host, of 1 to 2083 characters (OAS)."""
    found = text(value)
    if len(found) > LONGEST_URL:
        raise Wrong("url_too_long", f"URL should have at most {LONGEST_URL} characters")
    try:
        parts = urlsplit(found)
        host, _ = parts.hostname, parts.port
    except ValueError as bad:
        raise Wrong("url_parsing", "Input should be a valid URL") from bad
    if parts.scheme.lower() not in {"http", "https"}:
        raise Wrong("url_scheme", "URL scheme should be 'http' or 'https'")
    if not host or re.search(r"[\s\x00-\x1f\x7f]", found):
        raise Wrong("url_parsing", "Input should be a valid URL")
    return found


def secure_url(value: object) -> str:
    """Check for an https URL (TS CustomToolParam)."""
    found = url(value)
    if not found.lower().startswith("https://"):
        raise Wrong("url_scheme", "URL scheme should be 'https'")
    return found


def moment(value: object) -> float:
    """Check for an ISO 8601 time and return it as seconds since the epoch."""
    try:
        return clock.read(text(value))
    except ValueError as bad:
        raise Wrong("datetime_parsing", "Input should be a valid datetime") from bad


def mapping(value: object) -> dict[str, Any]:
    """Check for an object."""
    if not isinstance(value, dict):
        raise Wrong("dict_type", "Input should be a valid dictionary")
    return value


def check_fields(value: Mapping[str, object], rules: Mapping[str, Rule], *, partial: bool = False) -> dict[str, Any]:
    """Return the fields that the rules know, checked; raise Invalid, with every problem, if one does not pass."""
    found: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, rule in rules.items():
        if name not in value:
            if rule.required and not partial:
                problems.append(Problem((name,), "Field required", "missing"))
            continue
        given = value[name]
        if given is None and rule.nullable:
            found[name] = None
            continue
        try:
            found[name] = rule.check(given)
        except Wrong as wrong:
            problems.append(Problem((name, *wrong.at), wrong.msg, wrong.type))
        except Invalid as inner:
            problems.extend(Problem((name, *problem.loc), problem.msg, problem.type) for problem in inner.problems)
    if problems:
        raise Invalid(problems)
    return found


def check_body(value: object, rules: Mapping[str, Rule], *, partial: bool = False) -> dict[str, Any]:
    """Return the fields of a request's body, checked; fields without a rule are passed over, as FastAPI does."""
    if not isinstance(value, dict):
        message = "Input should be a valid dictionary or object to extract fields from"
        raise invalid(("body",), message, "model_attributes_type")
    try:
        return check_fields(value, rules, partial=partial)
    except Invalid as bad:
        raise Invalid([Problem(("body", *problem.loc), problem.msg, problem.type) for problem in bad.problems]) from bad
