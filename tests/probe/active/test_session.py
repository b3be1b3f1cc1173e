"""What a session says of an interval: counts, delays, seconds, and what it leaves out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from faultline.native import encode_records
from probe.active.packet import Request, request_octets
from probe.active.reflector import Reflector
from probe.active.result import Outcome
from probe.active.session import Session
from probe.active.tlv import Information, Source
from tests.probe.active.virtual_path import MS, SECOND_NS, START_NS, Line, Treatment

KEY = bytes(range(32))
LOST = Treatment(out=())


def steady(packets: int = 100, **more: object) -> Line:
    """A line over which so many packets went, and everything has arrived."""
    line = Line(**more)  # type: ignore[arg-type]
    line.send(packets)
    line.run_until(line.now_ns + SECOND_NS)
    return line


def kernel_stamped(line: Line) -> None:
    """Give every packet on its way a kernel transmit stamp, 2 µs after the program built it."""
    for packet in line.session._packets:
        line.session.transmitted(packet, packet.sent_ns + 2000, Source.SOFTWARE)


def test_delays_of_both_directions_are_told_apart() -> None:
    """5 ms out, 20 ms back: each in its own distribution, the round trip without the reflector's residence."""
    line = steady(treat=lambda _: Treatment(back=(20 * MS,)))
    kernel_stamped(line)
    interval = line.cut(START_NS, START_NS + SECOND_NS)
    assert (interval.sent, interval.received, interval.lost) == (100, 100, 0)
    for found, expected_ns in ((interval.forward_delay, 5 * MS), (interval.reverse_delay, 20 * MS), (interval.rtt, 25 * MS)):
        assert found.n == 100
        assert abs((found.quantile(0.5) or 0) - expected_ns) < expected_ns // 50
    assert interval.forward_ipdv.n == 99
    assert (interval.forward_ipdv.min, interval.forward_ipdv.max) == (0, 0)
    assert interval.timestamp_sources == ("sw", "sw", "user", "sw")
    assert interval.suspect == 0


@given(st.integers(min_value=-3600 * SECOND_NS, max_value=3600 * SECOND_NS))
def test_clocks_that_differ_show_as_signed_delays(offset_ns: int) -> None:
    """Nothing is clamped; the round trip, the variation and the loss do not depend on it."""
    line = steady(20, clock_offset_ns=offset_ns)
    kernel_stamped(line)
    interval = line.cut(START_NS, START_NS + SECOND_NS)
    for found, expected_ns in ((interval.forward_delay, 5 * MS + offset_ns), (interval.reverse_delay, 5 * MS - offset_ns)):
        assert abs((found.quantile(0.5) or 0) - expected_ns) <= abs(expected_ns) // 32 + 4000
    assert abs((interval.rtt.quantile(0.5) or 0) - 10 * MS) < 200_000
    assert (interval.forward_ipdv.max or 0) <= 1


def test_the_first_variation_of_an_interval_continues_the_last_one() -> None:
    """The packet before the boundary counts as predecessor: 100 packets give 99 and then 100 differences."""
    line = steady(200)
    kernel_stamped(line)
    assert line.cut(START_NS, START_NS + SECOND_NS).forward_ipdv.n == 99
    assert line.cut(START_NS + SECOND_NS, START_NS + 2 * SECOND_NS).forward_ipdv.n == 100


def test_a_packet_counts_where_it_was_sent() -> None:
    """A reply that comes after the boundary belongs to the packet's interval."""
    line = steady(200, treat=lambda _: Treatment(out=(700 * MS,)))
    first = line.cut(START_NS, START_NS + SECOND_NS)
    second = line.cut(START_NS + SECOND_NS, START_NS + 2 * SECOND_NS)
    assert (first.sent, first.received, second.sent, second.received) == (100, 100, 100, 100)


def test_a_reply_after_a_second_is_late() -> None:
    """The packet is lost without a direction, the reply is told from a stranger's, and the interval does not change."""
    line = steady(50, treat=lambda ordinal: Treatment(out=(1200 * MS,)) if ordinal == 10 else Treatment())
    interval = line.cut(START_NS, START_NS + SECOND_NS)
    assert (interval.received, interval.lost_forward, interval.lost_reverse, interval.lost_unattributed) == (49, 0, 0, 1)
    assert line.answers.count("late") == 1


