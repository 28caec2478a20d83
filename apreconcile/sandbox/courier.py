"""Events leave the sandbox only for this machine: a URL that is not loopback is never called."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import time
from urllib.parse import urlsplit

from apreconcile.sandbox.deliveries import cut_answer
from apreconcile.sandbox.identity import new_id
from apreconcile.sandbox.visit import Errand, Outcome

AWAY = "not delivered: the sandbox delivers to loopback addresses only"


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine by its very name, without asking any resolver."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def signed(errand: Errand, moment: int) -> dict[str, str]:
    """Return the headers of an event: HMAC-SHA256 over `"{timestamp}." + body` with the whole secret (PY webhook)."""
    stamped = f"{moment}.".encode() + errand.payload
    digest = hmac.new(errand.secret.encode(), stamped, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "User-Agent": "AgentPhone-Webhook/1.0",
        "X-Webhook-Signature": f"sha256={digest}",
        "X-Webhook-Timestamp": str(moment),
        "X-Webhook-ID": new_id(),
    }


async def carry(errand: Errand) -> Outcome:
    """Deliver an event once; no proxy, no redirect. Its timestamp is the machine's: receivers check it by theirs."""
    if not is_loopback(errand.url):
        return Outcome(None, None, AWAY)
    import httpx  # noqa: PLC0415 (120 ms that a sandbox without test events does not pay)

    try:
        async with httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=errand.timeout) as client:
            answer = await client.post(errand.url, content=errand.payload, headers=signed(errand, int(time.time())))
    except (httpx.HTTPError, httpx.InvalidURL) as failed:
        return Outcome(None, None, f"{type(failed).__name__}: {failed}".rstrip(": "))
    return Outcome(answer.status_code, cut_answer(answer.text), None)
