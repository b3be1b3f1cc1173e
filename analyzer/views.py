"""The data-access layer of pages, interface and reports: stored rows and incidents in, page models out.

It reads for each request and keeps nothing; access control will stand here, before anything is read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import attrs

from analyzer.figures import loss_ratio, quality_row, rate_bps, round_trip_ns
from analyzer.network import LineFacts, Network
from analyzer.plots import STEP_NS, line_plots, session_views
from analyzer.web.models import LinePage, LineRow, LinesPage, LineState, WindowNote
from faultline.records.device_event import DeviceEvent
from faultline.records.incident import Base, Incident, IncidentState
from faultline.records.line_result import LineResult
from faultline.records.points import Point
from faultline.records.terms import SECOND_NS, LineCode
from faultline.reports.material import (
    DroppedBatches,
    FaultMaterial,
    LinePath,
    PlannedWindow,
    Plot,
    QualityRow,
    SessionView,
    TracedFlow,
)
from faultline.reports.suspicion import suspects_of
from faultline.reports.words import Language
from faultline.runtime.clock import Clock
from faultline.store.ledger import ToldGap
from faultline.store.traces import TracedRoute

PAGE_NS = 15 * 60 * SECOND_NS
BEFORE_NS = 5 * 60 * SECOND_NS
"""An incident's plots begin this long before its onset."""
AFTER_NS = 10 * 60 * SECOND_NS
"""And end when it was cleared or last seen, at the latest this long after its onset."""
SHORTEST_NS = 2 * 60 * SECOND_NS
"""No plot is shorter, however new the installation is."""
RECENT_NS = 60 * SECOND_NS
"""Figures of the list are over the newest minute."""
SILENT_NS = 45 * SECOND_NS
"""Without a row for this long before the newest final window a line is not measured."""
TRACES_NS = 3600 * SECOND_NS
"""A flow not traced for longer is not on its way any more."""
DAY_NS = 86_400 * SECOND_NS
PAST = 10
LINE_MEASUREMENTS = ("line_traffic", "line_quality", "session")


class Stored(Protocol):
    """What views read; `analyzer.reading` implements it over the real stores."""

    def points(self, measurement: str, *, start_ns: int, end_ns: int, line: LineCode | None = None) -> Sequence[Point]:
        """10 s rows with start in [start_ns, end_ns), rising."""

    def traces(self, *, since_ns: int) -> Sequence[TracedRoute]:
        """What is known of every flow traced since a moment."""

    def gaps(self, *, since_ns: int) -> Sequence[ToldGap]:
        """Batches that probes said will never come, told since a moment."""

    def told_between(self, start_ns: int, end_ns: int) -> Sequence[DeviceEvent]:
        """What devices and people told in a span of time, by time."""

    def results(self, line: LineCode) -> Sequence[LineResult]:
        """What other instruments measured of a line, newest first."""

    def final_windows(self, *, limit: int) -> Sequence[WindowNote]:
        """Newest first."""

    def incidents(self) -> Sequence[Incident]:
        """All, newest raise first."""

    def incident(self, incident: str) -> Incident | None:
        """One, or None."""

    def evidence(self, incident: str) -> Mapping[str, Any] | None:
        """The evidence document of an incident's verdict."""


@attrs.frozen(slots=True, kw_only=True)
class Belief:
    """What the newest step holds of lines, beside incidents."""

    suspected: frozenset[Base] = frozenset()
    learning: Mapping[LineCode, int | None] = attrs.field(factory=dict)


