"""From batches to final windows: when, with what in them, and what late data, silence and time do."""

from __future__ import annotations

from typing import Any

import pytest

from faultline.records.terms import CARRIER, SECOND_NS, Level, Stream
from tests.collector.conftest import (
    BANK,
    BEGIN_NS,
    LINE,
    TEN_S,
    FakeProbe,
    Ground,
    make_flow,
    make_health,
    make_session,
)

A_TO_Z = {"line": LINE, "vantage": "v-branch", "direction": "a_to_z"}
Z_TO_A = {"line": LINE, "vantage": "v-branch", "direction": "z_to_a"}


def interval(ground: Ground, probe: FakeProbe, start_ns: int, *, flows: list[Any] | None = None, sessions: int = 1) -> None:
    """Upload a probe's three streams for an interval, just after its end."""
    closed = start_ns + TEN_S + SECOND_NS
    ground.now_ns = max(ground.now_ns, closed)
    records = {"flow": [make_flow(start_ns)] if flows is None else flows}
    ground.send(probe.batch("flows", {k: v for k, v in records.items() if v}, closed_ns=closed), probe.name)
    measured = {"session": [make_session(start_ns) for _ in range(sessions)], "probe_health": [make_health(start_ns)]}
    ground.send(probe.batch("measurements", {k: v for k, v in measured.items() if v}, closed_ns=closed), probe.name)
    ground.send(probe.batch("events", closed_ns=closed), probe.name)


