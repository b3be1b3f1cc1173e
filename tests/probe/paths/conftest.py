"""What the tests of paths share: the flows of a run, and the messages routers would send about its packets."""

from __future__ import annotations

import struct
from collections.abc import Callable
from ipaddress import ip_address

import pytest

from probe.paths.wire import Wire, ones_sum

HOME = {4: "192.0.2.1", 6: "2001:db8::1"}
AWAY = {4: "198.51.100.9", 6: "2001:db8:9::9"}


@pytest.fixture
def make_wire() -> Callable[..., Wire]:
    """Flows 0 to 3 to port 33434."""

    def make(version: int = 4) -> Wire:
        return Wire(
            source=ip_address(HOME[version]),
            destination=ip_address(AWAY[version]),
            destination_port=33_434,
            source_ports={flow: 50_000 + 7 * flow for flow in range(4)},
            token=0xC0FFEE42,
        )

    return make


def mpls_extension(*labels: tuple[int, int, int]) -> bytes:
    """A label stack as RFC 4950 puts it."""
    entries = [
        struct.pack("!I", label << 12 | exp << 9 | (at == len(labels)) << 8 | ttl)
        for at, (label, exp, ttl) in enumerate(labels, 1)
    ]
    stack = b"".join(entries)
    content = struct.pack("!HBB", 4 + len(stack), 1, 1) + stack
    checksum = ~ones_sum(b"\x20\0\0\0" + content) & 0xFFFF
    return b"\x20\0" + struct.pack("!H", checksum) + content


@pytest.fixture
def extension() -> Callable[..., bytes]:
    """Makes extension structures."""
    return mpls_extension


@pytest.fixture
def icmp_error() -> Callable[..., bytes]:
    """Makes ICMP errors that quote a packet."""

    def make(
        kind: int,
        code: int,
        packet: bytes,
        *,
        quoted: int = 28,
        mtu: int = 0,
        extension: bytes = b"",
        told: bool = True,
        version: int = 4,
    ) -> bytes:
        body = packet[:quoted]
        rest = struct.pack("!HH", 0, mtu) if version == 4 else struct.pack("!I", mtu)
        if extension:
            body = body.ljust(128, b"\0") + extension
            if told:
                rest = bytes([0, 32, 0, 0]) if version == 4 else bytes([16, 0, 0, 0])
        return struct.pack("!BBH", kind, code, 0) + rest + body

    return make
