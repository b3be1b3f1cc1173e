"""The bank's four lines with an hour of made-up rows and incidents of several kinds: what pages must be able to show.

Rows are drawn from a seed, verdicts and evidence are written by hand: pages are tested here, not the localiser.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import pytest

from analyzer.network import network_of
from analyzer.views import Belief, StoredViews
from analyzer.web.models import WindowNote
from appliance.demo.inventory_file import inventory_document
from appliance.demo.probing import Probes
from faultline import inventory
from faultline.inventory import Inventory, PlannedWork
from faultline.records.device_event import DeviceEvent
from faultline.records.incident import Base, EventKind, Incident, IncidentId, IncidentState, Revision
from faultline.records.line_result import LineResult
from faultline.records.points import FieldValue, Point
from faultline.records.terms import CARRIER, SECOND_NS, Level, LineCode, Mode, Owner, Stream, TenantId
from faultline.runtime.clock import VirtualClock
from faultline.store.ledger import ToldGap
from faultline.store.traces import TracedFlow, TracedRoute

NOW_NS = 1_767_577_600 * SECOND_NS
TEN_S = 10 * SECOND_NS
WINDOWS = 90
"""A quarter of an hour."""
ONSET = 30
"""Windows ago."""
TENANT = TenantId("bank")
LOOP_LINE, CORE_LINE, SERVER_LINE, QUIET_LINE = map(LineCode, ("CN-NB-0017", "CN-SZ-0021", "CN-HZ-0018", "CN-NJ-0034"))

EVIDENCE: dict[str, Any] = {
    "format": "faultline-evidence/1",
    "observations": [
        {"kind": "loss", "source": "active", "via": ["ce-1", "loop-1>", "pe1"], "sent": 6000, "lost": 118, "background": 5e-5},
        {"kind": "loss", "source": "active", "via": ["pe1", "loop-1<", "ce-1"], "sent": 5882, "lost": 0},
        {"kind": "loss", "source": "bracket", "via": ["ce-1", "loop-1>"], "sent": 18220, "lost": 361},
        {
            "kind": "loss",
            "source": "passive",
            "paths": [
                {"via": ["pe2", "pe2-p1>", "p1", "p1-pe3>", "pe3"], "weight": 0.5},
                {"via": ["pe2", "pe2-p2>", "p2", "p2-pe3>", "pe3"], "weight": 0.5},
            ],
            "sent": 9000,
            "lost": 41,
        },
        {
            "kind": "delay",
            "via": ["pe2", "pe2-p1>", "p1", "p1-pe3>", "pe3"],
            "n": 1180,
            "min_us": 5100,
            "median_us": 19400,
            "p90_us": 41000,
            "baseline": {"n": 9000, "min_us": 5050, "median_us": 5300, "mad_us": 120, "p90_us": 6100},
        },
        {"kind": "delay", "via": ["ce-3", "loop-3>"], "n": 40, "min_us": 900, "median_us": 1000, "p90_us": 1200},
        {
            "kind": "failure",
            "protocol": "tcp",
            "via": ["ce-2", "loop-2>", "pe1"],
            "endpoint": "svc-teller",
            "attempts": 60,
            "failed": 21,
            "leak": 0.002,
            "outcome": "refused",
        },
        {
            "kind": "failure",
            "protocol": "dns",
            "via": [],
            "endpoint": "dns-1",
            "attempts": 12,
            "failed": 12,
            "outcome": "timeout",
        },
        {
            "kind": "response",
            "endpoint": "svc-teller",
            "n": 300,
            "median_us": 90000,
            "baseline": {"n": 20000, "median_us": 8000, "mad_us": 900},
        },
        {"kind": "zero_window", "endpoint": "srv-1", "seconds": 60, "closed_seconds": 22.4},
        {"kind": "mtu", "via": ["pe1", "core-1>", "pe3"], "size": 1500, "sent": 20, "lost": 20},
        {"kind": "counter", "component": "loop-1", "name": "if_in_errors", "raised": True},
        {"kind": "counter", "component": "loop-1", "name": "link_down", "raised": False},
        {"kind": "event", "component": "loop-1>", "name": "LOS", "raised": True, "source": "trap"},
        {"kind": "silence", "probe": "ce-4", "site": "branch-4", "missed": 6, "expected": 6},
        {"kind": "route_change", "from": "ce-1-wan", "to": "fw-wan", "components": ["pe1-p1", "p1", "pe1-p2", "p2"]},
    ],
}


def _rows(*pairs: tuple[int, float]) -> list[dict[str, Any]]:
    return [{"observation": number, "nats": nats, "text": f"observation {number}"} for number, nats in pairs]


def make_entry(components: Sequence[str], mode: str, owner: str, **more: Any) -> dict[str, Any]:
    """A verdict entry."""
    entry = {"components": list(components), "mode": mode, "owner": owner, "confidence": 0.97, "planned": False, "blames": True}
    return entry | {"candidates": [{"id": c, "probability": 0.97 / len(components)} for c in components]} | more


LOOP = make_entry(
    ["loop-1>"],
    "loss",
    "access",
    severity={"value": 0.0197, "low": 0.017, "high": 0.022},
    candidates=[{"id": "loop-1>", "probability": 0.97}, {"id": "ce-1", "probability": 0.02}],
    owners={"access": 0.97, "customer": 0.02, "carrier_core": 0.01},
    evidence=_rows((0, 402.1), (2, 866.0), (11, 4.1), (13, 6.8)),
    against=_rows((1, -3.2), (12, -0.9)),
    cause="LOS told by trap",
    next_step="Dispatch access maintenance to loop-1.",
)
CORE = make_entry(
    ["pe2-p1>", "p1-pe3>"],
    "congestion",
    "carrier_core",
    confidence=0.9,
    severity={"value": 14.1, "low": 12.0, "high": 17.5},
    candidates=[
        {"id": "pe2-p1>", "probability": 0.46},
        {"id": "p1-pe3>", "probability": 0.44},
        {"id": "loop-dc>", "probability": 0.06},
    ],
    owners={"carrier_core": 0.93, "access": 0.07},
    evidence=_rows((4, 51.3), (3, 12.0)),
    against=_rows((5, -0.4)),
    next_step="Hand over to core operations: pe2-p1 or p1-pe3.",
)
SERVER = make_entry(
    ["srv-1"],
    "stalled",
    "destination",
    severity={"value": 0.37, "low": 0.31, "high": 0.44},
    candidates=[{"id": "srv-1", "probability": 0.81}, {"id": "svc-teller", "probability": 0.18}],
    owners={"destination": 1.0},
    evidence=_rows((9, 80.5), (8, 33.0), (6, 2.0), (7, 1.1), (10, 0.8), (14, 0.5), (15, 0.2)),
    next_step="Ask the data centre to check srv-1.",
)
SITE = make_entry(["branch-4"], "down", "customer", severity={"value": 1.0, "low": 1.0, "high": 1.0}, evidence=_rows((14, 9.0)))


def make_revision(number: int, event: EventKind, ago: int, entry: Mapping[str, Any], reason: str) -> Revision:
    """Something that was said `ago` windows before now."""
    return Revision(
        number=number,
        event=event,
        time_ns=NOW_NS - ago * TEN_S,
        owner=Owner(entry["owner"]),
        mode=Mode(entry["mode"]),
        components=tuple(entry["components"]),
        confidence=entry["confidence"],
        reason=reason,
    )


def make_incident(name: str, lines: Sequence[LineCode], entry: Mapping[str, Any], **changes: Any) -> Incident:
    """An open incident since `ONSET`."""
    incident = Incident(
        id=IncidentId(name),
        tenants=(TENANT,),
        lines=tuple(lines),
        state=IncidentState.OPEN,
        planned=False,
        notified=True,
        onset_ns=NOW_NS - ONSET * TEN_S,
        raised_ns=NOW_NS - (ONSET - 3) * TEN_S,
        updated_ns=NOW_NS,
        verdict=entry,
        context={
            "span_s": 60,
            "floor": [
                {"components": entry["components"], "mode": "loss", "value": 0.0012},
                {"components": entry["components"], "mode": "delay", "value": 0.8},
            ],
        },
        revisions=(make_revision(1, EventKind.RAISE, ONSET - 3, entry, "found in enough consecutive steps"),),
    )
    return attrs.evolve(incident, **changes)


def make_incidents() -> list[Incident]:
    """One of each look: plain, revised and ambiguous, behind Z, a site, cleared."""
    before = make_entry(["loop-3>"], "delay", "access", confidence=0.71)
    moved = make_revision(
        2,
        EventKind.REVISE,
        12,
        CORE,
        "verdict revised: owner from access to carrier_core; place from loop-3> to pe2-p1>, p1-pe3> "
        "because median delay 19.4 ms, usually 5.3 ms from pe2 to pe3 (1180 samples)",
    )
    over = make_revision(2, EventKind.CLEAR, 60, SITE, "healthy for 300 s")
    raised = make_revision(1, EventKind.RAISE, ONSET - 3, before, "found in enough consecutive steps")
    core = make_incident("F20260105-0103-c0de01", [CORE_LINE, QUIET_LINE], CORE, revisions=(raised, moved))
    core = attrs.evolve(core, context={**core.context, "next_test": {"from": "pe2-mirror", "to": "p1"}})
    site = make_incident("F20260105-0059-5173aa", [QUIET_LINE], SITE)
    return [
        make_incident("F20260105-0105-10c0a1", [LOOP_LINE], LOOP),
        core,
        make_incident("F20260105-0106-5e7e4b", [SERVER_LINE, LOOP_LINE], SERVER),
        attrs.evolve(
            site,
            state=IncidentState.CLEARED,
            onset_ns=NOW_NS - 85 * TEN_S,
            ended_ns=NOW_NS - 70 * TEN_S,
            cleared_ns=NOW_NS - 60 * TEN_S,
            revisions=(make_revision(1, EventKind.RAISE, 83, SITE, "found in enough consecutive steps"), over),
        ),
    ]


@attrs.define
class BankRows:
    """`analyzer.views.Stored` in memory."""

    rows: list[Point]
    all_incidents: list[Incident]
    routes: list[TracedRoute]
    told_gaps: list[ToldGap]
    told: list[DeviceEvent] = attrs.field(factory=list)
    line_results: list[LineResult] = attrs.field(factory=list)

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
        return [WindowNote(start_ns=NOW_NS - TEN_S, end_ns=NOW_NS, revision=1)][:limit]

    def incidents(self) -> Sequence[Incident]:
        return self.all_incidents

    def incident(self, incident: str) -> Incident | None:
        return next((i for i in self.all_incidents if i.id == incident), None)

    def evidence(self, incident: str) -> Mapping[str, Any] | None:
        del incident
        return EVIDENCE


def make_rows(known: Inventory) -> list[Point]:
    """Sessions, traffic and health of a quarter of an hour; the loop of the first line loses, the core of the third queues."""
    draw = random.Random(4)
    rows = []
    for ago in range(WINDOWS, 0, -1):
        hurt = ago <= ONSET
        small = [session for session in known.sessions.values() if not session.is_full_size]
        rows += [_session_point(draw, session.id, session.line, ago, hurt=hurt) for session in small]
        for vantage in known.vantages.values():
            for line in vantage.positions if vantage.observation_point else ():
                rows += _traffic_points(draw, vantage.id, line, ago, hurt=hurt)
        for vantage in known.vantages.values():
            if vantage.observation_point and vantage.probe and not (vantage.probe == "ce-4" and ago < 20):
                tags = {"probe": str(vantage.probe), "observation_point": vantage.observation_point}
                fields: dict[str, FieldValue] = {"capture_received": 4000, "clock_class": "ntp", "clock_error_ns": 700_000}
                rows.append(_point("probe_health", CARRIER, tags, ago, fields))
        rows.append(_point("collector_health", CARRIER, {"stage": "decode"}, ago, {"in": 1}))
    return rows


def _point(measurement: str, tenant: TenantId, tags: Mapping[str, str], ago: int, fields: Mapping[str, FieldValue]) -> Point:
    return Point(
        measurement=measurement,
        level=Level.TEN_SECONDS,
        tenant=tenant,
        tags=dict(tags),
        time_ns=NOW_NS - ago * TEN_S,
        fields=dict(fields),
    )


def _session_point(draw: random.Random, session: str, line: str, ago: int, *, hurt: bool) -> Point:
    lossy = hurt and session in {"ce-1-pe", "ce-1-fw"}
    queued = hurt and session in {"pe2-pe3-1", "ce-3-fw"}
    one_way = 4e6 if session.startswith("pe") else 6e6
    fields: dict[str, FieldValue] = {
        "sent": 1000,
        "received": 1000,
        "lost_forward": draw.randint(14, 26) if lossy else 0,
        "lost_reverse": 0,
        "forward_delay_p50": int(one_way * draw.uniform(0.98, 1.02) + (14e6 * draw.uniform(0.7, 1.3) if queued else 0)),
        "reverse_delay_p50": int(one_way * draw.uniform(0.98, 1.02)),
        "rtt_p50": int(2 * one_way + (14e6 if queued else 0)),
        "clock_class": "ntp",
        "clock_error_ns": 700_000,
        "suspect": 0,
    }
    return _point("session", TENANT, {"line": line, "session": session}, ago, fields)


def _traffic_points(draw: random.Random, vantage: str, line: str, ago: int, *, hurt: bool) -> list[Point]:
    found = []
    for direction, octets in (("a_to_z", 1.2e6), ("z_to_a", 5.1e6)):
        tags = {"line": line, "vantage": vantage, "direction": direction}
        moved = int(octets * draw.uniform(0.9, 1.1) * (0.6 if hurt and line == LOOP_LINE else 1.0))
        found.append(_point("line_traffic", TENANT, tags, ago, {"octets": moved, "packets": moved // 900}))
        ahead = hurt and line == LOOP_LINE and vantage.startswith("ce") and direction == "a_to_z"
        quality: dict[str, FieldValue] = {
            "tcp_segments": moved // 1000,
            "loss_upstream": 0,
            "loss_downstream": moved // 50_000 if ahead else 0,
            "capture_loss_ratio": 0.0,
            "one_sided_ratio": 0.02,
            "data_rtt_p50": int(13e6 * draw.uniform(0.97, 1.03)),
            "data_rtt_p95": int(19e6 * draw.uniform(0.9, 1.2)),
        }
        found.append(_point("line_quality", TENANT, tags, ago, quality))
    return found


def make_routes() -> list[TracedRoute]:
    """Two flows of the third line: one on each of the equal paths, and the second was on the first before."""
    by = {
        1: ("10.200.3.2", "10.200.21.2", "10.200.31.2", None, "10.200.40.2"),
        2: ("10.200.3.2", "10.200.22.2", "10.200.32.2", "10.200.255.3", "10.200.40.2"),
    }
    return [
        TracedRoute(
            flow=TracedFlow(
                trace="trace-ce-3-fw",
                probe="ce-3",
                protocol=17,
                source_address="10.200.3.1",
                source_port=41030 + number,
                destination_address="10.200.40.2",
                destination_port=862,
            ),
            traced_ns=NOW_NS - 2 * TEN_S,
            hops=hops,
            reached=True,
            route=hops,
            since_ns=NOW_NS - 40 * TEN_S,
            previous=by[1] if number > 1 else None,
        )
        for number, hops in by.items()
    ]


@pytest.fixture
def bank() -> StoredViews:
    """Pages of the bank: three open incidents, one over, planned work, and a branch whose probe is silent."""
    known = inventory.parse(inventory_document(Probes.FULL), "the bank")
    begin_ns = NOW_NS + 3600 * SECOND_NS
    work = PlannedWork(components=(Base("core-2"),), start_ns=begin_ns, end_ns=2 * begin_ns - NOW_NS, reason="line card swap")
    known = attrs.evolve(known, planned=(work,))
    gap = ToldGap(
        probe="ce-3", stream=Stream.FLOWS, first_seq=41, last_seq=52, reason="disk_full", told_ns=NOW_NS - ONSET * TEN_S
    )
    stored = BankRows(rows=make_rows(known), all_incidents=make_incidents(), routes=make_routes(), told_gaps=[gap])
    belief = Belief(suspected=frozenset(), learning={QUIET_LINE: NOW_NS + 600 * SECOND_NS})
    return StoredViews(network=network_of(known), stored=stored, belief=lambda: belief, clock=VirtualClock(NOW_NS))
