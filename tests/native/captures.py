"""Hand-made captures: packets of the given moment and kind, as a pcap file with nanoseconds."""

from __future__ import annotations

import io
import ipaddress
import json
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import dpkt

from faultline.native import meter_files
from tests.native.tcp_oracle import Segment

MS = 1_000_000
SECOND = 1_000_000_000
START_NS = 1_700_000_000 * SECOND
CLIENT = ("10.0.0.1", 40000)
SERVER = ("10.0.0.2", 443)
CLIENT_6 = ("2001:db8::1", 40000)
SERVER_6 = ("2001:db8::2", 443)
FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
SYN_ACK = SYN | ACK

End = tuple[str, int]


def ethernet(packet: bytes, kind: int = 0x0800, *, vlans: Sequence[int] = ()) -> bytes:
    """A frame around a packet."""
    tags = b"".join(struct.pack("!HH", 0x8100, vlan) for vlan in vlans)
    return bytes(6) + bytes(6) + tags + struct.pack("!H", kind) + packet


def ip(source: str, destination: str, protocol: int, payload: bytes, **header: Any) -> bytes:
    """An IPv4 packet; `header` are fields of dpkt's."""
    made = dpkt.ip.IP(
        src=ipaddress.ip_address(source).packed,
        dst=ipaddress.ip_address(destination).packed,
        p=protocol,
        data=payload,
        **({"ttl": 64, "id": 0} | header),
    )
    made.len = 20 + len(payload)
    return bytes(made)


def ip6(source: str, destination: str, protocol: int, payload: bytes) -> bytes:
    """An IPv6 packet."""
    ends = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + ends + payload


def tcp_octets(source_port: int, destination_port: int, segment: Segment, payload: bytes | None = None) -> bytes:
    """Header and payload of a segment; the checksum is the segment's."""
    options = b""
    if segment.timestamps is not None:
        options += struct.pack("!BBBBII", 1, 1, 8, 10, *segment.timestamps)
    if segment.window_shift is not None:
        options += struct.pack("!BBBB", 1, 3, 3, segment.window_shift)
    if segment.sacks:
        edges = [edge % 2**32 for block in segment.sacks for edge in block]
        options += struct.pack(f"!BBBB{len(edges)}I", 1, 1, 5, 2 + 4 * len(edges), *edges)
    header = struct.pack(
        "!HHIIHHHH",
        source_port,
        destination_port,
        segment.seq % 2**32,
        segment.ack % 2**32,
        (5 + len(options) // 4) << 12 | segment.flags,
        segment.window,
        segment.checksum,
        0,
    )
    return header + options + (bytes(segment.payload) if payload is None else payload)


class Capture:
    """Frames in the order in which they were put in."""

    def __init__(self) -> None:
        self.frames: list[tuple[int, bytes, int]] = []

    def frame(self, at_ms: float, octets: bytes, *, wire: int | None = None) -> Capture:
        """A frame, `wire` octets long before it was cut."""
        self.frames.append((START_NS + round(at_ms * MS), octets, len(octets) if wire is None else wire))
        return self

    def tcp(self, at_ms: float, source: End, destination: End, *, vlans: Sequence[int] = (), **segment: Any) -> Capture:
        """A TCP segment."""
        octets = segment.pop("octets", None)
        if octets is not None:
            segment["payload"] = len(octets)
        made = Segment(now_ns=START_NS + round(at_ms * MS), **segment)
        payload = tcp_octets(source[1], destination[1], made, octets)
        if ":" in source[0]:
            return self.frame(at_ms, ethernet(ip6(source[0], destination[0], 6, payload), 0x86DD, vlans=vlans))
        packet = ip(source[0], destination[0], 6, payload, id=made.ip_id or 0)
        return self.frame(at_ms, ethernet(packet, vlans=vlans))

    def udp(self, at_ms: float, source: End, destination: End, payload: bytes = b"x", *, vlans: Sequence[int] = ()) -> Capture:
        """A UDP datagram."""
        datagram = struct.pack("!HHHH", source[1], destination[1], 8 + len(payload), 0) + payload
        return self.frame(at_ms, ethernet(ip(source[0], destination[0], 17, datagram), vlans=vlans))

    def octets(self) -> bytes:
        """The pcap file."""
        out = io.BytesIO()
        out.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
        for now_ns, octets, wire in self.frames:
            out.write(struct.pack("<IIII", now_ns // SECOND, now_ns % SECOND, len(octets), wire) + octets)
        return out.getvalue()

    def write(self, path: Path) -> Path:
        """The pcap file at a path."""
        path.write_bytes(self.octets())
        return path


def meter(paths: Path | Iterable[Path], **options: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Records in order of their start, and the summary; no timeouts unless given."""
    paths = [paths] if isinstance(paths, Path) else list(paths)
    out = io.BytesIO()
    summary = meter_files([str(path) for path in paths], out, **({"idle_timeout_s": 0, "active_timeout_s": 0} | options))
    records = [json.loads(line) for line in out.getvalue().splitlines()]
    return sorted(records, key=lambda record: record["start_ns"]), summary


class Talk:
    """A TCP connection, put into a capture segment by segment: 20 ms to the client and back, 30 ms to the server."""

    def __init__(self, *, client: End = CLIENT, server: End = SERVER, isn: tuple[int, int] = (1000, 5000)) -> None:
        self.capture = Capture()
        self.ends = (client, server)
        self.isn = isn

    def say(self, at_ms: float, side: int, seq: int, ack: int, payload: int = 0, **more: Any) -> Talk:
        """A segment of the client (0) or the server (1); the numbers count from the octet after the SYN."""
        own, other = self.isn[side] + 1, self.isn[1 - side] + 1
        sacks = tuple(((left + other) % 2**32, (right + other) % 2**32) for left, right in more.pop("sacks", ()))
        flags = more.pop("flags", ACK)
        self.capture.tcp(
            at_ms,
            self.ends[side],
            self.ends[1 - side],
            seq=(seq + own) % 2**32,
            ack=(ack + other) % 2**32 if flags & ACK else 0,
            payload=payload,
            sacks=sacks,
            flags=flags,
            **more,
        )
        return self

    def open(self) -> Talk:
        """The handshake; data may begin at 100 ms."""
        self.say(0, 0, -1, 0, flags=SYN)
        self.say(30, 1, -1, 0, flags=SYN_ACK)
        return self.say(50, 0, 0, 0)
