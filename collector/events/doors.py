"""Doors of the desk: a datagram or a frame and its sender go in, an event is at the desk or a reason is counted.

Without sockets: the edges call them, and so do tests. The order is that of cost: who is it, is it too much, is it readable, does
it say anything.
"""

from __future__ import annotations

import threading

from collector.events.desk import EventDesk
from collector.events.limits import Flood, Senders
from collector.events.reading import Reader
from collector.events.snmp.receiver import SnmpReceiver
from collector.events.syslog.message import SyslogError, parsed
from faultline.records.device_event import EventSource

UNKNOWN_SENDER = "unknown_sender"
TOO_MANY = "too_many_of_sender"
NO_RULE = "no_rule"
MALFORMED = "malformed"


class Gate:
    """Who may speak, and how much; shared by the doors, used by several threads."""

    def __init__(self, flood: Flood, desk: EventDesk) -> None:
        self._flood = flood
        self._desk = desk
        self._lock = threading.Lock()

    def passes(self, address: str, senders: Senders, now_ns: int) -> bool:
        """Whether a message is looked at; if not, that is counted."""
        self._desk.arrived()
        if not senders.allows(address):
            self._desk.refuse(UNKNOWN_SENDER)
            return False
        with self._lock:
            admitted = self._flood.admits(address, now_ns)
        if not admitted:
            self._desk.refuse(TOO_MANY)
        return admitted


class TrapDoor:
    """For SNMP notifications."""

    def __init__(self, *, gate: Gate, senders: Senders, snmp: SnmpReceiver, reader: Reader, desk: EventDesk) -> None:
        self._gate = gate
        self._senders = senders
        self._snmp = snmp
        self._reader = reader
        self._desk = desk

    def hear(self, datagram: bytes, address: str, now_ns: int) -> bytes | None:
        """A datagram; gives what to answer. An inform that is lost here is not answered: its sender tries again."""
        if not self._gate.passes(address, self._senders, now_ns):
            return None
        heard = self._snmp.receive(datagram, now_ns)
        if heard.notification is None:
            self._desk.refuse(heard.reason or MALFORMED)
            return heard.reply
        saying = self._reader.of_notification(heard.notification)
        if saying is None:
            self._desk.refuse(NO_RULE)
            return heard.reply
        taken = self._desk.offer(saying, source=EventSource.TRAP, address=address, now_ns=now_ns)
        return heard.reply if taken else None


class SyslogDoor:
    """For syslog messages, of UDP or of a TCP connection."""

    def __init__(self, *, gate: Gate, senders: Senders, reader: Reader, desk: EventDesk) -> None:
        self._gate = gate
        self.senders = senders
        self._reader = reader
        self._desk = desk

    def hear(self, message: bytes, address: str, now_ns: int) -> None:
        """A message."""
        if not self._gate.passes(address, self.senders, now_ns):
            return
        try:
            saying = self._reader.of_message(parsed(message, now_ns))
        except SyslogError:
            self._desk.refuse(MALFORMED)
            return
        if saying is None:
            self._desk.refuse(NO_RULE)
            return
        self._desk.offer(saying, source=EventSource.SYSLOG, address=address, now_ns=now_ns)
