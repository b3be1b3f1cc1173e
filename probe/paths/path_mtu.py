"""How large a packet may be on the way to the destination: arrivals and the time go in, probes come out. Pure.

A packet that is not to be fragmented is too large somewhere: the router there says so and names its link's size (RFC 1191, RFC
8201), or says nothing, which is a black hole: then the size is found by trying (after RFC 4821). A size counts as lost only
when a small packet that was sent after it is answered, so that a destination that answers seldom is not taken for a narrow path.
"""

from __future__ import annotations

from enum import Enum

import attrs

from faultline.records.terms import SECOND_NS
from probe.paths.terms import LAST_IDENT, MILLISECOND_NS, Arrival, Kind, Method, Probe

SMALLEST_OCTETS = {4: 68, 6: 1280}
"""What every link carries (RFC 791, RFC 8200)."""
_COMMON = (576, 1006, 1280, 1400, 1420, 1436, 1450, 1454, 1460, 1462, 1472, 1476, 1480, 1492, 1500, 4352, 8166, 9000, 17914)
"""Sizes of links and of tunnels over Ethernet; most paths have one of them (RFC 1191, section 7.1, and tunnels since)."""
_HOPS = 64
_LOSSES = 2
"""Of a size, each followed by an answered small packet: chance loss of 10 % feigns a narrow path once in a hundred trials."""
_PACE_NS = 20 * MILLISECOND_NS
_SLOWEST_PACE_NS = 2 * SECOND_NS


class _Turn(Enum):
    CONTROL = "small packet"
    TRIAL = "size on trial"


@attrs.frozen(slots=True, kw_only=True)
class Narrowing:
    """Why packets may be no larger."""

    address: str | None
    """Router that said so; None: none did."""
    silent: bool
    """Larger packets were lost and nobody said why."""


class MtuSearch:
    """One search.

    Args:
        method: of its probes.
        version: 4 or 6.
        small: octets of a packet that passes everywhere.
        largest: octets of the largest packet that the first link carries.
        timeout_ns: after which a packet is taken for unanswered.
        first_ident: the first free probe number.
        patience: small packets in a row without an answer after which it gives up.
    """

    def __init__(
        self,
        *,
        method: Method,
        version: int,
        small: int,
        largest: int,
        timeout_ns: int,
        first_ident: int,
        patience: int = 4,
    ) -> None:
        self._patience = patience
        self._method = method
        self._small = small
        self._timeout_ns = timeout_ns
        self._next_ident = first_ident
        self._low: int | None = None
        self._floor = max(small, SMALLEST_OCTETS[version] - 1)
        self._high = largest + 1
        self._told: int | None = None
        self._turn = _Turn.CONTROL
        self._size = small
        self._losses = self._silences = 0
        self._pace_ns = _PACE_NS
        self._due_ns = 0
        self._sent: dict[int, tuple[Probe, int]] = {}
        self._waiting: int | None = None
        self._gave_up = False
        self.narrowing: Narrowing | None = None

    @property
    def path_mtu(self) -> int | None:
        """The largest packet that passes; None while it is not known."""
        return self._low if self.finished and not self._gave_up else None

    @property
    def finished(self) -> bool:
        """Whether nothing is left to try."""
        return self._gave_up or (self._low is not None and (self._low + 1 >= self._high or self._low == self._told))

    @property
    def answered(self) -> bool:
        """Whether the destination answers these probes at all."""
        return self._low is not None

    @property
    def next_ident(self) -> int:
        """The first number that is free after this search."""
        return self._next_ident

    def probe(self, ident: int) -> Probe | None:
        """The probe with a number."""
        return self._sent[ident][0] if ident in self._sent else None

    def next_probe(self, now_ns: int) -> Probe | None:
        """What to send now; None: nothing yet, or nothing more."""
        if self._waiting is not None and now_ns >= self._sent[self._waiting][1] + self._timeout_ns:
            self._unanswered(now_ns)
        if self.finished or self._waiting is not None or now_ns < self._due_ns:
            return None
        if self._next_ident > LAST_IDENT:
            self._gave_up = True
            return None
        size = self._small if self._turn is _Turn.CONTROL else self._size
        probe = Probe(ident=self._next_ident, flow=0, ttl=_HOPS, method=self._method, size=size)
        self._next_ident += 1
        self._sent[probe.ident] = (probe, now_ns)
        self._waiting = probe.ident
        self._due_ns = now_ns + self._pace_ns
        return probe

    def next_ns(self, now_ns: int) -> int:
        """When to ask again, at the latest."""
        due_ns = self._due_ns if self._waiting is None else self._sent[self._waiting][1] + self._timeout_ns
        return max(now_ns, due_ns)

    def receive(self, arrival: Arrival) -> bool:
        """Take an answer; False when it answers nothing."""
        answer = arrival.answer
        ident = self._waiting if answer.ident is None else answer.ident
        if ident is None or ident not in self._sent:
            return False
        size = self._sent[ident][0].size or self._small
        if answer.kind is Kind.REACHED:
            self._passed(size, current=ident == self._waiting)
        elif answer.kind is Kind.TOO_BIG and ident == self._waiting:
            self._too_big(size, told=answer.mtu_octets, address=answer.address)
        else:
            return False
        if ident == self._waiting:
            self._waiting = None
        return True

    def refuse(self, ident: int) -> None:
        """This host's own link does not carry the packet."""
        self._too_big(self._sent[ident][0].size or self._small, told=None, address=None)
        self._waiting = None

    # ---- what each outcome means ---------------------------------------------------------------------------------
    def _passed(self, size: int, *, current: bool) -> None:
        if size < self._high:
            self._low = max(self._low or 0, size, self._floor if size == self._small else 0)
        if not current:
            return
        self._silences = 0
        if self._turn is _Turn.CONTROL and self._losses >= _LOSSES:
            self._high = self._size
            self._losses = 0
            self.narrowing = Narrowing(address=None, silent=True)
        if self._turn is _Turn.TRIAL:
            self._losses = 0
        self._choose()

    def _too_big(self, size: int, *, told: int | None, address: str | None) -> None:
        self._high = min(self._high, size)
        if told is not None and told < size:
            self._told = told
        if address is not None:
            self.narrowing = Narrowing(address=address, silent=False)
        self._losses = 0
        if self._high <= (self._low or self._floor):  # nonsense, or the path has changed under the search
            self._gave_up = True
        self._choose()

    def _unanswered(self, now_ns: int) -> None:
        self._waiting = None
        if self._turn is _Turn.TRIAL:
            self._losses += 1
            self._turn = _Turn.CONTROL
            return
        self._silences += 1
        self._losses = 0
        self._gave_up = self._silences >= self._patience
        self._pace_ns = min(_SLOWEST_PACE_NS, 5 * self._pace_ns)
        self._due_ns = now_ns + self._pace_ns

    def _choose(self) -> None:
        """The size to try next, unless the one on trial is to be tried again."""
        self._turn = _Turn.TRIAL
        low = self._low if self._low is not None else self._floor
        if self._losses and low < self._size < self._high:
            return
        if low + 1 >= self._high:
            return
        if self._told is not None and low < self._told < self._high:
            self._size = self._told
        elif self.narrowing is None:
            self._size = self._high - 1  # most paths carry what the first link does
        else:
            self._size = _between(low, self._high)


def _between(low: int, high: int) -> int:
    """Middle of the common sizes between two; when there is none left, the next above a common one, else the plain middle."""
    common = [size for size in _COMMON if low < size < high]
    if common:
        return common[len(common) // 2]
    return low + 1 if low in _COMMON and low + 1 < high else (low + high) // 2
