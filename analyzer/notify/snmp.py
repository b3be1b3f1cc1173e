"""What is told, as the variables of an SNMP notification (FAULTLINE-MIB.txt beside this module). No socket, no security.

Goes in: what is told, an enterprise number, our uptime. Comes out: the encoded sequence of variables.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import IntEnum

from analyzer.notify.alarms import Alarm
from analyzer.notify.telling import Told
from faultline.records.incident import EventKind
from faultline.records.terms import SECOND_NS
from faultline.snmp.ber import GAUGE32, OCTET_STRING, TIME_TICKS, encoded, encoded_integer, encoded_object_id
from faultline.snmp.message import TRAP_OID, UPTIME, variables_of

MOST_TEXT = 255
"""Octets of a text (SnmpAdminString)."""
_TICK_NS = SECOND_NS // 100
_TEST, _HEARTBEAT = 4, 5
_NUMBERS = {EventKind.RAISE: 1, EventKind.REVISE: 2, EventKind.CLEAR: 3}
_TRUE, _FALSE = 1, 2
"""TruthValue (RFC 2579)."""


class Perceived(IntEnum):
    """ItuPerceivedSeverity (RFC 3877): the worse, the smaller, but for the first two."""

    CLEARED = 1
    INDETERMINATE = 2
    CRITICAL = 3
    MAJOR = 4


def notification_variables(told: Told, *, enterprise: int, up_ns: int) -> bytes:
    """Of an event of an incident, or of a test."""
    alarm, fields = told.alarm, told.fields
    pairs = [(1, _unsigned(told.sequence)), (2, encoded_integer(_TRUE if told.repeated else _FALSE))]
    if alarm.is_test:
        pairs += [(5, encoded_integer(Perceived.INDETERMINATE)), (14, _text(told.text))]
        return _variables(_TEST, pairs, enterprise=enterprise, up_ns=up_ns)
    pairs += [
        (3, _text(alarm.incident)),
        (4, _unsigned(alarm.revision)),
        (5, encoded_integer(perceived(alarm))),
        (6, _text(fields.get("mode", ""))),
        (7, _text(fields.get("owner", ""))),
        (8, _text(fields.get("components", ""))),
        (9, _text(fields.get("line", ""))),
        (10, _text(fields.get("customer", ""))),
        (11, _unsigned(round(float(fields.get("confidence", "0")) * 1000))),
        (12, _moment(int(fields.get("begin_ns", alarm.time_ns)))),
    ]
    if alarm.event is EventKind.CLEAR:
        pairs.append((13, _moment(int(fields.get("end_ns", alarm.time_ns)))))
    pairs += [(14, _text(told.text)), (15, _text(fields.get("link", "")))]
    return _variables(_NUMBERS[alarm.event], pairs, enterprise=enterprise, up_ns=up_ns)


def heartbeat_variables(sequence: int, *, enterprise: int, up_ns: int) -> bytes:
    """Of a heartbeat."""
    return _variables(_HEARTBEAT, [(1, _unsigned(sequence))], enterprise=enterprise, up_ns=up_ns)


def perceived(alarm: Alarm) -> Perceived:
    """Interrupted service is critical, degraded is major."""
    if alarm.event is EventKind.CLEAR:
        return Perceived.CLEARED
    return Perceived.CRITICAL if alarm.critical else Perceived.MAJOR


def _variables(number: int, pairs: list[tuple[int, bytes]], *, enterprise: int, up_ns: int) -> bytes:
    module = f"1.3.6.1.4.1.{enterprise}.1"
    ticks = up_ns // _TICK_NS % 2**32
    head = [(UPTIME, encoded_integer(ticks, TIME_TICKS)), (TRAP_OID, encoded_object_id(f"{module}.0.{number}"))]
    return variables_of([*head, *((f"{module}.1.1.{column}.0", value) for column, value in pairs)])


def _unsigned(number: int) -> bytes:
    return encoded_integer(number % 2**32, GAUGE32)


def _text(text: str) -> bytes:
    return encoded(OCTET_STRING, text.encode()[:MOST_TEXT].decode(errors="ignore").encode())


def _moment(time_ns: int) -> bytes:
    """DateAndTime (RFC 2579), in UTC."""
    moment = datetime.fromtimestamp(time_ns // SECOND_NS, tz=UTC)
    tenths = time_ns % SECOND_NS // (SECOND_NS // 10)
    rest = (moment.month, moment.day, moment.hour, moment.minute, moment.second, tenths, ord("+"), 0, 0)
    return encoded(OCTET_STRING, moment.year.to_bytes(2, "big") + bytes(rest))
