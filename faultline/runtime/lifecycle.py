"""Start and stop of a service: signals, order, and a bounded end.

A component is anything with `start()` and `stop()`. They start in the order given and stop in reverse, so what feeds others
stops first when it was joined last. SIGTERM and SIGINT ask for a graceful stop; a second one ends at once.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Protocol

from faultline.runtime.log import logger
from faultline.runtime.systemd import notify, watchdog_period_s


class Component(Protocol):
    """Something that runs between start and stop.

    `start` returns when it is ready or raises; `stop` returns when its work is safe.
    """

    def start(self) -> None:
        """Begin; raise when it cannot."""

    def stop(self) -> None:
        """End; idempotent."""


class Service:
    """Components with one life.

    `alive` is asked before systemd's watchdog hears that all is well; a service that does not answer it is restarted by systemd.
    """

    def __init__(
        self,
        name: str,
        components: Sequence[tuple[str, Component]],
        *,
        alive: Callable[[], bool] = lambda: True,
    ) -> None:
        self.name = name
        self._alive = alive
        self._components = list(components)
        self._started: list[tuple[str, Component]] = []
        self._stopping = threading.Event()
        self._log = logger(name)

    def start(self) -> None:
        """Start every component; when one fails, those already started are stopped and the error goes on."""
        for label, component in self._components:
            try:
                component.start()
            except BaseException:
                self.stop()
                raise
            self._started.append((label, component))
        self._log.info("service started", service=self.name)

    def stop(self) -> None:
        """Stop in reverse order; a component that fails to stop is logged and does not keep the others."""
        self._stopping.set()
        while self._started:
            label, component = self._started.pop()
            try:
                component.stop()
            except Exception:  # noqa: BLE001 - every other component must still be stopped
                self._log.error("component failed to stop", stage=label, exc_info=True)
        self._log.info("service stopped", service=self.name)

    def ask_to_stop(self) -> None:
        """Make `run` return."""
        self._stopping.set()

    def run(self) -> None:
        """Start, wait for a signal, stop. Call from the main thread."""

        def on_signal(number: int, _: FrameType | None) -> None:
            if self._stopping.is_set():
                os._exit(128 + number)  # the second signal: the person does not want to wait
            self._stopping.set()

        previous = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            self.start()
            notify("READY=1")
            period_s = watchdog_period_s()
            beat_s = time.monotonic()
            # wait() with a timeout keeps the main thread able to run signal handlers.
            while not self._stopping.wait(0.5):
                if period_s is not None and time.monotonic() - beat_s >= period_s and self._alive():
                    notify("WATCHDOG=1")
                    beat_s = time.monotonic()
        finally:
            notify("STOPPING=1")
            self.stop()
            for number, handler in previous.items():
                signal.signal(number, handler)
