"""The TCP rules: which segments count as lost and on which side, told case by case, and against the plain-Python oracle."""

from __future__ import annotations

import io
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultline import native
from tests.native import tcp_oracle
from tests.native.captures import ACK, CLIENT, FIN, MS, RST, SERVER, START_NS, SYN, SYN_ACK, Capture, Talk, meter
from tests.native.tcp_oracle import Segment

COUNTERS = ("retransmissions", "retransmissions_spurious", "reordered", "keepalives", "zero_window_probes")
SIDES = ("loss_upstream", "loss_downstream", "loss_upstream_inferred", "acked_unseen_octets")
ISNS = [(1000, 5000), (2**32 - 150, 2**32 - 3)]


def record_of(talk: Talk, tmp_path: Path) -> dict[str, Any]:
    """The one flow of a talk."""
    records, _ = meter(talk.capture.write(tmp_path / "talk.pcap"))
    assert len(records) == 1
    return records[0]


def found(record: dict[str, Any], prefix: str = "") -> dict[str, int]:
    """The classes that are not zero."""
    return {name: record[prefix + name] for name in (*COUNTERS, *SIDES) if record[prefix + name]}


@pytest.fixture(params=ISNS, ids=["plain", "wrapping"])
def talk(request: pytest.FixtureRequest) -> Talk:
    """An open connection; once with numbers that pass 2**32 soon."""
    return Talk(isn=request.param).open()


def test_the_handshake_gives_round_trips_to_both_ends(talk: Talk, tmp_path: Path) -> None:
    """SYN-ACK minus SYN is the server's side, ACK minus SYN-ACK the client's; full round trips, not halves."""
    record = record_of(talk, tmp_path)
    assert (record["rtt_server_ns"], record["rtt_client_ns"], record["connection_setup_ns"]) == (30 * MS, 20 * MS, 50 * MS)
    assert record["handshake_ambiguous"] is False
    assert found(record) == found(record, "reverse_") == {}


def test_a_repeated_syn_makes_the_handshake_ambiguous(tmp_path: Path) -> None:
    """The times are those of the last SYN, the set-up that of the first, and the record says that they are not certain."""
    talk = Talk().say(-1000, 0, -1, 0, flags=SYN).open()
    record = record_of(talk, tmp_path)
    assert (record["rtt_server_ns"], record["rtt_client_ns"], record["connection_setup_ns"]) == (30 * MS, 20 * MS, 1050 * MS)
    assert record["handshake_ambiguous"] is True
    assert record["retransmissions_wireshark"] == record["loss_downstream"] == 1


def test_a_hole_filled_late_was_lost_upstream(talk: Talk, tmp_path: Path) -> None:
    """A segment that never passed, and passes later than reordering takes, was lost between its sender and here."""
    talk.say(100, 0, 0, 0, 100).say(101, 0, 200, 0, 100)
    talk.say(131, 1, 0, 100, sacks=[(200, 300)]).say(200, 0, 100, 0, 100).say(230, 1, 0, 300)
    assert found(record_of(talk, tmp_path)) == {"retransmissions": 1, "loss_upstream": 1}


def test_a_hole_filled_at_once_was_reordering(talk: Talk, tmp_path: Path) -> None:
    """Younger than the path's round trip and without proof of a loss, the segment was only late."""
    talk.say(100, 0, 0, 0, 100).say(101, 0, 200, 0, 100).say(140, 0, 100, 0, 100).say(170, 1, 0, 300)
    record = record_of(talk, tmp_path)
    assert found(record) == {"reordered": 1}
    assert record["out_of_order_wireshark"] == 1


def test_a_sack_proves_a_loss_only_after_a_round_trip_to_the_sender(talk: Talk, tmp_path: Path) -> None:
    """Near the receiver, SACKs of mere reordering pass before the late segment: what comes within 20 ms does not answer them."""
    for hole, proof_ms, fill_ms in ((100, 102, 121), (400, 302, 323)):
        begin = proof_ms - 2
        talk.say(begin, 0, hole - 100, 0, 100).say(begin + 1, 0, hole + 100, 0, 100)
        talk.say(proof_ms, 1, 0, hole, sacks=[(hole + 100, hole + 200)]).say(fill_ms, 0, hole, 0, 100)
        talk.say(fill_ms + 2, 1, 0, hole + 200)
    # The second gap of 100 octets between the two rounds was never sent in this capture's order: rounds touch at 300.
    assert found(record_of(talk, tmp_path)) == {"reordered": 1, "retransmissions": 1, "loss_upstream": 1}


