"""Page models from stored rows: states, figures, plots, gaps, and silent vantages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from analyzer.network import LineFacts, Network
from analyzer.plots import line_plots
from analyzer.views import Belief, StoredViews
from analyzer.web.models import LineState, WindowNote
from faultline.records.device_event import DeviceEvent
from faultline.records.incident import Base, Incident, IncidentId, IncidentState
from faultline.records.line_result import LineResult
from faultline.records.points import FieldValue, Point
from faultline.records.terms import CARRIER, SECOND_NS, ComponentKind, Level, LineCode, Owner, Stream, TenantId
from faultline.reports.fault import fault_report
from faultline.reports.material import DroppedBatches, LineCard, LinePath, PathElement, PathVantage
from faultline.reports.words import Language
from faultline.runtime.clock import VirtualClock
from faultline.store.ledger import ToldGap
from faultline.store.traces import TracedRoute

NOW_NS = 1_767_225_600 * SECOND_NS
TEN_S = 10 * SECOND_NS
TENANT = TenantId("bank")


def make_point(measurement: str, line: str, ago: int, tags: Mapping[str, str] | None = None, **fields: FieldValue) -> Point:
    """A 10 s row whose window began `ago` windows before now."""
    return Point(
        measurement=measurement,
        level=Level.TEN_SECONDS,
        tenant=TENANT,
        tags={"line": line, **(tags or {})},
        time_ns=NOW_NS - ago * TEN_S,
        fields=fields,
    )


def make_session(line: str, ago: int, *, lost: int = 0, rtt_ms: float = 5.0, name: str = "s1") -> Point:
    """1,000 test packets."""
    fields: dict[str, FieldValue] = {
        "sent": 1000,
        "lost_forward": lost,
        "lost_reverse": 0,
        "rtt_p50": int(rtt_ms * 1e6),
        "forward_delay_p50": int(rtt_ms * 0.4e6),
        "reverse_delay_p50": int(rtt_ms * 0.6e6),
        "clock_error_ns": 900_000,
    }
    return make_point("session", line, ago, {"session": name}, **fields)


def make_health(ago: int, **fields: FieldValue) -> Point:
    """What the first probe says of its capture."""
    return Point(
        measurement="probe_health",
        level=Level.TEN_SECONDS,
        tenant=CARRIER,
        tags={"probe": "p1", "observation_point": "wan"},
        time_ns=NOW_NS - ago * TEN_S,
        fields=fields,
    )


def make_collecting(windows: int) -> list[Point]:
    """The collector's own rows of the newest windows."""
    return [
        Point(
            measurement="collector_health",
            level=Level.TEN_SECONDS,
            tenant=CARRIER,
            tags={"stage": "decode"},
            time_ns=NOW_NS - ago * TEN_S,
            fields={"in": 1},
        )
        for ago in range(windows, 0, -1)
    ]


def make_incident(line: str, *, planned: bool = False) -> Incident:
    """An open incident on the line's loop."""
    return Incident(
        id=IncidentId(f"F-{line}"),
        tenants=(TENANT,),
        lines=(LineCode(line),),
        state=IncidentState.OPEN,
        planned=planned,
        notified=not planned,
        onset_ns=NOW_NS - 30 * SECOND_NS,
        raised_ns=NOW_NS - 10 * SECOND_NS,
        updated_ns=NOW_NS,
        verdict={"components": ["loop>"], "mode": "loss", "owner": "access", "confidence": 0.9},
    )


@attrs.define
class StoredRows:
    """Rows in memory."""

    rows: list[Point] = attrs.field(factory=list)
    all_incidents: list[Incident] = attrs.field(factory=list)
    routes: list[TracedRoute] = attrs.field(factory=list)
    told_gaps: list[ToldGap] = attrs.field(factory=list)
    told: list[DeviceEvent] = attrs.field(factory=list)
    line_results: list[LineResult] = attrs.field(factory=list)
    final: bool = True

    def points(self, measurement: str, *, start_ns: int, end_ns: int, line: LineCode | None = None) -> Sequence[Point]:
        return [
            p
            for p in self.rows
            if p.measurement == measurement and start_ns <= p.time_ns < end_ns and line in {None, p.tags.get("line")}
        ]

    def traces(self, *, since_ns: int) -> Sequence[TracedRoute]:
        return [route for route in self.routes if route.traced_ns >= since_ns]

    def gaps(self, *, since_ns: int) -> Sequence[ToldGap]:
        return [gap for gap in self.told_gaps if gap.told_ns >= since_ns]

    def told_between(self, start_ns: int, end_ns: int) -> Sequence[DeviceEvent]:
        return [event for event in self.told if start_ns <= event.happened_ns < end_ns]

    def results(self, line: LineCode) -> Sequence[LineResult]:
        return [result for result in self.line_results if result.line == line]

    def final_windows(self, *, limit: int) -> Sequence[WindowNote]:
        return [WindowNote(start_ns=NOW_NS - TEN_S, end_ns=NOW_NS, revision=1)][:limit] if self.final else []

    def incidents(self) -> Sequence[Incident]:
        return self.all_incidents

    def incident(self, incident: str) -> Incident | None:
        return next((i for i in self.all_incidents if i.id == incident), None)

    def evidence(self, incident: str) -> Mapping[str, Any] | None:
        del incident
        return None


