"""Flows spread over windows: nothing is lost by rounding, and no window gets more than its share."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from collector.rollup.spreading import spread
from faultline.records.terms import SECOND_NS

WINDOW_NS = 60 * SECOND_NS
LONGEST_NS = 6 * 3600 * SECOND_NS
FLOWS = st.lists(
    st.tuples(st.integers(0, 1 << 60), st.integers(0, 5 * 3600 * SECOND_NS), st.integers(0, 1 << 50)), min_size=1, max_size=20
)


@given(FLOWS)
def test_parts_add_up_to_their_flow(flows: list[tuple[int, int, int]]) -> None:
    """Every octet of a flow is in one window, between its first and its last packet; the flow itself is counted once."""
    start = np.array([flow[0] for flow in flows], np.int64)
    end = start + np.array([flow[1] for flow in flows], np.int64)
    octets = np.array([flow[2] for flow in flows], np.int64)
    parts = spread(start, end, window_ns=WINDOW_NS, longest_ns=LONGEST_NS)
    shares = parts.share(octets)
    assert (shares >= 0).all()
    assert np.bincount(parts.row, weights=shares.astype(np.float64), minlength=len(flows)).tolist() == octets.tolist()
    assert np.bincount(parts.row, weights=parts.ends, minlength=len(flows)).tolist() == [1.0] * len(flows)
    assert (parts.window + WINDOW_NS > start[parts.row]).all()
    assert (parts.window <= end[parts.row]).all()


def test_a_long_flow_is_even_over_its_minutes() -> None:
    """Ten minutes of a steady flow: a tenth in each."""
    parts = spread(np.array([0]), np.array([10 * WINDOW_NS]), window_ns=WINDOW_NS, longest_ns=LONGEST_NS)
    assert parts.share(np.array([1000])).tolist() == [100] * 10


def test_what_no_flow_can_last_is_not_believed() -> None:
    """A flow of three weeks is a broken clock: of it the last hours are believed, and all its octets are in them."""
    parts = spread(np.array([0]), np.array([3 * 7 * 86_400 * SECOND_NS]), window_ns=WINDOW_NS, longest_ns=LONGEST_NS)
    assert len(parts.row) == LONGEST_NS // WINDOW_NS
    assert parts.share(np.array([7_000_001])).sum() == 7_000_001
