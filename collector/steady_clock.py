"""Wall time that never goes back: windows that are final stay in the past, whatever is done to the host's clock."""

from __future__ import annotations

import threading

from faultline.records.terms import SECOND_NS
from faultline.runtime.clock import Clock

TOLERATED_NS = 2 * SECOND_NS


class SteadyClock:
    """A host's clocks; when the wall clock is set back, time goes on by the monotonic one until it has caught up, or a restart.

    A probe's clock is judged by ours: were ours to jump back, every probe's batches would be filed into the past.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._wall_ns = clock.wall_ns()
        self._monotonic_ns = clock.monotonic_ns()
        self.problem: str | None = None
        """Why our time is not the host's; None while it is."""

    def wall_ns(self) -> int:
        """Unix nanoseconds UTC, never less than at the call before."""
        with self._lock:
            monotonic_ns = self._clock.monotonic_ns()
            steady_ns = self._wall_ns + max(0, monotonic_ns - self._monotonic_ns)
            wall_ns = self._clock.wall_ns()
            if wall_ns >= steady_ns - TOLERATED_NS:
                self.problem = None
                wall_ns = max(wall_ns, self._wall_ns)
            else:
                self.problem = (
                    f"the clock was set back by {(steady_ns - wall_ns) / SECOND_NS:.0f} s: restart to take the new time"
                )
                wall_ns = steady_ns
            self._wall_ns, self._monotonic_ns = wall_ns, monotonic_ns
            return wall_ns

    def monotonic_ns(self) -> int:
        """As the host's."""
        return self._clock.monotonic_ns()
