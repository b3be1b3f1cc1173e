"""Time series as inline SVG. Gaps in the data are gaps in the line, and marked as such; colour is never the only difference."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import tzinfo

import attrs

from faultline.reports.markup import Markup, tag
from faultline.reports.material import Plot, Series
from faultline.reports.numbers import clock_time, rate, ratio, three_digits

WIDTH, HEIGHT = 560, 190
"""With one row of legend; each further row adds `LEGEND_ROW`."""
LEFT, RIGHT, TOP, BOTTOM = 62, 10, 26, 24
HEADROOM = 1.03
LEGEND_ROW = 15
LETTER = 6.1
"""Width of a letter of the legend, as wide as fonts commonly make it."""
NOTHING_LOST = 0.01
"""Top of a loss plot without loss: the scale of what would be a fault."""
_MS, _RATIO = "ms", "ratio"


@attrs.frozen(slots=True, kw_only=True)
class _Frame:
    """The plotted area's scales."""

    start_ns: int
    end_ns: int
    top: float
    shift: float
    """Down, by what the legend needs."""

    @property
    def upper(self) -> float:
        """Upper edge of the plotted area."""
        return TOP + self.shift

    @property
    def lower(self) -> float:
        """Lower edge."""
        return HEIGHT + self.shift - BOTTOM

    def x(self, time_ns: float) -> float:
        share = (time_ns - self.start_ns) / max(1, self.end_ns - self.start_ns)
        return LEFT + (WIDTH - LEFT - RIGHT) * share

    def y(self, value: float) -> float:
        return self.lower - (self.lower - self.upper) * (value / self.top if self.top else 0)


def plot_svg(plot: Plot, *, gap_word: str, tz: tzinfo, onset: tuple[int, str] | None = None) -> Markup:
    """The plot as an `<svg>`.

    `gap_word` is written over spans in which no series has a value; `tz` is for the time axis; `onset` is a moment to mark
    and its word.
    """
    values = [value for series in plot.series for _, value in series.points if value is not None]
    ticks = nice_ticks(max(values, default=0.0), unit=plot.unit)
    places = legend_places([series.label for series in plot.series])
    shift = max((y for _, y in places), default=0.0)
    frame = _Frame(start_ns=plot.start_ns, end_ns=plot.end_ns, top=ticks[-1], shift=shift)
    gaps = list(gaps_of(plot))
    return tag(
        "svg",
        tag("title", plot.title),
        _gap_marks(gaps, frame, gap_word),
        _value_axis(ticks, frame, plot.unit),
        _time_axis(frame, tz),
        [_line(series, plot.step_ns, frame, number) for number, series in enumerate(plot.series)],
        _onset(onset, frame),
        [_legend(series.label, number, *places[number]) for number, series in enumerate(plot.series)],
        class_="plot",
        viewBox=f"0 0 {WIDTH} {HEIGHT + shift:g}",
        role="img",
        aria_label=plot.title,
        data_plot=plot.title,
        data_gaps=len(gaps),
    )


def gaps_of(plot: Plot) -> Iterator[tuple[int, int]]:
    """Spans (start, end) of the plot in which no series has a value."""
    have = sorted({time for series in plot.series for time, value in series.points if value is not None})
    at = plot.start_ns
    for time in have:
        if time - at >= plot.step_ns:
            yield at, time
        at = max(at, time + plot.step_ns)
    if plot.end_ns - at >= plot.step_ns:
        yield at, plot.end_ns


def nice_ticks(top: float, *, unit: str = "") -> list[float]:
    """Three to five round values from 0 to a little above `top`: a line must not hide behind the frame."""
    if top <= 0:
        return [0.0, NOTHING_LOST if unit == _RATIO else 1.0]
    top *= HEADROOM
    raw = top / 3
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(m * magnitude for m in (1, 2, 2.5, 5, 10) if m * magnitude >= raw * 0.999)
    count = math.ceil(top / step - 1e-9)
    return [step * i for i in range(count + 1)]


def value_label(value: float, unit: str) -> str:
    """An axis value in the unit of the plot."""
    if unit == "bit/s":
        return rate(value)
    if unit == _RATIO:
        return ratio(value)
    if unit == _MS:
        return f"{three_digits(value)} ms"
    return three_digits(value)


