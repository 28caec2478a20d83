"""The sandbox as a server on loopback: for a command's whole life, or in a thread beside a caller. One code path."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import signal
import socket
import threading
from collections.abc import Callable, Iterator

import uvicorn

from apreconcile.sandbox.app import Sandbox
from apreconcile.sandbox.options import Options

_GRACE_SECONDS = 1.0
_KEEP_ALIVE_SECONDS = 75
_TICK_SECONDS = 0.1
_BACKLOG = 2048


class _Server(uvicorn.Server):
    """Uvicorn that says when it is ready, stops at once when it is told to, and leaves signals as it found them."""

    def __init__(self, app: Sandbox, ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="off",
                ws="none",
                proxy_headers=False,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                backlog=_BACKLOG,
            )
        )
        self._ready = ready
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End the server, from any thread."""
        self.should_exit = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stopping.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self._ready()

    async def main_loop(self) -> None:
        counter = 0
        while not await self.on_tick(counter):
            counter += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _TICK_SECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        for _ in range(int(_GRACE_SECONDS / 0.005)):
            if not (self.server_state.connections or self.server_state.tasks):
                return
            await asyncio.sleep(0.005)
        for task in self.server_state.tasks:
            task.cancel()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {which: signal.signal(which, self.handle_exit) for which in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for which, handler in before.items():
                signal.signal(which, handler)


def _listen(host: str, port: int) -> socket.socket:
    """Bind a loopback address; ValueError for any other, OSError where it is taken."""
    address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    if not address.is_loopback:
        message = f"the sandbox listens on loopback only, not on {host}"
        raise ValueError(message)
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET  # noqa: PLR2004 (IP's version)
    listener = socket.create_server((str(address), port), family=family, backlog=_BACKLOG)
    listener.setblocking(False)
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if listener.family == socket.AF_INET6 else f"http://{host}:{port}"


def serve(options: Options, host: str, port: int, announce: Callable[[str], object]) -> None:
    """Serve until SIGINT or SIGTERM; see `apreconcile.sandbox.serve`."""
    with _listen(host, port) as listener, contextlib.closing(Sandbox(options)) as app:
        url = _url(listener)

        def ready() -> None:
            announce(f"listening on {url}")

        _Server(app, ready).run([listener])


@contextlib.contextmanager
def running(options: Options) -> Iterator[str]:
    """Serve from a thread for the length of the block, and yield the URL; see `apreconcile.sandbox.running`."""
    ready = threading.Event()
    with _listen("127.0.0.1", 0) as listener, contextlib.closing(Sandbox(options)) as app:
        server = _Server(app, ready.set)
        failure: list[BaseException] = []

        def run() -> None:
            try:
                server.run([listener])
            except BaseException as error:  # noqa: BLE001 (handed to the thread that waits)
                failure.append(error)
            finally:
                ready.set()

        url = _url(listener)
        thread = threading.Thread(target=run, name="apreconcile-sandbox", daemon=True)
        thread.start()
        ready.wait()
        if failure:
            raise failure[0]
        try:
            yield url
        finally:
            server.stop()
            thread.join()
