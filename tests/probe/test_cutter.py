"""Cutting intervals and feeding flows into the spool; time is moved by hand."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import pyarrow as pa
import pytest

from faultline.native import decode_batch, encode_records
from faultline.records.terms import SECOND_NS, ProbeId, Stream
from faultline.runtime.clock import VirtualClock
from faultline.runtime.console import CommandError
from faultline.runtime.counters import Counters
from probe.cutter import Cutter
from probe.cutting import ClockReading, divides_a_window, interval_containing
from probe.flow_pump import FlowPump
from probe.spool.batch import read_header
from probe.spool.spool import Spool

START_S = 1_800_000_000  # a multiple of 10
EVENTS, FLOWS, MEASUREMENTS = Stream.EVENTS, Stream.FLOWS, Stream.MEASUREMENTS


def eventually(condition: Callable[[], object]) -> None:
    """Wait for it, or fail."""
    deadline = time.monotonic() + 5.0
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.005)


@attrs.define
class Bench:
    """A cutter over a spool, and the clock."""

    clock: VirtualClock
    counters: Counters
    spool: Spool
    collect: dict[str, Any]
    quality: list[Mapping[str, Any]]
    cutter: Cutter

    def batches(self, stream: Stream) -> list[bytes]:
        """What waits."""
        found: list[bytes] = []
        seq = 0
        while waiting := self.spool.next_batch(stream, seq):
            seq, octets = waiting
            found.append(octets)
        return found

    def rows(self, kind: str) -> list[dict[str, Any]]:
        """Every record of a kind in the measurements, absent fields left out."""
        tables = [pa.table(decode_batch(octets).table(kind)).to_pylist() for octets in self.batches(MEASUREMENTS)]
        return [{key: value for key, value in row.items() if value is not None} for table in tables for row in table]

    def pass_time(self, seconds: float, *, batches: int) -> None:
        """Let time pass until so many measurement batches are there."""
        self.clock.advance(int(seconds * SECOND_NS))
        eventually(lambda: len(self.batches(MEASUREMENTS)) >= batches)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A cutter with 10 s intervals that starts 3 s into one."""
    clock = VirtualClock(wall_ns=(START_S + 3) * SECOND_NS)
    counters = Counters()
    spool = Spool(tmp_path / "spool", ProbeId("p"), clock=clock, counters=counters)
    spool.open()
    collect: dict[str, Any] = {}
    quality: list[Mapping[str, Any]] = []
    cutter = Cutter(
        spool=spool,
        clock=clock,
        counters=counters,
        collect=collect,
        quality=lambda _, __: quality,
        host_facts=lambda: {"clock_class": "ntp", "clock_error_ns": 5},
        heartbeat=(EVENTS, FLOWS),
        interval_s=10,
        settle_s=1.0,
    )
    yield Bench(clock, counters, spool, collect, quality, cutter)
    cutter.stop()


def interface_rows(start_ns: int, end_ns: int, name: str = "eth0") -> dict[str, Sequence[Mapping[str, Any]]]:
    """What a host sampler gives."""
    names = ("octets", "packets", "errors", "discards")
    counts = {f"{way}_{what}": 1 for way in ("in", "out") for what in names}
    return {
        "interface": [{"interface": name, "interval_start_ns": start_ns, "interval_end_ns": end_ns, "link_up": True, **counts}]
    }


def test_each_interval_is_one_batch_with_everything_measured_in_it(bench: Bench) -> None:
    """Shortly after a UTC multiple of 10 s: every source's rows, the watermark at the interval's end, one batch."""
    bench.collect["host"] = interface_rows
    bench.quality.append({"observation_point": "branch", "interval_start_ns": 1, "interval_end_ns": 2, "capture_received": 7})
    bench.cutter.start()
    bench.pass_time(8.0, batches=1)
    header = read_header(bench.batches(MEASUREMENTS)[0])
    assert (header.first_ns, header.last_ns) == (START_S * SECOND_NS, (START_S + 10) * SECOND_NS)
    assert header.watermark_ns == (START_S + 10) * SECOND_NS
    assert header.records == 3
    assert [row["interface"] for row in bench.rows("interface")] == ["eth0"]
    capture, host = bench.rows("probe_health")
    assert capture["observation_point"] == "branch"
    assert capture["capture_received"] == 7
    assert "spool_octets" not in capture
    assert host["observation_point"] == "host"
    assert (host["clock_class"], host["clock_error_ns"], host["clock_step_ns"]) == ("ntp", 5, 0)
    assert "capture_received" not in host


