"""The network itself: what happens to a packet that crosses components at a moment. The truth that no analyzer sees.

Goes in: an inventory, disturbances, arrays of moments. Comes out: arrays of loss ratios and delays. Usual delays belong to the
components and come from their ids, so that the same inventory is the same network under every seed.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from appliance.simnet.effects import MILLISECOND_NS, Disturbance
from faultline.inventory import Inventory, Line, Position
from faultline.records.incident import Base
from faultline.records.terms import ComponentKind, Direction

Times = NDArray[np.int64]
Ratios = NDArray[np.float64]

USUAL_LOSS = 5e-6
"""Of a healthy segment in one direction; five of them are the 2.5e-5 of a clean leased line."""
_DEVICE_NS = 30_000
_SHORTEST_MS, _LONGEST_MS = 0.2, 6.0
"""Usual one-way delays of segments: a campus link to a few hundred kilometres of fibre."""


@attrs.frozen(slots=True)
class Hop:
    """A component on the way of a packet, with its place on the line."""

    base: Base
    direction: Direction
    place: float


class Plant:
    """Everything physical. Disturbances may be added while time goes on."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self.disturbances: list[Disturbance] = []

    def path(self, line: Line, direction: Direction, start: Position | None = None, end: Position | None = None) -> list[Hop]:
        """What a packet crosses between two positions of a line (None: from its end, to its end), in the order it does."""
        places = [position.place for position in (start, end) if position is not None]
        low = min(places) if len(places) > 1 else _bound(start, end, direction, low=True)
        high = max(places) if len(places) > 1 else _bound(start, end, direction, low=False)
        hops = [Hop(base, direction, float(place)) for place, base in enumerate(line.path) if low <= place <= high]
        return hops if direction is Direction.A_TO_Z else hops[::-1]

    def loss(self, hop: Hop, at_ns: Times) -> Ratios:
        """Share of packets lost at a component, for packets sent at these moments."""
        usual = USUAL_LOSS if self._is_segment(hop.base) else 0.0
        passed = np.full(at_ns.shape, 1.0 - usual)
        for disturbance in self._at(hop):
            if disturbance.effect.loss_ratio:
                passed[_during(disturbance, at_ns)] *= 1.0 - disturbance.effect.loss_ratio
        return 1.0 - passed

    def delay_ns(self, hops: Sequence[Hop], at_ns: Times) -> Times:
        """One-way delay without queueing noise, for packets sent at these moments."""
        total = np.full(at_ns.shape, sum(self.usual_ns(hop.base) for hop in hops), np.int64)
        for hop in hops:
            for disturbance in self._at(hop):
                if disturbance.effect.delay_ns:
                    total[_during(disturbance, at_ns)] += disturbance.effect.delay_ns
        return total

    def usual_ns(self, base: Base) -> int:
        """A component's delay on a good day."""
        kind = self._inventory.components[base].kind
        if kind is ComponentKind.DEVICE:
            return _DEVICE_NS
        if not self._is_segment(base):
            return 0
        share = zlib.crc32(base.encode()) / (1 << 32)
        return int((_SHORTEST_MS + share * (_LONGEST_MS - _SHORTEST_MS)) * MILLISECOND_NS)

    def is_down(self, component: Base, start_ns: int, end_ns: int) -> bool:
        """Whether it has no link at the end of the interval."""
        return any(
            d.effect.down and d.component == component and d.lasts_in(end_ns - 1, end_ns) and d.begin_ns < end_ns > start_ns
            for d in self.disturbances
        )

    def link_changes(self, component: Base, start_ns: int, end_ns: int) -> list[tuple[int, str]]:
        """Moments within [start, end) at which its link went down or up."""
        found = []
        for disturbance in self.disturbances:
            if disturbance.effect.down and disturbance.component == component:
                moments = ((disturbance.begin_ns, "link_down"), (disturbance.end_ns, "link_up"))
                found += [(at, event) for at, event in moments if at is not None and start_ns <= at < end_ns]
        return sorted(found)

    def _at(self, hop: Hop) -> list[Disturbance]:
        directed = self._inventory.components[hop.base].directed
        return [d for d in self.disturbances if d.component == hop.base and (not directed or hop.direction in d.directions)]

    def _is_segment(self, base: Base) -> bool:
        return self._inventory.components[base].kind in {ComponentKind.SEGMENT, ComponentKind.LINK}


def _bound(start: Position | None, end: Position | None, direction: Direction, *, low: bool) -> float:
    """The one position given bounds one side of the slice; the other side is the end of the line."""
    begins_low = direction is Direction.A_TO_Z
    position = start if begins_low is low else end
    return position.place if position is not None else (-np.inf if low else np.inf)


def _during(disturbance: Disturbance, at_ns: Times) -> NDArray[np.bool_]:
    until = np.iinfo(np.int64).max if disturbance.end_ns is None else disturbance.end_ns
    found: NDArray[np.bool_] = (at_ns >= disturbance.begin_ns) & (at_ns < until)
    return found
