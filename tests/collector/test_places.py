"""Enrichment: which line, whose, which direction; and why not, where there is none."""

from __future__ import annotations

from typing import Any

import pytest

from collector.enrich.places import Directory, LinePlace, Nowhere, Place, VantagePlace
from faultline.records.terms import UNASSIGNED, Direction, LineCode, SessionId, TenantId, VantageId
from tests.collector.conftest import BANK, BEGIN_NS, LINE, TEN_S, FakeProbe, Ground, make_flow

SCHOOL = TenantId("school")
TWO = Directory(
    lines=[
        LinePlace(code=LineCode("wide"), tenant=BANK, a_prefixes=("10.0.0.0/8",), z_prefixes=("10.9.0.0/16",)),
        LinePlace(code=LineCode("narrow"), tenant=BANK, a_prefixes=("10.1.17.0/24",), z_prefixes=("10.9.0.0/16",)),
        LinePlace(code=LineCode("other"), tenant=SCHOOL, a_prefixes=("10.1.17.0/24",), z_prefixes=("10.9.0.0/16",)),
    ],
    vantages=[
        VantagePlace(
            id=VantageId("v1"), probe="p", observation_point="wan", lines=frozenset({LineCode("wide"), LineCode("narrow")})
        ),
        VantagePlace(id=VantageId("v2"), probe="p", observation_point="mirror", lines=frozenset({LineCode("other")})),
    ],
    sessions={SessionId("s"): LineCode("narrow")},
)


@pytest.mark.parametrize(
    ("point", "source", "destination", "expected"),
    [
        ("wan", "10.1.17.5", "10.9.0.1", ("v1", BANK, "narrow", Direction.A_TO_Z, None)),
        ("wan", "10.9.0.1", "10.1.17.5", ("v1", BANK, "narrow", Direction.Z_TO_A, None)),
        ("wan", "10.2.0.1", "10.9.0.1", ("v1", BANK, "wide", Direction.A_TO_Z, None)),
        ("mirror", "10.1.17.5", "10.9.0.1", ("v2", SCHOOL, "other", Direction.A_TO_Z, None)),
        ("wan", "192.0.2.1", "10.9.0.1", ("v1", UNASSIGNED, None, None, Nowhere.NO_LINE)),
        ("wan", None, "10.9.0.1", ("v1", UNASSIGNED, None, None, Nowhere.NO_ADDRESS)),
        ("eth7", "10.1.17.5", "10.9.0.1", ("p/eth7", UNASSIGNED, None, None, Nowhere.AMBIGUOUS)),
        ("wan", "2001:db8::1", "10.9.0.1", ("v1", UNASSIGNED, None, None, Nowhere.NO_LINE)),
        ("wan", "not an address", "10.9.0.1", ("v1", UNASSIGNED, None, None, Nowhere.NO_LINE)),
    ],
)
def test_the_longest_prefixes_at_both_ends_decide(
    point: str, source: str | None, destination: str | None, expected: tuple[Any, ...]
) -> None:
    """Among the lines the vantage sees; two that fit equally well are no answer."""
    place = TWO.place("p", point, source, destination)
    assert (place.vantage, place.tenant, place.line, place.forward, place.nowhere) == expected


def test_a_session_belongs_to_its_line_and_a_stranger_to_nobody() -> None:
    """By its configured id alone."""
    assert TWO.session("s") == (BANK, LineCode("narrow"))
    assert TWO.session("t") == (UNASSIGNED, None)


def test_a_place_is_the_same_however_often_it_is_asked() -> None:
    """Remembered addresses answer as the first time."""
    first = TWO.place("p", "wan", "10.1.17.5", "10.9.0.1")
    assert first == TWO.place("p", "wan", "10.1.17.5", "10.9.0.1")
    assert isinstance(first, Place)


def test_unmapped_traffic_is_kept_and_counted(ground: Ground) -> None:
    """Tenant `_unassigned` in roll-up and archive, with the reason in a counter; never guessed, never dropped."""
    flow = make_flow(source_address="192.0.2.1")
    ground.now_ns = BEGIN_NS + TEN_S
    ground.send(FakeProbe().batch("flows", {"flow": [flow]}, closed_ns=BEGIN_NS + TEN_S))
    ground.advance(60)
    (row,) = ground.flows()
    assert (row["tenant"], row["line"]) == (UNASSIGNED, None)
    (point,) = ground.points("line_traffic")
    assert (point.tenant, dict(point.tags), point.fields["packets"]) == (UNASSIGNED, {"vantage": "v-branch"}, 150)
    assert point.fields["flows"] == 1
    assert ground.collector.counters.value("unassigned_flows", reason="no_line") == 1


def test_both_families_of_addresses_find_the_line(ground: Ground) -> None:
    """IPv6 prefixes count as IPv4 ones; the archive keeps addresses as text."""
    flow = make_flow(source_address="2001:db8:1::5", destination_address="2001:db8:2::9")
    ground.now_ns = BEGIN_NS + TEN_S
    six = FakeProbe().batch("flows", {"flow": [make_flow(), flow]}, closed_ns=BEGIN_NS + TEN_S)
    ground.send(six)
    ground.advance(60)
    assert sorted((row["source_address"], row["line"]) for row in ground.flows()) == [("10.1.0.5", LINE), ("2001:db8:1::5", None)]
