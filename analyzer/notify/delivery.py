"""Syslog targets: one thread each takes entries from the outbox, sends them, and moves the cursor. The edge of `syslog`.

Syslog has no acknowledgement: a message counts as told once the kernel took it and the peer had not closed the connection. A peer
that dies with octets in its buffers loses them (RFC 6587 section 3.1); TLS narrows that by a proper close.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from enum import StrEnum
from pathlib import Path

import attrs

from analyzer.notify.alarms import alarm_from_document
from analyzer.notify.outbox import KEEP_NS, Outbox, wait_ns
from analyzer.notify.syslog import SyslogFormat, counted, syslog_message
from faultline.records.terms import SECOND_NS
from faultline.reports.words import Language
from faultline.runtime.clock import Clock
from faultline.runtime.counters import Counters
from faultline.runtime.log import QuietBursts, logger
from faultline.runtime.status import Address

TIMEOUT_S = 5.0
POLL_S = 0.5


class Transport(StrEnum):
    """How syslog travels."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


def _is_address(_: object, __: object, value: str) -> None:
    Address.parse(value)


@attrs.frozen(slots=True, kw_only=True)
class SyslogTarget:
    """A receiver of alarms."""

    name: str
    """Names its cursor in the outbox: keep it when the address changes."""
    address: str = attrs.field(validator=_is_address)
    """HOST:PORT."""
    transport: Transport = Transport.UDP
    """udp, tcp (octet counting) or tls."""
    ca: Path | None = None
    """tls: file with the authorities to trust; default: the system's."""
    language: Language = Language.EN
    """en or zh."""
    facility: int = attrs.field(default=20, validator=[attrs.validators.ge(0), attrs.validators.le(23)])
    """Syslog facility number; 20 is local4."""
    bom: bool = True
    """Byte order mark before the text, as RFC 5424 asks."""
    max_octets: int = attrs.field(default=2048, validator=[attrs.validators.ge(480), attrs.validators.le(65_000)])
    """Longer messages are cut; 2048 is what receivers should accept."""


class SyslogDelivery:
    """Delivers the outbox to one target; a component."""

    def __init__(self, target: SyslogTarget, *, outbox: Outbox, counters: Counters, clock: Clock, hostname: str) -> None:
        self.target = target
        self._outbox = outbox
        self._clock = clock
        self._stage = counters.stage(f"notify_{''.join(c if c.isalnum() else '_' for c in target.name)}")
        self._form = SyslogFormat(hostname=hostname, facility=target.facility, bom=target.bom, max_octets=target.max_octets)
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._socket: socket.socket | None = None
        self._log = logger("notify")
        self._quiet = QuietBursts(limit=1, period_s=300)

    def start(self) -> None:
        """Join the outbox and begin; an unreachable receiver is retried, not an error of the start."""
        self._outbox.join(self.target.name)
        self._stage.take(self._outbox.waiting(self.target.name))
        self._thread = threading.Thread(target=self._run, name=f"syslog-{self.target.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Send what can be sent at once, then close."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(TIMEOUT_S * 3)
            self._thread = None

    def new_entry(self) -> None:
        """There is something new in the outbox."""
        self._stage.take()
        self._wake.set()

    def _run(self) -> None:
        attempts = 0
        try:
            while True:
                entry = self._outbox.next_for(self.target.name)
                if entry is None:
                    if self._stopping.is_set():
                        return
                    self._wake.wait(POLL_S)
                    self._wake.clear()
                    continue
                if self._clock.wall_ns() - entry.written_ns > KEEP_NS:
                    self._outbox.give_up(self.target.name, entry.sequence, "expired")
                    self._stage.drop("expired")
                    continue
                try:
                    told = alarm_from_document(entry.body[self.target.language.value])
                    self._send(syslog_message(told, self._form))
                except OSError as error:
                    attempts += 1
                    self._failed(error, attempts)
                    if self._stopping.wait(wait_ns(attempts - 1) / SECOND_NS):
                        return
                    continue
                attempts = 0
                self._outbox.told(self.target.name, entry.sequence)
                self._stage.done()
        finally:
            self._close()

    def _failed(self, error: OSError, attempts: int) -> None:
        self._close()
        allowed, _ = self._quiet.allow("send", self._clock.monotonic_ns())
        if allowed:
            self._log.warning("syslog target not reachable", target=self.target.name, error=str(error), attempts=attempts)

    def _send(self, message: bytes) -> None:
        address = Address.parse(self.target.address)
        if self.target.transport is Transport.UDP:
            family, kind, proto, _, where = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_DGRAM)[0]
            with socket.socket(family, kind, proto) as sock:
                sock.sendto(message, where)
            return
        if self._socket is not None and _closed_by_peer(self._socket):
            self._close()
        if self._socket is None:
            self._socket = self._connect(address)
        self._socket.sendall(counted(message))

    def _connect(self, address: Address) -> socket.socket:
        sock = socket.create_connection((address.host, address.port), timeout=TIMEOUT_S)
        if self.target.transport is Transport.TCP:
            return sock
        try:
            context = ssl.create_default_context(cafile=str(self.target.ca) if self.target.ca else None)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            return context.wrap_socket(sock, server_hostname=address.host)
        except BaseException:
            sock.close()
            raise

    def _close(self) -> None:
        sock, self._socket = self._socket, None
        if sock is None:
            return
        with contextlib.suppress(OSError, ValueError):
            if isinstance(sock, ssl.SSLSocket):
                sock = sock.unwrap()
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        sock.close()


def _closed_by_peer(sock: socket.socket) -> bool:
    """Receivers of syslog never speak: an end of input is a close. TLS may hold records of its own, which reading takes in."""
    sock.setblocking(False)
    try:
        return sock.recv(1) == b""
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
    finally:
        sock.settimeout(TIMEOUT_S)
