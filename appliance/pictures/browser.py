"""A headless Chromium as a value: pages laid out at a width and in a colour scheme, asked and photographed.

Goes in: an address and a way of looking. Comes out: picture or PDF octets, and what a page says of itself. Talks the DevTools
protocol over the pipe that Chromium offers (`--remote-debugging-pipe`): no port, no driver, no library.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import attrs

from faultline.runtime.console import CommandError

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--hide-scrollbars",
    "--font-render-hinting=none",
    "--remote-debugging-pipe",
)
PATIENCE_S = 90.0
QUALITY = 88
"""Of WebP, in per cent: letters stay sharp."""
_A4_INCHES = {"paperWidth": 8.27, "paperHeight": 11.69}


@attrs.frozen(slots=True, kw_only=True)
class Look:
    """How a page is looked at."""

    width: int
    """CSS pixels."""
    height: int
    dark: bool = False
    scale: float = 1.0
    """Device pixels a CSS pixel."""
    phone: bool = False


class Browser:
    """One Chromium with one page, in a profile of its own."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="faultline-browser-"))
        self._next = 0
        self._kept = b""
        self._session = ""
        self._events: list[dict[str, Any]] = []
        self._start()

    def _start(self) -> None:
        program = next((found for name in NAMES if (found := shutil.which(name))), None)
        if program is None:
            raise CommandError("no chromium is installed", hint="apt-get install chromium")
        to_read, self._to = os.pipe()
        self._from, to_write = os.pipe()

        def at_three_and_four() -> None:
            # Chromium reads commands from descriptor 3 and answers on 4.
            first, second = os.dup(to_read), os.dup(to_write)
            os.dup2(first, 3)
            os.dup2(second, 4)

        self._process = subprocess.Popen(
            [program, *ARGUMENTS, f"--user-data-dir={self._folder}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=at_three_and_four,  # noqa: PLW1509 - it takes no lock: two system calls, then Chromium
            close_fds=False,
            start_new_session=True,
        )
        os.close(to_read)
        os.close(to_write)
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._ask("Page.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End it, with every process it started, and forget its profile."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(PATIENCE_S)
        os.close(self._to)
        os.close(self._from)
        shutil.rmtree(self._folder, ignore_errors=True)

    def open(self, address: str, look: Look) -> None:
        """Load a page and look at it."""
        self._ask(
            "Emulation.setDeviceMetricsOverride",
            width=look.width,
            height=look.height,
            deviceScaleFactor=look.scale,
            mobile=look.phone,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if look.dark else "light"}
        self._ask("Emulation.setEmulatedMedia", features=[scheme])
        self._events.clear()
        self._ask("Page.navigate", url=address)
        self._await("Page.loadEventFired")

    def evaluate(self, expression: str) -> Any:
        """What a JavaScript expression is worth in the page; the page's own policy does not bind it."""
        return self._ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def press(self, key: str) -> None:
        """A key, down and up."""
        for kind in ("keyDown", "keyUp"):
            self._ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode={"Tab": 9, "Enter": 13}[key])

    def picture(self, *, most_height: int | None = None, form: str = "png") -> bytes:
        """The page as PNG or WebP: from its top, whole or to a height."""
        size = self._ask("Page.getLayoutMetrics")["cssContentSize"]
        height = size["height"] if most_height is None else min(most_height, size["height"])
        clip = {"x": 0, "y": 0, "width": size["width"], "height": height, "scale": 1}
        quality = {"quality": QUALITY} if form == "webp" else {}
        shot = self._ask("Page.captureScreenshot", format=form, clip=clip, captureBeyondViewport=True, **quality)
        return base64.b64decode(shot["data"])

    def paper(self) -> bytes:
        """The page as PDF on A4."""
        self._ask("Emulation.setEmulatedMedia", media="")
        done = self._ask("Page.printToPDF", preferCSSPageSize=True, printBackground=True, **_A4_INCHES)
        return base64.b64decode(done["data"])

    # ---- the protocol: JSON documents that end in a zero octet
    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._next += 1
        document: dict[str, Any] = {"id": self._next, "method": method, "params": parameters}
        if self._session:
            document["sessionId"] = self._session
        os.write(self._to, json.dumps(document).encode() + b"\0")
        while True:
            answer = self._hear(method)
            if answer.get("id") == self._next:
                break
            self._events.append(answer)
        if "error" in answer:
            raise CommandError(f"chromium: {method}: {answer['error'].get('message')}")
        result: dict[str, Any] = answer["result"]
        return result

    def _await(self, event: str) -> None:
        while not any(known.get("method") == event for known in self._events):
            self._events.append(self._hear(event))

    def _hear(self, what: str) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE_S
        while b"\0" not in self._kept:
            ready, _, _ = select.select([self._from], [], [], max(0.0, end - time.monotonic()))
            octets = os.read(self._from, 1 << 20) if ready else b""
            if not octets:
                raise CommandError(f"chromium does not answer {what}", hint="try it by hand: chromium --headless --version")
            self._kept += octets
        text, self._kept = self._kept.split(b"\0", 1)
        document: dict[str, Any] = json.loads(text)
        return document