def test_three_duplicate_acks_prove_a_loss_without_sack(talk: Talk, tmp_path: Path) -> None:
    """The third duplicate ACK is the proof; the retransmission it asks for comes a round trip to the sender later."""
    talk.say(100, 0, 0, 0, 100).say(110, 1, 0, 100)
    for number in range(3):
        talk.say(112 + number, 0, 200 + 100 * number, 0, 100).say(113 + number, 1, 0, 100)
    talk.say(137, 0, 100, 0, 100).say(140, 1, 0, 500)
    record = record_of(talk, tmp_path)
    assert found(record) == {"retransmissions": 1, "loss_upstream": 1}
    assert record["reverse_duplicate_acks"] == 3


def test_a_segment_seen_twice_was_lost_downstream(talk: Talk, tmp_path: Path) -> None:
    """It passed, was not acknowledged, and passes again: it, or its acknowledgement, was lost beyond here."""
    talk.say(100, 0, 0, 0, 100).say(400, 0, 0, 0, 100).say(430, 1, 0, 100)
    record = record_of(talk, tmp_path)
    assert found(record) == {"retransmissions": 1, "loss_downstream": 1}
    assert found(record, "reverse_") == {}
    assert record["retransmissions_wireshark"] == 1


def test_a_dsack_acquits_the_downstream(talk: Talk, tmp_path: Path) -> None:
    """The receiver reports the second copy as a duplicate: nothing was lost downstream, the retransmission was needless."""
    talk.say(100, 0, 0, 0, 100).say(400, 0, 0, 0, 100).say(430, 1, 0, 100).say(431, 1, 0, 100, sacks=[(0, 100)])
    assert found(record_of(talk, tmp_path)) == {"retransmissions_spurious": 1}


def test_what_is_acknowledged_already_is_sent_in_vain(talk: Talk, tmp_path: Path) -> None:
    """A segment wholly below the acknowledgement is spurious, not lost."""
    talk.say(100, 0, 0, 0, 100).say(130, 1, 0, 100).say(160, 0, 0, 0, 100)
    record = record_of(talk, tmp_path)
    assert found(record) == {"retransmissions_spurious": 1}
    assert record["retransmissions_wireshark"] == 1


def test_a_keep_alive_is_no_retransmission(talk: Talk, tmp_path: Path) -> None:
    """One octet or none before the next number, all of it acknowledged; unacknowledged it is a retransmission."""
    talk.say(100, 0, 0, 0, 1).say(130, 1, 0, 1).say(5000, 0, 0, 0, 1).say(5030, 1, 0, 1).say(9000, 0, 0, 0)
    talk.say(9030, 1, 0, 1).say(9100, 0, 1, 0, 1).say(9500, 0, 1, 0, 1).say(9530, 1, 0, 2)
    record = record_of(talk, tmp_path)
    assert found(record) == {"keepalives": 2, "retransmissions": 1, "loss_downstream": 1}


def test_zero_window_probes_of_both_kinds(talk: Talk, tmp_path: Path) -> None:
    """Linux sends nothing at the octet before, Windows one new octet; neither moves the highest number, taken or not."""
    talk.say(100, 0, 0, 0, 100).say(130, 1, 0, 100, window=0)
    talk.say(400, 0, 99, 0).say(430, 1, 0, 100, window=0)
    talk.say(900, 0, 100, 0, 1).say(930, 1, 0, 100, window=0)
    talk.say(1900, 0, 100, 0, 1).say(1930, 1, 0, 101, window=500).say(2000, 0, 101, 0, 99).say(2030, 1, 0, 200)
    record = record_of(talk, tmp_path)
    assert found(record) == {"zero_window_probes": 3}
    assert record["reverse_zero_window_events"] == 3
    assert record["reverse_zero_window_ns"] == 1800 * MS


def test_octets_acknowledged_and_never_seen_are_the_captures_loss(talk: Talk, tmp_path: Path) -> None:
    """Above the highest or in a hole: what the receiver has was not lost by the network."""
    talk.say(100, 0, 0, 0, 100).say(101, 0, 200, 0, 100).say(130, 1, 0, 300).say(150, 1, 0, 350).say(200, 0, 350, 0, 50)
    assert found(record_of(talk, tmp_path)) == {"acked_unseen_octets": 150}


