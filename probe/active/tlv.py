"""The optional part of a STAMP packet (RFC 8972 section 4): type, length, value, behind the base packet.

Octets in, octets out. Understood are extra padding (1) and timestamp information (3); a reflector hands back every other type
as it came, with the sender's U flag still set, which says just that.
"""

from __future__ import annotations

from enum import StrEnum

import attrs

UNRECOGNISED = 0x80
MALFORMED = 0x40
PADDING = 1
TIMESTAMP_INFORMATION = 3
_HEADER_OCTETS = 4
_INFORMATION_OCTETS = 4
_SYNC_NTP = 1
_SYNC_LOCAL = 5
"""RFC 8972 table 6: the clock is not disciplined by anything."""


class Source(StrEnum):
    """Where a timestamp was taken."""

    HARDWARE = "hw"
    SOFTWARE = "sw"
    """By the kernel, in the driver's path."""
    USER = "user"
    """By the program itself, before or after its system call."""


_METHODS = {Source.HARDWARE: 1, Source.SOFTWARE: 2, Source.USER: 3}
"""RFC 8972 table 7: hardware assist, software local, control plane."""
_SOURCES = {method: source for source, method in _METHODS.items()}


@attrs.frozen(slots=True, kw_only=True)
class Information:
    """What the reflector says of its own timestamps."""

    t2: Source
    t3: Source


def asking(octets: int) -> bytes:
    """So many octets of TLVs for a test packet: a question for timestamp information, and padding.

    Fewer than a header needs are zeros, which a reflector marks as malformed and hands back.
    """
    made = b""
    if octets >= _HEADER_OCTETS + _INFORMATION_OCTETS:
        made = bytes((UNRECOGNISED, TIMESTAMP_INFORMATION, 0, _INFORMATION_OCTETS)) + bytes(_INFORMATION_OCTETS)
    return made + padding(octets - len(made))


def padding(octets: int) -> bytes:
    """So many octets as one padding TLV."""
    if octets < _HEADER_OCTETS:
        return bytes(octets)
    length = octets - _HEADER_OCTETS
    return bytes((UNRECOGNISED, PADDING)) + length.to_bytes(2) + bytes(length)


def answered(region: bytes, information: Information | None, *, synchronised: bool) -> bytes:
    """The same octets as a reflector sends them back: U cleared on what it knows, M set where the lengths do not add up.

    Args:
        region: everything behind the base packet.
        information: what to say of the stamps; None: not asked of us (authenticated packets, whose TLVs are not verified here).
        synchronised: whether our clock is.
    """
    out = bytearray(region)
    at = 0
    while at < len(out):
        length = int.from_bytes(out[at + 2 : at + 4])
        kind = out[at + 1] if at + 1 < len(out) else None
        whole = at + _HEADER_OCTETS + length <= len(out)
        if not whole or (kind == TIMESTAMP_INFORMATION and length != _INFORMATION_OCTETS):
            out[at] |= MALFORMED
        elif kind == PADDING:
            out[at] &= ~UNRECOGNISED & 0xFF
        elif kind == TIMESTAMP_INFORMATION and information is not None:
            out[at] &= ~UNRECOGNISED & 0xFF
            sync = _SYNC_NTP if synchronised else _SYNC_LOCAL
            out[at + 4 : at + 8] = bytes((sync, _METHODS[information.t2], sync, _METHODS[information.t3]))
        if not whole:
            break  # what follows cannot be found
        at += _HEADER_OCTETS + length
    return bytes(out)


def information_in(region: bytes) -> Information | None:
    """The reflector's timestamp information, when it gave any we can read."""
    at = 0
    while at + _HEADER_OCTETS <= len(region):
        flags, kind, length = region[at], region[at + 1], int.from_bytes(region[at + 2 : at + 4])
        value = region[at + _HEADER_OCTETS : at + _HEADER_OCTETS + length]
        if kind == TIMESTAMP_INFORMATION and not flags & (UNRECOGNISED | MALFORMED) and len(value) == _INFORMATION_OCTETS:
            t2, t3 = _SOURCES.get(value[1]), _SOURCES.get(value[3])
            return Information(t2=t2, t3=t3) if t2 and t3 else None
        at += _HEADER_OCTETS + length
    return None
