"""What was said and when: a verdict that changes says from what to what, and why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any

import attrs

from faultline.records.incident import EventKind, Incident, IncidentId, IncidentState, Revision
from faultline.records.terms import SECOND_NS, LineCode, Mode, Owner, TenantId
from faultline.reports.history import timeline
from faultline.reports.sentences import Speaker
from faultline.reports.words import Language

BEGIN_NS = 1_767_225_600 * SECOND_NS
REASON = "verdict revised: owner from access to carrier_core because 9 of 90 test packets lost from pe1 to loop>"


def make_revision(number: int, event: EventKind, **changes: Any) -> Revision:
    """Something said about the loop, ten seconds after what was said before."""
    said = Revision(
        number=number,
        event=event,
        time_ns=BEGIN_NS + 10 * number * SECOND_NS,
        owner=Owner.ACCESS,
        mode=Mode.LOSS,
        components=("loop>",),
        confidence=0.7,
        reason="",
    )
    return attrs.evolve(said, **changes)


def make_incident(*revisions: Revision, **changes: Any) -> Incident:
    """An incident of which these things were said."""
    incident = Incident(
        id=IncidentId("F1"),
        tenants=(TenantId("bank"),),
        lines=(LineCode("L1"),),
        state=IncidentState.OPEN,
        planned=False,
        notified=True,
        onset_ns=BEGIN_NS,
        raised_ns=BEGIN_NS,
        updated_ns=BEGIN_NS,
        verdict={"components": ["loop>"], "mode": "loss", "owner": "access", "confidence": 0.7},
        revisions=revisions,
    )
    return attrs.evolve(incident, **changes)


MOVED = make_incident(
    make_revision(1, EventKind.RAISE),
    make_revision(2, EventKind.REVISE, owner=Owner.CARRIER_CORE, components=("core>",), confidence=0.95, reason=REASON),
)


def test_a_revision_says_what_moved_from_where_to_where_and_why(speaker: Speaker, plain: Callable[[str], str]) -> None:
    """Owner and place in words, the strongest observation with names instead of ids, and how sure it is now."""
    words = plain(timeline(speaker, MOVED, UTC))
    assert (
        "revised moved from access network to carrier core; from Loop to Core "
        "because 9 of 90 test packets lost from Pe1 to Loop; 95 % sure"
    ) in words
    assert words.startswith("2026-01-01 00:00:00 UTC begin")


def test_the_same_is_said_in_chinese_from_the_fields(speaker: Speaker, plain: Callable[[str], str]) -> None:
    """The English reason stays out."""
    words = plain(timeline(Speaker(language=Language.ZH, names=speaker.names), MOVED, UTC))
    assert "责任方由接入网改为运营商骨干网" in words
    assert "位置由 Loop 改为 Core" in words
    assert "because" not in words


def test_an_end_says_how_long_health_was_measured(speaker: Speaker, plain: Callable[[str], str]) -> None:
    """From the last window that spoke for the fault to the clearing."""
    over = make_incident(
        make_revision(1, EventKind.RAISE), make_revision(31, EventKind.CLEAR), ended_ns=BEGIN_NS + 10 * SECOND_NS
    )
    assert "measured healthy for 5 min" in plain(timeline(speaker, over, UTC))
    merged = attrs.evolve(over, merged_into=IncidentId("F0"))
    assert "the same fault as F0" in plain(timeline(speaker, merged, UTC))


def test_planned_work_and_its_end_are_told(speaker: Speaker, plain: Callable[[str], str]) -> None:
    """First quiet, then a raise because the fault outlived its window."""
    quiet = make_incident(
        make_revision(1, EventKind.RAISE, reason="found during planned work"),
        make_revision(2, EventKind.RAISE, reason="outlived its planned window"),
    )
    words = plain(timeline(speaker, quiet, UTC))
    assert "nobody was paged" in words
    assert "the planned window is over, the fault is not" in words
