"""Evidence told by probes' hosts: link state, counters, silence."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from faultline.inference.observations_attendance import FEWEST_MISSED, FORGET_NS, Attendance
from faultline.inference.observations_hosts import silence_observations
from faultline.inference.observations_ways import Ways
from faultline.inventory.model import Inventory
from faultline.records.terms import Direction, ProbeId

CLEAN = {"in_packets": 1000, "out_packets": 1000, "in_errors": 0, "out_errors": 0, "in_discards": 0, "out_discards": 0}
TEN_S = 10_000_000_000
A, B = ProbeId("branch"), ProbeId("dc")


def raised(seen: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """Counters that were raised: component and name."""
    return {(o["component"], o["name"]) for o in seen if o["raised"]}


def test_a_link_that_is_down_is_down_both_ways(ground: Any) -> None:
    """Both directions of the segment are told, raised when the link was down at any time of the window."""
    seen = ground.observations(ground.interface("branch", "wan0", link_up=0))
    assert raised(seen) == {("loop-a>", "if_oper_down"), ("loop-a<", "if_oper_down")}
    assert raised(ground.observations(ground.interface("branch", "wan0", link_up=1))) == set()


@pytest.mark.parametrize(
    ("probe", "counter", "expected"),
    [
        ("branch", "in_errors", {("loop-a<", "if_in_errors")}),
        ("branch", "out_errors", {("loop-a>", "if_out_errors")}),
        ("branch", "out_discards", {("loop-a>", "if_discards")}),
        ("branch", "in_discards", set()),
        ("dc", "in_errors", {("loop-z>", "if_in_errors")}),
        ("dc", "out_errors", {("loop-z<", "if_out_errors")}),
    ],
)
def test_counters_speak_for_the_direction_they_saw(ground: Any, probe: str, counter: str, expected: set[tuple[str, str]]) -> None:
    """The branch is on the A side of its loop: what it receives came from Z; the data centre the other way about."""
    seen = ground.observations(ground.interface(probe, "wan0", **{**CLEAN, counter: 50}))
    assert raised(seen) == expected


def test_clean_counters_are_told_and_absent_ones_are_not(ground: Any) -> None:
    """Polled clean is evidence; not polled is nothing; an idle interface says nothing of errors."""
    assert len(ground.observations(ground.interface("branch", "wan0", link_up=1, **CLEAN))) == 5
    assert ground.observations(ground.interface("branch", "wan0")) == []
    assert ground.observations(ground.interface("branch", "wan0", in_errors=0, in_packets=0)) == []


def test_one_damaged_frame_is_weather(ground: Any) -> None:
    """A single error raises nothing, nor do errors rarer than the loss of a healthy path."""
    assert raised(ground.observations(ground.interface("branch", "wan0", **{**CLEAN, "in_errors": 1}))) == set()
    busy = {**CLEAN, "in_packets": 1_000_000, "in_errors": 30}
    assert raised(ground.observations(ground.interface("branch", "wan0", **busy))) == set()


def test_an_interface_the_inventory_does_not_name_speaks_for_nothing(ground: Any) -> None:
    """Management interfaces are nobody's component."""
    assert ground.observations(ground.interface("branch", "mgmt0", link_up=0)) == []


def test_a_silent_probe_and_its_site_are_components(ground: Any) -> None:
    """A silence can be the probe or its site; both are listed, and a probe is never mistaken for a device of its name."""
    evidence = ground.evidence(silent={ProbeId("branch"): (6, 6), ProbeId("pe1"): (3, 3)})
    assert evidence["observations"] == [
        {"kind": "silence", "probe": "probe:branch", "site": "branch-17", "missed": 6, "expected": 6},
        {"kind": "silence", "probe": "probe:pe1", "missed": 3, "expected": 3},
    ]
    assert evidence["components"] == [
        {"id": "probe:branch", "kind": "probe", "owner": "unknown", "site": "branch-17"},
        {"id": "branch-17", "kind": "site", "owner": "customer"},
        {"id": "probe:pe1", "kind": "probe", "owner": "unknown"},
    ]


