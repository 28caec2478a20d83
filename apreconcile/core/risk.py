"""A risk is what a step may cost somebody, and whether a person has to agree to it."""

from __future__ import annotations

from enum import StrEnum


class Risk(StrEnum):
    """What a step may cost somebody. A closed set: a risk that is not here counts as irreversible."""

    SPENDS = "spends"
    IRREVERSIBLE = "irreversible"
    ROTATES_SECRET = "rotates-secret"  # noqa: S105 -- the name of a risk
    UNPROTECTS = "unprotects"
    REROUTES = "reroutes"


WANTS_APPROVAL = frozenset(Risk) - {Risk.REROUTES}
"""The risks that want an approval whatever a policy says; it can add the rest."""