def make_views(stored: StoredRows, *codes: str, belief: Belief | None = None) -> StoredViews:
    """Views over lines of those codes, each with a loop and two vantages."""
    path = (PathElement(base=Base("loop"), name="loop", kind=ComponentKind.SEGMENT, owner=Owner.ACCESS),)
    lines = {
        LineCode(code): LineFacts(
            card=LineCard(code=LineCode(code), customer=f"customer of {code}"),
            tenant=TENANT,
            path=LinePath(
                elements=path,
                vantages=tuple(PathVantage(name=n, position=p) for n, p in (("ce", 0.0), ("pe", 1.0), ("far", 1.0))),
            ),
            instruments={"ce": ("p1", "wan"), "pe": ("p2", "mirror")},
        )
        for code in codes
    }
    held = belief or Belief()
    return StoredViews(network=Network(lines=lines), stored=stored, belief=lambda: held, clock=VirtualClock(NOW_NS))


def test_lines_come_worst_first() -> None:
    """Fault, suspicion, not measured, planned, healthy; within a state the lossier line first."""
    stored = StoredRows(all_incidents=[make_incident("fault"), make_incident("planned", planned=True)])
    for code, lost in (("fault", 10), ("planned", 0), ("good", 0), ("lossy", 2)):
        stored.rows += [make_session(code, ago, lost=lost) for ago in range(1, 6)]
    page = make_views(stored, "good", "planned", "silent", "lossy", "fault").lines_page(Language.EN)
    assert [(row.card.code, row.state) for row in page.rows] == [
        ("fault", LineState.FAULT),
        ("silent", LineState.UNMEASURED),
        ("planned", LineState.PLANNED),
        ("lossy", LineState.HEALTHY),
        ("good", LineState.HEALTHY),
    ]


def test_a_changed_route_is_nobodys_fault() -> None:
    """The line says so, its path suspects nobody, and an open fault goes before it."""
    changed = attrs.evolve(
        make_incident("L1"), verdict={"components": ["loop>"], "mode": "route", "owner": "access", "confidence": 1.0}
    )
    stored = StoredRows(rows=[make_session("L1", 1)], all_incidents=[changed])
    page = make_views(stored, "L1").line_page(LineCode("L1"), Language.EN)
    assert page is not None
    assert (page.row.state, dict(page.suspects)) == (LineState.ROUTE, {})
    stored.all_incidents.append(attrs.evolve(make_incident("L1"), id=IncidentId("F-2")))
    (row,) = make_views(stored, "L1").lines_page(Language.EN).rows
    assert row.state is LineState.FAULT
    assert row.worst is not None
    assert row.worst.id == "F-2"


def test_a_suspicion_shows_without_being_an_incident() -> None:
    """What the newest step suspects colours the lines that cross it."""
    stored = StoredRows(rows=[make_session("L1", 1)])
    belief = Belief(suspected=frozenset({Base("loop")}), learning={LineCode("L1"): 7})
    (row,) = make_views(stored, "L1", belief=belief).lines_page(Language.EN).rows
    assert (row.state, row.learning_until_ns) == (LineState.SUSPICION, 7)


def test_figures_come_from_the_newest_minute_and_are_absent_when_not_measured() -> None:
    """Loss of the worst direction, the longest round trip, both directions of traffic at one vantage."""
    rows = [make_session("L1", ago, lost=5, name="s1") for ago in range(1, 7)]
    rows += [make_session("L1", ago, rtt_ms=9.0, name="s2") for ago in range(1, 7)]
    rows += [make_session("L1", 30, lost=1000)]
    for direction in ("a_to_z", "z_to_a"):
        for vantage, octets in (("ce", 1_000_000), ("pe", 999_000)):
            rows += [
                make_point("line_traffic", "L1", ago, {"vantage": vantage, "direction": direction}, octets=octets)
                for ago in (1, 2)
            ]
    full, empty = make_views(StoredRows(rows=rows), "L1", "L2").lines_page(Language.EN).rows[::-1]
    assert full.card.code == "L1"
    assert full.loss_ratio == 0.005
    assert full.round_trip_ns == 9_000_000
    assert full.rate_bps == 2 * 1_000_000 * 8 / 10
    assert (empty.loss_ratio, empty.round_trip_ns, empty.rate_bps, empty.measured_ns) == (None, None, None, None)


def test_before_the_first_final_window_nothing_is_measured() -> None:
    """No window, no figure, no age."""
    page = make_views(StoredRows(final=False), "L1").lines_page(Language.EN)
    assert page.final_until_ns is None
    assert page.rows[0].state is LineState.UNMEASURED