def test_reordered_and_copied_replies_are_counted() -> None:
    """One packet takes 35 ms longer than its followers; one reply comes three times."""
    treatments = {20: Treatment(out=(40 * MS,)), 30: Treatment(back=(5 * MS,) * 3)}
    interval = steady(treat=lambda ordinal: treatments.get(ordinal, Treatment())).cut(START_NS, START_NS + SECOND_NS)
    assert (interval.reordered, interval.duplicates, interval.lost) == (1, 2, 0)


def test_an_outage_is_a_row_like_any_other() -> None:
    """Nothing comes back for a whole interval: sent and lost are there, distributions are empty, the record is encodable."""
    line = steady(treat=lambda _: LOST)
    interval = line.cut(START_NS, START_NS + SECOND_NS)
    assert (interval.sent, interval.received, interval.lost_unattributed) == (100, 0, 100)
    row = interval.row(clock_class="ntp", clock_error_ns=1000)
    assert (row["rtt"], row["severely_errored_mask"], row["clock_class"]) == (b"", 1, "none")
    assert encode_records("session", [row], export_s=1)


def test_a_session_that_sent_nothing_is_a_row_too() -> None:
    """Never absent: sent 0, and every second marked as not measured."""
    session = Session(name="s", ssid=1, interval_ns=10 * MS)
    interval = session.cut(START_NS, START_NS + 10 * SECOND_NS, now_ns=START_NS + 11 * SECOND_NS).interval()
    assert (interval.sent, interval.unmeasured_mask) == (0, 0b11_1111_1111)
    assert encode_records("session", [interval.row(clock_class="none", clock_error_ns=None)], export_s=1)


def test_packets_the_kernel_would_not_carry_count_as_lost() -> None:
    """No route: lost without a direction. A packet filter: lost on the way out. Neither takes a reverse loss's place."""
    line = Line(treat=lambda ordinal: Treatment(back=()) if ordinal == 11 else Treatment())
    line.send(10)
    for outcome in (Outcome.GONE, Outcome.FILTERED, Outcome.GONE):
        packet, _ = line.session.next_packet(line.now_ns, error_estimate=0)
        line.session.refused(packet, outcome)
        line.now_ns += 10 * MS
    line._treat = lambda ordinal: Treatment(back=()) if ordinal == 13 else Treatment()
    line.send(10)
    line.run_until(line.now_ns + SECOND_NS)
    interval = line.cut(START_NS, START_NS + SECOND_NS)
    assert (interval.sent, interval.received) == (23, 19)
    assert (interval.lost_forward, interval.lost_reverse, interval.lost_unattributed) == (1, 1, 2)


def test_what_may_still_be_answered_is_left_out_at_the_stop() -> None:
    """The probe stops in mid-interval: packets under way are neither sent nor lost, but undecided."""
    line = Line(treat=lambda _: Treatment(out=(50 * MS,)))
    line.send(50)
    line.run_until(line.now_ns)
    interval = line.session.cut(START_NS, line.now_ns, now_ns=line.now_ns).interval()
    assert interval.sent == interval.received
    assert interval.undecided == 50 - interval.sent > 0


def test_masks_tell_bad_seconds_and_missing_ones() -> None:
    """Second 3 loses 60 %, second 4 half (not more), second 6 is not sent: bits of the window's ten seconds."""
    line = Line(treat=lambda ordinal: LOST if 300 <= ordinal < 360 or 400 <= ordinal < 450 else Treatment())
    line.send(600)
    line.now_ns += SECOND_NS
    line.send(300)
    line.run_until(line.now_ns + SECOND_NS)
    interval = line.cut(START_NS, START_NS + 10 * SECOND_NS)
    assert interval.severely_errored_mask == 1 << 3
    assert interval.unmeasured_mask == 1 << 6


