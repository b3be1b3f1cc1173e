"""Since when: the change point of an entry's own witnesses.

Goes in: an entry and the evidence of each single window, oldest first. Comes out: the start of the window from which on the
summed evidence for the entry is largest (the maximum-likelihood change point of a step that lasts until now; Page 1954).
Resolution: one window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from analyzer.support import net_nats, supporters


@attrs.frozen(slots=True, kw_only=True)
class WindowEvidence:
    """Observations of one window alone."""

    start_ns: int
    end_ns: int
    observations: Sequence[Mapping[str, Any]]


def onset_ns(
    entry: Mapping[str, Any],
    observations: Sequence[Mapping[str, Any]],
    windows: Sequence[WindowEvidence],
) -> int | None:
    """Start of the first window of the fault; None when no window is given.

    `observations` are those the entry's evidence numbers refer to.
    """
    if not windows:
        return None
    who = supporters(entry, observations)
    best, best_sum, total = windows[-1], float("-inf"), 0.0
    for window in reversed(windows):
        total += net_nats(entry, window.observations, who)
        if total > best_sum:
            best, best_sum = window, total
    return best.start_ns
