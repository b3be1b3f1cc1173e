"""Datagrams as exporters make them, a few lines each."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from ipaddress import ip_address

V9_FIELDS = ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (10, 4), (14, 4), (2, 4), (1, 4), (22, 4), (21, 4))
"""Source, destination, ports, protocol, interfaces, packets, octets, first and last by uptime."""
_RECORD = struct.Struct("!4s4sHHBIIIIII")
UPTIME_MS = 1_000_000


def template_set(set_id: int, template: int, fields: Sequence[tuple[int, int]]) -> bytes:
    """A template set of NetFlow v9 (0) or IPFIX (2)."""
    body = struct.pack("!HH", template, len(fields)) + b"".join(struct.pack("!HH", *field) for field in fields)
    return struct.pack("!HH", set_id, 4 + len(body)) + body


def options_template(template: int, scope: Sequence[tuple[int, int]], fields: Sequence[tuple[int, int]]) -> bytes:
    """An options template set of NetFlow v9."""
    body = struct.pack("!HHH", template, 4 * len(scope), 4 * len(fields))
    body += b"".join(struct.pack("!HH", *field) for field in (*scope, *fields))
    body += bytes(-len(body) % 4)
    return struct.pack("!HH", 1, 4 + len(body)) + body


def data_set(template: int, records: Iterable[bytes]) -> bytes:
    """A data set."""
    body = b"".join(records)
    return struct.pack("!HH", template, 4 + len(body)) + body


def record(
    source: str = "10.1.0.5",
    destination: str = "10.2.0.9",
    *,
    octets: int = 1000,
    packets: int = 10,
    ingress: int = 3,
    lasted_ms: int = 1000,
    ended_ms: int = UPTIME_MS,
) -> bytes:
    """A record of `V9_FIELDS` that ended when it was exported, or earlier."""
    ends = (ip_address(source).packed, ip_address(destination).packed)
    return _RECORD.pack(*ends, 40000, 443, 6, ingress, 4, packets, octets, ended_ms - lasted_ms, ended_ms)


def netflow9(*sets: bytes, sequence: int, export_s: int, domain: int = 0) -> bytes:
    """A packet of NetFlow v9."""
    return struct.pack("!HHIIII", 9, len(sets), UPTIME_MS, export_s, sequence, domain) + b"".join(sets)


def ipfix(*sets: bytes, sequence: int, export_s: int, domain: int = 0) -> bytes:
    """An IPFIX message."""
    body = b"".join(sets)
    return struct.pack("!HHIII", 10, 16 + len(body), export_s, sequence, domain) + body


def netflow5(count: int, *, sequence: int, export_s: int, octets: int = 1000, sampling: int = 0) -> bytes:
    """A datagram of NetFlow v5."""
    header = struct.pack("!HHIIIIBBH", 5, count, UPTIME_MS, export_s, 0, sequence, 0, 0, sampling)
    one = struct.pack(
        "!4s4s4sHHIIIIHHBBBBHHBBH",
        *(ip_address(text).packed for text in ("10.1.0.5", "10.2.0.9", "0.0.0.0")),
        *(3, 4, 10, octets, UPTIME_MS - 1000, UPTIME_MS, 40000, 443, 0, 16, 6, 0, 0, 0, 0, 0, 0),
    )
    return header + one * count


def sflow5(*, sequence: int, samples: int = 1, rate: int = 100, agent: str = "192.0.2.7") -> bytes:
    """A datagram of sFlow with samples of one packet of 1000 octets each."""
    packet = bytes([0x45, 0]) + struct.pack("!HHHBBH", 1000, 1, 0, 64, 6, 0) + ip_address("10.1.0.5").packed
    packet += ip_address("10.2.0.9").packed + struct.pack("!HHIIBBHHH", 40000, 443, 0, 0, 0x50, 0x10, 0, 0, 0)
    frame = bytes(12) + b"\x08\x00" + packet
    frame += bytes(-len(frame) % 4)
    header = struct.pack("!IIII", 1, 1018, 4, 14 + len(packet)) + frame
    flow = struct.pack("!IIIIIIII", 1, 0, rate, 1000, 0, 3, 4, 1) + struct.pack("!II", 1, len(header)) + header
    sample = struct.pack("!II", 1, len(flow)) + flow
    return struct.pack("!II4sIIII", 5, 1, ip_address(agent).packed, 0, sequence, 0, samples) + sample * samples
