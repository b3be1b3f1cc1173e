"""A line's measurements as plots: traffic, loss by side, loss and delay of test packets, round trips of data.

Goes in: 10 s points of one line and a time range. Comes out: `Plot` records; what was not measured is left out, a missing window
is a gap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from analyzer.network import SessionFacts
from faultline.records.points import Point
from faultline.records.terms import SECOND_NS, Direction, Level
from faultline.reports.material import Plot, Series, SessionView
from faultline.reports.words import Language, say

MOST_SERIES = 4
"""More lines than this in one picture cannot be told apart by colour and dash."""
STEP_NS = Level.TEN_SECONDS.length_ns
_MS = 1e6

Value = Callable[[Point], float | None]


def line_plots(
    points: Sequence[Point],
    *,
    start_ns: int,
    end_ns: int,
    language: Language,
    from_z: frozenset[str] = frozenset(),
) -> tuple[Plot, ...]:
    """All plots of a line that have something to show. `from_z` are the sessions whose sender is the one nearer to Z."""
    frame = {"step_ns": STEP_NS, "start_ns": start_ns, "end_ns": end_ns}
    made = (
        Plot(title=say("plot.traffic", language), unit="bit/s", series=_traffic(points, language), **frame),
        Plot(title=say("plot.loss", language), unit="ratio", series=_side_losses(points, language), **frame),
        Plot(title=say("plot.session_loss", language), unit="ratio", series=_session_losses(points, language, from_z), **frame),
        Plot(title=say("plot.session_delay", language), unit="ms", series=_session_delays(points, language, from_z), **frame),
        *_round_trips(points, language, frame),
    )
    return tuple(plot for plot in made if plot.series)


def session_views(
    points: Sequence[Point],
    sessions: Sequence[SessionFacts],
    *,
    start_ns: int,
    end_ns: int,
    language: Language,
) -> tuple[SessionView, ...]:
    """Every session that was measured, in the order given; tests of full size only where they lost something."""
    mine = _by(_of(points, "session"), "session")
    views = []
    for session in sessions:
        group = mine.get((session.id,))
        if group is None:
            continue
        frame = {"step_ns": STEP_NS, "start_ns": start_ns, "end_ns": end_ns}
        losses, delays = ([_way(group, w, d, language, v) for w, d in _both(session)] for v in (_lost_ratio, _delay_of))
        if session.is_full_size and not any(map(_peak, losses)):
            continue
        views.append(
            SessionView(
                name=session.id,
                first=session.sender,
                last=session.reflector,
                loss=Plot(title=say("plot.session_loss", language), unit="ratio", series=tuple(losses), **frame),
                delay=Plot(title=say("plot.session_delay", language), unit="ms", series=tuple(delays), **frame),
            )
        )
    return tuple(views)


def _both(session: SessionFacts) -> Sequence[tuple[str, Direction]]:
    """A to Z first, whichever way the session looks."""
    return sorted(ways(session.id, frozenset({session.id} if session.from_z else ())), key=lambda way: way[1].value)


def _way(group: Sequence[Point], way: str, direction: Direction, language: Language, value: Callable[[str], Value]) -> Series:
    return _series(arrow(direction.value, language), group, value(way))


def _delay_of(way: str) -> Value:
    return _median_ms(f"{way}_delay_p50")


def _series(label: str, points: Iterable[Point], value: Value) -> Series:
    return Series(label=label, points=tuple((p.time_ns, value(p)) for p in sorted(points, key=lambda p: p.time_ns)))


def _measured(series: Series) -> bool:
    return any(value is not None for _, value in series.points)


def _by(points: Iterable[Point], *names: str) -> dict[tuple[str, ...], list[Point]]:
    groups: dict[tuple[str, ...], list[Point]] = {}
    for point in points:
        groups.setdefault(tuple(point.tags.get(name, "") for name in names), []).append(point)
    return dict(sorted(groups.items()))


def _of(points: Iterable[Point], measurement: str) -> list[Point]:
    return [p for p in points if p.measurement == measurement]


def _peak(series: Series) -> float:
    return max((value for _, value in series.points if value is not None), default=0.0)


def _worst(series: Iterable[Series]) -> tuple[Series, ...]:
    """Those that show the most, in their own order."""
    measured = [s for s in series if _measured(s)]
    kept = sorted(measured, key=_peak, reverse=True)[:MOST_SERIES]
    return tuple(s for s in measured if s in kept)


def _number(point: Point, name: str) -> float | None:
    value = point.fields.get(name)
    return float(value) if isinstance(value, (int, float)) else None


def _share(point: Point, part: str, whole: str) -> float | None:
    top, bottom = _number(point, part), _number(point, whole)
    return top / bottom if top is not None and bottom else None


def _ms(point: Point, name: str) -> float | None:
    value = _number(point, name)
    return None if value is None else value / _MS


def arrow(direction: str, language: Language) -> str:
    """`A → Z`; nothing for a round trip."""
    return say(f"direction.short.{direction}", language) if direction in set(Direction) else ""


def busiest_vantage(points: Sequence[Point]) -> str | None:
    """The vantage that saw the most octets: the one whose traffic stands for the line's."""
    totals = {
        vantage: sum(_number(p, "octets") or 0.0 for p in group)
        for (vantage,), group in _by(_of(points, "line_traffic"), "vantage").items()
    }
    return max(totals, key=lambda v: (totals[v], v)) if totals else None


