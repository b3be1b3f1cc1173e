"""Probes as octets, read by another implementation."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6

from probe.paths.terms import LAST_IDENT, Method, Probe
from probe.paths.wire import Wire

IDENTS = (1, 2, 255, 256, 0x7FFF, LAST_IDENT)


def make_probe(ident: int = 1, *, flow: int = 0, ttl: int = 5, method: Method = Method.UDP, size: int | None = None) -> Probe:
    """A probe."""
    return Probe(ident=ident, flow=flow, ttl=ttl, method=method, size=size)


def parse(octets: bytes) -> IP | IPv6:
    """By scapy."""
    return IP(octets) if octets[0] >> 4 == 4 else IPv6(octets)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("method", list(Method))
@pytest.mark.parametrize("size", [None, 1300])
def test_checksums_are_those_that_another_implementation_computes(
    make_wire: Callable[..., Wire], version: int, method: Method, size: int | None
) -> None:
    """Whatever the number and the flow, IP, UDP, TCP and ICMP checksums are right, and so are length and time to live."""
    for ident in IDENTS:
        octets = make_wire(version).craft(make_probe(ident, flow=ident % 4, method=method, size=size))
        seen, again = parse(octets), parse(octets)
        for layer in (again, again.payload):
            for name in ("chksum", "cksum"):
                if name in layer.fields:
                    delattr(layer, name)
        assert bytes(again) == octets
        assert (seen.ttl if version == 4 else seen.hlim) == 5
        assert len(octets) == (size or make_wire(version).smallest(method))


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("method", list(Method))
def test_what_routers_spread_flows_by_is_the_same_in_every_probe_of_a_flow(
    make_wire: Callable[..., Wire], version: int, method: Method
) -> None:
    """Addresses, ports or ICMP's first words, and flow label: one value a flow, another for another flow."""
    wire = make_wire(version)
    begin = 20 if version == 4 else 40
    octets = 6 if method is Method.ICMP else 4

    def hashed(ident: int, flow: int) -> bytes:
        packet = wire.craft(make_probe(ident, flow=flow, ttl=1 + ident % 30, method=method))
        addresses = packet[12:20] if version == 4 else packet[:4] + packet[8:40]
        return addresses + packet[begin : begin + octets]

    kinds = [{hashed(ident, flow) for ident in IDENTS} for flow in range(4)]
    assert [len(kind) for kind in kinds] == [1] * 4
    assert len(set.union(*kinds)) == 4


def test_the_number_is_where_no_router_looks(make_wire: Callable[..., Wire]) -> None:
    """UDP checksum, TCP sequence, echo sequence, and IPv4's identification."""
    wire = make_wire()
    udp = IP(wire.craft(make_probe(777)))
    tcp = IP(wire.craft(make_probe(778, method=Method.TCP)))
    assert (udp.id, udp[UDP].chksum) == (777, 777)
    assert (tcp.id, tcp[TCP].seq) == (778, 0xEE42 << 16 | 778)
    assert tcp[TCP].flags == "S"
    six = IPv6(make_wire(6).craft(make_probe(779, method=Method.ICMP)))
    assert six[ICMPv6EchoRequest].seq == 779


def test_only_packets_of_a_stated_size_forbid_fragments(make_wire: Callable[..., Wire]) -> None:
    """DF is set in path MTU probes, not in those of a trace."""
    wire = make_wire()
    assert IP(wire.craft(make_probe(size=1500))).flags == "DF"
    assert IP(wire.craft(make_probe())).flags == 0
