"""How late a probe's own host made it: what it timed itself is not to be taken more exactly than that.

Goes in: what probes say of their hosts. Comes out: for each probe that was starved, microseconds by which its times may be too
long. An event loop that waited for the processor reads an answer late and calls the resolver slow. Captures are stamped by the
kernel, which waits much less. On a host with a processor to spare nothing of this is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from faultline.inference.observations_rows import US_NS, SeenRow, count
from faultline.records.terms import ProbeId

STARVED_NS = 20_000_000
"""Waits up to this are any busy host's, and in the baselines."""
KERNEL_SHARE = 0.1
"""Of what a program waits, the kernel's stamps are late by about so much."""
LOST_US = 500_000.0
"""From here on an attempt may have been given up although its answer had come."""
GIVEN_UP = 0.5
"""Weight such attempts lose."""


def lateness_us(rows: Iterable[SeenRow]) -> dict[ProbeId, float]:
    """The longest wait of each starved probe."""
    found: dict[ProbeId, float] = {}
    for row in rows:
        lag_ns = count(row, "loop_lag_ns") if row.measurement == "probe_health" else None
        if lag_ns is not None and lag_ns >= STARVED_NS:
            probe = ProbeId(row.tags.get("probe", ""))
            found[probe] = max(found.get(probe, 0.0), round(lag_ns / US_NS, 3))
    return found


def of_times(late_us: float | None) -> Mapping[str, float | None]:
    """Quality of what the probe timed itself."""
    return {"late_us": late_us}


def of_stamps(late_us: float | None) -> Mapping[str, float | None]:
    """Quality of what the kernel stamped for it."""
    return {"late_us": None if late_us is None else round(late_us * KERNEL_SHARE, 3)}


def of_attempts(late_us: float | None) -> Mapping[str, float | None]:
    """Quality of attempts that it made."""
    return {"suspect_ratio": GIVEN_UP if late_us is not None and late_us >= LOST_US else None}
