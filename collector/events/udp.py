"""UDP sockets to doors: a datagram is handed on with its sender's address in its usual spelling, an answer is sent back.

What the kernel had no room for is counted. Nothing here knows what a datagram means.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Callable

from collector.events.listening import PAUSE_S, Receiver
from collector.exporters.allowed import plain
from collector.exporters.receiving import LARGEST, bound
from faultline.runtime.clock import Clock
from faultline.runtime.counters import Counters
from faultline.runtime.status import Address

Door = Callable[[bytes, str, int], bytes | None]
"""A datagram, its sender, the time; gives what to answer. It does not raise for what is in a datagram."""

RECEIVE_OCTETS = 8 << 20
"""Asked for of a socket: a burst of tens of thousands of small messages waits in the kernel."""
_ANCILLARY = socket.CMSG_SPACE(4)


class UdpReceiver(Receiver):
    """One socket.

    Args:
        listen: where.
        key: of the configuration, for messages.
        door: what is done with a datagram.
        clock: real time.
        counters: of the service.
    """

    def __init__(self, listen: Address, *, key: str, door: Door, clock: Clock, counters: Counters) -> None:
        super().__init__(listen, key=key, clock=clock, counters=counters)
        self._door = door

    def _bound(self, listen: Address) -> socket.socket:
        return bound(listen.host, listen.port, receive_octets=RECEIVE_OCTETS)

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
                self._stopping.wait(PAUSE_S)
                continue
            if ancillary:
                (told,) = struct.unpack("=I", ancillary[0][2])
                self._counters.count("events_kernel_dropped", (told - lost) & 0xFFFF_FFFF)
                lost = told
            with self._one_by_one(sender[0]):
                answer = self._door(datagram, plain(sender[0]), self._clock.wall_ns())
                if answer is not None:
                    with contextlib.suppress(OSError):  # who asked asks again
                        opened.sendto(answer, sender)