def test_nothing_is_cut_before_replies_may_still_come(bench: Bench) -> None:
    """Until a second after the interval's end the last test packets are not lost yet."""
    bench.cutter.start()
    bench.clock.advance(int(7.9 * SECOND_NS))
    time.sleep(0.15)
    assert bench.batches(MEASUREMENTS) == []


def test_silent_streams_send_heartbeats(bench: Bench) -> None:
    """Streams without data still say how far they are."""
    bench.cutter.start()
    bench.pass_time(8.0, batches=1)
    bench.pass_time(10.0, batches=2)
    eventually(lambda: len(bench.batches(EVENTS)) == 2)
    headers = [read_header(octets) for octets in bench.batches(EVENTS)]
    assert [header.watermark_ns for header in headers] == [(START_S + 10) * SECOND_NS, (START_S + 20) * SECOND_NS]
    assert [header.records for header in headers] == [0, 0]
    eventually(lambda: len(bench.batches(FLOWS)) == 2)


def test_heartbeats_pause_while_the_collector_is_away(bench: Bench) -> None:
    """After a minute of waiting batches another heartbeat says nothing new; measurements are still kept."""
    bench.cutter.start()
    bench.pass_time(8.0, batches=1)
    for number in range(2, 14):
        bench.pass_time(10.0, batches=number)
    assert len(bench.batches(MEASUREMENTS)) == 13
    assert 6 <= len(bench.batches(EVENTS)) <= 8


def test_a_source_that_fails_takes_nothing_else_with_it(bench: Bench) -> None:
    """It is counted by name; the others' rows are sent."""

    def fail(_: int, __: int) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        raise OSError("netlink went away")

    bench.collect.update({"sessions": fail, "host": interface_rows})
    bench.cutter.start()
    bench.pass_time(8.0, batches=1)
    assert len(bench.rows("interface")) == 1
    assert bench.counters.value("source_failures", source="sessions") == 1


def test_a_row_that_cannot_be_encoded_is_dropped_alone(bench: Bench) -> None:
    """The rows beside it are sent; the stage counts it by reason and balances."""

    def rows(start_ns: int, end_ns: int) -> dict[str, Sequence[Mapping[str, Any]]]:
        good = interface_rows(start_ns, end_ns)["interface"][0]
        return {"interface": [good, {**good, "in_octets": -1}, good]}

    bench.collect["host"] = rows
    bench.cutter.start()
    bench.pass_time(8.0, batches=1)
    assert len(bench.rows("interface")) == 2
    shot = bench.counters.stage("measurements").snapshot()
    assert shot.dropped == {"not_encodable": 1}
    assert shot.balanced
    assert shot.held == 0


def test_a_clock_step_is_reported_and_intervals_go_on_aligned(bench: Bench) -> None:
    """An hour forward: the step is in probe_health, the next interval is a multiple of 10 s of the new time."""
    bench.cutter.start()
    bench.pass_time(8.0, batches=1)
    time.sleep(0.2)  # the cutter waits for the next interval
    bench.clock.step(3600 * SECOND_NS)
    bench.pass_time(0.0, batches=2)
    assert [row["clock_step_ns"] for row in bench.rows("probe_health")] == [0, 3600 * SECOND_NS]
    bench.pass_time(10.0, batches=3)
    watermarks_s = [read_header(octets).watermark_ns / SECOND_NS - START_S for octets in bench.batches(MEASUREMENTS)]
    assert watermarks_s == [10, 11, 3620]


def test_a_clock_stepped_back_does_not_stop_the_cutter(bench: Bench) -> None:
    """An hour backward: measuring goes on at once in the time the clock now shows."""
    bench.cutter.start()
    bench.pass_time(8.0, batches=1)
    time.sleep(0.2)
    bench.clock.step(-3600 * SECOND_NS)
    bench.pass_time(0.0, batches=2)
    bench.pass_time(10.0, batches=3)
    watermarks_s = [read_header(octets).watermark_ns / SECOND_NS - START_S for octets in bench.batches(MEASUREMENTS)]
    assert watermarks_s == [10, 11, -3580]