def final_starts(ground: Ground) -> list[int]:
    """Starts of final 10 s windows in tens of seconds after the beginning."""
    return [(window.start_ns - BEGIN_NS) // TEN_S for window in ground.reader.final_windows()]


def test_a_window_is_final_as_soon_as_every_live_stream_has_passed_it(ground: Ground) -> None:
    """Two probes with three streams each: the last of the six decides, not a timer."""
    branch, centre = FakeProbe(), FakeProbe(name="centre")
    interval(ground, branch, BEGIN_NS)
    ground.send(centre.batch("flows", closed_ns=ground.now_ns, watermark_ns=BEGIN_NS), "centre")
    ground.advance()
    assert final_starts(ground) == []
    ground.send(centre.batch("flows", closed_ns=ground.now_ns, watermark_ns=BEGIN_NS + TEN_S), "centre")
    ground.advance()
    assert final_starts(ground) == [0]


def test_a_window_is_final_fifteen_seconds_after_its_end_whoever_is_missing(ground: Ground) -> None:
    """A stream that is alive but behind is waited for no longer."""
    branch, centre = FakeProbe(), FakeProbe(name="centre")
    interval(ground, branch, BEGIN_NS)
    ground.send(centre.batch("flows", closed_ns=ground.now_ns, watermark_ns=BEGIN_NS), "centre")
    ground.advance(13)
    assert final_starts(ground) == []
    ground.advance(1)
    assert final_starts(ground)[0] == 0


def test_a_silent_stream_is_not_waited_for(ground: Ground) -> None:
    """Not heard for 30 s: the others decide again."""
    branch, centre = FakeProbe(), FakeProbe(name="centre")
    interval(ground, centre, BEGIN_NS)
    for number in range(5):
        interval(ground, branch, BEGIN_NS + number * TEN_S)
        ground.advance()
    assert final_starts(ground) == [0, 1, 2, 3, 4]


def test_windows_without_data_are_final_too(ground: Ground) -> None:
    """Silence is a finding: the analyzer gets the empty windows."""
    interval(ground, FakeProbe(), BEGIN_NS)
    ground.advance(40)
    assert final_starts(ground) == [0, 1, 2]
    assert [row for row in ground.reader.rows(ground.reader.final_windows()[2]) if row.measurement != "collector_health"] == []


def test_each_direction_has_its_own_traffic_and_quality(ground: Ground) -> None:
    """A biflow from A to Z: forward columns count a_to_z, the reverse ones z_to_a; one that comes from Z is turned round."""
    from_z = make_flow(source_address="10.2.0.9", destination_address="10.1.0.5", packets=7, reverse_packets=11)
    interval(ground, FakeProbe(), BEGIN_NS, flows=[make_flow(), from_z])
    ground.advance(20)
    traffic = {p.tags["direction"]: p.fields for p in ground.points("line_traffic")}
    assert (traffic["a_to_z"]["packets"], traffic["z_to_a"]["packets"]) == (100 + 11, 50 + 7)
    assert (traffic["a_to_z"]["flows"], traffic["z_to_a"]["flows"]) == (2, 2)
    quality = {p.tags["direction"]: p for p in ground.points("line_quality")}
    assert quality["a_to_z"].tenant == BANK
    assert (quality["a_to_z"].fields["loss_upstream"], quality["z_to_a"].fields["loss_upstream"]) == (2 + 3, 3 + 2)
    assert quality["a_to_z"].fields["data_rtt_n"] == 9 + 4


def test_quality_travels_with_the_number(ground: Ground) -> None:
    """The capture's loss of the same point, and the share of flows seen from one side, stand beside the counts."""
    one_sided = make_flow(reverse_packets=0, reverse_octets=0, reverse_frame_octets=0)
    interval(ground, FakeProbe(), BEGIN_NS, flows=[make_flow(), one_sided, make_flow(), make_flow()])
    ground.advance(20)
    (point,) = [p for p in ground.points("line_quality") if dict(p.tags) == A_TO_Z]
    assert point.fields["capture_loss_ratio"] == 0.01
    assert point.fields["one_sided_ratio"] == 0.25


def test_sessions_keep_counts_masks_and_distributions(ground: Ground) -> None:
    """Distributions in the state store, statistics in the points, the masks of seconds in the 10 s rows only."""
    for number in range(6):
        interval(ground, FakeProbe(seqs={"flows": number, "measurements": number, "events": number}), BEGIN_NS + number * TEN_S)
        ground.advance()
    ground.advance(20)
    points = ground.points("session")
    assert len(points) == 6
    assert points[0].fields["severely_errored_mask"] == 0b11
    assert points[0].fields["rtt_n"] == 97
    (minute,) = ground.points("session", Level.MINUTE)
    assert (minute.fields["sent"], minute.fields["lost_forward"], minute.fields["rtt_n"]) == (600, 12, 582)
    assert "severely_errored_mask" not in minute.fields
    row = next(row for row in ground.reader.rows(ground.reader.final_windows()[0]) if row.measurement == "session")
    assert row.histograms["forward_delay"].n == 97


def test_late_data_are_a_revision_and_counted(ground: Ground) -> None:
    """The window's numbers become those of all its data, its revision rises, the minute around it follows."""
    branch, centre = FakeProbe(), FakeProbe(name="centre")
    for number in range(7):
        interval(ground, branch, BEGIN_NS + number * TEN_S)
        ground.advance()
    assert ground.points("session", Level.MINUTE)[0].fields["sent"] == 600
    late = centre.batch("measurements", {"session": [make_session(BEGIN_NS + TEN_S)]}, closed_ns=ground.now_ns)
    ground.send(late, "centre")
    ground.advance()
    window = ground.reader.final_windows()[1]
    assert window.revision == 2
    assert [p.fields["sent"] for p in ground.points("session")][:3] == [100, 200, 100]
    assert ground.points("session", Level.MINUTE)[0].fields["sent"] == 700
    assert ground.collector.counters.value("late_records") == 1
    assert ground.collector.counters.value("windows_revised") == 1


def test_records_from_the_future_and_of_no_memory_are_dropped_with_a_reason(ground: Ground) -> None:
    """They would make windows that nobody closes; the rest of the batch counts."""
    day = 86_400 * SECOND_NS
    records = [make_session(BEGIN_NS), make_session(BEGIN_NS + 3600 * SECOND_NS), make_session(BEGIN_NS - 15 * day)]
    ground.now_ns = BEGIN_NS + TEN_S
    ground.send(FakeProbe().batch("measurements", {"session": records}, closed_ns=BEGIN_NS + TEN_S))
    ground.advance(40)
    assert ground.stage("rollup")["dropped"] == {"future": 1, "beyond_memory": 1}
    assert ground.stage("rollup")["balanced"]
    assert [p.fields["sent"] for p in ground.points("session")] == [100]


def test_a_probe_with_a_wrong_clock_is_filed_by_corrected_time(ground: Ground) -> None:
    """An hour ahead: its data land where they were measured, the clock is marked bad, the originals stay in the archive."""
    ahead = FakeProbe(clock_error_ns=3600 * SECOND_NS)
    said_ns = BEGIN_NS + 3600 * SECOND_NS
    records = {"flow": [make_flow(said_ns)]}
    ground.now_ns = BEGIN_NS + TEN_S + SECOND_NS
    ground.send(ahead.batch("flows", records, closed_ns=ground.now_ns))
    measured = {"session": [make_session(said_ns)], "probe_health": [make_health(said_ns)]}
    ground.send(ahead.batch("measurements", measured, closed_ns=ground.now_ns))
    ground.advance(40)
    (session,) = ground.points("session")
    assert session.time_ns == BEGIN_NS
    assert session.fields["clock_error_ns"] == 3600 * SECOND_NS
    (health,) = ground.points("probe_health")
    assert (health.fields["clock_bad"], health.fields["clock_correction_ns"]) == (1, -3600 * SECOND_NS)
    (flow,) = ground.flows()
    assert flow["clock_correction_ns"] == -3600 * SECOND_NS
    assert flow["start_ns"] == BEGIN_NS


def test_broken_distributions_cost_themselves_only(ground: Ground) -> None:
    """Counts of the record are kept, the histogram is counted as bad."""
    records = {"session": [make_session(rtt=b"\x09nonsense")], "flow": [make_flow(data_rtt=b"\x01\xff")]}
    ground.now_ns = BEGIN_NS + TEN_S
    ground.send(FakeProbe().batch("measurements", {"session": records["session"]}, closed_ns=BEGIN_NS + TEN_S))
    ground.send(FakeProbe().batch("flows", {"flow": records["flow"]}, closed_ns=BEGIN_NS + TEN_S))
    ground.advance(40)
    (session,) = ground.points("session")
    assert session.fields["sent"] == 100
    assert "rtt_n" not in session.fields
    assert ground.collector.counters.value("bad_histograms") == 2


def test_links_that_went_down_are_kept_with_their_moment(ground: Ground) -> None:
    """Events are not summed: each is a row of its own."""
    ground.now_ns += TEN_S
    event = {"interface": "wan0", "event_ns": BEGIN_NS + 5, "event": "link_down"}
    ground.send(FakeProbe().batch("events", {"link_event": [event]}, closed_ns=BEGIN_NS + TEN_S))
    ground.advance()
    assert ground.reader.link_events(start_ns=BEGIN_NS, end_ns=BEGIN_NS + TEN_S) == [
        (BEGIN_NS + 5, "branch", "wan0", "link_down")
    ]


def test_a_session_nobody_knows_is_kept_without_a_line(ground: Ground) -> None:
    """And counted."""
    ground.now_ns = BEGIN_NS + TEN_S
    ground.send(FakeProbe().batch("measurements", {"session": [make_session(session="s9")]}, closed_ns=BEGIN_NS + TEN_S))
    ground.advance(40)
    (point,) = ground.points("session")
    assert dict(point.tags) == {"session": "s9"}
    assert ground.collector.counters.value("unknown_sessions") == 1


def test_the_collectors_own_stages_are_rows_too(ground: Ground) -> None:
    """`collector_health`: what moved through each stage in each window, in the carrier's database."""
    for number in range(3):
        interval(ground, FakeProbe(seqs=dict.fromkeys(("flows", "measurements", "events"), number)), BEGIN_NS + number * TEN_S)
        ground.advance()
    ground.advance(20)
    points = [p for p in ground.points("collector_health") if p.tags["stage"] == "intake"]
    assert {p.tenant for p in points} == {CARRIER}
    assert sum(int(p.fields["in"]) for p in points) == 9


def test_every_stage_balances_when_the_day_is_over(ground: Ground) -> None:
    """In = out + dropped + held, and nothing is held once all windows are final and all flows archived."""
    branch = FakeProbe()
    for number in range(5):
        interval(ground, branch, BEGIN_NS + number * TEN_S)
        ground.advance()
    ground.advance(60)
    stages = {name: ground.stage(name) for name in ("intake", "decode", "enrich", "rollup", "archive", "metrics")}
    assert all(stage["balanced"] for stage in stages.values()), stages
    assert {name: stage["held"] for name, stage in stages.items()} == dict.fromkeys(stages, 0)
    assert stages["archive"]["out"] == len(ground.flows()) == 5


@pytest.mark.parametrize("stream", list(Stream))
def test_a_new_incarnation_of_a_probe_replaces_the_old_ones_watermark(ground: Ground, stream: Stream) -> None:
    """A probe whose spool was lost does not hold windows back by its past self."""
    old, new = FakeProbe(), FakeProbe(incarnation=2)
    ground.send(old.batch(stream.value, closed_ns=ground.now_ns, watermark_ns=BEGIN_NS))
    ground.now_ns += TEN_S
    interval(ground, new, BEGIN_NS)
    ground.advance()
    assert final_starts(ground) == [0]
