"""TCP segments of a capture file, read by dpkt, for the oracle: another reader than the meter's."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import dpkt

from tests.native.tcp_oracle import SYN, Flow, Meter, Segment


def _address(octets: bytes) -> str:
    return str(ipaddress.ip_address(octets))


def segments_of(path: Path) -> Iterator[tuple[tuple[str, int], tuple[str, int], Segment]]:
    """TCP segments of a capture of plain Ethernet or raw IP; anything else is passed over."""
    with path.open("rb") as file:
        reader = dpkt.pcap.UniversalReader(file)
        link = reader.datalink()
        for seconds, octets in reader:
            now_ns = round(seconds * 10**6) * 1000
            try:
                packet = dpkt.ethernet.Ethernet(octets).data if link == dpkt.pcap.DLT_EN10MB else _raw(octets)
            except (dpkt.UnpackError, ValueError, IndexError):
                continue
            yield from _of_packet(packet, now_ns)


def _raw(octets: bytes) -> Any:
    return dpkt.ip.IP(octets) if octets[0] >> 4 == 4 else dpkt.ip6.IP6(octets)


def _of_packet(packet: Any, now_ns: int) -> Iterable[tuple[tuple[str, int], tuple[str, int], Segment]]:
    is_four = isinstance(packet, dpkt.ip.IP)
    tcp = getattr(packet, "data", None)
    if not isinstance(tcp, dpkt.tcp.TCP):
        return
    if is_four and (packet.mf or packet.offset):
        return
    header = (packet.hl * 4) if is_four else 40
    length = packet.len if is_four else packet.plen + 40
    extensions = 0 if is_four else sum(len(extension) for extension in getattr(packet, "all_extension_headers", ()))
    sacks, stamps, shift = _options(tcp)
    yield (
        (_address(packet.src), tcp.sport),
        (_address(packet.dst), tcp.dport),
        Segment(
            now_ns=now_ns,
            seq=tcp.seq,
            ack=tcp.ack,
            flags=tcp.flags,
            window=tcp.win,
            payload=length - header - extensions - tcp.off * 4,
            sacks=sacks,
            timestamps=stamps,
            window_shift=shift if tcp.flags & SYN else None,
            ip_id=packet.id if is_four else None,
            checksum=tcp.sum,
        ),
    )


def _options(tcp: Any) -> tuple[tuple[tuple[int, int], ...], tuple[int, int] | None, int | None]:
    sacks: tuple[tuple[int, int], ...] = ()
    stamps = shift = None
    try:
        for kind, data in dpkt.tcp.parse_opts(tcp.opts):
            if kind == dpkt.tcp.TCP_OPT_SACK and len(data) % 8 == 0:
                numbers = [int.from_bytes(data[at : at + 4], "big") for at in range(0, len(data), 4)]
                sacks = tuple(zip(numbers[::2], numbers[1::2], strict=True))
            elif kind == dpkt.tcp.TCP_OPT_TIMESTAMP and len(data) == 8:
                stamps = (int.from_bytes(data[:4], "big"), int.from_bytes(data[4:], "big"))
            elif kind == dpkt.tcp.TCP_OPT_WSCALE and len(data) == 1:
                shift = data[0]
    except dpkt.UnpackError:
        pass
    return sacks, stamps, shift


def meter_capture(path: Path) -> list[Flow]:
    """Every TCP flow of a capture, in the order in which they end."""
    meter = Meter()
    for source, destination, segment in segments_of(path):
        meter.observe(source, destination, segment)
    return meter.finish()
