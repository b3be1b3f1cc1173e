"""Two sets of incidents beside each other, and how a period is named."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from analyzer.planning.works.times import UnusableError
from analyzer.replaying.differences import differences
from analyzer.replaying.period import moment_ns
from faultline.records.incident import EventKind, Incident, IncidentId, IncidentState, Revision
from faultline.records.terms import SECOND_NS, Mode, Owner


def make_incident(name: str, *said: tuple[int, str, str, str], cleared: int | None = None) -> Incident:
    """An incident that was raised, and perhaps revised, at such seconds with place, mode and owner."""
    revisions = [
        Revision(
            number=number,
            event=EventKind.RAISE if number == 1 else EventKind.REVISE,
            time_ns=at * SECOND_NS,
            owner=Owner(owner),
            mode=Mode(mode),
            components=(place,),
            confidence=0.9,
            reason="",
        )
        for number, (at, place, mode, owner) in enumerate(said, start=1)
    ]
    verdict: dict[str, Any] = {"components": [said[-1][1]], "mode": said[-1][2], "owner": said[-1][3], "confidence": 0.9}
    incident = Incident(
        id=IncidentId(name),
        tenants=(),
        lines=(),
        state=IncidentState.OPEN,
        planned=False,
        notified=True,
        onset_ns=(said[0][0] - 20) * SECOND_NS,
        raised_ns=said[0][0] * SECOND_NS,
        updated_ns=said[-1][0] * SECOND_NS,
        verdict=verdict,
        revisions=tuple(revisions),
    )
    if cleared is None:
        return incident
    return attrs.evolve(incident, state=IncidentState.CLEARED, cleared_ns=cleared * SECOND_NS)


def compared(
    then: list[Incident], now: list[Incident], since: int = 0, until: int = 1000
) -> list[tuple[str, str | None, str | None]]:
    """Differences in a few words."""
    found = differences(then, now, since_ns=since * SECOND_NS, until_ns=until * SECOND_NS)
    return [(d.what.value, d.then.id if d.then else None, d.now.id if d.now else None) for d in found]


LOOP = (100, "loop>", "loss", "access")


def test_the_same_said_twice_is_no_difference() -> None:
    """Ids differ and a window's delay is nothing: owner, mode, place, begin and end are compared."""
    then, now = make_incident("a", LOOP, cleared=300), make_incident("b", (110, *LOOP[1:]), cleared=310)
    assert compared([then], [now]) == []


def test_each_kind_of_difference_is_named() -> None:
    """Owner, mode, place, raised, cleared; and what only one of the two says."""
    old = make_incident("a", LOOP, cleared=300)
    new = make_incident("b", (150, "loop>", "loss", "access"), (200, "core>", "delay", "carrier_core"))
    other = make_incident("c", (500, "lan", "down", "customer"))
    found = compared([old, other], [new])
    assert found == [*((what, "a", "b") for what in ("owner", "mode", "place", "raised", "cleared")), ("only_then", "c", None)]
    assert compared([], [other]) == [("only_now", None, "c")]


def test_what_was_open_before_the_period_has_no_begin_to_compare() -> None:
    """A replay cannot raise it earlier than the period begins."""
    old, new = make_incident("a", LOOP), make_incident("b", (620, *LOOP[1:]))
    assert compared([old], [new], since=600) == []


def test_what_was_said_after_the_period_does_not_count() -> None:
    """The end and the revision of a later hour are not of this one; an incident that ended before it is not in it."""
    old = make_incident("a", LOOP, (2000, "core>", "loss", "carrier_core"), cleared=3000)
    assert compared([old], [make_incident("b", LOOP)]) == []
    assert compared([make_incident("c", LOOP, cleared=300)], [], since=600) == []


def test_two_faults_of_one_place_at_two_times_are_two() -> None:
    """The same place later is another incident."""
    old = make_incident("a", LOOP, cleared=200)
    new = make_incident("b", (800, *LOOP[1:]))
    assert compared([old], [new]) == [("only_then", "a", None), ("only_now", None, "b")]


def test_a_moment_is_an_instant_or_so_long_ago() -> None:
    """With an offset, in UTC, or counted back from now; anything else says how to write it."""
    now_ns = 1_800_000_000 * SECOND_NS
    assert moment_ns("90m", now_ns) == now_ns - 5400 * SECOND_NS
    assert moment_ns("2027-01-15T08:00:00Z", now_ns) == now_ns
    assert moment_ns("2027-01-15 16:00+08:00", now_ns) == moment_ns("2027-01-15 08:00", now_ns) == now_ns
    with pytest.raises(UnusableError, match="90m"):
        moment_ns("yesterday", now_ns)
