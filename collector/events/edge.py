"""Sockets of the receivers: one thread a socket; what comes is handed to a door, what the door answers is sent back.

Goes in: what the network sends. Comes out: calls of doors with the sender's address in its usual spelling. What was lost in the
kernel, and connections that were cut, are counted here. Nothing here knows what a message means.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from collector.events.syslog.framing import Framing, FramingError
from collector.exporters.allowed import plain
from collector.exporters.receiving import LARGEST, bound
from faultline.records.terms import SECOND_NS
from faultline.runtime.clock import Clock
from faultline.runtime.console import BAD_USAGE, CommandError
from faultline.runtime.counters import Counters
from faultline.runtime.log import logger
from faultline.runtime.status import Address

DatagramDoor = Callable[[bytes, str, int], bytes | None]
"""A datagram, its sender, the time; gives what to answer."""
MessageDoor = Callable[[bytes, str, int], None]

RECEIVE_OCTETS = 8 << 20
"""Asked for of a socket: a burst of tens of thousands of small messages waits in the kernel."""
_ANCILLARY = socket.CMSG_SPACE(4)
_PAUSE_S = 0.2
MOST_CONNECTIONS = 256
SILENT_NS = 3600 * SECOND_NS
"""A connection that says nothing for so long makes room when others want in."""
_READ_OCTETS = 65_536


class UdpReceiver:
    """A component: one socket, read by one thread.

    Args:
        listen: where.
        key: of the configuration, for messages.
        door: what is done with a datagram; must not raise for what is in it.
        clock: real time.
        counters: of the service.
    """

    def __init__(self, listen: Address, *, key: str, door: DatagramDoor, clock: Clock, counters: Counters) -> None:
        self._listen = listen
        self._key = key
        self._door = door
        self._clock = clock
        self._counters = counters
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._log = logger("events")

    @property
    def address(self) -> Address:
        """Where it listens; with port 0 the port is known after `start`."""
        return self._listen if self._socket is None else _address_of(self._socket, self._listen)

    def start(self) -> None:
        """Listen.

        Raises:
            CommandError: the address is taken or is not this host's.
        """
        try:
            self._socket = bound(self._listen.host, self._listen.port, receive_octets=RECEIVE_OCTETS)
        except OSError as error:
            raise _not_listening(self._key, self._listen, error) from None
        self._thread = threading.Thread(target=self._run, args=(self._socket,), name=self._key, daemon=True)
        self._thread.start()
        self._log.info("listening", what=self._key, at=str(self.address))

    def stop(self) -> None:
        """Hear what the kernel holds, and close."""
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _run(self, opened: socket.socket) -> None:
        lost = 0
        while True:
            try:
                datagram, ancillary, _, sender = opened.recvmsg(LARGEST, _ANCILLARY)
            except BlockingIOError:
                if self._stopping.is_set():
                    return
                continue
            except OSError as error:
                # A socket of UDP hands on other hosts' ICMP errors: they concern one answer, not what is to come.
                self._counters.count("events_socket_errors", reason=type(error).__name__)
                self._stopping.wait(_PAUSE_S)
                continue
            if ancillary:
                (told,) = struct.unpack("=I", ancillary[0][2])
                self._counters.count("events_kernel_dropped", (told - lost) & 0xFFFF_FFFF)
                lost = told
            with _one_by_one(self._log, self._counters, sender[0]):
                answer = self._door(datagram, plain(sender[0]), self._clock.wall_ns())
                if answer is None:
                    continue
                with contextlib.suppress(OSError):  # who asked asks again
                    opened.sendto(answer, sender)


@attrs.define(slots=True, kw_only=True)
class _Connection:
    sender: str
    framing: Framing
    heard_ns: int


class TcpReceiver:
    """A component: one socket that listens, and its connections, read by one thread.

    Args:
        listen: where.
        key: of the configuration, for messages.
        allows: whether a sender may connect.
        door: what is done with a message; must not raise for what is in it.
        clock: real time.
        counters: of the service.
    """

    def __init__(
        self,
        listen: Address,
        *,
        key: str,
        allows: Callable[[str], bool],
        door: MessageDoor,
        clock: Clock,
        counters: Counters,
    ) -> None:
        self._listen = listen
        self._key = key
        self._allows = allows
        self._door = door
        self._clock = clock
        self._counters = counters
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._connections: dict[socket.socket, _Connection] = {}
        self._log = logger("events")

    @property
    def address(self) -> Address:
        """Where it listens; with port 0 the port is known after `start`."""
        return self._listen if self._socket is None else _address_of(self._socket, self._listen)

    def start(self) -> None:
        """Listen.

        Raises:
            CommandError: the address is taken or is not this host's.
        """
        family = socket.AF_INET6 if ":" in self._listen.host else socket.AF_INET
        try:
            self._socket = socket.create_server((self._listen.host, self._listen.port), family=family)
        except OSError as error:
            raise _not_listening(self._key, self._listen, error) from None
        self._socket.setblocking(False)
        self._thread = threading.Thread(target=self._run, args=(self._socket,), name=self._key, daemon=True)
        self._thread.start()
        self._log.info("listening", what=self._key, at=str(self.address))

    def stop(self) -> None:
        """Close every connection."""
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _run(self, listening: socket.socket) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(listening, selectors.EVENT_READ)
            while not self._stopping.is_set():
                for key, _ in selector.select(_PAUSE_S):
                    if key.fileobj is listening:
                        self._accept(listening, selector)
                    elif isinstance(key.fileobj, socket.socket) and key.fileobj in self._connections:
                        self._read(key.fileobj, selector)
                self._counters.gauge("events_connections", len(self._connections))
            for opened in list(self._connections):
                self._read(opened, selector)  # what has arrived already
                self._drop(opened, selector)

    def _accept(self, listening: socket.socket, selector: selectors.BaseSelector) -> None:
        try:
            opened, where = listening.accept()
        except OSError as error:  # out of file descriptors, or gone already
            self._counters.count("events_socket_errors", reason=type(error).__name__)
            self._stopping.wait(_PAUSE_S)
            return
        sender, now_ns = plain(where[0]), self._clock.monotonic_ns()
        refused = None if self._allows(sender) else "unknown_sender"
        if refused is None and len(self._connections) >= MOST_CONNECTIONS and not self._make_room(now_ns, selector):
            refused = "too_many"
        if refused is not None:
            self._counters.count("events_connections_refused", reason=refused)
            opened.close()
            return
        opened.setblocking(False)
        self._connections[opened] = _Connection(sender=sender, framing=Framing(), heard_ns=now_ns)
        selector.register(opened, selectors.EVENT_READ)

    def _make_room(self, now_ns: int, selector: selectors.BaseSelector) -> bool:
        oldest = min(self._connections, key=lambda opened: self._connections[opened].heard_ns)
        if now_ns - self._connections[oldest].heard_ns < SILENT_NS:
            return False
        self._drop(oldest, selector)
        return True

    def _read(self, opened: socket.socket, selector: selectors.BaseSelector) -> None:
        connection = self._connections[opened]
        try:
            octets = opened.recv(_READ_OCTETS)
        except BlockingIOError:
            return
        except OSError:
            octets = b""
        connection.heard_ns = self._clock.monotonic_ns()
        now_ns = self._clock.wall_ns()
        try:
            for message in connection.framing.feed(octets):
                with _one_by_one(self._log, self._counters, connection.sender):
                    self._door(message, connection.sender, now_ns)
        except FramingError as error:
            self._counters.count("events_connections_cut")
            self._log.warning("connection cut", sender=connection.sender, why=str(error))
            octets = b""
        if octets:
            return
        if rest := connection.framing.rest():
            with _one_by_one(self._log, self._counters, connection.sender):
                self._door(rest, connection.sender, now_ns)
        self._drop(opened, selector)

    def _drop(self, opened: socket.socket, selector: selectors.BaseSelector) -> None:
        if self._connections.pop(opened, None) is not None:
            selector.unregister(opened)
            opened.close()


@contextlib.contextmanager
def _one_by_one(log: Any, counters: Counters, sender: str) -> Iterator[None]:
    """A defect of ours that one message brings to light must not end the hearing of all others."""
    try:
        yield
    except Exception:
        counters.count("events_failures")
        log.exception("message not understood: a defect", sender=sender)


def _address_of(opened: socket.socket, listen: Address) -> Address:
    return Address(host=listen.host, port=opened.getsockname()[1])


def _not_listening(key: str, listen: Address, error: OSError) -> CommandError:
    return CommandError(
        f"{key}: cannot listen on {listen}: {error.strerror or error}",
        hint="another program may use the port, or it is below 1024: choose another one, or give the service that right",
        code=BAD_USAGE,
    )
