"""A headless Chromium, spoken to over a pipe (its DevTools protocol): Debian's, with nothing installed beside it."""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless", "--remote-debugging-pipe", "--no-first-run", "--no-sandbox", "--disable-gpu", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND",
    "--disable-dev-shm-usage", "--hide-scrollbars", "--force-color-profile=srgb", "--mute-audio", "about:blank",
)  # fmt: skip
"""No sandbox, since tests may run as root; and no name resolves, so that it speaks to nobody."""

PATIENCE = 120
"""Seconds without a word, after which it hangs."""


class Page:
    """One page, what it complained of, and what it asked for."""

    def __init__(self, writes: int, reads: int) -> None:
        self._out, self._in = os.fdopen(writes, "wb", buffering=0), os.fdopen(reads, "rb")
        self._numbers = itertools.count(1)
        self._waiting = b""
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)

    def close(self) -> None:
        """Let go of the pipe."""
        self._out.close()
        self._in.close()

    def call(self, method: str, **params: Any) -> Any:
        """One command of the protocol, and its result."""
        number = next(self._numbers)
        session = {"sessionId": self._session} if self._session else {}
        message = {"id": number, "method": method, "params": params, **session}
        self._out.write(json.dumps(message).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("id") == number:
                assert "error" not in told, told
                return told["result"]
            self.events.append(told)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._waiting:
            ready, _, _ = select.select([self._in], [], [], PATIENCE)
            assert ready, f"the browser said nothing for {PATIENCE} seconds"
            more = os.read(self._in.fileno(), 1 << 16)
            assert more, "the browser ended"
            self._waiting += more
        told, _, self._waiting = self._waiting.partition(b"\0")
        return json.loads(told)

    def open(self, path: Path, *, width: int, height: int = 900, dark: bool = False, media: str = "screen") -> None:
        """Show a file in a window of this size."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.look(dark=dark, media=media)
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def look(self, *, dark: bool = False, media: str = "screen") -> None:
        """Light or dark, on a screen or on paper."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])

    def run(self, script: str) -> Any:
        """The value of an expression, as the page sees it."""
        told = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def press(self, key: str, code: int) -> None:
        """A key, down and up."""
        text = {"Enter": "\r"}.get(key)
        for kind in ("keyDown", "keyUp"):
            more: Mapping[str, Any] = {"text": text} if text and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **more)

    def picture(self, *, whole: bool = True) -> bytes:
        """A PNG of the page."""
        return base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=whole)["data"])

    def paper(self) -> bytes:
        """The page as PDF."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])

    @property
    def problems(self) -> list[Any]:
        """What went wrong since the page was opened: exceptions, words on the console, refused loads."""
        bad = {"Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled", "Network.loadingFailed"}
        return [event["params"] for event in self.events if event.get("method") in bad]

    @property
    def requested(self) -> list[str]:
        """The URLs that the page asked for since it was opened."""
        sent = (event for event in self.events if event.get("method") == "Network.requestWillBeSent")
        return [event["params"]["request"]["url"] for event in sent]


@contextmanager
def chromium(folder: Path) -> Iterator[Page]:
    """A browser with a fresh profile in this folder, ended afterwards."""
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    assert program, "there is no Chromium here: apt-get install chromium"
    to_child, from_us = os.pipe()
    to_us, from_child = os.pipe()
    script = f'exec "$0" "$@" 3<&{to_child} 4>&{from_child}'
    browser = subprocess.Popen(
        ["bash", "-c", script, program, f"--user-data-dir={folder}", *FLAGS],
        pass_fds=(to_child, from_child), stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(to_child)
    os.close(from_child)
    page = Page(from_us, to_us)
    try:
        yield page
    finally:
        browser.terminate()
        browser.wait(30)
        page.close()
