"""What must be known of a datagram before it is decoded: protocol, observation domain, and the sets that are worth remembering.

Pure, over octets of strangers: what is cut or wrong is nothing here, the decoder will say what is wrong with it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import attrs

NETFLOW5, NETFLOW9, IPFIX = 5, 9, 10
_V5_HEADER, _V9_HEADER, _IPFIX_HEADER = 24, 20, 16
_SFLOW = b"\x00\x00\x00\x05"
_SFLOW_ADDRESS = {1: 4, 2: 16}
_TWO = struct.Struct("!HH")
_ENTERPRISE = 0x8000
_FIRST_DATA_SET = 256


@attrs.frozen(slots=True)
class Origin:
    """Whose numbering a datagram is in: the scope of templates and sequence numbers."""

    protocol: str
    domain: bytes
    """As it stands in the header; sFlow's is the agent and its sub-agent."""


@attrs.frozen(slots=True)
class Set:
    """A template set, options template set or data set of NetFlow v9 or IPFIX."""

    id: int
    octets: bytes
    """With its header."""


def origin_of(datagram: bytes) -> Origin | None:
    """None: it is of no protocol that is known here."""
    if datagram[:4] == _SFLOW:
        length = _SFLOW_ADDRESS.get(int.from_bytes(datagram[4:8]), 0)
        domain = datagram[8 : 12 + length]
        return Origin("sflow5", domain) if len(domain) == 4 + length else None
    version = int.from_bytes(datagram[:2])
    if version == NETFLOW5 and len(datagram) >= _V5_HEADER:
        return Origin("netflow5", datagram[20:22])
    if version == NETFLOW9 and len(datagram) >= _V9_HEADER:
        return Origin("netflow9", datagram[16:20])
    if version == IPFIX and len(datagram) >= _IPFIX_HEADER:
        return Origin("ipfix", datagram[12:16])
    return None


def sets_of(datagram: bytes) -> Iterator[Set]:
    """The sets of a NetFlow v9 or IPFIX message, as far as they are whole."""
    is_ipfix = int.from_bytes(datagram[:2]) == IPFIX
    at = _IPFIX_HEADER if is_ipfix else _V9_HEADER
    while at + _TWO.size <= len(datagram):
        number, length = _TWO.unpack_from(datagram, at)
        if length < _TWO.size or at + length > len(datagram):
            return
        yield Set(number, datagram[at : at + length])
        at += length


def templates_of(found: Set, protocol: str) -> Iterator[tuple[int, bool, bytes]]:
    """Of a template set each template: its id, whether it is of options, and its octets."""
    if (found.id, protocol) not in _TEMPLATE_SETS:
        return
    options = _TEMPLATE_SETS[found.id, protocol]
    octets, at = found.octets, _TWO.size
    while at + _TWO.size <= len(octets):
        number, count = _TWO.unpack_from(octets, at)
        if number < _FIRST_DATA_SET:
            return
        end = (_end_of_v9 if protocol == "netflow9" else _end_of_ipfix)(octets, at, count, options=options)
        if end > len(octets):
            return
        yield number, options, octets[at:end]
        at = end


_TEMPLATE_SETS = {(0, "netflow9"): False, (1, "netflow9"): True, (2, "ipfix"): False, (3, "ipfix"): True}
TEMPLATE_SET_OF = {(protocol, options): number for (number, protocol), options in _TEMPLATE_SETS.items()}
"""Id of the set that carries templates of a protocol and kind."""


def _end_of_v9(octets: bytes, at: int, count: int, *, options: bool) -> int:
    if not options:
        return at + 4 + 4 * count
    if at + 6 > len(octets):
        return len(octets) + 1
    # Of options templates the two numbers are octets: of the scope's fields, and of the others.
    return at + 6 + count + int.from_bytes(octets[at + 4 : at + 6])


def _end_of_ipfix(octets: bytes, at: int, count: int, *, options: bool) -> int:
    if not count:
        return at + 4  # a withdrawal
    at += 6 if options else 4
    for _ in range(count):
        if at + 4 > len(octets):
            return len(octets) + 1
        at += 8 if octets[at] & (_ENTERPRISE >> 8) else 4
    return at