def test_stopping_keeps_the_interval_under_way(bench: Bench) -> None:
    """What was measured until the stop is in the spool, up to that moment."""
    bench.collect["host"] = interface_rows
    bench.cutter.start()
    bench.clock.advance(2 * SECOND_NS)
    bench.cutter.stop()
    assert read_header(bench.batches(MEASUREMENTS)[0]).watermark_ns == (START_S + 5) * SECOND_NS
    assert len(bench.rows("interface")) == 1


@pytest.mark.parametrize(("length_s", "good"), [(1, True), (2, True), (5, True), (10, True), (0, False), (3, False), (20, False)])
def test_intervals_divide_the_window(length_s: int, good: bool) -> None:  # noqa: FBT001 - a table
    """A window of 10 s is a whole number of intervals."""
    assert divides_a_window(length_s) is good


def test_intervals_are_aligned_to_utc() -> None:
    """Not to the probe's start."""
    assert interval_containing(27, 10) == (20, 30)
    assert interval_containing(30, 10) == (30, 40)
    assert ClockReading(wall_ns=50, monotonic_ns=7).step_since(ClockReading(wall_ns=20, monotonic_ns=2)) == 25


@attrs.define(kw_only=True)
class MadeInterval:
    """An interval as a meter gives it."""

    start_ns: int
    end_ns: int
    records: int
    messages: bytes
    first_ns: int | None
    last_ns: int | None
    quality: list[dict[str, Any]]


class MadeMeter:
    """A meter's double: gives what it is told to; stopping cuts a last interval."""

    def __init__(self, *, fails: Exception | None = None) -> None:
        self.ready: queue.Queue[MadeInterval] = queue.Queue()
        self.fails = fails

    def interval(self, end_s: int) -> None:
        row = {"interface": "e", "event_ns": end_s * SECOND_NS, "event": "link_up"}
        self.ready.put(
            MadeInterval(
                start_ns=(end_s - 10) * SECOND_NS,
                end_ns=end_s * SECOND_NS,
                records=1,
                messages=encode_records("link_event", [row], export_s=end_s),
                first_ns=None,
                last_ns=None,
                quality=[{"observation_point": "branch", "capture_received": end_s}],
            )
        )

    def start(self) -> None:
        if self.fails:
            raise self.fails

    def take(self, timeout_s: float) -> MadeInterval | None:
        try:
            return self.ready.get(timeout=min(timeout_s, 0.05))
        except queue.Empty:
            return None

    last_end_s = START_S + 99

    def stop(self) -> None:
        self.interval(self.last_end_s)


def test_flow_records_go_into_the_spool_as_soon_as_an_interval_ends(bench: Bench) -> None:
    """One batch an interval, its watermark at the interval's end; the quality waits for the cutter, once."""
    meter = MadeMeter()
    pump = FlowPump(lambda: meter, spool=bench.spool, counters=bench.counters)
    pump.start()
    meter.interval(START_S + 10)
    rows = pump.quality((START_S + 10) * SECOND_NS, timeout_s=2.0)
    assert [(row["observation_point"], row["capture_received"]) for row in rows] == [("branch", START_S + 10)]
    assert rows[0]["interval_end_ns"] == (START_S + 10) * SECOND_NS
    assert pump.quality((START_S + 10) * SECOND_NS, timeout_s=0.01) == []
    pump.stop()
    headers = [read_header(octets) for octets in bench.batches(FLOWS)]
    assert [header.watermark_ns // SECOND_NS for header in headers] == [START_S + 10, START_S + 99]
    assert bench.counters.stage("flows").snapshot().out == 2


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(1, "Operation not permitted"), "CAP_NET_RAW"),
        (OSError(19, "no interface named eth9"), "no interface named eth9"),
    ],
)
def test_a_capture_that_cannot_begin_is_said_in_one_line(bench: Bench, error: Exception, said: str) -> None:
    """Permission and a wrong interface each have their message and hint."""
    pump = FlowPump(lambda: MadeMeter(fails=error), spool=bench.spool, counters=bench.counters)
    with pytest.raises(CommandError, match=said) as caught:
        pump.start()
    assert caught.value.hint


def test_a_capture_that_dies_is_a_problem_of_the_service(bench: Bench) -> None:
    """Health says it; nothing else stops."""

    class Dying(MadeMeter):
        def take(self, timeout_s: float) -> MadeInterval | None:
            raise OSError(f"ring is gone after {timeout_s}")

    pump = FlowPump(Dying, spool=bench.spool, counters=bench.counters)
    pump.start()
    eventually(pump.problems)
    assert "ring is gone" in pump.problems()[0]
    pump.stop()