def bits_per_second(point: Point) -> float | None:
    """Bit rate of one 10 s row of traffic."""
    octets = _number(point, "octets")
    return None if octets is None else octets * 8 * SECOND_NS / STEP_NS


def _traffic(points: Sequence[Point], language: Language) -> tuple[Series, ...]:
    vantage = busiest_vantage(points)
    mine = [p for p in _of(points, "line_traffic") if p.tags.get("vantage") == vantage]
    return tuple(
        _series(f"{arrow(direction, language)} ({vantage})", group, bits_per_second)
        for (direction,), group in _by(mine, "direction").items()
    )


def _side_losses(points: Sequence[Point], language: Language) -> tuple[Series, ...]:
    made = []
    for (vantage, direction), group in _by(_of(points, "line_quality"), "vantage", "direction").items():
        for side in ("upstream", "downstream"):
            label = f"{arrow(direction, language)} {say(f'plot.{side}', language, vantage=vantage)}"
            made.append(_series(label, group, _side_ratio(side)))
    return _worst(made)


def _side_ratio(side: str) -> Value:
    return lambda point: _share(point, f"loss_{side}", "tcp_segments")


def _session_losses(points: Sequence[Point], language: Language, from_z: frozenset[str]) -> tuple[Series, ...]:
    made = []
    for (session,), group in _by(_of(points, "session"), "session").items():
        for way, direction in ways(session, from_z):
            made.append(_series(f"{session} {arrow(direction.value, language)}", group, _lost_ratio(way)))
    return _worst(made)


def ways(session: str, from_z: frozenset[str]) -> tuple[tuple[str, Direction], tuple[str, Direction]]:
    """A session's forward and reverse as directions on the line."""
    forward = Direction.Z_TO_A if session in from_z else Direction.A_TO_Z
    return (("forward", forward), ("reverse", forward.opposite))


def _lost_ratio(way: str) -> Value:
    return lambda point: _share(point, f"lost_{way}", "sent")


def _session_delays(points: Sequence[Point], language: Language, from_z: frozenset[str]) -> tuple[Series, ...]:
    made = []
    for (session,), group in _by(_of(points, "session"), "session").items():
        for way, direction in ways(session, from_z):
            made.append(_series(f"{session} {arrow(direction.value, language)} p50", group, _median_ms(f"{way}_delay_p50")))
    return _worst(made)


def _median_ms(name: str) -> Value:
    return lambda point: _ms(point, name)


def _round_trips(points: Sequence[Point], language: Language, frame: dict[str, int]) -> list[Plot]:
    vantage = busiest_vantage(points)
    mine = [p for p in _of(points, "line_quality") if p.tags.get("vantage") == vantage]
    series = []
    for (direction,), group in _by(mine, "direction").items():
        arrowed = arrow(direction, language)
        series += [_series(f"{arrowed} {quantile}", group, _median_ms(f"data_rtt_{quantile}")) for quantile in ("p50", "p95")]
    measured = tuple(s for s in series if _measured(s))
    return [Plot(title=say("plot.delay", language, vantage=vantage), unit="ms", series=measured, **frame)]
