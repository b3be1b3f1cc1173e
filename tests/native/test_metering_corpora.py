"""Captures that nobody here made, held against TShark's account of them and against the oracle."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.native.captures import meter
from tests.native.oracle_captures import meter_capture

COUNTERS = {
    "pkts": "packets",
    "bytes": "frame_octets",
    "payload": "tcp_payload_octets",
    "rtx": "retransmissions_wireshark",
    "ooo": "out_of_order_wireshark",
    "zero_win": "zero_window_events",
    "dup_ack": "duplicate_acks",
}
SAMPLE = (
    "deepflow/agent/resources/test/flow_generator/",
    "suricata/tests/tcp-",
    "zeek/testing/btest/Traces/tcp/",
)
"""Folders and beginnings of names that the quick run takes."""

EXPLAINED = {
    "xiangdao-retrans.pcap": "cut to 66 octets and rewritten to say so: TShark believes the frame, we the IP length",
    "ip6-vxlan.pcap": "the captured part ends inside the tunnelled packet: TShark counts what is there, we the IP length",
    "erspan.pcap": "tunnel packets in fragments: TShark counts the frame of the last one, we of the first",
}
"""Captures whose counters differ, and why."""
RTT_EXPLAINED = {
    "handshake-error.pcap": "the ACK was captured before the SYN-ACK: ours is marked ambiguous",
    "handshake-retrans.pcap": "repeated SYN-ACK: ours is marked ambiguous",
    "syn-syn-ack-retrans.pcap": "repeated SYN: ours is marked ambiguous",
    "rst-inject-rae.pcap": "TShark takes a RST for the last packet of the handshake",
    "split-handshake-5whs.pcap": "TShark cuts the split handshake in two",
}

Ends = tuple[tuple[str, int], tuple[str, int]]


def _tables(corpora: Path) -> tuple[dict[str, dict[str, str]], dict[str, list[dict[str, str]]]]:
    with (corpora / "tshark-reference.tsv").open(encoding="utf-8") as file:
        captures = {row["file"]: row for row in csv.DictReader(file, delimiter="\t")}
    streams = defaultdict(list)
    with (corpora / "tshark-reference-streams.tsv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            streams[row["file"]].append(row)
    return captures, streams


def _theirs(rows: list[dict[str, str]]) -> tuple[dict[Ends, Counter[str]], dict[frozenset[Any], list[int]]]:
    counts: dict[Ends, Counter[str]] = defaultdict(Counter)
    rtts: dict[frozenset[Any], list[int]] = defaultdict(list)
    for row in rows:
        client, server = (row["client"], int(row["cport"])), (row["server"], int(row["sport"]))
        for name in COUNTERS:
            counts[client, server][name] += int(row[f"{name}_c2s"])
            counts[server, client][name] += int(row[f"{name}_s2c"])
        if row["irtt_us"] != "-":
            rtts[frozenset((client, server))].append(int(row["irtt_us"]))
    return counts, rtts


def _ours(path: Path) -> tuple[dict[Ends, Counter[str]], dict[frozenset[Any], list[int]]]:
    counts: dict[Ends, Counter[str]] = defaultdict(Counter)
    rtts: dict[frozenset[Any], list[int]] = defaultdict(list)
    records, summary = meter(path)
    assert "error" not in summary
    for record in records:
        if record["protocol"] != 6:
            continue
        source = (record["source_address"], record["source_port"])
        destination = (record["destination_address"], record["destination_port"])
        for theirs, ours in COUNTERS.items():
            counts[source, destination][theirs] += record[ours]
            counts[destination, source][theirs] += record[f"reverse_{ours}"]
        if "rtt_client_ns" in record and "rtt_server_ns" in record:
            rtts[frozenset((source, destination))].append(record["rtt_client_ns"] + record["rtt_server_ns"])
    return counts, rtts


def _compare(corpora: Path, *, sample: bool) -> None:
    captures, streams = _tables(corpora)
    differences, compared, handshakes = [], 0, 0
    for name, rows in streams.items():
        path = corpora / name
        if not path.is_file() or (sample and not name.startswith(SAMPLE)):
            continue
        if captures.get(name, {}).get("tunnels") not in {"-", "vlan", "gre", "vxlan", "geneve", "teredo", "vlan,ipip"}:
            continue
        (theirs, their_rtts), (ours, our_rtts) = _theirs(rows), _ours(path)
        for ends, counts in theirs.items():
            compared += 1
            if ours[ends] != counts and path.name not in EXPLAINED:
                differences.append((name, ends, counts, ours[ends]))
        for ends, rtts in our_rtts.items():
            handshakes += 1
            if path.name not in RTT_EXPLAINED and not _equal(rtts, their_rtts.get(ends, [])):
                differences.append((name, ends, rtts, their_rtts.get(ends)))
    assert differences == []
    # A comparison of nothing would pass as well.
    assert compared >= (60 if sample else 280)
    assert handshakes >= (15 if sample else 60)


def _equal(nanoseconds: list[int], microseconds: list[int]) -> bool:
    pairs = zip(sorted(nanoseconds), sorted(microseconds), strict=False)
    return len(nanoseconds) == len(microseconds) and all(abs(ours / 1000 - theirs) <= 1 for ours, theirs in pairs)


@pytest.mark.e2e
@pytest.mark.sample
def test_tcp_counts_of_a_sample_are_those_of_tshark(corpora: Path) -> None:
    """Packets, octets, retransmissions, out-of-order, zero windows, duplicate ACKs and handshake RTT agree by direction."""
    _compare(corpora, sample=True)


@pytest.mark.e2e
def test_tcp_counts_of_every_capture_are_those_of_tshark(corpora: Path) -> None:
    """The same of every capture TShark was asked about; each difference is listed with its reason."""
    _compare(corpora, sample=False)


@pytest.mark.e2e
@pytest.mark.sample
def test_tcp_classes_of_captures_are_those_of_the_oracle(corpora: Path) -> None:
    """On every plain capture, every counter and time of every TCP flow is what the plain-Python oracle says."""
    captures, _ = _tables(corpora)
    compared = 0
    for name, row in captures.items():
        path = corpora / name
        if row["tunnels"] != "-" or row["tcp_pkts"] == "0" or not path.is_file():
            continue
        by_ends = defaultdict(list)
        for record in meter(path)[0]:
            ends = (
                (record["source_address"], record["source_port"]),
                (record["destination_address"], record["destination_port"]),
            )
            by_ends[ends].append(record)
        for flow in meter_capture(path):
            record = by_ends[flow.ends].pop(0)
            flow.check(record)
            compared += 1
    assert compared >= 100
