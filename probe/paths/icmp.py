"""ICMP messages as octets: what a router says and what it quotes (RFC 792, 4443, 4884, 4950). Pure; it knows no probe of ours.

A message goes in, what it says comes out. A message that cannot be one is an `IcmpError` with where it breaks; a type that is
neither an error nor an echo reply is None.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address

import attrs

from probe.paths.terms import Label
from probe.paths.wire import HEADER_OCTETS, ones_sum

ECHO_REPLY = {4: 0, 6: 129}
_UNREACHABLE = {4: 3, 6: 1}
_TIME_EXCEEDED = {4: 11, 6: 3}
_TOO_BIG_6 = 2
_FRAGMENTATION_NEEDED = 4
_PORT_UNREACHABLE = {4: 3, 6: 4}
_ICMP_OCTETS = 8
_LENGTH_UNIT = {4: (5, 4), 6: (4, 8)}
"""Where RFC 4884 puts the quotation's length, and what it counts in."""
_OLD_QUOTATION_OCTETS = 128
"""Routers older than RFC 4884 give no length and put extensions here (its section 5.5)."""
_EXTENSION_VERSION = 2
_MPLS_CLASS, _MPLS_INCOMING = 1, 1
_MOST_LABELS = 16
_REASONS = {
    4: {
        0: "network unreachable",
        1: "host unreachable",
        2: "protocol unreachable",
        5: "source route failed",
        9: "network administratively prohibited",
        10: "host administratively prohibited",
        13: "administratively prohibited",
    },
    6: {
        0: "no route",
        1: "administratively prohibited",
        2: "beyond the scope of the source address",
        3: "address unreachable",
        5: "source address failed policy",
        6: "route rejected",
    },
}


class IcmpError(ValueError):
    """The octets are no ICMP message: what, and at which octet."""


@attrs.frozen(slots=True, kw_only=True)
class Quoted:
    """The head of a packet of ours as a router saw it."""

    source: IPv4Address | IPv6Address
    destination: IPv4Address | IPv6Address
    protocol: int
    identification: int | None
    """Of IPv4."""
    transport: bytes
    """At least eight octets of what follows the IP header."""


@attrs.frozen(slots=True, kw_only=True)
class Message:
    """An error with its quotation, or an echo reply without one."""

    kind: int
    code: int
    quoted: Quoted | None
    mtu_octets: int | None = None
    labels: tuple[Label, ...] = ()
    body: bytes = b""
    """Of an echo reply: identifier, sequence number, payload."""
    version: int

    @property
    def expired(self) -> bool:
        """Whether a packet's time to live ran out on its way."""
        return self.kind == _TIME_EXCEEDED[self.version] and self.code == 0

    @property
    def too_big(self) -> bool:
        """Whether a link was too narrow."""
        if self.version == 6:  # noqa: PLR2004 - IP's own version number
            return self.kind == _TOO_BIG_6
        return self.kind == _UNREACHABLE[4] and self.code == _FRAGMENTATION_NEEDED

    @property
    def no_listener(self) -> bool:
        """Whether the packet came to the host and nobody listens there."""
        return self.kind == _UNREACHABLE[self.version] and self.code == _PORT_UNREACHABLE[self.version]

    @property
    def refusal(self) -> str | None:
        """Why a packet is carried no further; None when that is not what it says."""
        if self.kind != _UNREACHABLE[self.version] or self.too_big:
            return None
        return _REASONS[self.version].get(self.code, f"unreachable, code {self.code}")


def plain(kind: int, code: int, *, version: int, mtu_octets: int | None = None, labels: tuple[Label, ...] = ()) -> Message:
    """A message of which the kernel gave type and code but not the quoted header."""
    return Message(kind=kind, code=code, quoted=None, mtu_octets=mtu_octets, labels=labels, version=version)


