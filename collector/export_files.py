"""Files that hold flow export, opened: what goes in is a path, what comes out is (exporter, datagram) one after the other.

Three kinds, told by their first octets: captures (pcap, pcapng) with UDP export inside, IPFIX files (RFC 5655: message after
message), and raw datagrams. Knows the frames around a datagram and nothing of what is in it.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import attrs
import dpkt

from collector.capture_files import CutError, frames, is_capture

IPFIX_VERSION = b"\x00\x0a"
NETFLOW_VERSIONS = (5, 9, 10)
SFLOW_VERSION = b"\x00\x00\x00\x05"
MAX_RAW_OCTETS = 64 << 20
"""A raw file that is not IPFIX is one datagram or a few; what is larger is something else."""
_HEADER = struct.Struct("!HH")


@attrs.define(slots=True, kw_only=True)
class Passed:
    """What a capture held beside export."""

    other_packets: int = 0
    fragments: int = 0


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    if str(path) == "-":
        yield sys.stdin.buffer
        return
    with path.open("rb") as file:
        yield file


def datagrams(path: Path, *, exporter: str, passed: Passed) -> Iterator[tuple[str, bytes]]:
    """Every datagram of a file with the exporter it came from: a capture tells the sender's address, other files nothing.

    Raises:
        CutError: the file ends within a packet or message; what was before it has been given.
        OSError: the file cannot be read.
    """
    with _opened(path) as file:
        start = file.read(4)
        if is_capture(start):
            yield from _of_capture(frames(start, file), passed)
        elif start[:2] == IPFIX_VERSION:
            yield from ((exporter, message) for message in _ipfix_messages(start, file))
        elif not start:
            raise CutError("the file is empty")
        else:
            content = start + file.read(MAX_RAW_OCTETS)
            if len(content) > MAX_RAW_OCTETS:
                raise CutError(f"more than {MAX_RAW_OCTETS} octets without being a capture or an IPFIX file")
            yield exporter, content


def _ipfix_messages(start: bytes, file: BinaryIO) -> Iterator[bytes]:
    """Message after message; what follows the last one and is none stays with it, for the decoder to say what is wrong."""
    message = b""
    header = start
    while header[:2] == IPFIX_VERSION and len(header) == _HEADER.size:
        if message:
            yield message
        _, length = _HEADER.unpack(header)
        message = header + file.read(max(0, length - _HEADER.size))
        if len(message) < length:
            yield message
            raise CutError(f"the last message has {len(message)} of {length} octets")
        header = file.read(_HEADER.size)
    yield message + header + file.read(MAX_RAW_OCTETS)


def _of_capture(found: Iterator[tuple[int, bytes]], passed: Passed) -> Iterator[tuple[str, bytes]]:
    """UDP payloads of a capture that look like export, whatever their port."""
    for link, frame in found:
        ip = _ip_of(link, frame)
        if isinstance(ip, dpkt.ip.IP) and (ip.mf or ip.offset):
            passed.fragments += 1
        elif ip is not None and isinstance(ip.data, dpkt.udp.UDP) and _looks_like_export(ip.data.data):
            family = socket.AF_INET if isinstance(ip, dpkt.ip.IP) else socket.AF_INET6
            yield socket.inet_ntop(family, ip.src), bytes(ip.data.data)
        else:
            passed.other_packets += 1


def _ip_of(link: int, frame: bytes) -> Any:
    """The IP packet of a frame, None where there is none."""
    layer = {
        dpkt.pcap.DLT_EN10MB: dpkt.ethernet.Ethernet,
        dpkt.pcap.DLT_LINUX_SLL: dpkt.sll.SLL,
        dpkt.pcap.DLT_LINUX_SLL2: dpkt.sll2.SLL2,
        dpkt.pcap.DLT_NULL: dpkt.loopback.Loopback,
        dpkt.pcap.DLT_LOOP: dpkt.loopback.Loopback,
    }.get(link)
    try:
        if layer is not None:
            ip = layer(frame).data
        elif frame[:1] and frame[0] >> 4 == 6:  # noqa: PLR2004 - IP's version; raw IP links carry nothing else
            ip = dpkt.ip6.IP6(frame)
        else:
            ip = dpkt.ip.IP(frame)
    except (dpkt.dpkt.Error, IndexError, ValueError, struct.error):
        return None
    return ip if isinstance(ip, dpkt.ip.IP | dpkt.ip6.IP6) else None


def _looks_like_export(payload: bytes) -> bool:
    return payload[:4] == SFLOW_VERSION or int.from_bytes(payload[:2]) in NETFLOW_VERSIONS
