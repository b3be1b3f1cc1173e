"""Vantages that see nothing, and why."""

from __future__ import annotations

from typing import Any

import pytest

from analyzer.planning.doubt import Doubtful
from analyzer.planning.measured.seen import Seen
from analyzer.planning.measured.vantages import Sight
from faultline.records.terms import SECOND_NS, LineCode, ProbeId, SessionId, VantageId

from .conftest import document, known

A, Z, L1 = VantageId("a-L1"), VantageId("z-L1"), LineCode("L1")
PROBES = (ProbeId("a-L1"), ProbeId("z-L1"))


def seen(**changes: Any) -> Seen:
    """Everything as it should be on one line, but for what a test changes."""
    usual: dict[str, Any] = {
        "packets": {(A, L1): 100, (Z, L1): 100},
        "captured": {(probe, "wan"): 100 for probe in PROBES},
        "probes": frozenset(PROBES),
        "sessions": {SessionId("s-L1"): 50},
        "dials": {},
        "traces": {},
    }
    return Seen(start_ns=0, end_ns=300 * SECOND_NS, **(usual | changes))


def test_where_everything_is_seen_there_is_nothing_to_tell() -> None:
    """Packets at both vantages."""
    sight = Sight(known(document()), seen())
    assert list(sight.doubts()) == []
    assert sight.silent() == frozenset()


REASONS: dict[str, tuple[dict[str, Any], str, str]] = {
    "its probe is not there": ({"probes": frozenset({PROBES[0]})}, "probe z-L1 has told nothing in 5 min", "probe"),
    "its probe captures elsewhere": (
        {"captured": {(PROBES[0], "wan"): 9, (PROBES[1], "lan"): 9}},
        "has no observation point 'wan'",
        "observation_point",
    ),
    "its mirror is dead": (
        {"captured": {(PROBES[0], "wan"): 9, (PROBES[1], "wan"): 0}},
        "captured no packet",
        "observation_point",
    ),
    "the networks are others": (
        {"packets": {(A, L1): 100, (Z, None): 70}},
        "sees 70 packets, and none between the networks of L1",
        "positions",
    ),
    "other packets": ({}, "captures packets, and none of L1", "positions"),
}


@pytest.mark.parametrize("name", REASONS)
def test_a_capture_that_sees_nothing_says_the_first_reason(name: str) -> None:
    """At the key that is likely to be wrong."""
    changes, text, key = REASONS[name]
    (doubt,) = Sight(known(document()), seen(**({"packets": {(A, L1): 100}} | changes))).doubts()
    assert doubt.what is Doubtful.SILENT_VANTAGE
    assert doubt.subjects == ("z-L1",)
    assert text in doubt.text
    assert (doubt.at.section, doubt.at.name, doubt.at.key) == ("vantages", "z-L1", key)


def test_a_line_that_passes_by_a_vantage_is_told_there() -> None:
    """Others see its packets; a line nobody sees is quiet, and one of a pair may rest."""
    made = document("L1", "L2")
    made["vantages"][1]["positions"].append({"line": "L2", "after": "pe2"})
    one = seen(
        packets={(A, L1): 9, (Z, L1): 9, (VantageId("z-L2"), LineCode("L2")): 9, (VantageId("a-L2"), LineCode("L2")): 9},
        captured={(ProbeId(name), "wan"): 9 for name in ("a-L1", "z-L1", "a-L2", "z-L2")},
        probes=frozenset(ProbeId(name) for name in ("a-L1", "z-L1", "a-L2", "z-L2")),
        sessions={SessionId("s-L1"): 1, SessionId("s-L2"): 1},
    )
    (doubt,) = Sight(known(made), one).doubts()
    assert "vantage z-L1 sees no packet of L2, which z-L2, a-L2 sees" in doubt.text
    made["lines"][0]["backup"] = "L2"
    assert list(Sight(known(made), one).doubts()) == []


def test_tests_that_never_come_back_are_told_of_what_takes_part_in_them_alone() -> None:
    """A reflector that does not answer; what neither saw nor heard anything is silent."""
    made = document()
    del made["vantages"][1]["observation_point"]
    sight = Sight(known(made), seen(sessions={SessionId("s-L1"): 0}, packets={(A, L1): 100}))
    (doubt,) = sight.doubts()
    assert "none of them came back" in doubt.text
    assert sight.silent() == {Z}
