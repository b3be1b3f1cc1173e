"""Flows that last longer than a window, spread over the windows they touch. Pure, by columns.

An exporter tells of a flow when it ends or at its active timeout, so all that is known is that its octets came between its first
and its last packet. Booked where it ends, a minute would carry more than the line can; spread evenly, the error is within a flow.
Counts are whole numbers and nothing is lost by rounding: the parts of a flow add up to the flow.
"""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@attrs.frozen(slots=True, kw_only=True)
class Spread:
    """The parts of flows."""

    row: Ints
    """Of each part the number of its flow."""
    window: Ints
    """Start of each part's window."""
    _before: NDArray[np.float64]
    _after: NDArray[np.float64]

    def share(self, counts: Ints) -> Ints:
        """What each part has of a count of the flows."""
        whole = counts[self.row]
        # The parts are differences of one rising function that ends at the whole: they cannot add up to anything else.
        upto = np.where(self._after >= 1.0, whole, np.floor(whole * self._after).astype(np.int64))
        since = np.where(self._before >= 1.0, whole, np.floor(whole * self._before).astype(np.int64))
        return np.asarray(upto - since, dtype=np.int64)

    @property
    def ends(self) -> NDArray[np.bool_]:
        """Whether a part is the last of its flow: where the flow itself is counted."""
        return np.asarray(self._after >= 1.0)


def spread(start_ns: Ints, end_ns: Ints, *, window_ns: int, longest_ns: int) -> Spread:
    """Cut flows at the borders of windows.

    Args:
        start_ns: first packet of each flow.
        end_ns: last packet, not before the first.
        window_ns: length of the windows.
        longest_ns: of a flow that claims to have lasted longer, only so much before its end is believed.
    """
    start_ns = np.maximum(start_ns, end_ns - longest_ns)
    # What ends at a border was all before it.
    first = start_ns // window_ns
    last = np.maximum(first, (end_ns - 1) // window_ns)
    parts = last - first + 1
    row = np.repeat(np.arange(len(parts)), parts)
    number = np.arange(len(row)) - np.repeat(np.cumsum(parts) - parts, parts)
    window = (first[row] + number) * window_ns
    lasted = np.maximum(end_ns - start_ns, 1).astype(np.float64)[row]
    before = np.clip((window - start_ns[row]) / lasted, 0.0, 1.0)
    after = np.clip((window + window_ns - start_ns[row]) / lasted, 0.0, 1.0)
    is_last = number == parts[row] - 1
    return Spread(
        row=row,
        window=window,
        before=np.where(number == 0, 0.0, np.minimum(before, 1.0 - 1e-12)),
        after=np.where(is_last, 1.0, np.minimum(after, 1.0 - 1e-12)),
    )
