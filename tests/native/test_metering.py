"""The flow table: what makes packets one flow, when its records end, and how they are written."""

from __future__ import annotations

import csv
import io
import json
import struct
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from faultline.native import decode_batch, meter_files, seal_batch
from faultline.records.histogram import Histogram
from tests.native.captures import (
    ACK,
    CLIENT,
    FIN,
    MS,
    RST,
    SECOND,
    SERVER,
    START_NS,
    SYN,
    SYN_ACK,
    Capture,
    Talk,
    ethernet,
    ip,
    meter,
)

OTHER = ("10.0.0.3", 50000)
DNS = ("10.0.0.53", 53)


def only(records: list[dict[str, Any]]) -> dict[str, Any]:
    """The one record there must be."""
    assert len(records) == 1, [(record["source_address"], record["source_port"]) for record in records]
    return records[0]


def test_both_directions_are_one_record(tmp_path: Path) -> None:
    """A question and its answer are one biflow: forward is who asked, octets are IP lengths, frame octets those on the wire."""
    capture = Capture().udp(0, OTHER, DNS, b"who").udp(7, DNS, OTHER, b"me, I am").udp(9, OTHER, DNS, b"thanks")
    record = only(meter(capture.write(tmp_path / "a.pcap"))[0])
    assert (record["source_address"], record["source_port"]) == OTHER
    assert (record["destination_address"], record["destination_port"]) == DNS
    assert (record["packets"], record["reverse_packets"]) == (2, 1)
    assert (record["octets"], record["reverse_octets"]) == (28 + 3 + 28 + 6, 28 + 8)
    assert record["frame_octets"] == record["octets"] + 2 * 14
    assert (record["start_ns"], record["end_ns"]) == (START_NS, START_NS + 9 * MS)
    assert (record["protocol"], record["application"], record["end_reason"]) == (17, "dns", "forced")
    assert not any(key.startswith(("tcp_", "retransmissions", "zero_")) for key in record)


def test_the_side_of_the_syn_began_the_flow(tmp_path: Path) -> None:
    """Forward is the direction of the SYN even when its answer was captured first, and the reverse of a lone SYN-ACK."""
    late = Capture().tcp(0, SERVER, CLIENT, seq=5, ack=2, flags=SYN_ACK).tcp(1, CLIENT, SERVER, seq=1, flags=SYN)
    assert (
        only(meter(late.write(tmp_path / "late.pcap"))[0])["source_address"],
        only(meter(late.write(tmp_path / "late.pcap"))[0])["syn_packets"],
    ) == (CLIENT[0], 1)
    lone = Capture().tcp(0, SERVER, CLIENT, seq=5, ack=2, flags=SYN_ACK)
    record = only(meter(lone.write(tmp_path / "lone.pcap"))[0])
    assert (record["source_address"], record["packets"], record["reverse_packets"]) == (CLIENT[0], 0, 1)


def test_a_silent_flow_ends(tmp_path: Path) -> None:
    """After the idle timeout the next packet begins another record, whatever else passed meanwhile."""
    capture = Capture().udp(0, OTHER, DNS).udp(29_999, OTHER, DNS).udp(59_999, OTHER, DNS).udp(60_000, CLIENT, DNS)
    path = capture.write(tmp_path / "a.pcap")
    records = [record for record in meter(path, idle_timeout_s=30.0)[0] if record["source_address"] == OTHER[0]]
    assert [(record["packets"], record["end_reason"]) for record in records] == [(2, "idle"), (1, "forced")]
    assert len(meter(path)[0]) == 2


def test_a_long_flow_is_told_in_parts(tmp_path: Path) -> None:
    """A record covers at most the active timeout; the parts add up to the whole, and the handshake is told once."""
    talk = Talk().open()
    for second in range(1, 150):
        talk.say(1000 * second, 0, 10 * (second - 1), 0, 10).say(1000 * second + 30, 1, 0, 10 * second)
    path = talk.capture.write(tmp_path / "a.pcap")
    parts, whole = meter(path, active_timeout_s=60.0)[0], only(meter(path)[0])
    assert [part["end_reason"] for part in parts] == ["active", "active", "forced"]
    assert all(part["end_ns"] - part["start_ns"] < 60 * SECOND for part in parts)
    for counter in ("packets", "reverse_octets", "tcp_payload_octets", "tcp_segments", "retransmissions"):
        assert sum(part[counter] for part in parts) == whole[counter]
    assert ["rtt_server_ns" in part for part in parts] == [True, False, False]
    assert sum(part["data_rtt_ns"]["n"] for part in parts) == whole["data_rtt_ns"]["n"] == 149


