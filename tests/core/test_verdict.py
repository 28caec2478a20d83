from __future__ import annotations

import pytest

from apreconcile.core import errors
from apreconcile.core.verdict import CARRIER_CODES, certainly_not_done

NOT_DONE = {300, 301, 302, 303, 304, 307, 308, 399, 400, 401, 402, 403, 404, 405, 409, 422, 429}


@pytest.mark.parametrize("status", range(100, 600))
def test_only_a_refusal_is_certain(status):
    assert certainly_not_done(errors.ApiError("", status=status)) is (status in NOT_DONE or 300 <= status < 400)


@pytest.mark.parametrize("status", range(100, 600))
@pytest.mark.parametrize("code", sorted(CARRIER_CODES))
def test_trouble_with_the_carrier_is_never_certain(status, code):
    assert not certainly_not_done(errors.ApiError("", status=status, code=code))
    assert not certainly_not_done(errors.NotFoundError("", status=404, code=code))


@pytest.mark.parametrize(
    ("error", "certain"),
    [
        (errors.NetworkError("", sent=False), True),
        (errors.NetworkError("", sent=True), False),
        (errors.CredentialsError(""), True),
        (errors.HostError(""), True),
        (errors.UnsafeError(""), True),
        (errors.NotFoundError("", status=404), True),
        (errors.ApiError("", status=402, code="INSUFFICIENT_BALANCE"), True),
        (errors.Error(""), False),
        (errors.StoreError(""), False),
        (errors.StaleError(""), False),
        (errors.InterruptedByUser(""), False),
        (errors.UnknownOutcomeError(""), False),
    ],
)
def test_every_other_error(error, certain):
    assert certainly_not_done(error) is certain
