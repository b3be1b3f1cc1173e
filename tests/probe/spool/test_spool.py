"""The spool on a disk that behaves, fills up, rots and loses files."""

from __future__ import annotations

import errno
import threading
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from faultline.native import _native
from faultline.records.terms import SECOND_NS, ProbeId, Stream
from faultline.runtime.clock import SystemClock
from faultline.runtime.counters import Counters
from probe.spool.batch import data_messages, gap_messages, read_header
from probe.spool.config import SpoolConfig
from probe.spool.spool import Spool
from tests.probe.conftest import split

FLOWS, MEASUREMENTS, EVENTS = Stream.FLOWS, Stream.MEASUREMENTS, Stream.EVENTS


def messages(octets: int = 0) -> bytes:
    """Some data messages (which kind does not matter to a spool), of at least so many octets."""
    rows = [{"interface": "eth" + "x" * 50, "event_ns": 1_800_000_000 * SECOND_NS, "event": "link_up"}]
    one = _native.encode_records("link_event", rows, export_s=1_800_000_000)
    return one * max(1, -(-octets // len(one)))


def gaps_told(spool: Spool) -> list[tuple[str, int, int, str]]:
    """The gap records waiting in the events stream."""
    told: list[tuple[str, int, int, str]] = []
    seq = 0
    while waiting := spool.next_batch(EVENTS, seq):
        seq, octets = waiting
        batch = _native.decode_batch(octets)
        if "gap" in batch.kinds():
            told += [
                (row["stream"], row["gap_first_seq"], row["gap_last_seq"], row["gap_reason"])
                for row in pa.table(batch.table("gap")).to_pylist()
            ]
    return told


def sequences(spool: Spool, stream: Stream) -> list[int]:
    """What waits of a stream."""
    found: list[int] = []
    while waiting := spool.next_batch(stream, found[-1] if found else 0):
        found.append(waiting[0])
    return found


def test_batches_come_out_as_they_went_in_with_dense_sequences_per_stream(make_bench: Any) -> None:
    """Each stream counts from 1 without holes, and what is read back is the header we gave around the messages we gave."""
    bench = make_bench()
    assert [bench.append(FLOWS, messages()) for _ in range(3)] == [1, 2, 3]
    assert bench.append(EVENTS) == 1
    seq, octets = bench.spool.next_batch(FLOWS, 2)
    header = read_header(octets)
    assert seq == header.seq == 3
    assert (header.probe, header.incarnation, header.stream) == ("branch-17", bench.spool.incarnation, FLOWS)
    assert header.watermark_ns == header.first_ns == header.wall_ns == bench.clock.wall_ns() - SECOND_NS
    assert split(data_messages(octets)) == split(messages())
    assert bench.balanced()


def test_a_heartbeat_is_a_batch_without_records(make_bench: Any) -> None:
    """An empty append moves the watermark and carries nothing."""
    bench = make_bench()
    bench.append(MEASUREMENTS)
    _, octets = bench.spool.next_batch(MEASUREMENTS)
    assert read_header(octets).records == 0
    assert data_messages(octets) == b""


def test_sequences_go_on_after_a_restart_even_when_everything_was_released(make_bench: Any) -> None:
    """All files acknowledged and gone: the next batch still gets the next number, and the incarnation stays."""
    bench = make_bench()
    for _ in range(5):
        bench.append()
    before = bench.spool.incarnation
    bench.spool.release(FLOWS, 5)
    assert bench.disk.files("*/flows/*.ipfix") == []
    bench.restart()
    assert bench.spool.incarnation == before
    assert bench.append() == 6
    assert bench.balanced()


def test_a_restart_finds_what_waits(make_bench: Any) -> None:
    """Batches that were not acknowledged are offered again, unchanged."""
    bench = make_bench()
    for _ in range(4):
        bench.append(FLOWS, messages())
    bench.spool.release(FLOWS, 2)
    before = bench.spool.next_batch(FLOWS, 3)
    bench.restart()
    assert sequences(bench.spool, FLOWS) == [3, 4]
    assert bench.spool.next_batch(FLOWS, 3) == before
    assert gaps_told(bench.spool) == []


def test_a_damaged_batch_in_the_middle_goes_to_quarantine_and_is_told_as_a_gap(make_bench: Any) -> None:
    """A bit flip found at start costs that batch only; it is kept aside and the collector hears which sequence never comes."""
    bench = make_bench()
    for _ in range(4):
        bench.append(FLOWS, messages())
    bench.disk.damage(bench.shelf(FLOWS) / f"{2:020d}.ipfix")
    bench.restart()
    assert sequences(bench.spool, FLOWS) == [1, 3, 4]
    assert gaps_told(bench.spool) == [("flows", 2, 2, "corrupt")]
    assert len(bench.disk.files("*/quarantine/*flows*2.ipfix")) == 1
    assert bench.counters.stage("spool").snapshot().dropped == {"corrupt": 1}
    assert bench.append() == 5
    bench.restart()
    assert gaps_told(bench.spool) == [("flows", 2, 2, "corrupt")]  # told once, not at every start


def test_a_batch_that_rots_while_it_waits_is_found_before_it_is_sent(make_bench: Any) -> None:
    """Every batch is checked once more when it is taken; the next sound one is offered."""
    bench = make_bench()
    for _ in range(3):
        bench.append(FLOWS, messages())
    bench.disk.damage(bench.shelf(FLOWS) / f"{1:020d}.ipfix")
    assert bench.spool.next_batch(FLOWS)[0] == 2
    assert gaps_told(bench.spool) == [("flows", 1, 1, "corrupt")]
    assert bench.balanced()


def test_missing_files_are_told_as_one_gap(make_bench: Any) -> None:
    """Someone removed files: the sequences are named, nothing else is lost."""
    bench = make_bench()
    for _ in range(5):
        bench.append()
    for seq in (2, 3):
        bench.disk.lose(bench.shelf(FLOWS) / f"{seq:020d}.ipfix")
    bench.restart()
    assert sequences(bench.spool, FLOWS) == [1, 4, 5]
    assert gaps_told(bench.spool) == [("flows", 2, 3, "missing")]


def test_a_torn_temporary_file_is_removed_and_counted(make_bench: Any) -> None:
    """The tail a crash left under a temporary name was never taken: it is not a batch and not a gap."""
    bench = make_bench()
    bench.append()
    torn = bench.shelf(FLOWS) / f"{2:020d}.tmp"
    bench.disk.write(torn, b"half a bat")
    bench.restart()
    assert bench.counters.value("spool_torn") == 1
    assert bench.append() == 2
    assert gaps_told(bench.spool) == []


def test_a_full_spool_drops_flows_before_measurements_before_events(make_bench: Any) -> None:
    """The quota takes the oldest of the least valuable stream, and says so."""
    bench = make_bench(config=SpoolConfig(max_octets=1 << 20))
    large = messages(90_000)
    for stream in (EVENTS, MEASUREMENTS, FLOWS, FLOWS, FLOWS):
        bench.append(stream, large)
    for _ in range(11):
        bench.append(MEASUREMENTS, large)
    told = gaps_told(bench.spool)
    lost = [(stream, seq) for stream, first, last, _ in told for seq in range(first, last + 1)]
    assert lost == [("flows", 1), ("flows", 2), ("flows", 3), ("measurements", 1), ("measurements", 2)]
    assert {gap[3] for gap in told} == {"quota"}
    assert sequences(bench.spool, MEASUREMENTS) == list(range(3, 13))
    assert sequences(bench.spool, EVENTS)[0] == 1
    assert bench.balanced()


def test_batches_beyond_the_age_are_dropped_oldest_first(make_bench: Any) -> None:
    """One gap names all that went together; a wall clock set right by years makes nothing old."""
    bench = make_bench(config=SpoolConfig(max_age_s=10))
    bench.append()
    bench.append()
    bench.clock.step(10 * 365 * 86400 * SECOND_NS)
    bench.append(MEASUREMENTS)
    assert sequences(bench.spool, FLOWS) == [1, 2]
    bench.clock.advance(20 * SECOND_NS)
    bench.append()
    assert sequences(bench.spool, FLOWS) == [3]
    assert ("flows", 1, 2, "age") in gaps_told(bench.spool)
    assert bench.balanced()


def test_age_counts_across_restarts(make_bench: Any) -> None:
    """What waited before a restart goes on waiting; how long is read from the batch itself."""
    bench = make_bench(config=SpoolConfig(max_age_s=10))
    bench.append()
    bench.clock.advance(8 * SECOND_NS)
    bench.restart()
    assert bench.spool.depth()[FLOWS].waiting_ns == 8 * SECOND_NS
    bench.clock.advance(3 * SECOND_NS)
    bench.append(MEASUREMENTS)
    assert sequences(bench.spool, FLOWS) == []


def test_a_full_disk_costs_old_flows_and_then_heals(make_bench: Any) -> None:
    """ENOSPC gives up old flows for new events; when there is room again nothing more is lost."""
    bench = make_bench()
    for _ in range(4):
        bench.append(FLOWS, messages(4000))
    bench.disk.capacity = bench.disk._used() + 200
    assert bench.append(EVENTS, messages(1000)) is not None
    assert sequences(bench.spool, FLOWS)[0] > 1
    bench.disk.capacity = None
    bench.append(FLOWS, messages(4000))
    told = gaps_told(bench.spool)
    assert told
    assert {gap[3] for gap in told} == {"disk_full"}
    held = sequences(bench.spool, FLOWS)
    lost = {seq for _, first, last, _ in told for seq in range(first, last + 1)}
    assert sorted(lost | set(held)) == list(range(1, 6))
    assert bench.balanced()


def test_the_only_batch_of_flows_is_given_up_for_measurements_on_a_disk_full_to_the_last_octet(make_bench: Any) -> None:
    """Its file is no longer all that remembers its number: the position has room of its own, and takes it again and again."""
    bench = make_bench()
    bench.append(FLOWS, messages(8000))
    bench.disk.capacity = bench.disk._used()
    for seq in range(1, 4):
        assert bench.append(MEASUREMENTS, messages(2000)) == seq
    assert sequences(bench.spool, MEASUREMENTS) == [1, 2, 3]
    assert sequences(bench.spool, FLOWS) == []
    bench.restart()
    assert bench.append(FLOWS, messages(100)) == 2
    bench.disk.capacity = None
    bench.append(MEASUREMENTS)
    assert gaps_told(bench.spool) == [("flows", 1, 1, "disk_full")]
    assert bench.balanced()


def test_what_comes_together_on_a_full_disk_is_placed_by_its_value(make_bench: Any) -> None:
    """Flows and measurements of two threads share one commit, with room for one of them: the flows go, whoever was first."""
    bench = make_bench()
    bench.append(MEASUREMENTS, messages(3000))
    bench.disk.capacity = bench.disk._used() + 5000
    threads = []
    with bench.spool._lock:  # as a commit that takes its time
        for stream, octets in ((FLOWS, 4000), (MEASUREMENTS, 3000)):
            threads.append(threading.Thread(target=bench.append, args=(stream, messages(octets))))
            threads[-1].start()
            until = time.monotonic() + 10
            while len(bench.spool._entries) < len(threads) and time.monotonic() < until:
                time.sleep(0.001)
        assert len(bench.spool._entries) == 2
    for thread in threads:
        thread.join()
    assert sequences(bench.spool, MEASUREMENTS) == [1, 2]
    assert gaps_told(bench.spool) == [("flows", 1, 1, "disk_full")]
    assert bench.balanced()


def test_a_disk_without_any_room_loses_the_new_batch_and_says_so_later(make_bench: Any) -> None:
    """Nothing of ours to give up: the new batch is counted as dropped, and its number becomes a gap once there is room."""
    bench = make_bench()
    bench.disk.capacity = bench.disk._used()
    assert bench.append(FLOWS, messages(1000)) is None
    assert bench.counters.stage("spool").snapshot().dropped == {"disk_full": 1}
    bench.disk.capacity = None
    assert bench.append(FLOWS, messages(1000)) == 2
    assert gaps_told(bench.spool) == [("flows", 1, 1, "disk_full")]
    assert bench.balanced()


def test_a_failing_disk_is_survived(make_bench: Any) -> None:
    """An input/output error costs the batches it hits; the spool goes on."""
    bench = make_bench()
    bench.disk.failing = lambda call, path: (
        errno.EIO if call == "sync" and "flows" in str(path) and path.suffix == ".tmp" else None
    )
    assert bench.append(FLOWS, messages()) is None
    assert bench.append(MEASUREMENTS, messages()) == 1
    bench.disk.failing = lambda call, path: errno.EIO if call == "sync_directory" and path.name == "flows" else None
    assert bench.append(FLOWS, messages()) is None
    bench.disk.failing = lambda _, __: None
    assert bench.append(FLOWS, messages()) == 3
    assert {gap[3] for gap in gaps_told(bench.spool)} == {"disk_error"}
    bench.restart()
    assert sequences(bench.spool, FLOWS) == [3]
    assert bench.balanced()


def test_a_refused_batch_is_kept_aside_and_what_is_behind_it_comes(make_bench: Any) -> None:
    """Poison does not block: quarantine, gap, next."""
    bench = make_bench()
    for _ in range(3):
        bench.append(FLOWS, messages())
    bench.spool.reject(FLOWS, 2)
    assert sequences(bench.spool, FLOWS) == [1, 3]
    assert gaps_told(bench.spool) == [("flows", 2, 2, "rejected")]
    bench.restart()
    assert sequences(bench.spool, FLOWS) == [1, 3]


def test_a_lost_gap_record_is_written_again(make_bench: Any) -> None:
    """The batch that held a gap record is itself damaged: the next one tells both gaps."""
    bench = make_bench()
    bench.append()
    bench.append()
    bench.spool.reject(FLOWS, 1)
    bench.disk.damage(bench.shelf(EVENTS) / f"{1:020d}.ipfix")
    bench.restart()
    assert sorted(gaps_told(bench.spool)) == [("events", 1, 1, "corrupt"), ("flows", 1, 1, "rejected")]


def test_a_new_incarnation_carries_over_what_waits_and_not_what_was_taken(make_bench: Any) -> None:
    """After a conflict the waiting batches are numbered from 1 under a new identity; payload, times and order stay."""
    bench = make_bench()
    for seq in range(1, 6):
        bench.append(FLOWS, messages(500 * seq))
    bench.spool.release(FLOWS, 1)
    before = bench.spool.incarnation
    headers = [read_header(bench.spool.next_batch(FLOWS, seq - 1)[1]) for seq in (3, 4, 5)]
    payloads = [split(data_messages(bench.spool.next_batch(FLOWS, seq - 1)[1])) for seq in (3, 4, 5)]
    bench.spool.rebirth({FLOWS: 2})
    assert bench.spool.incarnation != before
    assert sequences(bench.spool, FLOWS) == [1, 2, 3]
    again = [bench.spool.next_batch(FLOWS, seq - 1)[1] for seq in (1, 2, 3)]
    assert [split(data_messages(octets)) for octets in again] == payloads
    assert [read_header(octets).watermark_ns for octets in again] == [header.watermark_ns for header in headers]
    assert [read_header(octets).wall_ns for octets in again] == [header.wall_ns for header in headers]
    assert bench.append() == 4
    assert bench.balanced()
    bench.restart()
    assert sequences(bench.spool, FLOWS) == [1, 2, 3, 4]


def test_a_new_incarnation_tells_its_gaps_in_its_own_numbers(make_bench: Any) -> None:
    """A gap record of the old numbering would cover a living batch of the new one: it is emptied, and the gap told anew."""
    bench = make_bench()
    for _ in range(5):
        bench.append(FLOWS, messages())
    bench.spool.reject(FLOWS, 3)
    bench.spool.rebirth({FLOWS: 1})
    assert sequences(bench.spool, FLOWS) == [1, 3, 4]
    assert gaps_told(bench.spool) == [("flows", 2, 2, "rejected")]


def test_a_lost_position_begins_a_new_incarnation_with_everything_that_is_sound(make_bench: Any) -> None:
    """Without the position no number can be trusted to be new; the batches are not thrown away for that."""
    bench = make_bench()
    for _ in range(3):
        bench.append(FLOWS, messages())
    before = bench.spool.incarnation
    bench.disk.lose(bench.shelf(FLOWS) / "position")
    bench.restart()
    assert bench.spool.incarnation != before
    assert sequences(bench.spool, FLOWS) == [1, 2, 3]
    assert bench.balanced()


def test_the_collector_can_be_told_that_what_it_lost_will_not_come(make_bench: Any) -> None:
    """A collector that went back in time waits for sequences long released here; a gap record frees it, once."""
    bench = make_bench()
    for _ in range(4):
        bench.append()
    bench.spool.release(FLOWS, 3)
    bench.spool.fill_hole(FLOWS, 1)
    bench.spool.fill_hole(FLOWS, 1)
    assert gaps_told(bench.spool) == [("flows", 2, 3, "missing")]


def test_appends_of_many_threads_share_syncs_and_keep_their_order(tmp_path: Path) -> None:
    """On the real disk: numbers are dense whoever appends, and every batch is there after a restart."""
    counters = Counters()
    spool = Spool(tmp_path / "spool", ProbeId("p"), clock=SystemClock(), counters=counters)
    spool.open()
    woken = threading.Event()
    spool.listen(woken.set)
    numbers: list[int | None] = []

    def work() -> None:
        numbers.extend(
            spool.append(FLOWS, messages(), records=1, first_ns=None, last_ns=None, watermark_ns=SECOND_NS) for _ in range(20)
        )

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(number or 0 for number in numbers) == list(range(1, 81))
    assert woken.is_set()
    again = Spool(tmp_path / "spool", ProbeId("p"), clock=SystemClock(), counters=Counters())
    again.open()
    assert sequences(again, FLOWS) == list(range(1, 81))
    again.release(FLOWS, 80)
    assert list((tmp_path / "spool").rglob("*.ipfix")) == []


def test_a_spool_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    """Batches hold customers' addresses: no one else on the host reads them."""
    spool = Spool(tmp_path / "spool", ProbeId("p"), clock=SystemClock(), counters=Counters())
    spool.open()
    spool.append(FLOWS, messages(), records=1, first_ns=None, last_ns=None, watermark_ns=0)
    assert (tmp_path / "spool").stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "spool").rglob("*"))


def test_messages_that_are_no_batch_are_refused_where_they_are_appended(make_bench: Any) -> None:
    """A caller's mistake is its own exception, uses no number, and leaves the spool working."""
    bench = make_bench()
    with pytest.raises((ValueError, TypeError)):
        bench.spool.append(FLOWS, b"", records=-1, first_ns=None, last_ns=None, watermark_ns=0)
    assert bench.append() == 1


def test_gap_records_survive_encoding(make_bench: Any) -> None:
    """What a gap record says is what the collector reads."""
    bench = make_bench()
    row = {"stream": "flows", "gap_first_seq": 7, "gap_last_seq": 9, "gap_reason": "quota"}
    bench.append(EVENTS, gap_messages([row], export_s=1_800_000_000))
    assert gaps_told(bench.spool) == [("flows", 7, 9, "quota")]