def test_a_new_connection_on_the_same_ports_is_a_new_flow(tmp_path: Path) -> None:
    """A SYN with another number after FIN or RST ends the flow; a late packet before it still belongs to the old one."""
    talk = Talk().open().say(60, 0, 0, 0, flags=FIN | ACK).say(90, 1, 0, 1, flags=RST | ACK).say(95, 0, 1, 0)
    capture = talk.capture
    capture.tcp(200, CLIENT, SERVER, seq=99_000, flags=SYN)
    first, second = meter(capture.write(tmp_path / "a.pcap"))[0]
    assert (first["packets"] + first["reverse_packets"], first["end_reason"]) == (6, "end")
    assert (second["packets"], second["syn_packets"], second["end_reason"]) == (1, 1, "forced")


def test_a_repeated_syn_is_the_same_flow(tmp_path: Path) -> None:
    """The same number after a refusal is the same attempt, and another number without FIN or RST opens no other flow."""
    refused = Capture().tcp(0, CLIENT, SERVER, seq=9, flags=SYN).tcp(1, SERVER, CLIENT, seq=0, ack=10, flags=RST | ACK)
    assert len(meter(refused.tcp(500, CLIENT, SERVER, seq=9, flags=SYN).write(tmp_path / "a.pcap"))[0]) == 1
    unanswered = Capture().tcp(0, CLIENT, SERVER, seq=9, flags=SYN).tcp(500, CLIENT, SERVER, seq=70_000, flags=SYN)
    assert len(meter(unanswered.write(tmp_path / "b.pcap"))[0]) == 1


def test_later_fragments_join_their_first(tmp_path: Path) -> None:
    """A fragment without ports belongs to the flow of its first fragment; without that it is a flow with ports 0."""
    datagram = struct.pack("!HHHH", 1111, 2222, 3000, 0) + bytes(2992)
    ends = ("10.0.0.1", "10.0.0.2")
    first = ethernet(ip(*ends, 17, datagram[:1480], id=77, mf=1))
    middle = ethernet(ip(*ends, 17, datagram[1480:2960], id=77, mf=1, offset=1480))
    last = ethernet(ip(*ends, 17, datagram[2960:], id=77, offset=2960))
    whole = Capture().frame(0, first).frame(1, middle).frame(2, last)
    record = only(meter(whole.write(tmp_path / "a.pcap"))[0])
    assert (record["source_port"], record["destination_port"], record["packets"]) == (1111, 2222, 3)
    orphan = only(meter(Capture().frame(0, last).write(tmp_path / "b.pcap"))[0])
    assert (orphan["source_port"], orphan["destination_port"], orphan["protocol"]) == (0, 0, 17)


def test_an_echo_and_its_reply_are_one_flow(tmp_path: Path) -> None:
    """ICMP requests and replies pair up under the identifier; an error's quoted header is no flow of its own."""
    ask = struct.pack("!BBHHH", 8, 0, 0, 4711, 1)
    reply = struct.pack("!BBHHH", 0, 0, 0, 4711, 1)
    quoted = ip("10.0.0.1", "10.0.0.9", 17, struct.pack("!HHHH", 5, 6, 8, 0))
    unreachable = struct.pack("!BBHI", 3, 3, 0, 0) + quoted
    capture = (
        Capture()
        .frame(0, ethernet(ip("10.0.0.1", "10.0.0.2", 1, ask)))
        .frame(5, ethernet(ip("10.0.0.2", "10.0.0.1", 1, reply)))
        .frame(9, ethernet(ip("10.0.0.9", "10.0.0.1", 1, unreachable)))
    )
    echo, error = meter(capture.write(tmp_path / "a.pcap"))[0]
    assert (echo["source_address"], echo["source_port"], echo["destination_port"]) == ("10.0.0.1", 4711, 8 * 256)
    assert (echo["packets"], echo["reverse_packets"]) == (1, 1)
    assert (error["source_address"], error["source_port"], error["destination_port"]) == ("10.0.0.9", 0, 3 * 256 + 3)
    assert error["protocol"] == 1


