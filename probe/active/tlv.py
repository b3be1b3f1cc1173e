"""The optional part of a STAMP packet (RFC 8972 section 4): type, length, value, behind the base packet.

Octets in, octets out: what a sender asks, and what it reads of the answer. What a reflector answers is in `tlv_answer`.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence
from enum import StrEnum

import attrs

UNRECOGNISED = 0x80
MALFORMED = 0x40
TAMPERED = 0x20
"""The I flag: the HMAC TLV is not the key's, so nothing was read."""
PADDING = 1
TIMESTAMP_INFORMATION = 3
CLASS_OF_SERVICE = 4
DIRECT_MEASUREMENT = 5
FOLLOW_UP_TELEMETRY = 7
HMAC = 8
VALUE_OCTETS = {TIMESTAMP_INFORMATION: 4, CLASS_OF_SERVICE: 4, DIRECT_MEASUREMENT: 12, FOLLOW_UP_TELEMETRY: 16, HMAC: 16}
"""Lengths of the types that have one."""
HEADER_OCTETS = 4


class Source(StrEnum):
    """Where a timestamp was taken."""

    HARDWARE = "hw"
    SOFTWARE = "sw"
    """By the kernel, in the driver's path."""
    USER = "user"
    """By the program itself, before or after its system call."""


METHODS = {Source.HARDWARE: 1, Source.SOFTWARE: 2, Source.USER: 3}
"""RFC 8972 table 7: hardware assist, software local, control plane."""
_SOURCES = {method: source for source, method in METHODS.items()}


@attrs.frozen(slots=True, kw_only=True)
class Information:
    """What the reflector says of its own timestamps."""

    t2: Source
    t3: Source


@attrs.frozen(slots=True, kw_only=True)
class Tlv:
    """One, by where it stands in its region."""

    at: int
    kind: int | None
    """None where the packet ends before it is told."""
    length: int
    """Of the value, as stated."""
    whole: bool
    """Whether the packet holds all of it; behind one that is not, nothing can be found."""

    @property
    def well_formed(self) -> bool:
        """Whether its length is possible for its type and its place."""
        return self.whole and (self.kind is None or VALUE_OCTETS.get(self.kind, self.length) == self.length)

    @property
    def value_at(self) -> int:
        """Where its value begins."""
        return self.at + HEADER_OCTETS

    @property
    def end(self) -> int:
        """Where the next one begins."""
        return self.value_at + self.length


def walk(region: bytes) -> Iterator[Tlv]:
    """The TLVs of everything behind the base packet, in order."""
    at = 0
    while at < len(region):
        length = int.from_bytes(region[at + 2 : at + HEADER_OCTETS])
        kind = region[at + 1] if at + 1 < len(region) else None
        whole = at + HEADER_OCTETS + length <= len(region)
        yield Tlv(at=at, kind=kind, length=length, whole=whole)
        if not whole:
            return
        at += HEADER_OCTETS + length


# ---- integrity ---------------------------------------------------------------------------------------------------
def code(key: bytes, seq: int, preceding: bytes) -> bytes:
    """Value of the HMAC TLV of a packet with this sequence number, behind these TLVs (RFC 8972 section 4.8)."""
    return hmac.digest(key, seq.to_bytes(4) + preceding, "sha256")[: VALUE_OCTETS[HMAC]]


def intact(region: bytes, tlvs: Sequence[Tlv], *, key: bytes, seq: int) -> bool:
    """Whether the TLVs of an authenticated packet may be read.

    Padding alone needs no code; anything else needs one behind it that is the key's, with only padding after it.
    """
    told = [tlv for tlv in tlvs if tlv.kind != PADDING or not tlv.whole]
    if not told:
        return True
    last = told[-1]
    if last.kind != HMAC or not last.well_formed or any(tlv.kind == HMAC for tlv in told[:-1]):
        return False
    return hmac.compare_digest(code(key, seq, region[: last.at]), region[last.value_at : last.end])


# ---- the sender --------------------------------------------------------------------------------------------------
def asking(octets: int) -> bytes:
    """So many octets of TLVs for a test packet: a question for timestamp information, and padding.

    Fewer than a header needs are zeros, which a reflector marks as malformed and hands back.
    """
    made = _question(TIMESTAMP_INFORMATION) if octets >= _question_octets(TIMESTAMP_INFORMATION) else b""
    return made + padding(octets - len(made))


def asking_sealed(octets: int, *, key: bytes, seq: int) -> bytes:
    """As `asking` in an authenticated packet: with the code behind the question, or padding alone without room for both."""
    rest = octets - _question_octets(TIMESTAMP_INFORMATION) - _question_octets(HMAC)
    if rest < 0 or 0 < rest < HEADER_OCTETS:  # too few octets behind the code for padding would spoil it
        return padding(octets)
    asked = _question(TIMESTAMP_INFORMATION)
    made = asked + _header(HMAC, VALUE_OCTETS[HMAC]) + code(key, seq, asked)
    return made + padding(rest)


def padding(octets: int) -> bytes:
    """So many octets as one padding TLV."""
    if octets < HEADER_OCTETS:
        return bytes(octets)
    length = octets - HEADER_OCTETS
    return _header(PADDING, length) + bytes(length)


def _header(kind: int, length: int) -> bytes:
    return bytes((UNRECOGNISED, kind)) + length.to_bytes(2)


def _question(kind: int) -> bytes:
    return _header(kind, VALUE_OCTETS[kind]) + bytes(VALUE_OCTETS[kind])


def _question_octets(kind: int) -> int:
    return HEADER_OCTETS + VALUE_OCTETS[kind]


def information_in(region: bytes, *, key: bytes | None = None, seq: int = 0) -> Information | None:
    """The reflector's timestamp information, when it gave any we can read.

    Args:
        region: everything behind the base packet.
        key: of authenticated packets, whose code must be right.
        seq: the reply's own sequence number, which the code covers.
    """
    tlvs = list(walk(region))
    if key is not None and not intact(region, tlvs, key=key, seq=seq):
        return None
    for tlv in tlvs:
        unread = region[tlv.at] & (UNRECOGNISED | MALFORMED | TAMPERED)
        if tlv.kind == TIMESTAMP_INFORMATION and tlv.well_formed and not unread:
            value = region[tlv.value_at : tlv.end]
            t2, t3 = _SOURCES.get(value[1]), _SOURCES.get(value[3])
            return Information(t2=t2, t3=t3) if t2 and t3 else None
    return None
