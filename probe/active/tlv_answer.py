"""What a reflector says in the TLVs of a test packet (RFC 8972 section 4): the same octets back, with what it knows filled in.

The region behind the base packet and what the reflector knows go in, a region of the same length comes out. It knows no socket
and no session. Known are extra padding (1), timestamp information (3), class of service (4), direct measurement (5), follow-up
telemetry (7) and HMAC (8); every other type comes back as it came, with the sender's U flag still set, which says just that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from probe.active.tlv import (
    CLASS_OF_SERVICE,
    DIRECT_MEASUREMENT,
    FOLLOW_UP_TELEMETRY,
    HMAC,
    MALFORMED,
    METHODS,
    PADDING,
    TAMPERED,
    TIMESTAMP_INFORMATION,
    UNRECOGNISED,
    Information,
    Source,
    Tlv,
    code,
    intact,
    walk,
)

_SYNC_NTP = 1
_SYNC_LOCAL = 5
"""RFC 8972 table 6: the clock is not disciplined by anything."""
_DSCP_SHIFT = 2
_DSCP = 0x3F
_ECN = 0x03
_REFUSED = 1
"""Of the RP field: the class asked for is not permitted, so the reply has the class of its request."""
_COUNTER = 0xFFFF_FFFF


@attrs.frozen(slots=True, kw_only=True)
class FollowUp:
    """When the reply before this one was sent."""

    seq: int
    sent: int
    """Wire format."""
    source: Source


@attrs.frozen(slots=True, kw_only=True)
class Told:
    """What the reflector can say of a packet and of its session."""

    information: Information
    synchronised: bool
    """Whether a time server disciplines our clock."""
    traffic_class: int
    """DSCP and ECN that the packet arrived with."""
    choose_class: bool
    """Whether this sender may choose the class of its replies."""
    received: int
    """Packets of the session taken so far, this one included; replies, with its own, are as many."""
    previous: FollowUp | None
    """None before the session's first reply."""


@attrs.frozen(slots=True, kw_only=True)
class Integrity:
    """What the code of an authenticated packet's TLVs is made with."""

    key: bytes = attrs.field(repr=False)
    request_seq: int
    reply_seq: int


@attrs.frozen(slots=True, kw_only=True)
class Answered:
    """TLVs as they go back."""

    region: bytes
    traffic_class: int
    """What to send the reply with."""


def answered(region: bytes, told: Told, *, integrity: Integrity | None = None) -> Answered:
    """The TLVs as a reflector sends them back.

    U is cleared on what it knows, M set where a length is not possible. TLVs of an authenticated packet whose code is not the
    key's come back unread, each with I set.

    Args:
        region: everything behind the base packet.
        told: what to say.
        integrity: for authenticated packets; None: open ones, whose HMAC TLV cannot be checked and so is not known.
    """
    out = bytearray(region)
    tlvs = list(walk(region))
    tampered = integrity is not None and not intact(region, tlvs, key=integrity.key, seq=integrity.request_seq)
    traffic_class = told.traffic_class
    for tlv in tlvs:
        if tampered:
            out[tlv.at] |= TAMPERED
        if not tlv.well_formed:
            out[tlv.at] |= MALFORMED
            continue
        value = None if tampered else _value(tlv, out, told, integrity)
        if value is not None:
            out[tlv.at] &= ~UNRECOGNISED & 0xFF
            out[tlv.value_at : tlv.end] = value
            if tlv.kind == CLASS_OF_SERVICE and told.choose_class:
                traffic_class = value[0] & ~_ECN | told.traffic_class & _ECN
    return Answered(region=bytes(out), traffic_class=traffic_class)


def _value(tlv: Tlv, out: bytearray, told: Told, integrity: Integrity | None) -> bytes | None:
    """What a known TLV holds on its way back; None for others. Those before it are filled in already."""
    if tlv.kind == HMAC:
        return None if integrity is None else code(integrity.key, integrity.reply_seq, bytes(out[: tlv.at]))
    fill = _FILLED.get(tlv.kind) if tlv.kind is not None else None
    return None if fill is None else fill(bytes(out[tlv.value_at : tlv.end]), told)


def _padding(value: bytes, _: Told) -> bytes:
    return value


def _information(_: bytes, told: Told) -> bytes:
    sync = _SYNC_NTP if told.synchronised else _SYNC_LOCAL
    return bytes((sync, METHODS[told.information.t2], sync, METHODS[told.information.t3]))


def _class_of_service(value: bytes, told: Told) -> bytes:
    """DSCP asked for (6 bits, the first of what came), DSCP and ECN as they came, RP; then 16 reserved bits."""
    wanted, seen = value[0] >> _DSCP_SHIFT, told.traffic_class >> _DSCP_SHIFT & _DSCP
    refused = 0 if told.choose_class or wanted == seen else _REFUSED
    return (wanted << 10 | seen << 4 | (told.traffic_class & _ECN) << 2 | refused).to_bytes(2) + bytes(2)


def _direct_measurement(value: bytes, told: Told) -> bytes:
    """The sender's counter as it came, then packets received and packets sent by us."""
    counter = (told.received & _COUNTER).to_bytes(4)
    return value[:4] + counter + counter


def _follow_up(value: bytes, told: Told) -> bytes:
    """Sequence number, timestamp, how it was taken, three reserved octets; zeros where there is nothing to say."""
    previous = told.previous
    if previous is None:
        return bytes(len(value))
    return previous.seq.to_bytes(4) + previous.sent.to_bytes(8) + bytes((METHODS[previous.source], 0, 0, 0))


_FILLED: Mapping[int, Callable[[bytes, Told], bytes]] = {
    PADDING: _padding,
    TIMESTAMP_INFORMATION: _information,
    CLASS_OF_SERVICE: _class_of_service,
    DIRECT_MEASUREMENT: _direct_measurement,
    FOLLOW_UP_TELEMETRY: _follow_up,
}
"""Each known type's value on its way back, of the value that came, its length checked."""