def test_a_sack_of_what_was_not_seen_leaves_a_hole_below_it(talk: Talk, tmp_path: Path) -> None:
    """The receiver has 200..300, which did not pass here; 100..200 is still missing and comes as a retransmission."""
    talk.say(100, 0, 0, 0, 100).say(130, 1, 0, 100, sacks=[(200, 300)]).say(250, 0, 100, 0, 100).say(280, 1, 0, 300)
    assert found(record_of(talk, tmp_path)) == {"acked_unseen_octets": 100, "retransmissions": 1, "loss_upstream": 1}


def test_a_late_bare_ack_is_just_an_ack(talk: Talk, tmp_path: Path) -> None:
    """Without data nothing was sent again; and a bare ACK beyond the highest shows that data before it is missing."""
    talk.say(100, 0, 0, 0, 100).say(130, 1, 0, 100).say(131, 0, 50, 0).say(140, 0, 200, 0).say(400, 0, 100, 0, 100)
    assert found(record_of(talk, tmp_path)) == {"retransmissions": 1, "loss_upstream": 1}


def test_a_lost_request_of_one_segment_is_inferred(talk: Talk, tmp_path: Path) -> None:
    """It leaves no hole; but a host that counts its packets by connection shows the gap after a silence as long as a timeout."""
    talk.capture = Talk(isn=talk.isn).capture
    for turn in range(6):
        talk.say(100 + 10 * turn, 0, 10 * turn, 0, 10, ip_id=500 + turn).say(101 + 10 * turn, 1, 0, 10 * turn + 10)
    talk.say(700, 0, 60, 0, 10, ip_id=507).say(701, 1, 0, 70).say(2000, 0, 70, 0, 10, ip_id=508)
    assert found(record_of(talk, tmp_path)) == {"loss_upstream_inferred": 1}


def test_data_round_trips_leave_out_what_was_sent_twice(talk: Talk, tmp_path: Path) -> None:
    """One sample at a time, of a segment whose end is acknowledged exactly and that was sent once (Karn)."""
    talk.say(100, 0, 0, 0, 100).say(125, 1, 0, 100)
    talk.say(200, 0, 100, 0, 100).say(300, 0, 100, 0, 100).say(325, 1, 0, 200)
    talk.say(400, 0, 200, 0, 100).say(401, 0, 300, 0, 100).say(440, 1, 0, 350)
    talk.say(500, 1, 0, 400, 50).say(519, 0, 400, 50)
    record = record_of(talk, tmp_path)
    assert record["data_rtt_ns"] == {"n": 1, "min": 25 * MS, "p50": 25 * MS, "p95": 25 * MS, "max": 25 * MS}
    assert (record["reverse_data_rtt_ns"]["n"], record["reverse_data_rtt_ns"]["p50"]) == (1, 19 * MS)


def test_the_response_time_is_the_servers_own(talk: Talk, tmp_path: Path) -> None:
    """From the last octet of a request to the first of the response, less the round trip to the server."""
    talk.say(100, 0, 0, 0, 100).say(101, 0, 100, 0, 50).say(131, 1, 0, 150).say(171, 1, 0, 150, 500).say(180, 1, 500, 150, 500)
    talk.say(300, 0, 150, 1000, 10).say(340, 1, 1000, 160, 20)
    record = record_of(talk, tmp_path)
    assert (record["application_response_ns"]["n"], record["application_response_ns"]["max"]) == (2, 40 * MS)
    assert record["application_response_ns"]["p50"] in range(10 * MS, 41 * MS)


def test_flags_are_counted_by_direction(talk: Talk, tmp_path: Path) -> None:
    """Packets with SYN, FIN and RST, and the union of all flags."""
    talk.say(100, 0, 0, 0, flags=FIN | ACK).say(130, 1, 0, 1, flags=RST)
    record = record_of(talk, tmp_path)
    assert (record["syn_packets"], record["fin_packets"], record["reverse_rst_packets"]) == (1, 1, 1)
    assert (record["tcp_flags"], record["reverse_tcp_flags"]) == (SYN | ACK | FIN, SYN_ACK | RST)
    assert (record["tcp_segments"], record["reverse_tcp_segments"]) == (2, 1)


