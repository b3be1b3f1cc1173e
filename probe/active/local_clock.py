"""This host's clock as test packets state it: error estimate and class, read again every few seconds."""

from __future__ import annotations

from collections.abc import Callable

from probe.active.ntp import to_error_estimate
from probe.clock_quality import ClockQuality, clock_quality


class LocalClock:
    """What is said of the clock that T1 to T4 of this host are read from."""

    def __init__(self, read: Callable[[], ClockQuality] = clock_quality) -> None:
        self._read = read
        self.refresh()

    def refresh(self) -> None:
        """Ask the kernel again; a kernel that does not say counts as not synchronised."""
        try:
            self.quality = self._read()
        except OSError:
            self.quality = ClockQuality(clock_class="none", error_ns=None)
        self.synchronised = self.quality.clock_class != "none"
        self.error_estimate = to_error_estimate(self.quality.error_ns, synchronised=self.synchronised)
