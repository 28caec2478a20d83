"""What lets somebody in is never shown."""

from __future__ import annotations

import pytest

from apreconcile.core.url import named_hosts, split_login, without_password


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


@pytest.mark.parametrize(("url", "hosts"), [
    ("https://A.dev:8443/x?y=https://b.dev", {"a.dev"}), ("https://a.dev.?x", {"a.dev"}), ("https://a.dev#b.dev", {"a.dev"}),
    ("https://u:p@ss@a.dev/x", {"a.dev"}), ("https://u:p/q@a.dev", {"u"}), ("http://[::1]:80/", {"[::1]"}),
    ("https://b.dev\\@a.dev/x", {"a.dev", "b.dev"}), ("https:\\\\a.dev/x", {"a.dev"}), ("https:a.dev", {"a.dev"}),
    ("https://b\u00fccher.de/", {"b\u00fccher.de", "xn--bcher-kva.de"}), ("https://a\u3002dev/", {"a\u3002dev", "a.dev"}),
    ("https://${env.X}/y", set()), ("https://${env.X}.a.dev/y", {"a.dev"}), (f"https://{'a' * 64}.dev", {f"{'a' * 64}.dev"}),
    ("tel:+14155550100", set()), ("${env.X}/a.dev", set()),
])  # fmt: skip
def test_every_host_that_some_parser_finds_is_named(url, hosts):
    assert named_hosts(url) == hosts


@pytest.mark.parametrize(("url", "parts"), [
    ("https://u:p@ss@a.dev/x@y", ("https://", "u:p@ss", "@a.dev/x@y")), ("https://a.dev/x@y", ("", "", "https://a.dev/x@y")),
    ("https://@a.dev", ("https://", "", "@a.dev")), ("u@a.dev", ("", "", "u@a.dev")),
])  # fmt: skip
def test_a_login_is_what_stands_before_the_last_sign_of_the_authority(url, parts):
    assert split_login(url) == parts
