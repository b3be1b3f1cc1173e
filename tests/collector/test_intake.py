"""Taking in: what is acknowledged, what is refused with which words, and what never blocks what comes behind it."""

from __future__ import annotations

import errno
import json
from http import HTTPStatus
from pathlib import Path

import attrs
import pytest

from collector.enrich.places import Directory, LinePlace
from collector.intake.intake import IntakeLimits
from faultline.records.terms import Stream
from faultline.store.disk import SystemDisk
from tests.collector.conftest import (
    BANK,
    BEGIN_NS,
    DIRECTORY,
    LINE,
    TEN_S,
    FakeProbe,
    Ground,
    make_flow,
    make_session,
    open_ground,
)


@attrs.define
class FullDisk(SystemDisk):
    """A disk that has no room while it is told so."""

    full: bool = False
    free: int = 1 << 40

    def __attrs_pre_init__(self) -> None:
        """As the host's, without waiting for it."""
        super().__init__(durable=False)

    def write_whole(self, path: Path, octets: bytes) -> None:
        """Nothing is written when full."""
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write_whole(path, octets)

    def free_octets(self, folder: Path) -> int:
        """As told."""
        del folder
        return self.free


def test_a_batch_is_acknowledged_with_the_highest_contiguous_sequence(ground: Ground) -> None:
    """The answer names stream, incarnation and how far everything is durable."""
    branch = FakeProbe()
    answer = ground.send(branch.batch("flows", {"flow": [make_flow()]}, closed_ns=ground.now_ns))
    assert answer.status is HTTPStatus.OK
    assert answer.document == {"stream": "flows", "incarnation": branch.incarnation, "contiguous": 1}
    ahead = ground.send(branch.batch("flows", closed_ns=ground.now_ns, seq=3))
    assert ahead.document["contiguous"] == 1
    assert ground.send(branch.batch("flows", closed_ns=ground.now_ns, seq=2)).document["contiguous"] == 3


def test_a_repeated_batch_is_recognised_and_acknowledged_again(ground: Ground) -> None:
    """A lost answer costs one more upload; the batch counts once."""
    batch = FakeProbe().batch("measurements", {"session": [make_session()]}, closed_ns=ground.now_ns + TEN_S)
    answers = [ground.send(batch) for _ in range(3)]
    assert {answer.document["contiguous"] for answer in answers} == {1}
    ground.advance(30)
    (point,) = ground.points("session")
    assert point.fields["sent"] == 100
    assert ground.collector.counters.value("intake_duplicates") == 2
    assert ground.stage("intake") == {"name": "intake", "in": 3, "out": 3, "dropped": {}, "held": 0, "balanced": True}


def test_the_same_identity_with_other_octets_is_409(ground: Ground) -> None:
    """Two machines share a spool; what was held stays."""
    branch = FakeProbe()
    ground.send(branch.batch("flows", {"flow": [make_flow()]}, closed_ns=ground.now_ns))
    other = ground.send(branch.batch("flows", {"flow": [make_flow(packets=1)]}, closed_ns=ground.now_ns, seq=1))
    assert other.status is HTTPStatus.CONFLICT
    assert "new incarnation" in str(other.document["hint"])
    assert ground.stage("intake")["dropped"] == {"conflict": 1}


def test_a_batch_of_another_probe_is_403_and_kept_for_a_person(ground: Ground) -> None:
    """A token speaks for its own probe only."""
    answer = ground.send(FakeProbe(name="centre").batch("flows", closed_ns=ground.now_ns), probe="branch")
    assert answer.status is HTTPStatus.FORBIDDEN
    sidecars = list((ground.config.data / "quarantine").glob("*.json"))
    assert [json.loads(path.read_text())["reason"] for path in sidecars] == ["wrong_probe"]
    assert ground.collector.state.fact("x") is None
    assert ground.stage("intake")["dropped"] == {"wrong_probe": 1}


@pytest.mark.parametrize("octets", [b"", b"x" * 40, b"\x00\x0a\x00\x10" + bytes(12)])
def test_what_is_no_batch_is_400_and_does_not_block_what_comes_behind(ground: Ground, octets: bytes) -> None:
    """Refused with a reason, quarantined, counted; the next batch is taken."""
    branch = FakeProbe()
    refused = ground.send(octets)
    assert refused.status is HTTPStatus.BAD_REQUEST
    assert refused.document["error"]
    assert ground.send(branch.batch("flows", closed_ns=ground.now_ns)).status is HTTPStatus.OK
    assert ground.stage("intake")["dropped"] == {"malformed": 1}
    assert len(list((ground.config.data / "quarantine").glob("*.bin"))) == 1


def test_a_flipped_bit_anywhere_is_refused(ground: Ground) -> None:
    """The seal covers every octet before it: damage on the way never becomes a number."""
    batch = bytearray(FakeProbe().batch("measurements", {"session": [make_session()]}, closed_ns=ground.now_ns))
    for place in range(0, _seal_at(batch), 7):
        batch[place] ^= 1
        assert ground.send(bytes(batch)).status is HTTPStatus.BAD_REQUEST, place
        batch[place] ^= 1
    assert ground.send(bytes(batch)).status is HTTPStatus.OK


def test_a_batch_that_is_too_large_is_413(tmp_path: Path) -> None:
    """The hint says how large one may be."""
    made = open_ground(tmp_path)
    made.config = attrs.evolve(made.config, limits=IntakeLimits(max_batch_octets=100))
    made.restart()
    answer = made.send(FakeProbe().batch("flows", {"flow": [make_flow()]}, closed_ns=BEGIN_NS))
    assert answer.status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert "at most 100" in str(answer.document["hint"])
    made.collector.close()


