"""Whether a call that ended in an error certainly did nothing; what is not certain is settled by looking."""

from __future__ import annotations

from .errors import ApiError, CredentialsError, Error, HostError, NetworkError, UnsafeError

CARRIER_CODES = frozenset({"CARRIER_ERROR", "TWILIO_ERROR"})
"""The vendor's words for trouble behind it: whatever the status, something may have happened (fact sheet §7.2)."""

REFUSALS = frozenset({400, 401, 402, 403, 404, 405, 409, 422, 429})
"""The statuses by which the API says that it did not do it."""

_REDIRECTS = range(300, 400)


def certainly_not_done(error: Error) -> bool:
    """True only if the call that ended so has certainly changed nothing. Every doubt is False."""
    if isinstance(error, ApiError):
        return error.code not in CARRIER_CODES and (error.status in REFUSALS or error.status in _REDIRECTS)
    if isinstance(error, NetworkError):
        return not error.sent
    return isinstance(error, CredentialsError | HostError | UnsafeError)
