"""When a standing test has its turn: each test its own phase, so that not all of them go at once."""

from __future__ import annotations

from appliance.simnet import noise
from faultline.records.terms import SECOND_NS


def due(name: str, interval_s: float, start_ns: int, end_ns: int) -> list[int]:
    """Moments in [start, end) at which it goes."""
    every_ns = max(1, int(interval_s * SECOND_NS))
    first_ns = start_ns + (noise.hashed(name) * 1_000_003 % every_ns - start_ns) % every_ns
    return list(range(first_ns, end_ns, every_ns))