def test_masks_of_short_intervals_add_up_in_their_window() -> None:
    """Intervals of 1 s set the bit of their second of the 10 s window, so that or-ing them gives the window's mask."""
    line = steady(500, treat=lambda ordinal: LOST if 200 <= ordinal < 300 else Treatment())
    masks = [
        line.cut(START_NS + second * SECOND_NS, START_NS + (second + 1) * SECOND_NS).severely_errored_mask for second in range(5)
    ]
    assert masks == [0, 0, 1 << 2, 0, 0]


def test_a_clock_that_is_set_back_blocks_nothing() -> None:
    """Packets stamped with the time that was are given up; those of the new time are measured at once."""
    line = steady(20)
    hour_ns = 3600 * SECOND_NS
    line.now_ns = START_NS - hour_ns
    line.reflector = Reflector()  # its clock is another one, which nobody set
    line.send(50)
    line.run_until(line.now_ns + SECOND_NS)
    interval = line.session.cut(START_NS - hour_ns, START_NS - hour_ns + SECOND_NS, now_ns=line.now_ns).interval()
    assert (interval.sent, interval.received, interval.earlier) == (50, 50, 20)


def test_a_starved_host_keeps_its_samples_out_of_the_distributions() -> None:
    """Late by over 5 ms with stamps of its own, or by over 100 ms with the kernel's: counted, and no sample."""
    for kernel, lag_ns, suspect in ((False, 4 * MS, 0), (False, 6 * MS, 1), (True, 90 * MS, 0), (True, 110 * MS, 1)):
        line = steady(50)
        if kernel:
            kernel_stamped(line)
        line.session._packets[7].lag_ns = lag_ns
        interval = line.cut(START_NS, START_NS + SECOND_NS)
        assert (interval.received, interval.suspect, interval.rtt.n) == (50, suspect, 50 - suspect)


def test_sources_of_timestamps_are_not_mixed() -> None:
    """Three packets without a kernel stamp among fifty: counted, said, and kept out of the others' distributions."""
    line = steady(50)
    kernel_stamped(line)
    for packet in list(line.session._packets)[10:13]:
        line.session.transmitted(packet, packet.sent_ns, Source.USER)
    interval = line.cut(START_NS, START_NS + SECOND_NS)
    assert (interval.suspect, interval.forward_delay.n, interval.t1_source) == (3, 47, Source.SOFTWARE)


def test_replies_of_strangers_are_told_from_ours() -> None:
    """A wrong timestamp, a number never sent, too few octets: counted by reason, and nothing else happens."""
    line = Line()
    packet, octets = line.session.next_packet(START_NS, error_estimate=0)
    line.session.sent(packet)

    def receive(data: bytes) -> str:
        return line.session.receive(data, t4_ns=START_NS, t4_source=Source.SOFTWARE, now_ns=START_NS)

    assert receive(octets[:43]) == "malformed"
    assert receive(bytes(64)) == "foreign"
    assert receive(request_octets(Request(seq=5, t1=1, error_estimate=0, ssid=7))) == "foreign"
    assert line.session.pending == 1


@given(st.binary(max_size=200))
def test_no_octets_break_a_session(octets: bytes) -> None:
    """Whatever comes to its port."""
    for key in (None, KEY):
        session = Session(name="s", ssid=1, interval_ns=MS, key=key)
        packet, _ = session.next_packet(START_NS, error_estimate=0)
        session.sent(packet)
        session.receive(octets, t4_ns=START_NS, t4_source=Source.SOFTWARE, now_ns=START_NS)
        session.cut(START_NS, START_NS + SECOND_NS, now_ns=START_NS + 3 * SECOND_NS)


def test_an_authenticated_session_works_and_refuses_a_forged_reply() -> None:
    """With the key on both sides all is as in the open; with another one nothing comes back."""
    from probe.active.keys import Keys  # noqa: PLC0415 - beside its one use

    interval = steady(20, key=KEY, keys=Keys(common=(KEY,)), size=200).cut(START_NS, START_NS + SECOND_NS)
    assert (interval.sent, interval.received) == (20, 20)
    assert interval.information == Information(t2=Source.SOFTWARE, t3=Source.USER)
    forged = steady(20, key=KEY)
    assert forged.cut(START_NS, START_NS + SECOND_NS).received == 0
