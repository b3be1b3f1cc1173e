"""What payload tells, from capture to record: hand-made conversations, every format of output, and octets that mean nothing."""

from __future__ import annotations

import csv
import io
import struct
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultline.native import check_applications, decode_batch, meter_files, seal_batch
from faultline.records.histogram import Histogram
from tests.native.captures import CLIENT, SERVER, Capture, Talk, meter

MS = 1_000_000
RESOLVER = ("10.0.0.53", 53)
PHONE, GATEWAY = ("10.0.0.7", 20_000), ("10.0.0.8", 30_000)


def dns(number: int, flags: int, name: str, kind: int = 1) -> bytes:
    """A message with one question."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", number, flags, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1)


def rtp(number: int) -> bytes:
    """A packet of G.711, 20 ms of it."""
    return struct.pack("!BBHII", 0x80, 0, number % 65536, number * 160, 7) + bytes(160)


def web(*turns: tuple[float, int, bytes]) -> Talk:
    """A connection with a handshake and what is said in it."""
    talk = Talk(server=("10.0.0.2", 8000)).say(0, 0, -1, 0, flags=2).say(30, 1, -1, 0, flags=18).say(50, 0, 0, 0)
    said = [0, 0]
    for at_ms, side, octets in turns:
        talk.say(at_ms, side, said[side], said[1 - side], octets=octets)
        said[side] += len(octets)
    return talk


def test_a_question_and_its_answer_are_one_object(tmp_path: Path) -> None:
    """Name, type, code and time of the first answered question; what nobody answered is counted."""
    made = Capture().udp(0, CLIENT, RESOLVER, dns(1, 0x100, "www.bank.example", 28))
    made.udp(12.5, RESOLVER, CLIENT, dns(1, 0x8183, "www.bank.example", 28))
    made.udp(20, CLIENT, RESOLVER, dns(2, 0x100, "gone.example"))
    (record,), _ = meter(made.write(tmp_path / "it.pcap"))
    assert record["dns"] == {"query_name": "www.bank.example", "query_type": 28, "rcode": 3, "latency_ns": 12_500_000}
    assert (record["application"], record["application_requests"], record["application_unanswered"]) == ("dns", 2, 1)
    assert record["application_response_ns"]["max"] == 12_500_000


def test_a_response_of_http_is_told_with_its_request(tmp_path: Path) -> None:
    """On a port that has no name, by its first octets."""
    talk = web((60, 0, b"GET /a HTTP/1.1\r\nHost: core.bank.example\r\n\r\n"), (95, 1, b"HTTP/1.1 502 Bad Gateway\r\n\r\n"))
    (record,), _ = meter(talk.capture.write(tmp_path / "it.pcap"))
    assert record["http"] == {"host": "core.bank.example", "method": "GET", "status": 502, "latency_ns": 35 * MS}
    assert (record["application"], record["application_errors"]) == ("http", 1)


def test_loss_jitter_and_opinion_of_a_call_are_told_by_direction(tmp_path: Path) -> None:
    """Each direction has its own; one without RTP has none."""
    made = Capture()
    for number in range(200):
        if number % 20:
            made.udp(20.0 * number, PHONE, GATEWAY, rtp(number))
    (record,), _ = meter(made.write(tmp_path / "it.pcap"))
    assert record["rtp"]["packets"] == 190
    assert record["rtp"]["lost"] == 9  # what is lost before the first packet is not seen
    assert record["rtp"]["loss_ratio"] == pytest.approx(9 / 199, abs=1e-6)
    assert record["rtp"]["jitter_ns"] == 0
    assert 3.0 < record["rtp"]["mos"] < 4.2
    assert record["application"] == "rtp"
    assert "reverse_rtp" not in record


def test_the_first_response_of_a_database_is_told_once(tmp_path: Path) -> None:
    """From the login to its answer; the greeting before it is none."""
    made = Talk(server=("10.0.0.2", 3306)).say(0, 0, -1, 0, flags=2).say(30, 1, -1, 0, flags=18).say(50, 0, 0, 0)
    greeting, login, welcome = b"\x4a\0\0\0\x0a8.0" + bytes(70), b"\x20\0\0\x01" + bytes(32), b"\x07\0\0\x02" + bytes(7)
    made.say(60, 1, 0, 0, octets=greeting).say(80, 0, 0, len(greeting), octets=login)
    made.say(105, 1, len(greeting), len(login), octets=welcome)
    (record,), _ = meter(made.capture.write(tmp_path / "it.pcap"))
    assert (record["application"], record["first_response_ns"]) == ("mysql", 25 * MS)


def test_a_users_rules_name_before_all_others(tmp_path: Path) -> None:
    """A host below one of a rule, whatever payload and port say."""
    talk = web((60, 0, b"GET /a HTTP/1.1\r\nHost: core.bank.example\r\n\r\n"), (95, 1, b"HTTP/1.1 200 OK\r\n\r\n"))
    path = talk.capture.write(tmp_path / "it.pcap")
    assert meter(path, applications="core-banking host/bank.example")[0][0]["application"] == "core-banking"
    assert meter(path, applications="branch tcp/8000@10.0.0.0/24")[0][0]["application"] == "branch"
    with pytest.raises(ValueError, match="line 2"):
        check_applications("a tcp/1\nb tcp/none")


def test_csv_has_a_column_for_each_part_of_an_object(tmp_path: Path) -> None:
    """Absent is empty, and every line has as many cells as the first."""
    made = Capture().udp(0, CLIENT, RESOLVER, dns(1, 0x100, 'a"b,c.example')).udp(1, CLIENT, GATEWAY, b"x")
    out = io.BytesIO()
    meter_files([str(made.write(tmp_path / "it.pcap"))], out, format="csv")
    rows = list(csv.DictReader(io.StringIO(out.getvalue().decode())))
    assert rows[0]["dns_query_name"] == r"a\034b,c.example"
    assert (rows[0]["dns_rcode"], rows[1]["dns_query_name"]) == ("", "")
    assert all(None not in row and None not in row.values() for row in rows)


def test_ipfix_says_what_json_says(tmp_path: Path) -> None:
    """Every part of every object comes back from the wire under its column's name."""
    talk = web((60, 0, b"GET /a HTTP/1.1\r\nHost: core.bank.example\r\n\r\n"), (95, 1, b"HTTP/1.1 200 OK\r\n\r\n"))
    made = talk.capture.udp(100, CLIENT, RESOLVER, dns(1, 0x100, "a.b")).udp(105, RESOLVER, CLIENT, dns(1, 0x8180, "a.b"))
    for number in range(60):
        made.udp(200 + 20.0 * number + number % 3, PHONE, GATEWAY, rtp(number)).udp(
            210 + 20.0 * number, GATEWAY, PHONE, rtp(number)
        )
    path = made.write(tmp_path / "it.pcap")
    out = io.BytesIO()
    summary = meter_files([str(path)], out, format="ipfix")
    header = {"probe": "p", "incarnation": 1, "stream": "flows", "seq": 1, "wall_ns": 0, "monotonic_ns": 0, "watermark_ns": 0}
    batch = decode_batch(seal_batch(header | {"records": summary["flows"]}, out.getvalue(), export_s=1))
    assert batch.problems == []
    decoded = {(row["source_port"], row["protocol"]): row for row in pa.table(batch.table("flow")).to_pylist()}
    parts = 0
    for record in meter(path)[0]:
        row = decoded[record["source_port"], record["protocol"]]
        for group in ("dns", "http", "rtp", "reverse_rtp"):
            for name, value in record.get(group, {}).items():
                parts += 1
                if name == "loss_ratio":
                    lost, packets = row[f"{group}_lost"], row[f"{group}_packets"]
                    assert value == pytest.approx(lost / (lost + packets))
                else:
                    # What JSON rounds to six decimals.
                    assert row[f"{group}_{name}"] == (pytest.approx(value, abs=1e-6) if name == "mos" else value)
    assert parts == 4 + 4 + 5 + 5
    assert Histogram.decode(decoded[CLIENT[1], 17]["application_response"]).n == 1


