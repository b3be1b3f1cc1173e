"""Since when, and is it still so: the stretch of single windows in which an entry's own witnesses speak for it.

Goes in: an entry, the observations its evidence numbers refer to, and the evidence of each single window, oldest first. Comes
out: the stretch with the largest summed evidence (maximum subarray, Bentley 1984; the maximum-likelihood interval of a step that
came and went), over a grid of severities, because a long span dilutes the severity of a short fault. Resolution: one window.

An entry is over when the windows after its stretch speak against even half its severity by more than `GONE_NATS`. Half, because
the stretch was chosen for being the worst one and overstates a rate that is in truth steady.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from analyzer.support import identity, speaks, supporters

GONE_NATS = 3.0
"""Twenty to one."""
SCALES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Of the entry's severity: ten minutes may hold a fault of ten seconds."""


@attrs.frozen(slots=True, kw_only=True)
class WindowEvidence:
    """Observations of one window alone."""

    start_ns: int
    end_ns: int
    observations: Sequence[Mapping[str, Any]]


@attrs.frozen(slots=True, kw_only=True)
class Stretch:
    """When an entry was so."""

    start_ns: int
    end_ns: int
    nats: float
    over: bool
    """The windows after it contradict it."""


def stretch_of(
    entry: Mapping[str, Any],
    observations: Sequence[Mapping[str, Any]],
    windows: Sequence[WindowEvidence],
) -> Stretch | None:
    """The entry's stretch; None when no single window speaks for it, e.g. because its kind of evidence cannot be dated."""
    who = supporters(entry, observations)
    seen = [[o for o in window.observations if identity(o) in who] for window in windows]
    best: tuple[float, float, int, int] | None = None
    for scale in SCALES:
        nats, first, last = _best_run([math.fsum(speaks(entry, o, scale) for o in group) for group in seen])
        if nats > 0 and (best is None or nats > best[0]):
            best = (nats, scale, first, last)
    if best is None:
        return None
    nats, scale, first, last = best
    after = math.fsum(speaks(entry, o, scale / 2) for group in seen[last + 1 :] for o in group)
    return Stretch(start_ns=windows[first].start_ns, end_ns=windows[last].end_ns, nats=nats, over=after < -GONE_NATS)


def _best_run(values: Sequence[float]) -> tuple[float, int, int]:
    """Largest sum of neighbours, and its first and last index; (0, 0, -1) when nothing is above 0."""
    best, best_first, best_last = 0.0, 0, -1
    total, first = 0.0, 0
    for number, value in enumerate(values):
        if total <= 0:
            total, first = 0.0, number
        total += value
        if total > best:
            best, best_first, best_last = total, first, number
    return best, best_first, best_last
