"""The edges' clock. Cores never read one: they get `now_ns`."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Wall and monotonic time; durations come from the monotonic one only."""

    def wall_ns(self) -> int:
        """Unix nanoseconds UTC."""

    def monotonic_ns(self) -> int:
        """Nanoseconds since an arbitrary moment; never steps."""


class SystemClock:
    """The host's clocks."""

    def wall_ns(self) -> int:
        """Unix nanoseconds UTC."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """CLOCK_MONOTONIC."""
        return time.monotonic_ns()


class VirtualClock:
    """A clock that a test or the simulator moves by hand."""

    def __init__(self, wall_ns: int, monotonic_ns: int = 0) -> None:
        # One value for both, so that a reader in another thread never sees one clock moved and the other not.
        self._now = (wall_ns, monotonic_ns)

    def wall_ns(self) -> int:
        """The virtual wall time."""
        return self._now[0]

    def monotonic_ns(self) -> int:
        """The virtual monotonic time."""
        return self._now[1]

    def advance(self, duration_ns: int) -> None:
        """Let time pass on both clocks."""
        wall_ns, monotonic_ns = self._now
        self._now = (wall_ns + duration_ns, monotonic_ns + duration_ns)

    def step(self, offset_ns: int) -> None:
        """Step the wall clock alone, as a bad time server does."""
        wall_ns, monotonic_ns = self._now
        self._now = (wall_ns + offset_ns, monotonic_ns)
