"""Which probe an answer belongs to: messages and segments go in, `Answer` or None comes out. Pure.

A probe is known by what routers quote of it. A translator (NAT) on the way may have changed any of that and put right only a
part on the way back, so the number is looked for in several places, and what differs from what was sent is told (Dublin
traceroute's sign of a NAT: the quoted checksum is another one).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from probe.paths.icmp import Message, Quoted
from probe.paths.terms import Answer, Kind, Method, Probe
from probe.paths.wire import PROTOCOLS, Wire

_SYN_ACK, _RST, _ACK = 0x12, 0x04, 0x10
_TCP_OCTETS = 20

Sent = Callable[[int], Probe | None]
"""The probe of a number; None when none was sent with it."""


def answer_of(message: Message, *, sender: str, wire: Wire, sent: Sent) -> Answer | None:
    """What an ICMP message says of a probe of ours; None when it is about something else.

    Args:
        message: as `icmp.read` gave it.
        sender: the address it came from.
        wire: the run's flows.
        sent: its probes.
    """
    if message.quoted is None:
        return _echo_reply(message, sender=sender, wire=wire, sent=sent)
    probe = _quoted_probe(message.quoted, wire, sent)
    if probe is None:
        return None
    return judged(message, sender=sender, wire=wire, ident=probe.ident, rewritten=_rewritten(message.quoted, probe, wire))


def judged(
    message: Message,
    *,
    sender: str,
    wire: Wire,
    ident: int | None,
    flow: int | None = None,
    rewritten: tuple[str, ...] = (),
) -> Answer | None:
    """The answer in a message that is known to be about a probe of ours; None when it is of a kind that tells nothing."""
    reason = None
    if message.expired:
        kind = Kind.HOP
    elif message.too_big:
        kind = Kind.TOO_BIG
    elif message.no_listener or (message.refusal and sender == str(wire.destination)):
        kind = Kind.REACHED
    elif message.refusal:
        kind, reason = Kind.REFUSED, message.refusal
    else:
        return None
    return Answer(
        kind=kind,
        address=sender,
        ident=ident,
        flow=flow,
        reason=reason,
        mtu_octets=message.mtu_octets,
        labels=message.labels,
        rewritten=rewritten,
    )


def segment_answer(segment: bytes, *, sender: str, wire: Wire, sent: Sent) -> Answer | None:
    """What a TCP segment from the destination says: SYN-ACK or RST to one of our SYNs; None for any other."""
    if len(segment) < _TCP_OCTETS or sender != str(wire.destination):
        return None
    source_port, destination_port, _, acknowledged, _, flags = struct.unpack_from("!HHIIBB", segment)
    if source_port != wire.destination_port or not flags & _ACK or not (flags & _RST or flags & _SYN_ACK == _SYN_ACK):
        return None
    probe = sent(acknowledged - 1 & 0xFFFF)
    # A destination that already has half a connection acknowledges the SYN that began it: still one of ours.
    if probe is None or probe.method is not Method.TCP or wire.source_ports.get(probe.flow) != destination_port:
        return None
    if acknowledged - 1 & 0xFFFF_FFFF != wire.sequence(probe.ident):
        return None
    return Answer(kind=Kind.REACHED, address=sender, ident=probe.ident)


def _echo_reply(message: Message, *, sender: str, wire: Wire, sent: Sent) -> Answer | None:
    if len(message.body) < 4:  # noqa: PLR2004 - identifier and sequence number
        return None
    _, sequence = struct.unpack_from("!HH", message.body)
    probe = sent(sequence)
    if probe is None or probe.method is not Method.ICMP or wire.payload_ident(message.body[4:]) != sequence:
        return None
    return Answer(kind=Kind.REACHED, address=sender, ident=sequence)


def _quoted_probe(quoted: Quoted, wire: Wire, sent: Sent) -> Probe | None:
    for ident, certain in _candidates(quoted, wire):
        probe = sent(ident)
        if probe is None or PROTOCOLS[wire.version][probe.method] != quoted.protocol:
            continue
        if certain or _same_flow(quoted, probe, wire):
            return probe
    return None


def _candidates(quoted: Quoted, wire: Wire) -> Iterator[tuple[int, bool]]:
    """Numbers the quoted probe may have, and whether the run's token vouches for them."""
    transport = quoted.transport
    protocols = PROTOCOLS[wire.version]
    if quoted.protocol == protocols[Method.TCP]:
        (sequence,) = struct.unpack_from("!I", transport, 4)
        yield sequence & 0xFFFF, sequence == wire.sequence(sequence & 0xFFFF)
    elif (ident := wire.payload_ident(transport[8:])) is not None:
        yield ident, True
    else:  # the checksum of UDP, the sequence number of ICMP
        yield struct.unpack_from("!H", transport, 6)[0], False
    if quoted.identification is not None:
        yield quoted.identification, False


def _same_flow(quoted: Quoted, probe: Probe, wire: Wire) -> bool:
    """Whether ports or identifier, and one of the addresses, are as they were sent: two signs that it is ours."""
    if quoted.destination != wire.destination and quoted.source != wire.source:
        return False
    return not {"source port", "destination port", "identifier"} & set(_rewritten(quoted, probe, wire))


def _rewritten(quoted: Quoted, probe: Probe, wire: Wire) -> tuple[str, ...]:
    """Fields that differ from what was sent."""
    found = []
    if quoted.source != wire.source:
        found.append("source address")
    if quoted.destination != wire.destination:
        found.append("destination address")
    first, second, third, fourth = struct.unpack_from("!HHHH", quoted.transport)
    port = wire.source_ports[probe.flow]
    if probe.method is Method.ICMP:
        compared = [("checksum", second, wire.echo_checksum(probe.flow)), ("identifier", third, port)]
    else:
        compared = [("source port", first, port), ("destination port", second, wire.destination_port)]
        if probe.method is Method.UDP:
            compared.append(("checksum", fourth, probe.ident))
        else:
            compared.append(("sequence number", third << 16 | fourth, wire.sequence(probe.ident)))
    return (*found, *(name for name, seen, was in compared if seen != was))