def test_vlans_are_part_of_the_key_when_named(tmp_path: Path) -> None:
    """The same addresses in two VLANs are one flow unless the key names them; both are shown outermost first."""
    capture = Capture().udp(0, OTHER, DNS, vlans=[100, 7]).udp(1, DNS, OTHER, vlans=[100, 8])
    path = capture.write(tmp_path / "a.pcap")
    assert only(meter(path)[0])["encapsulation"] == ["vlan:100", "vlan:7", "vlan:8"]
    apart = meter(path, key=["vlan"])[0]
    assert [record["encapsulation"] for record in apart] == [["vlan:100", "vlan:7"], ["vlan:100", "vlan:8"]]


def test_the_inner_or_the_outer_header_is_the_key(tmp_path: Path) -> None:
    """Of a tunnelled packet the innermost addresses count by default, the outermost on request, and octets are that header's."""
    inner = ip("192.168.1.1", "192.168.2.2", 17, struct.pack("!HHHH", 1, 2, 8, 0))
    gre = struct.pack("!HHI", 0x2000, 0x0800, 0xABC) + inner
    path = Capture().frame(0, ethernet(ip("1.1.1.1", "2.2.2.2", 47, gre))).write(tmp_path / "a.pcap")
    inside, outside = only(meter(path)[0]), only(meter(path, tunnels="outer")[0])
    assert (inside["source_address"], inside["encapsulation"], inside["octets"]) == ("192.168.1.1", ["gre:2748"], 28)
    assert (outside["source_address"], outside["protocol"], outside["octets"]) == ("1.1.1.1", 47, 20 + 8 + 28)


def test_octets_survive_a_full_table(tmp_path: Path) -> None:
    """When the table is full the longest idle flow is cut early and says so; nothing is lost."""
    capture = Capture()
    for number in range(400):
        capture.udp(number, ("10.0.0.1", 1000 + number % 100), DNS, b"12345678")
    records, summary = meter(capture.write(tmp_path / "a.pcap"), max_flows=16)
    assert sum(record["octets"] for record in records) == 400 * 36
    assert summary["evicted"] == sum(record["end_reason"] == "resources" for record in records) > 0
    assert summary["flows"] == len(records)


def test_every_frame_is_accounted_for(tmp_path: Path) -> None:
    """Packets of records and frames without IP, by reason, add up to the frames of the capture."""
    arp = bytes(12) + b"\x08\x06" + bytes(28)
    capture = Capture().udp(0, OTHER, DNS).frame(1, arp).frame(2, bytes(9)).frame(3, ethernet(b"\x45" + bytes(8)))
    records, summary = meter(capture.write(tmp_path / "a.pcap"))
    assert summary["packets"] == 4
    assert summary["unparsed"] == {"not_ip": 1, "truncated_link": 1, "truncated_ip": 1}
    assert sum(record["packets"] + record["reverse_packets"] for record in records) == 1


def test_mirror_copies_are_told_apart(tmp_path: Path) -> None:
    """A copy with the same identification and checksum counts as packet, octets and duplicate, and as Wireshark counts it."""
    talk = Talk().open()
    for copy in range(2):
        talk.say(100 + copy * 0.05, 0, 0, 0, 100, ip_id=9, checksum=0xBEEF)
    talk.say(400, 0, 100, 0, 100, ip_id=10, checksum=0xBEE0).say(700, 0, 100, 0, 100, ip_id=11, checksum=0xBEE0)
    record = only(meter(talk.capture.write(tmp_path / "a.pcap"))[0])
    assert (record["duplicates"], record["retransmissions_wireshark"], record["retransmissions"]) == (1, 2, 1)
    assert (record["packets"], record["tcp_payload_octets"], record["tcp_segments"]) == (6, 400, 4)


