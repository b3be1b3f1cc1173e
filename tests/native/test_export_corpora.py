"""Datagrams of real exporters (logstash's and telegraf's) against what those tools made of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from faultline.native import ExportDecoder

DIFFERENT_COUNTS = {
    "Netflow 5 valid 01": 30,  # the file holds fifteen datagrams; logstash reads the first
    "IPFIX": 13,  # three messages; likewise
    "Netflow 9 invalid 01": 3,  # its header's count is wrong, its sets are sound
}
HELD_TWICE = "ipfix_test_netscaler_data.dat"
"""Comes before its template in one case: logstash forgets it, we hold it."""
NAMES = {
    "ipv4_src_addr": "sourceIPv4Address",
    "ipv4_dst_addr": "destinationIPv4Address",
    "ipv4_next_hop": "ipNextHopIPv4Address",
    "in_bytes": "octetDeltaCount",
    "in_pkts": "packetDeltaCount",
    "out_bytes": "postOctetDeltaCount",
    "out_pkts": "postPacketDeltaCount",
    "l4_src_port": "sourceTransportPort",
    "l4_dst_port": "destinationTransportPort",
    "protocol": "protocolIdentifier",
    "tcp_flags": "tcpControlBits",
    "src_tos": "ipClassOfService",
    "input_snmp": "ingressInterface",
    "output_snmp": "egressInterface",
    "src_as": "bgpSourceAsNumber",
    "dst_as": "bgpDestinationAsNumber",
    "src_mask": "sourceIPv4PrefixLength",
    "dst_mask": "destinationIPv4PrefixLength",
    "in_src_mac": "sourceMacAddress",
    "in_dst_mac": "destinationMacAddress",
    "out_dst_mac": "postDestinationMacAddress",
    "direction": "flowDirection",
    "conn_id": "flowId",
    "src_vlan": "vlanId",
    "dst_vlan": "postVlanId",
    "if_desc": "interfaceName",
    "xlate_src_addr_ipv4": "postNATSourceIPv4Address",
    "flowset_id": "template",
    "flow_seq_num": "sequence",
}
MIN_VALUES = 750
"""Values that both tools have under a name we know; fewer would mean that the comparison itself broke."""
A_TIME = re.compile(r"'?\d{4}-\d\d-\d\dT")


def rows_of(paths: list[Path]) -> tuple[list[dict[str, Any]], ExportDecoder]:
    """Rows of files in order, by one decoder."""
    decoder = ExportDecoder()
    return [row for path in paths for row in decoder.datagram(path.read_bytes(), "x")], decoder


@pytest.fixture(scope="module")
def cases(corpora: Path) -> list[dict[str, Any]]:
    """What logstash expects."""
    found: list[dict[str, Any]] = json.loads((corpora / "logstash/expected.json").read_text())
    return found


def logstash_files(corpora: Path, case: dict[str, Any]) -> list[Path]:
    """The files of a case in order."""
    return [corpora / "logstash/spec/codecs" / name for name in case["files"]]


def test_every_case_of_logstash_gives_as_many_records(corpora: Path, cases: list[dict[str, Any]]) -> None:
    """51 cases of some 30 exporters; the few differences are named with their reason."""
    wrong = {}
    for case in cases:
        rows, decoder = rows_of(logstash_files(corpora, case))
        held = decoder.summary()["held_decoded"] if case["files"][0] == HELD_TWICE else 0
        expected = DIFFERENT_COUNTS.get(case["case"], case["events"])
        if expected is not None and len(rows) - held != expected:
            wrong[case["case"]] = (expected, len(rows))
    assert wrong == {}


def comparable(event: dict[str, Any]) -> dict[str, Any]:
    """The event's values under IANA's names; times are formatted by each tool in its own way."""
    values = event.get("netflow") or event.get("ipfix") or {}
    return {NAMES.get(name, name): value for name, value in values.items() if not A_TIME.match(str(value))}


def differences(event: dict[str, Any], row: dict[str, Any]) -> tuple[int, list[tuple[str, Any, Any]]]:
    """Number of equal values, and the unequal ones."""
    ours = {**row["record"], "template": row.get("template"), "sequence": row["sequence"]}
    both = [(name, value, ours[name]) for name, value in comparable(event).items() if ours.get(name) is not None]
    unequal = [pair for pair in both if pair[1] != pair[2]]
    return len(both) - len(unequal), unequal


def test_every_value_that_logstash_expects_is_ours(corpora: Path, cases: list[dict[str, Any]]) -> None:
    """For each whole event it lists there is a record of ours that differs from it in no value both tools have."""
    compared, wrong = 0, {}
    for case in cases:
        rows, _ = rows_of(logstash_files(corpora, case))
        for event in case["json_events"]:
            equal, unequal = max((differences(event, row) for row in rows), key=lambda found: (-len(found[1]), found[0]))
            compared += equal
            if unequal:
                wrong[case["case"]] = unequal
    assert wrong == {}
    assert compared >= MIN_VALUES


TELEGRAF = "telegraf/plugins/inputs/netflow/testcases"
TELEGRAF_NAMES = {
    "src": ("sourceIPv4Address", "sourceIPv6Address"),
    "dst": ("destinationIPv4Address", "destinationIPv6Address"),
    "src_port": ("sourceTransportPort",),
    "dst_port": ("destinationTransportPort",),
    "in_bytes": ("octetDeltaCount",),
    "in_packets": ("packetDeltaCount",),
    "in_total_bytes": ("octetTotalCount",),
    "flow_start_ms": ("flowStartMilliseconds",),
    "flow_end_ms": ("flowEndMilliseconds",),
    "bgp_src_as": ("bgpSourceAsNumber",),
    "bgp_dst_as": ("bgpDestinationAsNumber",),
    "interface": ("interfaceName",),
    "app_name": ("applicationName",),
    "app_desc": ("applicationDescription",),
    "in_src_mac": ("sourceMacAddress",),
    "sampling_interval": ("samplingInterval",),
    "sampling_drops": ("drops",),
    "errors_fcs": ("dot3StatsFCSErrors",),
    "speed": ("ifSpeed",),
    "port_name": ("ifName",),
}
A_FIELD = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|[^,\s]+)')
SAID_OTHERWISE = {"sflow": {"interface", "in_bytes", "in_packets"}}
"""Names that telegraf uses for another thing in sFlow counters."""


def telegraf_values(line: str) -> dict[str, str]:
    """Fields of a line of line protocol that we have names for, as text."""
    fields = line.split(" ", 1)[1].rsplit(" ", 1)[0] if not line.endswith(('"', "u")) else line.split(" ", 1)[1]
    return {name: value.strip('"').removesuffix("u") for name, value in A_FIELD.findall(fields) if name in TELEGRAF_NAMES}


@pytest.mark.parametrize(
    "case",
    [
        "ipfix_example",
        "ipfix_options",
        "ipfix_pen_35632",
        "issue_13305",
        "issue_14370",
        "netflow_v5_example",
        "netflow_v9_example",
        "netflow_v9_options",
        "sflow_issue_15375",
        "sflow_issue_15918",
        "sflow_issue_18876",
        "sflow_v5_example",
    ],
)
def test_telegrafs_cases_have_a_record_for_each_of_its_lines(corpora: Path, case: str) -> None:
    """As many records as lines, and for each line a record with the same values."""
    folder = corpora / TELEGRAF / case
    rows, _ = rows_of(sorted(folder.glob("*.bin")))
    lines = [line for line in (folder / "expected.out").read_text().splitlines() if line.strip()]
    assert len(rows) == len(lines)
    skipped = SAID_OTHERWISE.get(case.split("_", maxsplit=1)[0], set())
    for line in lines:
        wanted = {name: value for name, value in telegraf_values(line).items() if name not in skipped}
        assert any(_agrees(wanted, row["record"]) for row in rows), wanted


def _agrees(wanted: dict[str, str], record: dict[str, Any]) -> bool:
    found = {name: next((record[ours] for ours in TELEGRAF_NAMES[name] if ours in record), None) for name in wanted}
    present = [name for name in wanted if found[name] is not None]
    needed = {"src", "dst", "interface", "app_name"} & wanted.keys()
    return needed <= set(present) and all(str(found[name]) == wanted[name] for name in present)
