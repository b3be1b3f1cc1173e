"""TCP connections of syslog to a door: accepted from those who may speak, read in one thread, cut into messages.

How many there are, and which were refused or cut, is counted. Nothing here knows what a message means.
"""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable

import attrs

from collector.events.listening import PAUSE_S, Receiver
from collector.events.syslog.framing import Framing, FramingError
from collector.exporters.allowed import plain
from faultline.records.terms import SECOND_NS
from faultline.runtime.clock import Clock
from faultline.runtime.counters import Counters
from faultline.runtime.status import Address

Door = Callable[[bytes, str, int], None]
"""A message, its sender, the time. It does not raise for what is in a message."""

MOST_CONNECTIONS = 256
SILENT_NS = 3600 * SECOND_NS
"""A connection that says nothing for so long makes room when others want in."""
_READ_OCTETS = 65_536


@attrs.define(slots=True, kw_only=True)
class _Connection:
    sender: str
    framing: Framing
    heard_ns: int


class TcpReceiver(Receiver):
    """One socket that listens, and its connections.

    Args:
        listen: where.
        key: of the configuration, for messages.
        allows: whether a sender may connect.
        door: what is done with a message.
        clock: real time.
        counters: of the service.
    """

    def __init__(
        self,
        listen: Address,
        *,
        key: str,
        allows: Callable[[str], bool],
        door: Door,
        clock: Clock,
        counters: Counters,
    ) -> None:
        super().__init__(listen, key=key, clock=clock, counters=counters)
        self._allows = allows
        self._door = door
        self._connections: dict[socket.socket, _Connection] = {}

    def _bound(self, listen: Address) -> socket.socket:
        family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
        opened = socket.create_server((listen.host, listen.port), family=family)
        opened.setblocking(False)
        return opened

    def _run(self, listening: socket.socket) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(listening, selectors.EVENT_READ)
            while not self._stopping.is_set():
                for key, _ in selector.select(PAUSE_S):
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
            self._stopping.wait(PAUSE_S)
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
                with self._one_by_one(connection.sender):
                    self._door(message, connection.sender, now_ns)
        except FramingError as error:
            self._counters.count("events_connections_cut")
            self._log.warning("connection cut", sender=connection.sender, why=str(error))
            octets = b""
        if octets:
            return
        if rest := connection.framing.rest():
            with self._one_by_one(connection.sender):
                self._door(rest, connection.sender, now_ns)
        self._drop(opened, selector)

    def _drop(self, opened: socket.socket, selector: selectors.BaseSelector) -> None:
        if self._connections.pop(opened, None) is not None:
            selector.unregister(opened)
            opened.close()