def runs(series: Series, step_ns: int) -> Iterator[list[tuple[int, float]]]:
    """Points without a gap between them."""
    run: list[tuple[int, float]] = []
    for time, value in series.points:
        if run and (value is None or time - run[-1][0] > step_ns * 3 // 2):
            yield run
            run = []
        if value is not None:
            run.append((time, value))
    if run:
        yield run


def _line(series: Series, step_ns: int, frame: _Frame, number: int) -> Markup:
    parts = []
    for run in runs(series, step_ns):
        points = [(frame.x(time + step_ns / 2), frame.y(value)) for time, value in run]
        if len(points) == 1:
            ((x, y),) = points
            parts.append(tag("circle", cx=x, cy=y, r=2, class_=f"dot s{number}"))
        else:
            path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
            parts.append(tag("path", d=path, class_=f"line s{number}"))
    return tag("g", parts)


def _gap_marks(gaps: Sequence[tuple[int, int]], frame: _Frame, word: str) -> Markup:
    marks = []
    for start, end in gaps:
        x, width = frame.x(start), frame.x(end) - frame.x(start)
        marks.append(tag("rect", x=x, y=frame.upper, width=width, height=frame.lower - frame.upper, class_="gap"))
        if width > 6 * len(word):
            marks.append(
                tag("text", word, x=x + width / 2, y=(frame.upper + frame.lower) / 2, text_anchor="middle", class_="note")
            )
    return tag("g", marks)


def _value_axis(ticks: Sequence[float], frame: _Frame, unit: str) -> Markup:
    return tag(
        "g",
        [
            (
                tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=frame.y(tick), y2=frame.y(tick), class_="grid"),
                tag("text", value_label(tick, unit), x=LEFT - 6, y=frame.y(tick) + 4, text_anchor="end", class_="axis"),
            )
            for tick in ticks
        ],
    )


def _time_axis(frame: _Frame, tz: tzinfo) -> Markup:
    minute_ns = 60_000_000_000
    length = frame.end_ns - frame.start_ns
    step = next((m * minute_ns for m in (1, 2, 3, 5, 10, 15, 30, 60) if length / (m * minute_ns) <= 6), 120 * minute_ns)  # noqa: PLR2004
    first = -(-frame.start_ns // step) * step
    marks = [
        tag("text", clock_time(time, tz)[:5], x=frame.x(time), y=frame.lower + 18, text_anchor="middle", class_="axis")
        for time in range(first, frame.end_ns + 1, step)
        if LEFT + 12 <= frame.x(time) <= WIDTH - RIGHT - 12
    ]
    return tag("g", marks)


def _onset(onset: tuple[int, str] | None, frame: _Frame) -> Markup | None:
    if onset is None or not frame.start_ns <= onset[0] <= frame.end_ns:
        return None
    x = frame.x(onset[0])
    late = x > WIDTH * 0.8
    return tag(
        "g",
        tag("line", x1=x, x2=x, y1=frame.upper, y2=frame.lower, class_="onset"),
        tag(
            "text",
            onset[1],
            x=x - 4 if late else x + 4,
            y=frame.upper + 10,
            text_anchor="end" if late else "start",
            class_="onset-word",
        ),
    )


def legend_places(labels: Sequence[str]) -> list[tuple[float, float]]:
    """Where each label goes, (x, down from the first row): columns as wide as the widest label, as many as fit."""
    room = WIDTH - LEFT - RIGHT
    widest = max((30 + LETTER * sum(2 if ord(letter) > 0x2E7F else 1 for letter in label) for label in labels), default=room)  # noqa: PLR2004 - ideographs
    columns = max(1, min(len(labels), int(room / widest)))
    return [(LEFT + room / columns * (number % columns), LEGEND_ROW * (number // columns)) for number in range(len(labels))]


def _legend(label: str, number: int, x: float, down: float) -> Markup:
    return tag(
        "g",
        tag("line", x1=x, x2=x + 18, y1=11 + down, y2=11 + down, class_=f"line s{number}"),
        tag("text", label, x=x + 23, y=15 + down, class_="legend"),
    )