def test_a_full_disk_asks_to_come_again_and_says_so(tmp_path: Path) -> None:
    """503 with Retry-After, unhealthy while it lasts, nothing acknowledged, and the same batch is taken afterwards."""
    disk = FullDisk(full=True)
    made = open_ground(tmp_path, disk=disk)
    batch = FakeProbe().batch("flows", {"flow": [make_flow()]}, closed_ns=BEGIN_NS)
    answer = made.send(batch)
    assert answer.status is HTTPStatus.SERVICE_UNAVAILABLE
    assert answer.retry_after_s
    assert made.collector.problems() == ["intake: disk: No space left on device"]
    assert made.stage("intake")["dropped"] == {"not_stored": 1}
    disk.full = False
    assert made.send(batch).document["contiguous"] == 1
    assert made.collector.problems() == []
    made.collector.close()


def test_little_room_or_a_long_backlog_is_said_before_a_body_is_read(tmp_path: Path) -> None:
    """503 for the disk, 429 for the backlog, each counted; the backlog goes when it is worked through."""
    disk = FullDisk()
    made = open_ground(tmp_path, disk=disk)
    made.config = attrs.evolve(made.config, limits=IntakeLimits(max_waiting_batches=2, min_free_octets=1000))
    made.restart()
    intake, branch = made.collector.intake, FakeProbe()
    assert intake.pressure() is None
    for _ in range(3):
        made.send(branch.batch("flows", {"flow": [make_flow()]}, closed_ns=BEGIN_NS + TEN_S))
    pushed = intake.pressure()
    assert pushed is not None
    assert pushed.status is HTTPStatus.TOO_MANY_REQUESTS
    made.advance(1)
    assert intake.pressure() is None
    disk.free = 999
    pushed = intake.pressure()
    assert pushed is not None
    assert pushed.status is HTTPStatus.SERVICE_UNAVAILABLE
    assert made.collector.counters.value("intake_pushed_back", reason="backlog") == 1
    assert made.collector.counters.value("intake_pushed_back", reason="disk") == 1
    made.collector.close()


def test_told_gaps_move_the_acknowledgement_and_are_readable(ground: Ground) -> None:
    """The analyzer must see that data are missing; a hole that was told about does not block what is behind it."""
    branch = FakeProbe()
    assert ground.send(branch.batch("flows", closed_ns=ground.now_ns, seq=4)).document["contiguous"] == 0
    gap = {"stream": "flows", "gap_first_seq": 1, "gap_last_seq": 3, "gap_reason": "quota"}
    ground.send(branch.batch("events", {"gap": [gap]}, closed_ns=ground.now_ns))
    assert ground.send(branch.batch("flows", closed_ns=ground.now_ns, seq=5)).document["contiguous"] == 5
    (told,) = ground.reader.gaps()
    assert (told.probe, told.stream, told.first_seq, told.last_seq, told.reason) == ("branch", Stream.FLOWS, 1, 3, "quota")


def test_impossible_gaps_are_counted_and_ignored(ground: Ground) -> None:
    """A gap that ends before it begins, or of no stream, moves nothing."""
    wrong = [
        {"stream": "flows", "gap_first_seq": 5, "gap_last_seq": 4, "gap_reason": "quota"},
        {"stream": "weather", "gap_first_seq": 1, "gap_last_seq": 4, "gap_reason": "quota"},
    ]
    ground.send(FakeProbe().batch("events", {"gap": wrong}, closed_ns=ground.now_ns))
    assert ground.reader.gaps() == []
    assert ground.collector.counters.value("impossible_gaps") == 2


def test_a_probe_that_climbs_out_of_the_folder_stays_inside(ground: Ground) -> None:
    """Names of probes are data, never paths."""
    evil = FakeProbe(name="../../evil")
    assert ground.send(evil.batch("flows", closed_ns=ground.now_ns), probe="../../evil").status is HTTPStatus.OK
    folder = ground.config.data / "payloads"
    assert len([path for path in folder.rglob("*.ipfix") if path.is_file()]) == 1
    assert not list(ground.config.data.parent.glob("evil*"))


def test_the_quarantine_is_bounded(ground: Ground) -> None:
    """However much is refused, the oldest copies go first."""
    ground.collector.quarantine._max_octets = 2000
    for number in range(40):
        ground.now_ns += 1
        ground.send(bytes([number]) * 100)
    kept = sorted((ground.config.data / "quarantine").iterdir())
    assert sum(path.stat().st_size for path in kept) <= 2000
    assert kept[-1].name.startswith(f"{ground.now_ns:020d}")


def test_directory_refuses_a_prefix_that_is_none() -> None:
    """With the line's name."""
    with pytest.raises(ValueError, match="line L1"):
        Directory(lines=[LinePlace(code=LINE, tenant=BANK, a_prefixes=("10.1.0.0/99",), z_prefixes=())], vantages=(), sessions={})
    assert DIRECTORY.session("s1")[1] == "L1"


def _seal_at(batch: bytes | bytearray) -> int:
    """Where the last IPFIX message begins: each says its length at octet 2."""
    at = 0
    while (length := int.from_bytes(batch[at + 2 : at + 4], "big")) + at < len(batch):
        at += length
    return at