PAYLOADS = st.one_of(
    st.binary(max_size=120),
    st.builds(
        lambda start, rest: start + rest,
        st.sampled_from(
            [
                b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03",
                b"\x16\x03\x03\x00\x30\x02\x00\x00\x2c\x03\x03",
                b"\xc3\x00\x00\x00\x01\x08\x01\x02\x03\x04\x05\x06\x07\x08\x00\x00\x40\x40",
                b"GET / HTTP/1.1\r\nHost: ",
                b"HTTP/1.1 200 OK\r\n",
                b"INVITE sip:a SIP/2.0\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n",
                b"SIP/2.0 200 OK\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n",
                b"\x00\x20\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00",
                b"\x00\x01\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x03www",
                b"\x80\x00\x00\x01\x00\x00\x00\xa0\x00\x00\x00\x07",
                b"\x23" + bytes(39),
            ]
        ),
        st.binary(max_size=120),
    ),
)


@given(
    port=st.sampled_from([53, 123, 443, 1433, 1521, 3306, 5060, 5236, 5432, 8000, 20_000]),
    tcp=st.booleans(),
    said=st.lists(st.tuples(st.integers(0, 1), PAYLOADS, st.integers(-3, 200)), max_size=12),
)
def test_no_octets_stop_the_meter(port: int, tcp: bool, said: list[tuple[int, bytes, int]], tmp_path_factory: Any) -> None:  # noqa: FBT001
    """Whatever two sides say, in whatever order: every packet is counted, and every record is a line of JSON."""
    ends = (CLIENT, (SERVER[0], port))
    made = Capture()
    next_seq = [4_294_967_200, 7]
    for at, (side, octets, shift) in enumerate(said):
        if tcp:
            seq = (next_seq[side] + (min(0, shift))) % 2**32
            made.tcp(at, ends[side], ends[1 - side], seq=seq, ack=1, flags=16, octets=octets)
            next_seq[side] = (seq + len(octets)) % 2**32
        else:
            made.udp(at, ends[side], ends[1 - side], octets)
    path = made.write(tmp_path_factory.getbasetemp() / "any.pcap")
    records, summary = meter(path)
    assert summary["packets"] == len(said)
    assert sum(record["packets"] + record["reverse_packets"] for record in records) == len(said)
    out = io.BytesIO()
    meter_files([str(path)], out, format="ipfix", active_timeout_s=0.002)
