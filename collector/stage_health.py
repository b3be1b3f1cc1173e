"""The collector's own counters as rows of `collector_health`: what moved through each stage in each window of 10 s."""

from __future__ import annotations

from collector.rollup.adding import Sums
from collector.rollup.open_windows import LENGTH_NS
from faultline.records.terms import CARRIER
from faultline.runtime.counters import Counters, StageSnapshot

_KEPT = 30
"""Windows whose counters are remembered until they are final."""


class StageHealth:
    """Differences of the counters between the ends of windows."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._before: dict[str, StageSnapshot] = {}
        self._window_ns: int | None = None
        self._ready: dict[int, Sums] = {}

    def observe(self, now_ns: int) -> None:
        """Called often; at the first call after a window's end its difference is taken."""
        start_ns = now_ns - now_ns % LENGTH_NS
        if self._window_ns is None:
            self._window_ns = start_ns
        if start_ns <= self._window_ns:
            return
        # After a pause of several windows the difference belongs to the first of them.
        self._ready[self._window_ns] = self._difference()
        self._window_ns = start_ns
        while len(self._ready) > _KEPT:
            del self._ready[min(self._ready)]

    def take(self, start_ns: int) -> Sums:
        """The rows of a window, once."""
        return self._ready.pop(start_ns, Sums())

    def _difference(self) -> Sums:
        found = Sums()
        for shot in self._counters.snapshots():
            before = self._before.get(shot.name, StageSnapshot(name=shot.name, taken_in=0, out=0, dropped={}, held=0))
            fields = {
                "in": shot.taken_in - before.taken_in,
                "out": shot.out - before.out,
                "dropped": sum(shot.dropped.values()) - sum(before.dropped.values()),
                "held": shot.held,
            }
            found.add("collector_health", CARRIER, {"stage": shot.name}, fields)
            self._before[shot.name] = shot
        return found