def test_plots_show_gaps_and_leave_out_what_was_not_measured() -> None:
    """Two missing windows are missing points; no traffic row means no traffic plot."""
    stored = StoredRows(rows=[make_session("L1", ago) for ago in range(30, 0, -1) if ago not in {10, 11}])
    page = make_views(stored, "L1").line_page(LineCode("L1"), Language.EN)
    assert page is not None
    assert [plot.title for plot in page.plots] == ["Loss ratio of test packets", "One-way delay of test packets"]
    assert all(len(series.points) == 28 for plot in page.plots for series in plot.series)


def test_plots_of_a_new_installation_begin_with_it() -> None:
    """What was before the collector's first row is no gap; a line that was silent while it ran has one."""
    stored = StoredRows(rows=[make_session("L1", ago) for ago in range(10, 0, -1)])
    for collecting, shown in ((30, 30), (6, 12)):
        stored.rows = [r for r in stored.rows if r.measurement == "session"] + make_collecting(collecting)
        page = make_views(stored, "L1").line_page(LineCode("L1"), Language.EN)
        assert page is not None
        assert {(p.start_ns, p.end_ns) for p in page.plots} == {(NOW_NS - shown * TEN_S, NOW_NS)}


def test_a_session_from_z_has_its_directions_turned() -> None:
    """Forward of a sender at Z is Z to A."""
    points = [make_session("L1", 1, lost=10)]
    kwargs = {"start_ns": NOW_NS - TEN_S, "end_ns": NOW_NS, "language": Language.EN}
    (plot, _) = line_plots(points, **kwargs)  # type: ignore[arg-type]
    assert {s.label: s.points[0][1] for s in plot.series} == {"s1 A → Z": 0.01, "s1 Z → A": 0.0}
    (turned, _) = line_plots(points, from_z=frozenset({"s1"}), **kwargs)  # type: ignore[arg-type]
    assert {s.label: s.points[0][1] for s in turned.series} == {"s1 Z → A": 0.01, "s1 A → Z": 0.0}


def test_a_vantage_whose_probe_stopped_telling_is_silent() -> None:
    """One is heard, the other is not, the third never captures; when none is heard nothing is claimed."""
    page = make_views(StoredRows(rows=[make_health(1, capture_received=0)]), "L1").line_page(LineCode("L1"), Language.EN)
    assert page is not None
    assert [(v.name, v.silent) for v in page.path.vantages] == [("ce", False), ("pe", True), ("far", False)]
    nothing = make_views(StoredRows(), "L1").line_page(LineCode("L1"), Language.EN)
    assert nothing is not None
    assert not any(v.silent for v in nothing.path.vantages)


def test_an_incidents_material_has_its_line_its_plots_and_the_quality_of_its_instruments() -> None:
    """The worst clock error and the missing windows of each session over the plotted time."""
    stored = StoredRows(rows=[make_session("L1", ago) for ago in range(20, 0, -1)], all_incidents=[make_incident("L1")])
    stored.rows += [make_session("L1", ago, name="s2") for ago in range(20, 3, -1)]
    stored.rows.append(make_point("line_quality", "L1", 4, {"vantage": "ce", "direction": "a_to_z"}, tcp_segments=10))
    stored.rows.append(make_health(4, clock_class="ptp"))
    material = make_views(stored, "L1").material("F-L1", Language.EN)
    assert material is not None
    assert material.line is not None
    assert material.line.customer == "customer of L1"
    assert {q.name: q.clock_class for q in material.quality} == {"s1": None, "s2": None, "ce": "ptp"}
    figures = {(q.name, q.clock_error_ns, q.missing_windows) for q in material.quality}
    assert figures == {("s1", 900_000, 0), ("s2", 900_000, 3), ("ce", None, 19)}
    assert make_views(stored, "L1").material("none", Language.EN) is None


def test_an_incidents_report_says_what_a_full_disk_cost_it() -> None:
    """Batches that a probe of its line had to drop since shortly before the fault; neither older ones, nor another probe's."""
    gap = ToldGap(probe="p1", stream=Stream.FLOWS, first_seq=5, last_seq=9, reason="disk_full", told_ns=NOW_NS - TEN_S)
    gaps = [gap, attrs.evolve(gap, told_ns=NOW_NS - 3600 * SECOND_NS), attrs.evolve(gap, probe="p9")]
    stored = StoredRows(rows=[make_session("L1", 3)], all_incidents=[make_incident("L1")], told_gaps=gaps)
    material = make_views(stored, "L1").material("F-L1", Language.EN)
    assert material is not None
    assert material.dropped == (DroppedBatches(probe="p1", stream="flows", reason="disk_full", batches=5),)
    text = fault_report(material, Language.EN)
    assert "Probe p1 had to drop 5 batches of its stream flows (its disk was full)" in text


def test_an_incident_of_a_line_that_left_the_inventory_is_still_told() -> None:
    """Without the line's card, and without failing."""
    material = make_views(StoredRows(all_incidents=[make_incident("gone")]), "L1").material("F-gone", Language.EN)
    assert material is not None
    assert material.line is None
