"""Small plots beside each other: every test session's loss and delay, both directions, on one look.

Goes in: `SessionView` records. Comes out: markup. The newest figures stand beside each plot in words: the plot shows the course.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from faultline.reports.markup import Markup, tag
from faultline.reports.material import Plot, Series, SessionView
from faultline.reports.plot import gaps_of, nice_ticks, runs, value_label
from faultline.reports.sentences import Speaker

WIDTH, HEIGHT = 250, 46
RECENT = 3
"""Newest windows whose median stands in words."""


def session_minis(speaker: Speaker, sessions: Sequence[SessionView], *, onset_ns: int | None = None) -> Markup:
    """A card a session."""
    if not sessions:
        return tag("p", speaker.word("page.no_points"), class_="empty")
    cards = [
        tag(
            "li",
            tag("h3", view.name),
            tag("p", speaker.word("path.between", first=view.first, last=view.last), class_="soft"),
            _mini(speaker, view.loss, speaker.word("report.session.loss"), onset_ns),
            _mini(speaker, view.delay, speaker.word("report.session.delay"), onset_ns),
            data_session=view.name,
        )
        for view in sessions
    ]
    note = tag("p", speaker.word("report.sessions.note"), class_="soft")
    return tag("div", note, tag("ul", cards, class_="minis"))


def _mini(speaker: Speaker, plot: Plot, what: str, onset_ns: int | None) -> Markup:
    newest = [f"{series.label} {_newest(series, plot.unit) or speaker.word('gap')}" for series in plot.series]
    said = f"{what}: {', '.join(newest)}"
    return tag("figure", tag("figcaption", said), _svg(plot, said, onset_ns))


def _newest(series: Series, unit: str) -> str | None:
    """The median of the newest windows that have a value."""
    values = [value for _, value in series.points[-RECENT:] if value is not None]
    return value_label(statistics.median(values), unit) if values else None


def _svg(plot: Plot, label: str, onset_ns: int | None) -> Markup:
    top = nice_ticks(max((v for series in plot.series for _, v in series.points if v is not None), default=0.0))[-1]
    length = max(1, plot.end_ns - plot.start_ns)

    def x(time_ns: float) -> float:
        return WIDTH * (time_ns - plot.start_ns) / length

    def y(value: float) -> float:
        return HEIGHT - 2 - (HEIGHT - 4) * value / top

    gaps = [tag("rect", x=x(start), y=0, width=x(end) - x(start), height=HEIGHT, class_="gap") for start, end in gaps_of(plot)]
    lines = [
        tag("path", d=_path([(x(t + plot.step_ns / 2), y(v)) for t, v in run]), class_=f"line s{number}")
        for number, series in enumerate(plot.series)
        for run in runs(series, plot.step_ns)
    ]
    onset = None
    if onset_ns is not None and plot.start_ns <= onset_ns <= plot.end_ns:
        onset = tag("line", x1=x(onset_ns), x2=x(onset_ns), y1=0, y2=HEIGHT, class_="onset")
    base = tag("line", x1=0, x2=WIDTH, y1=HEIGHT - 1, y2=HEIGHT - 1, class_="grid")
    return tag(
        "svg",
        gaps,
        base,
        lines,
        onset,
        class_="plot mini",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=f"{plot.title}, {label}",
    )


def _path(points: Sequence[tuple[float, float]]) -> str:
    """A line; a lone point is a dash as long as its window is seen."""
    if len(points) == 1:
        ((x, y),) = points
        return f"M{x - 1:.1f} {y:.1f}h2"
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
