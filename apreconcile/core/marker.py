"""A marker is the tag (`externalId`) by which a number is known again without state; a foreign tag is never touched."""

from __future__ import annotations

from collections.abc import Mapping

from .wire import Wire

MARK = "apr:"
"""What every marker begins with: it is somebody's."""
PARTS = 3
"""Project, environment and key."""
FORGOTTEN = "apr-forgotten:"
"""What a marker begins with once it is nobody's any more; anybody's import may overwrite it."""


def whose(tag: str | None) -> tuple[str, str]:
    """The project and the environment that a marker names; empty for what is none, or nobody's."""
    parts = (tag or "").removeprefix(MARK).split("/")
    return (parts[0], parts[1]) if tag and tag.startswith(MARK) and len(parts) == PARTS else ("", "")


def adopted(body: Mapping[str, Wire], marker: str) -> str | None:
    """What the tag becomes when this address takes it; None if it is that already, or must not be touched.

    It may be touched if this API shows the field, and no tag is there but ours of another key, or nobody's.
    """
    tag = str(body.get("externalId") or "")
    free = "externalId" in body and tag != marker and (not tag or tag.startswith((_ours(marker), FORGOTTEN)))
    return marker if free else None


def forgotten(body: Mapping[str, Wire], marker: str) -> str | None:
    """What the tag becomes when this address is forgotten; None if it is none of ours."""
    ours = str(body.get("externalId") or "").startswith(_ours(marker))
    return FORGOTTEN + marker.removeprefix(MARK) if ours else None


def _ours(marker: str) -> str:
    """How all markers of this project and environment begin."""
    return marker.rpartition("/")[0] + "/"