def test_ipv6_is_judged_alike(tmp_path: Path) -> None:
    """The same rules hold; addresses are IPv6 text."""
    talk = Talk(client=("2001:db8::1", 40000), server=("2001:db8::2", 443)).open()
    talk.say(100, 0, 0, 0, 100).say(400, 0, 0, 0, 100).say(430, 1, 0, 100)
    record = record_of(talk, tmp_path)
    assert found(record) == {"retransmissions": 1, "loss_downstream": 1}
    assert (record["source_address"], record["tcp_payload_octets"]) == ("2001:db8::1", 200)


def triggers(record: dict[str, Any]) -> tuple[int, int, int]:
    """Retransmissions by report, by timeout, and their delay in milliseconds."""
    delay_ms = record["retransmission_delay_ns"] // MS
    return record["retransmissions_fast"], record["retransmissions_timeout"], delay_ms


def test_a_reported_loss_was_sent_again_fast(talk: Talk, tmp_path: Path) -> None:
    """A SACK above it, sooner than a timeout: the delay counts from when its hole was seen."""
    talk.say(100, 0, 0, 0, 100).say(101, 0, 200, 0, 100)
    talk.say(131, 1, 0, 100, sacks=[(200, 300)]).say(155, 0, 100, 0, 100).say(185, 1, 0, 300)
    assert triggers(record_of(talk, tmp_path)) == (1, 0, 54)


def test_a_silence_ended_by_a_timeout(talk: Talk, tmp_path: Path) -> None:
    """What follows in the same recovery has the same reason; its delay is from the last progress, the least it can be."""
    talk.say(100, 0, 0, 0, 100).say(101, 0, 100, 0, 100).say(400, 0, 0, 0, 100).say(430, 1, 0, 100).say(450, 0, 100, 0, 100)
    assert triggers(record_of(talk, tmp_path)) == (0, 2, 300 + 20)


def test_a_probe_of_the_tail_is_neither(talk: Talk, tmp_path: Path) -> None:
    """Sent again soon and without any report."""
    talk.say(100, 0, 0, 0, 100).say(190, 0, 0, 0, 100).say(220, 1, 0, 100)
    assert triggers(record_of(talk, tmp_path)) == (0, 0, 90)


def test_lost_segments_are_told_one_by_one(talk: Talk, tmp_path: Path) -> None:
    """Sequence number, length, time of the retransmission and what became of the copy before; 64 of them, the others counted."""
    talk.say(100, 0, 0, 0, 100).say(400, 0, 0, 0, 100).say(430, 1, 0, 100).say(500, 0, 0, 0, 100)
    for number in range(70):
        talk.say(600 + number, 0, 100, 0, 50)
    record = record_of(talk, tmp_path)
    first = {"sequence": (talk.isn[0] + 1) % 2**32, "octets": 100}
    assert record["loss_events"][:2] == [
        first | {"at_ns": START_NS + 400 * MS, "class": "downstream"},
        first | {"at_ns": START_NS + 500 * MS, "class": "spurious"},
    ]
    assert (len(record["loss_events"]), record["loss_events_left_out"]) == (64, 2 + 69 - 64)
    assert "reverse_loss_events" not in record


def test_any_collector_reads_the_list_of_losses(talk: Talk, tmp_path: Path) -> None:
    """In IPFIX it is a subTemplateList whose template stands in the same message."""
    talk.say(100, 0, 0, 0, 100).say(400, 0, 0, 0, 100).say(430, 1, 0, 100)
    out = io.BytesIO()
    native.meter_files([str(talk.capture.write(tmp_path / "talk.pcap"))], out, format="ipfix")
    (row,) = native.ExportDecoder().datagram(out.getvalue(), "probe")
    (event,) = row["record"]["32473/250"]
    assert (event["tcpSequenceNumber"], event["32473/251"], event["32473/252"]) == ((talk.isn[0] + 1) % 2**32, 100, 2)
    assert event["observationTimeNanoseconds"] == START_NS + 400 * MS


