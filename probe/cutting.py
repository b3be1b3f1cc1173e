"""When intervals end, and what the probe says of itself in each. Pure: times in, decisions and rows out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from faultline.records.terms import SECOND_NS

HOST_POINT = "host"
"""Observation point of what the probe says about the whole host: spool, loop, clock."""


def interval_containing(now_ns: int, length_ns: int) -> tuple[int, int]:
    """Start and end of the UTC-aligned interval that holds `now_ns`."""
    start_ns = now_ns - now_ns % length_ns
    return start_ns, start_ns + length_ns


@attrs.frozen(slots=True, kw_only=True)
class ClockReading:
    """Both clocks, read together."""

    wall_ns: int
    monotonic_ns: int

    def step_since(self, earlier: ClockReading) -> int:
        """How far the wall clock moved against the monotonic one, in ns; slewing moves it by less than 5 ms in 10 s."""
        return (self.wall_ns - earlier.wall_ns) - (self.monotonic_ns - earlier.monotonic_ns)


def health_rows(
    quality: Sequence[Mapping[str, Any]],
    host: Mapping[str, Any],
    *,
    start_ns: int,
    end_ns: int,
) -> list[dict[str, Any]]:
    """Rows of `probe_health`: one an observation point as the capture counted it, one for the host.

    Args:
        quality: per observation point, the fields that the capture knows.
        host: spool_octets, loop_lag_ns, clock_step_ns, clock_class, clock_error_ns; what is unknown is missing or None.
        start_ns: start of the interval.
        end_ns: its end.
    """
    span = {"interval_start_ns": start_ns, "interval_end_ns": end_ns}
    rows: list[dict[str, Any]] = [{**span, **point} for point in quality]
    rows.append({"observation_point": HOST_POINT, **span, **host})
    return rows


def divides_a_window(interval_s: int) -> bool:
    """Whether windows of 10 s are whole numbers of intervals: 1, 2, 5 or 10 s."""
    return 0 < interval_s <= 10 and (10 * SECOND_NS) % (interval_s * SECOND_NS) == 0  # noqa: PLR2004 - the window of model.md
