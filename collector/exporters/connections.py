"""IPFIX over TCP and TLS: one thread for each connection, which reads no faster than is decoded.

Goes in: what exporters send. Comes out: messages in the queue, each with the number of its connection, because templates live and
end with it. Unlike datagrams nothing is dropped for want of room: reading stops, and TCP makes the exporter wait. Connections are
bounded in number, and cut when what they send is no IPFIX or when they are silent for too long.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

from collector.exporters.allowed import plain
from collector.exporters.framing import Framing, FramingError
from collector.exporters.receiving import Datagram, DatagramQueue
from collector.intake.authority import TlsFiles
from faultline.records.terms import SECOND_NS
from faultline.runtime.clock import Clock
from faultline.runtime.console import BAD_USAGE, CommandError
from faultline.runtime.counters import Counters
from faultline.runtime.log import QuietBursts, logger
from faultline.runtime.status import Address

HANDSHAKE_S = 10.0
SILENT_NS = 3600 * SECOND_NS
"""Exporters that have nothing to say still send their templates again, as a rule every few minutes."""
STALLED_NS = 60 * SECOND_NS
"""A message that has begun comes whole within this."""
_WAKE_S = 0.5
_FULL_S = 0.02
_AT_ONCE = 65_536
_numbers = itertools.count(1)
"""Of connections, over all listeners. 0 is what came by itself."""


class ConnectionIntake:
    """A component: one listening address.

    Args:
        listen: where.
        allows: whether an address may connect.
        room: one place for each connection, shared by all listeners.
        queue: where messages go.
        clock: real time.
        counters: the collector's.
        tls: how to speak TLS; none: plain TCP.
    """

    def __init__(
        self,
        listen: Address,
        *,
        allows: Callable[[str], bool],
        room: threading.BoundedSemaphore,
        queue: DatagramQueue,
        clock: Clock,
        counters: Counters,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._listen = listen
        self._allows = allows
        self._room = room
        self._queue = queue
        self._clock = clock
        self._counters = counters
        self._tls = tls
        self._opened: socket.socket | None = None
        self._threads: set[threading.Thread] = set()
        self._acceptor: threading.Thread | None = None
        self._stopping = threading.Event()
        self._log = logger("exporters")
        self._quiet = QuietBursts()

    @property
    def address(self) -> Address:
        """Where it listens, once started."""
        if self._opened is None:
            return self._listen
        return Address(host=self._listen.host, port=self._opened.getsockname()[1])

    def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address cannot be listened on.
        """
        family = socket.AF_INET6 if ":" in self._listen.host else socket.AF_INET
        self._opened = socket.create_server((self._listen.host, self._listen.port), family=family)
        self._opened.settimeout(_WAKE_S)
        self._acceptor = threading.Thread(target=self._accept, args=(self._opened,), name="exporters-accept", daemon=True)
        self._acceptor.start()

    def stop(self) -> None:
        """Take no more; what was read whole is in the queue."""
        self._stopping.set()
        if self._acceptor is not None:
            self._acceptor.join()
        for thread in list(self._threads):
            thread.join()
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _accept(self, listening: socket.socket) -> None:
        while not self._stopping.is_set():
            try:
                opened, where = listening.accept()
            except TimeoutError:
                continue
            except OSError as error:  # out of file descriptors, or gone already
                self._counters.count("exporters_socket_errors", reason=type(error).__name__)
                self._stopping.wait(_WAKE_S)
                continue
            name = plain(where[0])
            refused = "not_allowed" if not self._allows(name) else "too_many" if not self._room.acquire(blocking=False) else None
            if refused is not None:
                self._counters.count("exporters_connections_refused", reason=refused)
                opened.close()
                continue
            thread = threading.Thread(target=self._serve, args=(opened, name), name=f"exporter-{name}", daemon=True)
            self._threads.add(thread)
            thread.start()

    def _serve(self, opened: socket.socket, name: str) -> None:
        number = next(_numbers)
        why = "closed"
        try:
            with contextlib.closing(self._spoken(opened)) as spoken:
                self._counters.count("exporters_connections", transport="tls" if self._tls else "tcp")
                why = self._read(spoken, name, number)
        except ssl.SSLError as error:
            why = f"tls: {error.reason or 'failed'}"
        except FramingError as error:
            why = str(error)
        except OSError as error:
            why = type(error).__name__
        finally:
            opened.close()
            self._room.release()
            # Its templates go with it.
            self._queue.put_waiting(Datagram(name, self._clock.wall_ns(), b"", number))
            self._threads.discard(threading.current_thread())
        if why not in {"closed", "stopped"}:
            self._counters.count("exporters_connections_cut")
            allowed, held_back = self._quiet.allow(name, self._clock.wall_ns())
            if allowed:
                self._log.warning("connection cut", exporter=name, why=why, held_back=held_back)

    def _spoken(self, opened: socket.socket) -> socket.socket:
        opened.settimeout(HANDSHAKE_S)
        spoken = opened if self._tls is None else self._tls.wrap_socket(opened, server_side=True)
        spoken.settimeout(_WAKE_S)
        return spoken

    def _read(self, spoken: socket.socket, name: str, number: int) -> str:
        """Until the end; gives why it ended."""
        framing = Framing()
        heard_ns = self._clock.monotonic_ns()
        while not self._stopping.is_set():
            if not self._queue.has_room:
                self._stopping.wait(_FULL_S)
                continue
            try:
                octets = spoken.recv(_AT_ONCE)
            except TimeoutError:
                silent_ns = self._clock.monotonic_ns() - heard_ns
                if silent_ns > (STALLED_NS if framing.waits_for_more else SILENT_NS):
                    return "silent"
                continue
            if not octets:
                return "a message is cut" if framing.waits_for_more else "closed"
            heard_ns, now_ns = self._clock.monotonic_ns(), self._clock.wall_ns()
            for message in framing.feed(octets):
                self._queue.put_waiting(Datagram(name, now_ns, message, number))
        return "stopped"


def tls_context(files: TlsFiles, *, clients: Path | None) -> ssl.SSLContext:
    """How to speak TLS with exporters (RFC 7011, 11.1). With `clients` they must show a certificate of one of these authorities.

    Raises:
        CommandError: the file of authorities cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.certificate, files.key)
    if clients is not None:
        try:
            context.load_verify_locations(clients)
        except (OSError, ssl.SSLError) as error:
            raise CommandError(f"collector.exporters.tls_clients: {clients}: {error}", code=BAD_USAGE) from None
        context.verify_mode = ssl.CERT_REQUIRED
    return context