def test_a_full_window_is_one_in_its_scale(tmp_path: Path) -> None:
    """In flight is as much as the receiver takes; without both SYNs nobody knows how much that is."""
    talk = Talk().say(0, 0, -1, 0, flags=SYN, window_shift=1).say(30, 1, -1, 0, flags=SYN_ACK, window_shift=2).say(50, 0, 0, 0)
    talk.say(60, 1, 0, 0, window=100).say(100, 0, 0, 0, 399).say(101, 0, 399, 0, 1).say(130, 1, 0, 400, window=100)
    assert record_of(talk, tmp_path)["window_full"] == 1
    half = Talk().say(60, 1, 0, 0, window=100).say(100, 0, 0, 0, 400)
    assert "window_full" not in record_of(half, tmp_path)


def test_resets_are_told_by_when_they_came(talk: Talk, tmp_path: Path) -> None:
    """Before the connection stood, after a FIN, or in between."""
    refused = Talk().say(0, 0, -1, 0, flags=SYN).say(30, 1, -1, 0, flags=RST | ACK)
    record = record_of(refused, tmp_path)
    assert (record["reverse_rst_handshake"], record["syn_refused"], record["syn_unanswered"]) == (1, 1, 0)
    talk.say(100, 0, 0, 0, 10).say(130, 1, 0, 10, flags=FIN | ACK).say(150, 0, 10, 1, flags=RST | ACK)
    record = record_of(talk, tmp_path)
    assert (record["rst_packets"], record["rst_after_fin"], record["rst_handshake"]) == (1, 1, 0)


def test_every_syn_without_an_answer_counts(tmp_path: Path) -> None:
    """Each was repeated or the last of its flow."""
    talk = Talk().say(0, 0, -1, 0, flags=SYN).say(1000, 0, -1, 0, flags=SYN).say(3000, 0, -1, 0, flags=SYN)
    record = record_of(talk, tmp_path)
    assert (record["syn_unanswered"], record["syn_refused"]) == (3, 0)
    assert record_of(Talk().open(), tmp_path)["syn_unanswered"] == 0


def test_a_transfer_lasts_from_the_first_to_the_last_octet_of_a_response(talk: Talk, tmp_path: Path) -> None:
    """The next request shows which was the last."""
    talk.say(100, 0, 0, 0, 100).say(140, 1, 0, 100, 500).say(165, 1, 500, 100, 500).say(300, 0, 100, 1000, 10)
    assert record_of(talk, tmp_path)["data_transfer_ns"] == {"n": 1, "p50": 25 * MS, "p95": 25 * MS, "max": 25 * MS}


def test_a_reply_without_any_acknowledgement_before_it_was_lost_before(talk: Talk, tmp_path: Path) -> None:
    """A slow server acknowledges the request in time; one whose reply was lost says nothing for a timeout."""
    talk.say(100, 0, 0, 0, 100).say(140, 1, 0, 100).say(600, 1, 0, 100, 50).say(620, 0, 100, 50)
    talk.say(700, 0, 100, 50, 100).say(1000, 1, 50, 200, 50)
    assert found(record_of(talk, tmp_path), "reverse_") == {"loss_upstream_inferred": 1}


def test_a_dsack_for_an_unanswered_request_tells_of_a_lost_answer(talk: Talk, tmp_path: Path) -> None:
    """The server had the request already when it came again; so it had answered, and repeats the answer."""
    talk.say(100, 0, 0, 0, 100).say(350, 0, 0, 0, 100).say(381, 1, 0, 100, sacks=[(0, 100)]).say(390, 1, 0, 100, 50)
    record = record_of(talk, tmp_path)
    assert found(record, "reverse_") == {"loss_upstream_inferred": 1}
    assert found(record) == {"retransmissions_spurious": 1}


def test_a_report_answered_in_vain_was_lost_as_well(talk: Talk, tmp_path: Path) -> None:
    """The receiver reported the hole at once and only a timeout filled it: two copies were lost before here."""
    talk.say(100, 0, 0, 0, 100).say(101, 0, 200, 0, 100).say(131, 1, 0, 100, sacks=[(200, 300)]).say(500, 0, 100, 0, 100)
    assert found(record_of(talk, tmp_path)) == {"retransmissions": 1, "loss_upstream": 1, "loss_upstream_inferred": 1}


# ---- against the oracle ---------------------------------------------------------------------------------------------
STEP = 100
numbers = st.integers(0, 12).map(lambda steps: steps * STEP)
near = st.one_of(numbers, st.builds(lambda base, off: max(0, base + off), numbers, st.sampled_from([-1, 1, 50])))


