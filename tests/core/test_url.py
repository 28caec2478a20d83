"""What lets somebody in is never shown."""

from __future__ import annotations

import pytest

from apreconcile.core.url import without_password


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://x.dev/y.git", "https://x.dev/y.git"),
        ("https://hunter2@x.dev/y", "https://***@x.dev/y"),
        ("https://me:hunter2@x.dev/y", "https://***@x.dev/y"),
        ("https://me:hun@ter2@x.dev/y", "https://***@x.dev/y"),
        ("https://me:hun/ter2@x.dev/y", "https://***@x.dev/y"),
        ("HTTPS://me:hunter2@x.dev/y", "HTTPS://***@x.dev/y"),
        ("ssh://git@x.dev/y", "ssh://git@x.dev/y"),
        ("ssh://git@x.dev/y@z", "ssh://git@x.dev/y@z"),
        ("ssh://me:hunter2@x.dev/y", "ssh://***@x.dev/y"),
        ("git@x.dev:y.git", "git@x.dev:y.git"),
        ("'https://a:hunter2@x.dev' and \"http://b:hunter2@y.dev\"", "'https://***@x.dev' and \"http://***@y.dev\""),
        ("file:///srv/x.git", "file:///srv/x.git"),
    ],
)
def test_a_url_is_shown_without_its_password(text, shown):
    assert without_password(text) == shown
