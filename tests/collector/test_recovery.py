"""Crashes: whatever was acknowledged is in windows and archive exactly once afterwards, wherever the collector died."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faultline.records.terms import SECOND_NS
from faultline.runtime.console import CommandError
from faultline.store.disk import SystemDisk
from faultline.store.ledger import BatchState
from tests.collector.conftest import BEGIN_NS, TEN_S, FakeProbe, Ground, make_flow, make_session, open_ground


class Died(BaseException):
    """The process was killed here."""


class MortalDisk(SystemDisk):
    """A disk under a process that dies at its n-th write."""

    def __init__(self) -> None:
        super().__init__(durable=False)
        self.writes_left = -1

    def write_whole(self, path: Path, octets: bytes) -> None:
        """Dies before, or after half of the file was written under another name."""
        if self.writes_left == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_name(path.name + ".part").write_bytes(octets[: len(octets) // 2])
            raise Died
        self.writes_left -= 1
        super().write_whole(path, octets)


def sent_by_window(ground: Ground) -> dict[int, int]:
    """Sum of `sent` of each 10 s window after the beginning."""
    return {(p.time_ns - BEGIN_NS) // TEN_S: int(p.fields["sent"]) for p in ground.points("session")}


def test_windows_that_were_open_are_made_again_from_their_payloads(restartable: Callable[[], Ground]) -> None:
    """Killed before the window was final: it becomes final in the next life, with everything in it, once."""
    first = restartable()
    branch = FakeProbe()
    first.now_ns = BEGIN_NS + TEN_S
    closed = {"closed_ns": first.now_ns, "watermark_ns": BEGIN_NS}
    first.send(branch.batch("measurements", {"session": [make_session()]}, **closed))
    first.send(branch.batch("flows", {"flow": [make_flow()]}, **closed))
    first.advance()
    assert first.points("session") == []
    first.collector.close()
    second = restartable()
    second.now_ns = first.now_ns + SECOND_NS
    second.advance(60)
    assert sent_by_window(second) == {0: 100}
    assert len(second.flows()) == 1


def test_a_final_window_is_not_made_twice(restartable: Callable[[], Ground]) -> None:
    """Its batches are done; a batch that is in it and in an open window goes into the open one only."""
    first = restartable()
    branch = FakeProbe()
    both = [make_session(BEGIN_NS), make_session(BEGIN_NS + 3 * TEN_S)]
    first.now_ns = BEGIN_NS + 3 * TEN_S + SECOND_NS
    first.send(branch.batch("measurements", {"session": both}, closed_ns=first.now_ns, watermark_ns=BEGIN_NS + 3 * TEN_S))
    first.advance()
    assert sent_by_window(first) == {0: 100}
    first.collector.close()
    second = restartable()
    second.now_ns = first.now_ns
    second.advance(60)
    assert sent_by_window(second) == {0: 100, 3: 100}


def test_a_payload_that_was_lost_is_told_and_does_not_stop_the_rest(restartable: Callable[[], Ground]) -> None:
    """The disk lost it after the acknowledgement: marked damaged, counted, and what is behind it goes on."""
    first = restartable()
    branch = FakeProbe()
    first.now_ns = BEGIN_NS + 3 * TEN_S
    for number in range(3):
        session = make_session(BEGIN_NS + number * TEN_S)
        first.send(branch.batch("measurements", {"session": [session]}, closed_ns=BEGIN_NS + (number + 1) * TEN_S))
    first.collector.close()
    payloads = sorted((first.config.data / "payloads").rglob("*.ipfix"))
    payloads[1].unlink()
    second = restartable()
    second.now_ns = first.now_ns
    second.advance(60)
    assert sent_by_window(second) == {0: 100, 2: 100}
    assert second.stage("decode")["dropped"] == {"damaged": 1}
    assert second.collector.counters.value("damaged_payloads") == 1
    assert [row.state for row in second.reader._ledger.after(0)] == [BatchState.FINAL, BatchState.DAMAGED, BatchState.FINAL]


def test_a_payload_lost_between_its_window_and_the_archive_is_damaged(restartable: Callable[[], Ground]) -> None:
    """Its window is final, its flows were not archived yet: they are lost, and the ledger does not call the batch final."""
    first = restartable()
    first.now_ns = BEGIN_NS + 3 * TEN_S + SECOND_NS
    closed = {"closed_ns": first.now_ns, "watermark_ns": BEGIN_NS + 3 * TEN_S}
    first.send(FakeProbe().batch("flows", {"flow": [make_flow()]}, **closed))
    first.advance()
    assert first.reader.final_windows() != []
    assert first.flows() == []
    first.collector.close()
    (payload,) = (first.config.data / "payloads").rglob("*.ipfix")
    payload.unlink()
    second = restartable()
    second.now_ns = first.now_ns
    second.advance(600)
    assert second.flows() == []
    assert [row.state for row in second.reader._ledger.after(0)] == [BatchState.DAMAGED]
    assert second.collector.counters.value("damaged_payloads") == 1


def test_a_clock_set_back_between_two_lives_makes_no_record_one_of_the_future(restartable: Callable[[], Ground]) -> None:
    """What was not ahead when it was acknowledged is the collector's to keep, whatever its own clock does later."""
    first = restartable()
    first.now_ns = BEGIN_NS + TEN_S
    closed = {"closed_ns": first.now_ns, "watermark_ns": first.now_ns}
    first.send(FakeProbe().batch("measurements", {"session": [make_session()]}, **closed))
    first.collector.close()
    second = restartable()
    second.now_ns = first.now_ns - 3600 * SECOND_NS
    second.advance()
    assert second.stage("rollup")["dropped"] == {}
    second.advance(3600 + 60)
    assert sent_by_window(second) == {0: 100}


