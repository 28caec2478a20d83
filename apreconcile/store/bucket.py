"""A bucket, through obstore: one get, or one put under a condition, and what came of it; nothing is tried twice here.

obstore's own retries are off. It takes a connection that broke after the request for one that broke before it, sends
the put again, and reports the refusal that its own first put brought about. Its words are neither passed on nor
chained: a server may answer with the whole request, session token and all. What is told is a status and a code.
Its async functions are not used: a program that ends right after one is aborted by the runtime's threads, once in 30.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotModifiedError, PreconditionError
from obstore.store import S3Store

from apreconcile.core.errors import HostError, StoreError
from apreconcile.core.host import is_loopback

from .store import Version

ABSENT: Version = "absent"

_CONFIG = {"virtual_hosted_style_request": False, "conditional_put": "etag", "skip_signature": False}
"""What no AWS_… variable may change: another shape of URLs, puts without conditions, and none without a signature."""
_OPTIONS = {"connect_timeout": "4s", "timeout": "8s"}
_HERE = {"allow_http": True, "proxy_url": "http://127.0.0.1:9", "proxy_excludes": "localhost,127.0.0.0/8,::1"}
"""For a server on this machine: in the place of a proxy of the environment, one that is never asked."""

_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_ENDPOINT = re.compile(
    r"(https?)://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?(/[A-Za-z0-9/._-]*)?", re.IGNORECASE
)
_URL = re.compile(r"Error performing [A-Z]+ (\S+)")
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([A-Za-z]{1,60})</Code>")

_PROBLEMS = (BaseError, OSError)
_REFUSALS = (AlreadyExistsError, NotModifiedError, PreconditionError)
_BREAKS = {
    "dns error": "there is no such host",
    "ConnectionRefused": "the connection was refused",
    "certificate": "its certificate is not trusted",
    "kind: Timeout": "no answer in time",
    "kind: Connect": "no connection",
}
"""What obstore's words hold where a request got no whole answer, and what that is to a person."""

_EXPORT = (
    'export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…; or: eval "$(aws configure export-credentials --format env)"'
)
_DENIED = (
    "access is denied, also to the knowledge whether it is there",
    "allow s3:GetObject and s3:PutObject below the prefix, and s3:ListBucket on the bucket",
)
_ELSEWHERE = ("the bucket is in another region", "export AWS_REGION=…, the bucket's own; see: aws s3api head-bucket")
_MEANINGS = {
    "NoSuchBucket": ("there is no such bucket", "see `state: store:` in the spec; the buckets: aws s3 ls"),
    "InvalidAccessKeyId": ("the access key is not known", _EXPORT),
    "SignatureDoesNotMatch": ("the secret key does not belong to the access key", _EXPORT),
    "InvalidToken": ("the session token is not valid", _EXPORT),
    "ExpiredToken": ("the credentials have expired", _EXPORT),
    "RequestTimeTooSkewed": ("the clock of this machine is wrong", "set it, then run again"),
    "AuthorizationHeaderMalformed": _ELSEWHERE,
    "IllegalLocationConstraintException": _ELSEWHERE,
    "PermanentRedirect": _ELSEWHERE,
    "301": _ELSEWHERE,
    "401": _DENIED,
    "403": _DENIED,
}
"""A server's code, or else its status: what it is to a person, and what to do."""


class BucketError(Exception):
    """What was asked was certainly not done. `why` and `hint` are words for a person."""

    def __init__(self, why: str, hint: str) -> None:
        super().__init__(why)
        self.why = why
        self.hint = hint


class RefusedError(BucketError):
    """A put was not done: its condition did not hold, or another put was under way."""


class UnansweredError(BucketError):
    """No answer came that says whether it was done."""


class NothingThereError(BucketError):
    """The bucket says that it has no such object."""


