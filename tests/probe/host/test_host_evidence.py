"""Interfaces of this host as the component reads them: at the boundaries, and when their link changes."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from faultline.native import decode_batch
from faultline.records.terms import SECOND_NS, ProbeId, Stream
from faultline.runtime.clock import SystemClock, VirtualClock
from faultline.runtime.console import CommandError
from faultline.runtime.counters import Counters
from probe.host.host_evidence import HostEvidence
from probe.host.links import COUNTERS
from probe.host.netlink import Link, LinkWatch, links, speed_bps
from probe.spool.spool import Spool

START_NS = 1_800_000_000 * SECOND_NS


def link(name: str, packets: int, *, up: bool = True, index: int = 4) -> Link:
    """An interface as the kernel tells it."""
    return Link(name=name, index=index, up=up, gone=False, counters=dict.fromkeys(COUNTERS, 0) | {"in_packets": packets})


def eventually(condition: Callable[[], object]) -> None:
    """Wait for it, or fail."""
    deadline = time.monotonic() + 8
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def events(spool: Spool) -> list[tuple[str, str]]:
    """Interface and event of every link event in the spool."""
    found: list[tuple[str, str]] = []
    seq = 0
    while waiting := spool.next_batch(Stream.EVENTS, seq):
        seq, octets = waiting
        rows: list[dict[str, Any]] = pa.table(decode_batch(octets).table("link_event")).to_pylist()
        found += [(row["interface"], row["event"]) for row in rows]
    return found


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """A spool on a real disk."""
    made = Spool(tmp_path / "spool", ProbeId("p"), clock=SystemClock(), counters=Counters())
    made.open()
    return made


def test_the_last_interval_is_read_when_it_is_cut(spool: Spool) -> None:
    """It ends between two boundaries: the counters are read then."""
    clock = VirtualClock(START_NS)
    state = [link("wan0", 100)]
    host = HostEvidence(
        ["wan0", "lan0"], interval_s=10, spool=spool, clock=clock, counters=Counters(), read_links=lambda: list(state)
    )
    host.start()
    try:
        state[0] = link("wan0", 160)
        rows = host.collect(START_NS, START_NS + 3 * SECOND_NS + 1)["interface"]
    finally:
        host.stop()
    assert [(row["interface"], row["link_up"], row["in_packets"]) for row in rows] == [("wan0", True, 60), ("lan0", False, 0)]


def test_a_kernel_that_does_not_tell_ends_the_start(spool: Spool) -> None:
    """No rtnetlink: one line, with what to do."""

    def refuse() -> list[Link]:
        raise PermissionError(1, "Operation not permitted")

    host = HostEvidence(["wan0"], interval_s=10, spool=spool, clock=SystemClock(), counters=Counters(), read_links=refuse)
    with pytest.raises(CommandError, match="the kernel does not tell of its interfaces: Operation not permitted"):
        host.start()


def test_the_kernel_tells_of_its_interfaces() -> None:
    """The loopback is there, with counters, without a speed; one that does not exist has none either."""
    lo = next(one for one in links() if one.name == "lo")
    assert lo.up
    assert lo.index == 1
    assert set(lo.counters) == set(COUNTERS)
    assert speed_bps("lo") is None
    assert speed_bps("nosuch0") is None
    watch = LinkWatch()
    assert list(watch.changes()) == []
    watch.close()


@pytest.fixture
def pair() -> Iterator[tuple[str, str]]:
    """A veth pair of this host, gone afterwards."""
    names = (f"fh{os.getpid() % 100_000}a", f"fh{os.getpid() % 100_000}b")
    yield names
    subprocess.run(["ip", "link", "delete", names[0]], check=False, capture_output=True)


def ip(*arguments: str) -> None:
    """Change the host's links."""
    subprocess.run(["ip", "link", *arguments], check=True, capture_output=True)


@pytest.mark.net
@pytest.mark.sample
def test_links_that_fall_rise_vanish_and_come_back_are_told(spool: Spool, pair: tuple[str, str]) -> None:
    """A cable is pulled and put back, the interface is removed and made anew: four events at once, and records throughout."""
    one, other = pair
    counters = Counters()
    host = HostEvidence([one], interval_s=1, spool=spool, clock=SystemClock(), counters=counters)
    host.start()
    try:
        start_ns = time.time_ns() // SECOND_NS * SECOND_NS
        expected = []
        for change, event in (
            (
                lambda: (ip("add", one, "type", "veth", "peer", "name", other), ip("set", one, "up"), ip("set", other, "up")),
                "link_up",
            ),
            (lambda: ip("set", other, "down"), "link_down"),
            (lambda: ip("set", other, "up"), "link_up"),
            (lambda: ip("delete", one), "link_down"),
            (
                lambda: (ip("add", one, "type", "veth", "peer", "name", other), ip("set", one, "up"), ip("set", other, "up")),
                "link_up",
            ),
        ):
            change()
            expected.append((one, event))
            eventually(lambda expected=expected: events(spool) == expected)  # type: ignore[misc]
        time.sleep(2.2)
        end_ns = time.time_ns() // SECOND_NS * SECOND_NS
        rows = [
            row
            for second_ns in range(start_ns + SECOND_NS, end_ns, SECOND_NS)
            for row in host.collect(second_ns, second_ns + SECOND_NS)["interface"]
        ]
        assert rows[-1]["link_up"] is True
        assert rows[-1]["speed_bps"] == 10_000_000_000
        assert host.problems() == []
    finally:
        host.stop()
    shot = next(shot for shot in counters.snapshots() if shot.name == "link_events")
    assert (shot.taken_in, shot.out, shot.balanced) == (5, 5, True)