def test_a_silence_crosses_the_way_of_the_reports_and_the_device_they_start_from(known: Inventory) -> None:
    """Where reports take the line itself: a dead device and a cut line silence the probe alike."""
    lines = {code: attrs.evolve(line, reports_to=Direction.A_TO_Z) for code, line in known.lines.items()}
    found = silence_observations({A: (2, 2)}, attrs.evolve(known, lines=lines), Ways(known))
    (via,) = [o["via"] for o in found]
    assert {"ce", "loop-a>", "loop-a<", "pe1"} <= {*via}
    assert "lan-a>" not in via


def test_what_a_silent_probe_measured_before_is_no_evidence(ground: Any) -> None:
    """Whatever silenced it came after: its sessions, its captures and its interfaces say nothing of now, others' do."""
    counts = {"sent": 500, "received": 500, "lost_forward": 0, "lost_reverse": 0, "lost_unattributed": 0}
    rows = [
        ground.session("ce-fw", counts),
        ground.tcp("ce-lan", "a_to_z", {"tcp_segments": 900, "loss_upstream": 0, "loss_downstream": 0}),
        ground.interface("branch", "wan0", link_up=1),
        ground.interface("dc", "wan0", link_up=1),
    ]
    assert {o["kind"] for o in ground.observations(*rows)} == {"loss", "counter"}
    left = ground.observations(*rows, silent={A: (1, 1)})
    assert [(o["kind"], o.get("component")) for o in left] == [
        ("counter", "loop-z>"),
        ("counter", "loop-z<"),
        ("silence", None),
    ]


def attend(attendance: Attendance, windows: list[set[ProbeId]], *, begin: int = 0) -> int:
    """Let windows pass; returns the end of the last one."""
    end = begin
    for heard in windows:
        end += TEN_S
        attendance.observe(end, heard)
    return end


def test_a_probe_that_stops_reporting_is_silent_in_the_first_window_without_it() -> None:
    """A window is final only after its probes had time to report: the first one missed is told, and every one after it."""
    attendance = Attendance()
    end = attend(attendance, [{A, B}] * 5)
    assert attendance.silent(0, end) == {}
    end = attend(attendance, [{B}] * FEWEST_MISSED, begin=end)
    assert attendance.silent(0, end) == {A: (1, 1)}
    end = attend(attendance, [{B}] * 2, begin=end)
    assert attendance.silent(0, end) == {A: (3, 3)}
    assert attendance.silent(end - 2 * TEN_S, end) == {A: (2, 2)}


def test_when_nobody_is_heard_nobody_is_silent() -> None:
    """A collector that hears no probe at all knows nothing of probes."""
    attendance = Attendance()
    end = attend(attendance, [{A, B}] * 5 + [set()] * 10)
    assert attendance.silent(0, end) == {}


def test_a_probe_that_was_never_steady_is_not_missed() -> None:
    """A probe heard twice is being set up; one never heard is on the operator's list only."""
    attendance = Attendance()
    end = attend(attendance, [{A, B}] * 2 + [{B}] * 10)
    assert attendance.silent(0, end) == {}


def test_a_probe_that_reports_again_is_not_silent() -> None:
    """One report ends the silence; so does a late one that comes as a revision of its window."""
    attendance = Attendance()
    end = attend(attendance, [{A, B}] * 5 + [{B}] * 5 + [{A, B}])
    assert attendance.silent(0, end) == {}
    end = attend(attendance, [{B}] * 3, begin=end)
    assert attendance.silent(0, end) == {A: (3, 3)}
    attendance.observe(end, {A, B})
    assert attendance.silent(0, end) == {}


def test_a_probe_silent_for_a_day_is_forgotten() -> None:
    """It was taken away; verdicts do not speak of it for ever."""
    attendance = Attendance()
    end = attend(attendance, [{A, B}] * 5 + [{B}] * 5)
    attendance.observe(end + FORGET_NS, {B})
    assert attendance.silent(0, end + FORGET_NS) == {}
