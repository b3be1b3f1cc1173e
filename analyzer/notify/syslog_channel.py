"""Syslog targets over UDP, TCP and TLS: the edge of `syslog`.

Syslog has no acknowledgement: a message counts as told once the kernel took it and the peer had not closed the connection. A peer
that dies with octets in its buffers loses them (RFC 6587 section 3.1); TLS narrows that by a proper close.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from enum import StrEnum
from pathlib import Path
from typing import Any

import attrs

from analyzer.notify.syslog import Charset, Standard, SyslogFormat, counted, syslog_heartbeat, syslog_message
from analyzer.notify.telling import NotSentError, Target, Told
from faultline.runtime.clock import Clock
from faultline.runtime.status import Address

TIMEOUT_S = 5.0


class Transport(StrEnum):
    """How syslog travels."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


def is_address(_: object, __: object, value: str) -> None:
    """For validators of HOST:PORT.

    Raises:
        ValueError: it is none.
    """
    Address.parse(value)


@attrs.frozen(slots=True, kw_only=True)
class SyslogTarget(Target):
    """A receiver of syslog."""

    address: str = attrs.field(validator=is_address)
    """HOST:PORT."""
    transport: Transport = Transport.UDP
    """udp, tcp (octet counting) or tls."""
    ca: Path | None = None
    """tls: file with the authorities to trust; default: the system's."""
    facility: int = attrs.field(default=20, validator=[attrs.validators.ge(0), attrs.validators.le(23)])
    """Syslog facility number; 20 is local4."""
    bom: bool = True
    """Byte order mark before the text, as RFC 5424 asks."""
    max_octets: int = attrs.field(default=2048, validator=[attrs.validators.ge(480), attrs.validators.le(65_000)])
    """Longer messages are cut; 2048 is what receivers should accept."""
    standard: Standard = Standard.RFC5424
    """rfc5424, or rfc3164 for old receivers."""
    charset: Charset = attrs.field(default=Charset.UTF8)
    """rfc3164: utf-8 or gbk."""

    @charset.validator
    def _only_for_old(self, _: attrs.Attribute[Any], value: Charset) -> None:
        if value is not Charset.UTF8 and self.standard is not Standard.RFC3164:
            raise ValueError("charset gbk needs standard rfc3164: RFC 5424 has UTF-8 alone")


class SyslogChannel:
    """To one receiver."""

    def __init__(self, target: SyslogTarget, *, hostname: str, clock: Clock) -> None:
        self._target = target
        self._address = Address.parse(target.address)
        self._clock = clock
        self._form = SyslogFormat(
            hostname=hostname,
            facility=target.facility,
            bom=target.bom,
            max_octets=target.max_octets,
            standard=target.standard,
            charset=target.charset,
        )
        self._socket: socket.socket | None = None
        self.acknowledges = False

    def send(self, told: Told) -> None:
        """See `Channel`."""
        self._send(syslog_message(told, self._form))

    def heartbeat(self, sequence: int) -> None:
        """See `Channel`."""
        self._send(syslog_heartbeat(sequence, self._clock.wall_ns(), self._form))

    def close(self) -> None:
        """See `Channel`."""
        sock, self._socket = self._socket, None
        if sock is None:
            return
        with contextlib.suppress(OSError, ValueError):
            if isinstance(sock, ssl.SSLSocket):
                sock = sock.unwrap()
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        sock.close()

    def _send(self, message: bytes) -> None:
        if self._target.transport is Transport.UDP:
            self._send_datagram(message)
            return
        if self._socket is not None and _closed_by_peer(self._socket):
            self.close()
        if self._socket is None:
            try:
                self._socket = self._connect()
            except OSError as error:
                raise NotSentError(f"{self._address}: {error.strerror or error}") from error
        self._socket.sendall(counted(message))

    def _send_datagram(self, message: bytes) -> None:
        try:
            family, kind, proto, _, where = socket.getaddrinfo(self._address.host, self._address.port, type=socket.SOCK_DGRAM)[0]
            with socket.socket(family, kind, proto) as sock:
                sock.sendto(message, where)
        except OSError as error:
            raise NotSentError(f"{self._address}: {error.strerror or error}") from error

    def _connect(self) -> socket.socket:
        sock = socket.create_connection((self._address.host, self._address.port), timeout=TIMEOUT_S)
        if self._target.transport is Transport.TCP:
            return sock
        try:
            context = ssl.create_default_context(cafile=str(self._target.ca) if self._target.ca else None)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            return context.wrap_socket(sock, server_hostname=self._address.host)
        except BaseException:
            sock.close()
            raise


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
