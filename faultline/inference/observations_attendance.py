"""Which probes fell silent, told only when it is sure.

Goes in: windows in order, each with the probes that reported their health in it. Comes out: for a span, the probes that are
silent now, with the windows they missed. Sure means: the probe had been reporting steadily, it missed the newest windows, and
another probe was heard meanwhile, so that it is not the collector that heard nobody. What a silence means is not said here: it is
the probe, its site or its way to the collector, and blames nobody by itself.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from faultline.records.terms import SECOND_NS, ProbeId

STEADY_WINDOWS = 3
"""Reports before a silence means something: a probe that is being set up comes and goes."""
FEWEST_MISSED = 1
"""A window is final only after its probes had time to report: one that was not heard in it is silent."""
FORGET_NS = 86_400 * SECOND_NS
"""A probe silent for a day was taken away; that is for the operator's list, not for a verdict."""


@attrs.define(slots=True)
class _Probe:
    heard: int = 0
    """Windows it reported in since it was first heard, up to `STEADY_WINDOWS`."""
    last_end_ns: int = 0
    missed: list[int] = attrs.field(factory=list)
    """Ends of the windows missed since, in which somebody else was heard."""


class Attendance:
    """Who reported when."""

    def __init__(self) -> None:
        self._probes: dict[ProbeId, _Probe] = {}
        self._until_ns = 0

    def observe(self, end_ns: int, heard: Iterable[ProbeId]) -> None:
        """Take a window in. A window at or before the newest one is a revision: it only tells that somebody was there."""
        present = frozenset(heard)
        for probe in present:
            known = self._probes.setdefault(probe, _Probe())
            known.heard = min(STEADY_WINDOWS, known.heard + 1)
            known.last_end_ns = max(known.last_end_ns, end_ns)
            known.missed = [missed for missed in known.missed if missed > known.last_end_ns]
        if end_ns <= self._until_ns:
            return
        self._until_ns = end_ns
        if not present:
            return
        for probe, known in list(self._probes.items()):
            if end_ns - known.last_end_ns > FORGET_NS:
                del self._probes[probe]
            elif probe not in present:
                known.missed.append(end_ns)

    def silent(self, start_ns: int, end_ns: int) -> dict[ProbeId, tuple[int, int]]:
        """Probes silent at the end of a span: windows missed in it, and windows in it that others reported in since."""
        found: dict[ProbeId, tuple[int, int]] = {}
        for probe, known in self._probes.items():
            inside = [missed for missed in known.missed if start_ns < missed <= end_ns]
            if known.heard >= STEADY_WINDOWS and len(known.missed) >= FEWEST_MISSED and inside:
                found[probe] = (len(inside), len(inside))
        return found
