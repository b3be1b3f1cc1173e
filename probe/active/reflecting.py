"""The session-reflector's edge: its sockets in the loop, a reply for each packet that deserves one. Counter stage `reflector`."""

from __future__ import annotations

import errno
import select
import time

from faultline.records.terms import SECOND_NS
from faultline.runtime.counters import Counters
from probe.active.local_clock import LocalClock
from probe.active.loop import Loop
from probe.active.reflector import Arrival, Reflector, Refused
from probe.active.sockets import Datagram, StampSocket

_EXPIRE_NS = 10 * SECOND_NS
_ZERO_IN_REQUESTS = slice(28, 44)
"""Must be zero in both kinds of requests; replies have the sender's fields or T2 there."""


class ReflectorEdge:
    """A reflector on its sockets. Its T3 is the program's own clock, read just before the reply is sent; T2 is the kernel's."""

    def __init__(self, loop: Loop, reflector: Reflector, *, clock: LocalClock, counters: Counters) -> None:
        self._loop = loop
        self._reflector = reflector
        self._clock = clock
        self._counters = counters
        self._stage = counters.stage("reflector")
        self._channels: list[StampSocket] = []
        self._ports: set[int] = set()
        loop.at(time.monotonic_ns() + _EXPIRE_NS, self._expire)

    def listen(self, channel: StampSocket) -> None:
        """Reflect what comes on a socket."""
        self._channels.append(channel)
        self._ports.add(channel.address[1])
        self._loop.watch(channel, lambda events: self._ready(channel, events))

    def close(self) -> None:
        """Give the sockets back."""
        for channel in self._channels:
            channel.close()

    def _expire(self, due_ns: int, now_ns: int) -> int:
        self._reflector.expire(now_ns)
        self._counters.gauge("reflector_sessions", self._reflector.sessions)
        self._counters.gauge("reflector_overflowed", sum(channel.overflowed for channel in self._channels))
        return due_ns + _EXPIRE_NS

    def _ready(self, channel: StampSocket, events: int) -> None:
        if events & select.EPOLLERR:
            channel.drain_errors()
        if events & select.EPOLLIN:
            for datagram in channel.receive():
                self._answer(channel, datagram)

    def _answer(self, channel: StampSocket, datagram: Datagram) -> None:
        self._stage.take()
        if datagram.cut:
            self._stage.drop("long")
            return
        if datagram.peer[1] in self._ports and any(datagram.data[_ZERO_IN_REQUESTS]):
            # A reflector's own answer, sent to us by a request in our name: two would play it back and forth for ever.
            self._stage.drop("loop")
            return
        try:
            draft = self._reflector.reflect(
                Arrival(
                    data=datagram.data,
                    address=datagram.peer[0],
                    port=datagram.peer[1],
                    t2_ns=datagram.stamp_ns,
                    t2_source=datagram.source,
                    ttl=datagram.ttl,
                    traffic_class=datagram.traffic_class,
                ),
                now_ns=time.monotonic_ns(),
                error_estimate=self._clock.error_estimate,
                synchronised=self._clock.synchronised,
            )
            outgoing = draft.outgoing(time.time_ns())
            channel.reply(outgoing.data, datagram, traffic_class=outgoing.traffic_class)
        except Refused as refused:
            self._stage.drop(refused.reason)
        except OSError as error:
            self._stage.drop(f"send_{errno.errorcode.get(error.errno or 0, 'other').lower()}")
        else:
            self._stage.done()
