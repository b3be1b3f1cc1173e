"""Captures that others published: each is read to its end, and its frames are those that TShark counted."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from faultline.native import meter_files

CAPTURES = {".pcap", ".pcapng", ".cap", ".gz"}
MIN_CAPTURES = 1000
"""Fewer would mean that the search itself broke."""
BROKEN = {
    "suricata/tests/bug-1450-04/tls_DER-incomplete-header.pcap",  # both end in octets that are no record
    "suricata/tests/bug-1450-05/tls_DER-incomplete-content.pcap",
}
PROTOCOLS = {6: "tcp", 17: "udp", 1: "icmp", 58: "icmp"}
NO_IP_IN_THAT_CAPTURE = {
    "pppoes",  # a session that negotiates and ends
    "ppp",  # likewise, and multilink fragments
}
OTHER_NAMES = {"gtp": "gtpu", "nsh": "vxlan"}
"""NSH has no name of its own in `encapsulation`; in the one capture it rides in VXLAN-GPE."""
NO_IP_INSIDE = {
    "geneve-arp.pcap",  # ARP in Geneve
    "gre-aruba-ccmp.pcap",  # encrypted radio frames in GRE
    "gtp_control_prime.pcap",  # version 0 and control messages
    "gtp_create_pdp_ctx.pcap",  # control messages
}


def meter(path: Path, **options: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Flow records and summary of one capture."""
    sink = io.BytesIO()
    summary = meter_files([str(path)], sink, **options)
    return [json.loads(line) for line in sink.getvalue().splitlines()], summary


def both(flow: dict[str, Any], name: str) -> int:
    """A counter of both directions."""
    return int(flow[name]) + int(flow.get(f"reverse_{name}", 0))


@pytest.fixture(scope="module")
def reference(corpora: Path) -> list[dict[str, str]]:
    """What TShark counted, of the captures that are there."""
    with (corpora / "tshark-reference.tsv").open() as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    return [row for row in rows if (corpora / row["file"]).is_file()]


@pytest.mark.parametrize("tunnels", ["inner", "outer"])
def test_every_capture_is_read_to_its_end_or_says_where_it_breaks(corpora: Path, tunnels: str) -> None:
    """No capture stops the meter: the broken ones name the octet, and what came before is in the records."""
    paths = [path for path in sorted(corpora.rglob("*")) if path.suffix in CAPTURES and path.is_file()]

    read = {path.relative_to(corpora).as_posix(): meter(path, tunnels=tunnels) for path in paths}

    assert len(read) >= MIN_CAPTURES
    broken = {name: summary["error"] for name, (_, summary) in read.items() if "error" in summary}
    assert set(broken) == BROKEN
    assert all("in the record at octet" in error for error in broken.values())
    for name, (flows, summary) in read.items():
        metered = sum(both(flow, "packets") for flow in flows)
        assert metered + sum(summary["unparsed"].values()) == summary["packets"], name


def test_frames_and_their_octets_are_those_that_tshark_counts(corpora: Path, reference: list[dict[str, str]]) -> None:
    """Every frame is in exactly one flow or counted with its reason, at its length on the wire."""
    for row in reference:
        flows, summary = meter(corpora / row["file"], idle_timeout_s=0, active_timeout_s=0)
        assert summary["packets"] == int(row["packets"]), row["file"]
        if not summary["unparsed"]:
            assert sum(both(flow, "frame_octets") for flow in flows) == int(row["wire_bytes"]), row["file"]


def test_protocols_are_those_that_tshark_finds(corpora: Path, reference: list[dict[str, str]]) -> None:
    """TCP always; UDP and ICMP where TShark does not count a tunnel's own layer and later fragments are not without ports."""
    compared = 0
    for row in reference:
        flows, summary = meter(corpora / row["file"], idle_timeout_s=0, active_timeout_s=0)
        counts: Counter[str] = Counter()
        for flow in flows:
            counts[PROTOCOLS.get(flow["protocol"], "other")] += both(flow, "packets")
        plain = row["tunnels"] == "-" and row["frags"] == "0" and not summary["unparsed"]
        for protocol in ("tcp", "udp", "icmp") if plain else ("tcp",):
            assert counts[protocol] == int(row[f"{protocol}_pkts"]), f"{row['file']}: {protocol}"
            compared += 1
    assert compared > len(reference)


def test_tunnels_that_tshark_finds_are_around_some_flow(corpora: Path, reference: list[dict[str, str]]) -> None:
    """Each kind of encapsulation in a capture is named by a flow record, when there are packets inside."""
    for row in reference:
        path = corpora / row["file"]
        if row["tunnels"] == "-" or path.name in NO_IP_INSIDE:
            continue
        flows, _ = meter(path)
        found = {kind.partition(":")[0] for flow in flows for kind in flow["encapsulation"]}
        expected = set(row["tunnels"].split(",")) - NO_IP_IN_THAT_CAPTURE
        assert {OTHER_NAMES.get(kind, kind) for kind in expected} <= found, row["file"]
