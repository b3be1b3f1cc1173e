"""A path in virtual time between session and reflector: it loses, copies, reorders as a test says, and knows what it did."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from typing import Any

import attrs

from probe.active.reflector import Arrival, Reflector, Refused
from probe.active.result import SessionInterval
from probe.active.session import Session, TestPacket
from probe.active.tlv import Source

START_NS = 1_800_000_000_000_000_000
MS = 1_000_000
SECOND_NS = 1000 * MS


@attrs.frozen(kw_only=True)
class Treatment:
    """What happens to one packet: delays in ns of each copy, out and back; no copy: lost."""

    out: tuple[int, ...] = (5 * MS,)
    back: tuple[int, ...] = (5 * MS,)


@attrs.define(kw_only=True)
class Truth:
    """What the path did, by ordinal."""

    lost_out: set[int] = attrs.field(factory=set)
    lost_back: set[int] = attrs.field(factory=set)
    silent_copies: int = 0
    """Copies made on the way out whose reply was lost."""


class Line:
    """Sends packets of a session through the path to a reflector, in virtual time.

    `treat` is asked for each packet; `restarts` are the ordinals before which the reflector forgets everything.
    """

    def __init__(
        self,
        *,
        treat: Callable[[int], Treatment] = lambda _: Treatment(),
        interval_ns: int = 10 * MS,
        restarts: frozenset[int] = frozenset(),
        stateless: bool = False,
        clock_offset_ns: int = 0,
        key: bytes | None = None,
        size: int = 64,
        **reflector: Any,
    ) -> None:
        self.session = Session(name="s", ssid=7, interval_ns=interval_ns, size=size, key=key)
        self.session.since_ns = START_NS
        self.reflector = Reflector(**reflector)
        self.truth = Truth()
        self.answers: list[str] = []
        self.now_ns = START_NS
        self._treat = treat
        self._restarts = restarts
        self._reflector_settings = reflector
        self._stateless = stateless
        self._offset_ns = clock_offset_ns
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._number = count()
        self._sent = 0

    def send(self, packets: int) -> None:
        """So many packets, one an interval, and everything that happens meanwhile."""
        for _ in range(packets):
            self.run_until(self.now_ns)
            packet, octets = self.session.next_packet(self.now_ns, error_estimate=0x8BD2)
            if packet.ordinal in self._restarts:
                self.reflector = Reflector(**self._reflector_settings)
            self.session.sent(packet)
            self._launch(packet, octets)
            self._sent += 1
            self.now_ns += self.session.interval_ns

    def run_until(self, until_ns: int) -> None:
        """Let what is under way arrive."""
        while self._events and self._events[0][0] <= until_ns:
            _, _, event = heapq.heappop(self._events)
            event()
        self.now_ns = max(self.now_ns, until_ns)

    def cut(self, start_ns: int, end_ns: int) -> SessionInterval:
        """The interval, asked for a little more than a second after its end, as the cutter does."""
        return self.session.cut(start_ns, end_ns, now_ns=max(self.now_ns, end_ns + SECOND_NS)).interval()

    def _at(self, when_ns: int, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when_ns, next(self._number), event))

    def _launch(self, packet: TestPacket, octets: bytes) -> None:
        treatment = self._treat(packet.ordinal)
        if not treatment.out:
            self.truth.lost_out.add(packet.ordinal)
        elif not treatment.back:
            self.truth.lost_back.add(packet.ordinal)
        for copy, delay_ns in enumerate(treatment.out):
            # The first copy's reply takes the way back as told; a further copy is answered only where there is a way back for it.
            back = treatment.back if copy == 0 else treatment.back[copy : copy + 1]
            if copy and not back:
                self.truth.silent_copies += 1
            arrival_ns = self.now_ns + delay_ns
            self._at(arrival_ns, lambda at=arrival_ns, back=back: self._reflect(octets, at, back))  # type: ignore[misc]

    def _reflect(self, octets: bytes, at_ns: int, back: tuple[int, ...]) -> None:
        arrival = Arrival(
            data=octets, address="192.0.2.7", port=40000, t2_ns=at_ns + self._offset_ns, t2_source=Source.SOFTWARE, ttl=60
        )
        try:
            draft = self.reflector.reflect(arrival, now_ns=at_ns, error_estimate=0x8BD2, synchronised=True)
        except Refused:
            return
        reply = draft.outgoing(at_ns + self._offset_ns + 1000).data
        if self._stateless:
            reply = octets[:4] + reply[4:]
        for delay_ns in back:
            arrives_ns = at_ns + 1000 + delay_ns
            self._at(arrives_ns, lambda at=arrives_ns: self._answer(reply, at))  # type: ignore[misc]

    def _answer(self, reply: bytes, at_ns: int) -> None:
        self.answers.append(str(self.session.receive(reply, t4_ns=at_ns, t4_source=Source.SOFTWARE, now_ns=at_ns + 1000)))
