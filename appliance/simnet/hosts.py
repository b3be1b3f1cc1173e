"""What probes say of their hosts: interface counters, links that went down, capture quality and clocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from appliance.simnet import noise
from appliance.simnet.plant import Plant
from faultline.inventory import Inventory, ProbeInterface
from faultline.records.terms import SECOND_NS

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
    octets_per_s: tuple[float, float]
    """Of the traffic on each line, from A to Z and back."""
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
        seconds = (end_ns - start_ns) / SECOND_NS if up else 0.0
        out, back = (int(rate * seconds * draw.normal(1, 0.02)) for rate in self.octets_per_s)
        return {
            "interface": entry.interface,
            "interval_start_ns": start_ns,
            "interval_end_ns": end_ns,
            "link_up": up,
            "speed_bps": _SPEED_BPS,
            "in_octets": back,
            "out_octets": out,
            "in_packets": back // _MEAN_OCTETS,
            "out_packets": out // _MEAN_OCTETS,
            **dict.fromkeys(("in_errors", "out_errors", "in_discards", "out_discards"), 0),
        }