class Bucket:
    """A bucket and the credentials for it, as the environment names them; nothing is sent yet.

    obstore itself looks for the credentials of a role (web identity, container, instance) in the process' environment.
    Raises HostError if the credentials must not go to the endpoint, and StoreError.
    """

    def __init__(self, name: str, environ: Mapping[str, str]) -> None:
        region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        if not re.fullmatch(r"[a-z0-9-]+", region):
            raise StoreError("AWS_REGION is not the name of a region", hint="export AWS_REGION=us-east-1")
        endpoint = next((environ[one] for one in _ENDPOINTS if environ.get(one)), None)
        url = endpoint or f"https://s3.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"
        config: Any = {"region": region, "aws_endpoint_url_s3": url, **_CONFIG}
        options: Any = {**_OPTIONS, **(_HERE if _is_here(url) else {})}
        provider = _provider(environ)
        try:
            self._store = S3Store(
                name, config=config, client_options=options,
                retry_config={"max_retries": 0}, credential_provider=provider,
            )  # fmt: skip
        except BaseError:
            raise StoreError("an AWS_… variable of the environment makes no sense", hint="env | grep ^AWS_") from None
        self.url = url

    async def get(self, key: str) -> tuple[bytes, Version]:
        """The bytes of an object, and its version. Raises BucketError, NothingThereError if there is none."""
        try:
            content, tag = await asyncio.to_thread(self._got, key)
        except _PROBLEMS as problem:
            trouble = self._meaning(problem)
        else:
            if tag:
                return content, tag
            trouble = BucketError("it has no ETag", f"see {self.url}: it does not answer as S3 does")
        raise trouble

    async def names(self, folder: str) -> tuple[str, ...]:
        """The names of the objects in a folder, and not below it; "" is the bucket itself. Raises BucketError."""
        try:
            return await asyncio.to_thread(self._listed, folder)
        except _PROBLEMS as problem:
            trouble = self._meaning(problem)
        raise trouble

    async def put(self, key: str, content: bytes, version: Version) -> Version:
        """Make an object, or replace the one of this version. Raises BucketError, RefusedError if it is another."""
        mode: Any = "create" if version == ABSENT else {"e_tag": version}
        try:
            done = await asyncio.to_thread(obstore.put, self._store, key, content, mode=mode)
            return str(done["e_tag"])
        except _PROBLEMS as problem:
            trouble = self._meaning(problem)
        raise trouble

    def _got(self, key: str) -> tuple[bytes, str | None]:
        found = obstore.get(self._store, key)
        return bytes(found.bytes()), found.meta["e_tag"]

    def _listed(self, folder: str) -> tuple[str, ...]:
        found = obstore.list_with_delimiter(self._store, folder or None)
        return tuple(one["path"].rpartition("/")[2] for one in found["objects"])

    def _meaning(self, problem: Exception) -> BucketError:
        words = str(problem)
        url, status, code = (_first(pattern, words) for pattern in (_URL, _STATUS, _CODE))
        if url and not url.startswith(self.url):
            return BucketError("there are no AWS credentials, and no role gave any", _EXPORT)
        if isinstance(problem, _REFUSALS):
            return RefusedError(f"it was refused ({status} {code})", "wait for other runs, then run again")
        if (status, code) == ("404", "NoSuchKey"):
            return NothingThereError("there is no such object", "apply makes it")
        if "redirect without LOCATION" in words:
            status = "301"
        if not status or status[0] == "5" or status in ("408", "429"):
            why = next((said for word, said in _BREAKS.items() if word in words), "the connection broke")
            why = f"it answered {status} {code}".rstrip() if status else why
            return UnansweredError(f"{self.url}: {why}", "is it there? see AWS_ENDPOINT_URL and AWS_REGION")
        fallback = (f"it answered {status} {code}".rstrip(), f"see {self.url}: is it S3?")
        return BucketError(*_MEANINGS.get(code, _MEANINGS.get(status, fallback)))


def _first(pattern: re.Pattern[str], words: str) -> str:
    found = pattern.search(words)
    return found[1] if found else ""


def _is_here(url: str) -> bool:
    """Whether this URL is on this machine. Raises HostError unless it is, or is spoken to by https."""
    found = _ENDPOINT.fullmatch(url)
    hint = "export AWS_ENDPOINT_URL=https://HOST, or http:// for a server on 127.0.0.1"
    if found is None:
        raise HostError("AWS_ENDPOINT_URL is not the URL of a server", hint=hint)
    scheme, host = found[1].lower(), found[2].lower()
    if scheme == "http" and not is_loopback(host):
        raise HostError(f"the credentials must not be sent to {host} in the clear", hint=hint)
    return is_loopback(host)


def _provider(environ: Mapping[str, str]) -> Callable[[], Any] | None:
    """What gives the credentials of the environment; None if there are none, and a role is to be looked for."""
    key, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if key is None and secret is None:
        if environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true" and not any(map(environ.get, _ROLES)):
            raise StoreError("there are no AWS credentials", hint=_EXPORT)
        return None
    if not (key and secret):
        missing = "AWS_SECRET_ACCESS_KEY" if key else "AWS_ACCESS_KEY_ID"
        raise StoreError(f"{missing} is missing or empty", hint=_EXPORT)
    token = environ.get("AWS_SESSION_TOKEN") or None
    return lambda: {"access_key_id": key, "secret_access_key": secret, "token": token, "expires_at": None}


_ROLES = (
    "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)  # fmt: skip