def test_csv_has_the_same_fields(tmp_path: Path) -> None:
    """Columns are the names of the contract; what has no value is empty, a distribution is one column a part."""
    talk = Talk().open().say(100, 0, 0, 0, 10).say(130, 1, 0, 10)
    path = talk.capture.udp(200, OTHER, DNS, vlans=[5, 6]).write(tmp_path / "a.pcap")
    out = io.BytesIO()
    meter_files([str(path)], out, format="csv")
    rows = list(csv.DictReader(io.StringIO(out.getvalue().decode())))
    by_json = {record["source_port"]: record for record in meter(path)[0]}
    assert len(rows) == 2
    for row in rows:
        record = by_json[int(row["source_port"])]
        filled = {name: value for name, value in row.items() if value}
        assert filled.pop("encapsulation", "") == ",".join(record.pop("encapsulation"))
        parts = {f"{name}_{part}": value for name, of in record.items() if isinstance(of, dict) for part, value in of.items()}
        plain = {name: value for name, value in record.items() if not isinstance(value, dict)}
        assert filled == {name: json.dumps(value).strip('"') for name, value in (plain | parts).items()}
    nothing = io.BytesIO()
    meter_files([str(Capture().write(tmp_path / "b.pcap"))], nothing, format="csv")
    assert nothing.getvalue().decode().strip().split(",") == list(rows[0])


def test_ipfix_says_what_json_says(tmp_path: Path) -> None:
    """The messages decode to the same numbers as the JSON lines, histograms included."""
    talk = Talk().open()
    for turn in range(20):
        talk.say(100 + 50 * turn, 0, 10 * turn, 7 * turn, 10).say(130 + 50 * turn, 1, 7 * turn, 10 * (turn + 1), 7)
    path = talk.capture.udp(5000, OTHER, DNS, vlans=[3]).write(tmp_path / "a.pcap")
    out = io.BytesIO()
    summary = meter_files([str(path)], out, format="ipfix")
    header = {"probe": "p", "incarnation": 1, "stream": "flows", "seq": 1, "wall_ns": 1, "monotonic_ns": 1, "watermark_ns": 1}
    batch = decode_batch(seal_batch(header | {"records": summary["flows"]}, out.getvalue(), export_s=1))
    assert batch.problems == []
    decoded = {row["source_port"]: row for row in pa.table(batch.table("flow")).to_pylist()}
    for record in meter(path)[0]:
        row = decoded[record["source_port"]]
        assert row["flow_start_ns"] == record["start_ns"]
        for name, value in record.items():
            if name == "encapsulation":
                assert row[name] == ",".join(value)
            elif name == "end_reason":
                assert row[name] == 4
            elif isinstance(value, dict):
                histogram = Histogram.decode(row[name.removesuffix("_ns")])
                assert histogram.n == value["n"] == 20 - name.startswith("reverse_")
                assert histogram.quantile(0.5) == pytest.approx(value["p50"], rel=0.02)
            else:
                assert row[name] == value, name


def test_a_capture_read_twice_is_the_same_octets(tmp_path: Path) -> None:
    """Nothing of a file's records depends on when it is read, except the keyed flow id."""
    path = Talk().open().capture.udp(1, OTHER, DNS).write(tmp_path / "a.pcap")
    first, second = io.BytesIO(), io.BytesIO()
    meter_files([str(path)], first)
    meter_files([str(path)], second)
    assert first.getvalue() == second.getvalue()


def test_options_outside_their_values_are_refused(tmp_path: Path) -> None:
    """A wrong word or number is a ValueError that names what is allowed."""
    path = str(Capture().write(tmp_path / "a.pcap"))
    for wrong in ({"format": "xml"}, {"tunnels": "both"}, {"key": ["mac"]}, {"idle_timeout_s": -1.0}):
        with pytest.raises(ValueError, match=r"must be|made of"):
            meter_files([path], io.BytesIO(), **wrong)  # type: ignore[arg-type]


def test_a_sink_that_fails_ends_the_metering(tmp_path: Path) -> None:
    """An error of the sink comes back as it was raised."""

    class Full:
        def write(self, _: bytes) -> None:
            raise OSError(28, "No space left on device")

    path = Capture().udp(0, OTHER, DNS).write(tmp_path / "a.pcap")
    with pytest.raises(OSError, match="No space left"):
        meter_files([str(path)], Full())


def test_a_broken_capture_gives_what_it_had(tmp_path: Path) -> None:
    """Records up to the break are written and the summary says what is wrong."""
    octets = Capture().udp(0, OTHER, DNS).udp(1, OTHER, DNS).octets()
    path = tmp_path / "cut.pcap"
    path.write_bytes(octets[:-5])
    records, summary = meter(path)
    assert only(records)["packets"] == 1
    assert "cut short" in summary["error"]
    assert json.dumps(summary)
