"""Timestamps and error estimates as STAMP packets carry them (RFC 8762 section 4.2.1, RFC 5905), integers throughout.

In go Unix nanoseconds, out come wire values, and back. Knows nothing of packets or clocks.
"""

from __future__ import annotations

from faultline.records.ntp import from_ntp
from faultline.records.terms import SECOND_NS

_TAI_MINUS_UTC_S = 37
"""PTP stamps (the Z bit) are taken as TAI, as IEEE 1588 has it; the difference has been 37 s since 2017. A peer that puts UTC
there shows as one-way delays that are off by 37 s: loss, variation and round trips are not touched."""

SYNCHRONISED = 0x8000
PTP = 0x4000
_SCALE = 0x3F00
_MULTIPLIER = 0x00FF
_UNKNOWN_ERROR = 0x2001
"""Not synchronised, error of a second: nobody estimates it, and a multiplier of 0 is invalid."""


class StampError(ValueError):
    """A value of the wire that is no timestamp or no error estimate."""


def from_ptp(value: int) -> int:
    """Unix nanoseconds of a truncated PTP timestamp: 32 bits of seconds, TAI, and 32 of nanoseconds.

    Raises:
        StampError: more nanoseconds than a second has.
    """
    seconds, rest_ns = value >> 32, value & 0xFFFF_FFFF
    if rest_ns >= SECOND_NS:
        raise StampError(f"a PTP timestamp of {rest_ns} ns within a second")
    return (seconds - _TAI_MINUS_UTC_S) * SECOND_NS + rest_ns


def stamp_of(value: int, error_estimate: int) -> int:
    """Unix nanoseconds of a wire timestamp, in the format its error estimate names.

    Raises:
        StampError: it is none.
    """
    return from_ptp(value) if error_estimate & PTP else from_ntp(value)


def to_error_estimate(error_ns: int | None, *, synchronised: bool) -> int:
    """The error-estimate field for NTP stamps; rounded up to the next value that the field can say.

    Args:
        error_ns: estimated error; None: nobody estimates it.
        synchronised: whether a time server disciplines the clock.
    """
    if error_ns is None:
        return _UNKNOWN_ERROR | (SYNCHRONISED if synchronised else 0)
    multiplier, scale = max(1, -(-(error_ns << 32) // SECOND_NS)), 0
    while multiplier > _MULTIPLIER:
        multiplier, scale = (multiplier + 1) >> 1, scale + 1
    return (SYNCHRONISED if synchronised else 0) | min(scale, 63) << 8 | multiplier


def error_ns_of(error_estimate: int) -> int | None:
    """The error that a field states; None when it is invalid (multiplier 0) or the clock is not synchronised."""
    multiplier = error_estimate & _MULTIPLIER
    if not multiplier or not error_estimate & SYNCHRONISED:
        return None
    return -(-((multiplier << ((error_estimate & _SCALE) >> 8)) * SECOND_NS) >> 32)
