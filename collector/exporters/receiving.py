"""UDP sockets to datagrams: one thread a socket, and a queue that is bounded in octets.

Goes in: what the network sends. Comes out: (exporter's address, moment, octets), in the order they came. What is lost on the way
is counted where it is lost: in the kernel (SO_RXQ_OVFL), in the queue. It knows nothing of what datagrams hold.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Sequence

import attrs

from collector.exporters.allowed import plain
from faultline.runtime.clock import Clock
from faultline.runtime.counters import Counters, Stage
from faultline.runtime.log import logger
from faultline.runtime.status import Address

SO_RXQ_OVFL = 40
"""Linux: the kernel tells with a datagram how many it has dropped for want of room since the socket was made."""
LARGEST = 65_535
_ANCILLARY = socket.CMSG_SPACE(4)
_WAKE_S = 0.2
_WAKE_US = 200_000
_AT_ONCE = 256
"""Datagrams taken from a socket before they are handed on: one lock for many."""
OVERHEAD = 128
"""Octets that a waiting datagram costs beside its own."""


@attrs.frozen(slots=True)
class Datagram:
    """One datagram, or one message of a connection."""

    exporter: str
    received_ns: int
    octets: bytes
    """None at all: its connection has ended."""
    connection: int = 0
    """Number of the connection it came over; 0: none."""


class DatagramQueue:
    """What was received and not yet decoded."""

    def __init__(self, *, max_octets: int, stage: Stage) -> None:
        self._max_octets = max_octets
        self._stage = stage
        self._waiting: list[Datagram] = []
        self._octets = 0
        self._lock = threading.Lock()

    def put(self, datagrams: Sequence[Datagram]) -> None:
        """Add what came; what does not fit is dropped."""
        self._stage.take(len(datagrams))
        with self._lock:
            for number, datagram in enumerate(datagrams):
                cost = len(datagram.octets) + OVERHEAD
                if self._octets + cost > self._max_octets:
                    self._stage.drop("queue_full", len(datagrams) - number)
                    break
                self._waiting.append(datagram)
                self._octets += cost

    def put_waiting(self, message: Datagram) -> None:
        """Add a message of a connection, whose reader waits for room before it reads the next ones."""
        if message.octets:
            self._stage.take()
        with self._lock:
            self._waiting.append(message)
            self._octets += len(message.octets) + OVERHEAD

    @property
    def has_room(self) -> bool:
        """Whether connections may be read: half of the room is left to datagrams, which nobody can hold back."""
        return self._octets < self._max_octets // 2

    def take(self) -> list[Datagram]:
        """Everything that waits."""
        with self._lock:
            found, self._waiting, self._octets = self._waiting, [], 0
        return found

    @property
    def octets(self) -> int:
        """Octets that wait, with what they cost beside."""
        return self._octets


class UdpIntake:
    """A component: sockets on one address, each read by a thread."""

    def __init__(
        self, listen: Address, *, sockets: int, receive_octets: int, queue: DatagramQueue, clock: Clock, counters: Counters
    ) -> None:
        self._listen = listen
        self._sockets = sockets
        self._receive_octets = receive_octets
        self._queue = queue
        self._clock = clock
        self._counters = counters
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()
        self._log = logger("exporters")

    @property
    def address(self) -> Address:
        """Where it listens, once started."""
        host, port = self._open[0].getsockname()[:2]
        return Address(host=host, port=port)

    def start(self) -> None:
        """Bind, and read from then on.

        Raises:
            OSError: the address cannot be listened on.
        """
        port = self._listen.port
        for number in range(self._sockets):
            opened = bound(self._listen.host, port, receive_octets=self._receive_octets)
            port = opened.getsockname()[1]
            self._open.append(opened)
            # The kernel doubles what is asked for and counts its own bookkeeping in it.
            granted = opened.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
            self._counters.gauge("exporters_receive_octets", granted, socket=f"{self._listen.host}:{port}/{number}")
            if granted < self._receive_octets:
                self._log.warning(
                    "receive buffer smaller than asked for", asked=self._receive_octets, granted=granted, see="net.core.rmem_max"
                )
        for number, opened in enumerate(self._open):
            thread = threading.Thread(target=self._read, args=(opened,), name=f"exporters-udp-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Hand on what the kernel holds, and close."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        for opened in self._open:
            opened.close()

    def _read(self, opened: socket.socket) -> None:
        lost = 0
        names: dict[str, str] = {}
        while True:
            found: list[Datagram] = []
            told = None
            try:
                told = self._some(opened, names, found)
            except OSError as error:
                # A socket of UDP hands on other hosts' ICMP errors: they concern one datagram, not the intake.
                self._counters.count("exporters_socket_errors", reason=type(error).__name__)
                self._stopping.wait(_WAKE_S)
            if told is not None and told != lost:
                self._counters.count("exporters_kernel_dropped", (told - lost) & 0xFFFF_FFFF)
                lost = told
            if found:
                self._queue.put(found)
            elif self._stopping.is_set():
                return

    def _some(self, opened: socket.socket, names: dict[str, str], found: list[Datagram]) -> int | None:
        """Add what is there, at least one. Gives how many the kernel had dropped when the last of them came."""
        told = None
        now_ns = 0
        flags = 0
        while len(found) < _AT_ONCE:
            try:
                octets, ancillary, _, sender = opened.recvmsg(LARGEST, _ANCILLARY, flags)
            except BlockingIOError:
                break
            flags = socket.MSG_DONTWAIT
            now_ns = now_ns or self._clock.wall_ns()
            name = names.get(sender[0]) or _named(names, sender[0])
            found.append(Datagram(name, now_ns, octets))
            if ancillary:
                (told,) = struct.unpack("=I", ancillary[0][2])
        return told


_MAX_NAMES = 65_536


def _named(names: dict[str, str], host: str) -> str:
    if len(names) >= _MAX_NAMES:
        names.clear()
    name = names[host] = plain(host)
    return name


def bound(host: str, port: int, *, receive_octets: int) -> socket.socket:
    """A UDP socket that tells what the kernel lost (SO_RXQ_OVFL) and gives up waiting five times a second (BlockingIOError).

    Raises:
        OSError: the address cannot be listened on.
    """
    family, _, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)[0]
    opened = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        opened.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
        # Not Python's own timeout: with one it would wait where MSG_DONTWAIT says not to.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 0, _WAKE_US))
        _enlarge(opened, receive_octets)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        opened.bind(where)
    except OSError:
        opened.close()
        raise
    return opened


_SO_RCVBUFFORCE = 33


def _enlarge(opened: socket.socket, octets: int) -> None:
    """With CAP_NET_ADMIN beyond the host's limit, else up to it."""
    try:
        opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, octets)
    except PermissionError:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, octets)
