"""What a step leaves in the metrics store: health of each component, incident events, and the worst lines.

Goes in: a step's outcome and the network. Comes out: points. A component that nothing crossed has no row: absent is absent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analyzer.engine import StepOutcome
from analyzer.history import Row, summed
from analyzer.incidents import IncidentEvent
from analyzer.network import LineFacts, Network
from faultline.records.incident import Base, Incident
from faultline.records.points import FieldValue, Point
from faultline.records.terms import CARRIER, Level, LineCode
from faultline.reports.suspicion import suspects_of

WORST = 20
"""Rows of the wall: more is no wall."""
HEALTHY, SUSPECTED, PLANNED, FAULT = 0, 1, 2, 3
"""`state` of `segment_health` and `worst_lines`: larger is worse."""


def step_points(outcome: StepOutcome, network: Network) -> list[Point]:
    """All points of a step."""
    health = [p for facts in network.lines.values() for p in _health(outcome, facts)]
    events = [_event_point(event) for event in outcome.events]
    return [*health, *events, *_worst_lines(outcome, network)]


def _health(outcome: StepOutcome, facts: LineFacts) -> list[Point]:
    mine = [i for i in outcome.touched if facts.card.code in i.lines and not i.informational]
    suspects = suspects_of([entry for i in mine for entry in (i.verdict, *i.further)])
    points = []
    for element in facts.path.every():
        if element.base not in outcome.observed and element.base not in suspects:
            continue
        fields: dict[str, FieldValue] = {
            "state": _state(element.base, outcome, mine),
            "owner": element.owner.value,
        }
        if element.base in suspects:
            fields["probability"] = suspects[element.base].probability
        tags = {"line": facts.card.code, "component": element.base}
        points.append(_point("segment_health", facts, tags, outcome.window.start_ns, fields))
    return points


def _state(base: Base, outcome: StepOutcome, incidents: Sequence[Incident]) -> int:
    blamed = [i for i in incidents if base in i.bases]
    if any(not i.planned for i in blamed):
        return FAULT
    if blamed:
        return PLANNED
    return SUSPECTED if base in outcome.suspected else HEALTHY


def _event_point(event: IncidentEvent) -> Point:
    incident = event.incident
    fields: dict[str, FieldValue] = {
        "event": event.kind.value,
        "owner": incident.owner.value,
        "mode": incident.mode.value,
        "components": ",".join(incident.components),
        "lines": ",".join(incident.lines),
        "confidence": incident.confidence,
        "planned": int(incident.planned),
        "notified": int(event.notify),
        "begin_ns": incident.onset_ns,
        "text": str(incident.verdict.get("text", "")),
    }
    if incident.ended_ns is not None:
        fields["end_ns"] = incident.ended_ns
    return Point(
        measurement="incident",
        level=Level.TEN_SECONDS,
        tenant=incident.tenants[0] if incident.tenants else CARRIER,
        tags={"incident": incident.id, "event": event.kind.value},
        time_ns=incident.revisions[-1].time_ns,
        fields=fields,
    )


def _worst_lines(outcome: StepOutcome, network: Network) -> list[Point]:
    losses = _losses(summed([outcome.window], distributions=False))
    ranked = sorted(network.lines.values(), key=lambda f: (-_line_state(outcome, f), -losses.get(f.card.code, 0.0), f.card.code))
    points = []
    for rank, facts in enumerate(ranked[:WORST], 1):
        fields: dict[str, FieldValue] = {
            "line": facts.card.code,
            "customer": facts.card.customer,
            "state": _line_state(outcome, facts),
        }
        if facts.card.code in losses:
            fields["loss_ratio"] = losses[facts.card.code]
        points.append(_point("worst_lines", facts, {"rank": f"{rank:02d}"}, outcome.window.start_ns, fields))
    return points


def _line_state(outcome: StepOutcome, facts: LineFacts) -> int:
    mine = [i for i in outcome.touched if facts.card.code in i.lines]
    return max((_state(base, outcome, mine) for base in facts.bases), default=HEALTHY)


def _losses(rows: Sequence[Row]) -> Mapping[LineCode, float]:
    """Worst loss ratio of test packets a line."""
    worst: dict[LineCode, float] = {}
    for row in rows:
        sent = row.count("sent")
        # A session that the inventory does not know is of no line.
        if row.measurement != "session" or not sent or "line" not in row.tags:
            continue
        for name in ("lost_forward", "lost_reverse"):
            lost = row.count(name)
            if lost is not None:
                line = LineCode(row.tags["line"])
                worst[line] = max(worst.get(line, 0.0), lost / sent)
    return worst


def _point(measurement: str, facts: LineFacts, tags: dict[str, str], time_ns: int, fields: dict[str, FieldValue]) -> Point:
    return Point(measurement=measurement, level=Level.TEN_SECONDS, tenant=facts.tenant, tags=tags, time_ns=time_ns, fields=fields)
