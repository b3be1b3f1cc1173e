"""RFC 5424 and RFC 3164 messages and their framing: what is told in, octets out. No socket.

Structured data under `faultline@32473` (reserved for documentation by RFC 5612 until an enterprise number is registered).
Framing on streams is octet counting (RFC 6587 section 3.4.1, RFC 5425 section 4.3): a newline inside a message cannot split it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum

import attrs

from analyzer.notify.alarms import Alarm
from analyzer.notify.telling import Told
from faultline.records.incident import EventKind
from faultline.records.terms import SECOND_NS

SD_ID = "faultline@32473"
APP_NAME = "faultline"
BOM = b"\xef\xbb\xbf"
CRITICAL, ERROR, WARNING, NOTICE, INFORMATIONAL = 2, 3, 4, 5, 6
LOWEST_LIMIT = 480
"""Octets every receiver must accept (RFC 5424 section 6.1)."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")
_NOT_PRINTABLE = re.compile(r"[^\x21-\x7e]")


class Standard(StrEnum):
    """Which syslog."""

    RFC5424 = "rfc5424"
    RFC3164 = "rfc3164"
    """For old receivers: no structured data, no year; the facts stand before the text."""


class Charset(StrEnum):
    """How text is written in RFC 3164; RFC 5424 has UTF-8 alone."""

    UTF8 = "utf-8"
    GBK = "gbk"


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
    standard: Standard = Standard.RFC5424
    charset: Charset = Charset.UTF8


def syslog_message(told: Told, form: SyslogFormat) -> bytes:
    """One message without framing."""
    if form.standard is Standard.RFC3164:
        return _old_message(told, form)
    return _message(
        form,
        severity=severity_of(told.alarm),
        time_ns=told.alarm.time_ns,
        message_id=told.alarm.message_id,
        fields=told.fields,
        text=told.text,
        spare=told.needed_fields,
    )


def syslog_heartbeat(sequence: int, now_ns: int, form: SyslogFormat) -> bytes:
    """That nothing had to be told since a sequence."""
    fields = {"sequence": str(sequence)}
    if form.standard is Standard.RFC3164:
        return _old(form, INFORMATIONAL, now_ns, f"HEARTBEAT sequence={sequence}")
    return _message(
        form, severity=INFORMATIONAL, time_ns=now_ns, message_id="HEARTBEAT", fields=fields, text="alive", spare=fields
    )


def _message(
    form: SyslogFormat,
    *,
    severity: int,
    time_ns: int,
    message_id: str,
    fields: Mapping[str, str],
    text: str,
    spare: Mapping[str, str],
) -> bytes:
    head = " ".join(
        (
            f"<{form.facility * 8 + severity}>1",
            timestamp(time_ns),
            _name(form.hostname, 255),
            APP_NAME,
            "-",
            message_id,
            structured_data(fields),
        ),
    ).encode()
    mark = BOM if form.bom else b""
    room = max(form.max_octets, LOWEST_LIMIT) - len(head) - 1 - len(mark)
    if room < 0 and fields is not spare:  # structured data alone is too long: the text still says everything
        return _message(form, severity=severity, time_ns=time_ns, message_id=message_id, fields=spare, text=text, spare=spare)
    return head + b" " + mark + _cut(text, "utf-8", max(room, 0))


def _old_message(told: Told, form: SyslogFormat) -> bytes:
    """The words that RFC 5424 puts in fields of their own stand before the text, so that a receiver can find them."""
    known = " ".join(f"{name}={value}" for name, value in told.needed_fields.items())
    return _old(form, severity_of(told.alarm), told.alarm.time_ns, f"{told.alarm.message_id} {known} {told.text}")


def _old(form: SyslogFormat, severity: int, time_ns: int, text: str) -> bytes:
    """RFC 3164 section 4.1; its time has no zone, and is UTC here as in every other form."""
    moment = datetime.fromtimestamp(time_ns // SECOND_NS, tz=UTC)
    head = f"<{form.facility * 8 + severity}>{_MONTHS[moment.month - 1]} {moment.day:2d} {moment:%H:%M:%S}"
    octets = f"{head} {_name(form.hostname, 255)} {APP_NAME}: ".encode()
    line = _CONTROLS.sub(" ", text)  # old receivers end a message at a newline
    return octets + _cut(line, form.charset.value, max(form.max_octets, LOWEST_LIMIT) - len(octets))


def severity_of(told: Alarm) -> int:
    """Interrupted service is critical, degraded is an error, an end is a notice."""
    if told.event is EventKind.CLEAR or told.is_test:
        return NOTICE
    return CRITICAL if told.critical else ERROR


def timestamp(time_ns: int) -> str:
    """RFC 5424 section 6.2.3: UTC with microseconds."""
    return f"{datetime.fromtimestamp(time_ns // SECOND_NS, tz=UTC):%Y-%m-%dT%H:%M:%S}.{time_ns % SECOND_NS // 1000:06d}Z"


def structured_data(fields: Mapping[str, str]) -> str:
    """One element; values escaped as section 6.3.3 says."""
    values = "".join(f' {_name(key, 32)}="{_escaped(value)}"' for key, value in fields.items())
    return f"[{SD_ID}{values}]"


def counted(message: bytes) -> bytes:
    """The message with its length before it, for TCP and TLS."""
    return b"%d %b" % (len(message), message)


def _escaped(value: str) -> str:
    return re.sub(r'(["\\\]])', r"\\\1", value)


def _name(text: str, limit: int) -> str:
    """Printable ASCII without what would end the field."""
    return _NOT_PRINTABLE.sub("", text).translate(str.maketrans("", "", '="]'))[:limit] or "-"


def _cut(text: str, charset: str, room: int) -> bytes:
    """At most `room` octets, never half a character; what the charset does not have is a question mark."""
    octets = text.encode(charset, errors="replace")
    return octets if len(octets) <= room else octets[:room].decode(charset, errors="ignore").encode(charset)
