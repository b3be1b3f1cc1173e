"""Numbers and times as people read them; the same text on every machine."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from faultline.records.terms import SECOND_NS, Mode

_MS_NS = 1_000_000
_SMALLEST_SHOWN_RATIO = 1e-6
_TEN = 10.0
_HUNDRED = 100.0
_THOUSAND = 1000.0


def ratio(value: float) -> str:
    """A ratio as per cent with two significant digits: 0.008 is `0.8 %`; 0 is `0 %`, never rounded to it."""
    if value == 0:
        return "0 %"
    if value < _SMALLEST_SHOWN_RATIO:
        return "< 0.0001 %"
    percent = value * 100
    if percent >= _TEN:
        return f"{percent:.0f} %" if percent >= _HUNDRED or percent == int(percent) else f"{percent:.1f} %".replace(".0 %", " %")
    return f"{float(f'{percent:.2g}'):.10f}".rstrip("0").rstrip(".") + " %"


def confidence(value: float) -> str:
    """A probability as whole per cent; certainty is never claimed."""
    if value > 0.99:  # noqa: PLR2004 - per cent of the text beside it
        return "> 99 %"
    if value < 0.01:  # noqa: PLR2004
        return "< 1 %"
    return f"{value * 100:.0f} %"


def duration(value_ns: float) -> str:
    """A delay or a short time: `420 µs`, `4.1 ms`, `1.3 s`."""
    sign = "-" if value_ns < 0 else ""
    size = abs(value_ns)
    for limit, unit, name in ((_MS_NS, 1e3, "µs"), (SECOND_NS, 1e6, "ms")):
        if size < limit:
            return f"{sign}{three_digits(size / unit)} {name}"
    return f"{sign}{three_digits(size / SECOND_NS)} s"


def three_digits(value: float) -> str:
    """Three significant digits without an exponent."""
    if value >= _HUNDRED:
        return f"{value:.0f}"
    if value >= _TEN:
        return f"{value:.1f}".rstrip("0").rstrip(".")
    return f"{value:.2f}".rstrip("0").rstrip(".")


def span(value_ns: int) -> str:
    """How long something lasted: `40 s`, `12 min`, `3 h 05 min`, `2 d 4 h`."""
    seconds = max(0, value_ns) // SECOND_NS
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 2:  # noqa: PLR2004 - below two minutes seconds matter
        return f"{seconds} s"
    if hours < 1:
        return f"{minutes} min"
    if days < 1:
        return f"{hours} h {minutes % 60:02d} min"
    return f"{days} d {hours % 24} h"


def rate(bits_per_second: float) -> str:
    """A bit rate with a decimal prefix."""
    for limit, name in ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s")):
        if bits_per_second >= limit:
            return f"{three_digits(bits_per_second / limit)} {name}"
    return f"{bits_per_second:.0f} bit/s"


def severity(mode: Mode, value: float) -> str:
    """A severity in its mode's unit: ratio, ms, octets, factor or share of time."""
    if mode in {Mode.LOSS, Mode.FAILING, Mode.STALLED}:
        return ratio(value)
    if mode in {Mode.DELAY, Mode.CONGESTION}:
        return duration(value * _MS_NS)
    if mode is Mode.MTU:
        return f"{value:.0f} octets"
    if mode is Mode.SLOW:
        return f"{three_digits(value)} times"
    return three_digits(value)


def zone(name: str | None) -> tzinfo:
    """The time zone of that IANA name; UTC when none is given or the host does not know it."""
    if name is None:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def moment(time_ns: int, tz: tzinfo) -> str:
    """`2026-01-31 08:15:30 UTC`, or with the zone's offset."""
    when = datetime.fromtimestamp(time_ns // SECOND_NS, tz=tz)
    return f"{when:%Y-%m-%d %H:%M:%S} {zone_name(when)}"


def clock_time(time_ns: int, tz: tzinfo) -> str:
    """`08:15:30`."""
    return f"{datetime.fromtimestamp(time_ns // SECOND_NS, tz=tz):%H:%M:%S}"


def iso(time_ns: int) -> str:
    """`2026-01-31T08:15:30Z`, for machines."""
    return f"{datetime.fromtimestamp(time_ns // SECOND_NS, tz=UTC):%Y-%m-%dT%H:%M:%SZ}"


def zone_name(when: datetime) -> str:
    """`UTC` or `UTC+08:00`."""
    text = f"{when:%z}"
    return "UTC" if text in {"+0000", ""} else f"UTC{text[:3]}:{text[3:]}"
