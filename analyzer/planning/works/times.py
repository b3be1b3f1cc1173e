"""Times as people write them to instants, and back.

Goes in: `2026-12-01 02:00` with or without an offset from UTC, and the zone that is meant without one. Comes out: nanoseconds. A
time that the zone's clocks skip or show twice is refused: nobody knows which one is meant.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from faultline.records.terms import SECOND_NS

EXAMPLE = "2026-12-01 02:00, or 2026-12-01T02:00:00+08:00"
_TIME = re.compile(
    r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:T| +)(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)? ?(Z|UTC|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)


class UnusableError(ValueError):
    """Something a person wrote that cannot be used: what is wrong with it, and what to do."""

    def __init__(self, wrong: str, remedy: str) -> None:
        super().__init__(f"{wrong}; {remedy}")
        self.wrong = wrong
        self.remedy = remedy


def instant_ns(text: str, zone: tzinfo | None) -> int:
    """The instant.

    Args:
        text: date, time, and possibly the offset from UTC.
        zone: whose clock is meant without an offset; None: nobody's.

    Raises:
        UnusableError: it is no time, or one of several.
    """
    match = _TIME.fullmatch(unicodedata.normalize("NFKC", text).strip())
    if match is None:
        raise UnusableError(f"{text!r} is not a time", f"write {EXAMPLE}")
    numbers = [int(group or 0) for group in match.groups()[:6]]
    try:
        local = datetime(*numbers)  # type: ignore[arg-type]  # noqa: DTZ001 - its zone comes next
    except ValueError as error:
        raise UnusableError(f"{text!r} is not a time ({error})", f"write {EXAMPLE}") from None
    if match[7] is not None:
        return _ns(local.replace(tzinfo=_offset(match[7])))
    if zone is None:
        raise UnusableError(f"{text!r} has no offset from UTC, and the lines have several time zones", f"write {EXAMPLE}")
    return _ns(_in_zone(local, zone, text))


def written(time_ns: int, zone: tzinfo) -> str:
    """As the inventory file has it, and as a person of that zone reads it: ISO 8601 with the offset."""
    return datetime.fromtimestamp(time_ns // SECOND_NS, tz=zone).isoformat()


def _offset(text: str) -> tzinfo:
    if text.upper() in {"Z", "UTC"}:
        return UTC
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))


def _in_zone(local: datetime, zone: tzinfo, text: str) -> datetime:
    first, second = local.replace(tzinfo=zone), local.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return first
    happens = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local
    wrong = "is shown twice by the clocks of" if happens else "is skipped by the clocks of"
    raise UnusableError(f"{text!r} {wrong} {zone}", f"write it with its offset, e.g. {first.isoformat()}")


def _ns(when: datetime) -> int:
    return int(when.timestamp()) * SECOND_NS
