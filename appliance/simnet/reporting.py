"""The way of the reports: whether a probe can reach the collector now.

Goes in: a probe, the plant, a moment. Comes out: yes, or not yet; its batches then wait in its spool.
"""

from __future__ import annotations

import attrs
import numpy as np

from appliance.simnet.effects import DEAD
from appliance.simnet.plant import Plant
from appliance.simnet.traffic import TCP
from appliance.simnet.ways import lot, packets
from faultline.inventory import Inventory, Position, Vantage
from faultline.records.terms import Direction

_SEGMENT_OCTETS, _ACK_OCTETS = 1500, 52
"""A batch fills whole packets: a narrow link stops it as it stops everybody's."""
_COLLECTOR_PORT = 443
_CONNECTIONS = 4
"""A connection that gets nowhere is given up, and the next one has another port: with luck another of equal paths."""


@attrs.frozen(slots=True, kw_only=True)
class Reporting:
    """The ways of all probes' reports."""

    inventory: Inventory
    plant: Plant
    in_band: bool
    """Over the lines to the collector behind their Z end; else over a network of its own."""

    def reaches(self, probe: str, now_ns: int) -> bool:
        """Whether the collector hears it now."""
        own = [vantage for vantage in self.inventory.vantages.values() if vantage.probe == probe]
        if any(self.plant.dark_since(vantage.site, now_ns) is not None for vantage in own):
            return False
        if not self.in_band or not own or not self.plant.stops(now_ns, now_ns + 1):
            return True
        return any(self._passes(own[-1], now_ns, port) for port in range(_CONNECTIONS))

    def _passes(self, vantage: Vantage, now_ns: int, port: int) -> bool:
        code, position = next(iter(vantage.positions.items()))
        line = self.inventory.lines[code]
        at_ns = np.array([now_ns], np.int64)
        flow = lot(TCP, str(vantage.probe), port, "collector", _COLLECTOR_PORT)
        there = self.plant.way(line, Direction.A_TO_Z, position, None)
        back = self.plant.way(line, Direction.Z_TO_A, None, Position(place=position.place))
        loss = self.plant.expected_loss(there, packets(at_ns, octets=_SEGMENT_OCTETS, lot=flow))
        loss_back = self.plant.expected_loss(back, packets(at_ns, octets=_ACK_OCTETS, lot=flow))
        return bool(1.0 - (1.0 - loss[0]) * (1.0 - loss_back[0]) < DEAD)
