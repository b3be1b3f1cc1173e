"""Which sayings closed incidents confirm, which have nothing behind them, and that each is judged once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import pytest

from analyzer.hearing import AROUND_NS, SETTLE_NS, Hearing
from analyzer.incidents import IncidentEvent
from analyzer.network import LineFacts, Network
from faultline.inference.observations_events import usual_credence
from faultline.records.device_event import DeviceEvent
from faultline.records.incident import Base, EventKind, Incident, IncidentId, IncidentState
from faultline.records.terms import SECOND_NS, ComponentId, ComponentKind, LineCode, Owner, TenantId
from faultline.reports.material import LineCard, LinePath, PathElement, PlannedWindow
from tests.analyzer.test_credence import make_event

T_NS = 1_800_000_000 * SECOND_NS
"""When the trap came."""
LINE = LineCode("L1")
SEEN = frozenset({Base("loop"), Base("core")})
ELEMENTS = tuple(
    PathElement(base=Base(name), name=name, kind=ComponentKind.SEGMENT, owner=Owner.ACCESS) for name in ("loop", "core")
)
EVIDENCE = {"observations": [{"kind": "loss"}, {"kind": "event"}]}


@attrs.define
class Kept:
    """`analyzer.hearing.Told` in memory."""

    events: list[DeviceEvent]
    learned: Mapping[str, Any] | None = None
    written: int = 0

    def told(self, *, since_ns: int) -> Sequence[DeviceEvent]:
        return [event for event in self.events if event.happened_ns >= since_ns]

    def told_between(self, start_ns: int, end_ns: int) -> Sequence[DeviceEvent]:
        return [event for event in self.events if start_ns <= event.happened_ns < end_ns]

    def evidence(self, incident: str) -> Mapping[str, Any] | None:
        del incident
        return EVIDENCE

    def credence(self) -> Mapping[str, Any] | None:
        return self.learned

    def put_credence(self, end_ns: int, document: Mapping[str, Any]) -> None:
        del end_ns
        self.learned = document
        self.written += 1


def network(*planned: PlannedWindow) -> Network:
    """One line over both components."""
    card = LineCard(code=LINE, customer="Bank")
    return Network(lines={LINE: LineFacts(card=card, tenant=TenantId("bank"), path=LinePath(elements=ELEMENTS), planned=planned)})


def make_incident(**changes: Any) -> Incident:
    """The loop was down for a minute around the trap, and packets were lost on it."""
    incident = Incident(
        id=IncidentId("F1"),
        tenants=(TenantId("bank"),),
        lines=(LINE,),
        state=IncidentState.CLEARED,
        planned=False,
        notified=True,
        onset_ns=T_NS - 10 * SECOND_NS,
        raised_ns=T_NS + 10 * SECOND_NS,
        updated_ns=T_NS + 50 * SECOND_NS,
        ended_ns=T_NS + 50 * SECOND_NS,
        verdict={
            "components": ["loop>", "loop<"],
            "mode": "down",
            "owner": "access",
            "confidence": 1.0,
            "evidence": [{"observation": 0, "nats": 30.0}, {"observation": 1, "nats": 3.4}],
        },
    )
    return attrs.evolve(incident, **changes)


TRAP = make_event(received_ns=T_NS)


def hear(
    kept: Kept,
    *,
    incidents: Sequence[Incident] = (),
    closed: Sequence[Incident] = (),
    seen: frozenset[Base] = SEEN,
    planned: Sequence[PlannedWindow] = (),
    until_ns: int = T_NS + SETTLE_NS + 60 * SECOND_NS,
) -> Hearing:
    """Listen step by step until ten minutes after the trap; incidents close in the first step."""
    hearing = Hearing(kept)
    said = [IncidentEvent(kind=EventKind.CLEAR, incident=incident, notify=True) for incident in closed]
    for end_ns in range(T_NS - 30 * SECOND_NS, until_ns + 1, 10 * SECOND_NS):
        hearing.learn(end_ns, said, network=network(*planned), observed=seen, incidents=lambda: incidents)
        said = []
    return hearing


def test_a_trap_with_nothing_behind_it_is_counted_once() -> None:
    """Ten minutes later, where packets are measured; also over a restart."""
    kept = Kept([TRAP])
    hearing = hear(kept)
    usual = usual_credence(TRAP)
    assert hearing.credence_of(TRAP).false_positive_rate == pytest.approx(2 * usual.false_positive_rate)
    assert kept.written == 1
    assert hear(kept).credence_of(TRAP) == hearing.credence_of(TRAP)
    assert kept.written == 1


@pytest.mark.parametrize(
    "reason",
    [
        {"incidents": [make_incident()]},
        {"incidents": [make_incident(verdict=make_incident().verdict | {"components": ["core>"]})]},
        {"incidents": [make_incident(onset_ns=T_NS + SETTLE_NS, ended_ns=None, state=IncidentState.OPEN)]},
        {"seen": frozenset({Base("core")})},
        {"planned": [PlannedWindow(places=(Base("loop"),), start_ns=T_NS, end_ns=T_NS + 1)]},
    ],
    ids=["its own incident", "one beside it", "one that began later", "nothing is measured there", "work was planned"],
)
def test_a_trap_is_not_held_against_its_sender_when(reason: dict[str, Any]) -> None:
    """Something was wrong on the line, or nobody could know."""
    assert hear(Kept([TRAP]), **reason).credence_of(TRAP) == usual_credence(TRAP)


def test_a_closed_incident_confirms_what_was_told_of_it() -> None:
    """Shortly before its estimated begin, while it lasted, shortly after; words of another time are not of it."""
    incident = make_incident()
    assert hear(Kept([TRAP]), incidents=[incident], closed=[incident]).credence_of(TRAP).nats > usual_credence(TRAP).nats
    early = attrs.evolve(TRAP, received_ns=incident.onset_ns - AROUND_NS - 1)
    assert hear(Kept([early]), incidents=[incident], closed=[incident]).credence_of(TRAP) == usual_credence(TRAP)


@pytest.mark.parametrize(
    "changes",
    [
        {"planned": True},
        {"merged_into": IncidentId("F0")},
        {"verdict": make_incident().verdict | {"mode": "route"}},
        {"verdict": make_incident().verdict | {"evidence": [{"observation": 1, "nats": 30.0}]}},
        {"verdict": make_incident().verdict | {"evidence": []}},
    ],
    ids=["planned", "merged", "a route", "events alone speak for it", "nothing speaks for it"],
)
def test_what_a_verdict_owes_to_words_confirms_no_words(changes: dict[str, Any]) -> None:
    """Nor does planned work, nor what nobody is blamed for."""
    incident = make_incident(**changes)
    kept = Kept([TRAP])
    assert hear(kept, incidents=[make_incident()], closed=[incident]).credence_of(TRAP) == usual_credence(TRAP)


def test_announced_work_is_not_judged() -> None:
    """It is no claim that something is wrong."""
    work = attrs.evolve(TRAP, name="PLANNED_WORK", component=ComponentId("loop"))
    kept = Kept([work])
    hear(kept)
    assert kept.written == 0
