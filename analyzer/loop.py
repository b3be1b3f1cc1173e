"""The analyzer's thread: steps until stopped, in real time. All that is decided is decided in `analyzer.runner`."""

from __future__ import annotations

import threading
from collections.abc import Callable

from analyzer.runner import Analyzer
from faultline.records.terms import SECOND_NS
from faultline.runtime.clock import Clock
from faultline.runtime.counters import Counters
from faultline.runtime.log import logger

WINDOWS_A_TURN = 30
"""After a stop the backlog is answered in turns of this many windows, so that the service can be stopped and watched."""
STUCK_NS = 120 * SECOND_NS


class Loop:
    """Calls `step` until stopped; a component.

    An error of a step is logged, counted and retried, and shows in /healthz until a step succeeds.

    Args:
        analyzer: whose steps.
        clock: real time.
        poll_s: how long to rest when nothing waits.
        counters: of the service.
        before: called before each step, in the same thread.
    """

    def __init__(
        self,
        analyzer: Analyzer,
        *,
        clock: Clock,
        poll_s: float,
        counters: Counters,
        before: Callable[[], None] = lambda: None,
    ) -> None:
        self._analyzer = analyzer
        self._clock = clock
        self._poll_s = poll_s
        self._counters = counters
        self._before = before
        self._log = logger("analyzer")
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._problem: str | None = None
        self._turned_ns = clock.monotonic_ns()

    def alive(self) -> bool:
        """Whether it turned lately; what the watchdog asks."""
        return self._clock.monotonic_ns() - self._turned_ns < STUCK_NS

    @property
    def problems(self) -> list[str]:
        """Why the analyzer cannot work; empty when it can."""
        found = [self._problem] if self._problem else []
        return found if self.alive() else [*found, "no step ended for two minutes"]

    def start(self) -> None:
        """Begin."""
        self._turned_ns = self._clock.monotonic_ns()
        self._thread = threading.Thread(target=self._run, name="analyzer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the step under way and keep what was learned."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(30)
            self._thread = None
            self._analyzer.keep()

    def _run(self) -> None:
        while not self._stopping.is_set():
            more = False
            try:
                self._before()
                more = self._analyzer.step(self._clock.wall_ns(), limit=WINDOWS_A_TURN).more
                self._problem = None
            except Exception as error:  # noqa: BLE001 - the next window may be answerable; the problem is shown until one is
                self._counters.count("step_errors")
                if self._problem is None:
                    self._log.error("step failed", exc_info=True)
                self._problem = f"a step fails: {type(error).__name__}: {error}"
            self._turned_ns = self._clock.monotonic_ns()
            if not more:
                self._stopping.wait(self._poll_s)