class StoredViews:
    """`analyzer.web.models.Views` over the stores."""

    def __init__(
        self,
        *,
        network: Network,
        stored: Stored,
        belief: Callable[[], Belief],
        clock: Clock,
        earlier: Callable[[int], Network | None] = lambda _: None,
    ) -> None:
        self.network = network
        """Replaced whole when the inventory changes."""
        self._stored = stored
        self._belief = belief
        self._clock = clock
        self._earlier = earlier
        """The network of a moment, where it is not the present one any more: what reports tell."""

    def lines_page(self, language: Language) -> LinesPage:
        """The first page's data."""
        incidents = self._stored.incidents()
        until_ns = self._final_until_ns()
        rows = [self._row(facts, incidents, until_ns) for facts in self.network.lines.values()]
        rows.sort(key=lambda r: (-r.state.badness, -(r.loss_ratio or 0.0), r.card.code))
        faults_first = sorted(incidents, key=lambda i: (i.informational, i.planned))
        opened = [self.material(i.id, language) for i in faults_first if i.state is IncidentState.OPEN]
        return LinesPage(
            rows=tuple(rows),
            open_incidents=tuple(m for m in opened if m is not None),
            past_incidents=tuple(i for i in incidents if i.state is IncidentState.CLEARED)[:PAST],
            names=self.network.names(),
            final_until_ns=until_ns,
            now_ns=self._clock.wall_ns(),
        )

    def line_page(self, code: LineCode, language: Language) -> LinePage | None:
        """A line's data; None when the inventory has none of that code."""
        facts = self.network.lines.get(code)
        if facts is None:
            return None
        incidents = [i for i in self._stored.incidents() if code in i.lines]
        until_ns = self._final_until_ns()
        row = self._row(facts, incidents, until_ns)
        end_ns = until_ns if until_ns is not None else self._clock.wall_ns() // STEP_NS * STEP_NS
        told = self._told(facts, end_ns - PAGE_NS, end_ns, language)
        return LinePage(
            row=row,
            path=self._path(facts, end_ns),
            suspects=suspects_of([entry for i in row.incidents if not i.informational for entry in (i.verdict, *i.further)]),
            plots=told.plots,
            sessions=told.sessions,
            traces=self._traces(facts, end_ns - TRACES_NS),
            planned=_near(facts.planned, end_ns, end_ns),
            told=self._told_of(facts, end_ns - DAY_NS, self._clock.wall_ns()),
            results=tuple(self._stored.results(code)),
            quality=told.quality,
            dropped=self._dropped(facts, end_ns - PAGE_NS),
            past_incidents=tuple(i for i in incidents if i.state is IncidentState.CLEARED)[:PAST],
            final_until_ns=until_ns,
            now_ns=self._clock.wall_ns(),
        )

    def material(self, incident: str, language: Language) -> FaultMaterial | None:
        """An incident with all that reports tell; None when there is none of that id."""
        found = self._stored.incident(incident)
        if found is None:
            return None
        network = self._earlier(found.onset_ns) or self.network
        known = [network.lines[code] for code in found.lines if code in network.lines]
        lead = known[0] if known else None
        start_ns = found.onset_ns - BEFORE_NS
        last_ns = found.cleared_ns if found.cleared_ns is not None else found.updated_ns
        end_ns = max(found.onset_ns + STEP_NS, min(last_ns, found.onset_ns + AFTER_NS))
        material = FaultMaterial(
            incident=found, line=None, evidence=self._stored.evidence(incident), made_ns=self._clock.wall_ns()
        )
        if lead is None:
            return material
        told = self._told(lead, start_ns, end_ns, language)
        return attrs.evolve(
            material,
            line=lead.card,
            other_lines=tuple(facts.card for facts in known[1:]),
            path=self._path(lead, found.updated_ns),
            names=network.names(),
            plots=told.plots,
            sessions=told.sessions,
            traces=self._traces(lead, start_ns - TRACES_NS),
            quality=told.quality,
            dropped=self._dropped(lead, start_ns),
            planned=_near(lead.planned, start_ns, end_ns),
            told=self._told_of(lead, start_ns, end_ns),
            results=tuple(r for r in self._stored.results(lead.card.code) if r.taken_ns >= start_ns - DAY_NS),
        )

    def incidents(self) -> tuple[Incident, ...]:
        """All, newest raise first."""
        return tuple(self._stored.incidents())

    def windows(self) -> tuple[WindowNote, ...]:
        """Final windows, newest first, a few."""
        return tuple(self._stored.final_windows(limit=60))

    def _final_until_ns(self) -> int | None:
        newest = self._stored.final_windows(limit=1)
        return newest[0].end_ns if newest else None

    def _points(self, facts: LineFacts, start_ns: int, end_ns: int) -> list[Point]:
        """The line's rows, and those of sessions that are filed under a line it shares a part with."""
        code = facts.card.code
        found: list[Point] = []
        for measurement in LINE_MEASUREMENTS:
            found += self._stored.points(measurement, start_ns=start_ns, end_ns=end_ns, line=code)
        elsewhere = {session.id: session.line for session in facts.sessions if session.line != code}
        for line in sorted(set(elsewhere.values())):
            shared = self._stored.points("session", start_ns=start_ns, end_ns=end_ns, line=line)
            found += [point for point in shared if point.tags.get("session") in elsewhere]
        return found

    def _told(self, facts: LineFacts, start_ns: int, end_ns: int, language: Language) -> _Told:
        """What the instruments said in a time, read once."""
        begun_ns = self._since_ns(start_ns, end_ns)
        points = self._points(facts, begun_ns, end_ns)
        return _Told(
            plots=line_plots(points, start_ns=begun_ns, end_ns=end_ns, language=language, from_z=facts.from_z),
            sessions=session_views(points, facts.sessions, start_ns=begun_ns, end_ns=end_ns, language=language),
            quality=self._quality(facts, points, begun_ns, end_ns),
        )

    def _told_of(self, facts: LineFacts, start_ns: int, end_ns: int) -> tuple[DeviceEvent, ...]:
        """What was told of anything of the line."""
        bases = facts.bases
        return tuple(event for event in self._stored.told_between(start_ns, end_ns) if event.base in bases)

    def _traces(self, facts: LineFacts, since_ns: int) -> tuple[TracedFlow, ...]:
        """Newest traces of the line, hops by name where the inventory knows who answers."""
        if not facts.traces:
            return ()
        mine = [route for route in self._stored.traces(since_ns=since_ns) if route.flow.trace in facts.traces]
        return _traced(mine, facts)

    def _dropped(self, facts: LineFacts, since_ns: int) -> tuple[DroppedBatches, ...]:
        """What the line's probes had to throw away, by stream and reason."""
        probes = {probe for probe, _ in facts.instruments.values()}
        lost: Counter[tuple[str, str, str]] = Counter()
        for gap in self._stored.gaps(since_ns=since_ns):
            if gap.probe in probes:
                lost[gap.probe, gap.stream.value, gap.reason] += gap.last_seq - gap.first_seq + 1
        return tuple(
            DroppedBatches(probe=probe, stream=stream, reason=reason, batches=n)
            for (probe, stream, reason), n in sorted(lost.items())
        )

    def _since_ns(self, start_ns: int, end_ns: int) -> int:
        """When the collector's own rows begin: before that nothing is missing, because there was nothing yet."""
        collecting = self._stored.points("collector_health", start_ns=start_ns, end_ns=end_ns)
        begun_ns = min((p.time_ns for p in collecting), default=start_ns)
        return max(start_ns, min(begun_ns, end_ns - SHORTEST_NS))

    def _row(self, facts: LineFacts, incidents: Sequence[Incident], until_ns: int | None) -> LineRow:
        code = facts.card.code
        mine = tuple(i for i in incidents if i.state is IncidentState.OPEN and code in i.lines)
        points = self._points(facts, until_ns - RECENT_NS, until_ns) if until_ns is not None else []
        measured_ns = max((p.time_ns + STEP_NS for p in points), default=None)
        belief = self._belief()
        return LineRow(
            card=facts.card,
            state=_state(
                mine, suspected=not facts.bases.isdisjoint(belief.suspected), measured_ns=measured_ns, until_ns=until_ns
            ),
            incidents=mine,
            loss_ratio=loss_ratio(points),
            round_trip_ns=round_trip_ns(points),
            rate_bps=rate_bps(points),
            measured_ns=measured_ns,
            learning_until_ns=belief.learning.get(code),
        )

    def _path(self, facts: LineFacts, until_ns: int) -> LinePath:
        """The line as it is drawn: a vantage whose probe no longer tells of its capture is silent, one without traffic is not."""
        points = self._stored.points("probe_health", start_ns=until_ns - SILENT_NS, end_ns=until_ns)
        heard = {(p.tags.get("probe"), p.tags.get("observation_point")) for p in points}
        silent = {name for name, instrument in facts.instruments.items() if heard and instrument not in heard}
        vantages = tuple(attrs.evolve(v, silent=v.name in silent) for v in facts.path.vantages)
        return attrs.evolve(facts.path, vantages=vantages)

    def _quality(self, facts: LineFacts, points: Sequence[Point], start_ns: int, end_ns: int) -> tuple[QualityRow, ...]:
        """Worst figures over the plotted time, of each session and each vantage of the line."""
        expected = len({p.time_ns for p in points})
        rows = []
        for tag, measurement in (("session", "session"), ("vantage", "line_quality")):
            groups: dict[str, list[Point]] = {}
            for point in points:
                if point.measurement == measurement:
                    groups.setdefault(point.tags.get(tag, ""), []).append(point)
            rows += [quality_row(name, group, expected) for name, group in sorted(groups.items())]
        clocks = self._clocks(facts, start_ns, end_ns)
        return tuple(attrs.evolve(row, clock_class=clocks[row.name]) if row.name in clocks else row for row in rows)

    def _clocks(self, facts: LineFacts, start_ns: int, end_ns: int) -> dict[str, str]:
        """What the probe of each vantage said of its clock."""
        said: dict[tuple[str | None, str | None], str] = {}
        for point in self._stored.points("probe_health", start_ns=start_ns, end_ns=end_ns):
            if "clock_class" in point.fields:
                said[point.tags.get("probe"), point.tags.get("observation_point")] = str(point.fields["clock_class"])
        return {name: said[instrument] for name, instrument in facts.instruments.items() if instrument in said}