def test_a_second_collector_on_the_same_folder_is_refused(restartable: Callable[[], Ground]) -> None:
    """It would take the first one's payloads for leftovers; one line, exit 2, and nothing was touched."""
    first = restartable()
    first.send(FakeProbe().batch("flows", {"flow": [make_flow()]}, closed_ns=first.now_ns))
    with pytest.raises(CommandError, match="in use by another collector") as caught:
        restartable()
    assert caught.value.code == 2
    assert len(list((first.config.data / "payloads").rglob("*.ipfix"))) == 1
    first.collector.close()
    assert restartable().collector.problems() == []


def test_leftovers_of_a_crash_are_removed_at_the_start(restartable: Callable[[], Ground]) -> None:
    """A payload without its ledger row was never acknowledged."""
    first = restartable()
    first.now_ns = BEGIN_NS + TEN_S
    first.send(FakeProbe().batch("flows", {"flow": [make_flow()]}, closed_ns=BEGIN_NS + TEN_S))
    first.collector.close()
    (known,) = (first.config.data / "payloads").rglob("*.ipfix")
    known.with_name("000000000009-aa.ipfix").write_bytes(b"half")
    known.with_name("000000000010-aa.ipfix.part").write_bytes(b"half")
    second = restartable()
    assert list((second.config.data / "payloads").rglob("*.ipfix*")) == [known]


def test_payloads_go_when_windows_are_final_and_flows_are_archived(ground: Ground) -> None:
    """And an hour has gone by; what is not final stays however old."""
    ground.now_ns = BEGIN_NS + TEN_S
    ground.send(FakeProbe().batch("flows", {"flow": [make_flow()]}, closed_ns=BEGIN_NS + TEN_S))
    ground.advance(120)
    assert len(list((ground.config.data / "payloads").rglob("*.ipfix"))) == 1
    ground.now_ns += 3600 * SECOND_NS
    ground.advance(1)
    assert list((ground.config.data / "payloads").rglob("*.ipfix")) == []
    assert len(ground.flows()) == 1


@given(seed=st.integers(0, 1 << 30))
@settings(max_examples=12)
def test_acknowledged_batches_count_once_wherever_the_collector_dies(seed: int) -> None:
    """A probe that sends until it is acknowledged, a collector that dies at random writes and between any two steps."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        disk = MortalDisk()
        ground = open_ground(Path(name), disk=disk)
        branch = FakeProbe()
        waiting: list[bytes] = []
        flows = 0
        for number in range(12):
            start_ns = BEGIN_NS + number * TEN_S
            closed_ns = start_ns + TEN_S
            some = [make_flow(start_ns, source_port=40_000 + flows + n) for n in range(chance.randint(0, 2))]
            flows += len(some)
            waiting.append(branch.batch("flows", {"flow": some} if some else None, closed_ns=closed_ns))
            waiting.append(branch.batch("measurements", {"session": [make_session(start_ns)]}, closed_ns=closed_ns))
            waiting.append(branch.batch("events", closed_ns=closed_ns))
            ground.now_ns = closed_ns + SECOND_NS
            disk.writes_left = chance.randint(0, 8) if chance.random() < 0.6 else -1
            while waiting:
                try:
                    assert ground.send(waiting[0]).status is HTTPStatus.OK
                    if chance.random() < 0.9:  # else the answer was lost: the same batch comes again
                        waiting.pop(0)
                    ground.advance()
                except Died:
                    disk.writes_left = -1
                    ground.restart()
        disk.writes_left = -1
        if chance.random() < 0.5:
            ground.restart()
        ground.advance(90)
        assert sent_by_window(ground) == dict.fromkeys(range(12), 100)
        assert Counter(row["source_port"] for row in ground.flows()) == Counter(range(40_000, 40_000 + flows))
        assert all(ground.stage(stage)["balanced"] for stage in ("intake", "decode", "rollup", "archive", "metrics"))
        ground.collector.close()
