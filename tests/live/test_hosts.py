from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apreconcile.core.errors import HostError
from apreconcile.live.hosts import BaseUrl, check_base_url


@pytest.mark.parametrize(
    ("text", "url", "host"),
    [
        ("https://api.agentphone.ai", "https://api.agentphone.ai", "api.agentphone.ai"),
        ("https://api.agentphone.ai/", "https://api.agentphone.ai", "api.agentphone.ai"),
        ("https://api.agentphone.ai/v1", "https://api.agentphone.ai", "api.agentphone.ai"),
        ("https://api.agentphone.ai//v1//", "https://api.agentphone.ai", "api.agentphone.ai"),
        ("https://api.agentphone.to/v1/", "https://api.agentphone.to", "api.agentphone.to"),
        ("HTTPS://API.AgentPhone.AI:443", "https://api.agentphone.ai", "api.agentphone.ai"),
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080", "loopback"),
        ("https://127.0.0.1", "https://127.0.0.1", "loopback"),
        ("http://127.8.9.10:1", "http://127.8.9.10:1", "loopback"),
        ("http://[::1]:65535/", "http://[::1]:65535", "loopback"),
        ("http://LocalHost:3000", "http://localhost:3000", "loopback"),
    ],
)
def test_the_key_may_go_there(text, url, host):
    assert check_base_url(text) == BaseUrl(url, host)
    assert check_base_url(url) == BaseUrl(url, host)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "api.agentphone.ai",
        "//api.agentphone.ai",
        "http://api.agentphone.ai",
        "http://api.agentphone.to:80",
        "https://api.agentphone.ai:8443",
        "https://api.agentphone.ai:0443",
        "https://api.agentphone.ai:",
        "https://api.agentphone.ai:443:443",
        "https://agentphone.ai",
        "https://www.agentphone.ai",
        "https://api.agentphone.ai.",
        "https://api.agentphone.ai.evil.com",
        "https://evil.com/api.agentphone.ai",
        "https://evil.com#api.agentphone.ai",
        "https://api.agentphone.ai@evil.com",
        "https://user:secret@api.agentphone.ai",
        "https://@api.agentphone.ai",
        "https://api.agentphone.ai?x=1",
        "https://api.agentphone.ai#x",
        "https://api.agentphone.ai/v2",
        "https://api.agentphone.ai/V1",
        "https://api.agentphone.ai/v1/../x",
        "https://api.agentphone.ai/x/v1",
        "https:\\\\api.agentphone.ai",
        "https://evil.com\\.api.agentphone.ai",
        "https://api.agentphone.ai\\@evil.com",
        "https:///api.agentphone.ai",
        "https:api.agentphone.ai",
        "https://api.agentphone.аi",  # noqa: RUF001 -- a Cyrillic a is the case
        "https://xn--api.agentphone.ai",
        "https://api。agentphone。ai",
        "https://api.agentphone.ai%2eevil.com",
        "https://api.agentphone.ai\n",
        "https://api.agentphone.ai\r\nHost: evil.com",
        " https://api.agentphone.ai",
        "https://api.agent phone.ai",
        "https://api.agentphone.ai\t",
        "https://api.agentphone.ai\x00",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "ws://127.0.0.1",
        "http+unix://127.0.0.1",
        "http://localhost.evil.com",
        "http://localhost.",
        "http://evil.localhost",
        "http://127.0.0.1.evil.com",
        "http://127.0.0.1.nip.io",
        "http://127.0.0.1.",
        "http://127.1",
        "http://127.0.1",
        "http://2130706433",
        "http://0177.0.0.1",
        "http://127.0.0.01",
        "http://0x7f.0.0.1",
        "http://0x7f000001",
        "http://128.0.0.1",
        "http://0.0.0.0",
        "http://10.0.0.1",
        "http://169.254.169.254",
        "http://[::]",
        "http://[::2]",
        "http://[0:0:0:0:0:0:0:1]",
        "http://[::ffff:127.0.0.1]",
        "http://[::1%25eth0]",
        "http://[::1]evil.com",
        "http://::1",
        "http://127.0.0.1:0",
        "http://127.0.0.1:65536",
        "http://127.0.0.1:99999999",
        "http://127.0.0.1:80a",
        "http://127.0.0.1:٨٠",
        "http://127.0.0.1:-1",
        "http://①②⑦.0.0.1",
    ],
)
def test_the_key_goes_nowhere_else(text):
    with pytest.raises(HostError) as caught:
        check_base_url(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    "text",
    ["https://user:hunter2@evil.com", "https://hunter2@api.agentphone.ai", "https://a:hunter2\uff20b", "hunter2"],
)
def test_a_refusal_does_not_repeat_a_password(text):
    with pytest.raises(HostError) as caught:
        check_base_url(text)
    assert "hunter2" not in f"{caught.value}{caught.value.hint}"


@given(st.from_regex(r"(?s)https?://.{0,40}(agentphone|127|localhost|::1).{0,30}", fullmatch=True))
def test_whatever_passes_is_read_alike_by_httpx(text):
    import httpx  # noqa: PLC0415 -- the other parser is the case

    try:
        base = check_base_url(text)
    except HostError:
        return
    url = httpx.URL(base.url)
    assert url.userinfo == b""
    assert url.path == "/"
    assert (
        (url.host == base.host and url.scheme == "https")
        or url.host in ("localhost", "::1")
        or url.host.startswith("127.")
    )
