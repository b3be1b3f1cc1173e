"""What the counters of an interface say of an interval, and which changes of its link are told."""

from __future__ import annotations

from typing import Any

from faultline.native import encode_records
from probe.host.links import COUNTERS, Interface, Reading, counters_of, link_up

SECOND_NS = 10**9
START_NS = 1_800_000_000 * SECOND_NS


def reading(at_s: int, packets: int | None, *, index: int = 4, up: bool = True) -> Reading:
    """The interface with so many packets in at a moment; None: it does not exist."""
    if packets is None:
        return Reading(at_ns=START_NS + at_s * SECOND_NS)
    counters = dict.fromkeys(COUNTERS, 0) | {"in_packets": packets, "in_octets": packets * 100}
    return Reading(at_ns=START_NS + at_s * SECOND_NS, index=index, up=up, counters=counters, speed_bps=10**9)


def row(*readings: Reading, gone: dict[int, int] | None = None) -> dict[str, Any] | None:
    """The record of the first ten seconds."""
    interface = Interface("wan0")
    for index, packets in (gone or {}).items():
        interface.vanished(index, {"in_packets": packets})
    for one in readings:
        interface.read(one)
    return interface.row(START_NS, START_NS + 10 * SECOND_NS)


def test_an_interval_has_the_difference_of_its_boundaries() -> None:
    """Counters from boundary to boundary, the link as it was at the end, and a record the codec takes."""
    found = row(reading(0, 1000), reading(10, 1700), reading(20, 9000))
    assert found is not None
    assert (found["in_packets"], found["in_octets"], found["out_packets"]) == (700, 70_000, 0)
    assert (found["link_up"], found["speed_bps"]) == (True, 10**9)
    assert encode_records("interface", [found], export_s=1)


def test_nothing_is_claimed_without_two_readings() -> None:
    """An interval whose begin or end was not read has no record."""
    assert row() is None
    assert row(reading(10, 5)) is None


def test_an_interface_that_came_back_counts_from_zero() -> None:
    """Another index: what the old one counted to its end, and the new one since its begin, add up."""
    found = row(reading(0, 1000), reading(10, 30, index=9), gone={4: 1400})
    assert found is not None
    assert found["in_packets"] == 430


def test_an_interface_that_vanished_is_down() -> None:
    """In the interval of its end with what it had counted, afterwards with 0, which is what can pass."""
    vanished = row(reading(0, 1000), reading(10, None), gone={4: 1400})
    absent = row(reading(0, None), reading(10, None))
    assert vanished is not None
    assert absent is not None
    assert (vanished["link_up"], vanished["in_packets"]) == (False, 400)
    assert (absent["link_up"], absent["in_packets"]) == (False, 0)
    assert "speed_bps" not in absent


def test_a_change_is_told_once() -> None:
    """The first state is no news, nor is the same one again."""
    interface = Interface("wan0")
    told = [interface.changed(up=up, at_ns=number) for number, up in enumerate((True, True, False, False, True))]
    assert [event and (event["event"], event["event_ns"]) for event in told] == [
        None,
        None,
        ("link_down", 2),
        None,
        ("link_up", 4),
    ]


def test_up_means_switched_on_and_carrier() -> None:
    """IFF_UP without IFF_LOWER_UP is a cable that was pulled."""
    assert link_up(0x11043)
    assert not link_up(0x1003)
    assert not link_up(0x11042)


def test_the_kernels_names_are_translated() -> None:
    """A driver that has no counters gives zeros of the kernel, which are what it says."""
    assert counters_of({"rx_bytes": 5, "tx_dropped": 2})["in_octets"] == 5
    assert counters_of(None) == dict.fromkeys(COUNTERS, 0)
