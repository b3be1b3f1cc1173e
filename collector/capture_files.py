"""Frames of a capture file, pcap or pcapng: what goes in is a readable file, what comes out is (link type, frame).

Knows no protocol. For the handful of packets a `decode` is asked about; metering reads captures in Rust.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Protocol

PCAP_MAGIC = {
    bytes.fromhex(magic): order for magic, order in (("a1b2c3d4", ">"), ("d4c3b2a1", "<"), ("a1b23c4d", ">"), ("4d3cb2a1", "<"))
}
"""pcap with microseconds and with nanoseconds, in both byte orders."""
PCAPNG_MAGIC = bytes.fromhex("0a0d0d0a")
MAX_BLOCK = 16 << 20
"""Octets of a packet or block; a length beyond this is damage, not a packet."""

_SECTION, _INTERFACE, _SIMPLE, _ENHANCED = 0x0A0D0D0A, 1, 3, 6
_BYTE_ORDER = b"\x1a\x2b\x3c\x4d"


class CutError(ValueError):
    """The file ends in the middle of something, or what follows is not what it should be; the message says where."""


class Readable(Protocol):
    """What is read from."""

    def read(self, count: int, /) -> bytes:
        """Up to `count` octets; fewer only at the end."""


def is_capture(start: bytes) -> bool:
    """Whether a file that starts with these four octets is a capture."""
    return start in PCAP_MAGIC or start == PCAPNG_MAGIC


def frames(start: bytes, file: Readable) -> Iterator[tuple[int, bytes]]:
    """Every frame of a capture whose first four octets were read already.

    Raises:
        CutError: the file ends within a packet, or a length is impossible; the frames before have been given.
    """
    return _pcapng(file) if start == PCAPNG_MAGIC else _pcap(PCAP_MAGIC[start], file)


def _whole(file: Readable, count: int, number: int) -> bytes:
    if not 0 <= count <= MAX_BLOCK:
        raise CutError(f"after {number} packets: a length of {count} octets")
    octets = file.read(count)
    if len(octets) < count:
        raise CutError(f"after {number} packets: {len(octets)} of {count} octets are there")
    return octets


def _pcap(order: str, file: Readable) -> Iterator[tuple[int, bytes]]:
    link = struct.unpack(f"{order}16xI", _whole(file, 20, 0))[0] & 0x0FFF_FFFF
    number = 0
    while header := file.read(16):
        if len(header) < 16:  # noqa: PLR2004 - a packet header: two times and two lengths of four octets
            raise CutError(f"after {number} packets: {len(header)} of 16 octets are there")
        (length,) = struct.unpack(f"{order}8xI4x", header)
        yield link, _whole(file, length, number)
        number += 1


def _pcapng(file: Readable) -> Iterator[tuple[int, bytes]]:
    order, links, number = "<", list[int](), 0
    header = struct.pack("<I", _SECTION) + _whole(file, 4, 0)
    while header:
        if len(header) < 8:  # noqa: PLR2004 - a block starts with type and length
            raise CutError(f"after {number} packets: {len(header)} of 8 octets are there")
        section = header[:4] == PCAPNG_MAGIC
        mark = _whole(file, 4, number) if section else b""
        if section:
            order, links = (">" if mark == _BYTE_ORDER else "<"), []
        kind, length = struct.unpack(f"{order}II", header)
        body = _whole(file, length - 8 - len(mark), number)
        try:
            frame = _block(order, kind, body, links)
        except (struct.error, IndexError) as wrong:
            raise CutError(f"after {number} packets: a block of type {kind} cannot be read") from wrong
        if frame is not None:
            yield frame
            number += 1
        header = file.read(8)


def _block(order: str, kind: int, body: bytes, links: list[int]) -> tuple[int, bytes] | None:
    """The frame of a packet block; an interface block adds its link type."""
    if kind == _INTERFACE:
        links.append(struct.unpack_from(f"{order}H", body)[0])
    elif kind == _ENHANCED:
        interface, length = struct.unpack_from(f"{order}I8xI", body)
        return links[interface], body[20 : 20 + length]
    elif kind == _SIMPLE:
        (length,) = struct.unpack_from(f"{order}I", body)
        return links[0], body[4 : min(4 + length, len(body) - 4)]
    return None
