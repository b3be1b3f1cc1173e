"""Which windows teach the baselines: clean ones, and only after the next step still found nothing.

Goes in: windows in order, and which lines are clean at each step. Comes out: trained baselines. A fault is often seen one step
after it began; a window therefore waits one step, and is forgotten when the step after it is not clean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from analyzer.baselines import FEWEST_WINDOWS, Baselines, Rhythm, View
from analyzer.history import Row, Window
from faultline.inference.observations_sessions import session_losses
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
UNANSWERED = ("timed_out", "unreachable")
"""Of a dial test: silence to whoever asked."""
DECLINED = ("refused", "error_answers")


def views_of(row: Row) -> list[View]:
    """The views a row's distributions belong to."""
    metrics = {
        "session": SESSION_METRICS,
        "line_quality": QUALITY_METRICS,
        "dial": ("response_time",),
        "endpoint_quality": ("application_response",),
    }.get(row.measurement, ())
    return [_view(row, metric) for metric in metrics if metric in row.histograms]


def _view(row: Row, metric: str) -> View:
    """A row's view: a session's, a dial test's, or a vantage's, of a direction or of an endpoint."""
    tags = row.tags
    name = tags.get("session") or tags.get("dial") or tags.get("vantage", "")
    return View(
        line=tags.get("line", ""),
        name=name,
        direction=tags.get("direction", ""),
        metric=metric,
        endpoint=tags.get("endpoint", ""),
    )


def ratios_of(row: Row) -> list[tuple[View, Histogram]]:
    """What usually goes wrong, as distributions: a value a trial, 1 where it failed; the mean is what is usual.

    Of TCP, segments lost on each side of a vantage; of a test session, packets lost on the way out and on the way back; of dial
    tests and connections, those that failed, by how.
    """
    counted: list[tuple[str, int, int]] = []
    if row.measurement == "line_quality":
        sides = tcp_sides(row)
        counted = [(metric, s.sent, s.lost) for metric, s in zip(LOSS_METRICS, sides or (), strict=sides is not None)]
    elif row.measurement == "session":
        counted = [(f"lost_{which}", sent, lost) for which, sent, lost in session_losses(row)]
    elif row.measurement == "dial":
        due = (row.count("scheduled") or 0) - (row.count("skipped") or 0)
        silent = sum(row.count(name) or 0 for name in UNANSWERED)
        counted = [("unanswered", due, silent), *((name, due - silent, row.count(name) or 0) for name in DECLINED)]
    elif row.measurement == "endpoint_quality":
        tried, silent = row.count("connect_attempts") or 0, row.count("connect_unanswered") or 0
        counted = [("unanswered", tried, silent), ("refused", tried - silent, row.count("connect_refused") or 0)]
    return [(_view(row, metric), _ratio(whole, bad)) for metric, whole, bad in counted if whole > 0]


def _ratio(whole: int, bad: int) -> Histogram:
    bad = min(bad, whole)
    histogram = Histogram()
    if whole > bad:
        histogram.add(0, whole - bad)
    if bad:
        histogram.add(1, bad)
    return histogram


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

    def observe(self, window: Window, *, clean: Callable[[LineCode], bool], lines: Mapping[LineCode, Rhythm]) -> int:
        """Take a step; returns how many distributions were learned from."""
        now_clean = frozenset(line for line in lines if clean(line))
        self._waiting = [(waiting, before & now_clean) for waiting, before in self._waiting]
        self._waiting.append((window, now_clean))
        trained = 0
        while len(self._waiting) > LAG_WINDOWS:
            ripe, clean_twice = self._waiting.pop(0)
            trained += self._teach(ripe, clean_twice, lines)
        return trained

    def learning_until_ns(self, line: LineCode, window: Window) -> int | None:
        """When the line's delay baselines can stand if all stays clean.

        Delays are what test sessions measure: the line waits for every one of them that measures well, for one without a
        baseline sees only the losses of a queue. A line without sessions waits for its first baseline. None when what it waits
        for stands already, or when it shows no delays at all.
        """
        rows = [row for row in window.rows if row.tags.get("line") == line]
        tested = [view for row in rows if row.measurement == "session" and is_good(row) for view in views_of(row)]
        views = tested or [view for row in rows for view in views_of(row)]
        if not views:
            return None
        of_views = [self._baselines.windows(view) for view in views]
        learned = min(of_views) if tested else max(of_views)
        if learned >= FEWEST_WINDOWS:
            return None
        return window.end_ns + (FEWEST_WINDOWS - learned + LAG_WINDOWS - 1) * (window.end_ns - window.start_ns)

    def _teach(self, window: Window, clean: frozenset[LineCode], lines: Mapping[LineCode, Rhythm]) -> int:
        trained = 0
        for row in window.rows:
            line = LineCode(row.tags.get("line", ""))
            if line not in clean or not is_good(row):
                continue
            slot = lines[line].slot(window.start_ns)
            for view in views_of(row):
                self._baselines.train(view, row.histograms[view.metric], slot, at_ns=window.start_ns)
                trained += 1
            for view, ratio in ratios_of(row):
                self._baselines.train(view, ratio, slot, at_ns=window.start_ns)
        return trained
