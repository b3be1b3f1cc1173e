"""The 64-bit NTP timestamp, as IPFIX and STAMP carry times (RFC 5905): Unix nanoseconds in, wire values out, and back.

Integers throughout. Seconds below 2^31 belong to the era that begins in 2036.
"""

from __future__ import annotations

from faultline.records.terms import SECOND_NS

_EPOCH_S = 2_208_988_800
"""1970-01-01 in seconds since 1900-01-01."""
_ERA_S = 1 << 32


def to_ntp(unix_ns: int) -> int:
    """The timestamp of a moment; its fraction is rounded down."""
    seconds, rest_ns = divmod(unix_ns, SECOND_NS)
    return ((seconds + _EPOCH_S) % _ERA_S) << 32 | (rest_ns << 32) // SECOND_NS


def from_ntp(value: int) -> int:
    """Unix nanoseconds of a timestamp; rounded up, so that every nanosecond survives the way there and back."""
    seconds, fraction = value >> 32, value & 0xFFFF_FFFF
    if seconds < _ERA_S >> 1:
        seconds += _ERA_S
    return (seconds - _EPOCH_S) * SECOND_NS + -(-(fraction * SECOND_NS) >> 32)