@st.composite
def segment_lists(draw: st.DrawFn) -> list[tuple[int, Segment]]:
    """Segments of two sides in small windows of numbers: losses, repeats, probes, SACKs and nonsense."""
    isns = draw(st.sampled_from([(1000, 5000), (2**32 - 300, 2**32 - 700), (0, 2**31 - 200)]))
    now_ns, made, ids = START_NS, [], [100, 200]
    if draw(st.booleans()):
        for side, flags, gap_ms in ((0, SYN, 0), (1, SYN_ACK, 30), (0, ACK, 20)):
            now_ns += gap_ms * MS
            seq = isns[side] + (flags == ACK)
            shift = draw(st.sampled_from([None, 0, 2])) if flags & SYN else None
            ack = (isns[1 - side] + 1) % 2**32
            made.append((side, Segment(now_ns=now_ns, seq=seq, ack=ack, flags=flags, window_shift=shift)))
    for _ in range(draw(st.integers(1, 30))):
        side = draw(st.integers(0, 1))
        now_ns += draw(st.sampled_from([10_000, 500_000, MS, 4 * MS, 25 * MS, 60 * MS, 250 * MS, 1000 * MS]))
        own, other = isns[side] + 1, isns[1 - side] + 1
        flags = draw(st.sampled_from([ACK] * 12 + [FIN | ACK, RST | ACK, RST, SYN, SYN_ACK, 0]))
        seq = own - 1 if flags & SYN and draw(st.integers(0, 3)) else own + draw(near)
        blocks = draw(st.lists(st.tuples(near, st.sampled_from([1, STEP, 3 * STEP])), max_size=3))
        ids[side] = (ids[side] + draw(st.sampled_from([1, 1, 1, 1, 2, 3, 0, 40000]))) % 2**16
        segment = Segment(
            now_ns=now_ns,
            seq=seq % 2**32,
            ack=(other + draw(near)) % 2**32,
            flags=flags,
            window=draw(st.sampled_from([0, 1000, 1000, 1000, 2000])),
            payload=draw(st.sampled_from([0, 0, 1, STEP, STEP, STEP, 2 * STEP, 150])),
            sacks=tuple(((other + left) % 2**32, (other + left + width) % 2**32) for left, width in blocks),
            timestamps=draw(st.sampled_from([None, None, (len(made), 3), (len(made), len(made))])) if len(blocks) < 3 else None,
            window_shift=draw(st.sampled_from([None, 0, 7, 15])) if flags & SYN and len(blocks) < 2 else None,
            ip_id=ids[side],
            checksum=draw(st.sampled_from([0, 7, len(made) + 1])),
        )
        made.append((side, segment))
    return made


def expected(segments: list[tuple[int, Segment]]) -> list[tcp_oracle.Flow]:
    """What the oracle says."""
    oracle, ends = tcp_oracle.Meter(), (CLIENT, SERVER)
    for side, segment in segments:
        oracle.observe(ends[side], ends[1 - side], segment)
    return oracle.finish()


@given(segment_lists())
def test_any_segments_are_judged_as_the_oracle_judges_them(segments: list[tuple[int, Segment]]) -> None:
    """Whatever two sides send, in any order, across the wrap, with SACKs and stamps: every counter is the oracle's."""
    capture, ends = Capture(), (CLIENT, SERVER)
    for side, segment in segments:
        fields = {field: getattr(segment, field) for field in Segment.__slots__ if field not in {"now_ns", "__weakref__"}}
        capture.tcp((segment.now_ns - START_NS) / MS, ends[side], ends[1 - side], **fields)
    with tempfile.TemporaryDirectory() as folder:
        records, _ = meter(capture.write(Path(folder) / "a.pcap"))
    flows = expected(segments)
    assert len(records) == len(flows)
    for flow, record in zip(flows, records, strict=True):
        flow.check(record)


@given(segment_lists())
def test_no_segment_is_judged_twice(segments: list[tuple[int, Segment]]) -> None:
    """The classes of a direction never add up to more than its judged segments, and retransmissions are those of both sides."""
    for flow in expected(segments):
        for counts in (flow.forward, flow.reverse):
            classes = Counter({name: counts[name] for name in ("retransmissions", "retransmissions_spurious", "reordered")})
            assert classes.total() <= counts["tcp_segments"]
            assert counts["retransmissions"] == counts["loss_upstream"] + counts["loss_downstream"]
