"""Where declared work stands, with what was found in it."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from analyzer.planning.works.standing import MOST_SHOWN, PAST_NS, Stage, standings
from faultline.inventory import Freeze, PlannedWork
from faultline.records.incident import Base, Incident, IncidentId, IncidentState
from faultline.records.terms import SECOND_NS, LineCode, TenantId

NOW_NS = 1_800_000_000 * SECOND_NS
MINUTE_NS = 60 * SECOND_NS


def make_work(start: int, end: int, *components: str) -> PlannedWork:
    """Minutes from now."""
    named = tuple(map(Base, components or ("loop",)))
    return PlannedWork(components=named, start_ns=NOW_NS + start * MINUTE_NS, end_ns=NOW_NS + end * MINUTE_NS, reason="")


def make_incident(onset: int, **changes: Any) -> Incident:
    """On the loop since so many minutes from now, and still seen."""
    incident = Incident(
        id=IncidentId(f"F{onset}"),
        tenants=(TenantId("bank"),),
        lines=(LineCode("L1"),),
        state=IncidentState.OPEN,
        planned=True,
        notified=False,
        onset_ns=NOW_NS + onset * MINUTE_NS,
        raised_ns=NOW_NS,
        updated_ns=NOW_NS,
        verdict={"components": ["loop>"], "mode": "down", "owner": "access", "confidence": 1.0},
    )
    return attrs.evolve(incident, **changes)


def test_what_needs_somebody_comes_first() -> None:
    """Overrun, under way, to come, over; a freeze stands among them and is never overrun."""
    overrun, current, soon, later, past = (make_work(*t) for t in ((-60, -5), (-5, 5), (10, 20), (30, 40), (-90, -80)))
    freeze = Freeze(start_ns=past.start_ns, end_ns=NOW_NS - 1, reason="", tenants=(), lines=())
    rows = standings([later, past, freeze, soon, current, overrun], [make_incident(-30)], NOW_NS)
    assert [row.declared for row in rows] == [overrun, current, soon, later, freeze, past]
    assert [row.stage for row in rows] == [Stage.OVERRUN, Stage.CURRENT, Stage.COMING, Stage.COMING, Stage.PAST, Stage.PAST]


@pytest.mark.parametrize(
    "incident",
    [
        make_incident(-30, state=IncidentState.CLEARED),
        make_incident(-30, updated_ns=NOW_NS - 6 * MINUTE_NS),
        make_incident(-90),
        make_incident(-1),
        make_incident(-30, verdict={"components": ["core>"], "mode": "down", "owner": "access", "confidence": 1.0}),
        make_incident(-30, verdict={"components": ["loop"], "mode": "route", "owner": "unknown", "confidence": 1.0}),
    ],
    ids=["it ended", "it was not seen since", "it was there before", "it began later", "elsewhere", "a changed route"],
)
def test_work_that_is_over_is_no_overrun_when(incident: Incident) -> None:
    """Nothing that began in it is still seen."""
    (row,) = standings([make_work(-60, -5)], [incident], NOW_NS)
    assert row.stage is Stage.PAST


def test_the_list_is_bounded() -> None:
    """What has been over for long is left out, and so are the last of very many."""
    old = PlannedWork(components=(Base("loop"),), start_ns=0, end_ns=NOW_NS - PAST_NS, reason="")
    assert standings([old], [], NOW_NS) == []
    assert len(standings([make_work(n, n + 1) for n in range(MOST_SHOWN + 5)], [], NOW_NS)) == MOST_SHOWN
