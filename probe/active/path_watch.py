"""Whether a session's path seems to be another one than before: intervals go in, a yes or no comes out. Pure.

Two signs that cost nothing: the reflector is at another distance (the time to live with which packets reach it, RFC 8762), or the
shortest round trip of the interval made a step. Neither proves a change, and a change may show neither: it is a reason to trace
again at once, and no more.
"""

from __future__ import annotations

from probe.active.result import SessionInterval

_STEP_NS = 500_000
_STEP_RATIO = 0.2
"""Both at once: queues and busy hosts move the shortest round trip of an interval by less (a hundred packets each)."""
_FEWEST_PACKETS = 5


class PathWatch:
    """Remembers the last interval of each session that had answers."""

    def __init__(self) -> None:
        self._distance: dict[str, int] = {}
        self._rtt_ns: dict[str, int] = {}

    def changed(self, interval: SessionInterval) -> bool:
        """Take a session's next interval; True when it differs from the one before."""
        if interval.received < _FEWEST_PACKETS:
            return False
        name, changed = interval.session, False
        if interval.distance is not None:
            changed = self._distance.get(name, interval.distance) != interval.distance
            self._distance[name] = interval.distance
        rtt_ns = interval.rtt.min
        if rtt_ns is not None:
            before_ns = self._rtt_ns.get(name, rtt_ns)
            changed |= abs(rtt_ns - before_ns) > max(_STEP_NS, _STEP_RATIO * before_ns)
            self._rtt_ns[name] = rtt_ns
        return changed