@attrs.frozen(slots=True, kw_only=True)
class _Told:
    """What a line's instruments said in a time."""

    plots: tuple[Plot, ...]
    sessions: tuple[SessionView, ...]
    quality: tuple[QualityRow, ...]


def _near(planned: Sequence[PlannedWindow], start_ns: int, end_ns: int) -> tuple[PlannedWindow, ...]:
    """Work around a time: a day before it to a week after."""
    return tuple(work for work in planned if work.end_ns > start_ns - DAY_NS and work.start_ns < end_ns + 7 * DAY_NS)


def _traced(routes: Sequence[TracedRoute], facts: LineFacts) -> tuple[TracedFlow, ...]:
    """One entry for the flows of a pair that take the same way and took the same before."""
    groups: dict[tuple[str, tuple[str | None, ...], tuple[str | None, ...] | None, bool], list[TracedRoute]] = {}
    for route in sorted(routes, key=lambda route: route.flow.key):
        before = _named(route.previous, facts) if route.previous is not None else None
        groups.setdefault((route.flow.trace, _named(route.route, facts), before, route.reached), []).append(route)
    return tuple(
        TracedFlow(
            trace=trace,
            flow=_ends(group),
            hops=hops,
            reached=reached,
            traced_ns=max(route.traced_ns for route in group),
            since_ns=max(route.since_ns for route in group),
            previous=previous,
        )
        for (trace, hops, previous, reached), group in groups.items()
    )


def _ends(routes: Sequence[TracedRoute]) -> str:
    """`10.0.0.1:41011, 41012 → 10.0.0.9:862`: the source port chooses the path."""
    flow = routes[0].flow
    ports = ", ".join(str(port) for port in sorted({route.flow.source_port for route in routes}))
    return f"{flow.source_address}:{ports} → {flow.destination_address}:{flow.destination_port}"


def _named(hops: Sequence[str | None], facts: LineFacts) -> tuple[str | None, ...]:
    """Hops by the names of those who answered."""
    return tuple(facts.addresses.get(hop, hop) if hop is not None else None for hop in hops)


def _state(open_incidents: Sequence[Incident], *, suspected: bool, measured_ns: int | None, until_ns: int | None) -> LineState:
    telling = [incident for incident in open_incidents if not incident.informational]
    if any(not incident.planned for incident in telling):
        return LineState.FAULT
    if telling:
        return LineState.PLANNED
    if measured_ns is None or until_ns is None or until_ns - measured_ns >= SILENT_NS:
        return LineState.UNMEASURED
    if suspected:
        return LineState.SUSPICION
    return LineState.ROUTE if open_incidents else LineState.HEALTHY
