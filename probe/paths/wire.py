"""Probes as octets: a probe goes in, a whole IP packet comes out. Pure; it opens no socket.

What routers spread flows by (addresses, protocol, ports; for ICMP type, code, checksum and identifier; in IPv6 the flow label)
is the same in every probe of a flow, so that all of them take one path (Augustin et al., "Avoiding traceroute anomalies with
Paris traceroute", IMC 2006). What tells probes of a flow apart is where no router looks: the UDP checksum, the TCP sequence
number, the ICMP sequence number; in IPv4 the packet's identification as well.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address

import attrs

from probe.paths.terms import Method, Probe

UDP, TCP, ICMP4, ICMP6 = 17, 6, 1, 58
PROTOCOLS = {4: {Method.UDP: UDP, Method.TCP: TCP, Method.ICMP: ICMP4}, 6: {Method.UDP: UDP, Method.TCP: TCP, Method.ICMP: ICMP6}}
HEADER_OCTETS = {4: 20, 6: 40}
_TRANSPORT_OCTETS = {Method.UDP: 8, Method.TCP: 20, Method.ICMP: 8}
ECHO_REQUEST = {4: 8, 6: 128}
_IP4 = struct.Struct("!BBHHHBBH4s4s")
_IP6 = struct.Struct("!IHBB16s16s")
_UDP = struct.Struct("!HHHH")
_TCP = struct.Struct("!HHIIBBHHH")
_ICMP = struct.Struct("!BBHHH")
_DONT_FRAGMENT = 0x4000
_SYN = 0x02
_WINDOW = 65_535
_TOKEN = struct.Struct("!IHH")
"""At the head of each UDP and ICMP payload: the run, the probe, and the octets that make the checksum come out as wanted."""
_FLOW_LABEL = 0x5A000


def ones_sum(octets: bytes) -> int:
    """Sum of 16-bit words with the carries added back (RFC 1071)."""
    if len(octets) % 2:
        octets += b"\0"
    total = int(sum(struct.unpack(f"!{len(octets) // 2}H", octets)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def _minus(one: int, other: int) -> int:
    """Difference in ones' complement."""
    total = one + (~other & 0xFFFF)
    return (total & 0xFFFF) + (total >> 16)


@attrs.frozen(slots=True, kw_only=True)
class Wire:
    """The flows of one run."""

    source: IPv4Address | IPv6Address
    destination: IPv4Address | IPv6Address
    destination_port: int
    source_ports: Mapping[int, int]
    """By flow; in ICMP it is the identifier."""
    token: int
    """32 random bits that nobody else knows: what carries them is an answer to this run."""

    @property
    def version(self) -> int:
        """4 or 6."""
        return self.destination.version

    def smallest(self, method: Method) -> int:
        """Octets of the smallest probe with its IP header."""
        return HEADER_OCTETS[self.version] + _TRANSPORT_OCTETS[method] + (0 if method is Method.TCP else _TOKEN.size)

    def sequence(self, ident: int) -> int:
        """TCP sequence number of a probe."""
        return (self.token & 0xFFFF) << 16 | ident

    def echo_checksum(self, flow: int) -> int:
        """The checksum that every echo request of a flow has."""
        return (0x3A5C + 0x0101 * flow) & 0xFFFF or 1

    def payload_ident(self, payload: bytes) -> int | None:
        """The probe's number in a quoted payload; None when it is cut or not ours."""
        if len(payload) < _TOKEN.size:
            return None
        token, ident, _ = _TOKEN.unpack_from(payload)
        return int(ident) if token == self.token else None

    def payload(self, probe: Probe, compensation: int = 0) -> bytes:
        """What a UDP or ICMP probe carries."""
        octets = 0 if probe.size is None else max(0, probe.size - self.smallest(probe.method))
        return _TOKEN.pack(self.token, probe.ident, compensation) + bytes(octets)

    def craft(self, probe: Probe) -> bytes:
        """The packet."""
        segment = self._segment(probe)
        if self.version == 6:  # noqa: PLR2004 - IP's own version number
            first = 6 << 28 | (_FLOW_LABEL + probe.flow)
            protocol = PROTOCOLS[6][probe.method]
            header = _IP6.pack(first, len(segment), protocol, probe.ttl, self.source.packed, self.destination.packed)
        else:
            # Small probes may be fragmented, on paper: else their identification need not survive (RFC 6864).
            flags = 0 if probe.size is None else _DONT_FRAGMENT
            length, protocol = HEADER_OCTETS[4] + len(segment), PROTOCOLS[4][probe.method]
            fields = [0x45, 0, length, probe.ident, flags, probe.ttl, protocol, 0, self.source.packed, self.destination.packed]
            fields[7] = ~ones_sum(_IP4.pack(*fields)) & 0xFFFF
            header = _IP4.pack(*fields)
        return header + segment

    def _segment(self, probe: Probe) -> bytes:
        port = self.source_ports[probe.flow]
        match probe.method:
            case Method.UDP:
                return self._udp(probe, port)
            case Method.TCP:
                return self._tcp(probe, port)
            case Method.ICMP:
                return self._echo(probe, port)

    def _udp(self, probe: Probe, port: int) -> bytes:
        payload = self.payload(probe)
        header = _UDP.pack(port, self.destination_port, _UDP.size + len(payload), 0)
        covered = ones_sum(self._pseudo(UDP, len(header) + len(payload)) + header + payload)
        compensation = _minus(~probe.ident & 0xFFFF, covered)
        return header[:6] + struct.pack("!H", probe.ident) + self.payload(probe, compensation)

    def _tcp(self, probe: Probe, port: int) -> bytes:
        fields = [port, self.destination_port, self.sequence(probe.ident), 0, 5 << 4, _SYN, _WINDOW, 0, 0]
        more = bytes(0 if probe.size is None else max(0, probe.size - self.smallest(Method.TCP)))
        fields[7] = ~ones_sum(self._pseudo(TCP, _TCP.size + len(more)) + _TCP.pack(*fields) + more) & 0xFFFF
        return _TCP.pack(*fields) + more

    def _echo(self, probe: Probe, identifier: int) -> bytes:
        payload = self.payload(probe)
        header = _ICMP.pack(ECHO_REQUEST[self.version], 0, 0, identifier, probe.ident)
        pseudo = self._pseudo(ICMP6, len(header) + len(payload)) if self.version == 6 else b""  # noqa: PLR2004 - as above
        wanted = self.echo_checksum(probe.flow)
        compensation = _minus(~wanted & 0xFFFF, ones_sum(pseudo + header + payload))
        return header[:2] + struct.pack("!H", wanted) + header[4:] + self.payload(probe, compensation)

    def _pseudo(self, protocol: int, length: int) -> bytes:
        """What the checksum covers of the IP header (RFC 768, RFC 8200; the sum is the same in both orders of fields)."""
        return self.source.packed + self.destination.packed + struct.pack("!IHH", length, 0, protocol)
