"""Moments and spans of time as a person writes them on a command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from faultline.records.terms import SECOND_NS
from faultline.runtime import console

LATEST_NS = 1 << 62
_SPAN = re.compile(r"([0-9]{1,6})(s|m|h|d)")
_UNITS_NS = {"s": SECOND_NS, "m": 60 * SECOND_NS, "h": 3600 * SECOND_NS, "d": 86_400 * SECOND_NS}


def span_ns(text: str) -> int | None:
    """`90s`, `15m`, `2h` or `7d`; None when it is not so written."""
    match = _SPAN.fullmatch(text)
    return int(match[1]) * _UNITS_NS[match[2]] if match else None


def moment_ns(option: str, text: str, *, now_ns: int | None = None) -> int:
    """A moment as 2026-01-31T08:00, UTC unless it says; with `now_ns` also so long ago, as `2h`.

    Raises:
        CommandError: it is neither; names the option.
    """
    ago_ns = span_ns(text) if now_ns is not None else None
    if now_ns is not None and ago_ns is not None:
        return max(0, now_ns - ago_ns)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        hint = "write it as 2026-01-31T08:00" + (", or as 2h for two hours ago" if now_ns is not None else "")
        raise console.CommandError(f"{option} {text!r} is not a moment", hint=hint, code=console.BAD_USAGE) from None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0, min(int(aware.timestamp()) * SECOND_NS, LATEST_NS))
