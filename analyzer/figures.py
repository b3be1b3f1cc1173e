"""A line's figures out of its newest rows: loss, round trip, bit rate, and how good each instrument was.

Goes in: 10 s points of one line. Comes out: numbers; what was not measured is None.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from analyzer.plots import bits_per_second, busiest_vantage
from faultline.records.points import Point
from faultline.reports.material import QualityRow


def _sum(points: Sequence[Point], name: str) -> float | None:
    values = [float(v) for p in points if isinstance(v := p.fields.get(name), (int, float))]
    return sum(values) if values else None


def _worst(points: Sequence[Point], name: str) -> float | None:
    return max((float(v) for p in points if isinstance(v := p.fields.get(name), (int, float))), default=None)


def loss_ratio(points: Sequence[Point]) -> float | None:
    """The worst of all sessions and directions."""
    sessions: dict[str, list[Point]] = {}
    for point in points:
        if point.measurement == "session":
            sessions.setdefault(point.tags.get("session", ""), []).append(point)
    ratios = []
    for group in sessions.values():
        sent = _sum(group, "sent")
        for name in ("lost_forward", "lost_reverse"):
            lost = _sum(group, name)
            if sent and lost is not None:
                ratios.append(lost / sent)
    return max(ratios, default=None)


def round_trip_ns(points: Sequence[Point]) -> int | None:
    """The longest session's median: end to end."""
    sessions: dict[str, list[float]] = {}
    for point in points:
        value = point.fields.get("rtt_p50")
        if point.measurement == "session" and isinstance(value, (int, float)):
            sessions.setdefault(point.tags.get("session", ""), []).append(float(value))
    return max((int(statistics.median(values)) for values in sessions.values()), default=None)


def rate_bps(points: Sequence[Point]) -> float | None:
    """Both directions together, at the busiest vantage, over the windows that have a row."""
    vantage = busiest_vantage(points)
    mine = [p for p in points if p.measurement == "line_traffic" and p.tags.get("vantage") == vantage]
    windows = len({p.time_ns for p in mine})
    return sum(bits_per_second(p) or 0.0 for p in mine) / windows if windows else None


def quality_row(name: str, points: Sequence[Point], expected: int) -> QualityRow:
    """The worst of an instrument's rows; `expected` is how many windows others measured."""
    clock = _worst(points, "clock_error_ns")
    suspect = _sum(points, "suspect")
    classes = [str(p.fields["clock_class"]) for p in points if "clock_class" in p.fields]
    return QualityRow(
        name=name,
        clock_class=classes[-1] if classes else None,
        clock_error_ns=int(clock) if clock is not None else None,
        capture_loss_ratio=_worst(points, "capture_loss_ratio"),
        one_sided_ratio=_worst(points, "one_sided_ratio"),
        suspect=int(suspect) if suspect is not None else None,
        missing_windows=max(0, expected - len({p.time_ns for p in points})),
    )
