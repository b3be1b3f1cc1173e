"""Where on the way large packets vanish: arrivals and the time go in, probes come out. Pure.

Routers that answered in the trace are asked again, nearest first, by packets that are too large for the path and too old to go
beyond them. The last one that answers still got the packet; what loses it comes after. A router counts as not reached only when
it answered a small packet sent after each large one that it did not.
"""

from __future__ import annotations

from collections.abc import Mapping

from faultline.records.terms import SECOND_NS
from probe.paths.terms import LAST_IDENT, MILLISECOND_NS, Arrival, Kind, Method, Probe

_LOSSES = 2
_MOST_SILENCES = 3
_PACE_NS = 40 * MILLISECOND_NS
_SLOWEST_PACE_NS = SECOND_NS + SECOND_NS // 20


class HoleSearch:
    """One search in the first flow.

    Args:
        method: of the trace.
        routers: address by distance, of those that answered it.
        size: octets of a packet that the path does not carry.
        timeout_ns: after which a packet is taken for unanswered.
        first_ident: the first free probe number.
    """

    def __init__(self, *, method: Method, routers: Mapping[int, str], size: int, timeout_ns: int, first_ident: int) -> None:
        self._method = method
        self._routers = dict(routers)
        self._waiting_ttls = sorted(routers)
        self._size = size
        self._timeout_ns = timeout_ns
        self._next_ident = first_ident
        self._sent: dict[int, tuple[Probe, int]] = {}
        self._under_way: int | None = None
        self._due_ns = 0
        self._pace_ns = _PACE_NS
        self._losses = self._silences = 0
        self._small = False
        self._last: int | None = None
        self.found = False
        """Whether there is a router that large packets do not reach."""

    @property
    def finished(self) -> bool:
        """Whether nothing is left to try."""
        return self.found or not self._waiting_ttls or self._next_ident > LAST_IDENT

    @property
    def last_reached(self) -> tuple[int, str] | None:
        """Distance and address of the last router that large packets reach; None when not even the first known one."""
        return None if self._last is None else (self._last, self._routers[self._last])

    def probe(self, ident: int) -> Probe | None:
        """The probe with a number."""
        return self._sent[ident][0] if ident in self._sent else None

    def next_probe(self, now_ns: int) -> Probe | None:
        """What to send now; None: nothing yet, or nothing more."""
        if self._under_way is not None and now_ns >= self._sent[self._under_way][1] + self._timeout_ns:
            self._unanswered(now_ns)
        if self.finished or self._under_way is not None or now_ns < self._due_ns:
            return None
        size = None if self._small else self._size
        probe = Probe(ident=self._next_ident, flow=0, ttl=self._waiting_ttls[0], method=self._method, size=size)
        self._next_ident += 1
        self._sent[probe.ident] = (probe, now_ns)
        self._under_way = probe.ident
        self._due_ns = now_ns + self._pace_ns
        return probe

    def next_ns(self, now_ns: int) -> int:
        """When to ask again, at the latest."""
        due_ns = self._due_ns if self._under_way is None else self._sent[self._under_way][1] + self._timeout_ns
        return max(now_ns, due_ns)

    def receive(self, arrival: Arrival) -> bool:
        """Take an answer; False when it answers nothing."""
        answer = arrival.answer
        ident = self._under_way if answer.ident is None else answer.ident
        if ident is None or ident != self._under_way or answer.kind not in {Kind.HOP, Kind.REACHED}:
            return False
        self._under_way = None
        self._silences = 0
        if not self._small:
            self._last = self._waiting_ttls[0]
            self._next_router()
        else:
            self.found = self._losses >= _LOSSES
            self._small = False
        return True

    def refuse(self, ident: int) -> None:
        """This host's own link does not carry the packet: there is nothing to find beyond it."""
        if ident == self._under_way:
            self._waiting_ttls = []

    def _unanswered(self, now_ns: int) -> None:
        self._under_way = None
        if not self._small:
            self._losses += 1
            self._small = True
            return
        # Not even the small one: the router limits itself, which says nothing of the large one.
        self._losses -= 1
        self._silences += 1
        self._small = False
        self._pace_ns = min(_SLOWEST_PACE_NS, 5 * self._pace_ns)
        self._due_ns = now_ns + self._pace_ns
        if self._silences >= _MOST_SILENCES:
            self._next_router()

    def _next_router(self) -> None:
        self._waiting_ttls.pop(0)
        self._losses = self._silences = 0
