"""How much of the traffic a capture missed: what it did not see unanswered may have been answered.

Goes in: what probes say of their captures. Comes out: by probe and observation point, the share of packets that were dropped
before anybody looked at them.
"""

from __future__ import annotations

from collections.abc import Iterable

from faultline.inference.observations_rows import SeenRow, ratio
from faultline.records.terms import ProbeId

Point = tuple[ProbeId, str]
"""A probe and what it calls the interface it captures."""


def capture_losses(rows: Iterable[SeenRow]) -> dict[Point, float]:
    """Those that missed anything."""
    found: dict[Point, float] = {}
    for row in rows:
        missed = ratio(row, "capture_loss_ratio") if row.measurement == "probe_health" else None
        if missed:
            found[ProbeId(row.tags.get("probe", "")), row.tags.get("observation_point", "")] = missed
    return found
