"""RFC 5424 messages and their framing: an alarm in, octets out. No socket.

Structured data under `faultline@32473` (reserved for documentation by RFC 5612 until an enterprise number is registered).
Framing on streams is octet counting (RFC 6587 section 3.4.1, RFC 5425 section 4.3): a newline inside a message cannot split it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import attrs

from analyzer.notify.alarms import Alarm
from faultline.records.incident import EventKind
from faultline.records.terms import SECOND_NS

SD_ID = "faultline@32473"
APP_NAME = "faultline"
BOM = b"\xef\xbb\xbf"
CRITICAL, ERROR, WARNING, NOTICE = 2, 3, 4, 5
LOWEST_LIMIT = 480
"""Octets every receiver must accept (RFC 5424 section 6.1)."""
_NOT_PRINTABLE = re.compile(r"[^\x21-\x7e]")


@attrs.frozen(slots=True, kw_only=True)
class SyslogFormat:
    """How a receiver wants its messages."""

    hostname: str
    facility: int = 20
    """local4."""
    bom: bool = True
    """RFC 5424 asks for a byte order mark before UTF-8 text; some receivers print it."""
    max_octets: int = 8192
    """Longer messages are cut at the end of their text."""


def syslog_message(told: Alarm, form: SyslogFormat) -> bytes:
    """One message without framing."""
    head = " ".join(
        (
            f"<{form.facility * 8 + severity_of(told)}>1",
            timestamp(told.time_ns),
            _name(form.hostname, 255),
            APP_NAME,
            "-",
            told.event.value.upper(),
            structured_data(told),
        ),
    ).encode()
    mark = BOM if form.bom else b""
    room = max(form.max_octets, LOWEST_LIMIT) - len(head) - 1 - len(mark)
    if room < 0:  # structured data alone is too long: the text still says everything
        return syslog_message(attrs.evolve(told, fields={"incident": told.incident}), form)
    return head + b" " + mark + _cut(told.text.encode(), room)


def severity_of(told: Alarm) -> int:
    """Interrupted service is critical, degraded is an error, an end is a notice."""
    if told.event is EventKind.CLEAR:
        return NOTICE
    return CRITICAL if told.critical else ERROR


def timestamp(time_ns: int) -> str:
    """RFC 5424 section 6.2.3: UTC with microseconds."""
    return f"{datetime.fromtimestamp(time_ns // SECOND_NS, tz=UTC):%Y-%m-%dT%H:%M:%S}.{time_ns % SECOND_NS // 1000:06d}Z"


def structured_data(told: Alarm) -> str:
    """One element; values escaped as section 6.3.3 says."""
    values = "".join(f' {_name(key, 32)}="{_escaped(value)}"' for key, value in told.fields.items())
    return f"[{SD_ID}{values}]"


def counted(message: bytes) -> bytes:
    """The message with its length before it, for TCP and TLS."""
    return b"%d %b" % (len(message), message)


def _escaped(value: str) -> str:
    return re.sub(r'(["\\\]])', r"\\\1", value)


def _name(text: str, limit: int) -> str:
    """Printable ASCII without what would end the field."""
    return _NOT_PRINTABLE.sub("", text).translate(str.maketrans("", "", '="]'))[:limit] or "-"


def _cut(octets: bytes, room: int) -> bytes:
    """At most `room` octets, never half a character."""
    return octets if len(octets) <= room else octets[:room].decode(errors="ignore").encode()
