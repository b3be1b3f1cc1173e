"""What was measured in a time, summed up: which vantages saw packets, which tests came back, which probes spoke.

Goes in: final windows. Comes out: counts. Knows nothing of what is declared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import attrs

from faultline.records.terms import DialId, Level, LineCode, ProbeId, SessionId, TraceId, VantageId
from faultline.store.windows import WindowBook

Point = tuple[ProbeId, str]
"""A probe and what it calls the interface it captures."""


@attrs.frozen(slots=True, kw_only=True)
class Seen:
    """Counts over a time."""

    start_ns: int
    end_ns: int
    packets: Mapping[tuple[VantageId, LineCode | None], int]
    """By vantage and line; None: traffic of no line."""
    captured: Mapping[Point, int]
    """Packets that came out of each capture, of whatever kind."""
    probes: frozenset[ProbeId]
    """Those that reported."""
    sessions: Mapping[SessionId, int]
    """Test packets that came back."""
    dials: Mapping[DialId, int]
    """Attempts that were made."""
    traces: Mapping[TraceId, int]
    """Flows that were traced."""

    @classmethod
    def read(cls, book: WindowBook, *, start_ns: int, end_ns: int) -> Self:
        """What final windows that begin in [start_ns, end_ns) hold."""

        def totals(measurement: str, field: str) -> list[tuple[Mapping[str, str], int]]:
            found = book.totals(measurement, field, level=Level.TEN_SECONDS, start_ns=start_ns, end_ns=end_ns)
            return [(tags, total) for _, tags, total in found]

        packets: dict[tuple[VantageId, LineCode | None], int] = {}
        for tags, total in totals("line_traffic", "packets"):
            line = LineCode(tags["line"]) if "line" in tags else None
            place = (VantageId(tags.get("vantage", "")), line)
            packets[place] = packets.get(place, 0) + total
        health = totals("probe_health", "capture_received")
        return cls(
            start_ns=start_ns,
            end_ns=end_ns,
            packets=packets,
            captured={(ProbeId(tags["probe"]), tags.get("observation_point", "")): total for tags, total in health},
            probes=frozenset(ProbeId(tags["probe"]) for tags, _ in health),
            sessions={SessionId(tags["session"]): total for tags, total in totals("session", "received")},
            dials={DialId(tags["dial"]): total for tags, total in totals("dial", "done")},
            traces={TraceId(tags["trace"]): total for tags, total in totals("path", "flows")},
        )
