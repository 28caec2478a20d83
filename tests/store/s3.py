"""An S3 server on this machine, moto in a process of its own, and a server before it that loses what it is told to.

moto looks whether a put's condition holds, and writes, in two steps: two puts at once could both pass. So requests are
served one at a time here, which makes a conditional put what it is at S3, one step.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import obstore
from obstore.store import S3Store

PLANTED = {
    "AWS_ACCESS_KEY_ID": "AKIAPLANTEDPLANTED",
    "AWS_SECRET_ACCESS_KEY": "plantedSecret/plantedSecret",
    "AWS_SESSION_TOKEN": "plantedToken==",
}
BUCKET = "team"


def environ(url: str) -> dict[str, str]:
    return {**PLANTED, "AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": url}


def refusal(status: int, code: str) -> tuple[int, bytes]:
    """An answer of S3, with what it knows of the request: as SignatureDoesNotMatch really tells."""
    inner = "".join(f"<Told>{secret}</Told>" for secret in PLANTED.values())
    return status, f"<?xml version='1.0'?><Error><Code>{code}</Code>{inner}</Error>".encode()


def bucket(url: str) -> S3Store:
    """The bucket as anybody sees it who has the credentials."""
    return S3Store(
        BUCKET,
        config={"endpoint": url, "region": "eu-west-1"},
        client_options={"allow_http": True},
        credential_provider=lambda: {
            "access_key_id": "AKIAX",
            "secret_access_key": "x",
            "token": None,
            "expires_at": None,
        },
    )


def spoil(url: str, key: str, content: bytes) -> None:
    obstore.put(bucket(url), key, content)


class Between:
    """Passes requests on to the server behind. What is told of a method happens to its next requests, one each.

    `pass`, `drop` (nothing is done, the line breaks), `lose` (it is done, the line breaks), `hang` (nothing is done,
    no answer), `ignore` (it is done whatever its condition says), `keep` (nothing is done yet, the line breaks),
    `overtaken` (what was kept is done before it), or an answer instead: a status and a body.
    """

    def __init__(self, behind: str) -> None:
        self.told: dict[str, deque[Any]] = {"GET": deque(), "PUT": deque()}
        self.always: dict[str, Any] = {}
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.kept: list[tuple[Any, ...]] = []
        self.hung = threading.Event()
        self.ended = threading.Event()
        passed = httpx.Client(base_url=behind, trust_env=False, timeout=30)
        between = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60

            def log_message(self, *_: Any) -> None:
                pass

            def _any(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                between.seen.append((self.command, self.path, headers))
                next_ = between.told[self.command]
                what = next_.popleft() if next_ else between.always.get(self.command, "pass")
                if what == "hang":
                    between.hung.set()
                    between.ended.wait(30)
                between.delay(what, self._passed, content, headers)
                if what in ("hang", "drop", "keep"):
                    self.close_connection = True
                    return
                status, told, body = what[0], {}, what[-1]
                if isinstance(what, str):
                    status, told, body = self._passed(content, headers, ignore=what == "ignore")
                if what == "lose":
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in {**told, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def _passed(
                self, content: bytes, headers: Mapping[str, str], *, ignore: bool
            ) -> tuple[int, dict[str, str], bytes]:
                dropped = {"host", "content-length", *(("if-match", "if-none-match") if ignore else ())}
                kept = {name: value for name, value in headers.items() if name not in dropped}
                answer = passed.request(self.command, self.path, content=content, headers=kept)
                told = {name: answer.headers[name] for name in ("etag", "last-modified") if name in answer.headers}
                return answer.status_code, told, answer.content

            do_GET = do_PUT = _any  # noqa: N815 -- the library's own names

        self._passed = passed
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def tell(self, method: str, *what: Any) -> None:
        self.told[method].extend(what)

    def delay(self, what: Any, done: Callable[..., Any], *put: Any) -> None:
        """Keep a put for later, or do now what was kept."""
        if what == "keep":
            self.kept.append(put)
        while what == "overtaken" and self.kept:
            done(*self.kept.pop(0), ignore=False)

    def puts(self) -> int:
        return sum(method == "PUT" for method, _, _ in self.seen)

    def close(self) -> None:
        self.ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._passed.close()


def serve(announce: Callable[[int], object], denies: Callable[[], bool] = lambda: False) -> None:
    """Serve a moto of one bucket, and announce its port. While it `denies`, every request is answered with 403."""
    from moto.moto_server.werkzeug_app import (  # noqa: PLC0415 -- only the server's own process pays for moto
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server  # noqa: PLC0415 -- only the server's own process pays for moto

    app = DomainDispatcherApplication(create_backend_app)
    turn = threading.Lock()

    def in_turn(asked: Any, start: Any) -> Any:
        if denies():
            start("403 Forbidden", [])
            return [refusal(403, "AccessDenied")[1]]
        with turn:
            return app(asked, start)

    server = make_server("127.0.0.1", 0, in_turn, threaded=True, request_handler=MotoRequestHandler)
    announce(server.server_port)
    server.serve_forever()


if __name__ == "__main__":
    serve(lambda port: print(port, flush=True))  # noqa: T201 -- whoever started this reads it
