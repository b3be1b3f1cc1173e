"""What probes say of their hosts: interface counters, links that went down, capture quality and clocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from appliance.simnet import noise
from appliance.simnet.flows import FlowSource
from appliance.simnet.plant import Plant
from faultline.inventory import Inventory, ProbeInterface
from faultline.records.incident import Base
from faultline.records.terms import Direction

_SPEED_BPS = 1_000_000_000
_MEAN_OCTETS = 700
_HOST_POINT = "host"
"""As the probe calls the row of its own host."""
_CLOCK_ERROR_NS = 100_000


@attrs.frozen(slots=True, kw_only=True)
class HostSource:
    """Every probe's host."""

    inventory: Inventory
    plant: Plant
    flows: FlowSource
    """Knows what each line carried in the newest interval."""
    seed: int

    def interfaces(self, probe: str, start_ns: int, end_ns: int) -> list[dict[str, Any]]:
        """Records of kind `interface`."""
        return [self._interface(entry, start_ns, end_ns) for entry in self.inventory.interfaces if entry.probe == probe]

    def events(self, probe: str, start_ns: int, end_ns: int) -> list[dict[str, Any]]:
        """Records of kind `link_event`."""
        return [
            {"interface": entry.interface, "event_ns": at_ns, "event": event}
            for entry in self.inventory.interfaces
            if entry.probe == probe
            for at_ns, event in self.plant.link_changes(entry.component, start_ns, end_ns)
        ]

    def health(self, probe: str, captured: Mapping[str, int], start_ns: int, end_ns: int) -> list[dict[str, Any]]:
        """Records of kind `probe_health`: one an observation point with the packets it captured, one for the host."""
        draw = noise.generator(self.seed, f"host {probe}", start_ns)
        span = {"interval_start_ns": start_ns, "interval_end_ns": end_ns}
        rows: list[dict[str, Any]] = [
            {
                "observation_point": point,
                **span,
                "capture_received": packets,
                "capture_dropped": 0,
                "capture_freezes": 0,
                "truncated": 0,
                "unparsed": 0,
                "duplicates": 0,
                "flows_one_sided": 0,
                "flows_evicted": 0,
            }
            for point, packets in captured.items()
        ]
        clock = {"clock_class": "ntp", "clock_error_ns": _CLOCK_ERROR_NS, "clock_step_ns": int(draw.normal(0, 2000))}
        return [*rows, {"observation_point": _HOST_POINT, **span, "loop_lag_ns": int(draw.exponential(200_000)), **clock}]

    def _interface(self, entry: ProbeInterface, start_ns: int, end_ns: int) -> dict[str, Any]:
        draw = noise.generator(self.seed, f"interface {entry.probe} {entry.interface}", start_ns)
        up = not self.plant.is_down(entry.component, start_ns, end_ns)
        out = self._outwards(entry)
        octets = {d: int(self._carried(entry.component, d) * draw.normal(1, 0.002)) if up else 0 for d in Direction}
        packets = {direction: carried // _MEAN_OCTETS for direction, carried in octets.items()}
        # A queue stands before the wire: what finds it full is counted by the port that would have sent it.
        discards = round(packets[out] * self.plant.dropped_share(entry.component, out, start_ns))
        return {
            "interface": entry.interface,
            "interval_start_ns": start_ns,
            "interval_end_ns": end_ns,
            "link_up": up,
            "speed_bps": _SPEED_BPS,
            "in_octets": octets[out.opposite],
            "out_octets": octets[out],
            "in_packets": packets[out.opposite],
            "out_packets": packets[out],
            "out_discards": discards,
            **dict.fromkeys(("in_errors", "out_errors", "in_discards"), 0),
        }

    def _carried(self, component: Base, direction: Direction) -> float:
        """What crossed a component: all of a line that it is part of; of a bundle's member, its share."""
        total = 0.0
        for line in self.inventory.lines.values():
            carried = self.flows.octets.get((line.code, direction), 0)
            for base in line.path:
                paths = self.inventory.components[base].paths
                shares = [component in path for path in paths]
                total += carried * (sum(shares) / len(shares) if shares else float(base == component))
        return total

    def _outwards(self, entry: ProbeInterface) -> Direction:
        """The direction of what the interface sends: away from its probe."""
        for line in self.inventory.lines.values():
            place = self._place(line.path, entry.component)
            own = [
                v.positions[line.code].place
                for v in self.inventory.vantages.values()
                if v.probe == entry.probe and line.code in v.positions
            ]
            if place is not None and own:
                return Direction.A_TO_Z if sum(own) / len(own) <= place else Direction.Z_TO_A
        return Direction.A_TO_Z

    def _place(self, path: tuple[Base, ...], component: Base) -> float | None:
        for place, base in enumerate(path):
            if base == component or any(component in members for members in self.inventory.components[base].paths):
                return float(place)
        return None
