"""What may be another environment's: said of what shares our account, and of nothing that is older or marked."""

from __future__ import annotations

import pytest

from apreconcile.core.address import Address
from apreconcile.core.elsewhere import Begun, Elsewhere, doubt
from apreconcile.core.snapshot import Seen
from apreconcile.core.wanted import Access, Environment, Manifest
from apreconcile.kinds import KINDS

OURS, THEIRS = Environment("staging", "staging"), Environment("prod", "prod")
APART = Environment("prod", "prod", Access(key_env="PROD_KEY"))
KIND = {kind.name: kind for kind in KINDS}
BEGUN = Elsewhere(begun=(Begun("prod", Address("agent", "a"), frozenset({"old"})),))
UNREAD = Elsewhere(unread=("prod",))


@pytest.mark.parametrize(("there", "kind", "ident", "tag", "theirs", "why"), [
    (BEGUN, "agent", "new", None, THEIRS, "new may be agent.a of the environment prod, which is being made"),
    (BEGUN, "agent", "old", None, THEIRS, None),
    (BEGUN, "number", "new", None, THEIRS, None),
    (BEGUN, "agent", "new", None, APART, None),
    (UNREAD, "number", "n", None, THEIRS, "whether n is of the environment prod is not known: its state cannot be read"),
    (UNREAD, "number", "n", "apr:acme/staging/main", THEIRS, None),
    (UNREAD, "number", "n", "apr:acme/prod/main", THEIRS, "whether n is of the environment prod is not known: its state cannot be read"),
    (UNREAD, "number", "n", None, APART, None),
    (Elsewhere(), "number", "n", None, THEIRS, None),
])  # fmt: skip
def test_what_is_doubted(there, kind, ident, tag, theirs, why):
    manifest = Manifest("acme", "staging", (), home=".", chosen=OURS, environments=(OURS, theirs))
    assert doubt(manifest, there, KIND[kind], Seen(kind, ident, {"externalId": tag})) == why
