"""STAMP test packets (RFC 8762 section 4, RFC 8972 section 3), open and authenticated. Octets in, records out, and back.

No octets raise anything but `PacketError`. Timestamps stay in wire format here: a reply must bring the sender's back bit by bit.
"""

from __future__ import annotations

import hmac
import struct

import attrs

OPEN_OCTETS = 44
AUTHENTICATED_OCTETS = 112
TWAMP_LIGHT_OCTETS = 14
"""Sequence, timestamp, error estimate: the smallest request of TWAMP-Light (RFC 5357 appendix I), answered with 44 octets."""
MAX_OCTETS = 9000
_HMAC_AT = 96
_HMAC_OCTETS = 16

_OPEN_REQUEST = struct.Struct(">IQHH")
_OPEN_REPLY = struct.Struct(">IQHHQIQHxxB3x")
_AUTHENTICATED_REQUEST = struct.Struct(">I12xQHH68x")
_AUTHENTICATED_REPLY = struct.Struct(">I12xQHH4xQ8xI12xQH6xB15x")
_TWAMP_REQUEST = struct.Struct(">IQH")


class PacketError(ValueError):
    """The octets are no STAMP packet; `reason` is a word to count by."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@attrs.frozen(slots=True, kw_only=True)
class Request:
    """A session-sender's test packet."""

    seq: int
    t1: int
    """When it was sent, wire format."""
    error_estimate: int
    ssid: int
    """0 in packets of TWAMP-Light and of RFC 8762 alone."""


@attrs.frozen(slots=True, kw_only=True)
class Reply:
    """A session-reflector's test packet."""

    seq: int
    """The reflector's own count of replies when it is stateful; else the sender's number again."""
    t3: int
    error_estimate: int
    ssid: int
    t2: int
    sender_seq: int
    t1: int
    sender_error_estimate: int
    sender_ttl: int


def base_octets(key: bytes | None) -> int:
    """Length of a packet without TLVs."""
    return OPEN_OCTETS if key is None else AUTHENTICATED_OCTETS


def request_octets(request: Request, *, tlvs: bytes = b"", key: bytes | None = None) -> bytes:
    """A test packet: 44 octets, or 112 with a key, and the TLVs behind."""
    fields = (request.seq, request.t1, request.error_estimate, request.ssid)
    if key is None:
        return _OPEN_REQUEST.pack(*fields) + bytes(28) + tlvs
    covered = _AUTHENTICATED_REQUEST.pack(*fields)
    return covered + _digest(covered, key) + tlvs


def read_request(data: bytes, *, key: bytes | None = None) -> Request:
    """Read a test packet; without a key also one of TWAMP-Light, from 14 octets on.

    Raises:
        PacketError: too short, or the key does not fit.
    """
    if key is not None:
        seq, t1, error_estimate, ssid = _AUTHENTICATED_REQUEST.unpack(_verified(data, key))
    elif len(data) >= OPEN_OCTETS:
        seq, t1, error_estimate, ssid = _OPEN_REQUEST.unpack_from(data)
    elif len(data) >= TWAMP_LIGHT_OCTETS:
        seq, t1, error_estimate = _TWAMP_REQUEST.unpack_from(data)
        ssid = 0
    else:
        raise PacketError("short", f"{len(data)} octets are fewer than the {TWAMP_LIGHT_OCTETS} of a request")
    return Request(seq=seq, t1=t1, error_estimate=error_estimate, ssid=ssid)


def ssid_of(data: bytes, *, authenticated: bool) -> int:
    """Session identifier of a packet, 0 when it is too short to have one; it chooses the key that the rest is checked with."""
    at = 26 if authenticated else 14
    return int.from_bytes(data[at : at + 2]) if len(data) >= at + 2 else 0


def reply_octets(reply: Reply, *, tlvs: bytes = b"", key: bytes | None = None) -> bytes:
    """A reflected packet: 44 octets, or 112 with a key, and the TLVs behind."""
    fields = (
        reply.seq,
        reply.t3,
        reply.error_estimate,
        reply.ssid,
        reply.t2,
        reply.sender_seq,
        reply.t1,
        reply.sender_error_estimate,
        reply.sender_ttl,
    )
    if key is None:
        return _OPEN_REPLY.pack(*fields) + tlvs
    covered = _AUTHENTICATED_REPLY.pack(*fields)
    return covered + _digest(covered, key) + tlvs


def read_reply(data: bytes, *, key: bytes | None = None) -> Reply:
    """Read a reflected packet.

    Raises:
        PacketError: too short, or the key does not fit.
    """
    if key is not None:
        fields = _AUTHENTICATED_REPLY.unpack(_verified(data, key))
    elif len(data) >= OPEN_OCTETS:
        fields = _OPEN_REPLY.unpack_from(data)
    else:
        raise PacketError("short", f"{len(data)} octets are fewer than the {OPEN_OCTETS} of a reply")
    seq, t3, error_estimate, ssid, t2, sender_seq, t1, sender_error_estimate, ttl = fields
    return Reply(
        seq=seq,
        t3=t3,
        error_estimate=error_estimate,
        ssid=ssid,
        t2=t2,
        sender_seq=sender_seq,
        t1=t1,
        sender_error_estimate=sender_error_estimate,
        sender_ttl=ttl,
    )


def _digest(covered: bytes, key: bytes) -> bytes:
    return hmac.digest(key, covered, "sha256")[:_HMAC_OCTETS]


def _verified(data: bytes, key: bytes) -> bytes:
    """The 96 octets that the code covers, when it is right."""
    if len(data) < AUTHENTICATED_OCTETS:
        raise PacketError("short", f"{len(data)} octets are fewer than the {AUTHENTICATED_OCTETS} of an authenticated packet")
    covered = data[:_HMAC_AT]
    if not hmac.compare_digest(_digest(covered, key), data[_HMAC_AT:AUTHENTICATED_OCTETS]):
        raise PacketError("authentication", "the authentication code is not the key's")
    return covered
