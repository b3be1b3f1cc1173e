"""Captures of others, read in place: what SNMP and syslog look like in the wild, and every other payload as junk at our ports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dpkt

from collector.events.syslog.message import SyslogError
from collector.events.syslog.message import parsed as parsed_syslog
from faultline.snmp.message import SecuredMessage, parsed
from tests.collector.events.conftest import NOW_NS, snmp_receiver

SNMP_PORTS = {161, 162}


def payloads(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Ports and payload of every UDP datagram of a capture that can be read; what cannot ends it."""
    try:
        with path.open("rb") as file:
            reader: Any = dpkt.pcap.UniversalReader(file)
            for _, octets in reader:
                udp = _udp(octets, reader.datalink())
                if udp is not None:
                    yield udp.sport, udp.dport, bytes(udp.data)
    except (ValueError, dpkt.Error, EOFError):
        return


def _udp(octets: bytes, link: int) -> Any:
    layers = {1: dpkt.ethernet.Ethernet, 101: dpkt.ip.IP, 113: dpkt.sll.SLL}
    if link not in layers:
        return None
    try:
        layer = layers[link](octets)
    except (dpkt.Error, ValueError, IndexError, AttributeError, TypeError):
        return None
    while isinstance(layer, dpkt.Packet) and not isinstance(layer, dpkt.udp.UDP):
        layer = getattr(layer, "data", None)
    return layer if isinstance(layer, dpkt.udp.UDP) else None


def test_messages_of_real_agents_are_taken_apart(corpora: Path) -> None:
    """A v3 session of another manager: its users, engine and flags, and why we do not take it; walks and a v1 trap likewise."""
    found = [
        parsed(octets)
        for source, target, octets in payloads(corpora / "suricata/tests/snmp-v3-encrypted/SNMPv3.pcap")
        if {source, target} & SNMP_PORTS
    ]
    assert found
    secured = [message for message in found if isinstance(message, SecuredMessage)]
    assert len(secured) == len(found)
    assert any(message.user for message in secured)
    assert any(message.flags & 2 and len(message.salt) == 8 for message in secured)
    reasons: Counter[str] = Counter()
    for name in ("snmpv2_get_bulk", "snmpv2_get_next", "snmpv1_trap", "snmpwalk-short"):
        for source, target, octets in payloads(corpora / f"zeek/testing/btest/Traces/snmp/{name}.pcap"):
            if {source, target} & SNMP_PORTS:
                heard = snmp_receiver().receive(octets, NOW_NS)
                assert heard.notification is None
                reasons[heard.detail.partition("octet")[0] or "unit"] += 1
    assert reasons["version 1"] > 0
    assert reasons["unit"] > 0


def test_syslog_of_a_real_sender_is_read(corpora: Path) -> None:
    """With its priority and words."""
    texts = [
        parsed_syslog(octets, NOW_NS).text
        for _, target, octets in payloads(corpora / "tcpdump/tests/syslog_udp.pcap")
        if target == 514
    ]
    assert texts
    assert all(texts)


def test_everything_else_is_refused_and_nothing_breaks(corpora: Path) -> None:
    """Hundreds of payloads of other protocols, many of them made to break decoders."""
    count = 0
    receiver = snmp_receiver()
    for path in sorted((corpora / "tcpdump/tests").glob("*.pcap")):
        for _, _, octets in payloads(path):
            count += 1
            receiver.receive(octets, NOW_NS)
            try:
                parsed_syslog(octets, NOW_NS)
            except SyslogError:
                continue
    assert count > 400
