"""One syslog message: of RFC 5424, of RFC 3164, or what devices make of it.

Goes in: octets and the time. Comes out: priority, the time the sender gives, and the text in which patterns are looked for. That
is everything behind the time and the host, because every maker of devices puts the name of an event elsewhere. Without `<PRI>` in
front it is no syslog.
"""

from __future__ import annotations

import datetime as dt
import re

import attrs

MOST_OCTETS = 8192
"""Of a message; RFC 5424 asks for 2048 at least."""
MOST_TEXT = 2048
"""Characters in which patterns are looked for."""
_PRIORITY = re.compile(rb"<(\d{1,3})>")
_MOST_PRIORITY = 191
_VERSION_1 = re.compile(r"1 (\S{1,64}) (\S{1,255}) ")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CLOCK = re.compile(
    rf"({'|'.join(_MONTHS)}) {{1,2}}(\d{{1,2}}) (?:(\d{{4}}) )?(\d\d):(\d\d):(\d\d)(?:[.:](\d{{1,6}}))?(?: (\d{{4}}))?"
)
"""`Nov 25 01:02:03` and what is made of it: a year in front (Huawei, Cisco) or behind (H3C), parts of a second."""
_HOST = re.compile(r"[\w.:-]{1,255}(?= )")
"""The word behind the time, as RFC 3164 has it and relays write it."""
_LOOK_FOR_CLOCK = 64
"""Characters at the beginning: some put a number, an asterisk or their name in front of the time."""
_HALF_YEAR = dt.timedelta(days=183)
_SPACE = re.compile(r"[\s\x00-\x1f\x7f]+")
"""Devices break and indent the text of a message as on their screens: to patterns that is one space."""


class SyslogError(ValueError):
    """Octets that are no syslog message."""


@attrs.frozen(slots=True, kw_only=True)
class SyslogMessage:
    """A message."""

    facility: int
    severity: int
    host: str | None
    """Who says it is: its name or address behind the time. Of a device's own message the datagram's sender is better."""
    told_ns: int | None
    """By the sender's clock, taken for UTC where it names no zone: good for the order of its messages, not for when."""
    text: str


def parsed(octets: bytes, now_ns: int) -> SyslogMessage:
    """The message of a datagram or a frame.

    Raises:
        SyslogError: it is none.
    """
    priority = _PRIORITY.match(octets[:5])
    if priority is None or int(priority[1]) > _MOST_PRIORITY:
        raise SyslogError("no priority in front")
    facility, severity = divmod(int(priority[1]), 8)
    body = _SPACE.sub(" ", _decoded(octets[priority.end() : MOST_OCTETS])).strip()
    host, told_ns, text = _of_version_1(body) or _of_old(body, now_ns)
    return SyslogMessage(facility=facility, severity=severity, host=host, told_ns=told_ns, text=text[:MOST_TEXT])


def _decoded(octets: bytes) -> str:
    """UTF-8; what is not is GBK, as older devices here send it."""
    octets = octets.removeprefix(b"\xef\xbb\xbf")
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        cut = error.start >= len(octets) - 3  # the last character, where a long message was cut
        return octets[: error.start].decode() if cut else octets.decode("gb18030", errors="replace")


def _of_version_1(body: str) -> tuple[str | None, int | None, str] | None:
    header = _VERSION_1.match(body)
    if header is None:
        return None
    told_ns = None
    if header[1] != "-":
        try:
            when = dt.datetime.fromisoformat(header[1])
        except ValueError:
            return None
        if when.tzinfo is None:
            return None
        told_ns = _nanoseconds(when)
    return None if header[2] == "-" else header[2], told_ns, body[header.end() :]


def _of_old(body: str, now_ns: int) -> tuple[str | None, int | None, str]:
    clock = _CLOCK.search(body, 0, _LOOK_FOR_CLOCK)
    if clock is None:
        return None, None, body
    month, day, before, hour, minute, second, part, after = clock.groups()
    now = dt.datetime.fromtimestamp(now_ns / 1e9, tz=dt.UTC)
    try:
        when = dt.datetime(
            int(before or after or now.year),
            _MONTHS.index(month) + 1,
            int(day),
            int(hour),
            int(minute),
            int(second),
            int((part or "0").ljust(6, "0")),
            tzinfo=dt.UTC,
        )
        if not (before or after) and abs(when - now) > _HALF_YEAR:  # told before midnight on New Year's Eve, or just after
            when = when.replace(year=now.year + (1 if when < now else -1))
    except ValueError:
        return None, None, body
    text = body[clock.end() :].lstrip(" :")
    host = _HOST.match(text)
    return host[0] if host else None, _nanoseconds(when), text


def _nanoseconds(when: dt.datetime) -> int | None:
    """Whole microseconds; None before 1970, where a clock was never set."""
    since = when - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return since // dt.timedelta(microseconds=1) * 1000 if since >= dt.timedelta() else None