def read(message: bytes, *, version: int) -> Message | None:
    """What an ICMP message says.

    Args:
        message: from the ICMP header on, without the IP header in front of it.
        version: of the IP packet it came in.

    Raises:
        IcmpError: it breaks off, or quotes what is no packet.
    """
    if len(message) < _ICMP_OCTETS:
        raise IcmpError(f"{len(message)} octets are no ICMP header")
    kind, code = message[0], message[1]
    if kind == ECHO_REPLY[version]:
        return Message(kind=kind, code=code, quoted=None, body=message[4:], version=version)
    errors = {_UNREACHABLE[version], _TIME_EXCEEDED[version]} | ({_TOO_BIG_6} if version == 6 else set())  # noqa: PLR2004 - as above
    if kind not in errors:
        return None
    too_big_6 = (version, kind) == (6, _TOO_BIG_6)  # it has a size where the others have a length, and no extensions
    quoted, labels = (message[_ICMP_OCTETS:], ()) if too_big_6 else _split(message, version)
    return Message(
        kind=kind,
        code=code,
        quoted=quote(quoted, version=version),
        mtu_octets=_mtu(message, version) if kind == (_UNREACHABLE[4] if version == 4 else _TOO_BIG_6) else None,  # noqa: PLR2004
        labels=labels,
        version=version,
    )


def _mtu(message: bytes, version: int) -> int | None:
    """None where an old router says none (0)."""
    if version == 6:  # noqa: PLR2004 - IP's own version number
        return struct.unpack_from("!I", message, 4)[0] or None
    return (struct.unpack_from("!H", message, 6)[0] or None) if message[1] == _FRAGMENTATION_NEEDED else None


def _split(message: bytes, version: int) -> tuple[bytes, tuple[Label, ...]]:
    """Quotation and label stack; extensions that do not hold together are as none, the quotation is still good."""
    at, unit = _LENGTH_UNIT[version]
    told = message[at] * unit
    length = told or _OLD_QUOTATION_OCTETS
    body = message[_ICMP_OCTETS:]
    if len(body) < length:
        return body, ()
    labels = label_stack(body[length:])
    if not told and not labels:  # no length and nothing that holds together there: all of it is quotation
        return body, ()
    return body[:length], labels


def label_stack(extension: bytes) -> tuple[Label, ...]:
    """Labels in an extension structure (RFC 4884, section 7; RFC 4950); empty when it is none, or damaged."""
    if len(extension) < 4 or extension[0] >> 4 != _EXTENSION_VERSION:  # noqa: PLR2004 - its header
        return ()
    if extension[2:4] != b"\0\0" and ones_sum(extension) != 0xFFFF:  # noqa: PLR2004 - a checksum that fits
        return ()
    at, labels = 4, []
    while at + 4 <= len(extension):
        length, kind, subkind = struct.unpack_from("!HBB", extension, at)
        if length < 4 or at + length > len(extension):  # noqa: PLR2004 - an object's header
            return ()
        if (kind, subkind) == (_MPLS_CLASS, _MPLS_INCOMING):
            labels += [_label(extension[entry : entry + 4]) for entry in range(at + 4, at + length - 3, 4)]
        at += length
    return tuple(labels[:_MOST_LABELS])


def _label(entry: bytes) -> Label:
    (word,) = struct.unpack("!I", entry)
    return Label(label=word >> 12, traffic_class=word >> 9 & 7, ttl=word & 0xFF)


def quote(octets: bytes, *, version: int) -> Quoted:
    """The head of the quoted packet.

    Raises:
        IcmpError: it is shorter than its IP header and eight octets, or of another version.
    """
    if len(octets) < HEADER_OCTETS[version]:
        raise IcmpError(f"octet {_ICMP_OCTETS}: {len(octets)} octets quote no IPv{version} header")
    if octets[0] >> 4 != version:
        raise IcmpError(f"octet {_ICMP_OCTETS}: quotes IP version {octets[0] >> 4} in IPv{version}")
    if version == 6:  # noqa: PLR2004 - IP's own version number
        length, protocol, ident = HEADER_OCTETS[6], octets[6], None
        ends = (IPv6Address(octets[8:24]), IPv6Address(octets[24:40]))
    else:
        length, protocol = (octets[0] & 0xF) * 4, octets[9]
        (ident,) = struct.unpack_from("!H", octets, 4)
        ends = (IPv4Address(octets[12:16]), IPv4Address(octets[16:20]))  # type: ignore[assignment]
    if length < HEADER_OCTETS[version] or len(octets) < length + 8:
        raise IcmpError(f"octet {_ICMP_OCTETS + length}: {max(0, len(octets) - length)} octets quoted, at least 8 are due")
    source, destination = ends
    return Quoted(source=source, destination=destination, protocol=protocol, identification=ident, transport=octets[length:])
