"""Which windows teach the baselines: clean ones, and only after the next step still found nothing.

Goes in: windows in order, and which lines are clean at each step. Comes out: trained baselines. A fault is often seen one step
after it began; a window therefore waits one step, and is forgotten when the step after it is not clean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import tzinfo

from analyzer.baselines import FEWEST_WINDOWS, Baselines, View, slot_of
from analyzer.history import Row, Window
from faultline.inference.observations_tcp import tcp_sides
from faultline.records.histogram import Histogram
from faultline.records.terms import LineCode

LAG_WINDOWS = 1
MOST_CAPTURE_LOSS = 0.01
MOST_SUSPECT = 0.05
"""Share of a session's packets sent or received while the probe was starved."""
SESSION_METRICS = ("forward_delay", "reverse_delay", "rtt")
QUALITY_METRICS = ("data_rtt", "application_response")
LOSS_METRICS = ("loss_upstream", "loss_downstream")


def views_of(row: Row) -> list[View]:
    """The views a row's distributions belong to."""
    if row.measurement == "session":
        line, name = row.tags["line"], row.tags["session"]
        return [View(line=line, name=name, direction="", metric=metric) for metric in SESSION_METRICS if metric in row.histograms]
    if row.measurement == "line_quality":
        line, name, direction = row.tags["line"], row.tags["vantage"], row.tags["direction"]
        return [View(line=line, name=name, direction=direction, metric=m) for m in QUALITY_METRICS if m in row.histograms]
    return []


def losses_of(row: Row) -> list[tuple[View, Histogram]]:
    """TCP loss on each side of a vantage as a distribution: a value a segment, 1 when it was lost; the mean is what is usual."""
    if row.measurement != "line_quality":
        return []
    line, name, direction = row.tags["line"], row.tags["vantage"], row.tags["direction"]
    sides = tcp_sides(row)
    found = []
    for metric, side in zip(LOSS_METRICS, sides or (), strict=sides is not None):
        histogram = Histogram()
        histogram.add(0, side.sent - side.lost)
        if side.lost:
            histogram.add(1, side.lost)
        found.append((View(line=line, name=name, direction=direction, metric=metric), histogram))
    return found


def is_good(row: Row) -> bool:
    """Whether the instruments were good enough to learn from."""
    capture = row.number("capture_loss_ratio")
    sent, suspect = row.count("sent"), row.count("suspect")
    if capture is not None and capture > MOST_CAPTURE_LOSS:
        return False
    return not (sent and suspect and suspect > MOST_SUSPECT * sent)


class Trainer:
    """Holds windows back for a step, then teaches."""

    def __init__(self, baselines: Baselines) -> None:
        self._baselines = baselines
        self._waiting: list[tuple[Window, frozenset[LineCode]]] = []

    def observe(self, window: Window, *, clean: Callable[[LineCode], bool], zones: Mapping[LineCode, tzinfo]) -> int:
        """Take a step; returns how many distributions were learned from."""
        now_clean = frozenset(line for line in zones if clean(line))
        self._waiting = [(waiting, lines & now_clean) for waiting, lines in self._waiting]
        self._waiting.append((window, now_clean))
        trained = 0
        while len(self._waiting) > LAG_WINDOWS:
            ripe, lines = self._waiting.pop(0)
            trained += self._teach(ripe, lines, zones)
        return trained

    def learning_until_ns(self, line: LineCode, window: Window) -> int | None:
        """When the line's first delay baseline can stand if all stays clean.

        None when one stands already, or when the line shows no delays at all.
        """
        views = [view for row in window.rows if row.tags.get("line") == line for view in views_of(row)]
        if not views:
            return None
        learned = max(self._baselines.windows(view) for view in views)
        if learned >= FEWEST_WINDOWS:
            return None
        return window.end_ns + (FEWEST_WINDOWS - learned + LAG_WINDOWS - 1) * (window.end_ns - window.start_ns)

    def _teach(self, window: Window, lines: frozenset[LineCode], zones: Mapping[LineCode, tzinfo]) -> int:
        trained = 0
        for row in window.rows:
            line = LineCode(row.tags.get("line", ""))
            if line not in lines or not is_good(row):
                continue
            slot = slot_of(window.start_ns, zones[line])
            for view in views_of(row):
                self._baselines.train(view, row.histograms[view.metric], slot)
                trained += 1
            for view, losses in losses_of(row):
                self._baselines.train(view, losses, slot)
        return trained
