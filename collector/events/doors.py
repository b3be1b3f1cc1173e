"""Doors of the desk: a datagram or a frame and its sender go in, an event is at the desk or a reason is counted.

Without sockets: the edges call them, and so do tests. The order is that of cost: who is it, is it too much, is it readable, does
it say anything. A relay speaks for devices that it names: then the device is the sender, also where it is too much.
"""

from __future__ import annotations

import threading

from collector.events.desk import EventDesk
from collector.events.limits import Flood, Senders, Standing
from collector.events.reading import Reader
from collector.events.snmp_receiver import SnmpReceiver
from collector.events.syslog.message import SyslogError, parsed
from faultline.records.device_event import EventSource
from faultline.snmp.message import Notification

UNKNOWN_SENDER = "unknown_sender"
TOO_MANY = "too_many_of_sender"
NO_DEVICE = "no_device_named"
"""A relay's message that does not say whose it is."""
NO_RULE = "no_rule"
MALFORMED = "malformed"
_TRAP_ADDRESS = "1.3.6.1.6.3.18.1.3.0"
"""snmpTrapAddress: a proxy adds the address that a notification came from (RFC 3584 section 3.1)."""


class Gate:
    """Who may speak, and how much; shared by the doors, used by several threads."""

    def __init__(self, flood: Flood, desk: EventDesk) -> None:
        self._flood = flood
        self._desk = desk
        self._lock = threading.Lock()

    def passes(self, address: str, senders: Senders, now_ns: int) -> Standing | None:
        """As what a message is looked at; None: it is not, and that is counted."""
        self._desk.arrived()
        standing = senders.standing(address)
        if standing is Standing.STRANGER:
            self._desk.refuse(UNKNOWN_SENDER, sender=address, now_ns=now_ns)
            return None
        with self._lock:
            many = self._flood.admits_any(now_ns) if standing is Standing.RELAY else self._flood.admits(address, now_ns)
        if not many:
            self._desk.refuse(TOO_MANY, sender=address, now_ns=now_ns)
            return None
        return standing

    def speaker(self, address: str, standing: Standing, named: str | None, now_ns: int) -> str | None:
        """Whose a message is: its sender's, or that of the device a relay names; None: nobody's, and that is counted."""
        if standing is not Standing.RELAY:
            return address
        if named is None:
            self._desk.refuse(NO_DEVICE, sender=address, now_ns=now_ns)
            return None
        with self._lock:
            admitted = self._flood.admits_of(named, now_ns)
        if not admitted:
            self._desk.refuse(TOO_MANY, sender=named, now_ns=now_ns)
        return named if admitted else None


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
        standing = self._gate.passes(address, self._senders, now_ns)
        if standing is None:
            return None
        heard = self._snmp.receive(datagram, now_ns)
        if heard.notification is None:
            self._desk.refuse(heard.reason or MALFORMED, sender=address, now_ns=now_ns, detail=heard.detail)
            return heard.reply
        speaker = self._gate.speaker(address, standing, _original(heard.notification), now_ns)
        if speaker is None:
            return None
        saying = self._reader.of_notification(heard.notification)
        if saying is None:
            self._desk.refuse(NO_RULE, sender=speaker, now_ns=now_ns)
            return heard.reply
        taken = self._desk.offer(saying, source=EventSource.TRAP, speaker=speaker, now_ns=now_ns)
        return heard.reply if taken else None


def _original(heard: Notification) -> str | None:
    """The device's address, where a proxy wrote it down."""
    found = heard.first(_TRAP_ADDRESS)
    return found[1] if found is not None and isinstance(found[1], str) else None


class SyslogDoor:
    """For syslog messages, of UDP or of a TCP connection."""

    def __init__(self, *, gate: Gate, senders: Senders, reader: Reader, desk: EventDesk) -> None:
        self._gate = gate
        self.senders = senders
        self._reader = reader
        self._desk = desk

    def hear(self, octets: bytes, address: str, now_ns: int) -> None:
        """A message."""
        standing = self._gate.passes(address, self.senders, now_ns)
        if standing is None:
            return
        try:
            message = parsed(octets, now_ns)
        except SyslogError as error:
            self._desk.refuse(MALFORMED, sender=address, now_ns=now_ns, detail=str(error))
            return
        speaker = self._gate.speaker(address, standing, message.host, now_ns)
        if speaker is None:
            return
        saying = self._reader.of_message(message)
        if saying is None:
            self._desk.refuse(NO_RULE, sender=speaker, now_ns=now_ns)
            return
        self._desk.offer(saying, source=EventSource.SYSLOG, speaker=speaker, now_ns=now_ns)
