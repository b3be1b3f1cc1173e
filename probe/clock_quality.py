"""What the kernel knows of its own clock: whether someone disciplines it, and how well they say they do (adjtimex(2))."""

from __future__ import annotations

import ctypes
import os

import attrs

_STA_UNSYNC = 0x0040
"""linux/timex.h: no time server disciplines the clock."""


class _Timex(ctypes.Structure):
    """The part of struct timex that is read, and room for the rest of it (208 octets on 64-bit kernels)."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


@attrs.frozen(slots=True, kw_only=True)
class ClockQuality:
    """How far the wall clock can be trusted."""

    clock_class: str
    """`ntp` when the kernel's clock is disciplined, `none` when nothing does. The kernel does not tell which protocol does it."""
    error_ns: int | None
    """Estimated error as the disciplining program set it; None without one, for then nobody estimates."""


def clock_quality() -> ClockQuality:
    """Read it; changes nothing and needs no privilege.

    Raises:
        OSError: the kernel refuses.
    """
    timex = _Timex(modes=0)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.adjtimex(ctypes.byref(timex)) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    if timex.status & _STA_UNSYNC:
        return ClockQuality(clock_class="none", error_ns=None)
    return ClockQuality(clock_class="ntp", error_ns=int(timex.esterror) * 1000)
